"""Starts a stopped instance again, with a new end; what that may cost is known before.

How long it may live and what it may cost in all are what its launch was asked, as its tags say, unless
something else is typed. Its hours and its disk go on counting where they stopped, so an instance that its
dollar cap has ended would end at once: that is refused before it costs anything.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from awstune import errors, names
from awstune.ec2 import backstop, guard, metadata
from awstune.ec2.events import Changed
from awstune.ec2.instances import TAG_CAP, TAG_RAN, Instance
from awstune.ec2.network import tag_list
from awstune.ec2.steps import span
from awstune.money import dollars

if TYPE_CHECKING:
    from awstune.ec2.prices import Prices
    from awstune.ec2.session import Cloud

RUNS = ("running", "pending")


@dataclass(frozen=True)
class Restart:
    """A start, before it is made so.

    Attributes:
        instance: what is started; one that runs already is left as it is.
        ttl_s: seconds until its new end; infinity for none.
        limits: what is put on its disk above what is there; None for nothing.
        max_usd: its dollar cap from then on; None and infinity for none.
        usd_per_hour: without its disk; None where its price is unknown.
        usd_more: what it can cost from now until its end; None where that is unknown, or endless.
    """

    instance: Instance
    ttl_s: float
    limits: guard.Limits | None = None
    max_usd: float | None = None
    usd_per_hour: float | None = None
    usd_more: float | None = None

    def prose(self) -> str:
        """What is done, and what it costs, in one sentence."""
        name = self.instance.name
        if self.instance.state in RUNS:
            return f"{name} is {self.instance.state} already, and is left as it is"
        until = "WITHOUT AN END" if self.ttl_s == math.inf else f"for {span(self.ttl_s)}"
        price = "unknown" if self.usd_per_hour is None else f"{dollars(self.usd_per_hour)} an hour"
        most = "" if self.usd_more is None else f"; {dollars(self.usd_more)} more at most"
        return f"start {name} {until}; its price: {price}{most}"


def propose(
    instance: Instance,
    prices: Prices,
    now: float,
    *,
    ttl_s: float | None = None,
    max_usd: float | None = None,
) -> Restart:
    """A start with a new end.

    Args:
        instance: what is started.
        prices: of its region.
        now: seconds since the epoch.
        ttl_s: seconds until the new end, infinity for none; None takes what its launch was asked.
        max_usd: another dollar cap, on all that it has cost and will; infinity takes it away, None keeps it.

    Raises:
        UsageError: its cap is spent, it is on its way to a stop, or nobody knows its price.
    """
    if instance.state in RUNS:
        return Restart(instance, instance.ttl_s)
    if instance.state != "stopped":
        raise errors.UsageError(
            f"{instance.name} is {instance.state}", f"awstune start {instance.name} again once it is stopped"
        )
    ttl_s = instance.ttl_s if ttl_s is None else ttl_s
    cap = instance.max_usd if max_usd is None else max_usd
    rate, spent = instance.usd_per_hour(prices), instance.usd_so_far(now, prices)
    if rate is None or spent is None:
        if max_usd not in (None, math.inf):
            raise errors.UsageError(
                f"nobody knows the price of {instance.type}, so --max-usd cannot be held", "use --ttl instead"
            )
        return Restart(instance, ttl_s, max_usd=cap)
    disk = prices.disk_usd_per_hour(instance.disk_gib)
    hourly = rate + prices.public_ipv4_hour
    limits = None if cap is None else guard.Limits(None, cap, hourly, disk)
    # An end that is due waits while results are sent home; a cap has that in it.
    a_second = (hourly + disk) / 3600
    if limits is not None and spent >= limits.due_usd:
        raise _spent(
            instance, spent, limits, more=a_second * (min(ttl_s, names.DEFAULT_TTL_S) + guard.HOLD_S)
        )
    most = min(a_second * (ttl_s + guard.HOLD_S), math.inf if cap is None else cap - spent)
    return Restart(instance, ttl_s, limits, cap, rate, None if most == math.inf else round(most, 4))


def apply(
    cloud: Cloud, restarts: Sequence[Restart], *, now: Callable[[], float] = time.time
) -> Iterator[Changed]:
    """Starts stopped instances. Waiting is the caller's (`awstune.ec2.wait`).

    The new end travels as new user-data, whose ``bootcmd`` runs before anything else at each boot: the
    guard never meets the old end.

    Args:
        cloud: where they are.
        restarts: proposed just now; instances that run already are left as they are.
        now: the clock, in seconds since the epoch.

    Yields:
        `Changed` for each that AWS starts.

    Raises:
        CloudError: AWS refused.
    """
    for one in restarts:
        if one.instance.state not in RUNS:
            yield from _start(cloud, one, now())


def _start(cloud: Cloud, restart: Restart, now: float) -> Iterator[Changed]:
    one = restart.instance
    ends = None if restart.ttl_s == math.inf else now + restart.ttl_s
    text = guard.user_data(
        None, ends=ends, stamp=f"start-{uuid.uuid4()}", limits=restart.limits, bucket=one.bucket
    )
    cloud.ec2.modify_instance_attribute(InstanceId=one.id, UserData={"Value": text.encode()})
    tags = {names.TAG_ENDS: guard.ends_word(ends), TAG_RAN: str(round(one.running_s(now)))}
    if restart.max_usd not in (None, one.max_usd, math.inf):
        tags[TAG_CAP] = f"{restart.max_usd:.10g}"
    cloud.ec2.create_tags(Resources=[one.id], Tags=tag_list(tags))
    backstop.arm(cloud, one, ends)
    metadata.open_for_boot(cloud, one)
    try:
        cloud.ec2.start_instances(InstanceIds=[one.id])
    except errors.CloudError:
        # Where AWS has not said no (`faults.definite`) it may have started: then its disk ends it.
        backstop.spare(cloud, [one])
        raise
    yield Changed(one.id, one.name, "pending")


def way_on(instance: Instance, usd: float) -> str:
    """The command that starts an instance whose cap is spent, with a cap of so many dollars at least."""
    return f"awstune start {instance.name} --max-usd {math.ceil(usd)}"


def _spent(instance: Instance, spent: float, limits: guard.Limits, *, more: float) -> errors.UsageError:
    name = instance.name
    what = f"{name} has cost {dollars(spent)} with its disk: started, it would end at once"
    return errors.UsageError(
        f"{what}, as its dollar cap ends it {limits.cap_in_words}",
        f"{way_on(instance, spent + more)} lets it cost more in all; awstune terminate {name} ends it",
    )
