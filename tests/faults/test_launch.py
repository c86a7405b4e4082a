"""Every error of AWS at every call of a launch; a launch killed around any call; answers that are lost.

Each ends in an error with its fix or in an instance, never in a twin, and leaves nothing behind that
`launch` does not finish and `terminate` does not remove.
"""

from __future__ import annotations

import collections

import pytest

from awstune.ec2 import end, instances, intent, launch, orphans, survey, wait
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError
from awstune.localcloud import client
from tests.faults.conftest import resources
from tests.faults.strikes import Killed
from tests.waiting import PATIENCE_S, briefly

pytestmark = pytest.mark.e2e
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
CASES = [(call, code) for call in CHANGES for code in ERRORS]
# What RunInstances's error leads to, as it is documented: None where the launch goes on by itself (the next
# zone, another try), else the kind of the error and a word of the way out.
NEXT, AGAIN = (None, ""), (None, "")
HANDLED = {
    "InsufficientInstanceCapacity": NEXT,
    "Unsupported": NEXT,
    "InsufficientFreeAddressesInSubnet": NEXT,
    "SpotMaxPriceTooLow": NEXT,
    "VcpuLimitExceeded": ("quota", "servicequotas"),
    "MaxSpotInstanceCountExceeded": ("quota", "servicequotas"),
    "InstanceLimitExceeded": ("quota", "servicequotas"),
    "SecurityGroupLimitExceeded": ("quota", "servicequotas"),
    "RequestLimitExceeded": AGAIN,
    "Unavailable": AGAIN,
    "InternalError": AGAIN,
    "UnauthorizedOperation": ("not_permitted", "awstune iam"),
    "VPCIdNotSpecified": ("cloud", "--subnet"),
    "MissingInput": ("cloud", "--subnet"),
    "InvalidBlockDeviceMapping": ("cloud", "--disk"),
    "RequestExpired": ("cloud", "clock"),
    "ExpiredToken": ("credentials", "aws sso login"),
    "OptInRequired": ("cloud", "signing up"),
    "PendingVerification": ("cloud", "e-mail"),
    "Blocked": ("cloud", "support"),
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": ("cloud", "create-service-linked-role"),
}
# What stands where AWS may have acted, or would not undo: what was made before that call, free of charge.
STANDS = {
    "ImportKeyPair": [],
    "CreateSecurityGroup": ["key-pair"],
    "AuthorizeSecurityGroupIngress": ["key-pair", "security-group"],
    "RunInstances": ["key-pair", "security-group"],
}
ALL = ["instance", "key-pair", "network-interface", "security-group", "volume"]
# The same with what that call makes.
MADE = {
    **STANDS,
    "ImportKeyPair": ["key-pair"],
    "CreateSecurityGroup": STANDS["RunInstances"],
    "RunInstances": ALL,
}
# After these nobody knows, or nobody may: AWS asked for patience, it failed itself, the session has ended.
OPEN = ("throttled", "credentials")
# What a launch asks beside EC2, and can do without.
OPTIONAL = [("servicequotas", "GetServiceQuota"), ("pricing", "GetProducts"), ("scheduler", "GET *")]
STAYING = [
    (call, code)
    for call in CHANGES
    for code in [*ANYWHERE, "InsufficientInstanceCapacity", "VcpuLimitExceeded", "Blocked"]
]


@pytest.fixture(params=["on-demand"])
def wanted(request, name):
    """What is launched; a test may ask for the other market."""
    return Wanted(name, type="g4dn.xlarge", market=request.param, ssh_from="203.0.113.7/32")


def _launch(cloud, keys_dir, wanted):
    plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir))
    list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    ids = [one.id for one in instances.own(cloud)]
    list(wait.until_ready(cloud, ids, sleep=briefly, timeout_s=PATIENCE_S))


def _outcome(cloud, keys_dir, wanted):
    """How a launch ends: None, or its error."""
    try:
        _launch(cloud, keys_dir, wanted)
    except AwstuneError as error:
        return error
    return None


def _one_and_then_none(cloud, keys_dir, wanted, local):
    """Launching again finishes what was begun, with no twin; terminating leaves nothing."""
    _launch(cloud, keys_dir, wanted)
    assert _kinds(local) == ALL
    assert [one.market for one in instances.own(cloud)] == [wanted.market]
    assert make_plan(wanted, survey.look(cloud, wanted, keys_dir)).empty
    _none(cloud, keys_dir, wanted, local)


def _kinds(local):
    return sorted(one["kind"] for one in resources(local))


def _as_documented(local, keys_dir, call, said):
    """What AWS refused for good is undone; else all stays: the only key, and the token of what was asked."""
    stays = said.kind in OPEN
    assert _kinds(local) == (STANDS[call] if stays else [])
    assert len(list(keys_dir.glob("*.pem"))) == stays
    assert len(list(keys_dir.glob("intents/*"))) == (stays and call == "RunInstances")


def _none(cloud, keys_dir, wanted, local):
    own = instances.own(cloud)
    list(end.terminate(cloud, own, keys_dir, sleep=briefly))
    list(end.clean(cloud, wanted.name, keys_dir, sleep=lambda _: None))
    assert resources(local) == []
    assert end.leftovers(cloud, own) == []
    assert orphans.find(cloud) == []
    assert list(keys_dir.glob("*.pem")) == []
    assert not intent.intent_path(keys_dir, wanted.name, "us-east-1").exists()


def _handled(cloud, keys_dir, wanted, local, strike, call, code):
    strike.error(call, code)
    said = _outcome(cloud, keys_dir, wanted)
    assert said is None or (said.hint and (code in said.message or call == "DescribeInstanceStatus"))
    if said is not None:
        _as_documented(local, keys_dir, call, said)
    if call == "RunInstances" and code in HANDLED:
        kind, way_out = HANDLED[code]
        assert getattr(said, "kind", None) == kind
        assert said is None or way_out in said.hint
    strike.relent()
    _one_and_then_none(cloud, keys_dir, wanted, local)


def test_the_matrix_has_every_call_of_a_launch(cloud, keys_dir, wanted, local):
    """What AWS was asked, as the cloud counted it, is what the cases here strike."""
    before = collections.Counter(client.call(local, "GET", "/awstune/calls"))
    cloud.__dict__.pop("has_backstop", None)
    _launch(cloud, keys_dir, wanted)
    asked = collections.Counter(client.call(local, "GET", "/awstune/calls")) - before
    own = {call for call in asked if not call.startswith("sts:")}  # asked once, before all else
    optional = {
        f"{service}:{action.replace('*', '/schedule-groups/awstune')}" for service, action in OPTIONAL
    }
    assert own == {*(f"ec2:{call}" for call in CALLS), *optional}
    _none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize("call", LOOKS)
def test_every_error_at_every_look(cloud, keys_dir, wanted, local, strike, call):
    """Nothing is made before all has been seen; what waits for the checks finds what there is."""
    for code in ERRORS:
        strike.error(call, code)
        said = _outcome(cloud, keys_dir, wanted)
        strike.relent()
        assert said is None or (said.hint and (code in said.message or call == "DescribeInstanceStatus"))
        assert said is None or call == "DescribeInstanceStatus" or resources(local) == []
    _one_and_then_none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize("code", ANYWHERE)
def test_what_a_launch_can_do_without(cloud, keys_dir, wanted, local, strike, code):
    """Quota, prices and backstop that nobody may ask for, or that do not answer, stop no launch."""
    cloud.__dict__.pop("has_backstop", None)
    for service, action in OPTIONAL:
        strike.error(action, code, times=None, service=service)
    _launch(cloud, keys_dir, wanted)
    strike.relent()
    cloud.__dict__.pop("has_backstop", None)
    _one_and_then_none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize(("call", "code"), CASES)
def test_every_error_at_every_call(cloud, keys_dir, wanted, local, strike, call, code):
    """One answer is an error: the launch goes on or says why not, and a second one finishes it."""
    _handled(cloud, keys_dir, wanted, local, strike, call, code)


@pytest.mark.parametrize("wanted", ["spot"], indirect=True)
@pytest.mark.parametrize("code", ERRORS)
def test_every_error_of_a_spot_launch(cloud, keys_dir, wanted, local, strike, code):
    """The same on the spot market, where a few errors are its own."""
    _handled(cloud, keys_dir, wanted, local, strike, "RunInstances", code)


@pytest.mark.parametrize(("call", "code"), STAYING)
def test_an_error_that_stays(cloud, keys_dir, wanted, local, strike, call, code):
    """Every answer is that error: it is said, and what stands is removed by terminate alone."""
    strike.error(call, code, times=None)
    with pytest.raises(AwstuneError) as caught:
        _launch(cloud, keys_dir, wanted)
    assert caught.value.hint
    _as_documented(local, keys_dir, call, caught.value)
    strike.relent()
    assert instances.own(cloud) == []
    _none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize("code", ["InternalError", "Unavailable"])
@pytest.mark.parametrize("call", CHANGES)
def test_an_error_once_aws_has_acted(cloud, keys_dir, wanted, local, strike, call, code):
    """AWS's own failing, with the thing made and each time it is asked: nothing made is taken for unmade."""
    strike.error(call, code, times=None, acted=True)
    said = _outcome(cloud, keys_dir, wanted)
    assert said.kind == "throttled"
    assert _kinds(local) == MADE[call]
    assert len(list(keys_dir.glob("*.pem"))) == 1
    strike.relent()
    _one_and_then_none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_lost_answer(cloud, keys_dir, wanted, local, strike, call, when):
    """The connection breaks before AWS acts or after: nobody knows which, and both are mended."""
    strike.lose(call, when)
    said = _outcome(cloud, keys_dir, wanted)
    if call in ("RunInstances", "DescribeInstanceStatus"):  # asked again: with the same token, a second later
        assert said is None
        assert _kinds(local) == ALL
    else:
        assert said.kind == "unreachable"
        assert _kinds(local) == (MADE if when == "after" else STANDS).get(call, [])
        assert len(list(keys_dir.glob("*.pem"))) == (call in CHANGES)
    strike.relent()
    _one_and_then_none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_around_any_call(cloud, keys_dir, wanted, local, strike, call, when):
    """The end of the caller just before a call or just after it: the next launch finds what there is."""
    strike.kill(call, when)
    with pytest.raises(Killed):
        _launch(cloud, keys_dir, wanted)
    strike.relent()
    _one_and_then_none(cloud, keys_dir, wanted, local)


@pytest.mark.parametrize("call", CALLS)
def test_killed_and_given_up(cloud, keys_dir, wanted, local, strike, call):
    """Killed after any call and never launched again: terminate alone removes it all."""
    strike.kill(call, "after")
    with pytest.raises(Killed):
        _launch(cloud, keys_dir, wanted)
    strike.relent()
    own = instances.own(cloud)
    _none(cloud, keys_dir, wanted, local)
    assert len(own) == (1 if call in ("RunInstances", "DescribeInstanceStatus") else 0)
