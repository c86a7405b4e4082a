"""What is wanted and what is there make a plan. Pure: no calls, no clock, no files.

A plan is shown by ``--dry-run``, applied by `awstune.ec2.launch` and compared by tests. What is there
already is left out of it, so a plan made after a crash finishes what was begun, and a plan made after
it was applied is empty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from awstune import errors, names
from awstune.ec2 import backstop, fits, guard, keys, offers, openings, quotas, writing
from awstune.ec2.actual import Actual, KeyFacts
from awstune.ec2.images import Image
from awstune.ec2.instances import Instance
from awstune.ec2.prices import Prices, TypeFacts
from awstune.ec2.steps import (
    ArmBackstop,
    Fallback,
    ImportKeyPair,
    LinkKey,
    RunInstance,
    Step,
    Wait,
    span,
    told,
)
from awstune.ec2.wanted import Wanted
from awstune.money import dollars


@dataclass(frozen=True)
class Plan:
    """What will be done, and what it may cost.

    Attributes:
        region: where.
        steps: in order; empty where nothing is to be done.
        existing: the instances that are there already, as wanted.
        usd_per_hour: what the new instances cost an hour, without disks; None where unknown.
        usd_worst_case: what they can cost until their end, with disks; None where unknown or endless.
        notes: sentences about money that belong under the steps.
    """

    region: str
    steps: tuple[Step, ...] = ()
    existing: tuple[Instance, ...] = ()
    usd_per_hour: float | None = 0.0
    usd_worst_case: float | None = 0.0
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not self.steps

    @property
    def launches(self) -> tuple[RunInstance, ...]:
        """The steps that cost money."""
        return tuple(step for step in self.steps if isinstance(step, RunInstance))

    def prose(self, *, explain: bool = False) -> list[str]:
        """One sentence a line: the steps, then what they may cost.

        Args:
            explain: each step with the console step that it replaces on a line below.
        """
        if self.empty:
            return [f"nothing to do: {', '.join(found.name for found in self.existing)} is there as wanted"]
        lines: list[str] = []
        for step in told(self.steps):
            lines.append(step.prose())
            lines += [f"    in the console: {step.console}"] if explain else []
        for number, note in enumerate(self.notes):
            lines += [note, *([f"    in the console: {_NO_PRICE}"] if explain and not number else [])]
        return lines

    def to_json(self, *, explain: bool = False) -> dict[str, Any]:
        """The object of ``launch --dry-run --json``, with ``console`` at each step where explained."""
        return {
            "plan": [step.to_json(explain=explain) for step in self.steps],
            "usd_per_hour": self.usd_per_hour,
            "usd_worst_case": self.usd_worst_case,
        }


def make_plan(wanted: Wanted, actual: Actual) -> Plan:
    """The steps from what is there to what is wanted.

    Raises:
        NameTaken: an instance of that name has other wishes or another owner, or is stopped.
        NotOffered: the region does not offer the type.
        QuotaExceeded: the account may not run as many vCPUs.
        KeyFileError: the private key is lost, or is another one.
        UsageError: the disk is smaller than the image, the image does not drive the type's GPU, or nobody
            could write to the results bucket.
    """
    existing = tuple(found for found in actual.instances if found.live)
    for instance in existing:
        _refuse_taken(wanted, actual, instance)
    missing = tuple(name for name in wanted.names if name not in {found.name for found in existing})
    armed = tuple(ArmBackstop(one.name, wanted.name, one.id, one.at_end) for one in actual.unscheduled)
    refresh = (*openings.ssh_steps(wanted, actual), *armed)
    if not missing:
        pending = tuple(found.name for found in existing if found.state == "pending")
        waits = (Wait(pending),) if pending else ()
        return Plan(actual.region, steps=(*refresh, *waits), existing=existing)
    _refuse_not_offered(wanted, actual)
    _refuse_unfit(actual)
    _refuse_over_quota(actual, len(missing))
    _refuse_unwritable(actual)
    runs = tuple(_run(wanted, actual, name) for name in missing)
    before = (*_key_steps(wanted, actual.key), *openings.group_steps(wanted, actual), *refresh)
    return _priced(actual, Plan(actual.region, (*before, *runs, Wait(missing)), existing), runs)


_NO_PRICE = "nothing says so; the Pricing Calculator does, once all of this is typed into it"
# More would be other machines than what was asked for.
_FALLBACKS = 3


def _refuse_taken(wanted: Wanted, actual: Actual, instance: Instance) -> None:
    name = instance.name
    if instance.owner != actual.owner:
        raise errors.NameTaken(
            f"{name} is there already and belongs to {instance.owner or 'somebody else'}",
            "choose another name",
        )
    if instance.wishes.split(" ")[0] != wanted.hash():
        raise errors.NameTaken(
            f"{name} is there already, with other wishes: {_differences(wanted, instance)}",
            f"choose another name, or `awstune terminate {name}` first",
        )
    if instance.state in ("stopped", "stopping"):
        raise errors.NameTaken(f"{name} is there already, and {instance.state}", f"awstune start {name}")


def _differences(wanted: Wanted, instance: Instance) -> str:
    words = instance.wishes.partition(" ")[2].split("; ")
    had = dict(word.partition("=")[::2] for word in words if "=" in word)
    asks = {key: str(value) for key, value in wanted.wishes().items()}
    changed = [key for key in {**had, **asks} if had.get(key) != asks.get(key)]
    said = [f"{key} is {had.get(key, 'not set')}, not {asks.get(key, 'left out')}" for key in changed]
    return ", ".join(said) or "they are too long to say what differs"


def _refuse_not_offered(wanted: Wanted, actual: Actual) -> None:
    if actual.offered:
        return
    raise errors.NotOffered(
        offers.not_offered(actual.region, wanted.type, actual.stand_ins, actual.quotas),
        "take the nearest with --or-similar, name one with --type, or use another --region",
        nearest=actual.stand_ins[0].type if actual.stand_ins else "",
    )


def _refuse_unfit(actual: Actual) -> None:
    facts = actual.prices.types.get(actual.type)
    if actual.image is None or facts is None:
        return
    fit = fits.check(actual.image.name, facts.gpu)
    if fit is not None and not fit.ok:
        raise errors.UsageError(
            f"{actual.image.name} does not work on {actual.type}: {fit.reason}",
            f"use --ami {fit.instead!r}, or another --type",
        )


def _refuse_over_quota(actual: Actual, count: int) -> None:
    facts = actual.prices.types.get(actual.type)
    if actual.quota is None or facts is None:
        return
    over = quotas.refusal(actual.quota, count, actual.type, facts.vcpus)
    if over:
        raise over


def _refuse_unwritable(actual: Actual) -> None:
    missing = writing.refusal(actual.writing) if actual.writing else None
    if missing:
        raise missing


def _key_steps(wanted: Wanted, key: KeyFacts) -> tuple[Step, ...]:
    if key.own and key.own_public:
        return _own_key_steps(wanted, key, key.own, key.own_public)
    if key.at_aws is None:
        return (ImportKeyPair(key.pair, key.path, public=key.here, key_type=wanted.key_type),)
    if key.here is None:
        raise keys.refuse_lost(key.pair, key.path, wanted.name)
    if key.at_aws.public and not keys.same(key.at_aws.public, key.here):
        raise keys.refuse_other(key.pair, key.path, wanted.name)
    return ()


def _own_key_steps(wanted: Wanted, key: KeyFacts, own: str, public: str) -> tuple[Step, ...]:
    if key.at_aws is None:
        return (ImportKeyPair(key.pair, key.path, public=public, link=own),)
    if key.at_aws.public and not keys.same(key.at_aws.public, public):
        raise keys.refuse_other(key.pair, own, wanted.name)
    return () if key.here and keys.same(key.here, public) else (LinkKey(key.pair, key.path, own),)


def _run(wanted: Wanted, actual: Actual, name: str) -> RunInstance:
    image = actual.image
    if image is None:
        raise errors.UsageError(f"no image for {actual.type} was looked for", "name one with --ami")
    if wanted.max_usd is not None and actual.prices.ceiling_per_hour(actual.type) is None:
        raise errors.UsageError(
            f"nobody knows the price of {actual.type}, so --max-usd cannot be held", "use --ttl instead"
        )
    disk_gib = wanted.disk_gib or max(names.DEFAULT_DISK_GIB, image.min_disk_gib)
    if disk_gib < image.min_disk_gib:
        raise errors.UsageError(
            f"a disk of {disk_gib} GiB is too small for {image.name}, which needs {image.min_disk_gib}",
            f"--disk {image.min_disk_gib}, or leave --disk out",
        )
    rate = actual.prices.usd_per_hour(actual.type, wanted.market)
    disk_usd_per_hour = actual.prices.disk_usd_per_hour(disk_gib)
    facts = actual.prices.types.get(actual.type)
    return RunInstance(
        name=name,
        base=wanted.name,
        type=actual.type,
        market=wanted.market,
        image_id=image.id,
        image=image.name,
        root_device=image.root_device,
        disk_gib=disk_gib,
        at_end=wanted.end,
        ttl_s=wanted.ttl_s,
        idle_s=wanted.idle_s,
        max_usd=wanted.max_usd,
        usd_per_hour=actual.prices.ceiling_per_hour(actual.type),
        rate=rate,
        address_usd_per_hour=actual.prices.public_ipv4_hour,
        disk_usd_per_hour=disk_usd_per_hour,
        pair=actual.key.pair,
        group=openings.wanted_group(wanted),
        vpc_id=actual.network.vpc_id,
        subnet=wanted.subnet,
        ssh_jump=wanted.ssh_jump or "",
        bucket=wanted.results_bucket or "",
        imds_v1_boot=fits.boots_by_imds_v1(image.name),
        wishes=wanted.wishes_tag(),
        tags=dict(wanted.tags),
        facts=str(replace(facts, usd_per_hour=rate)) if facts else "",
        fallbacks=_fallbacks(wanted, actual, image, disk_usd_per_hour),
    )


def _fallbacks(
    wanted: Wanted, actual: Actual, image: Image, disk_usd_per_hour: float
) -> tuple[Fallback, ...]:
    """Types that the same image drives, whose whole time to live the cap would pay for."""
    if not wanted.or_similar:
        return ()
    others = [one for one in actual.stand_ins if one.type != actual.type][:_FALLBACKS]
    return tuple(
        Fallback(one.type, one.usd_per_hour, str(replace(one, usd_per_hour=rate)), rate)
        for one, rate in ((one, actual.prices.usd_per_hour(one.type, wanted.market)) for one in others)
        if _fits(image, one) and _affordable(wanted, one, actual.prices.public_ipv4_hour + disk_usd_per_hour)
    )


def _fits(image: Image, facts: TypeFacts) -> bool:
    fit = fits.check(image.name, facts.gpu)
    return fit is None or fit.ok


def _affordable(wanted: Wanted, facts: TypeFacts, beside: float) -> bool:
    """Whether the cap pays for the whole time to live, with what an hour costs beside the type's price."""
    if wanted.max_usd is None:
        return True
    hours = ((wanted.ttl_s or 0.0) + guard.HOLD_S) / 3600
    return facts.usd_per_hour is not None and (facts.usd_per_hour + beside) * hours <= wanted.max_usd


def _priced(actual: Actual, plan: Plan, runs: tuple[RunInstance, ...]) -> Plan:
    hourly = [actual.prices.usd_per_hour(run.type, run.market) for run in runs]
    worst = [worst_case(run, actual.prices) for run in runs]
    usd_per_hour, usd_worst_case = _total(hourly), _total(worst)
    backed = actual.backstop and any(run.ttl_s is not None for run in runs)
    money = _notes(runs, actual.prices, usd_per_hour, usd_worst_case, backed=backed)
    notes = (*money, *openings.notes(actual, runs))
    return Plan(plan.region, plan.steps, plan.existing, usd_per_hour, usd_worst_case, notes)


def worst_case(run: RunInstance, prices: Prices) -> float | None:
    """Dollars until the end of one instance: its time to live x (price + address + disk), or its cap.

    The price is the dearest type's that it may become. An end that is due waits while results are sent
    home (`guard.HOLD_S`): that costs, too; a cap has it in it.
    """
    dearest = max(run.usd_per_hour or 0.0, *(other.usd_per_hour or 0.0 for other in run.fallbacks), 0.0)
    if run.ttl_s is None or run.usd_per_hour is None:
        return run.max_usd
    hourly = dearest + prices.public_ipv4_hour + run.disk_usd_per_hour
    spent = (run.ttl_s + guard.HOLD_S) / 3600 * hourly
    return spent if run.max_usd is None else min(spent, run.max_usd)


def _total(amounts: list[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return round(sum(known), 4) if len(known) == len(amounts) else None


def _notes(
    runs: tuple[RunInstance, ...],
    prices: Prices,
    hourly: float | None,
    worst: float | None,
    *,
    backed: bool,
) -> tuple[str, ...]:
    price = "the price is unknown" if hourly is None else f"{dollars(hourly)} an hour"
    sending = f"with {span(guard.HOLD_S)} in which results are sent home"
    until = "without limit" if worst is None else f"{dollars(worst)} at most until the end, {sending}"
    types = [run.type for run in runs] + [other.type for run in runs for other in run.fallbacks]
    lines = [f"costs: {price}; {until} ({prices.source(types)})"]
    if any(run.at_end == "stop" for run in runs):
        daily = sum(run.disk_usd_per_hour for run in runs) * 24
        lines.append(f"stopped, the disk goes on costing {dollars(daily)} a day until it is terminated")
    if backed:
        grace = span(backstop.GRACE_S)
        lines.append(
            f"{grace} after its end a schedule ends it from outside, should it not have ended itself"
        )
    if any(run.market == "spot" for run in runs):
        lines.append(
            "AWS may take a spot instance away; what is only on its disk is then lost. The spot price may "
            "rise as far as the one on demand, by which the most is reckoned"
        )
    return tuple(lines)
