"""What a launch that came to nothing leaves, as whoever typed it sees it: the command line, on a real cloud's
errors.
"""

from __future__ import annotations

import pytest

from awstune.config import Config
from awstune.ec2 import survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import CloudError
from awstune.flow import launch
from awstune.localcloud import client
from tests.faults.conftest import resources
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
RUN = {"service": "ec2", "action": "RunInstances", "times": 1}
UNLISTED = {**RUN, "error": "InvalidParameterValue", "message": "Something that nobody has heard of."}


@pytest.fixture
def held(cloud, local, world):
    """Begins a launch that gets as far as RunInstances, and waits there."""
    begun = []

    def launch(name):
        # A request whose caller is gone goes on at AWS; this one comes to nothing.
        rule = client.call(local, "POST", "/awstune/rules", {**UNLISTED, "delay_s": 600})["id"]
        begun.append(world.start("launch", name, "--no-wait"))

        def struck():
            (shown,) = [one for one in client.call(local, "GET", "/awstune/rules") if one["id"] == rule]
            return shown["struck"]

        until(struck, "the launch to ask for its instance")
        return begun[-1]

    yield launch
    for process in begun:
        process.kill()
        process.wait()
    client.call(local, "DELETE", "/awstune/rules")
    world.run("terminate", "--all")


def test_a_refusal_that_no_list_has(cloud, local, world, name):
    """AWS's words, and nothing stands: what was made for it is removed again, and told."""
    client.call(local, "POST", "/awstune/rules", UNLISTED)
    done = world.run("launch", name, "--no-wait", check=1)
    assert (
        "AWS refused RunInstances: InvalidParameterValue: Something that nobody has heard of" in done.stderr
    )
    assert f"removed again: the key pair awstune-{name}" in done.stderr
    assert "removed again: the security group sg-" in done.stderr
    assert resources(local) == []


def carried_out(home, tmp_path, cloud, wanted, keys_dir):
    """A launch as the command line has it: its error."""
    config = Config("local", None, None, home, tmp_path)
    plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir))
    with pytest.raises(CloudError) as caught:
        list(launch.carry_out(launch.Proposal(config, cloud, wanted, plan)))
    return caught.value


NONE = "; nothing was launched"
PERHAPS = "; AWS may have accepted an instance a moment ago; awstune ls shows it"


@pytest.mark.parametrize(
    ("call", "how", "kind", "said"),
    [
        ("CreateSecurityGroup", "after", "unreachable", NONE),
        ("CreateSecurityGroup", "InternalError", "throttled", NONE),
        ("RunInstances", "ExpiredToken", "credentials", PERHAPS),
    ],
)
def test_an_answer_that_says_nothing(cloud, local, world, strike, tmp_path, name, call, how, kind, said):
    """Nobody knows what AWS did: what may run and cost is said, and both ways on."""
    keys_dir = world.home / "keys" / cloud.account
    if how == "after":
        strike.lose(call, how)
    else:
        strike.error(call, how)
    error = carried_out(world.home, tmp_path, cloud, Wanted(name, ssh_from="127.0.0.0/8"), keys_dir)
    assert error.kind == kind
    assert error.message.endswith(said)
    assert f"awstune launch {name} (as typed) finishes it" in error.hint
    assert error.hint.endswith(f"awstune terminate {name} removes what is there")
    world.run("terminate", name)
    assert resources(local) == []


def test_a_refusal_once_it_is_launched(cloud, local, world, strike, tmp_path, name):
    """A caller who may launch and not look: that it runs, and costs, is said with AWS's words."""
    keys_dir = world.home / "keys" / cloud.account
    strike.error("DescribeInstanceStatus", "UnauthorizedOperation", times=None)
    error = carried_out(world.home, tmp_path, cloud, Wanted(name, ssh_from="127.0.0.0/8"), keys_dir)
    assert error.kind == "not_permitted"
    assert f"{name} is launched and goes on" in error.message
    assert error.hint.endswith(f"awstune terminate {name} ends it")
    strike.relent()
    world.run("terminate", name)


def test_what_the_user_put_to_it(cloud, local, world, name):
    """A disk and an interface of the user's own outlive it, and go on costing: named, with status 4."""
    (lab,) = world.json("launch", name, "--no-wait")
    disk = cloud.ec2.create_volume(Size=8, AvailabilityZone=lab["zone"])["VolumeId"]
    cloud.ec2.attach_volume(VolumeId=disk, InstanceId=lab["id"], Device="/dev/sdf")
    subnet = cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    card = cloud.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    cloud.ec2.attach_network_interface(NetworkInterfaceId=card, InstanceId=lab["id"], DeviceIndex=1)
    done = world.run("terminate", name, check=4)
    assert f"error: still there: volume {disk}, network-interface {card}" in " ".join(done.stderr.split())
    cloud.ec2.delete_volume(VolumeId=disk)
    cloud.ec2.delete_network_interface(NetworkInterfaceId=card)


def test_all_takes_what_a_killed_launch_left(cloud, local, world, held, name):
    """Without any instance: `terminate --all` removes key pair and group, and says whose they were.

    Before that `doctor` names them, and looks at what awstune.toml would launch.
    """
    process = held(name)
    process.kill()
    process.wait()
    client.call(local, "DELETE", "/awstune/rules")
    assert {one["kind"] for one in resources(local)} == {"key-pair", "security-group"}
    (world.cwd / "awstune.toml").write_text('[launch]\ntype = "g4dn.xlarge"\n')
    checks = {one["check"]: one for one in world.json("doctor", check=1)}
    assert checks["type"]["found"] == "us-east-1 offers g4dn.xlarge"
    assert checks["leftovers"]["fix"] == f"awstune terminate {name}"
    ended = world.run("terminate", "--all")
    assert f"{name}: gone. Nothing is left" in " ".join(ended.stdout.split())
    assert resources(local) == []


def test_all_spares_a_launch_under_way(cloud, local, world, held, name):
    """What another awstune is just making is its own: the rest is ended, and that is left alone."""
    world.run("launch", f"{name}-there", "--no-wait")
    held(name)
    ended = world.run("terminate", "--all", "--json")
    assert f"another awstune is at work on {name}: launch" in ended.stderr
    assert '"removed": []' in ended.stdout
    assert {one["kind"] for one in resources(local)} == {"key-pair", "security-group"}
    named = world.json("terminate", name, check=2)["error"]
    assert named["kind"] == "name_busy"
