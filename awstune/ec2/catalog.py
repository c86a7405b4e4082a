"""`awstune types`: the GPU types of a region, what they cost, and what one's quota allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from awstune import errors
from awstune.ec2 import offers, pricelist, quotas
from awstune.ec2.prices import TypeFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awstune.ec2.prices import Prices
    from awstune.ec2.session import Cloud

_GPU_FAMILIES = ("p*.*", "g*.*")
_TYPES_A_CALL = 100


@dataclass(frozen=True)
class Row:
    """One line of `awstune types`.

    Attributes:
        facts: GPU, memory and price on demand.
        offered: whether the region offers it.
        spot: today's spot price by zone; empty where nobody says.
        quota: what counts it on demand; None where nobody says.
        spot_quota: what counts it on the spot market.
        dated: of which region its price on demand is, and of when; both empty where nobody says a price.
    """

    facts: TypeFacts
    offered: bool
    spot: Mapping[str, float]
    quota: quotas.Quota | None
    spot_quota: quotas.Quota | None = None
    dated: tuple[str, str] = ("", "")

    def to_json(self) -> dict[str, Any]:
        """The object of ``types --json``."""
        return {
            "type": self.facts.type,
            "gpu": self.facts.gpu,
            "gpus": self.facts.gpus,
            "gpu_memory_gib": self.facts.gpu_memory_gib,
            "vcpus": self.facts.vcpus,
            "usd_per_hour": self.facts.usd_per_hour,
            "spot_usd_per_hour": min(self.spot.values(), default=None),
            "offered": self.offered,
            "quota_vcpus": self.quota.vcpus if self.quota else None,
            "quota_used_vcpus": self.quota.used if self.quota else None,
            "spot_usd_per_hour_by_zone": dict(sorted(self.spot.items())),
            "spot_quota_vcpus": self.spot_quota.vcpus if self.spot_quota else None,
            "spot_quota_used_vcpus": self.spot_quota.used if self.spot_quota else None,
            "price_region": self.dated[0] or None,
            "price_date": self.dated[1] or None,
        }


def rows(cloud: Cloud) -> list[Row]:
    """All x86-64 types with NVIDIA GPUs that the region offers or the package knows.

    The offered ones come first, the cheapest at the top, those of unknown price last.

    Raises:
        CloudError: AWS refused to say what is offered.
    """
    offered = offers.like(cloud, _GPU_FAMILIES)
    table = pricelist.live(cloud, offered)
    table = table.with_types(_described(cloud, offered, table))
    spot = _spot(cloud, offered)
    limits = quotas.every(cloud)
    found = [_row(facts, offered, spot, limits) for facts in table.types.values() if facts.gpus and facts.gpu]
    dated = [
        replace(row, dated=table.dated(row.facts.type)) if row.facts.usd_per_hour else row for row in found
    ]
    return sorted(dated, key=_order)


def _order(row: Row) -> tuple[bool, float, str]:
    usd = row.facts.usd_per_hour
    return not row.offered, math.inf if usd is None else usd, row.facts.type


def _row(
    facts: TypeFacts,
    offered: frozenset[str],
    spot: Mapping[str, Mapping[str, float]],
    limits: Mapping[tuple[str, str], quotas.Quota],
) -> Row:
    family = quotas.family(facts.type) or ""
    quota, spot_quota = limits.get((family, "on-demand")), limits.get((family, "spot"))
    return Row(facts, facts.type in offered, spot.get(facts.type, {}), quota, spot_quota)


def _spot(cloud: Cloud, offered: frozenset[str]) -> Mapping[str, Mapping[str, float]]:
    try:
        return pricelist.spot_by_zone(cloud, offered) if offered else {}
    except errors.CloudError:
        return {}


def _described(cloud: Cloud, offered: frozenset[str], table: Prices) -> dict[str, TypeFacts]:
    """Facts of offered types that the package does not know, as AWS describes them."""
    known = table.types
    unknown = sorted(type_ for type_ in offered if type_ not in known or not known[type_].gpu)
    found = {}
    for start in range(0, len(unknown), _TYPES_A_CALL):
        asked: Any = unknown[start : start + _TYPES_A_CALL]
        for facts in cloud.ec2.describe_instance_types(InstanceTypes=asked)["InstanceTypes"]:
            gpus = facts.get("GpuInfo", {}).get("Gpus", [])
            if gpus and gpus[0].get("Manufacturer") == "NVIDIA" and _is_x86(facts):
                type_ = str(facts["InstanceType"])
                price = table.usd_per_hour(type_)
                found[type_] = _facts(type_, gpus[0], facts["VCpuInfo"].get("DefaultVCpus", 0), price)
    return found


def _is_x86(facts: Any) -> bool:
    """The images that awstune knows, and torch's CUDA wheels for them, are for x86-64."""
    return "x86_64" in facts.get("ProcessorInfo", {}).get("SupportedArchitectures", [])


def _facts(type_: str, gpu: Any, vcpus: int, usd: float | None) -> TypeFacts:
    memory = gpu.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024
    # A part of a GPU counts 0 physical ones and one logical.
    count = gpu.get("Count") or gpu.get("LogicalGpuCount", 1)
    return TypeFacts(type_, gpu.get("Name", "GPU"), count, round(memory, 1), vcpus, usd)
