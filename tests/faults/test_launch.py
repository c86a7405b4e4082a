"""Every error of AWS at every call of a launch; a launch killed around any call; answers that are lost.

Each ends in an error with its fix or in an instance, never in a twin, and leaves nothing behind that
`launch` does not finish and `terminate` does not remove.
"""

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from awstune.ec2 import end, instances, intent, launch, orphans, survey, wait
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError
from tests.faults.strikes import Killed

WANTED = Wanted("lab", type="g4dn.xlarge", ssh_from="203.0.113.7/32")
LOOKS = [
    "DescribeInstances",
    "DescribeKeyPairs",
    "DescribeVpcs",
    "DescribeSecurityGroups",
    "DescribeInstanceTypeOfferings",
    "DescribeImages",
    "DescribeInstanceStatus",
]
CHANGES = ["ImportKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances"]
CALLS = [*LOOKS, *CHANGES]
ERRORS = [
    "InsufficientInstanceCapacity",
    "Unsupported",
    "InsufficientFreeAddressesInSubnet",
    "SpotMaxPriceTooLow",
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "InstanceLimitExceeded",
    "SecurityGroupLimitExceeded",
    "RequestLimitExceeded",
    "Unavailable",
    "InternalError",
    "UnauthorizedOperation",
    "VPCIdNotSpecified",
    "MissingInput",
    "InvalidBlockDeviceMapping",
    "RequestExpired",
    "ExpiredToken",
    "OptInRequired",
    "PendingVerification",
    "Blocked",
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
    "InvalidKeyPair.Duplicate",
    "InvalidGroup.Duplicate",
    "InvalidPermission.Duplicate",
    "IdempotentParameterMismatch",
]


# What any call may meet.
ANYWHERE = ["RequestLimitExceeded", "UnauthorizedOperation", "ExpiredToken", "InternalError"]
CASES = [(call, code) for call in CHANGES for code in ERRORS] + [
    (call, code) for call in LOOKS for code in ANYWHERE
]
STAYING = [
    (call, code)
    for call in CHANGES
    for code in [*ANYWHERE, "InsufficientInstanceCapacity", "VcpuLimitExceeded", "Blocked"]
]


def _launch(cloud, keys_dir):
    plan = make_plan(WANTED, survey.look(cloud, WANTED, keys_dir))
    list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    ids = [one.id for one in instances.own(cloud)]
    list(wait.until_ready(cloud, ids, sleep=lambda _: None, timeout_s=0))


def _outcome(cloud, keys_dir):
    """How a launch ends: None, or its error."""
    try:
        _launch(cloud, keys_dir)
    except AwstuneError as error:
        return error
    return None


def _one_and_then_none(cloud, keys_dir):
    """Launching again finishes what was begun, with no twin; terminating leaves nothing."""
    _launch(cloud, keys_dir)
    own = instances.own(cloud)
    assert [one.name for one in own] == ["lab"]
    assert make_plan(WANTED, survey.look(cloud, WANTED, keys_dir)).empty
    assert len(cloud.ec2.describe_key_pairs()["KeyPairs"]) == 1
    _none(cloud, keys_dir)


def _none(cloud, keys_dir):
    own = instances.own(cloud)
    list(end.terminate(cloud, own, keys_dir, sleep=lambda _: None))
    list(end.clean(cloud, "lab", keys_dir, sleep=lambda _: None))
    assert end.leftovers(cloud, own) == []
    assert orphans.find(cloud) == []
    assert cloud.ec2.describe_volumes()["Volumes"] == []
    assert list(keys_dir.glob("*.pem")) == []
    assert not intent.intent_path(keys_dir, "lab", "us-east-1").exists()


@pytest.mark.parametrize(("call", "code"), CASES)
def test_every_error_at_every_call(cloud, keys_dir, strike, call, code):
    """One answer is an error: the launch goes on or says why not, and a second one finishes it."""
    strike(call, before=ClientError({"Error": {"Code": code, "Message": "No."}}, call))
    said = _outcome(cloud, keys_dir)
    assert said is None or code in said.message or call == "DescribeInstanceStatus"
    _one_and_then_none(cloud, keys_dir)


@pytest.mark.parametrize(("call", "code"), STAYING)
def test_an_error_that_stays(cloud, keys_dir, strike, call, code):
    """Every answer is that error: it is said, and what was made before is removed by terminate alone."""
    relent = strike(call, before=ClientError({"Error": {"Code": code, "Message": "No."}}, call), times=1000)
    with pytest.raises(AwstuneError) as caught:
        _launch(cloud, keys_dir)
    assert caught.value.hint
    relent()
    assert instances.own(cloud) == []
    _none(cloud, keys_dir)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_lost_answer(cloud, keys_dir, strike, call, when):
    """The connection breaks before AWS acts or after: nobody knows which, and both are mended."""
    strike(call, **{when: ConnectionClosedError(endpoint_url="https://ec2")})
    said = _outcome(cloud, keys_dir)
    assert said is None or said.kind in ("unreachable", "not_ready")
    _one_and_then_none(cloud, keys_dir)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_around_any_call(cloud, keys_dir, strike, call, when):
    """Kill -9 just before a call or just after it: the next launch finds what there is."""
    strike(call, **{when: Killed()})
    with pytest.raises(Killed):
        _launch(cloud, keys_dir)
    _one_and_then_none(cloud, keys_dir)


@pytest.mark.parametrize("call", CALLS)
def test_killed_and_given_up(cloud, keys_dir, strike, call):
    """Killed after any call and never launched again: terminate alone removes it all."""
    strike(call, after=Killed())
    with pytest.raises(Killed):
        _launch(cloud, keys_dir)
    own = instances.own(cloud)
    _none(cloud, keys_dir)
    assert len(own) == (1 if call in ("RunInstances", "DescribeInstanceStatus") else 0)
