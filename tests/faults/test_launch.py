"""Every error of AWS at every call of a launch; a launch that is killed after any call; answers that are lost.

Each ends in an error with its fix or in an instance, never in a twin, and leaves nothing behind that
`launch` does not finish and `terminate` does not remove.
"""

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError

from awstune.ec2 import end, instances, intent, launch, orphans, survey, wait
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError
from tests.unit.ec2.conftest import boto_session, cloud, keys_dir, shared_cloud  # noqa: F401  # fixtures

WANTED = Wanted("lab", type="g4dn.xlarge", ssh_from="203.0.113.7/32")
CALLS = [
    "DescribeInstances",
    "DescribeKeyPairs",
    "DescribeVpcs",
    "DescribeSecurityGroups",
    "DescribeInstanceTypeOfferings",
    "DescribeImages",
    "ImportKeyPair",
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "RunInstances",
    "DescribeInstanceStatus",
]
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


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing that catches errors sees it."""


@pytest.fixture
def strike(cloud, request):  # noqa: F811
    """Strikes one EC2 call: `strike(call, before=..., after=..., times=1)` raises around the call."""
    undo, answers = [], {}

    def remember(params, context, **_):
        context["token"] = params["body"]["ClientToken"]
        if context["token"] in answers:
            return AWSResponse("", 200, {}, None), answers[context["token"]]
        return None

    def keep(parsed, context, **_):
        answers[context["token"]] = parsed

    def register(client, event, handler, first=False):
        (client.meta.events.register_first if first else client.meta.events.register)(event, handler)
        undo.append(lambda: client.meta.events.unregister(event, handler))

    register(cloud.launcher, "before-call.ec2.RunInstances", remember)
    register(cloud.launcher, "after-call.ec2.RunInstances", keep, first=True)

    def hit(call, *, before=None, after=None, times=1):
        left = [times]

        def raising(error):
            def handler(**_):
                if left[0]:
                    left[0] -= 1
                    raise error

            return handler

        for client in (cloud.ec2, cloud.launcher):
            if before:
                register(client, f"before-call.ec2.{call}", raising(before), first=True)
            if after:
                register(client, f"after-call.ec2.{call}", raising(after))

        def relent():
            left[0] = 0

        return relent

    yield hit
    for one in undo:
        one()


def _launch(cloud, keys_dir):  # noqa: F811
    plan = make_plan(WANTED, survey.look(cloud, WANTED, keys_dir))
    list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    ids = [one.id for one in instances.own(cloud)]
    list(wait.until_ready(cloud, ids, sleep=lambda _: None, timeout_s=0))


def _one_and_then_none(cloud, keys_dir):  # noqa: F811
    """Launching again finishes what was begun, with no twin; terminating leaves nothing."""
    _launch(cloud, keys_dir)
    own = instances.own(cloud)
    assert [one.name for one in own] == ["lab"]
    assert make_plan(WANTED, survey.look(cloud, WANTED, keys_dir)).empty
    assert len(cloud.ec2.describe_key_pairs()["KeyPairs"]) == 1
    _none(cloud, keys_dir)


def _none(cloud, keys_dir):  # noqa: F811
    own = instances.own(cloud)
    list(end.terminate(cloud, own, keys_dir, sleep=lambda _: None))
    list(end.clean(cloud, "lab", keys_dir, sleep=lambda _: None))
    assert end.leftovers(cloud, own) == []
    assert orphans.find(cloud) == []
    assert cloud.ec2.describe_volumes()["Volumes"] == []
    assert list(keys_dir.glob("*.pem")) == []
    assert not intent.intent_path(keys_dir, "lab", "us-east-1").exists()


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_every_error_at_every_call(cloud, keys_dir, strike, call, code):  # noqa: F811
    """One answer is an error: the launch goes on or says why not, and a second one finishes it."""
    strike(call, before=ClientError({"Error": {"Code": code, "Message": "No."}}, call))
    try:
        _launch(cloud, keys_dir)
    except AwstuneError as error:
        assert error.message
        assert code in error.message or call == "DescribeInstanceStatus"
    _one_and_then_none(cloud, keys_dir)


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("call", ["ImportKeyPair", "CreateSecurityGroup", "RunInstances"])
def test_an_error_that_stays(cloud, keys_dir, strike, call, code):  # noqa: F811
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
def test_a_lost_answer(cloud, keys_dir, strike, call, when):  # noqa: F811
    """The connection breaks before AWS acts or after: nobody knows which, and both are mended."""
    strike(call, **{when: ConnectionClosedError(endpoint_url="https://ec2")})
    try:
        _launch(cloud, keys_dir)
    except AwstuneError as error:
        assert error.kind in ("unreachable", "not_ready")
    _one_and_then_none(cloud, keys_dir)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_around_any_call(cloud, keys_dir, strike, call, when):  # noqa: F811
    """kill -9 just before a call or just after it: the next launch finds what there is."""  # noqa: D403
    strike(call, **{when: Killed()})
    with pytest.raises(Killed):
        _launch(cloud, keys_dir)
    _one_and_then_none(cloud, keys_dir)


@pytest.mark.parametrize("call", CALLS)
def test_killed_and_given_up(cloud, keys_dir, strike, call):  # noqa: F811
    """Killed after any call and never launched again: terminate alone removes it all."""
    strike(call, after=Killed())
    with pytest.raises(Killed):
        _launch(cloud, keys_dir)
    own = instances.own(cloud)
    _forget(keys_dir)
    _none(cloud, keys_dir)
    assert len(own) == (1 if call in ("RunInstances", "DescribeInstanceStatus") else 0)


def _forget(keys_dir):  # noqa: F811
    """An intent that nobody takes up is only a file; it is too old to be taken up in 15 minutes."""
    intent.intent_path(keys_dir, "lab", "us-east-1").unlink(missing_ok=True)
