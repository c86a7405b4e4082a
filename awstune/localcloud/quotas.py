"""Service quotas of EC2, in vCPUs by family and market: answered, and held to at launch.

Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html.
"""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass
from typing import Any

ON_DEMAND = "on-demand"
SPOT = "spot"


@dataclass(frozen=True)
class Quota:
    """One quota: its code, its name at AWS, which types count against it, and what it is here."""

    code: str
    name: str
    families: tuple[str, ...]
    market: str
    value: float


QUOTAS = (
    Quota("L-417A185B", "Running On-Demand P instances", ("p",), ON_DEMAND, 64.0),
    Quota("L-DB2E81BA", "Running On-Demand G and VT instances", ("g", "gr", "vt"), ON_DEMAND, 64.0),
    Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", ("p",), SPOT, 64.0),
    Quota("L-3819A6DF", "All G and VT Spot Instance Requests", ("g", "gr", "vt"), SPOT, 64.0),
    Quota(
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        tuple("acdhimrtz"),
        ON_DEMAND,
        640.0,
    ),
    Quota(
        "L-34B43A08",
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        tuple("acdhimrtz"),
        SPOT,
        640.0,
    ),
)


class NoSuchQuota(Exception):
    """A quota code that EC2 does not have."""


class Quotas:
    """The quotas of this account, the same in every region. Safe to use from many threads."""

    def __init__(self) -> None:
        self._values = {quota.code: quota.value for quota in QUOTAS}
        self._asked: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def set(self, code: str, value: float) -> None:
        """Change a quota's value.

        Raises:
            KeyError: there is no such quota.
        """
        with self._lock:
            self._values[find(code).code] = value

    def limit(self, instance_type: str, market: str) -> tuple[Quota, float] | None:
        """The quota that a type counts against, and its value; None for a type without one."""
        quota = of_type(instance_type, market)
        if quota is None:
            return None
        with self._lock:
            return quota, self._values[quota.code]

    def answer(self, action: str, document: dict[str, Any], region: str, account: str) -> Any:
        """What Service Quotas answers; None for an action or service that is not answered here.

        Raises:
            NoSuchQuota: no such quota.
        """
        if document.get("ServiceCode") != "ec2":
            return None
        match action:
            case "ListServiceQuotas" | "ListAWSDefaultServiceQuotas":
                return {"Quotas": [self._shown(quota, region, account) for quota in QUOTAS]}
            case "GetServiceQuota" | "GetAWSDefaultServiceQuota":
                return {"Quota": self._shown(_named(document), region, account)}
            case "RequestServiceQuotaIncrease":
                return {"RequestedQuota": self._ask(document)}
            case "ListRequestedServiceQuotaChangeHistoryByQuota":
                return {"RequestedQuotas": self._history(document["QuotaCode"])}
        return None

    def _shown(self, quota: Quota, region: str, account: str) -> dict[str, Any]:
        with self._lock:
            value = self._values[quota.code]
        return {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:ec2/{quota.code}",
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }

    def _ask(self, document: dict[str, Any]) -> dict[str, Any]:
        quota = _named(document)
        request = {
            "Id": uuid.uuid4().hex,
            "ServiceCode": "ec2",
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "DesiredValue": document["DesiredValue"],
            "Status": "PENDING",
        }
        with self._lock:
            self._asked.append(request)
        return request

    def _history(self, code: str) -> list[dict[str, Any]]:
        with self._lock:
            return [request for request in self._asked if request["QuotaCode"] == code]


def find(code: str) -> Quota:
    """The quota of that code.

    Raises:
        KeyError: there is none.
    """
    for quota in QUOTAS:
        if quota.code == code:
            return quota
    raise KeyError(code)


def of_type(instance_type: str, market: str) -> Quota | None:
    """The quota that an instance type counts against in a market: by the letters that it starts with."""
    match = re.match("[a-z]+", instance_type)
    family = match.group() if match else ""
    found = [quota for quota in QUOTAS if family in quota.families and quota.market == market]
    return found[0] if found else None


def _named(document: dict[str, Any]) -> Quota:
    try:
        return find(document["QuotaCode"])
    except KeyError as error:
        raise NoSuchQuota("The requested quota does not exist.") from error
