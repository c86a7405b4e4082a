"""The end from outside: an instance whose guard never acts is ended by its schedule, and not before."""

from __future__ import annotations

import time

import pytest

from awstune.ec2 import backstop, end, instances, launch, survey
from awstune.ec2.events import Launched, NoBackstop
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from tests.faults.strikes import Killed
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
        told = list(launch.apply(cloud, plan, keys_dir, now=lambda: began))
        # What is due already may have ended by now.
        doomed.extend(one.instance for one in told if isinstance(one, Launched))
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


@pytest.fixture
def lab(cloud, scheduler, keys_dir, name):
    """A launch as it may be repeated, and whether its one instance is there with its one schedule."""

    class Lab:
        wanted = Wanted(name, type="g4dn.xlarge", ssh_from="203.0.113.7/32")

        def launch(self):
            return list(launch.apply(cloud, self.plan(), keys_dir, sleep=lambda _: None))

        def plan(self):
            return make_plan(self.wanted, survey.look(cloud, self.wanted, keys_dir))

        def ends_whole(self):
            (one,) = instances.own(cloud)
            assert schedules(scheduler) == [one.id]
            assert self.plan().empty
            list(end.terminate(cloud, [one], keys_dir, sleep=briefly))
            assert end.leftovers(cloud, [one]) == []
            assert schedules(scheduler) == []

    return Lab()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_launch_killed_around_it_is_finished_by_the_next(lab, strike, when):
    """The instance runs, its end from outside may be missing: the same launch makes it, and no twin."""
    strike.kill("CreateSchedule", when, service="scheduler")
    with pytest.raises(Killed):
        lab.launch()
    strike.relent()
    assert [step.action for step in lab.plan().steps] == (["arm-backstop"] if when == "before" else [])
    lab.launch()
    lab.ends_whole()


@pytest.mark.parametrize("how", ["AccessDeniedException", "ThrottlingException", "before", "after"])
def test_a_backstop_that_is_refused_or_unheard(lab, strike, how):
    """The launch goes on and says so; the next one arms it, unless AWS had."""
    if how in ("before", "after"):
        strike.lose("POST *", how, service="scheduler")
    else:
        strike.error("POST *", how, service="scheduler")
    assert [one.name for one in lab.launch() if isinstance(one, NoBackstop)] == [lab.wanted.name]
    strike.relent()
    lab.launch()
    lab.ends_whole()


def test_what_was_stopped_is_not_terminated_later(cloud, scheduler, launched):
    """A stop of one's own takes the schedule away, so that nothing on its disk is lost behind one's back."""
    one = launched("terminate", late_s=-60.0)
    assert schedules(scheduler) == [one.id]
    list(end.stop(cloud, [one], sleep=briefly))
    assert schedules(scheduler) == []
