import json
import re
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse

from awstune import names
from awstune.ec2 import end, events, instances, intent, launch, network, prices, run, survey
from awstune.ec2.plan import Plan, make_plan
from awstune.ec2.steps import Step
from awstune.ec2.wanted import Wanted
from awstune.errors import CloudError
from tests.unit.ec2.launches import G4, HERE, launched, only, planned, tags_of, user_data_of


def test_what_aws_sees_of_a_launch(cloud, keys_dir):
    """IMDSv2 with hop limit 1, an encrypted gp3 disk, the end, and tags on instance, disk and interface."""
    before = time.time()
    launched(cloud, keys_dir, disk_gib=120)
    facts = only(cloud)
    assert facts["MetadataOptions"]["HttpTokens"] == "required"
    assert facts["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    volume = cloud.ec2.describe_volumes()["Volumes"][0]
    assert (volume["VolumeType"], volume["Encrypted"], volume["Size"]) == ("gp3", True, 120)
    assert facts["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"]
    tags = tags_of(facts)
    assert tags[names.TAG_NAME] == "lab"
    assert tags[names.TAG_OWNER] == cloud.owner
    assert before + 8 * 3600 - 1 <= int(tags[names.TAG_ENDS]) <= time.time() + 8 * 3600
    assert tags[names.TAG_AT_END] == "stop"
    assert tags_of(volume)[names.TAG_TOKEN] == tags[names.TAG_TOKEN] == facts["ClientToken"]
    behaviour = cloud.ec2.describe_instance_attribute(
        InstanceId=facts["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_who_may_knock(cloud, keys_dir):
    """Ingress: port 22 from the caller's own address, and nothing else."""
    launched(cloud, keys_dir)
    group = cloud.ec2.describe_security_groups(GroupNames=["awstune-lab"])["SecurityGroups"][0]
    assert [
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], [one["CidrIp"] for one in rule["IpRanges"]])
        for rule in group["IpPermissions"]
    ] == [("tcp", 22, 22, [HERE])]
    assert only(cloud)["SecurityGroups"] == [{"GroupId": group["GroupId"], "GroupName": "awstune-lab"}]
    said = [group["Description"], group["IpPermissions"][0]["IpRanges"][0]["Description"]]
    assert all(re.fullmatch(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}", words) for words in said)
    assert tags_of(group)[names.TAG_OWNER] == cloud.owner


def test_an_ipv6_address_is_let_in(cloud, keys_dir):
    """A caller with an IPv6 address gets a /128."""
    launched(cloud, keys_dir, ssh_from="2001:db8::7")
    group = cloud.ec2.describe_security_groups(GroupNames=["awstune-lab"])["SecurityGroups"][0]
    assert group["IpPermissions"][0]["Ipv6Ranges"][0]["CidrIpv6"] == "2001:db8::7/128"


def test_the_private_key_never_crosses_the_wire(cloud, keys_dir):
    """AWS gets the public half only; the private one lies here with mode 600."""
    launched(cloud, keys_dir)
    path = keys_dir / "awstune-lab-us-east-1.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pair = cloud.ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"][0]
    assert pair["KeyName"] == "awstune-lab"
    assert pair["PublicKey"].startswith("ssh-ed25519 ")


def test_the_instance_shows_the_key_that_was_pinned(cloud, keys_dir):
    """The host key in user-data is the one in the tag, from which any laptop pins."""
    launched(cloud, keys_dir)
    facts = only(cloud)
    document = user_data_of(cloud, facts["InstanceId"])
    assert document["ssh_keys"]["ed25519_public"] == tags_of(facts)[names.TAG_HOST_KEY]
    assert instances.find(cloud, "lab").host_key == tags_of(facts)[names.TAG_HOST_KEY]


def test_the_end_is_on_the_disk_before_anything_else(cloud, keys_dir):
    """The first boot command writes the end that the tag says."""
    launched(cloud, keys_dir, ttl_s=3600)
    facts = only(cloud)
    assert (
        f"echo {tags_of(facts)[names.TAG_ENDS]} >"
        in user_data_of(cloud, facts["InstanceId"])["bootcmd"][0][2]
    )


def test_the_login_is_the_image_familys(cloud, keys_dir):
    """Amazon Linux has another user than Ubuntu: the tag says it to any laptop."""
    step = planned(cloud, keys_dir).launches[0]
    named = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.8 (Amazon Linux 2023) 20260915"
    asked = run.request(cloud, replace(step, image=named), "sg-1", 0.0)
    assert tags_of(asked["TagSpecifications"][0])[instances.TAG_USER] == "ec2-user"
    launched(cloud, keys_dir)
    lab = instances.find(cloud)
    assert instances.TAG_USER not in lab.tags
    assert lab.user == "ubuntu"
    assert replace(lab, tags={**lab.tags, instances.TAG_USER: "ec2-user"}).user == "ec2-user"


def test_the_intents_of_a_fleet_go_with_it(cloud, keys_dir):
    """What its lost answers left on this disk, host keys among it, is removed; another fleet's is not."""
    launched(cloud, keys_dir, count=2)
    for name, pair in (("lab-7", "awstune-lab"), ("lab-2", "awstune-lab-2")):
        path = intent.intent_path(keys_dir, name, "us-east-1")
        intent.Intent(path, "w", 0.0, {"KeyName": pair}).write()
    list(end.terminate(cloud, instances.own(cloud), keys_dir, sleep=lambda _: None))
    assert not intent.intent_path(keys_dir, "lab-7", "us-east-1").exists()
    assert intent.intent_path(keys_dir, "lab-2", "us-east-1").exists()


def test_the_price_stays_with_the_instance(cloud, keys_dir):
    """What it costs an hour is in a tag as the plan found it: `ls` elsewhere asks no price list."""
    dear = prices.shipped().types["g4dn.xlarge"]
    table = prices.shipped().with_types({"g4dn.xlarge": replace(dear, usd_per_hour=0.6173)})
    wanted = Wanted("lab", **G4, ssh_from=HERE)
    plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir, table=table))
    list(launch.apply(cloud, plan, keys_dir))
    assert tags_of(only(cloud))[instances.TAG_RATE] == "0.6173"
    lab = instances.find(cloud)
    assert lab.usd_per_hour(prices.shipped()) == 0.6173
    assert lab.to_json(lab.launched, prices.shipped(), keys_dir)["usd_per_hour"] == 0.6173
    tags = {**lab.tags, instances.TAG_RATE: "much"}
    facts = only(cloud) | {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    assert instances.from_facts(facts, "us-east-1").usd_per_hour(prices.shipped()) == 0.526


def test_events_tell_each_step(cloud, keys_dir):
    """What is done is told in the plan's order, the launch with its instance."""
    told = launched(cloud, keys_dir)
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
    launched(cloud, keys_dir)
    again = planned(cloud, keys_dir)
    assert again.empty
    assert [found.name for found in again.existing] == ["lab"]


@pytest.mark.parametrize("done", [0, 1, 2, 3, 4])
def test_a_launch_cut_short_is_finished_without_a_twin(cloud, keys_dir, done):
    """After any number of steps the next launch finds them and makes the rest."""
    story = launch.apply(cloud, planned(cloud, keys_dir), keys_dir)
    for _ in range(done):
        next(story)
    story.close()
    launched(cloud, keys_dir)
    only(cloud)
    assert len(cloud.ec2.describe_key_pairs()["KeyPairs"]) == 1
    assert [one["GroupName"] for one in cloud.ec2.describe_security_groups()["SecurityGroups"]].count(
        "awstune-lab"
    ) == 1


def test_the_intent_is_written_before_the_call(cloud, keys_dir):
    """When RunInstances is on its way its whole request is on the disk, private; afterwards it is gone."""
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    seen = []

    def look(**_):
        seen.append((stat.S_IMODE(path.stat().st_mode), json.loads(path.read_text())))

    cloud.launcher.meta.events.register("before-call.ec2.RunInstances", look)
    try:
        launched(cloud, keys_dir)
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", look)
    mode, written = seen[0]
    assert mode == 0o600
    assert written["request"]["ClientToken"] == only(cloud)["ClientToken"]
    assert not path.exists()


def test_an_answer_that_was_lost_is_asked_for_with_the_same_words(cloud, keys_dir):
    """A launch that never heard back repeats the very same request, token and host key included."""
    plan = planned(cloud, keys_dir)
    step = plan.launches[0]
    asked = run.request(cloud, step, "sg-1", time.time())
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    intent.Intent(path, step.wishes, time.time(), asked | {"SecurityGroupIds": []}).write()
    list(launch.apply(cloud, plan, keys_dir))
    facts = only(cloud)
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


def test_a_disk_that_lets_no_intent_go(cloud, keys_dir):
    """The instance is told all the same, and a launch again finds it."""
    plan, path = planned(cloud, keys_dir), intent.intent_path(keys_dir, "lab", "us-east-1")

    def in_its_place(**_):
        path.unlink()
        path.mkdir()  # which cannot be removed as a file is

    cloud.launcher.meta.events.register("before-call.ec2.RunInstances", in_its_place)
    try:
        told = list(launch.apply(cloud, plan, keys_dir))
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", in_its_place)
    assert isinstance(told[-1], events.Launched)
    assert planned(cloud, keys_dir).empty


def test_a_spot_instance(cloud, keys_dir):
    """--spot asks for a one-time spot instance that terminates at its end."""
    step = planned(cloud, keys_dir, market="spot").launches[0]
    asked = run.request(cloud, step, "sg-1", 0.0)
    assert asked["InstanceMarketOptions"] == {
        "MarketType": "spot",
        "SpotOptions": {"SpotInstanceType": "one-time"},
    }
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert len(asked["ClientToken"]) <= 64


def test_what_is_tagged_on_create(cloud, keys_dir):
    """Instance, disk and interface; moto forgets the interface's tags, so the request is looked at."""
    asked = run.request(cloud, planned(cloud, keys_dir, tags={"team": "nlp"}).launches[0], "sg-1", 0.0)
    kinds = {spec["ResourceType"]: tags_of(spec) for spec in asked["TagSpecifications"]}
    assert set(kinds) == {"instance", "volume", "network-interface"}
    for tags in kinds.values():
        assert (tags["team"], tags[names.TAG_NAME], tags[names.TAG_OWNER]) == ("nlp", "lab", cloud.owner)
        assert all(len(value) <= 256 for value in tags.values())


def test_a_group_that_was_there_already(cloud):
    """Made twice by a lost answer: the first one is taken; a stranger's is not."""
    vpc = network.network_of(cloud, None).vpc_id
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
    plan = planned(cloud, keys_dir)
    list(launch.apply(cloud, plan, keys_dir))
    step = plan.steps[0]
    Path(step.path).unlink()
    with pytest.raises(CloudError, match="Duplicate"):
        next(launch.apply(cloud, plan, keys_dir))


def test_the_port_moves_when_a_launch_is_repeated_elsewhere(cloud, keys_dir):
    """The same launch from another address lets that one in and the old one out, and makes nothing new."""
    launched(cloud, keys_dir)
    told = launched(cloud, keys_dir, ssh_from="198.51.100.9")
    assert [event.step.action for event in told] == ["allow-ssh", "revoke-ssh"]
    group = network.find_group(cloud, "awstune-lab", network.network_of(cloud, None).vpc_id)
    assert group.ssh_from == {"198.51.100.9/32"}


def test_a_group_of_ones_own(cloud, keys_dir):
    """--security-group: the instance gets it, and no address is asked for."""
    vpc = network.network_of(cloud, None).vpc_id
    mine = cloud.ec2.create_security_group(GroupName="mine", Description="x", VpcId=vpc)["GroupId"]
    wanted = Wanted("lab", **G4, security_group=mine)
    plan = make_plan(wanted, survey.look(cloud, wanted, keys_dir, fetch=pytest.fail))
    list(launch.apply(cloud, plan, keys_dir))
    assert [group["GroupId"] for group in only(cloud)["SecurityGroups"]] == [mine]


def test_a_group_that_is_gone(cloud):
    """Deleted between plan and launch: an error that says to repeat."""
    with pytest.raises(CloudError, match="is gone"):
        network.group_id(cloud, "awstune-lab", network.network_of(cloud, None).vpc_id)


def test_a_step_that_nobody_knows(cloud, keys_dir):
    """A plan holds known steps only."""
    with pytest.raises(TypeError, match="nobody knows"):
        list(launch.apply(cloud, Plan("us-east-1", (Step(),)), keys_dir))


def test_what_was_launched_is_found_by_name(cloud, keys_dir):
    """DescribeInstances may not show it at once: a launch is done when it does."""
    plan, hidden, pauses = planned(cloud, keys_dir), [1, 1, 1], []

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
