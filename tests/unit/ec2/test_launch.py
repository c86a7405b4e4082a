import base64
import http.server
import json
import re
import stat
import threading
import time
from pathlib import Path

import pytest
import yaml
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError

from awstune import names
from awstune.ec2 import events, faults, images, instances, intent, keys, launch, network, prices, run, survey
from awstune.ec2.plan import Plan, make_plan
from awstune.ec2.steps import Step
from awstune.ec2.wanted import Wanted
from awstune.errors import CloudError, KeyFileError, NameTaken, NotOffered, UsageError
from tests.unit.ec2.conftest import COURSE_IMAGE, NEW_IMAGE

HERE = "203.0.113.7/32"
G4 = {"type": "g4dn.xlarge"}


def _fetch(url):
    assert url == "https://checkip.amazonaws.com"
    return "203.0.113.7\n"


def _plan(cloud, keys_dir, **wishes):
    wanted = Wanted(**({"name": "lab"} | G4 | wishes))
    return make_plan(wanted, survey.look(cloud, wanted, keys_dir, fetch=_fetch))


def _launch(cloud, keys_dir, **wishes):
    return list(launch.apply(cloud, _plan(cloud, keys_dir, **wishes), keys_dir))


def _only(cloud):
    found = [
        facts
        for reservation in cloud.ec2.describe_instances()["Reservations"]
        for facts in reservation["Instances"]
    ]
    assert len(found) == 1
    return found[0]


def _tags(facts):
    return {tag["Key"]: tag["Value"] for tag in facts["Tags"]}


def _user_data(cloud, id_):
    attribute = cloud.ec2.describe_instance_attribute(InstanceId=id_, Attribute="userData")
    return yaml.safe_load(base64.b64decode(attribute["UserData"]["Value"]))


def test_what_aws_sees_of_a_launch(cloud, keys_dir):
    """IMDSv2 with hop limit 1, an encrypted gp3 disk, the end, and tags on instance, disk and interface."""
    before = time.time()
    _launch(cloud, keys_dir, disk_gib=120)
    facts = _only(cloud)
    assert facts["MetadataOptions"]["HttpTokens"] == "required"
    assert facts["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    volume = cloud.ec2.describe_volumes()["Volumes"][0]
    assert (volume["VolumeType"], volume["Encrypted"], volume["Size"]) == ("gp3", True, 120)
    assert facts["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"]
    tags = _tags(facts)
    assert tags[names.TAG_NAME] == "lab"
    assert tags[names.TAG_OWNER] == cloud.owner
    assert before + 8 * 3600 - 1 <= int(tags[names.TAG_ENDS]) <= time.time() + 8 * 3600
    assert tags[names.TAG_AT_END] == "stop"
    assert _tags(volume)[names.TAG_TOKEN] == tags[names.TAG_TOKEN] == facts["ClientToken"]
    behaviour = cloud.ec2.describe_instance_attribute(
        InstanceId=facts["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_who_may_knock(cloud, keys_dir):
    """Ingress: port 22 from the caller's own address, and nothing else."""
    _launch(cloud, keys_dir)
    group = cloud.ec2.describe_security_groups(GroupNames=["awstune-lab"])["SecurityGroups"][0]
    assert [
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], [one["CidrIp"] for one in rule["IpRanges"]])
        for rule in group["IpPermissions"]
    ] == [("tcp", 22, 22, [HERE])]
    assert _only(cloud)["SecurityGroups"] == [{"GroupId": group["GroupId"], "GroupName": "awstune-lab"}]
    said = [group["Description"], group["IpPermissions"][0]["IpRanges"][0]["Description"]]
    assert all(re.fullmatch(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}", words) for words in said)
    assert _tags(group)[names.TAG_OWNER] == cloud.owner


def test_an_ipv6_address_is_let_in(cloud, keys_dir):
    """A caller with an IPv6 address gets a /128."""
    _launch(cloud, keys_dir, ssh_from="2001:db8::7")
    group = cloud.ec2.describe_security_groups(GroupNames=["awstune-lab"])["SecurityGroups"][0]
    assert group["IpPermissions"][0]["Ipv6Ranges"][0]["CidrIpv6"] == "2001:db8::7/128"


def test_the_private_key_never_crosses_the_wire(cloud, keys_dir):
    """AWS gets the public half only; the private one lies here with mode 600."""
    _launch(cloud, keys_dir)
    path = keys_dir / "awstune-lab-us-east-1.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pair = cloud.ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"][0]
    assert pair["KeyName"] == "awstune-lab"
    assert pair["PublicKey"].startswith("ssh-ed25519 ")


def test_the_instance_shows_the_key_that_was_pinned(cloud, keys_dir):
    """The host key in user-data is the one in the tag, from which any laptop pins."""
    _launch(cloud, keys_dir)
    facts = _only(cloud)
    document = _user_data(cloud, facts["InstanceId"])
    assert document["ssh_keys"]["ed25519_public"] == _tags(facts)[names.TAG_HOST_KEY]
    assert instances.find(cloud, "lab").host_key == _tags(facts)[names.TAG_HOST_KEY]


def test_the_end_is_on_the_disk_before_anything_else(cloud, keys_dir):
    """The first boot command writes the end that the tag says."""
    _launch(cloud, keys_dir, ttl_s=3600)
    facts = _only(cloud)
    assert f"echo {_tags(facts)[names.TAG_ENDS]} >" in _user_data(cloud, facts["InstanceId"])["bootcmd"][0][2]


def test_events_tell_each_step(cloud, keys_dir):
    """What is done is told in the plan's order, the launch with its instance."""
    told = _launch(cloud, keys_dir)
    assert [event.step.action for event in told] == [
        "import-key-pair",
        "create-security-group",
        "allow-ssh",
        "run-instance",
    ]
    assert isinstance(told[-1], events.Launched)
    assert told[-1].instance.name == "lab"


def test_a_plan_after_apply_is_empty(cloud, keys_dir):
    """The same wishes again find what is there and do nothing."""
    _launch(cloud, keys_dir)
    again = _plan(cloud, keys_dir)
    assert again.empty
    assert [found.name for found in again.existing] == ["lab"]


@pytest.mark.parametrize("done", [0, 1, 2, 3, 4])
def test_a_launch_cut_short_is_finished_without_a_twin(cloud, keys_dir, done):
    """After any number of steps the next launch finds them and makes the rest."""
    story = launch.apply(cloud, _plan(cloud, keys_dir), keys_dir)
    for _ in range(done):
        next(story)
    story.close()
    _launch(cloud, keys_dir)
    _only(cloud)
    assert len(cloud.ec2.describe_key_pairs()["KeyPairs"]) == 1
    assert [one["GroupName"] for one in cloud.ec2.describe_security_groups()["SecurityGroups"]].count(
        "awstune-lab"
    ) == 1


def test_a_fleet_has_names_keys_and_host_keys(cloud, keys_dir):
    """--count 3: three names, three host keys, one key pair, one group."""
    _launch(cloud, keys_dir, count=3)
    found = instances.own(cloud)
    assert sorted(one.name for one in found) == ["lab-1", "lab-2", "lab-3"]
    assert len({one.host_key for one in found}) == 3
    assert {one.key_name for one in found} == {"awstune-lab"}
    assert len({one.token for one in found}) == 3


def test_the_intent_is_written_before_the_call(cloud, keys_dir):
    """When RunInstances is on its way its whole request is on the disk, private; afterwards it is gone."""
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    seen = []

    def look(**_):
        seen.append((stat.S_IMODE(path.stat().st_mode), json.loads(path.read_text())))

    cloud.launcher.meta.events.register("before-call.ec2.RunInstances", look)
    try:
        _launch(cloud, keys_dir)
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", look)
    mode, written = seen[0]
    assert mode == 0o600
    assert written["request"]["ClientToken"] == _only(cloud)["ClientToken"]
    assert not path.exists()


def test_an_answer_that_was_lost_is_asked_for_with_the_same_words(cloud, keys_dir):
    """A launch that never heard back repeats the very same request, token and host key included."""
    plan = _plan(cloud, keys_dir)
    step = plan.launches[0]
    asked = run.request(cloud, step, "sg-1", time.time())
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    intent.Intent(path, step.wishes, time.time(), asked | {"SecurityGroupIds": []}).write()
    list(launch.apply(cloud, plan, keys_dir))
    facts = _only(cloud)
    assert facts["ClientToken"] == asked["ClientToken"]
    assert not path.exists()


@pytest.mark.parametrize("age", [-60.0, 3600.0])
def test_an_old_intent_is_not_taken_up(keys_dir, age):
    """Later than that the instance would show by its tag; and clocks may jump."""
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    intent.Intent(path, "w", 1000.0, {}).write()
    assert intent.taken_up(path, "w", 1010.0)
    assert intent.taken_up(path, "w", 1000.0 + age) is None
    assert intent.taken_up(path, "other", 1010.0) is None
    path.write_text("{")
    assert intent.taken_up(path, "w", 1010.0) is None


def _failing(cloud, answers):
    """RunInstances meets these errors first: AWS's codes, or None for a broken connection."""
    left = list(answers)

    def answer(request, **_):
        if not left:
            return
        code = left.pop(0)
        if code is None:
            raise ConnectionClosedError(endpoint_url=request.url)
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "RunInstances")

    cloud.launcher.meta.events.register_first("before-send.ec2.RunInstances", answer)
    return lambda: cloud.launcher.meta.events.unregister("before-send.ec2.RunInstances", answer)


@pytest.fixture
def failing(cloud):
    """A way to make RunInstances fail, undone afterwards."""
    undo = []
    yield lambda *codes: undo.append(_failing(cloud, codes))
    for one in undo:
        one()


def test_patience_where_aws_asks_for_it(cloud, keys_dir, failing):
    """Throttling and broken connections are asked again, with growing pauses and the same token."""
    failing("RequestLimitExceeded", None)
    pauses = []
    told = list(launch.apply(cloud, _plan(cloud, keys_dir), keys_dir, sleep=pauses.append))
    assert pauses == [1.0, 2.0]
    assert [type(event).__name__ for event in told][-3:] == ["Retried", "Retried", "Launched"]
    _only(cloud)


def test_patience_ends(cloud, keys_dir, failing):
    """After four pauses the error is shown, and the intent stays for the next launch."""
    failing(*[None] * 5)
    with pytest.raises(CloudError):
        list(launch.apply(cloud, _plan(cloud, keys_dir), keys_dir, sleep=lambda _: None))
    assert intent.intent_path(keys_dir, "lab", "us-east-1").exists()
    _launch(cloud, keys_dir)
    _only(cloud)


def test_a_quota_is_said_at_once(cloud, keys_dir, failing):
    """No repetition, no wait: the quota's error, and nothing open."""
    failing("VcpuLimitExceeded")
    with pytest.raises(CloudError) as caught:
        list(launch.apply(cloud, _plan(cloud, keys_dir), keys_dir, sleep=pytest.fail))
    assert caught.value.kind == "quota"
    assert not intent.intent_path(keys_dir, "lab", "us-east-1").exists()


def test_a_token_whose_instance_has_ended(cloud, keys_dir, failing):
    """An intent of an instance that was ended meanwhile is dropped, and a fresh one launched."""
    plan = _plan(cloud, keys_dir)
    step = plan.launches[0]
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    old = run.request(cloud, step, "sg-1", time.time())
    intent.Intent(path, step.wishes, time.time(), old).write()
    failing("IdempotentInstanceTerminated")
    list(launch.apply(cloud, plan, keys_dir))
    assert _only(cloud)["ClientToken"] != old["ClientToken"]


def test_a_spot_instance(cloud, keys_dir):
    """--spot asks for a one-time spot instance that terminates at its end."""
    step = _plan(cloud, keys_dir, market="spot").launches[0]
    asked = run.request(cloud, step, "sg-1", 0.0)
    assert asked["InstanceMarketOptions"] == {
        "MarketType": "spot",
        "SpotOptions": {"SpotInstanceType": "one-time"},
    }
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert len(asked["ClientToken"]) <= 64


def test_what_is_tagged_on_create(cloud, keys_dir):
    """Instance, disk and interface; moto forgets the interface's tags, so the request is looked at."""
    asked = run.request(cloud, _plan(cloud, keys_dir, tags={"team": "nlp"}).launches[0], "sg-1", 0.0)
    kinds = {spec["ResourceType"]: _tags(spec) for spec in asked["TagSpecifications"]}
    assert set(kinds) == {"instance", "volume", "network-interface"}
    for tags in kinds.values():
        assert (tags["team"], tags[names.TAG_NAME], tags[names.TAG_OWNER]) == ("nlp", "lab", cloud.owner)
        assert all(len(value) <= 256 for value in tags.values())


def test_a_subnet_is_used(cloud, keys_dir):
    """--subnet: the instance and its group are in that subnet's network."""
    vpc = cloud.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    _launch(cloud, keys_dir, subnet=subnet)
    assert _only(cloud)["SubnetId"] == subnet
    group = cloud.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["awstune-lab"]}])[
        "SecurityGroups"
    ]
    assert group[0]["VpcId"] == vpc


def test_no_default_network_is_said_before_anything_is_made(cloud, keys_dir):
    """An account without a default network is told about --subnet."""
    for vpc in cloud.ec2.describe_vpcs()["Vpcs"]:
        for subnet in cloud.ec2.describe_subnets()["Subnets"]:
            cloud.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        cloud.ec2.delete_vpc(VpcId=vpc["VpcId"])
    with pytest.raises(UsageError) as caught:
        _plan(cloud, keys_dir)
    assert "--subnet" in caught.value.hint


def test_a_key_of_ones_own(cloud, keys_dir, tmp_path):
    """--key: the PEM stays where it is, and the instance's key file is that one."""
    own = tmp_path / "course.pem"
    keys.generate(own)
    _launch(cloud, keys_dir, key=str(own))
    found = instances.find(cloud, "lab")
    assert found.key_file(keys_dir).resolve() == own
    assert _plan(cloud, keys_dir, key=str(own)).empty


def test_a_key_lost_on_this_disk(cloud, keys_dir):
    """Another laptop without the file: an error with the ways out, and nothing launched."""
    story = launch.apply(cloud, _plan(cloud, keys_dir), keys_dir)
    next(story)
    (keys_dir / "awstune-lab-us-east-1.pem").unlink()
    with pytest.raises(KeyFileError, match="not on this machine"):
        _plan(cloud, keys_dir)


def test_a_key_others_can_read_stops_the_launch(cloud, keys_dir):
    """The hint is chmod 600."""
    _launch(cloud, keys_dir)
    (keys_dir / "awstune-lab-us-east-1.pem").chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read"):
        _plan(cloud, keys_dir, count=2)


def test_other_wishes(cloud, keys_dir):
    """The tag says what the first launch asked for."""
    _launch(cloud, keys_dir)
    with pytest.raises(NameTaken, match="ttl is 8h, not 1h"):
        _plan(cloud, keys_dir, ttl_s=3600)


def test_a_region_without_the_courses_type(cloud, keys_dir):
    """p2.xlarge is offered nowhere in moto, as nearly everywhere at AWS: the nearest are named."""
    with pytest.raises(NotOffered, match=r"nearest: g4dn\.xlarge"):
        _plan(cloud, keys_dir, type="p2.xlarge")
    assert not keys_dir.exists()


def test_or_similar_takes_the_nearest_and_an_image_that_fits(cloud, keys_dir):
    """--or-similar: a T4 with the newest image instead of a K80 with the course's."""
    step = _plan(cloud, keys_dir, type="p2.xlarge", or_similar=True).launches[0]
    assert (step.type, step.image_id) == ("g4dn.xlarge", NEW_IMAGE)


def test_images_are_found_by_name_pattern_and_id(cloud, keys_dir):
    """The course's image by its exact name, the newest by pattern, any by id."""
    assert _plan(cloud, keys_dir, image=names.COURSE_AMI).launches[0].image_id == COURSE_IMAGE
    assert _plan(cloud, keys_dir, image="Deep Learning OSS*").launches[0].image_id == NEW_IMAGE
    assert _plan(cloud, keys_dir, image=COURSE_IMAGE).launches[0].image == names.COURSE_AMI
    assert _plan(cloud, keys_dir).launches[0].image_id == NEW_IMAGE


@pytest.mark.parametrize("query", ["ami-00000000000000bad", "No such image", "No such *"])
def test_an_image_that_is_not_there(cloud, keys_dir, query):
    """Said before anything is made."""
    with pytest.raises(UsageError, match="there is no image"):
        _plan(cloud, keys_dir, image=query)


def test_the_callers_address_cannot_be_asked(cloud):
    """Where checkip does not answer, or answers nonsense, --ssh-from must be typed."""

    def offline(_):
        raise OSError("offline")

    for fetch in (offline, lambda _: "<html>"):
        with pytest.raises(UsageError) as caught:
            network.caller_cidr(cloud, None, fetch=fetch)
        assert "--ssh-from" in caught.value.hint
    with pytest.raises(UsageError, match="is no address range"):
        network.caller_cidr(cloud, "my house", fetch=offline)
    assert network.caller_cidr(cloud, "198.51.100.0/24", fetch=offline) == "198.51.100.0/24"


def test_a_group_that_was_there_already(cloud):
    """Made twice by a lost answer: the first one is taken; a stranger's is not."""
    vpc = network.network_of(cloud, None)
    tags = instances.tags_for(cloud, "lab")
    first = network.create_group(cloud, "awstune-lab", vpc, tags)
    assert network.create_group(cloud, "awstune-lab", vpc, tags) == first
    with pytest.raises(CloudError, match="Duplicate"):
        network.create_group(cloud, "awstune-lab", vpc, tags | {names.TAG_OWNER: "you"})
    network.allow_ssh(cloud, first, HERE)
    network.allow_ssh(cloud, first, HERE)
    network.revoke_ssh(cloud, first, HERE)
    network.revoke_ssh(cloud, first, HERE)


def test_a_pair_that_was_there_already(cloud, keys_dir):
    """Imported twice by a lost answer: fine where it is the same key, refused where it is not."""
    plan = _plan(cloud, keys_dir)
    list(launch.apply(cloud, plan, keys_dir))
    step = plan.steps[0]
    Path(step.path).unlink()
    with pytest.raises(CloudError, match="Duplicate"):
        next(launch.apply(cloud, plan, keys_dir))


FULL = "InsufficientInstanceCapacity"


def test_a_full_zone_leads_to_the_next(cloud, keys_dir, failing):
    """AWS's own choice, then zone a, then b: a line for each with AWS's words, a token for each."""
    failing(FULL, FULL)
    tokens = []
    seen = lambda params, **_: tokens.append(params["body"]["ClientToken"])  # noqa: E731  # one line, used at once
    cloud.launcher.meta.events.register("before-call.ec2.RunInstances", seen)
    try:
        told = _launch(cloud, keys_dir)
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", seen)
    full = [event for event in told if isinstance(event, events.NoRoom)]
    assert [(event.type, event.zone) for event in full] == [
        ("g4dn.xlarge", ""),
        ("g4dn.xlarge", "us-east-1a"),
    ]
    assert "InsufficientInstanceCapacity" in full[0].error
    assert _only(cloud)["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert len(set(tokens)) == 3


def test_no_zone_has_any(cloud, keys_dir, failing):
    """All zones are asked once; then the error says how many, and nothing is open."""
    failing(*[FULL] * 20)
    with pytest.raises(faults.NoCapacity) as caught:
        _launch(cloud, keys_dir)
    assert caught.value.message.startswith("no zone has a g4dn.xlarge for lab now (6 attempts; the last: ")
    assert "--or-similar" in caught.value.hint
    assert not intent.intent_path(keys_dir, "lab", "us-east-1").exists()


def test_the_next_type_is_asked_where_it_will_do(cloud, keys_dir, failing):
    """--or-similar: after the last zone the next type that the image drives, within the cap."""
    failing(*[FULL] * 6)
    told = _launch(cloud, keys_dir, or_similar=True)
    assert told[-1].step.type == "g4dn.2xlarge"
    assert _only(cloud)["InstanceType"] == "g4dn.2xlarge"
    assert _plan(cloud, keys_dir, or_similar=True).empty


def test_a_subnet_has_one_zone(cloud, keys_dir, failing):
    """--subnet leaves no other zone to ask."""
    subnet = cloud.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    failing(*[FULL] * 3)
    with pytest.raises(faults.NoCapacity, match="1 attempts"):
        _launch(cloud, keys_dir, subnet=subnet)


def test_a_fleet_that_is_cut_short_says_what_it_got(cloud, keys_dir):
    """Two of three, then a quota: the error names those that run and how to end them."""
    answered = threading.Semaphore(0)

    def second(params, **_):
        if "awstune-lab-2" in params["body"].values():
            assert all(answered.acquire(timeout=10) for _ in range(2))  # the others are launched
            raise ClientError({"Error": {"Code": "VcpuLimitExceeded", "Message": "No."}}, "RunInstances")

    def answer(**_):
        answered.release()

    cloud.launcher.meta.events.register("after-call.ec2.RunInstances", answer)
    cloud.launcher.meta.events.register_first("before-call.ec2.RunInstances", second)
    try:
        with pytest.raises(launch.PartLaunched) as caught:
            _launch(cloud, keys_dir, count=3)
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", second)
        cloud.launcher.meta.events.unregister("after-call.ec2.RunInstances", answer)
    there = sorted(one.name for one in caught.value.launched)
    assert there == sorted(one.name for one in instances.own(cloud))
    assert f"{len(there)} of 3 are launched ({', '.join(there)}), then: " in caught.value.message
    assert f"awstune terminate {' '.join(there)}" in caught.value.hint
    _launch(cloud, keys_dir, count=3)
    assert sorted(one.name for one in instances.own(cloud)) == ["lab-1", "lab-2", "lab-3"]


def test_a_fleet_is_launched_several_at_a_time(cloud, keys_dir):
    """Eight calls are under way together, never more."""
    under_way, most = [], []
    lock = threading.Lock()

    def begin(**_):
        with lock:
            under_way.append(1)
            most.append(len(under_way))
        time.sleep(0.05)

    def finish(**_):
        with lock:
            under_way.pop()

    events_of = cloud.launcher.meta.events
    events_of.register("before-call.ec2.RunInstances", begin)
    events_of.register("after-call.ec2.RunInstances", finish)
    try:
        _launch(cloud, keys_dir, count=20)
    finally:
        events_of.unregister("before-call.ec2.RunInstances", begin)
        events_of.unregister("after-call.ec2.RunInstances", finish)
    assert len(instances.own(cloud)) == 20
    assert 2 <= max(most) <= 8


def test_what_was_just_made_may_not_be_seen_yet(cloud, keys_dir, failing):
    """InvalidGroup.NotFound right after the group was made is patience."""
    failing("InvalidGroup.NotFound", "InvalidKeyPair.NotFound")
    plan = _plan(cloud, keys_dir)
    told = list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    assert [type(event).__name__ for event in told][-3:] == ["Retried", "Retried", "Launched"]


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


def test_an_image_by_its_parameter(cloud, keys_dir):
    """--ami ssm:/aws/...: the id that AWS keeps there; a parameter that is not there is said."""
    events_of = cloud.client("ssm").meta.events
    answer = (AWSResponse("", 200, {}, None), {"Parameter": {"Value": NEW_IMAGE}})
    asked = lambda **_: answer  # noqa: E731  # one line, used at once
    events_of.register("before-call.ssm.GetParameter", asked)
    try:
        assert _plan(cloud, keys_dir, image="ssm:/aws/service/x").launches[0].image_id == NEW_IMAGE
    finally:
        events_of.unregister("before-call.ssm.GetParameter", asked)
    with pytest.raises(UsageError, match="there is no image"):
        _plan(cloud, keys_dir, image="/aws/service/none")


def test_the_port_moves_when_a_launch_is_repeated_elsewhere(cloud, keys_dir):
    """The same launch from another address lets that one in and the old one out, and makes nothing new."""
    _launch(cloud, keys_dir)
    told = _launch(cloud, keys_dir, ssh_from="198.51.100.9")
    assert [event.step.action for event in told] == ["allow-ssh", "revoke-ssh"]
    group = network.find_group(cloud, "awstune-lab", network.network_of(cloud, None))
    assert group.ssh_from == {"198.51.100.9/32"}


def test_a_group_of_ones_own(cloud, keys_dir):
    """--security-group: the instance gets it, and no address is asked for."""
    vpc = network.network_of(cloud, None)
    mine = cloud.ec2.create_security_group(GroupName="mine", Description="x", VpcId=vpc)["GroupId"]
    wanted = Wanted("lab", **G4, security_group=mine)
    plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir, fetch=pytest.fail))
    list(launch.apply(cloud, plan, keys_dir))
    assert [group["GroupId"] for group in _only(cloud)["SecurityGroups"]] == [mine]


def test_a_group_that_is_gone(cloud):
    """Deleted between plan and launch: an error that says to repeat."""
    with pytest.raises(CloudError, match="is gone"):
        network.group_id(cloud, "awstune-lab", network.network_of(cloud, None))


def test_a_pem_that_aws_knows_is_linked(cloud, keys_dir, tmp_path):
    """From another laptop with the same PEM: the pair stays as it is, this disk remembers the file."""
    own = tmp_path / "course.pem"
    keys.generate(own)
    _launch(cloud, keys_dir, key=str(own))
    link = keys_dir / "awstune-lab-us-east-1.pem"
    link.unlink()
    told = _launch(cloud, keys_dir, key=str(own), count=1, name="lab")
    assert told == []
    told = list(launch.apply(cloud, _plan(cloud, keys_dir, key=str(own), count=2), keys_dir))
    assert told[0].step.action == "link-key"
    assert link.resolve() == own


def test_prices_may_be_given(cloud, keys_dir):
    """A table at hand is not asked for again; for spot the zones' prices are added."""
    wanted = Wanted("lab", **G4, market="spot", ssh_from=HERE)
    table = prices.shipped().with_types({})
    assert survey.look(cloud, wanted, keys_dir, table=table).prices is table
    assert survey.look(cloud, wanted, keys_dir).prices.usd_per_hour("g4dn.xlarge", "spot") < 0.526


def test_errors_that_are_nobodys_fault_are_handed_on(cloud, answering):
    """A refusal that means nothing else is never taken for absence."""
    answering("ssm", "GetParameter", "AccessDeniedException")
    answering("ec2", "DescribeImages", "UnauthorizedOperation")
    for query in ("ssm:/aws/service/x", COURSE_IMAGE):
        with pytest.raises(faults.NotPermitted):
            images.find_image(cloud, query, "g4dn.xlarge")
    answering("ec2", "AuthorizeSecurityGroupIngress", "UnauthorizedOperation")
    answering("ec2", "RevokeSecurityGroupIngress", "UnauthorizedOperation")
    for change in (network.allow_ssh, network.revoke_ssh):
        with pytest.raises(faults.NotPermitted):
            change(cloud, "sg-1", HERE)


def test_a_step_that_nobody_knows(cloud, keys_dir):
    """A plan holds known steps only."""
    with pytest.raises(TypeError, match="nobody knows"):
        list(launch.apply(cloud, Plan("us-east-1", (Step(),)), keys_dir))


def test_the_address_is_fetched_without_a_proxy(monkeypatch):
    """What checkip says is the address that SSH comes from, not a proxy's."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"203.0.113.7\n")

        def log_message(self, *_):
            """Says nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert network.fetch(f"http://127.0.0.1:{server.server_port}/").strip() == "203.0.113.7"
        thread.join()


def test_what_was_launched_is_found_by_name(cloud, keys_dir):
    """DescribeInstances may not show it at once: a launch is done when it does."""
    plan, hidden, pauses = _plan(cloud, keys_dir), [1, 1, 1], []

    def hide(**_):
        if hidden:
            hidden.pop()
            return AWSResponse("", 200, {}, None), {"Reservations": []}
        return None

    cloud.ec2.meta.events.register("before-call.ec2.DescribeInstances", hide)
    try:
        list(launch.apply(cloud, plan, keys_dir, sleep=pauses.append))
    finally:
        cloud.ec2.meta.events.unregister("before-call.ec2.DescribeInstances", hide)
    assert pauses == [1.0, 1.0, 1.0]
    assert [one.name for one in instances.named(cloud, ["lab"])] == ["lab"]
