"""Every error at every call of a terminate, killed around any, answers lost: never reported as done."""

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from awstune.ec2 import end, instances, launch, orphans, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError
from tests.faults.strikes import Killed

CALLS = [
    "TerminateInstances",
    "DescribeInstances",
    "DescribeKeyPairs",
    "DeleteKeyPair",
    "DescribeSecurityGroups",
    "DeleteSecurityGroup",
]
ERRORS = [
    "UnauthorizedOperation",
    "RequestLimitExceeded",
    "InternalError",
    "ExpiredToken",
    "DependencyViolation",
    "OperationNotPermitted",
]


@pytest.fixture
def lab(cloud, keys_dir):
    """A running instance with all that was made beside it."""
    wanted = Wanted("lab", type="g4dn.xlarge", ssh_from="203.0.113.7/32")
    list(launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir))
    return instances.find(cloud, "lab")


def _terminate(cloud, doomed, keys_dir):
    return list(end.terminate(cloud, doomed, keys_dir, sleep=lambda _: None))


def _gone_at_last(cloud, lab, keys_dir):
    """Repeating it, as the command line does with or without an instance, leaves nothing."""
    _terminate(cloud, instances.own(cloud), keys_dir)
    if end.left_of(cloud, "lab"):
        list(end.clean(cloud, "lab", keys_dir, sleep=lambda _: None))
    assert end.leftovers(cloud, [lab]) == []
    assert orphans.find(cloud) == []
    assert cloud.ec2.describe_volumes()["Volumes"] == []


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_every_error_at_every_call(cloud, keys_dir, lab, strike, call, code):
    """One answer is an error: it is said, unless patience helps; the next terminate finishes it."""
    strike(call, before=ClientError({"Error": {"Code": code, "Message": "No."}}, call))
    if (call, code) == ("DeleteSecurityGroup", "DependencyViolation"):
        _terminate(cloud, [lab], keys_dir)
    else:
        with pytest.raises(AwstuneError):
            _terminate(cloud, [lab], keys_dir)
    _gone_at_last(cloud, lab, keys_dir)


@pytest.mark.parametrize("code", ERRORS)
def test_a_refusal_is_never_reported_as_an_end(cloud, keys_dir, lab, strike, code):
    """Where AWS refuses, no event says that anything ended, and the instance is named as left."""
    strike("TerminateInstances", before=ClientError({"Error": {"Code": code, "Message": "No."}}, "x"))
    with pytest.raises(AwstuneError):
        next(end.terminate(cloud, [lab], keys_dir))
    assert {"kind": "instance", "id": lab.id} in end.leftovers(cloud, [lab])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_lost_answer(cloud, keys_dir, lab, strike, call, when):
    """Whether AWS acted or not: an error, and the next terminate finishes it."""
    strike(call, **{when: ConnectionClosedError(endpoint_url="https://ec2")})
    with pytest.raises(AwstuneError) as caught:
        _terminate(cloud, [lab], keys_dir)
    assert caught.value.kind == "unreachable"
    _gone_at_last(cloud, lab, keys_dir)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_around_any_call(cloud, keys_dir, lab, strike, call, when):
    """Kill -9 at any call: the next terminate finishes it."""
    strike(call, **{when: Killed()})
    with pytest.raises(Killed):
        _terminate(cloud, [lab], keys_dir)
    _gone_at_last(cloud, lab, keys_dir)
