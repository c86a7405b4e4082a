"""Which quota a type counts against, and what Service Quotas answers."""

import pytest

from awstune.localcloud import pricelist
from awstune.localcloud.quotas import ON_DEMAND, SPOT, NoSuchQuota, Quotas, of_type


@pytest.mark.parametrize(
    ("instance_type", "market", "code"),
    [
        ("p2.xlarge", ON_DEMAND, "L-417A185B"),
        ("p5en.48xlarge", ON_DEMAND, "L-417A185B"),
        ("p6-b200.48xlarge", SPOT, "L-7212CCBC"),
        ("g4dn.xlarge", ON_DEMAND, "L-DB2E81BA"),
        ("gr6.4xlarge", ON_DEMAND, "L-DB2E81BA"),
        ("g6.xlarge", SPOT, "L-3819A6DF"),
        ("t3.micro", ON_DEMAND, "L-1216C47A"),
        ("c7i.large", SPOT, "L-34B43A08"),
    ],
)
def test_by_family_and_market(instance_type, market, code):
    """The letters of a type and its market say which quota counts it."""
    assert of_type(instance_type, market).code == code


@pytest.mark.parametrize("instance_type", ["trn1.2xlarge", "inf2.xlarge", "dl1.24xlarge", "", "7"])
def test_other_families_have_none_here(instance_type):
    """Types that nobody tunes on are not limited."""
    assert of_type(instance_type, ON_DEMAND) is None
    assert Quotas().limit(instance_type, ON_DEMAND) is None


def test_a_changed_value_is_answered_and_held_to():
    """What is set is what is said."""
    quotas = Quotas()
    quotas.set("L-417A185B", 0)
    assert quotas.limit("p2.xlarge", ON_DEMAND)[1] == 0
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"}
    assert quotas.answer("GetServiceQuota", asked, "us-east-1", "000000000000")["Quota"]["Value"] == 0


def test_what_is_not_there():
    """Unknown quotas are refused, unknown services and actions left to moto."""
    quotas = Quotas()
    with pytest.raises(KeyError):
        quotas.set("L-0", 1)
    with pytest.raises(NoSuchQuota):
        quotas.answer("GetServiceQuota", {"ServiceCode": "ec2", "QuotaCode": "L-0"}, "r", "a")
    assert quotas.answer("GetServiceQuota", {"ServiceCode": "s3", "QuotaCode": "x"}, "r", "a") is None
    assert quotas.answer("ListServices", {"ServiceCode": "ec2"}, "r", "a") is None


def test_prices():
    """A type that is asked for, all of them, or none; another service is moto's."""
    one = {"ServiceCode": "AmazonEC2", "Filters": [{"Field": "instanceType", "Value": "p2.xlarge"}]}
    assert len(pricelist.answer("GetProducts", one)["PriceList"]) == 1
    every = pricelist.answer("GetProducts", {"ServiceCode": "AmazonEC2"})["PriceList"]
    assert len(every) == len(pricelist.USD_PER_HOUR)
    other = {"ServiceCode": "AmazonEC2", "Filters": [{"Field": "instanceType", "Value": "x1.32xlarge"}]}
    assert pricelist.answer("GetProducts", other)["PriceList"] == []
    assert pricelist.answer("GetProducts", {"ServiceCode": "AmazonS3"}) is None
    assert pricelist.answer("DescribeServices", {"ServiceCode": "AmazonEC2"}) is None


def test_spot_is_cheaper():
    """A spot price lies well below on-demand, in every zone."""
    assert pricelist.spot("p4d.24xlarge", "us-east-1a") is None
    prices = [price for zone in "abcdef" if (price := pricelist.spot("p2.xlarge", f"us-east-1{zone}"))]
    assert prices == sorted(prices)
    assert all(0 < price < 0.5 * pricelist.USD_PER_HOUR["p2.xlarge"] for price in prices)
