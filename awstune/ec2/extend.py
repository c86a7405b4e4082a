"""Moves an instance's end, on tag and disk alike.

The disk is what ends it and is written first, over SSH by the caller (`guard.move_end_command`); the tag
is what other laptops read. A crash in between leaves a tag that names an earlier end than the true one;
repeating the command mends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.ec2 import backstop, guard
from awstune.ec2.instances import TAG_RAN, TAG_SEEN, Instance, iso
from awstune.ec2.network import tag_list
from awstune.ec2.steps import span

if TYPE_CHECKING:
    from awstune.ec2.prices import Prices
    from awstune.ec2.session import Cloud


@dataclass(frozen=True)
class Extension:
    """A later end, before it is made so.

    Attributes:
        instance: whose.
        ends: the new end, seconds since the epoch.
        usd_worst_case: what it can have cost in all by then; None where its price is unknown.
    """

    instance: Instance
    ends: float
    usd_worst_case: float | None

    def prose(self) -> list[str]:
        """One sentence a line: what changes, and what it may cost."""
        name, was = self.instance.name, self.instance.ends
        by = span(self.ends - was) if was is not None else ""
        known = self.usd_worst_case is not None
        cost = f"${self.usd_worst_case:,.2f} at most" if known else "unknown: the type is in no price table"
        return [
            f"move the end of {name} to {iso(self.ends)}, {by} later",
            f"what {name} will have cost by then, with what it has cost already: {cost}",
        ]

    def to_json(self) -> dict[str, Any]:
        """The plan's object."""
        return {
            "plan": [{"action": "extend", "name": self.instance.name, "ends": iso(self.ends)}],
            "usd_worst_case": self.usd_worst_case,
        }


def propose(instance: Instance, by_s: float, prices: Prices, now: float) -> Extension:
    """The end moved by ``by_s`` seconds; one that has passed already is moved from now on.

    Raises:
        UsageError: the instance does not run, has no end, or the time is not above zero.
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
    worst = instance.usd_so_far(ends, prices)
    return Extension(instance, ends, None if worst is None else round(worst, 4))


def write_end(cloud: Cloud, instance: Instance, ends: float | None) -> None:
    """Writes the end to the tag, and moves the backstop where there is one.

    Raises:
        CloudError: AWS refused.
    """
    _tag(cloud, instance, names.TAG_ENDS, guard.ends_word(ends))
    backstop.arm(cloud, instance, ends)


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
