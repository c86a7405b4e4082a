"""Prices as AWS says them today: the Price List API, and spot prices by zone.

Sources: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html (the API answers
from us-east-1 whatever the region asked about);
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from awstune import errors
from awstune.ec2.prices import Prices, TypeFacts, shipped

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud

_HOME = "us-east-1"
_FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}
_A_FEW = 4


def live(cloud: Cloud, types: Iterable[str], *, now: datetime | None = None) -> Prices:
    """The table of the package, with today's prices of ``types`` where AWS says them.

    Args:
        cloud: whose region's prices.
        types: which; above a few all GPU types are asked for at once.
        now: the date that the prices are marked with.

    Returns:
        The package's own dated table where the API may not be called.
    """
    table, wanted = shipped(), tuple(types)
    try:
        found = _listed(cloud, wanted)
    except errors.CloudError:
        return table
    if not found:
        return table
    today = (now or datetime.now(tz=UTC)).strftime("%Y-%m-%d")
    facts = {
        name: _facts(table.types.get(name), name, usd, product) for name, (usd, product) in found.items()
    }
    return replace(table.with_types(facts), today=frozenset(facts), today_in=cloud.region, today_on=today)


def with_spot(cloud: Cloud, prices: Prices, types: Iterable[str]) -> Prices:
    """``prices`` with the cheapest zone's spot price of ``types``, where AWS says it."""
    try:
        zones = spot_by_zone(cloud, types)
    except errors.CloudError:
        return prices
    cheapest = {type_: min(by_zone.values()) for type_, by_zone in zones.items()}
    return replace(prices, spot={**prices.spot, **cheapest})


def spot_by_zone(
    cloud: Cloud, types: Iterable[str], *, now: datetime | None = None
) -> dict[str, dict[str, float]]:
    """Today's spot prices: type -> zone -> dollars an hour.

    Raises:
        CloudError: AWS refused.
    """
    pages = cloud.ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=sorted(types),  # type: ignore[arg-type]  # the stubs list the types of their day
        ProductDescriptions=["Linux/UNIX"],
        StartTime=now or datetime.now(tz=UTC),
    )
    found: dict[str, dict[str, float]] = {}
    for row in (row for page in pages for row in page["SpotPriceHistory"]):
        zones = found.setdefault(str(row["InstanceType"]), {})
        # The newest comes first.
        zones.setdefault(row["AvailabilityZone"], float(row["SpotPrice"]))
    return found


def _listed(cloud: Cloud, types: tuple[str, ...]) -> dict[str, tuple[float, dict[str, str]]]:
    if len(types) > _A_FEW:
        return _ask(cloud, instanceFamily="GPU instance")
    found: dict[str, tuple[float, dict[str, str]]] = {}
    for type_ in types:
        found |= _ask(cloud, instanceType=type_)
    return found


def _ask(cloud: Cloud, **more: str) -> dict[str, tuple[float, dict[str, str]]]:
    wanted = {**_FILTERS, "regionCode": cloud.region, **more}
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]
    paginator = cloud.client("pricing", region=_HOME, attempts=1).get_paginator("get_products")
    found: dict[str, tuple[float, dict[str, str]]] = {}
    for page in paginator.paginate(ServiceCode="AmazonEC2", Filters=filters):
        for text in page["PriceList"]:
            product = json.loads(text)
            usd = _on_demand(product)
            if usd:
                attributes = product["product"]["attributes"]
                found[attributes["instanceType"]] = (usd, attributes)
    return found


def _on_demand(product: dict[str, Any]) -> float | None:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"] == "Hrs":
                return float(dimension["pricePerUnit"]["USD"])
    return None


def _facts(known: TypeFacts | None, type_: str, usd: float, attributes: dict[str, str]) -> TypeFacts:
    if known:
        return replace(known, usd_per_hour=usd)
    gpus = int(attributes.get("gpu", "0") or 0)
    memory = float((attributes.get("gpuMemory", "0").split() or ["0"])[0].replace("NA", "0"))
    return TypeFacts(type_, "", gpus, memory / gpus if gpus else 0.0, int(attributes.get("vcpu", "0")), usd)
