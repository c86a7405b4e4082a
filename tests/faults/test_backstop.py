"""The end from outside: an instance whose guard never acts is ended by its schedule, and not before."""

from __future__ import annotations

import time

import pytest

from awstune.ec2 import backstop, end, instances, launch, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from tests.waiting import briefly, until

pytestmark = pytest.mark.e2e
TTL_S = 600.0


@pytest.fixture
def scheduler(cloud):
    """An account whose owner has applied infra/ttl-backstop.yaml."""
    made = cloud.client("scheduler")
    made.create_schedule_group(Name=backstop.GROUP)
    cloud.__dict__.pop("has_backstop", None)
    yield made
    made.delete_schedule_group(Name=backstop.GROUP)
    cloud.__dict__.pop("has_backstop", None)


@pytest.fixture
def launched(cloud, scheduler, keys_dir, name):
    """Launches an instance without any guard, as simulated ones are; ``late_s`` ago its backstop was due."""
    doomed = []

    def make(at_end, late_s):
        wanted = Wanted(name, type="g4dn.xlarge", ttl_s=TTL_S, at_end=at_end, ssh_from="203.0.113.7/32")
        began = time.time() - TTL_S - backstop.GRACE_S - late_s
        plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir))
        list(launch.apply(cloud, plan, keys_dir, now=lambda: began))
        doomed.append(instances.find(cloud, name))
        return doomed[-1]

    yield make
    list(end.terminate(cloud, doomed, keys_dir, sleep=briefly))
    assert end.leftovers(cloud, doomed) == []


def schedules(scheduler):
    """What is to come, by instance."""
    return [one["Name"] for one in scheduler.list_schedules(GroupName=backstop.GROUP)["Schedules"]]


@pytest.mark.parametrize(("at_end", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_it_ends_what_nothing_else_ends(cloud, scheduler, launched, at_end, state):
    """At its time it does what the end should have done, and is gone itself."""
    one = launched(at_end, late_s=0.0)
    until(
        lambda: instances.describe(cloud, [one.id])[0].state == state, f"the backstop to have it {state}", 30
    )
    assert schedules(scheduler) == []


def test_what_was_stopped_is_not_terminated_later(cloud, scheduler, launched):
    """A stop of one's own takes the schedule away, so that nothing on its disk is lost behind one's back."""
    one = launched("terminate", late_s=-60.0)
    assert schedules(scheduler) == [one.id]
    list(end.stop(cloud, [one], sleep=briefly))
    assert schedules(scheduler) == []
