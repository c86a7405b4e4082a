"""Which instance types a region offers. Only `DescribeInstanceTypeOfferings` tells the truth.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from awstune.ec2 import prices

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import LocationTypeType

    from awstune.ec2.session import Cloud


def offered(cloud: Cloud, types: Iterable[str]) -> frozenset[str]:
    """Those of ``types`` that the region offers."""
    return frozenset(type_ for type_, _ in _offerings(cloud, types, "region"))


def like(cloud: Cloud, patterns: Iterable[str]) -> frozenset[str]:
    """All types that the region offers whose name matches one of ``patterns`` (``g*.*``)."""
    wanted = tuple(patterns)
    every = {type_ for type_, _ in _offerings(cloud, (), "region")}
    return frozenset(type_ for type_ in every if any(fnmatchcase(type_, pattern) for pattern in wanted))


def zones(cloud: Cloud, type_: str) -> tuple[str, ...]:
    """The availability zones that offer ``type_``, in alphabetical order."""
    return tuple(sorted(zone for _, zone in _offerings(cloud, [type_], "availability-zone")))


def stand_ins(cloud: Cloud, type_: str) -> tuple[prices.TypeFacts, ...]:
    """The nearest offered types to one that is not offered, the best first."""
    table = prices.shipped().types
    there = offered(cloud, table)
    return prices.nearest(table.get(type_), {name: table[name] for name in there if name != type_})


def _offerings(cloud: Cloud, types: Iterable[str], by: LocationTypeType) -> list[tuple[str, str]]:
    wanted = sorted(types)
    pages = cloud.ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType=by, Filters=[{"Name": "instance-type", "Values": wanted}] if wanted else []
    )
    rows = [offer for page in pages for offer in page["InstanceTypeOfferings"]]
    return [(str(row["InstanceType"]), row["Location"]) for row in rows]
