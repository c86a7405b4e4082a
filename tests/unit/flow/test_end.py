"""What a terminate does when something stands in its way: the rest is ended, and that is said."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from awstune import names
from awstune.config import Config
from awstune.ec2 import end as ec2_end
from awstune.ec2 import instances, prices, restart
from awstune.errors import CloudError, NameBusy, NoGuard, UsageError
from awstune.flow import claim, doomed, end
from awstune.flow.events import Warned
from tests.unit.ec2.conftest import answering, boto_session, cloud, shared_cloud
from tests.unit.ec2.launches import launched
from tests.unit.ec2.test_restart import new_user_data

__all__ = ["answering", "boto_session", "cloud", "new_user_data", "shared_cloud"]


@pytest.fixture
def config(tmp_path):
    """A home and a folder of its own."""
    return Config(cloud="aws", region="us-east-1", profile=None, home=tmp_path / "home", cwd=tmp_path)


@pytest.fixture
def keys_dir(config, cloud):
    """Where private keys go."""
    return config.home / "keys" / cloud.account


@pytest.fixture
def lab(cloud, keys_dir):
    """An instance called lab."""
    launched(cloud, keys_dir)
    return instances.find(cloud, "lab")


def ended(config, *places):
    """A terminate of these: what came of it, and its warnings."""
    return followed(end.terminate(config, places, discard=False, sleep=lambda _: None))


def followed(story):
    """What comes of a story, and its warnings."""
    warnings = []
    while True:
        try:
            event = next(story)
        except StopIteration as over:
            return over.value, warnings
        if isinstance(event, Warned):
            warnings.append(event.text)


def ended_all(config, cloud):
    """The same of all that is there."""
    return ended(config, (cloud, doomed.meant(cloud, (), every=True)))


def disk_of(cloud, **more):
    """A disk of one's own that no instance has."""
    tags = [{"Key": names.TAG_OWNER, "Value": cloud.owner}]
    made = {"ResourceType": "volume", "Tags": tags}
    asked = {"AvailabilityZone": "us-east-1a", "Size": 8, **more}
    return cloud.ec2.create_volume(**asked, TagSpecifications=[made])["VolumeId"]


def test_what_is_unused_cannot_be_looked_at(config, cloud, lab, answering):
    """The instance costs most, and is ended; that the rest is not known is said, with status 4."""
    answering("ec2", "DescribeNetworkInterfaces", "UnauthorizedOperation")
    told, warnings = ended_all(config, cloud)
    assert instances.own(cloud) == []
    assert [one.id for one in told.gone] == [lab.id]
    assert told.failure.exit_status == 4
    assert told.failure.message == "what is in us-east-1 is not known, as AWS did not say"
    assert "DescribeNetworkInterfaces" in warnings[0]


def test_nobody_says_what_is_left_of_a_name(config, cloud, lab, answering):
    """All that is known of it is gone, so its name is unknown from now on: `doctor` looks for the rest."""
    answering("ec2", "DescribeNetworkInterfaces", "UnauthorizedOperation")
    told, _ = ended(config, (cloud, doomed.meant(cloud, ["lab"])))
    assert told.failure.message == "what is in us-east-1 is not known, as AWS did not say"
    assert told.failure.hint == "awstune doctor --region us-east-1 in a minute"


def test_nothing_can_be_looked_at_and_nothing_runs(cloud, answering):
    """Then there is nothing to end, and AWS's own word is all there is to say."""
    answering("ec2", "DescribeNetworkInterfaces", "UnauthorizedOperation")
    with pytest.raises(CloudError, match="DescribeNetworkInterfaces"):
        doomed.meant(cloud, (), every=True)


def test_what_could_not_be_looked_at_before_is_looked_at_afterwards(config, cloud, lab, answering):
    """AWS answers again: the disk that no instance has is named, and the command that deletes it."""
    disk, answers = disk_of(cloud), ["UnauthorizedOperation"]
    answering("ec2", "DescribeKeyPairs", lambda _: answers.pop() if answers else {"KeyPairs": []})
    told, _ = ended_all(config, cloud)
    assert told.left == ({"kind": "volume", "id": disk},)
    assert told.failure.hint == f"`aws ec2 delete-volume --volume-id {disk} --region us-east-1`"


def test_a_disk_that_went_while_the_question_was_open(config, cloud, lab):
    """What is told as left is what is there in the end."""
    disk, stays = disk_of(cloud), disk_of(cloud)
    what = doomed.meant(cloud, (), every=True)
    cloud.ec2.delete_volume(VolumeId=disk)
    told, _ = ended(config, (cloud, what))
    assert told.left == ({"kind": "volume", "id": stays},)
    assert [one.id for one in told.gone] == [lab.id]


def test_more_than_a_filter_takes(config, cloud, lab, answering):
    """AWS takes 200 values a filter: of many instances all disks are asked for all the same."""
    many = [replace(lab, id=f"i-{number}", volume_ids=(f"vol-{number}",)) for number in range(250)]
    asked = []
    answering("ec2", "DescribeVolumes", lambda params: asked.append(params["body"]) or {"Volumes": []})
    assert ec2_end.leftovers(cloud, many, sleep=pytest.fail) == []
    values = [[key for key in body if ".Value." in key] for body in asked]
    assert max(map(len, values)) <= 200
    assert {word for body in asked for word in body.values()} >= {f"vol-{number}" for number in range(250)}


def test_a_disk_that_is_taken_off_in_its_own_time(config, cloud, lab, answering):
    """AWS shows a disk with its ended instance for a moment: it is waited for, and nothing is left."""
    shown = cloud.ec2.describe_volumes(VolumeIds=list(lab.volume_ids))["Volumes"]
    answers = [shown, shown, []]
    answering("ec2", "DescribeVolumes", lambda _: {"Volumes": answers.pop(0) if answers else []})
    told, _ = ended(config, (cloud, doomed.Doomed((lab,))))
    assert told.failure is None
    assert answers == []


def test_one_that_another_awstune_is_at_work_on(config, cloud, keys_dir, lab):
    """Of all it is spared, and named with status 4; by its name it is refused before anything ends."""
    launched(cloud, keys_dir, name="busy")
    busy = instances.find(cloud, "busy")
    held = claim.take(config.home, f"{cloud.account}/us-east-1", ["busy"], "extend")
    with pytest.raises(NameBusy):
        ended(config, (cloud, doomed.meant(cloud, ["lab", "busy"])))
    assert len(instances.own(cloud)) == 2
    told, warnings = ended_all(config, cloud)
    held.release()
    assert [one.id for one in told.gone] == [lab.id]
    assert [one.id for one in instances.own(cloud)] == [busy.id]
    assert "another awstune is at work on busy: extend" in warnings[0]
    assert told.failure.message == f"still there: instance {busy.id}; another awstune is at work on busy"
    assert told.failure.hint == "awstune terminate busy in a minute"


def test_one_that_aws_does_not_end(config, cloud, keys_dir, lab):
    """Protected in the console: the others are ended, and no word says that it was."""
    launched(cloud, keys_dir, name="kept")
    kept = instances.find(cloud, "kept")
    cloud.ec2.modify_instance_attribute(InstanceId=kept.id, DisableApiTermination={"Value": True})
    told, warnings = ended_all(config, cloud)
    assert [one.id for one in told.gone] == [lab.id]
    assert [one.id for one in instances.own(cloud)] == [kept.id]
    assert warnings[0].startswith(f"not ended: kept ({kept.id}): AWS refused TerminateInstances")
    assert {"kind": "instance", "id": kept.id} in told.left
    assert told.failure.hint == "awstune terminate kept in a minute"
    with pytest.raises(CloudError, match="OperationNotPermitted") as caught:
        ended(config, (cloud, doomed.meant(cloud, ["kept"])))
    assert f"--instance-id {kept.id} --no-disable-api-termination --region us-east-1`" in caught.value.hint


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "ExpiredToken"])
def test_a_region_that_refuses_keeps_no_other(config, cloud, keys_dir, lab, code):
    """Each region is asked; what is left where one refuses is named, or that nobody knows it."""
    far = cloud.at("eu-west-1")
    launched(far, keys_dir, name="far")
    places = [(there, doomed.meant(there, (), every=True)) for there in (far, cloud)]

    def refuse(**_):
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "TerminateInstances")

    far.ec2.meta.events.register("before-call.ec2.TerminateInstances", refuse)
    told, warnings = ended(config, *places)
    assert code in warnings[0]
    assert [one.id for one in told.gone] == [lab.id]
    kind, id_ = ("region", far.region) if code == "ExpiredToken" else ("instance", far_id(far))
    assert {"kind": kind, "id": id_} in told.left


def far_id(far):
    """The id of the one instance there."""
    (one,) = instances.own(far)
    return one.id


def test_a_key_pair_that_aws_does_not_delete(config, cloud, lab, answering):
    """The instance is gone: what is left is looked for all the same, and named."""
    answering("ec2", "DeleteKeyPair", "UnauthorizedOperation")
    told, warnings = ended_all(config, cloud)
    assert "AWS refused DeleteKeyPair: UnauthorizedOperation" in warnings[0]
    assert [one.id for one in told.gone] == [lab.id]
    assert {"kind": "key-pair", "id": "awstune-lab"} in told.left
    assert told.failure.hint == "awstune terminate lab in a minute"


def test_a_group_in_use_keeps_no_other(config, cloud, keys_dir, answering):
    """What takes too long of one NAME is told and named; the other NAME's group goes."""
    from tests.unit.ec2.test_orphans import cut_short

    cut_short(cloud, keys_dir, "first")
    cut_short(cloud, keys_dir, "second")
    (used,) = [one["GroupId"] for one in groups(cloud) if one["GroupName"] == "awstune-first"]
    real = {"Return": True}
    answering(
        "ec2", "DeleteSecurityGroup", lambda asked: "DependencyViolation" if used in str(asked) else real
    )
    told, warnings = ended_all(config, cloud)
    assert f"the security group {used} is still in use" in warnings[0]
    assert told.removed == ("second",)
    assert {"kind": "security-group", "id": used} in told.left


def groups(cloud):
    """The security groups that there are."""
    return cloud.ec2.describe_security_groups()["SecurityGroups"]


def test_a_sweep_that_began_while_the_question_was_open(config, cloud, lab):
    """It is seen: what it has made is not ended unfetched."""
    what = doomed.meant(cloud, ["lab"])
    cloud.ec2.create_tags(Resources=[lab.id], Tags=[{"Key": names.TAG_UNFETCHED, "Value": "train-1"}])
    cloud.ec2.stop_instances(InstanceIds=[lab.id])
    with pytest.raises(UsageError, match="train-1 on it is not here in full"):
        ended(config, (cloud, what))
    assert [one.state for one in instances.own(cloud)] == ["stopped"]


def test_a_start_that_aws_refuses_in_part(config, cloud, keys_dir, new_user_data, answering):
    """What was started before the refusal goes on, and costs: that is said, and what stops it."""
    launched(cloud, keys_dir, count=2)
    list(ec2_end.stop(cloud, instances.own(cloud), sleep=lambda _: None))
    stopped = sorted(instances.own(cloud), key=lambda one: one.name)
    again = [restart.propose(one, prices.shipped(), time.time()) for one in stopped]
    answers = [{}, "InsufficientInstanceCapacity", "InternalError", "InsufficientInstanceCapacity"]
    answering("ec2", "StartInstances", lambda _: answers.pop(0))
    # AWS's own failure may come after it has acted.
    for perhaps in ("lab-1", "lab-1 lab-2"):
        with pytest.raises(CloudError) as caught:
            list(end.start(config, cloud, again))
        assert caught.value.message.endswith(f"; {perhaps} may have started, and then goes on costing")
        assert caught.value.hint.endswith(f"; awstune stop {perhaps}")
    with pytest.raises(CloudError) as caught:
        list(end.start(config, cloud, again))
    assert "may have started" not in caught.value.message


@pytest.mark.parametrize(
    ("ran", "said", "hint"),
    [
        ([], "none, so lab-1 lab-2 was stopped again", "awstune terminate lab-1 lab-2"),
        (["lab-1"], "none, so lab-2 was stopped again; lab-1 goes on, and costs", "awstune terminate lab-1"),
        (["lab-1", "lab-2"], "none; lab-1 lab-2 goes on, and costs", "awstune terminate lab-1 lab-2"),
    ],
)
def test_a_start_finds_no_guard(cloud, keys_dir, ran, said, hint):
    """What was started is stopped again; what ran before goes on without an end, and both are said."""
    launched(cloud, keys_dir, count=2)
    both = sorted(instances.own(cloud), key=lambda one: one.name)
    found = NoGuard("none", "awstune terminate lab-1 lab-2", names=("lab-1", "lab-2"))
    began = [replace(one, state="running" if one.name in ran else "stopped") for one in both]
    told, _ = followed(end.stopped_again(cloud, began, found))
    assert (told.message, told.hint) == (said, hint)
    assert [one.name for one in instances.own(cloud) if one.state == "running"] == ran


def test_one_that_ended_while_the_question_was_open(config, cloud, lab):
    """Nothing can be fetched from it any more; what was made beside it goes."""
    what = doomed.meant(cloud, ["lab"])
    cloud.ec2.terminate_instances(InstanceIds=[lab.id])
    told, _ = ended(config, (cloud, what))
    assert told.failure is None
    assert not ec2_end.left_of(cloud, "lab")
