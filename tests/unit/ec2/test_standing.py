"""What the doctor finds of what stands already, and of what results need."""

from dataclasses import replace

import pytest

from awstune import names
from awstune.ec2 import doctor, hostkeys, instances, metadata, network
from awstune.ec2.patient import Patient
from awstune.ec2.wanted import Wanted
from awstune.errors import ConnectionLost
from tests.unit.ec2.launches import checkip, launched, only

G4 = Wanted("lab", type="g4dn.xlarge")


@pytest.fixture
def patient(cloud, keys_dir):
    """An account that could launch a g4dn.xlarge."""
    return Patient(cloud, lambda: keys_dir, G4, fetch=checkip)


def _check(patient, name):
    return next(one for one in doctor.examine(patient) if one.check == name)


def test_a_door_for_everybody(patient, keys_dir):
    """Port 22 open to the world is a finding, with the command that shuts it; one's own address is none."""
    cloud = patient.cloud
    launched(cloud, keys_dir)
    assert _check(patient, "doors").found == "1 security group, port 22 from 203.0.113.7/32"
    (group,) = network.groups(cloud, instances.find(cloud, "lab").group_ids)
    network.allow_ssh(cloud, group.id, "0.0.0.0/0", typed=True)
    network.allow_ssh(cloud, group.id, "::/0", typed=True)
    check = _check(patient, "doors")
    assert (check.ok, check.found) == (False, "port 22 is open to EVERYBODY: awstune-lab, awstune-lab")
    assert [f"{group.id} " in step for step in check.steps] == [True, True]
    assert "IpRanges=[{CidrIp=0.0.0.0/0}]" in check.steps[0]
    assert "Ipv6Ranges=[{CidrIpv6=::/0}]" in check.steps[1]
    assert all(step.endswith(" --region us-east-1`") for step in check.steps)


def test_metadata_without_a_token(patient, keys_dir):
    """An instance whose metadata service was opened by hand: found, with the command that shuts it."""
    cloud = patient.cloud
    launched(cloud, keys_dir)
    assert _check(patient, "metadata").ok
    id_ = only(cloud)["InstanceId"]
    cloud.ec2.modify_instance_metadata_options(InstanceId=id_, HttpTokens="optional")
    check = _check(patient, "metadata")
    assert (check.ok, check.found) == (False, "metadata without a token: lab")
    assert f"modify-instance-metadata-options --instance-id {id_} --http-tokens required" in check.fix
    assert check.fix.endswith(" --region us-east-1`")
    metadata.require_tokens(cloud, instances.find(cloud, "lab"))
    assert _check(patient, "metadata").ok


def test_a_host_key_that_user_data_holds(patient, keys_dir):
    """Not rotated yet: the next login does it. None at all: nobody can tell the instance from another."""
    cloud = patient.cloud
    launched(cloud, keys_dir)
    assert _check(patient, "host keys").fix == "awstune ssh lab -- true"
    lab = instances.find(cloud, "lab")
    hostkeys.settle(cloud, hostkeys.announce(cloud, lab, "ssh-ed25519 AAAAnew"))
    assert _check(patient, "host keys").ok
    cloud.ec2.delete_tags(Resources=[lab.id], Tags=[{"Key": names.TAG_HOST_KEY}])
    assert _check(patient, "host keys").found == "no host key to tell it by: lab"


def test_a_disk_that_is_not_encrypted(patient, keys_dir):
    """One's own disks only, and what awstune launches is encrypted."""
    cloud = patient.cloud
    launched(cloud, keys_dir)
    assert _check(patient, "disks").found == "1, all encrypted"
    made = cloud.ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)["VolumeId"]
    assert _check(patient, "disks").ok
    cloud.ec2.create_tags(Resources=[made], Tags=[{"Key": names.TAG_OWNER, "Value": cloud.owner}])
    assert _check(patient, "disks").found == f"not encrypted: {made}"


def test_what_a_results_bucket_needs(patient):
    """Optional where none is asked for; else profile and bucket, each with what makes it."""
    cloud, asking = patient.cloud, replace(patient, wanted=replace(G4, results_bucket="mine"))
    assert "infra/results-bucket.yaml would make" in _check(patient, "results").found
    check = _check(asking, "results")
    assert not check.ok
    assert "--template-file infra/results-bucket.yaml" in check.fix
    cloud.client("iam").create_instance_profile(InstanceProfileName=names.RESULTS_PROFILE)
    assert "(--results-bucket)" in _check(patient, "results").found
    assert _check(asking, "results").found == "there is no bucket 'mine'"
    cloud.client("s3").create_bucket(Bucket="mine")
    assert _check(asking, "results").found.endswith("write them to mine")


def test_prices_and_user_data(patient, answering):
    """What it costs and of when that is; what it would carry."""
    assert _check(patient, "prices").found == (
        "g4dn.xlarge costs $0.53 an hour on-demand (us-east-1 prices of 2026-06)"
    )
    assert " of 12,288 bytes; the guard" in _check(patient, "user-data").found
    row = {"InstanceType": "g4dn.xlarge", "AvailabilityZone": "us-east-1a", "SpotPrice": "0.16"}
    answering("ec2", "DescribeSpotPriceHistory", {"SpotPriceHistory": [row]})
    spot = replace(patient, wanted=replace(G4, market="spot"))
    assert "costs $0.16 an hour spot" in _check(spot, "prices").found
    unknown = replace(patient, wanted=replace(G4, type="u-3tb1.56xlarge"))
    assert _check(unknown, "prices").found.startswith("nobody knows the price of")


def test_a_group_of_ones_own(patient):
    """--security-group: one that is not there is the network's finding; nothing is opened in it."""
    wanted = replace(G4, security_group="sg-0123456789abcdef0")
    found = {one.check: one for one in doctor.examine(replace(patient, wanted=wanted))}
    assert "there is no security group" in found["network"].found
    assert found["address"].found == "sg-0123456789abcdef0 stays as it is: nothing is opened in it"


def test_by_way_of_a_jump_host(patient):
    """As a launch does it: the jump host is asked where it comes from; one that is not there is a finding."""
    asking = replace(patient, wanted=replace(G4, ssh_jump="bastion"), seen_from=lambda: "10.0.0.5")
    opened = "port 22 is opened for 10.0.0.5/32 only; SSH goes by way of bastion"
    assert _check(asking, "address").found == opened

    def silent():
        raise ConnectionLost("the jump host bastion does not answer", "ssh bastion")

    check = _check(replace(asking, seen_from=silent), "address")
    assert (check.ok, check.fix) == (False, "ssh bastion")


def test_a_subnet_without_public_addresses(patient):
    """It stands in no launch's way, and how its instances are reached is said."""
    cloud = patient.cloud
    subnet = cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    cloud.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
    check = _check(replace(patient, wanted=replace(G4, subnet=subnet)), "network")
    assert check.ok
    assert "without a public address: a VPN reaches them, or --ssh-jump HOST" in check.found
