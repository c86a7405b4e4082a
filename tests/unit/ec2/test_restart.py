"""Starting again: the new end, what it may cost, and a dollar cap that is spent."""

import base64
import math
from dataclasses import replace

import pytest
import yaml
from botocore.awsrequest import AWSResponse

from awstune.ec2 import end, guard, instances, prices, restart
from awstune.ec2.restart import propose
from awstune.errors import UsageError
from tests.unit.ec2.launches import launched, started
from tests.unit.ec2.plans import RUNNING

HOUR = 3600.0
# It ran for ten hours at $0.90, and $0.005 for its address; its disk costs $0.011 an hour since it was made.
STOPPED = replace(
    RUNNING, state="stopped", ran_s=10 * HOUR, launched=100 * HOUR, stopped=100 * HOUR, born=0.0
)
NOW = 100 * HOUR
SPENT = 10 * 0.905 + 100 * 100 * 0.08 / 730


@pytest.fixture
def new_user_data(cloud):
    """What ModifyInstanceAttribute was asked to make the user-data; moto cannot (it decodes it twice)."""
    seen = []

    def answer(params, **_):
        seen.append(yaml.safe_load(base64.b64decode(params["body"]["UserData.Value"])))
        return AWSResponse("", 200, {}, None), {}

    cloud.ec2.meta.events.register("before-call.ec2.ModifyInstanceAttribute", answer)
    yield seen
    cloud.ec2.meta.events.unregister("before-call.ec2.ModifyInstanceAttribute", answer)


def tagged(**tags):
    """The stopped instance with these tags of awstune."""
    return replace(STOPPED, tags={f"awstune:{key.replace('_', '-')}": value for key, value in tags.items()})


def test_stop_and_start_with_a_new_end(cloud, keys_dir, new_user_data):
    """Stopped, then started: tag and user-data carry the new end, as long as launch asked; hours are kept."""
    launched(cloud, keys_dir, ttl_s=2 * HOUR)
    told = list(end.stop(cloud, instances.own(cloud), sleep=lambda _: None))
    assert told[-1].state == "stopped"
    later = instances.find(cloud, "lab").launched + 3 * HOUR
    assert [event.state for event in started(cloud, now=lambda: later)] == ["pending"]
    again = instances.find(cloud, "lab")
    assert again.ends == int(later + 2 * HOUR)
    assert f"echo {int(later + 2 * HOUR)} >" in new_user_data[0]["bootcmd"][0][2]
    assert "ssh_keys" not in new_user_data[0]
    assert started(cloud) == []


def test_start_without_an_end(cloud, keys_dir, new_user_data):
    """--ttl none, typed again."""
    launched(cloud, keys_dir)
    list(end.stop(cloud, instances.own(cloud), sleep=lambda _: None))
    started(cloud, ttl_s=math.inf)
    assert instances.find(cloud, "lab").ends is None


def test_another_cap_is_put_on_disk_and_tag(cloud, keys_dir, new_user_data):
    """--max-usd: below the limits that the disk has, where the guard takes the last word; and in the tag."""
    launched(cloud, keys_dir, max_usd=2.0)
    assert instances.find(cloud, "lab").max_usd == 2.0
    list(end.stop(cloud, instances.own(cloud), sleep=lambda _: None))
    started(cloud, max_usd=7.5)
    assert instances.find(cloud, "lab").max_usd == 7.5
    assert 'cap=7500000 hourly=531000 disk_hourly=10959 >> "$d/limits"' in new_user_data[0]["bootcmd"][0][2]


@pytest.mark.parametrize(
    ("tags", "typed", "said"),
    [
        ({}, {}, "start lab for 8h; its price: $0.90 an hour; $7.48 more at most"),
        ({"ttl_s": "7200"}, {}, "start lab for 2h; its price: $0.90 an hour; $1.98 more at most"),
        ({"ttl_s": "none"}, {}, "start lab WITHOUT AN END; its price: $0.90 an hour"),
        (
            {"ttl_s": "7200"},
            {"ttl_s": HOUR},
            "start lab for 1h; its price: $0.90 an hour; $1.07 more at most",
        ),
        (
            {"ttl_s": "none", "max_usd": "11"},
            {},
            "start lab WITHOUT AN END; its price: $0.90 an hour; $0.85 more at most",
        ),
        (
            {"max_usd": "3"},
            {"max_usd": 11.0},
            "start lab for 8h; its price: $0.90 an hour; $0.85 more at most",
        ),
        (
            {"max_usd": "3"},
            {"max_usd": math.inf},
            "start lab for 8h; its price: $0.90 an hour; $7.48 more at most",
        ),
    ],
)
def test_what_a_start_may_cost(tags, typed, said):
    """As long as launch asked, or as typed; never more than the cap leaves."""
    assert propose(tagged(**tags), prices.shipped(), NOW, **typed).prose() == said


def test_a_cap_that_is_spent_is_refused():
    """It would end at once, and cost its minute: said before, with the cap that would do."""
    assert round(SPENT, 2) == 10.15
    with pytest.raises(UsageError) as caught:
        propose(tagged(max_usd="10"), prices.shipped(), NOW)
    assert caught.value.message == (
        "lab has cost $10.15 with its disk: started, it would end at once, as its dollar cap ends it before "
        "it has cost $10.00 (the last $0.15 pay for sending results home)"
    )
    assert caught.value.hint.startswith("awstune start lab --max-usd 18 lets it cost more in all")
    assert propose(tagged(max_usd="10"), prices.shipped(), NOW, max_usd=18).max_usd == 18
    # What is left would not pay for sending results home, which a cap has in it.
    with pytest.raises(UsageError, match=r"ends it before it has cost \$10.20"):
        propose(tagged(max_usd="10.2"), prices.shipped(), NOW)
    with pytest.raises(UsageError, match=r"ends it before it has cost \$9.00"):
        propose(tagged(max_usd="10"), prices.shipped(), NOW, max_usd=9.0)


def test_a_price_that_nobody_knows():
    """It is said so; a cap on it cannot be held."""
    odd = replace(STOPPED, type="x9.huge")
    assert propose(odd, prices.shipped(), NOW).prose() == "start lab for 8h; its price: unknown"
    with pytest.raises(UsageError, match="--max-usd cannot be held"):
        propose(odd, prices.shipped(), NOW, max_usd=5.0)


@pytest.mark.parametrize("state", ["stopping", "shutting-down"])
def test_one_on_its_way_to_a_stop(state):
    """AWS would refuse it."""
    with pytest.raises(UsageError, match=f"lab is {state}"):
        propose(replace(STOPPED, state=state), prices.shipped(), NOW)


def test_one_that_runs_is_left_as_it_is():
    """Said so, with nothing asked of its cap or its price."""
    assert propose(RUNNING, prices.shipped(), NOW).prose() == "lab is running already, and is left as it is"


def test_a_cap_that_is_taken_away():
    """So that what it has can be fetched: the guard reads an empty cap as none."""
    assert propose(tagged(max_usd="3"), prices.shipped(), NOW, max_usd=math.inf).limits == guard.Limits(
        None, math.inf, 0.905, 100 * 0.08 / 730
    )
    assert guard.Limits(max_usd=math.inf).words() == ["cap="]


def test_the_way_on_is_whole_dollars():
    """The hint is a command to be typed."""
    assert restart.way_on(STOPPED, 10.15) == "awstune start lab --max-usd 11"
