import json
import threading

import pytest
from botocore.exceptions import ClientError

from awstune.amounts import iso
from awstune.ec2 import backstop, end, extend, instances
from awstune.ec2.events import NoBackstop
from awstune.ec2.session import Cloud
from awstune.errors import CloudError
from tests.unit.ec2.launches import started
from tests.unit.ec2.test_end import _launch, _terminate
from tests.unit.ec2.test_restart import new_user_data

__all__ = ["new_user_data"]


@pytest.fixture
def owner_applied(cloud):
    """An account whose owner has made the schedule group."""
    cloud.client("scheduler").create_schedule_group(Name="awstune")
    return cloud


def _schedules(cloud):
    names = [
        one["Name"] for one in cloud.client("scheduler").list_schedules(GroupName="awstune")["Schedules"]
    ]
    return [cloud.client("scheduler").get_schedule(GroupName="awstune", Name=name) for name in names]


def test_a_launch_arms_it(owner_applied, keys_dir):
    """A one-time schedule, a quarter of an hour after the end, that stops this instance only."""
    (lab,) = _launch(owner_applied, keys_dir, ttl_s=3600)
    (schedule,) = _schedules(owner_applied)
    assert schedule["Name"] == lab.id
    at = iso(lab.ends + 900).removesuffix("Z")
    assert schedule["ScheduleExpression"] == f"at({at})"
    assert schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:stopInstances"
    assert schedule["Target"]["RoleArn"] == "arn:aws:iam::123456789012:role/awstune-backstop"
    assert json.loads(schedule["Target"]["Input"]) == {"InstanceIds": [lab.id]}


def test_it_follows_the_end(owner_applied, keys_dir):
    """Extend moves it, no end at all takes it away."""
    (lab,) = _launch(owner_applied, keys_dir)
    extend.write_end(owner_applied, lab, 4102444800.0)
    assert _schedules(owner_applied)[0]["ScheduleExpression"] == "at(2100-01-01T00:15:00)"
    extend.write_end(owner_applied, lab, None)
    assert _schedules(owner_applied) == []
    extend.write_end(owner_applied, lab, None)


def test_one_that_cannot_be_moved_leaves_the_tag(owner_applied, keys_dir, answering):
    """What is counted from the tag comes to the same end, once AWS lets it be moved."""
    (lab,) = _launch(owner_applied, keys_dir)
    answering("scheduler", "CreateSchedule", "AccessDeniedException")
    with pytest.raises(CloudError, match="AccessDenied"):
        extend.write_end(owner_applied, lab, 4102444800.0)
    assert instances.find(owner_applied, "lab").ends == lab.ends


def test_a_stop_that_is_interrupted_takes_it_away_all_the_same(owner_applied, keys_dir):
    """Else what was only stopped would be terminated at its old end, with its disk."""
    (lab,) = _launch(owner_applied, keys_dir, at_end="terminate")
    story = end.stop(owner_applied, [lab], sleep=lambda _: None)
    next(story)
    story.close()
    assert _schedules(owner_applied) == []


def test_it_goes_with_its_instance(owner_applied, keys_dir):
    """Terminate takes it away, and one that stays is named."""
    (lab,) = _launch(owner_applied, keys_dir)
    assert {"kind": "schedule", "id": lab.id} in end.leftovers(owner_applied, [lab])
    _terminate(owner_applied, [lab], keys_dir)
    assert end.leftovers(owner_applied, [lab]) == []


def test_a_start_that_aws_refuses_leaves_none(owner_applied, keys_dir, new_user_data, answering):
    """Else what stays stopped would be terminated some hours later."""
    (lab,) = _launch(owner_applied, keys_dir, at_end="terminate")
    list(end.stop(owner_applied, [lab], sleep=lambda _: None))
    assert _schedules(owner_applied) == []
    answering("ec2", "StartInstances", "InsufficientInstanceCapacity")
    with pytest.raises(CloudError, match="InsufficientInstanceCapacity"):
        started(owner_applied)
    assert _schedules(owner_applied) == []


def test_a_start_without_an_answer_keeps_the_one_that_stops(
    owner_applied, keys_dir, new_user_data, answering
):
    """Nobody knows whether it runs: its end from outside stays, and does a stopped one no harm."""
    (lab,) = _launch(owner_applied, keys_dir, at_end="stop")
    list(end.stop(owner_applied, [lab], sleep=lambda _: None))
    answering("ec2", "StartInstances", "InternalError")
    with pytest.raises(CloudError, match="InternalError"):
        started(owner_applied)
    assert [one["Name"] for one in _schedules(owner_applied)] == [lab.id]


class _Session:
    """A boto3 Session that notes which thread asks it for a client; it is not for several."""

    def __init__(self, session):
        self.session, self.events, self.asked_by = session, session.events, []

    def client(self, *words, **more):
        """A client of the session's."""
        self.asked_by.append(threading.current_thread())
        return self.session.client(*words, **more)


def test_the_threads_of_a_fleet_share_its_clients(owner_applied, keys_dir, boto_session):
    """Several instances are armed at a time, by clients that were made before."""
    session = _Session(boto_session)
    fleet = _launch(Cloud(session, "us-east-1"), keys_dir, count=2)
    assert len(_schedules(owner_applied)) == len(fleet) == 2
    assert set(session.asked_by) == {threading.main_thread()}


def test_without_it_nothing_is_scheduled(cloud, keys_dir):
    """An account that has none launches as before."""
    _launch(cloud, keys_dir)
    assert not cloud.has_backstop
    assert cloud.client("scheduler").list_schedules()["Schedules"] == []


@pytest.mark.parametrize("operation", ["CreateSchedule", "DeleteSchedule", "GetSchedule"])
def test_a_refusal_is_told(owner_applied, keys_dir, answering, operation):
    """A launch goes on and says so; elsewhere it is an error."""
    (lab,) = _launch(owner_applied, keys_dir)
    answering("scheduler", operation, "AccessDeniedException")
    calls = {
        "CreateSchedule": lambda: backstop.arm(owner_applied, lab, 1.0),
        "DeleteSchedule": lambda: backstop.disarm(owner_applied, [lab.id]),
        "GetSchedule": lambda: backstop.left(owner_applied, [lab.id]),
    }
    with pytest.raises(CloudError, match="AccessDenied"):
        calls[operation]()


def test_a_launch_goes_on_without_it(owner_applied, keys_dir):
    """The instance's own guard is its first end: a backstop that cannot be armed is told, not fatal."""
    from awstune.ec2 import launch, survey
    from awstune.ec2.plan import make_plan
    from awstune.ec2.wanted import Wanted

    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "No."}}, "CreateSchedule")

    events = owner_applied.client("scheduler").meta.events
    events.register("before-call.scheduler.CreateSchedule", refuse)
    wanted = Wanted("lab", type="g4dn.xlarge", ssh_from="203.0.113.7/32")
    plan = make_plan(wanted, survey.look(owner_applied, wanted, keys_dir))
    try:
        told = list(launch.apply(owner_applied, plan, keys_dir))
    finally:
        events.unregister("before-call.scheduler.CreateSchedule", refuse)
    assert isinstance(told[-1], NoBackstop)
    assert instances.find(owner_applied, "lab").live
