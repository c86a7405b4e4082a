"""Every error at every call of a terminate, killed around any, answers lost: never reported as done."""

from __future__ import annotations

import pytest

from awstune.ec2 import end, instances, launch, orphans, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError
from tests.faults.conftest import resources
from tests.faults.strikes import Killed
from tests.waiting import briefly

pytestmark = pytest.mark.e2e

CALLS = [
    "TerminateInstances",
    "DescribeInstances",
    "DescribeKeyPairs",
    "DeleteKeyPair",
    "DescribeSecurityGroups",
    "RevokeSecurityGroupIngress",
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
def lab(cloud, keys_dir, name):
    """A running instance with all that was made beside it."""
    wanted = Wanted(name, type="g4dn.xlarge", ssh_from="203.0.113.7/32")
    list(launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir))
    return instances.find(cloud, name)


def _terminate(cloud, doomed, keys_dir):
    return list(end.terminate(cloud, doomed, keys_dir, sleep=briefly))


def _gone_at_last(cloud, lab, keys_dir, local):
    """Repeating it, as the command line does with or without an instance, leaves nothing."""
    _terminate(cloud, instances.own(cloud), keys_dir)
    if end.left_of(cloud, lab.name):
        list(end.clean(cloud, lab.name, keys_dir, sleep=lambda _: None))
    assert resources(local) == []
    assert end.leftovers(cloud, [lab]) == []
    assert orphans.find(cloud) == []


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_every_error_at_every_call(cloud, keys_dir, lab, local, strike, call, code):
    """One answer is an error: it is said, unless patience helps; the next terminate finishes it."""
    strike.error(call, code)
    if (call, code) == ("DeleteSecurityGroup", "DependencyViolation"):
        _terminate(cloud, [lab], keys_dir)
    else:
        with pytest.raises(AwstuneError):
            _terminate(cloud, [lab], keys_dir)
    strike.relent()
    _gone_at_last(cloud, lab, keys_dir, local)


@pytest.mark.parametrize("code", ERRORS)
def test_a_refusal_is_never_reported_as_an_end(cloud, keys_dir, lab, local, strike, code):
    """Where AWS refuses, no event says that anything ended, and the instance is named as left."""
    strike.error("TerminateInstances", code)
    with pytest.raises(AwstuneError):
        next(end.terminate(cloud, [lab], keys_dir))
    assert {"kind": "instance", "id": lab.id} in end.leftovers(cloud, [lab])
    _gone_at_last(cloud, lab, keys_dir, local)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_lost_answer(cloud, keys_dir, lab, local, strike, call, when):
    """Whether AWS acted or not: an error, and the next terminate finishes it."""
    strike.lose(call, when)
    with pytest.raises(AwstuneError) as caught:
        _terminate(cloud, [lab], keys_dir)
    assert caught.value.kind == "unreachable"
    strike.relent()
    _gone_at_last(cloud, lab, keys_dir, local)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_around_any_call(cloud, keys_dir, lab, local, strike, call, when):
    """The end of the caller at any call: the next terminate finishes it."""
    strike.kill(call, when)
    with pytest.raises(Killed):
        _terminate(cloud, [lab], keys_dir)
    strike.relent()
    _gone_at_last(cloud, lab, keys_dir, local)
