"""The Price List API's answer for EC2, as far as the embedded cloud's types go.

The prices are AWS's on-demand prices for Linux in us-east-1 as published in 2026; elsewhere they are
shown the same. Source: https://aws.amazon.com/ec2/pricing/on-demand/.
"""

from __future__ import annotations

import json
from typing import Any

USD_PER_HOUR = {
    "p2.xlarge": 0.90,
    "p2.8xlarge": 7.20,
    "p2.16xlarge": 14.40,
    "p3.2xlarge": 3.06,
    "g4dn.xlarge": 0.526,
    "g4dn.2xlarge": 0.752,
    "g4dn.12xlarge": 3.912,
    "g5.xlarge": 1.006,
    "g5.2xlarge": 1.212,
    "g6.xlarge": 0.8048,
    "g6.2xlarge": 0.9776,
}


def answer(action: str, document: dict[str, Any]) -> Any:
    """What GetProducts answers; None for what is not answered here."""
    if action != "GetProducts" or document.get("ServiceCode") != "AmazonEC2":
        return None
    wanted = {one["Field"]: one["Value"] for one in document.get("Filters", [])}
    kind = wanted.get("instanceType")
    found = [kind] if kind in USD_PER_HOUR else [] if kind else list(USD_PER_HOUR)
    region = wanted.get("regionCode", "us-east-1")
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(_product(one, region)) for one in found]}


def spot(instance_type: str, zone: str) -> float | None:
    """A plausible spot price, in US dollars an hour: a third of on-demand, a little more in later zones.

    None where the price on demand is not known.
    """
    on_demand = USD_PER_HOUR.get(instance_type)
    if on_demand is None:
        return None
    return on_demand * (0.30 + 0.01 * (ord(zone[-1:] or "a") - ord("a")))


def _product(instance_type: str, region: str) -> dict[str, Any]:
    sku = instance_type.upper().replace(".", "")
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{USD_PER_HOUR[instance_type]:.10f}"}}
    attributes = {
        "instanceType": instance_type,
        "regionCode": region,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
    }
    terms = {f"{sku}.JRTCKXETXF": {"priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": dimension}}}
    return {
        "serviceCode": "AmazonEC2",
        "product": {"productFamily": "Compute Instance", "sku": sku, "attributes": attributes},
        "terms": {"OnDemand": terms},
    }
