"""Quotas: how many vCPUs of a family an account may run at once, by market.

New accounts have 0 for P and G. Source:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune import errors
from awstune.ec2.faults import QUOTAS_PAGE, QuotaExceeded, Refused
from awstune.ec2.prices import shipped

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud

# (family, market) -> the quota's code and name.
CODES = {
    ("P", "on-demand"): ("L-417A185B", "Running On-Demand P instances"),
    ("G", "on-demand"): ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    ("standard", "on-demand"): ("L-1216C47A", "Running On-Demand Standard instances"),
    ("P", "spot"): ("L-7212CCBC", "All P Spot Instance Requests"),
    ("G", "spot"): ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    ("standard", "spot"): ("L-34B43A08", "All Standard Spot Instance Requests"),
}
_STANDARD = frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"})


@dataclass(frozen=True)
class Quota:
    """One quota and what is used of it.

    Attributes:
        family: ``P``, ``G`` or ``standard``.
        market: ``on-demand`` or ``spot``.
        vcpus: how many may run at once.
        used: how many do.
    """

    family: str
    market: str
    vcpus: float
    used: float

    @property
    def code(self) -> str:
        """AWS's code for it, such as ``L-417A185B``."""
        return CODES[self.family, self.market][0]

    @property
    def name(self) -> str:
        """AWS's name for it."""
        return CODES[self.family, self.market][1]

    @property
    def left(self) -> float:
        """VCPUs that may still be launched."""
        return max(0.0, self.vcpus - self.used)


def family(type_: str) -> str | None:
    """Which quota counts an instance type; None for families that have others."""
    head = re.match("[a-z]*", type_)[0]  # type: ignore[index]  # an empty match is a match
    if head in ("p", "g", "gr", "vt"):
        return "P" if head == "p" else "G"
    return "standard" if head in _STANDARD else None


def find(cloud: Cloud, type_: str, market: str) -> Quota | None:
    """The quota that counts ``type_``, with what is used of it; None where nobody may say."""
    counted = family(type_)
    return None if counted is None else limit(cloud, counted, market)


def limit(cloud: Cloud, family: str, market: str) -> Quota | None:
    """The quota of a family, with what is used of it; None where nobody may say."""
    vcpus = _limit(cloud, family, market)
    if vcpus is None:
        return None
    return Quota(family, market, vcpus, used(cloud).get((family, market), 0.0))


def every(cloud: Cloud) -> dict[tuple[str, str], Quota]:
    """All quotas that may be asked, by family and market."""
    busy = used(cloud)
    limits = {key: _limit(cloud, *key) for key in CODES}
    return {
        key: Quota(*key, vcpus=limit, used=busy.get(key, 0.0))
        for key, limit in limits.items()
        if limit is not None
    }


def used(cloud: Cloud) -> Mapping[tuple[str, str], float]:
    """VCPUs that the whole account runs in this region, by family and market."""
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    count: Counter[tuple[str, str]] = Counter()
    pages = cloud.client("ec2").get_paginator("describe_instances").paginate(Filters=states)
    for facts in (one for page in pages for held in page["Reservations"] for one in held["Instances"]):
        counted = family(facts["InstanceType"])
        if counted:
            count[counted, facts.get("InstanceLifecycle", "on-demand")] += _vcpus(facts)
    return dict(count)


def refusal(quota: Quota, count: int, type_: str, vcpus: int) -> QuotaExceeded | None:
    """The error for a launch that the quota does not allow, with the arithmetic; None where it does.

    Args:
        quota: what counts the type.
        count: how many shall be launched.
        type_: of which type.
        vcpus: of each.
    """
    if count * vcpus <= quota.left:
        return None
    words = f"--type {type_}" + (" --spot" if quota.market == "spot" else "")
    words += f" --count {count}" if count > 1 else ""
    return QuotaExceeded(
        f"the quota {quota.name!r} allows {quota.vcpus:g} vCPUs, {quota.used:g} are in use, "
        f"and {count} x {type_} needs {count * vcpus}",
        f"ask for more: `awstune doctor --request-quota {words}`, or {QUOTAS_PAGE}/{quota.code}",
        code="VcpuLimitExceeded",
        operation="RunInstances",
    )


def request_increase(cloud: Cloud, family: str, market: str, vcpus: float) -> str:
    """Asks AWS for a higher quota; it answers by e-mail, within minutes or days.

    Args:
        cloud: where; quotas are a region's.
        family: ``P``, ``G`` or ``standard``.
        market: ``on-demand`` or ``spot``.
        vcpus: the new quota.

    Returns:
        The state of the request: ``PENDING``, ``CASE_OPENED``, or ``ALREADY_REQUESTED``.

    Raises:
        CloudError: AWS refused.
    """
    client = cloud.client("service-quotas")
    code = CODES[family, market][0]
    try:
        answer = client.request_service_quota_increase(ServiceCode="ec2", QuotaCode=code, DesiredValue=vcpus)
    except Refused as error:
        if error.code == "ResourceAlreadyExistsException":
            return "ALREADY_REQUESTED"
        raise
    return str(answer["RequestedQuota"]["Status"])


def _vcpus(facts: Any) -> int:
    known = shipped().types.get(facts["InstanceType"])
    cpus = facts.get("CpuOptions", {})
    return known.vcpus if known else cpus.get("CoreCount", 0) * cpus.get("ThreadsPerCore", 1)


def _limit(cloud: Cloud, family: str, market: str) -> float | None:
    client = cloud.client("service-quotas")
    try:
        answer = client.get_service_quota(ServiceCode="ec2", QuotaCode=CODES[family, market][0])
    except errors.CloudError:
        # A caller without that permission may still launch; AWS counts then.
        return None
    return float(answer["Quota"]["Value"])
