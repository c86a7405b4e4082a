from dataclasses import replace

import boto3
import botocore.session
import pytest
from botocore.credentials import CredentialResolver
from botocore.exceptions import ClientError

from awstune.ec2 import doctor, iam, instances, launch, permissions, session, survey
from awstune.ec2.patient import Check, Patient
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import UsageError
from awstune.report import tables
from tests.unit.ec2.conftest import NEW_IMAGE
from tests.unit.ec2.test_end import _launch

G4 = Wanted("lab", type="g4dn.xlarge")


@pytest.fixture
def patient(cloud, keys_dir):
    """An account that could launch a g4dn.xlarge, seen from 203.0.113.7."""
    return Patient(cloud, lambda: keys_dir, G4, fetch=lambda _: "203.0.113.7")


def _found(patient):
    return {check.check: check for check in doctor.examine(patient)}


def test_a_healthy_account(patient, answering):
    """One entry a check, passing ones too, in the documented shape."""
    answering("service-quotas", "GetServiceQuota", {"Quota": {"Value": 64.0}})
    checks = list(doctor.examine(patient))
    assert [check.check for check in checks if not check.ok] == []
    assert [check.check for check in checks] == [
        "region",
        "credentials",
        "clock",
        "type",
        "prices",
        "image",
        "quota",
        "network",
        "address",
        "user-data",
        "permissions",
        "results",
        "backstop",
        "key files",
        "host keys",
        "metadata",
        "doors",
        "disks",
        "ends",
        "leftovers",
    ]
    assert checks[1].to_json() == {
        "check": "credentials",
        "ok": True,
        "found": "arn:aws:sts::123456789012:user/moto in account 123456789012",
        "steps": (),
        "fix": "",
    }
    assert instances.own(patient.cloud) == []


def test_bad_credentials_end_the_questions(patient, boto_session):
    """Nothing else can be asked; the fix is the one of every command."""
    cloud = session.Cloud(boto_session, "us-east-1")

    def refuse(**_):
        raise ClientError({"Error": {"Code": "InvalidClientTokenId", "Message": "No."}}, "GetCallerIdentity")

    cloud.client("sts").meta.events.register("before-call.sts.GetCallerIdentity", refuse)
    checks = list(doctor.examine(replace(patient, cloud=cloud)))
    assert [(check.check, check.ok) for check in checks] == [("region", True), ("credentials", False)]
    assert "sign in again" in checks[1].fix


def test_without_credentials_the_way_to_an_account(patient):
    """No key anywhere: how to get an account, a user with the least policy, and its key."""
    bare = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    bare.register_component("credential_provider", CredentialResolver([]))
    cloud = session.Cloud(boto3.Session(botocore_session=bare, region_name="us-east-1"), "us-east-1")
    checks = list(doctor.examine(replace(patient, cloud=cloud)))
    assert [(check.check, check.ok) for check in checks] == [("region", True), ("credentials", False)]
    assert checks[1].found == "there are no AWS credentials here"
    words = ("billing/signup", "awstune iam", "aws configure", "awstune doctor")
    assert all(word in step for word, step in zip(words, checks[1].steps, strict=True))
    assert "awstune --cloud local demo" in checks[1].fix


def test_several_steps_are_a_line_each():
    """What is to be done in order is told in order: one thing a line, in the table and in the document."""
    steps = ("chmod 600 a.pem", "chmod 600 b.pem")
    document = Check("key files", ok=False, found="others can read them", steps=steps).to_json()
    assert document["fix"] == "chmod 600 a.pem; then chmod 600 b.pem"
    assert tables.checks([document, Check("ends", ok=False, found="x", steps=("y",)).to_json()]) == (
        "MEND  key files: others can read them\n"
        "      fix: 1. chmod 600 a.pem\n"
        "           2. chmod 600 b.pem\n"
        "MEND  ends: x\n"
        "      fix: y"
    )


def test_a_misspelled_region(patient, boto_session):
    """Said before anything is asked of it, with the one that was meant."""
    (check,) = doctor.examine(replace(patient, cloud=session.Cloud(boto_session, "us-esat-1")))
    assert (check.check, check.ok) == ("region", False)
    assert "us-east-1" in check.fix


def test_a_new_account(patient, answering):
    """The course's type where there is none, with a quota of 0: what follows is about the nearest type."""
    answering("service-quotas", "GetServiceQuota", {"Quota": {"Value": 0.0}})
    found = _found(replace(patient, wanted=Wanted("lab")))
    assert not found["type"].ok
    assert "nearest: g4dn.xlarge" in found["type"].found
    assert "--or-similar" in found["type"].fix
    assert "1 x g4dn.xlarge needs 4" in found["quota"].found
    assert "awstune doctor --request-quota --type g4dn.xlarge`" in found["quota"].fix
    assert found["image"].ok
    assert "on g4dn.xlarge" in found["image"].found


def test_an_account_without_a_default_network(patient):
    """The network is the finding, with both ways out; permissions are asked about as far as they can be."""
    cloud = patient.cloud
    vpc = cloud.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    for subnet in cloud.ec2.describe_subnets()["Subnets"]:
        cloud.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    cloud.ec2.delete_vpc(VpcId=vpc)
    found = _found(patient)
    assert not found["network"].ok
    assert "--subnet" in found["network"].fix
    assert "aws ec2 create-default-vpc" in found["network"].fix
    assert found["permissions"].ok


def test_a_quota_that_nobody_may_say(patient):
    """Unknown is a finding with the permission that is missing."""
    assert "servicequotas:GetServiceQuota" in _found(patient)["quota"].fix


def test_an_image_that_does_not_fit(patient):
    """A new GPU with the course's image."""
    wanted = Wanted("lab", type="g5.xlarge", image="Deep Learning AMI (Ubuntu) Version 21.2")
    check = _found(replace(patient, wanted=wanted))["image"]
    assert not check.ok
    assert "branch 470 or newer" in check.found
    assert check.fix.startswith("--ami ")


def test_an_image_that_is_not_known(patient):
    """No image of that name; and a type of which no table knows the GPU."""
    assert not _found(replace(patient, wanted=replace(G4, image="none")))["image"].ok
    unknown = _found(replace(patient, wanted=replace(G4, type="u-3tb1.56xlarge")))
    assert unknown["image"].ok
    assert not unknown["quota"].ok


def test_an_unknown_address(patient):
    """Where checkip is silent --ssh-from is the fix."""

    def silent(_):
        raise OSError("no route")

    assert "--ssh-from" in _found(replace(patient, fetch=silent))["address"].fix


def test_a_caller_who_may_not(patient):
    """DryRun says which call is not allowed, and nothing is launched."""

    def refuse(**_):
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "No."}}, "RunInstances")

    events = patient.cloud.launcher.meta.events
    events.register_first("before-send.ec2.RunInstances", refuse)
    try:
        check = _found(patient)["permissions"]
    finally:
        events.unregister("before-send.ec2.RunInstances", refuse)
    assert check.found == "not allowed: ec2:RunInstances (launch)"
    assert not check.ok
    assert "awstune iam" in check.fix


def test_every_call_is_asked_about_without_being_made(patient, keys_dir):
    """With an instance of one's own every EC2 call of the policy, but for its group's, is dry-run on it."""
    cloud = patient.cloud
    _launch(cloud, keys_dir)
    before = instances.own(cloud)
    asked, refused = permissions.ask(cloud, permissions.Launchable("g4dn.xlarge", NEW_IMAGE, "vpc-1"))
    assert refused == []
    left_out = {call.action for call in iam.CALLS if call.action.startswith("ec2:")} - {
        call.action for call in asked
    }
    assert left_out == {
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:DeleteSecurityGroup",
    }
    assert instances.own(cloud) == before
    assert [pair["KeyName"] for pair in cloud.ec2.describe_key_pairs()["KeyPairs"]] == ["awstune-lab"]


def test_a_quota_or_a_full_zone_is_no_question_of_permission(patient):
    """AWS looks at those only for callers who may."""
    for code in ("VcpuLimitExceeded", "InsufficientInstanceCapacity"):
        refuse = _refusing(code)
        events = patient.cloud.launcher.meta.events
        events.register_first("before-send.ec2.RunInstances", refuse)
        try:
            assert _found(patient)["permissions"].ok
        finally:
            events.unregister("before-send.ec2.RunInstances", refuse)


def _refusing(code):
    def refuse(**_):
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "RunInstances")

    return refuse


def test_another_error_of_a_dry_run(patient):
    """What is no question of permission is shown as AWS says it."""

    def refuse(**_):
        raise ClientError({"Error": {"Code": "OptInRequired", "Message": "No."}}, "RunInstances")

    events = patient.cloud.launcher.meta.events
    events.register_first("before-send.ec2.RunInstances", refuse)
    try:
        check = _found(patient)["permissions"]
    finally:
        events.unregister("before-send.ec2.RunInstances", refuse)
    assert "OptInRequired" in check.found


def test_a_clock_that_is_off(patient, answering):
    """Minutes beside AWS's clock, with the fix; an endpoint without a clock is none."""
    headers = {"date": "Mon, 23 Nov 2026 14:00:00 GMT"}
    identity = {"Account": "1", "Arn": "arn:aws:iam::1:user/me"}
    answering("sts", "GetCallerIdentity", lambda _: identity | {"ResponseMetadata": {"HTTPHeaders": headers}})
    at_two = 1795442400.0
    assert doctor._clock(replace(patient, now=lambda: at_two + 10)).ok
    late = doctor._clock(replace(patient, now=lambda: at_two + 600))
    assert (late.ok, late.found) == (False, "600 s beside AWS's")
    headers.clear()
    assert doctor._clock(patient).ok


def test_key_files(patient, keys_dir):
    """Others can read one; one is not here."""
    cloud = patient.cloud
    _launch(cloud, keys_dir)
    path = keys_dir / "awstune-lab-us-east-1.pem"
    assert _found(patient)["key files"].ok
    path.chmod(0o644)
    assert _found(patient)["key files"].fix == f"chmod 600 {path}"
    path.unlink()
    assert "awstune-lab" in _found(patient)["key files"].found


def test_leftovers_of_a_launch_that_was_cut_short(patient, keys_dir):
    """Key pair, group, and a disk that nobody has: named, with the command that removes them."""
    cloud = patient.cloud
    wanted = replace(G4, ssh_from="203.0.113.7/32")
    story = launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir)
    for _ in range(2):
        next(story)
    tags = [
        {"Key": key, "Value": value} for key, value in (instances.tags_for(cloud, "lab") | {"x": "y"}).items()
    ]
    for kind, make, asked in (
        ("volume", cloud.ec2.create_volume, {"AvailabilityZone": "us-east-1a", "Size": 8}),
        (
            "network-interface",
            cloud.ec2.create_network_interface,
            {"SubnetId": cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]},
        ),
    ):
        make(**asked, TagSpecifications=[{"ResourceType": kind, "Tags": tags}])
    check = _found(patient)["leftovers"]
    assert not check.ok
    for kind in ("volume", "network-interface", "security-group", "key-pair awstune-lab"):
        assert kind in check.found
    first, *rest = check.steps
    assert first == "awstune terminate lab"
    assert [step.split()[2] for step in rest] == ["delete-volume", "delete-network-interface"]


def test_an_instance_past_its_end(patient, keys_dir):
    """A guard that did not end it in time is a finding."""
    _launch(patient.cloud, keys_dir, ttl_s=60)
    later = instances.find(patient.cloud).launched + 3600
    assert _found(patient)["ends"].ok
    check = _found(replace(patient, now=lambda: later))["ends"]
    assert check.fix == "awstune terminate lab"


def test_asking_for_the_quota(cloud, answering):
    """As many vCPUs as the launch needs beside what runs, of the nearest type's family; enough is enough."""
    answering("service-quotas", "RequestServiceQuotaIncrease", {"RequestedQuota": {"Status": "PENDING"}})
    name = "'Running On-Demand G and VT instances' in us-east-1"
    asked = f"asked for 8 vCPUs of {name}: PENDING; AWS answers by e-mail"
    assert doctor.request_quota(cloud, Wanted("lab", count=2)) == asked
    answering("service-quotas", "GetServiceQuota", {"Quota": {"Value": 8.0}})
    enough = f"nothing was asked: {name} allows 8 more vCPUs already"
    assert doctor.request_quota(cloud, Wanted("lab", count=2)) == enough
    with pytest.raises(UsageError, match="nobody knows which quota"):
        doctor.request_quota(cloud, Wanted("lab", type="inf2.xlarge"))
