import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from awstune import names
from awstune.ec2 import end, instances, keys, launch, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import CloudError, LeftBehind, UsageError
from awstune.flow.doomed import meant


def _launch(cloud, keys_dir, **wishes):
    wanted = Wanted(**({"name": "lab", "type": "g4dn.xlarge", "ssh_from": "203.0.113.7/32"} | wishes))
    list(launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir))
    return instances.own(cloud)


def _terminate(cloud, doomed, keys_dir):
    return list(end.terminate(cloud, doomed, keys_dir, sleep=lambda _: None))


def _groups(cloud):
    return [group["GroupName"] for group in cloud.ec2.describe_security_groups()["SecurityGroups"]]


def test_terminate_leaves_nothing(cloud, keys_dir):
    """Instance, disk, interface, group, key pair and key file are gone, and AWS says so."""
    doomed = _launch(cloud, keys_dir)
    told = _terminate(cloud, doomed, keys_dir)
    assert [type(event).__name__ for event in told] == ["Changed", "Removed", "Removed", "Removed"]
    assert [event.kind for event in told[1:]] == ["key-pair", "key-file", "security-group"]
    assert end.leftovers(cloud, doomed) == []
    assert instances.own(cloud) == []
    assert cloud.ec2.describe_volumes()["Volumes"] == []
    assert cloud.ec2.describe_key_pairs()["KeyPairs"] == []
    assert "awstune-lab" not in _groups(cloud)
    assert list(keys_dir.glob("*.pem")) == []


def test_a_fleet_keeps_its_key_until_the_last_one_ends(cloud, keys_dir):
    """Key pair and group belong to NAME and go with the last instance of it."""
    fleet = _launch(cloud, keys_dir, count=2)
    told = _terminate(cloud, fleet[:1], keys_dir)
    assert [type(event).__name__ for event in told] == ["Changed"]
    assert "awstune-lab" in _groups(cloud)
    assert end.leftovers(cloud, fleet[:1]) == []
    _terminate(cloud, fleet[1:], keys_dir)
    assert "awstune-lab" not in _groups(cloud)


def test_others_are_left_alone(cloud, keys_dir):
    """Ending one NAME touches nothing of another."""
    lab = _launch(cloud, keys_dir)
    _launch(cloud, keys_dir, name="desk")
    _terminate(cloud, lab, keys_dir)
    assert [one.name for one in instances.own(cloud)] == ["desk"]
    assert [pair["KeyName"] for pair in cloud.ec2.describe_key_pairs()["KeyPairs"]] == ["awstune-desk"]
    assert "awstune-desk" in _groups(cloud)


def test_what_somebody_else_launched_ends_whole(cloud, keys_dir):
    """Asked for everyone's: with its key pair and group, and nothing of one's own."""
    (theirs,) = _launch(cloud, keys_dir)
    you = "arn:aws:iam::123456789012:user/you"
    pair = cloud.ec2.describe_key_pairs()["KeyPairs"][0]["KeyPairId"]
    of_theirs = [theirs.id, *theirs.group_ids, *theirs.volume_ids, pair]
    cloud.ec2.create_tags(Resources=of_theirs, Tags=[{"Key": names.TAG_OWNER, "Value": you}])
    _launch(cloud, keys_dir, name="desk")
    everyone = meant(cloud, (), every=True, everyone=True).instances
    assert sorted((one.name, one.owner == cloud.owner) for one in everyone) == [
        ("desk", True),
        ("lab", False),
    ]
    assert [one.name for one in meant(cloud, (), every=True).instances] == ["desk"]
    strangers = [one for one in everyone if one.name == "lab"]
    kinds = [one["kind"] for one in end.leftovers(cloud, strangers)]
    assert kinds == ["instance", "volume"]
    told = _terminate(cloud, strangers, keys_dir)
    assert [event.kind for event in told[1:]] == ["key-pair", "security-group"]
    assert end.leftovers(cloud, strangers) == []
    assert [pair["KeyName"] for pair in cloud.ec2.describe_key_pairs()["KeyPairs"]] == ["awstune-desk"]


def test_a_launch_that_got_no_further_than_its_group(cloud, keys_dir):
    """`clean` removes what an interrupted launch left without an instance."""
    wanted = Wanted("lab", type="g4dn.xlarge", ssh_from="203.0.113.7/32")
    story = launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir)
    for _ in range(3):
        next(story)
    assert len(list(end.clean(cloud, "lab", keys_dir))) == 3
    assert "awstune-lab" not in _groups(cloud)


def test_a_users_own_key_file_stays(cloud, keys_dir, tmp_path):
    """Only what awstune made here is deleted: of a PEM of one's own, the link."""
    own = tmp_path / "course.pem"
    keys.generate(own)
    _terminate(cloud, _launch(cloud, keys_dir, key=str(own)), keys_dir)
    assert own.exists()
    assert list(keys_dir.glob("*.pem")) == []


def test_what_is_left_is_named(cloud, keys_dir):
    """An instance that still runs, its disk, and what lies beside it."""
    doomed = _launch(cloud, keys_dir)
    subnet = cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    tags = [{"Key": key, "Value": doomed[0].tags[key]} for key in (names.TAG_OWNER, names.TAG_TOKEN)]
    cloud.ec2.create_network_interface(
        SubnetId=subnet, TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}]
    )
    kinds = [one["kind"] for one in end.leftovers(cloud, doomed)]
    assert kinds == ["instance", "volume", "network-interface"]
    cloud.ec2.terminate_instances(InstanceIds=[doomed[0].id])
    kinds = [one["kind"] for one in end.leftovers(cloud, doomed)]
    assert kinds == ["network-interface", "security-group", "key-pair"]
    assert end.leftovers(cloud, []) == []


def test_a_disk_that_was_put_to_it_later_is_named(cloud, keys_dir):
    """What the user attached carries none of its tags, outlives it, and goes on costing."""
    (lab,) = _launch(cloud, keys_dir)
    disk = cloud.ec2.create_volume(Size=8, AvailabilityZone=lab.zone)["VolumeId"]
    cloud.ec2.attach_volume(VolumeId=disk, InstanceId=lab.id, Device="/dev/sdf")
    doomed = instances.own(cloud)
    _terminate(cloud, doomed, keys_dir)
    assert end.leftovers(cloud, doomed) == [{"kind": "volume", "id": disk}]


@pytest.mark.parametrize("call", ["DeleteSecurityGroup", "DeleteKeyPair", "TerminateInstances"])
def test_hidden_is_not_gone(cloud, keys_dir, call):
    """AWS says yes and does nothing: what is still there is named, by NAME alone as well."""
    doomed = _launch(cloud, keys_dir)
    event = f"before-call.ec2.{call}"

    def nod(**_):
        return AWSResponse("", 200, {}, None), {}

    cloud.ec2.meta.events.register(event, nod)
    clock = iter(range(0, 10_000, 100))
    try:
        if call == "TerminateInstances":
            with pytest.raises(LeftBehind):
                list(end.terminate(cloud, doomed, keys_dir, now=lambda: next(clock), sleep=lambda _: None))
        else:
            _terminate(cloud, doomed, keys_dir)
    finally:
        cloud.ec2.meta.events.unregister(event, nod)
    kinds = {"DeleteSecurityGroup": ["security-group"], "DeleteKeyPair": ["key-pair"]}
    assert [one["kind"] for one in end.leftovers(cloud, doomed)] == kinds.get(call, ["instance", "volume"])
    by_name = [one["kind"] for one in end.leftovers(cloud, [], [(cloud.owner, "lab")])]
    assert by_name == kinds.get(call, [])


def test_a_refused_terminate_is_never_reported_as_done(cloud, keys_dir):
    """AWS says no: an error, no event."""
    doomed = _launch(cloud, keys_dir)

    def refuse(**_):
        raise ClientError(
            {"Error": {"Code": "UnauthorizedOperation", "Message": "No."}}, "TerminateInstances"
        )

    cloud.ec2.meta.events.register_first("before-send.ec2.TerminateInstances", refuse)
    try:
        with pytest.raises(CloudError, match="UnauthorizedOperation"):
            next(end.terminate(cloud, doomed, keys_dir))
    finally:
        cloud.ec2.meta.events.unregister("before-send.ec2.TerminateInstances", refuse)
    assert instances.find(cloud, "lab").state == "running"


def test_an_instance_that_does_not_end_in_time(cloud, keys_dir):
    """What AWS never confirms is left behind, with status 4."""
    doomed = _launch(cloud, keys_dir)
    with pytest.raises(LeftBehind, match=r"not stopped in time: lab \(i-\w+\) is running"):
        list(end._until(cloud, doomed, "stopped", now=lambda: 0.0, sleep=pytest.fail, timeout_s=0))


def test_a_group_that_is_still_in_use_is_tried_again(cloud, keys_dir):
    """DependencyViolation lasts a while after the last instance has ended; who has it longer is named."""
    (lab,) = _launch(cloud, keys_dir)
    (group,) = lab.group_ids
    left = ["DependencyViolation", "DependencyViolation"]

    def busy(**_):
        if left:
            raise ClientError({"Error": {"Code": left.pop(0), "Message": "No."}}, "DeleteSecurityGroup")

    cloud.ec2.meta.events.register_first("before-send.ec2.DeleteSecurityGroup", busy)
    pauses = []
    try:
        end.delete_group(cloud, group, pauses.append)
        end.delete_group(cloud, group, pytest.fail)
        assert pauses == [1.0, 1.0]
        left += ["DependencyViolation"] * 100
        with pytest.raises(LeftBehind, match=f"still in use by {lab.id}"):
            end.delete_group(cloud, group, lambda _: None)
        left += ["DependencyViolation"] * 100
        with pytest.raises(LeftBehind, match="sg-1 is still in use\nhint: wait"):
            end.delete_group(cloud, "sg-1", lambda _: None)
        left[:] = ["UnauthorizedOperation"]
        with pytest.raises(CloudError, match="Unauthorized"):
            end.delete_group(cloud, group, pytest.fail)
    finally:
        cloud.ec2.meta.events.unregister("before-send.ec2.DeleteSecurityGroup", busy)


def test_a_spot_instance_is_not_stopped(cloud, keys_dir):
    """AWS would refuse it; it is said before AWS is asked, with what can be done instead."""
    _launch(cloud, keys_dir, market="spot")
    spot = instances.own(cloud)
    with pytest.raises(UsageError, match="lab cannot be stopped") as caught:
        list(end.stop(cloud, spot))
    assert "awstune terminate lab" in caught.value.hint
    assert [one.state for one in instances.own(cloud)] == ["running"]


def test_what_cannot_be_noted_keeps_nothing_running(cloud, keys_dir, answering):
    """A caller who may stop and not tag: it stops."""
    (lab,) = _launch(cloud, keys_dir)
    answering("ec2", "CreateTags", "UnauthorizedOperation")
    list(end.stop(cloud, [lab], sleep=lambda _: None))
    assert instances.find(cloud, "lab").state == "stopped"


def test_states_are_told_once_each(cloud, keys_dir):
    """While an instance takes its time, each state is told when it comes, second by second."""
    (lab,) = _launch(cloud, keys_dir)
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            cloud.ec2.stop_instances(InstanceIds=[lab.id])

    told = list(end._until(cloud, [lab], "stopped", now=lambda: 0.0, sleep=sleep, timeout_s=60))
    assert [event.state for event in told] == ["running", "stopped"]
    assert pauses == [1.0, 1.0, 1.0]


def test_what_an_interrupted_launch_left(cloud, keys_dir):
    """A key pair or a group without an instance is seen, and cleaned."""
    assert not end.left_of(cloud, "lab")
    wanted = Wanted("lab", type="g4dn.xlarge", ssh_from="203.0.113.7/32")
    story = launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir)
    next(story)
    assert end.left_of(cloud, "lab")
    list(end.clean(cloud, "lab", keys_dir))
    assert not end.left_of(cloud, "lab")


def test_clean_leaves_what_is_used(cloud, keys_dir):
    """While an instance of that NAME lives, nothing of it is removed."""
    _launch(cloud, keys_dir)
    assert list(end.clean(cloud, "lab", keys_dir)) == []


def test_a_region_that_is_silent_is_not_still_there():
    """What AWS says is there, and where it says nothing, are two things."""
    card, region = {"kind": "network-interface", "id": "eni-1"}, {"kind": "region", "id": "eu-west-1"}
    unknown = "what is in eu-west-1 is not known, as AWS did not say"
    assert end.still_there([card]) == "still there: network-interface eni-1"
    assert end.still_there([region]) == unknown
    assert end.still_there([card, region]) == f"still there: network-interface eni-1; {unknown}"
