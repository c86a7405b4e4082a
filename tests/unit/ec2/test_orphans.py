"""What no instance uses: found, and taken along by whoever ends all there is."""

from dataclasses import replace

import pytest

from awstune import names
from awstune.ec2 import backstop, end, instances, launch, orphans
from awstune.flow.doomed import Doomed, meant
from tests.unit.ec2.launches import launched, planned

YOU = "arn:aws:iam::123456789012:user/you"


def cut_short(cloud, keys_dir, name):
    """A launch that ended after its key pair and its group."""
    story = launch.apply(cloud, planned(cloud, keys_dir, name=name), keys_dir)
    for _ in range(2):
        next(story)


def found(cloud, **asked):
    """Kind and NAME of each."""
    return sorted((one.kind, one.base) for one in orphans.find(cloud, **asked))


@pytest.fixture
def scheduled(cloud):
    """An account whose owner has made the schedule group."""
    cloud.client("scheduler").create_schedule_group(Name=backstop.GROUP)
    return cloud


def test_all_means_what_interrupted_launches_left_too(cloud, keys_dir):
    """Without an instance; what an instance still has goes with that one, and is no leftover."""
    cut_short(cloud, keys_dir, "lost")
    launched(cloud, keys_dir)
    assert found(cloud) == [("key-pair", "lost"), ("security-group", "lost")]
    what = meant(cloud, (), every=True)
    assert [one.name for one in what.instances] == ["lab"]
    assert what.leftovers == ((cloud.owner, "lost"),)
    assert what.names == ("lab", "lost")


def test_what_others_left(cloud, keys_dir):
    """One's own by default; everyone's on request, with whose it is."""
    cut_short(cloud, keys_dir, "lost")
    pair = cloud.ec2.describe_key_pairs()["KeyPairs"][0]["KeyPairId"]
    cloud.ec2.create_tags(Resources=[pair], Tags=[{"Key": names.TAG_OWNER, "Value": YOU}])
    assert found(cloud) == [("security-group", "lost")]
    assert found(cloud, everyone=True) == [("key-pair", "lost"), ("security-group", "lost")]
    everyone = meant(cloud, (), every=True, everyone=True)
    assert sorted(everyone.leftovers) == sorted([(cloud.owner, "lost"), (YOU, "lost")])
    for owner, base in everyone.leftovers:
        list(end.clean(cloud, base, keys_dir, owner=owner))
    assert found(cloud, everyone=True) == []


def test_a_schedule_whose_instance_is_gone(scheduled, keys_dir):
    """Ended in the console: its schedule says whose it was, and goes with what else is left of the NAME."""
    cloud = scheduled
    launched(cloud, keys_dir, count=2)
    first, second = sorted(instances.own(cloud), key=lambda one: one.name)
    assert found(cloud) == []
    cloud.ec2.terminate_instances(InstanceIds=[first.id])
    assert found(cloud) == [("schedule", "lab")]
    assert {"kind": "schedule", "id": first.id} in end.leftovers(cloud, [], [(cloud.owner, "lab")])
    removed = [one.id for one in end.clean(cloud, "lab", keys_dir)]
    assert removed == [first.id]
    assert backstop.left(cloud, [first.id, second.id]) == [second.id]
    cloud.ec2.terminate_instances(InstanceIds=[second.id])
    assert end.left_of(cloud, "lab")
    list(end.clean(cloud, "lab", keys_dir))
    assert not end.left_of(cloud, "lab")


def test_an_instance_that_is_launched_while_one_looks(scheduled, keys_dir):
    """Another laptop's, between two questions: its schedule is no stray, and its group no orphan."""
    cloud, events = scheduled, scheduled.scheduler.meta.events

    def launch_one(**_):
        events.unregister("before-call.scheduler.ListSchedules", launch_one)
        launched(cloud, keys_dir)

    events.register("before-call.scheduler.ListSchedules", launch_one)
    assert found(cloud) == []
    (lab,) = instances.own(cloud)
    assert backstop.left(cloud, [lab.id]) == [lab.id]


def test_schedules_that_may_not_be_listed(scheduled, keys_dir, answering):
    """An older policy: what else is left is found and removed all the same."""
    cut_short(scheduled, keys_dir, "lost")
    answering("scheduler", "ListSchedules", "AccessDeniedException")
    assert found(scheduled) == [("key-pair", "lost"), ("security-group", "lost")]
    assert end.left_of(scheduled, "lost")
    list(end.clean(scheduled, "lost", keys_dir))
    assert found(scheduled) == []


def test_somebody_elses_schedule(scheduled, keys_dir):
    """It is theirs, as its description says; one that awstune did not make is nobody's."""
    cloud = scheduled
    launched(cloud, keys_dir)
    (lab,) = instances.own(cloud)
    backstop.arm(cloud, replace(lab, id="i-2", owner=YOU), 4102444800.0)
    asked = backstop._schedule(cloud, lab, 4102444800.0) | {"Name": "other", "Description": "mine"}
    cloud.scheduler.create_schedule(**asked)
    assert found(cloud) == []
    assert found(cloud, everyone=True) == [("schedule", "lab")]


def test_a_disk_that_nobody_has_is_named_and_stays(cloud, keys_dir):
    """What is on it its owner knows: `terminate --all` says that it is there, and deletes it not."""
    tags = [{"Key": names.TAG_OWNER, "Value": cloud.owner}]
    made = cloud.ec2.create_volume(
        AvailabilityZone="us-east-1a",
        Size=8,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
    )
    kept = ({"kind": "volume", "id": made["VolumeId"]},)
    assert meant(cloud, (), every=True) == Doomed((), (), kept, every=True)
