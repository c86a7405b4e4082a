"""Moves an instance's end, on tag and disk alike.

The disk is what ends it and is written first, over SSH by the caller (`guard.move_end_command`); the tag
is what other laptops read. A crash in between leaves a tag that names an earlier end than the true one;
repeating the command mends it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.amounts import iso
from awstune.ec2 import backstop, guard
from awstune.ec2.instances import TAG_CAP, TAG_RAN, TAG_SEEN, Instance
from awstune.ec2.network import tag_list
from awstune.ec2.steps import span
from awstune.money import dollars

if TYPE_CHECKING:
    from awstune.ec2.prices import Prices
    from awstune.ec2.session import Cloud


@dataclass(frozen=True)
class Extension:
    """A later end, before it is made so.

    Attributes:
        instance: whose.
        ends: the new end, seconds since the epoch.
        usd_worst_case: what it can have cost in all when it has ended; None where its price is unknown.
        usd_by_then: the same, had it no dollar cap.
        limits: another dollar cap, as its disk has it; None where that stays.
    """

    instance: Instance
    ends: float
    usd_worst_case: float | None
    usd_by_then: float | None = None
    limits: guard.Limits | None = None

    @property
    def max_usd(self) -> float | None:
        """Its dollar cap from then on; None for none."""
        return self.instance.max_usd if self.limits is None else self.limits.max_usd

    def prose(self) -> list[str]:
        """One sentence a line: what changes, and what it may cost."""
        name, was = self.instance.name, self.instance.ends
        later = f", {span(self.ends - was)} later" if was is not None else ""
        worst = self.usd_worst_case
        cost = "unknown: the type is in no price table" if worst is None else f"{dollars(worst)} at most"
        lines = [f"move the end of {name} to {iso(self.ends)}{later}"]
        if self.limits is not None and self.max_usd is not None:
            lines.append(f"have {name} end itself {self.limits.cap_in_words}")
        lines.append(f"what {name} will have cost when it has ended, with what it has cost already: {cost}")
        if self.max_usd is not None and (self.usd_by_then or 0.0) > self.max_usd:
            raised = math.ceil(self.usd_by_then or 0.0)
            lines.append(
                f"its dollar cap of {dollars(self.max_usd)} ends {name} before that: --max-usd {raised} "
                "lets it run so long"
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """The plan's object."""
        step = {"action": "extend", "name": self.instance.name, "ends": iso(self.ends)}
        capped = {} if self.limits is None else {"max_usd": self.max_usd}
        return {"plan": [{**step, **capped}], "usd_worst_case": self.usd_worst_case}


def propose(
    instance: Instance, by_s: float, prices: Prices, now: float, max_usd: float | None = None
) -> Extension:
    """The end moved by ``by_s`` seconds; one that has passed already is moved from now on.

    Args:
        instance: whose.
        by_s: seconds.
        prices: of its region.
        now: seconds since the epoch.
        max_usd: another dollar cap, on all that it has cost and will; None keeps the one it has.

    Raises:
        UsageError: the instance does not run, has no end, the time is not above zero, or the cap is spent.
    """
    if by_s <= 0:
        raise errors.UsageError("the end can only be moved to a later time", "awstune extend NAME 4h")
    if instance.state not in ("pending", "running"):
        raise errors.UsageError(
            f"{instance.name} is {instance.state}", f"`awstune start {instance.name}` sets a new end"
        )
    if instance.ends is None:
        raise errors.UsageError(f"{instance.name} has no end to move: it was launched with --ttl none")
    ends = max(instance.ends, now) + by_s
    limits = None if max_usd is None else _capped(instance, max_usd, prices, now)
    cap = instance.max_usd if max_usd is None else max_usd
    # An end that is due waits while results are sent home; a cap has that in it.
    by_then = instance.usd_so_far(ends + guard.HOLD_S, prices)
    worst = None if by_then is None else round(by_then if cap is None else min(by_then, cap), 4)
    return Extension(instance, ends, worst, by_then, limits)


def _capped(instance: Instance, max_usd: float, prices: Prices, now: float) -> guard.Limits:
    rate, spent = instance.usd_per_hour(prices), instance.usd_so_far(now, prices)
    if rate is None or spent is None:
        raise errors.UsageError(
            f"nobody knows the price of {instance.type}, so --max-usd cannot be held", "leave --max-usd out"
        )
    # A spot price may rise as far as the one on demand.
    hourly = max(rate, prices.ceiling_per_hour(instance.type) or 0.0) + prices.public_ipv4_hour
    limits = guard.Limits(None, max_usd, hourly, prices.disk_usd_per_hour(instance.disk_gib))
    if spent >= limits.due_usd:
        what = f"{instance.name} has cost {dollars(spent)}, so --max-usd {max_usd:g} would end it at once"
        why = f"that ends it {limits.cap_in_words}"
        raise errors.UsageError(f"{what}: {why}", f"awstune stop {instance.name}, or a larger --max-usd")
    return limits


def write_end(cloud: Cloud, instance: Instance, ends: float | None) -> None:
    """Moves the backstop where there is one, then writes the end to the tag.

    A longer life is counted from what the tag says: after an error the same command comes to the same end.

    Raises:
        CloudError: AWS refused; the tag is what it was.
    """
    backstop.arm(cloud, instance, ends)
    _tag(cloud, instance, names.TAG_ENDS, guard.ends_word(ends))


def write_cap(cloud: Cloud, instance: Instance, max_usd: float) -> None:
    """Writes the dollar cap to the tag; the disk has it already (`guard.more_limits_command`).

    Raises:
        CloudError: AWS refused.
    """
    _tag(cloud, instance, TAG_CAP, f"{max_usd:.10g}")


def write_host_keys(cloud: Cloud, instance: Instance, keys: tuple[str, ...]) -> None:
    """Writes which host keys may be shown: before a rotation the new one and the old, then the new one.

    A laptop that pins from the tag at any moment in between is never locked out.

    Args:
        cloud: where it is.
        instance: whose.
        keys: ``ssh-ed25519 AAAA...`` each, the newest first, two at most (a tag holds 256 characters).

    Raises:
        CloudError: AWS refused.
    """
    _tag(cloud, instance, names.TAG_HOST_KEY, ",".join(keys[:2]))


def write_ran(cloud: Cloud, instance: Instance, total_s: float, now: float) -> None:
    """Writes down how long it has run, so that `ls` can tell once it has ended itself.

    Args:
        cloud: where it is.
        instance: one that runs.
        total_s: seconds over all its starts, as its disk says (`guard.RAN_FILE`).
        now: seconds since the epoch.

    Raises:
        CloudError: AWS refused.
    """
    earlier = max(0.0, total_s - (now - instance.launched))
    tags = {TAG_RAN: str(round(earlier)), TAG_SEEN: str(round(total_s))}
    cloud.ec2.create_tags(Resources=[instance.id], Tags=tag_list(tags))


def _tag(cloud: Cloud, instance: Instance, key: str, value: str) -> None:
    cloud.ec2.create_tags(Resources=[instance.id], Tags=tag_list({key: value}))
