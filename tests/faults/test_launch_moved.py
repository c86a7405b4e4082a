"""A launch repeated from another address: its open port moves, whatever happens to the calls that move it."""

from __future__ import annotations

import contextlib

import pytest

from awstune.ec2 import end, instances, launch, network, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError
from tests.faults.conftest import resources
from tests.faults.strikes import Killed, Strike
from tests.waiting import briefly

pytestmark = pytest.mark.e2e
THERE, HERE = "203.0.113.7/32", "198.51.100.9/32"
CALLS = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]
ERRORS = [
    "RequestLimitExceeded",
    "UnauthorizedOperation",
    "ExpiredToken",
    "InternalError",
    "Blocked",
    "InvalidPermission.Duplicate",
    "InvalidPermission.NotFound",
    "InvalidGroup.NotFound",
]


@pytest.fixture
def moved(cloud, local, keys_dir, name):
    """Repeats, from here, a launch that was begun from there; and what must be at last."""

    def go(ssh_from=HERE):
        wanted = Wanted(name, type="g4dn.xlarge", ssh_from=ssh_from)
        plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir))
        return list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))

    go(THERE)
    yield go
    go()
    (one,) = instances.own(cloud)
    (group,) = network.groups(cloud, one.group_ids)
    assert group.ssh_from == {HERE}
    list(end.terminate(cloud, [one], keys_dir, sleep=briefly))
    assert resources(local) == []


@contextlib.contextmanager
def _noting(said):
    try:
        yield
    except AwstuneError as error:
        said.append(error)
        raise


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_every_error(moved, strike, call, code):
    """It is said with its fix, or made no difference; the next launch moves the port, and makes no twin."""
    strike.error(call, code)
    said = []
    with contextlib.suppress(AwstuneError), _noting(said):
        moved()
    assert all(code in error.message and error.hint for error in said)
    strike.relent()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("how", "ends"), [(Strike.lose, AwstuneError), (Strike.kill, Killed)])
def test_cut_off(moved, strike, how, ends, call, when):
    """No answer comes, or the caller ends, before AWS acts or after: the next launch moves the rest."""
    how(strike, call, when)
    with pytest.raises(ends):
        moved()
    strike.relent()
