import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from awstune.ec2 import catalog, faults, offers, pricelist, prices, quotas
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from tests.unit.ec2.plans import NOTHING

DAY = datetime(2026, 11, 23, tzinfo=UTC)


def _product(type_, usd, **attributes):
    price = {"unit": "Hrs", "pricePerUnit": {"USD": usd}}
    terms = {"OnDemand": {"a": {"priceDimensions": {"b": price}}}} if usd else {"OnDemand": {}}
    return json.dumps({"product": {"attributes": {"instanceType": type_} | attributes}, "terms": terms})


def _listing(answering, *products):
    answering("pricing", "GetProducts", {"PriceList": list(products)}, region="us-east-1", attempts=1)


def test_what_is_offered(cloud):
    """Only the API tells: moto, as AWS nearly everywhere, has no P2."""
    assert offers.offered(cloud, ["p2.xlarge", "g4dn.xlarge"]) == {"g4dn.xlarge"}
    assert offers.zones(cloud, "g4dn.xlarge")[0] == "us-east-1a"


def test_prices_of_today(cloud, answering):
    """The Price List API's price and date take the place of the table's."""
    _listing(answering, _product("g4dn.xlarge", "0.5500000000"))
    found = pricelist.live(cloud, ["g4dn.xlarge"], now=DAY)
    assert found.usd_per_hour("g4dn.xlarge") == 0.55
    assert found.dated("g4dn.xlarge") == ("us-east-1", "2026-11-23")
    assert found.types["g4dn.xlarge"].gpu == "T4"


def test_a_date_is_that_of_the_price_beside_it(cloud, answering):
    """What AWS has said is of today and of the region; the rest is as old as the table, and of its region."""
    _listing(answering, _product("g4dn.xlarge", "0.5500000000"))
    here = pricelist.live(cloud, ["g4dn.xlarge"], now=DAY)
    found = replace(here, today_in="eu-west-1")
    assert found.source(["g5.xlarge"]) == "us-east-1 prices of 2026-06"
    beside = "disk and address: us-east-1 of 2026-06"
    assert found.source(["g4dn.xlarge"]) == f"eu-west-1 prices of 2026-11-23; {beside}"
    both = found.source(["g4dn.xlarge", "g5.xlarge"])
    assert both == f"eu-west-1 prices of 2026-11-23; g5.xlarge, {beside}"
    assert here.source(["g4dn.xlarge"]) == "us-east-1 prices of 2026-11-23; disk and address: 2026-06"


def test_what_is_asked_of_the_price_list(cloud, answering):
    """On-demand Linux with shared tenancy in this region; beyond a few types all GPU types at once."""
    asked = []
    answer = lambda params: asked.append(json.loads(params["body"])) or {"PriceList": []}  # noqa: E731  # one line, used at once
    answering("pricing", "GetProducts", answer, region="us-east-1", attempts=1)
    pricelist.live(cloud, ["g4dn.xlarge"])
    pricelist.live(cloud, ["a", "b", "c", "d", "e"])
    fields = [{one["Field"]: one["Value"] for one in call["Filters"]} for call in asked]
    assert fields[0]["regionCode"] == "us-east-1"
    assert (fields[0]["operatingSystem"], fields[0]["tenancy"]) == ("Linux", "Shared")
    assert fields[0]["instanceType"] == "g4dn.xlarge"
    assert fields[1]["instanceFamily"] == "GPU instance"
    assert len(fields) == 2


def test_a_type_the_package_does_not_know(cloud, answering):
    """Its price, GPUs and memory come from the list."""
    _listing(
        answering, _product("g9.huge", "9.5", gpu="4", gpuMemory="96 GB", vcpu="48"), _product("g9.x", None)
    )
    facts = pricelist.live(cloud, ["g9.huge"]).types["g9.huge"]
    assert (facts.gpus, facts.gpu_memory_gib, facts.vcpus, facts.usd_per_hour) == (4, 24.0, 48, 9.5)


def test_the_dated_table_stands_in(cloud, answering):
    """Where the API may not be called, or knows nothing, the package's table with its date."""
    assert pricelist.live(cloud, ["g4dn.xlarge"]) is prices.shipped()
    _listing(answering)
    assert pricelist.live(cloud, ["g4dn.xlarge"]) is prices.shipped()


def test_spot_prices_by_zone(cloud, answering):
    """The newest price of each zone; the cheapest one is the type's."""
    row = {"InstanceType": "g4dn.xlarge", "AvailabilityZone": "us-east-1a", "SpotPrice": "0.16"}
    rows = [row, row | {"AvailabilityZone": "us-east-1b", "SpotPrice": "0.21"}, row | {"SpotPrice": "9"}]
    answering("ec2", "DescribeSpotPriceHistory", {"SpotPriceHistory": rows})
    assert pricelist.spot_by_zone(cloud, ["g4dn.xlarge"]) == {
        "g4dn.xlarge": {"us-east-1a": 0.16, "us-east-1b": 0.21}
    }
    table = pricelist.with_spot(cloud, prices.shipped(), ["g4dn.xlarge"])
    assert table.usd_per_hour("g4dn.xlarge", "spot") == 0.16


def test_spot_prices_that_may_not_be_asked(cloud, answering):
    """Then the on-demand price is shown, which spot never exceeds."""
    answering("ec2", "DescribeSpotPriceHistory", "UnauthorizedOperation")
    table = pricelist.with_spot(cloud, prices.shipped(), ["g4dn.xlarge"])
    assert table.usd_per_hour("g4dn.xlarge", "spot") == 0.526


@pytest.mark.parametrize(
    ("type_", "family"),
    [
        ("p2.xlarge", "P"),
        ("p6-b200.48xlarge", "P"),
        ("g4dn.xlarge", "G"),
        ("gr6.4xlarge", "G"),
        ("vt1.3xlarge", "G"),
        ("t3.micro", "standard"),
        ("m5.large", "standard"),
        ("inf2.xlarge", None),
        ("trn1.2xlarge", None),
        ("mac1.metal", None),
        ("x1.16xlarge", None),
    ],
)
def test_which_quota_counts_a_type(type_, family):
    """P, G with VT, the standard families; the others have quotas of their own."""
    assert quotas.family(type_) == family


def _quota(answering, vcpus):
    answering("service-quotas", "GetServiceQuota", {"Quota": {"Value": vcpus}})


def test_a_quota_and_what_is_used_of_it(cloud, answering):
    """The limit from Service Quotas, the use from what the account runs."""
    _quota(answering, 16.0)
    cloud.ec2.run_instances(
        ImageId="ami-0000000000000c0de", MinCount=2, MaxCount=2, InstanceType="g4dn.xlarge"
    )
    found = quotas.find(cloud, "g5.xlarge", "on-demand")
    assert (found.family, found.vcpus, found.code) == ("G", 16.0, "L-DB2E81BA")
    assert found.used == 8
    assert found.left == 16.0 - found.used
    assert quotas.find(cloud, "inf2.xlarge", "on-demand") is None
    assert set(quotas.every(cloud)) == set(quotas.CODES)


def test_a_quota_that_may_not_be_asked(cloud):
    """Unknown is not zero: AWS counts at launch."""
    assert quotas.find(cloud, "g5.xlarge", "on-demand") is None
    assert quotas.every(cloud) == {}


def test_a_launch_over_the_quota_is_refused_with_the_arithmetic():
    """A new account has 0: said before anything is made, with the page to ask on."""
    none = quotas.Quota("P", "on-demand", 0.0, 0.0)
    with pytest.raises(faults.QuotaExceeded) as caught:
        make_plan(Wanted("lab", count=2), replace(NOTHING, quota=none))
    assert caught.value.message == (
        "the quota 'Running On-Demand P instances' allows 0 vCPUs, 0 are in use, and 2 x p2.xlarge needs 8"
    )
    assert caught.value.hint.endswith("/L-417A185B")
    enough = quotas.Quota("P", "on-demand", 16.0, 8.0)
    assert make_plan(Wanted("lab", count=2), replace(NOTHING, quota=enough)).launches


def test_asking_for_a_higher_quota(cloud, answering):
    """The request's state; one that is open already is no error."""
    asked = []
    answer = lambda params: (  # noqa: E731  # one line, used at once
        asked.append(json.loads(params["body"])) or {"RequestedQuota": {"Status": "PENDING"}}
    )
    answering("service-quotas", "RequestServiceQuotaIncrease", answer)
    assert quotas.request_increase(cloud, "P", "on-demand", 4) == "PENDING"
    assert asked == [{"ServiceCode": "ec2", "QuotaCode": "L-417A185B", "DesiredValue": 4}]


@pytest.mark.parametrize(
    ("code", "state"), [("ResourceAlreadyExistsException", "ALREADY_REQUESTED"), ("AccessDenied", None)]
)
def test_asking_twice(cloud, answering, code, state):
    """Open already, or not allowed."""
    answering("service-quotas", "RequestServiceQuotaIncrease", code)
    if state:
        assert quotas.request_increase(cloud, "P", "spot", 4) == state
    else:
        with pytest.raises(faults.NotPermitted):
            quotas.request_increase(cloud, "P", "spot", 4)


def test_types_of_a_region(cloud, answering):
    """`awstune types`: the documented keys, the offered and cheapest first, what is not offered too."""
    _quota(answering, 8.0)
    rows = [row.to_json() for row in catalog.rows(cloud)]
    assert list(rows[0]) == [
        "type",
        "gpu",
        "gpus",
        "gpu_memory_gib",
        "vcpus",
        "usd_per_hour",
        "spot_usd_per_hour",
        "offered",
        "quota_vcpus",
        "quota_used_vcpus",
        "spot_usd_per_hour_by_zone",
        "spot_quota_vcpus",
        "spot_quota_used_vcpus",
        "price_region",
        "price_date",
    ]
    by_type = {row["type"]: row for row in rows}
    by_zone = by_type["g4dn.xlarge"]["spot_usd_per_hour_by_zone"]
    assert {zone[:-1] for zone in by_zone} == {"us-east-1"}
    assert by_type["g4dn.xlarge"]["spot_usd_per_hour"] == min(by_zone.values())
    assert by_type["g4dn.xlarge"]["spot_quota_vcpus"] == 8.0
    assert by_type["p3.2xlarge"]["spot_usd_per_hour_by_zone"] == {}
    assert by_type["g4dn.xlarge"]["offered"]
    assert not by_type["p2.xlarge"]["offered"]
    assert by_type["g4dn.xlarge"]["quota_vcpus"] == 8.0
    assert by_type["g6f.xlarge"]["gpu"] == "L4"
    assert by_type["g6f.xlarge"]["usd_per_hour"] is None
    assert by_type["g6f.xlarge"]["price_date"] is None
    assert (by_type["g4dn.xlarge"]["price_region"], by_type["g4dn.xlarge"]["price_date"]) == (
        "us-east-1",
        "2026-06",
    )
    assert not {"g4ad.xlarge", "g5g.xlarge"} & set(by_type)  # AMD's GPU; an ARM processor
    offered = [row["usd_per_hour"] for row in rows if row["offered"]]
    assert offered[0] == 0.526
    assert offered[-1] is None
    assert [row["offered"] for row in rows] == sorted((row["offered"] for row in rows), reverse=True)
