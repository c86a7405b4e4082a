from dataclasses import replace

import pytest
from botocore.awsrequest import AWSResponse

from awstune import names
from awstune.ec2 import end, extend, instances, prices, regions
from awstune.ec2.session import Endpoint
from awstune.errors import CloudError, UsageError
from tests.unit.ec2.plans import RUNNING
from tests.unit.ec2.test_end import _launch

TABLE = prices.shipped()


def test_a_later_end_with_its_cost_first():
    """Four hours on top of the end, and what all of it will have cost by then."""
    found = extend.propose(RUNNING, 4 * 3600, TABLE, now=1800.0)
    assert found.ends == 5 * 3600
    assert found.usd_worst_case == round((5 + 1 / 6) * (0.9 + 0.005 + 100 * 0.08 / 730), 4)
    assert found.prose() == [
        "move the end of lab to 1970-01-01T05:00:00Z, 4h later",
        "what lab will have cost when it has ended, with what it has cost already: $4.73 at most",
    ]
    assert found.to_json() == {
        "plan": [{"action": "extend", "name": "lab", "ends": "1970-01-01T05:00:00Z"}],
        "usd_worst_case": found.usd_worst_case,
    }


def test_an_end_that_has_passed_is_moved_from_now():
    """The guard may be a moment late: four hours are four hours."""
    assert extend.propose(RUNNING, 3600, TABLE, now=7200.0).ends == 10800


def test_a_cap_that_comes_first():
    """The end is not promised beyond the cap: it is said, with the cap that would pay for so long."""
    capped = replace(RUNNING, tags={"awstune:max-usd": "2"})
    found = extend.propose(capped, 4 * 3600, TABLE, now=1800.0)
    assert found.usd_worst_case == 2.0
    assert found.prose()[1:] == [
        "what lab will have cost when it has ended, with what it has cost already: $2.00 at most",
        "its dollar cap of $2.00 ends lab before that: --max-usd 5 lets it run so long",
    ]
    raised = extend.propose(capped, 4 * 3600, TABLE, now=1800.0, max_usd=5.0)
    assert raised.prose()[1:] == [
        "have lab end itself before it has cost $5.00 (the last $0.15 pay for sending results home)",
        "what lab will have cost when it has ended, with what it has cost already: $4.73 at most",
    ]
    assert raised.to_json()["plan"][0]["max_usd"] == 5.0
    assert raised.limits.words() == ["cap=5000000", "hourly=905000", "disk_hourly=10959"]


def test_an_unknown_price_is_said():
    """Where no table knows the type the cost is unknown, not zero."""
    found = extend.propose(replace(RUNNING, type="x9.huge"), 3600, TABLE, now=0.0)
    assert found.usd_worst_case is None
    assert "unknown" in found.prose()[1]


@pytest.mark.parametrize(
    ("instance", "by_s", "max_usd", "said"),
    [
        (RUNNING, 0.0, None, "later time"),
        (replace(RUNNING, state="stopped"), 60.0, None, "lab is stopped"),
        (replace(RUNNING, ends=None), 60.0, None, "has no end"),
        (RUNNING, 60.0, 1.0, r"at once: that ends it before it has cost \$1.00 \(the last \$0.15 "),
        (RUNNING, 60.0, 0.5, r"lab has cost \$0.92, so --max-usd 0.5 would end it at once"),
        (replace(RUNNING, type="x9.huge"), 60.0, 5.0, "nobody knows the price of x9.huge"),
    ],
)
def test_what_cannot_be_extended(instance, by_s, max_usd, said):
    """Refused with the reason."""
    with pytest.raises(UsageError, match=said):
        extend.propose(instance, by_s, TABLE, now=3600.0, max_usd=max_usd)


def test_tags_are_written(cloud, keys_dir):
    """End, host keys and hours, as any other laptop reads them."""
    _launch(cloud, keys_dir)
    lab = instances.find(cloud, "lab")
    extend.write_end(cloud, lab, 4102444800.0)
    extend.write_host_keys(cloud, lab, ("ssh-ed25519 AAAAnew", lab.host_key, "ssh-ed25519 AAAAolder"))
    extend.write_ran(cloud, lab, 3600.4, now=lab.launched + 600)
    found = instances.find(cloud, "lab")
    assert found.ends == 4102444800.0
    assert found.host_keys == ("ssh-ed25519 AAAAnew", lab.host_key)
    assert (found.ran_s, found.seen_s) == (3000, 3600)
    extend.write_cap(cloud, lab, 7.5)
    assert instances.find(cloud, "lab").max_usd == 7.5
    extend.write_end(cloud, lab, None)
    assert instances.find(cloud, "lab").tags[names.TAG_ENDS] == "none"


@pytest.fixture
def two_regions(cloud):
    """An account that may use two regions: each one costs a client."""
    answer = {"Regions": [{"RegionName": "us-east-1"}, {"RegionName": "eu-west-1"}]}
    asked = lambda **_: (AWSResponse("", 200, {}, None), answer)  # noqa: E731  # one line, used at once
    cloud.ec2.meta.events.register("before-call.ec2.DescribeRegions", asked)
    yield
    cloud.ec2.meta.events.unregister("before-call.ec2.DescribeRegions", asked)


def test_regions_of_an_account(cloud):
    """Those that are enabled, as AWS lists them."""
    assert {"us-east-1", "eu-west-1"} <= set(regions.enabled(cloud))


def test_all_regions(cloud, keys_dir, two_regions):
    """Instances elsewhere are found; a region that does not answer is named."""
    _launch(cloud, keys_dir)
    there = cloud.at("eu-west-1")
    _launch(there, keys_dir, name="far")
    found, silent = regions.own(cloud)
    assert {(one.name, one.region) for one in found} == {("lab", "us-east-1"), ("far", "eu-west-1")}
    assert silent == {}
    for _ in end.terminate(there, [one for one in found if one.name == "far"], keys_dir, sleep=pytest.fail):
        pass
    assert [one.name for one in regions.own(cloud)[0]] == ["lab"]


class Embedded:
    """A cloud that says where it has instances, and lists no regions."""

    ec2 = None
    endpoint = Endpoint("http://127.0.0.1:9", "key", "secret", populated=lambda: ["eu-west-1", "eu-west-1"])

    def __init__(self, region="us-east-1"):
        self.region = region

    def at(self, region):
        """The same there."""
        return Embedded(region)


def test_a_cloud_that_says_where_it_has_instances():
    """No other region is asked for them, but for one's own."""
    answers, silent = regions.each(Embedded(), lambda there: there.region, for_instances=True)
    assert ([found for _, found in answers], silent) == (["eu-west-1", "us-east-1"], {})


def test_a_region_that_is_silent(cloud):
    """Unknown is not none: its error is handed on."""

    class Closed:
        endpoint = None
        region = "us-east-1"
        owner = "me"

        @property
        def ec2(self):
            return self

        def make_clients(self):
            """It is its own client."""

        def describe_regions(self):
            return {"Regions": [{"RegionName": "us-east-1"}]}

        def get_paginator(self, _):
            raise CloudError("closed")

    found, silent = regions.own(Closed())
    assert found == []
    assert str(silent["us-east-1"]) == "closed"
