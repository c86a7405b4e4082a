"""Which instance types a region offers. Only `DescribeInstanceTypeOfferings` tells the truth.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from awstune.ec2 import prices, quotas

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import LocationTypeType

    from awstune.ec2.session import Cloud

# How many stand-ins are priced, and how many of them a sentence can hold.
_NEAREST, _SHOWN = 4, 3
_RETIRED = {"p2": "AWS has retired it nearly everywhere"}


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
    """The nearest offered types to one that is not offered or full, the best first."""
    table = prices.shipped().types
    there = offered(cloud, table)
    near = prices.nearest(table.get(type_), {name: table[name] for name in there if name != type_})
    return near[:_NEAREST]


def not_offered(
    region: str, type_: str, near: Sequence[prices.TypeFacts], limits: Mapping[str, quotas.Quota]
) -> str:
    """That a region does not offer a type, why not, and the nearest that it has, in one sentence.

    Args:
        region: where.
        type_: what is not offered.
        near: the nearest offered types, the best first.
        limits: the quotas that count them, by family, as far as they are known.
    """
    gone = _RETIRED.get(type_.split(".", maxsplit=1)[0], "")
    said = ", ".join(_with_quota(facts, limits) for facts in near[:_SHOWN])
    what = f"{region} does not offer {type_}" + (f" ({gone})" if gone else "")
    return what + (f"; nearest: {said}" if said else ", nor anything like it")


def _with_quota(facts: prices.TypeFacts, limits: Mapping[str, quotas.Quota]) -> str:
    quota = limits.get(quotas.family(facts.type) or "")
    if quota is None:
        return str(facts)
    return f"{str(facts)[:-1]}, {quota.left:g} of {quota.vcpus:g} vCPUs of your quota left)"


def _offerings(cloud: Cloud, types: Iterable[str], by: LocationTypeType) -> list[tuple[str, str]]:
    wanted = sorted(types)
    pages = cloud.ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType=by, Filters=[{"Name": "instance-type", "Values": wanted}] if wanted else []
    )
    rows = [offer for page in pages for offer in page["InstanceTypeOfferings"]]
    return [(str(row["InstanceType"]), row["Location"]) for row in rows]
