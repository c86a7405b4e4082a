from dataclasses import replace
from datetime import UTC, datetime

import pytest

from awstune import names
from awstune.ec2 import described, instances, prices
from awstune.errors import UnknownName
from tests.unit.ec2.plans import RUNNING

NOW = 7200.0
TABLE = prices.shipped()


def _run(cloud, **tags):
    all_tags = {names.TAG_NAME: "lab", names.TAG_OWNER: cloud.owner} | tags
    spec = {
        "ResourceType": "instance",
        "Tags": [{"Key": key, "Value": value} for key, value in all_tags.items()],
    }
    launched = cloud.ec2.run_instances(
        ImageId="ami-0000000000000c0de",
        MinCount=1,
        MaxCount=1,
        InstanceType="g4dn.xlarge",
        TagSpecifications=[spec],
    )
    return launched["Instances"][0]["InstanceId"]


def test_the_object_of_ls(tmp_path):
    """The documented keys, with what they mean."""
    (tmp_path / "awstune-lab-us-east-1.pem").touch()
    assert replace(RUNNING, ends=9000.0).to_json(NOW, TABLE, tmp_path) == {
        "name": "lab",
        "id": "i-1",
        "type": "p2.xlarge",
        "market": "on-demand",
        "state": "running",
        "address": "198.51.100.1",
        "zone": "us-east-1a",
        "launched": "1970-01-01T00:00:00Z",
        "age_s": 7200,
        "ttl_left_s": 1800,
        "usd_per_hour": 0.9,
        "usd_so_far": round(2 * (0.9 + 0.005 + 100 * 0.08 / 730), 4),
        "key_file": str(tmp_path / "awstune-lab-us-east-1.pem"),
        "ssh_port": 22,
        "region": "us-east-1",
    }


def test_a_stopped_one_pays_for_its_disk_only(tmp_path):
    """After an hour's run and an hour's stop: one hour of the type, two of the disk."""
    stopped = replace(RUNNING, state="stopped", stopped=3600.0, address=None)
    document = stopped.to_json(NOW, TABLE, tmp_path)
    assert document["usd_so_far"] == round(0.905 + 2 * 100 * 0.08 / 730, 4)
    assert (document["ttl_left_s"], document["key_file"], document["address"]) == (None, None, None)


@pytest.mark.parametrize(("state", "age_s"), [("stopped", 7200), ("terminated", 3600)])
def test_what_has_ended_grows_no_older(state, age_s, tmp_path):
    """Its age is for how long it was there."""
    one = replace(RUNNING, state=state, stopped=3600.0)
    assert one.to_json(NOW, TABLE, tmp_path)["age_s"] == age_s


def test_an_ended_one_pays_no_more():
    """What it cost is fixed once it has ended."""
    gone = replace(RUNNING, state="terminated", stopped=3600.0)
    assert gone.usd_so_far(NOW, TABLE) == gone.usd_so_far(NOW * 10, TABLE)
    assert not gone.live


def test_hours_of_earlier_starts_count():
    """The tag carries what ran before the last start."""
    assert replace(RUNNING, ran_s=3600.0).running_s(NOW) == 3 * 3600


def test_an_instance_that_ended_itself_at_no_known_time():
    """At its end if that has passed, else as far as somebody saw: never as if it still ran."""
    silent = replace(RUNNING, state="stopped", stopped=None)
    assert replace(silent, ends=3600.0).running_s(NOW) == 3600
    assert replace(silent, ends=NOW + 1, seen_s=1800.0).running_s(NOW) == 1800
    assert replace(silent, ends=None).running_s(NOW) == 0


def test_an_unknown_price_stays_unknown(tmp_path):
    """No price in the table: null, not zero."""
    document = replace(RUNNING, type="x9.huge").to_json(NOW, TABLE, tmp_path)
    assert (document["usd_per_hour"], document["usd_so_far"]) == (None, None)


def test_own_are_ones_own(cloud):
    """Another owner's are seen on request only, the unmarked ones never."""
    _run(cloud)
    _run(cloud, **{names.TAG_NAME: "theirs", names.TAG_OWNER: "you"})
    cloud.ec2.run_instances(ImageId="ami-0000000000000c0de", MinCount=1, MaxCount=1)
    assert [one.name for one in instances.own(cloud)] == ["lab"]
    assert sorted(one.name for one in instances.own(cloud, everyone=True)) == ["lab", "theirs"]


def test_what_is_gone_is_shown_on_request(cloud):
    """--ended: what AWS still shows of them."""
    cloud.ec2.terminate_instances(InstanceIds=[_run(cloud)])
    assert instances.own(cloud) == []
    gone = instances.own(cloud, ended=True)[0]
    assert gone.state == "terminated"
    assert gone.state_reason == "Client.UserInitiatedShutdown: User initiated shutdown"
    assert gone.stopped is not None


def test_what_the_tags_say(cloud):
    """End, port, host keys and wishes are read from tags; nonsense there is no end."""
    keys = "ssh-ed25519 AAAAnew,ssh-ed25519 AAAAold"
    _run(cloud, **{names.TAG_ENDS: "4102444800", names.TAG_SSH_PORT: "2201", names.TAG_HOST_KEY: keys})
    found = instances.find(cloud, "lab")
    assert (found.ends, found.ssh_port) == (4102444800.0, 2201)
    assert found.host_keys == ("ssh-ed25519 AAAAnew", "ssh-ed25519 AAAAold")
    assert found.host_key == "ssh-ed25519 AAAAnew"
    assert replace(found, host_keys=()).host_key == ""


@pytest.mark.parametrize(
    "evil", ["-oProxyCommand=touch x;", "$(touch x)", "a; touch x", "'\n- touch x", "x" * 99]
)
def test_what_others_write_in_tags_reaches_no_command(cloud, evil):
    """Whoever may tag an instance makes neither this machine nor that one run something."""
    tags = (instances.TAG_USER, names.TAG_SSH_JUMP, names.TAG_BUCKET, names.TAG_AT_END, names.TAG_SSH_PORT)
    _run(cloud, **dict.fromkeys(tags, evil), **{names.TAG_HOST_KEY: f"ssh-ed25519 AAAA,{evil}"})
    found = instances.find(cloud, "lab")
    assert (found.user, found.bucket, found.at_end) == (names.SSH_USER, "", "")
    assert (found.ssh_port, found.host_keys) == (names.SSH_PORT, ("ssh-ed25519 AAAA",))
    assert not found.jump or found.jump == "x" * 99  # a host's name, if a long one


def test_a_stopped_one_has_no_address(cloud):
    """Its private address stays at AWS, and nobody answers there."""
    (id_,) = [_run(cloud)]
    assert instances.find(cloud, "lab").address
    cloud.ec2.stop_instances(InstanceIds=[id_])
    assert instances.find(cloud, "lab").address is None


def test_twins(cloud):
    """Two of one name, which two laptops can make at once, are both ended; neither is guessed at."""
    ids = {_run(cloud), _run(cloud)}
    assert {one.id for one in instances.of_name(instances.own(cloud), "lab", cloud.region)} == ids
    with pytest.raises(UnknownName, match="there are 2 instances 'lab'") as caught:
        instances.find(cloud, "lab")
    assert caught.value.hint == "awstune terminate lab ends all of them"


@pytest.mark.parametrize("evil", ["", "many", "nan", "-1", "\u00b2"])
def test_numbers_in_tags_that_are_none(cloud, evil):
    """One spoilt tag does not take `ls` and `terminate` away from all the others."""
    numbers = (names.TAG_ENDS, instances.TAG_DISK, instances.TAG_RAN, instances.TAG_RATE, instances.TAG_CAP)
    _run(cloud, **dict.fromkeys(numbers, evil))
    found = instances.find(cloud, "lab")
    assert (found.ends, found.disk_gib, found.ran_s, found.rate, found.max_usd) == (
        None,
        0.0,
        0.0,
        None,
        None,
    )


def test_no_end_is_none(cloud):
    """The end `none` is no end."""
    _run(cloud, **{names.TAG_ENDS: "none"})
    assert instances.find(cloud).ends is None


def test_a_left_out_name_means_the_only_one(cloud):
    """NAME may be left out where one instance can be meant, not where none or two can."""
    with pytest.raises(UnknownName, match="you have no instance"):
        instances.find(cloud)
    _run(cloud)
    assert instances.find(cloud).name == "lab"
    _run(cloud, **{names.TAG_NAME: "desk"})
    with pytest.raises(UnknownName) as caught:
        instances.find(cloud)
    assert caught.value.hint == "name one of: desk, lab"


def test_an_unknown_name(cloud):
    """The error names those that there are, or says where to look."""
    with pytest.raises(UnknownName) as caught:
        instances.find(cloud, "nope")
    assert caught.value.message == "there is no instance 'nope' of yours in us-east-1"
    assert caught.value.hint == "awstune ls --all-regions shows what there is"
    _run(cloud)
    with pytest.raises(UnknownName) as caught:
        instances.find(cloud, "nope")
    assert caught.value.hint == "name one of: lab"


def test_nearest_types():
    """As many GPUs with at least as much memory, the cheapest first; else any GPU; CPU for CPU."""
    offered = {name: TABLE.types[name] for name in ("g5.xlarge", "g4dn.xlarge", "g4dn.12xlarge", "t3.micro")}
    assert [one.type for one in prices.nearest(TABLE.types["p2.xlarge"], offered)] == [
        "g4dn.xlarge",
        "g5.xlarge",
    ]
    assert prices.nearest(TABLE.types["p5.4xlarge"], offered)[0].type == "g4dn.xlarge"
    assert [one.type for one in prices.nearest(TABLE.types["m5.large"], offered)] == ["t3.micro"]
    assert prices.nearest(None, offered)[0].type == "g4dn.xlarge"
    assert prices.nearest(None, {}) == ()


def test_prices_of_the_package():
    """The table is dated, knows the course's type, and says what it does not know."""
    assert TABLE.usd_per_hour("p2.xlarge") == 0.9
    assert TABLE.usd_per_hour("x9.huge") is None
    assert str(TABLE.types["t3.micro"]) == "t3.micro (no GPU, $0.01/h)"
    unknown = prices.TypeFacts("x9.huge", "X9", 1, 8, 4, None)
    assert str(unknown) == "x9.huge (1 x X9, 8 GiB, price unknown)"
    more = TABLE.with_types({"x9.huge": replace(unknown, usd_per_hour=9.0)})
    assert more.usd_per_hour("x9.huge") == 9.0
    spot = replace(TABLE, spot={"p2.xlarge": 0.3})
    assert spot.usd_per_hour("p2.xlarge", "spot") == 0.3
    assert spot.ceiling_per_hour("p2.xlarge") == 0.9


def test_when_it_stopped_is_in_awss_words():
    """The transition reason holds the only date that AWS gives."""
    facts = {"StateTransitionReason": "User initiated (2026-11-23 13:52:31 GMT)"}
    assert described.stopped_at(facts) == datetime(2026, 11, 23, 13, 52, 31, tzinfo=UTC).timestamp()
    assert described.stopped_at({"StateTransitionReason": ""}) is None
