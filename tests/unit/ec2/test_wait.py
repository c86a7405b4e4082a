from types import SimpleNamespace

import pytest

from awstune.ec2 import faults, wait
from awstune.ec2.events import Waiting
from awstune.errors import InstanceDied, NotReady

OK, STARTING, BAD, NA = "ok", "initializing", "impaired", "not-applicable"


class _Script:
    """EC2's describe calls, answering from a script: one entry a second; the last one stays.

    Each entry maps an id to (state, check, check, ...), or is an error to raise. Time passes by sleeping.
    """

    def __init__(self, *entries, reason="Server.InternalError: Internal error on launch"):
        self.entries = list(entries)
        self.reason = reason
        self.time = 0.0
        self.slept = []
        self.calls = []
        self.region = "us-east-1"
        self.look_every_s = 1.0
        self.ec2 = self

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds

    def get_paginator(self, operation):
        return SimpleNamespace(paginate=getattr(self, operation))

    def describe_instance_status(self, **asked):
        self.calls.append(asked)
        entry = self.entries.pop(0) if len(self.entries) > 1 else self.entries[0]
        if isinstance(entry, Exception):
            raise entry
        return [{"InstanceStatuses": [_status(id_, *facts) for id_, facts in entry.items()]}]

    def describe_instances(self, InstanceIds):  # noqa: N803  # boto3's spelling
        if self.reason is None:
            raise faults.Throttled("slow", code="RequestLimitExceeded")
        facts = {
            "InstanceId": InstanceIds[0],
            "InstanceType": "p2.xlarge",
            "State": {"Name": "terminated"},
            "StateReason": {"Code": self.reason.split(":")[0], "Message": self.reason},
            "LaunchTime": SimpleNamespace(timestamp=lambda: 0.0),
            "Tags": [{"Key": "awstune:name", "Value": "lab"}],
        }
        return [{"Reservations": [{"Instances": [facts]}]}]

    def wait(self, *ids, **options):
        return list(wait.until_ready(self, ids, now=self.now, sleep=self.sleep, **options))


def _status(id_, state, *checks):
    names = ("InstanceStatus", "SystemStatus", "AttachedEbsStatus", "NewStatus")
    found = {name: {"Status": check} for name, check in zip(names, checks, strict=False)}
    return {"InstanceId": id_, "InstanceState": {"Name": state}, **found}


def test_it_waits_for_all_checks_that_apply():
    """Pending, then running with 0/2, 1/2 and 2/2: told once each, done at 2/2."""
    script = _Script(
        {"i-1": ("pending", STARTING, STARTING, NA)},
        {"i-1": ("running", STARTING, STARTING, NA)},
        {"i-1": ("running", STARTING, STARTING, NA)},
        {"i-1": ("running", OK, STARTING, NA)},
        {"i-1": ("running", OK, OK, NA)},
    )
    assert script.wait("i-1") == [
        Waiting("i-1", "pending", "-"),
        Waiting("i-1", "running", "0/2"),
        Waiting("i-1", "running", "1/2"),
        Waiting("i-1", "running", "2/2", ready=True),
    ]
    assert script.slept == [1.0] * 4


def test_a_third_and_a_fourth_check_count():
    """AttachedEbsStatus where it applies, and whatever AWS adds."""
    script = _Script({"i-1": ("running", OK, OK, STARTING)}, {"i-1": ("running", OK, OK, OK, OK)})
    assert [told.checks for told in script.wait("i-1")] == ["2/3", "4/4"]


def test_a_fleet_is_one_call_a_second():
    """All open ids travel in one call; the ready ones are not asked for again."""
    script = _Script(
        {"i-1": ("running", OK, OK), "i-2": ("pending", STARTING, STARTING)},
        {"i-2": ("running", OK, OK)},
    )
    script.wait("i-1", "i-2")
    assert [call["InstanceIds"] for call in script.calls] == [["i-1", "i-2"], ["i-2"]]


def test_more_than_a_hundred_are_asked_without_ids():
    """Above what one call takes, all are paged and one's own picked."""
    ids = [f"i-{number}" for number in range(150)]
    script = _Script(dict.fromkeys([*ids, "i-stranger"], ("running", OK, OK)))
    assert len(script.wait(*ids)) == 150
    assert script.calls == [{"IncludeAllInstances": True, "PaginationConfig": {"PageSize": 1000}}]


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopped", "stopping"])
def test_a_death_is_told_at_once_with_its_reason(state):
    """No ten minutes beside a dead instance: the next poll says what died, and why."""
    script = _Script({"i-1": ("pending",)}, {"i-1": (state,)})
    with pytest.raises(InstanceDied) as caught:
        script.wait("i-1")
    assert caught.value.message == (
        f"lab (i-1) is {state} instead of getting ready: Server.InternalError: Internal error on launch"
    )
    assert script.slept == [1.0]
    # A stopped one keeps its disk, and the same launch would only say that it is stopped.
    costs = "its disk goes on costing: awstune start lab, or awstune terminate lab ends that, too"
    assert (caught.value.hint == costs) is state.startswith("stop")


def test_a_death_of_which_aws_says_no_more():
    """Throttled when it is asked why: that it died is said all the same."""
    script = _Script({"i-1": ("terminated",)}, reason=None)
    with pytest.raises(InstanceDied) as caught:
        script.wait("i-1")
    assert caught.value.message == "i-1 is terminated instead of getting ready: AWS gives no reason"


def test_an_impaired_check_is_not_waited_out():
    """Which check failed, on which instance, and that it costs."""
    script = _Script({"i-1": ("running", BAD, OK)})
    with pytest.raises(NotReady) as caught:
        script.wait("i-1")
    assert caught.value.message == (
        "lab (i-1) is impaired: AWS's check InstanceStatus failed; it goes on, and costs"
    )
    assert caught.value.hint.startswith("awstune terminate lab, and launch again")


def test_an_instance_that_does_not_show_yet_is_polled():
    """NotFound right after RunInstances is patience, not failure."""
    missing = faults.Refused("no", code="InvalidInstanceID.NotFound")
    script = _Script(missing, {}, {"i-1": ("running", OK, OK)})
    assert script.wait("i-1")[-1].ready


def test_throttling_slows_it_down():
    """Where AWS asks for patience, or does not answer, it polls more slowly."""
    script = _Script(
        faults.Throttled("slow", code="RequestLimitExceeded"),
        faults.Unreachable("?"),
        {"i-1": ("running", OK, OK)},
    )
    script.wait("i-1")
    assert script.slept == [5.0, 5.0]


def test_other_refusals_are_not_swallowed():
    """A caller who may not look is told so."""
    with pytest.raises(faults.NotPermitted):
        _Script(faults.NotPermitted("no", code="UnauthorizedOperation")).wait("i-1")


def test_the_time_is_up():
    """Who stands where when patience ends, and that it costs money."""
    script = _Script({"i-1": ("running", OK, STARTING)})
    with pytest.raises(NotReady) as caught:
        script.wait("i-1", "i-2", timeout_s=120)
    assert caught.value.message == (
        "not ready after 2 minutes: i-1 is running, checks 1/2; i-2 does not show"
    )
    assert "awstune terminate" in caught.value.hint
    assert script.time == 120


def test_a_running_instance_without_checks_is_not_ready():
    """No status at all is no passed status."""
    script = _Script({"i-1": ("running",)}, {"i-1": ("running", OK, OK)})
    assert [told.ready for told in script.wait("i-1")] == [False, True]


def test_against_moto(cloud):
    """AWS's real shapes: moto's instances are ready at once."""
    launched = cloud.ec2.run_instances(ImageId="ami-0000000000000c0de", MinCount=2, MaxCount=2)["Instances"]
    ids = [facts["InstanceId"] for facts in launched]
    told = list(wait.until_ready(cloud, ids, sleep=pytest.fail))
    assert {one.id for one in told if one.ready} == set(ids)
    cloud.ec2.terminate_instances(InstanceIds=ids[:1])
    with pytest.raises(InstanceDied, match=ids[0]):
        list(wait.until_ready(cloud, ids, sleep=pytest.fail))
    with pytest.raises(NotReady, match="does not show"):
        list(wait.until_ready(cloud, ["i-00000000000000000"], sleep=lambda _: None, timeout_s=0))
