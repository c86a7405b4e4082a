import threading
import time

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from awstune.ec2 import events, faults, instances, intent, launch, run
from awstune.errors import CloudError
from tests.unit.ec2.launches import launched, only, planned
from tests.waiting import PATIENCE_S


def test_patience_where_aws_asks_for_it(cloud, keys_dir, failing):
    """Throttling and broken connections are asked again, with growing pauses and the same token."""
    failing("RequestLimitExceeded", None)
    pauses = []
    told = list(launch.apply(cloud, planned(cloud, keys_dir), keys_dir, sleep=pauses.append))
    assert pauses == [1.0, 2.0]
    assert [type(event).__name__ for event in told][-3:] == ["Retried", "Retried", "Launched"]
    only(cloud)


def test_patience_ends(cloud, keys_dir, failing):
    """After four pauses the error is shown, and the intent stays for the next launch."""
    failing(*[None] * 5)
    with pytest.raises(CloudError):
        list(launch.apply(cloud, planned(cloud, keys_dir), keys_dir, sleep=lambda _: None))
    assert intent.intent_path(keys_dir, "lab", "us-east-1").exists()
    launched(cloud, keys_dir)
    only(cloud)


def test_a_quota_is_said_at_once(cloud, keys_dir, failing):
    """No repetition, no wait: the quota's error, and nothing open."""
    failing("VcpuLimitExceeded")
    with pytest.raises(CloudError) as caught:
        list(launch.apply(cloud, planned(cloud, keys_dir), keys_dir, sleep=pytest.fail))
    assert caught.value.kind == "quota"
    assert not intent.intent_path(keys_dir, "lab", "us-east-1").exists()


def test_a_token_whose_instance_has_ended(cloud, keys_dir, failing):
    """An intent of an instance that was ended meanwhile is dropped, and a fresh one launched."""
    plan = planned(cloud, keys_dir)
    step = plan.launches[0]
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    old = run.request(cloud, step, "sg-1", time.time())
    intent.Intent(path, step.wishes, time.time(), old).write()
    failing("IdempotentInstanceTerminated")
    list(launch.apply(cloud, plan, keys_dir))
    assert only(cloud)["ClientToken"] != old["ClientToken"]


FULL = "InsufficientInstanceCapacity"


def test_a_full_zone_leads_to_the_next(cloud, keys_dir, failing):
    """AWS's own choice, then zone a, then b: a line for each with AWS's words, a token for each."""
    failing(FULL, FULL)
    tokens = []
    seen = lambda params, **_: tokens.append(params["body"]["ClientToken"])  # noqa: E731  # one line, used at once
    cloud.launcher.meta.events.register("before-call.ec2.RunInstances", seen)
    try:
        told = launched(cloud, keys_dir)
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", seen)
    full = [event for event in told if isinstance(event, events.NoRoom)]
    assert [(event.type, event.zone) for event in full] == [
        ("g4dn.xlarge", ""),
        ("g4dn.xlarge", "us-east-1a"),
    ]
    assert "InsufficientInstanceCapacity" in full[0].error
    assert only(cloud)["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert len(set(tokens)) == 3


def test_no_zone_has_any(cloud, keys_dir, failing):
    """All zones are asked once; then the error says how many, and nothing is open."""
    failing(*[FULL] * 20)
    with pytest.raises(faults.NoCapacity) as caught:
        launched(cloud, keys_dir)
    assert caught.value.message.startswith("no zone has a g4dn.xlarge for lab now (6 attempts; the last: ")
    assert "--or-similar" in caught.value.hint
    assert not intent.intent_path(keys_dir, "lab", "us-east-1").exists()


def test_the_next_type_is_asked_where_it_will_do(cloud, keys_dir, failing):
    """--or-similar: after the last zone the next type that the image drives, within the cap."""
    failing(*[FULL] * 6)
    told = launched(cloud, keys_dir, or_similar=True)
    assert told[-1].step.type == "g4dn.2xlarge"
    assert only(cloud)["InstanceType"] == "g4dn.2xlarge"
    assert planned(cloud, keys_dir, or_similar=True).empty


def test_a_subnet_has_one_zone(cloud, keys_dir, failing):
    """--subnet leaves no other zone to ask."""
    subnet = cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    failing(*[FULL] * 3)
    with pytest.raises(faults.NoCapacity, match="1 attempts"):
        launched(cloud, keys_dir, subnet=subnet)


def test_a_fleet_has_names_keys_and_host_keys(cloud, keys_dir):
    """--count 3: three names, three host keys, one key pair, one group."""
    launched(cloud, keys_dir, count=3)
    found = instances.own(cloud)
    assert sorted(one.name for one in found) == ["lab-1", "lab-2", "lab-3"]
    assert len({one.host_key for one in found}) == 3
    assert {one.key_name for one in found} == {"awstune-lab"}
    assert len({one.token for one in found}) == 3


def test_a_fleet_that_is_cut_short_says_what_it_got(cloud, keys_dir):
    """Two of three, then a quota: the error names those that run and how to end them."""
    answered = threading.Semaphore(0)

    def second(params, **_):
        if "awstune-lab-2" in params["body"].values():
            assert all(answered.acquire(timeout=PATIENCE_S) for _ in range(2))  # the others are launched
            raise ClientError({"Error": {"Code": "VcpuLimitExceeded", "Message": "No."}}, "RunInstances")

    def answer(**_):
        answered.release()

    cloud.launcher.meta.events.register("after-call.ec2.RunInstances", answer)
    cloud.launcher.meta.events.register_first("before-call.ec2.RunInstances", second)
    try:
        with pytest.raises(launch.PartLaunched) as caught:
            launched(cloud, keys_dir, count=3)
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", second)
        cloud.launcher.meta.events.unregister("after-call.ec2.RunInstances", answer)
    there = sorted(one.name for one in caught.value.launched)
    assert there == sorted(one.name for one in instances.own(cloud))
    assert f"{len(there)} of 3 are launched ({', '.join(there)}), then: " in caught.value.message
    assert f"awstune terminate {' '.join(there)}" in caught.value.hint
    launched(cloud, keys_dir, count=3)
    assert sorted(one.name for one in instances.own(cloud)) == ["lab-1", "lab-2", "lab-3"]


def test_a_fleet_is_launched_several_at_a_time(cloud, keys_dir):
    """Eight calls are under way together, never more."""
    under_way, most = set(), []
    lock, first_eight = threading.Lock(), threading.Barrier(8)

    def begin(**_):
        with lock:
            under_way.add(threading.get_ident())
            most.append(len(under_way))
            waits = len(most) <= first_eight.parties
        if waits:
            first_eight.wait(PATIENCE_S)  # broken where they do not come together

    def finish(**_):
        with lock:
            under_way.remove(threading.get_ident())

    events_of = cloud.launcher.meta.events
    events_of.register("before-call.ec2.RunInstances", begin)
    events_of.register("after-call.ec2.RunInstances", finish)
    try:
        launched(cloud, keys_dir, count=20)
    finally:
        events_of.unregister("before-call.ec2.RunInstances", begin)
        events_of.unregister("after-call.ec2.RunInstances", finish)
    assert len(instances.own(cloud)) == 20
    assert max(most) == 8


def test_what_was_just_made_may_not_be_seen_yet(cloud, keys_dir, failing):
    """InvalidGroup.NotFound right after the group was made is patience."""
    failing("InvalidGroup.NotFound", "InvalidKeyPair.NotFound")
    plan = planned(cloud, keys_dir)
    told = list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    assert [type(event).__name__ for event in told][-3:] == ["Retried", "Retried", "Launched"]


@pytest.mark.parametrize("operation", ["DescribeSecurityGroups", "AuthorizeSecurityGroupIngress"])
def test_a_group_that_was_just_made_may_not_be_seen_yet(cloud, keys_dir, operation):
    """By whoever opens its port, or looks for its id: that is asked again, and nothing is made twice."""
    plan, unseen, pauses = planned(cloud, keys_dir), [1, 1], []

    def hide(**_):
        if not unseen:
            return None
        unseen.pop()
        if operation == "DescribeSecurityGroups":
            return AWSResponse("", 200, {}, None), {"SecurityGroups": []}
        raise ClientError({"Error": {"Code": "InvalidGroup.NotFound", "Message": "No."}}, operation)

    cloud.ec2.meta.events.register_first(f"before-call.ec2.{operation}", hide)
    try:
        list(launch.apply(cloud, plan, keys_dir, sleep=pauses.append))
    finally:
        cloud.ec2.meta.events.unregister(f"before-call.ec2.{operation}", hide)
    assert pauses == [1.0, 2.0]
    only(cloud)
    assert planned(cloud, keys_dir).empty


def test_a_group_that_stays_unseen(cloud, keys_dir):
    """It is gone: said so, and the key pair that was made for it is gone, too."""
    plan = planned(cloud, keys_dir)
    hide = lambda **_: (AWSResponse("", 200, {}, None), {"SecurityGroups": []})  # noqa: E731  # one line, used at once
    cloud.ec2.meta.events.register_first("before-call.ec2.DescribeSecurityGroups", hide)
    try:
        with pytest.raises(CloudError, match="the security group awstune-lab is gone"):
            list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    finally:
        cloud.ec2.meta.events.unregister("before-call.ec2.DescribeSecurityGroups", hide)
    assert cloud.ec2.describe_key_pairs()["KeyPairs"] == []
    assert list(keys_dir.glob("*.pem")) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"DecodedMessage": '{"explicitDeny": true}'}, "an explicit deny"),
        ({"DecodedMessage": '{"explicitDeny": false}'}, "no policy allows it"),
        ({"DecodedMessage": "?"}, "UnauthorizedOperation"),
    ],
)
def test_why_a_caller_may_not(cloud, answer, said):
    """AWS's encoded account is decoded where the caller may, and its blob is never shown."""
    blob = "No. Encoded authorization failure message: AbC123"
    error = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": blob}}, "RunInstances")
    refused = faults.refusal(error)
    asked = lambda **_: (AWSResponse("", 200, {}, None), answer)  # noqa: E731  # one line, used at once
    events_of = cloud.client("sts").meta.events
    events_of.register("before-call.sts.DecodeAuthorizationMessage", asked)
    try:
        decoded = cloud.decoded(refused)
    finally:
        events_of.unregister("before-call.sts.DecodeAuthorizationMessage", asked)
    assert said in decoded.message
    assert "AbC123" not in decoded.message
    plain = faults.NotPermitted("no")
    assert cloud.decoded(plain) is plain
