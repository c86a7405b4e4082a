"""Single facts in what DescribeInstances answers, and in tags, which whoever may tag can spoil."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef


def address(facts: InstanceTypeDef, *, by_jump: bool) -> str | None:
    """A host inside the network goes to the private address; from outside there may be only IPv6."""
    public, private = facts.get("PublicIpAddress"), facts.get("PrivateIpAddress")
    if by_jump:
        return private or public or None
    return public or facts.get("Ipv6Address") or private or None


def shaped(word: str, shape: re.Pattern[str]) -> str:
    """A tag's word; empty where it is not what awstune writes there."""
    return word if shape.fullmatch(word) else ""


def seconds(word: str) -> float | None:
    """A tag's whole number; None where it is none."""
    return float(word) if word.isdecimal() else None


def number(word: str) -> float | None:
    """A tag's number, such as a price; None where it is none, or below 0."""
    try:
        found = float(word)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def reason(facts: InstanceTypeDef) -> str:
    """Why it is in its state, in AWS's words."""
    why = facts.get("StateReason", {})
    words = [why.get("Code", ""), why.get("Message", "")]
    return words[1] if words[1].startswith(words[0]) else ": ".join(word for word in words if word)


def born(facts: InstanceTypeDef) -> float | None:
    """When its root disk was put to it, which a start does not move."""
    roots = [
        disk["Ebs"]["AttachTime"].timestamp()
        for disk in facts.get("BlockDeviceMappings", [])
        if disk["DeviceName"] == facts.get("RootDeviceName") and "AttachTime" in disk.get("Ebs", {})
    ]
    return roots[0] if roots else None


def stopped_at(facts: InstanceTypeDef) -> float | None:
    """AWS says when only in words: ``User initiated (2026-11-23 13:52:31 GMT)``."""
    found = re.search(
        r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", facts.get("StateTransitionReason", "")
    )
    if not found:
        return None
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
