"""Getting in, over real SSH: rotated host keys, kill -9 between any two steps, other laptops, jump hosts."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from awstune import names
from awstune.config import Config
from awstune.ec2 import hostkeys, instances
from awstune.ec2.session import open_cloud
from awstune.flow import access, clouds, login
from awstune.flow.events import Warned
from awstune.localcloud import client, lifecycle
from awstune.remote.ssh import Address
from tests.world import TRAIN, World, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("access")]

# The very steps of a login, with the end of everything after the one whose number is given.
KILLED = """
import os, signal, sys
from pathlib import Path
from awstune.config import load
from awstune.ec2 import instances
from awstune.flow import access, closing, clouds

config = load({}, os.environ, Path.cwd())
cloud = clouds.open_for(config, warn=print)
lab = instances.find(cloud, "lab")
with access.connect(access.address_of(config, cloud, lab)) as connection:
    for number, event in enumerate(closing.close(config.home, cloud, lab, connection)):
        print(event.text, flush=True)
        if number == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
"""
STEPS = 7


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud for this module; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "access", train=TRAIN) as made:
        yield made


@pytest.fixture(scope="module")
def ec2(world):
    """The embedded cloud, in AWS's own words."""
    cloud = lifecycle.find(world.home)
    return boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
    )


@pytest.fixture(scope="module")
def lab(world):
    """An instance called lab."""
    (launched,) = world.json("launch", "lab")
    yield launched
    if world.json("ls"):
        world.run("terminate", "lab", "--discard")


def _laptop(world, tmp_path_factory, name, *, with_key=True):
    """Another laptop: no state but the way to the cloud and, where said, the private keys."""
    home = tmp_path_factory.mktemp(name) / "home"
    home.mkdir(mode=0o700)
    (home / "local").symlink_to(world.home / "local")
    if with_key:
        shutil.copytree(world.home / "keys", home / "keys")
    return World(home, tmp_path_factory.mktemp("elsewhere"))


def _shown(ec2, lab):
    return ec2.describe_instances(InstanceIds=[lab["id"]])["Reservations"][0]["Instances"][0]


def _tags(ec2, lab):
    return {tag["Key"]: tag["Value"] for tag in _shown(ec2, lab)["Tags"]}


def _key_there(world):
    command = "cat $AWSTUNE_ROOT/etc/ssh/ssh_host_ed25519_key.pub"
    return " ".join(world.run("ssh", "lab", "--", command).stdout.split()[:2])


def test_the_first_host_key_is_gone_after_a_launch(world, ec2, lab):
    """What user-data tells is no longer shown; tag, pin and instance have the same new key."""
    data = ec2.describe_instance_attribute(InstanceId=lab["id"], Attribute="userData")["UserData"]["Value"]
    tags = _tags(ec2, lab)
    assert tags[hostkeys.TAG_ROTATED].startswith("SHA256:")
    assert tags[names.TAG_HOST_KEY] == _key_there(world)
    assert "ssh-ed25519 " in (told := base64.b64decode(data).decode())
    assert tags[names.TAG_HOST_KEY] not in told
    assert f"{lab['id']} {tags[names.TAG_HOST_KEY]}" in (world.home / "known_hosts").read_text()


def test_an_image_older_than_imdsv2_asks_for_tokens_once_it_has_booted(ec2, lab):
    """The course's image boots without, and the metadata service is shut behind the first login."""
    assert _shown(ec2, lab)["MetadataOptions"]["HttpTokens"] == "required"
    assert _tags(ec2, lab)[names.TAG_IMDS] == "v1-boot"


def test_killed_at_any_step_of_a_rotation(world, ec2, lab, tmp_path_factory):
    """After each step the end of it all: from here and from another laptop one gets in, and finishes it.

    The other laptop keeps what it pinned the time before; every second time it is the first to come back.
    """
    other, told = _laptop(world, tmp_path_factory, "other"), []
    for step in range(STEPS):
        ec2.create_tags(Resources=[lab["id"]], Tags=[{"Key": hostkeys.TAG_ROTATED, "Value": "no"}])
        before = _tags(ec2, lab)[names.TAG_HOST_KEY]
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(step)],
            cwd=world.cwd,
            env=world.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, (done.stdout, done.stderr)
        told = done.stdout.splitlines()
        for laptop in (world, other) if step % 2 else (other, world):
            assert laptop.run("ssh", "lab", "--", "echo in").stdout == "in\n"
        tags = _tags(ec2, lab)
        assert tags[hostkeys.TAG_ROTATED] == hostkeys.fingerprint(before)
        assert tags[names.TAG_HOST_KEY] != before
    assert tags[names.TAG_HOST_KEY] == _key_there(world)
    assert len(told) == STEPS
    assert "its tag names only the new host key" in told[-1]


def test_a_host_key_that_another_laptop_has_just_changed(world, ec2, lab, tmp_path_factory):
    """Whoever looked before that gets in all the same, by any command and as a shell: he looks once more."""
    late, later = (_laptop(world, tmp_path_factory, name) for name in ("late", "later"))
    config = Config("local", None, None, late.home, late.cwd)
    cloud = clouds.open_for(config, warn=print)
    ec2.create_tags(Resources=[lab["id"]], Tags=[{"Key": hostkeys.TAG_ROTATED, "Value": "no"}])
    one = instances.find(cloud, "lab")
    before = [access.pinned_keys(laptop.home, one) for laptop in (late, later)]
    world.run("ssh", "lab", "--", "true")
    with access.enter(config, cloud, one) as connection:
        assert connection.run("echo in").text == "in\n"
    told = list(login.ready(replace(config, home=later.home), cloud, one))
    assert [event.text for event in told if isinstance(event, Warned)] == []
    now = [access.pinned_keys(laptop.home, one) for laptop in (late, later)]
    assert now == [(_key_there(world),)] * 2
    assert now != before


def test_the_open_port_follows_its_owner(world, ec2, lab, monkeypatch):
    """As on AWS: the address service says another address, nothing comes back, and the port moves there."""
    running_cloud = lifecycle.find(world.home)
    monkeypatch.setenv("AWS_ENDPOINT_URL", running_cloud.endpoint_url)
    keys = {"aws_access_key_id": running_cloud.access_key, "aws_secret_access_key": running_cloud.secret_key}
    cloud = open_cloud(region="us-east-1", session=boto3.Session(**keys))
    one = instances.find(cloud, "lab")
    address = Address(
        lab["address"], lab["ssh_port"], "ubuntu", Path(lab["key_file"]), lab["id"], one.host_keys
    )
    for says in ("198.51.100.9", "203.0.113.7"):
        assert login.admit(cloud, one, address, fetch=lambda _, says=says: says) is None  # it answers
        moved = login.admit(cloud, one, address, fetch=lambda _, says=says: says, answers=lambda _: False)
        assert moved == f"{says}/32"
        (group,) = ec2.describe_security_groups(GroupNames=["awstune-lab"])["SecurityGroups"]
        assert [one["CidrIp"] for rule in group["IpPermissions"] for one in rule["IpRanges"]] == [moved]
    world.run("launch", "lab")
    (group,) = ec2.describe_security_groups(GroupNames=["awstune-lab"])["SecurityGroups"]
    assert group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "127.0.0.0/8"


def test_a_laptop_without_the_private_key(world, ec2, lab, tmp_path_factory):
    """`ls` finds the instance by its tags; `ssh` says what is missing, and where it belongs."""
    stranger = _laptop(world, tmp_path_factory, "stranger", with_key=False)
    assert [one["id"] for one in stranger.json("ls")] == [lab["id"]]
    done = stranger.run("ssh", "lab", "--", "true", check=1)
    assert "private key of lab is not on this machine" in done.stderr
    assert str(stranger.home / "keys") in done.stderr


def test_another_key_than_the_pinned_one_is_refused(world, ec2, lab, tmp_path_factory):
    """A tag that names neither the pinned key nor a finished rotation is not followed."""
    laptop = _laptop(world, tmp_path_factory, "careful")
    laptop.run("ssh", "lab", "--", "true")
    tags = _tags(ec2, lab)
    kept = tags[names.TAG_HOST_KEY]
    forged = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVwc3RhcnRhdXBzdGFydGF1cHN0YXJ0YXVwc3Rh"
    for key, value in ((hostkeys.TAG_ROTATED, "no"), (names.TAG_HOST_KEY, forged)):
        ec2.create_tags(Resources=[lab["id"]], Tags=[{"Key": key, "Value": value}])
    try:
        assert kept in (laptop.home / "known_hosts").read_text()
        laptop.run("ssh", "lab", "--", "true", check=None)
        assert forged not in (laptop.home / "known_hosts").read_text()
    finally:
        for key, value in ((names.TAG_HOST_KEY, kept), (hostkeys.TAG_ROTATED, tags[hostkeys.TAG_ROTATED])):
            ec2.create_tags(Resources=[lab["id"]], Tags=[{"Key": key, "Value": value}])


def test_what_aws_refuses_to_shut_is_shut_at_the_next_login(world, ec2):
    """An error at either call leaves a launch whole, with a warning; whoever comes next finishes it."""
    cloud = lifecycle.find(world.home)
    for action in ("CreateTags", "ModifyInstanceMetadataOptions"):
        rule = {"service": "ec2", "action": action, "error": "UnauthorizedOperation", "status": 403}
        added = client.call(cloud, "POST", "/awstune/rules", rule)["id"]
        done = world.run("launch", "open")
        told = world.run("extend", "open", "9h", check=None).stderr
        client.call(cloud, "DELETE", f"/awstune/rules/{added}")
        assert all("open is not shut as far as it should be" in said for said in (done.stderr, told))
        half = "the end of open has moved on its disk only"
        assert (half in " ".join(told.split())) == (action == "CreateTags")
        (one,) = [one for one in world.json("ls") if one["name"] == "open"]
        assert hostkeys.TAG_ROTATED not in _tags(ec2, one)
        if action == "CreateTags":
            world.run("ssh", "open", "--", "true")
        else:
            world.run("launch", "open")
        assert hostkeys.TAG_ROTATED in _tags(ec2, one)
        assert _shown(ec2, one)["MetadataOptions"]["HttpTokens"] == "required"
        _end_with_a_card_left(world, ec2, one)


def _end_with_a_card_left(world, ec2, one):
    """A network interface that stays is named, with status 4; once it is gone, all is."""
    card = ec2.create_network_interface(
        SubnetId=_shown(ec2, one)["SubnetId"],
        TagSpecifications=[
            {
                "ResourceType": "network-interface",
                "Tags": [
                    {"Key": key, "Value": _tags(ec2, one)[key]} for key in (names.TAG_OWNER, names.TAG_TOKEN)
                ],
            }
        ],
    )["NetworkInterface"]["NetworkInterfaceId"]
    ended = world.json("terminate", "open", check=4)
    assert ended["left"] == [{"kind": "network-interface", "id": card}]
    ec2.delete_network_interface(NetworkInterfaceId=card)


@pytest.fixture
def wrapped_ssh(world, tmp_path):
    """The system's ssh with an ssh_config of the test's own, in place of the user's: (config, PATH)."""
    real = shutil.which("ssh")
    if real is None:
        pytest.skip("there is no ssh here (Debian: openssh-client)")  # CI installs it
    config = tmp_path / "config"
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {real} -F {config} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return config, f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"


JUMP = """
Host bastion
  HostName {address}
  Port {ssh_port}
  User ubuntu
  IdentityFile {key_file}
  IdentitiesOnly yes
  HostKeyAlias {id}
  UserKnownHostsFile {known}
"""


# The jump host has a loopback address of its own, and elsewhere there is only one.
@pytest.mark.skipif(sys.platform != "linux", reason="one loopback address only")
def test_a_jump_host(world, ec2, lab, wrapped_ssh, tmp_path):
    """Launched, entered and swept by way of another host, which a tag remembers; its own key is verified."""
    config, path = wrapped_ssh
    nobody = tmp_path / "nobody"
    nobody.write_text("")
    config.write_text(JUMP.format(**lab, known=nobody))
    refused = world.run("launch", "inner", "--ssh-jump", "bastion", check=1, PATH=path)
    assert "not in your known_hosts" in refused.stderr
    assert "ssh bastion" in refused.stderr
    assert [one["name"] for one in world.json("ls")] == ["lab"]
    assert [pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]] == ["awstune-lab"]

    config.write_text(JUMP.format(**lab, known=world.home / "known_hosts"))
    done = world.run("launch", "inner", "--ssh-jump", "bastion", PATH=path)
    assert "ProxyCommand" in done.stdout
    (inner,) = [one for one in world.json("ls") if one["name"] == "inner"]
    facts = _shown(ec2, inner)
    assert inner["address"] == facts["PrivateIpAddress"] != facts["PublicIpAddress"]
    (group,) = ec2.describe_security_groups(GroupNames=["awstune-inner"])["SecurityGroups"]
    (rule,) = group["IpPermissions"]
    assert [one["CidrIp"] for one in rule["IpRanges"]] == [f"{lab['address']}/32"]
    assert world.run("ssh", "inner", "--", "echo in", PATH=path).stdout == "in\n"
    swept = world.run("sweep", "--on", "inner", "--trials", "2", "--json", "train.py", PATH=path)
    assert '"succeeded"' in swept.stdout
    config.write_text(JUMP.format(**lab, known=nobody))
    shut = world.run("extend", "inner", "1h", check=1, PATH=path)
    assert "jump host bastion" in shut.stderr
    # What it holds is home, so its end asks nothing of it.
    world.run("terminate", "inner", PATH=path)


def test_terminate_from_another_laptop(world, lab, tmp_path_factory):
    """Without key, without state: what holds no unfetched sweep is ended, and nothing is left."""
    world.run("launch", "brief", "--no-wait")
    stranger = _laptop(world, tmp_path_factory, "ender", with_key=False)
    gone = stranger.json("terminate", "brief")
    assert [one["name"] for one in gone["instances"]] == ["brief"]
    assert gone["left"] == []


def test_a_stopped_instance_says_what_it_holds(world, ec2, tmp_path_factory):
    """A sweep that is not home is known from the tag alone, in another folder and on another laptop."""
    world.run("launch", "holder")
    try:
        world.run("sweep", "--on", "holder", "--trials", "2", "--detach", "--name", "kept", "train.py")
        world.run("stop", "holder")
        stranger = _laptop(world, tmp_path_factory, "asker", with_key=False)
        error = stranger.json("terminate", "holder", check=2)["error"]
        assert "kept on it is not here in full" in error["message"]
        assert "awstune start holder" in error["hint"]
        assert "--discard" in error["hint"]
    finally:
        world.run("terminate", "holder", "--discard")


def test_all_of_ones_own_in_all_regions(world, ec2, lab, tmp_path_factory):
    """From another laptop, without state or key: each region is looked into, each instance ended there."""
    world.run("launch", "far", "--type", "g4dn.xlarge", "--region", "eu-west-1", "--no-wait")
    stranger = _laptop(world, tmp_path_factory, "traveller", with_key=False)
    found = stranger.json("ls", "--all-regions")
    assert {(one["name"], one["region"]) for one in found} >= {("far", "eu-west-1"), ("lab", "us-east-1")}
    assert [one["name"] for one in stranger.json("ls")] == ["lab"]
    ended = stranger.json("terminate", "--all", "--all-regions")
    assert {one["name"] for one in ended["instances"]} >= {"far", "lab"}
    assert ended["left"] == []
    assert stranger.json("ls", "--all-regions") == []
