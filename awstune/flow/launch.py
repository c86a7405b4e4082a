"""Launch: look, plan, apply, wait, get in. A crash at any line is mended by launching again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from awstune.config import Config, ensure_home
from awstune.ec2 import end, events, prices, survey, unfetched
from awstune.ec2 import launch as ec2_launch
from awstune.ec2.instances import Instance
from awstune.ec2.launch import PartLaunched
from awstune.ec2.plan import Plan, make_plan
from awstune.ec2.session import Cloud
from awstune.ec2.steps import RunInstance, Wait
from awstune.ec2.wanted import Wanted
from awstune.errors import (
    DISK_FULL,
    AwstuneError,
    CloudError,
    InstanceDied,
    Interrupted,
    LeftBehind,
    NoGuard,
    NotReady,
)
from awstune.flow import access, arriving, closing, clouds
from awstune.flow.claim import Claim, take
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.money import dollars
from awstune.remote import hosts, jump, openssh

T = TypeVar("T")


@dataclass(frozen=True)
class Proposal:
    """A plan, and what it takes to carry it out."""

    config: Config
    cloud: Cloud
    wanted: Wanted
    plan: Plan
    claim: Claim | None = None


@dataclass(frozen=True)
class Ready:
    """An instance that is there.

    Attributes:
        instance: as AWS describes it.
        document: the object of ``launch --json``.
        ssh_line: what lets one in from a shell.
    """

    instance: Instance
    document: dict[str, Any]
    ssh_line: str


def propose(config: Config, wanted: Wanted, *, warn: Callable[[object], None], dry: bool = False) -> Proposal:
    """Looks at what is there and plans the rest; changes nothing and costs nothing.

    Args:
        config: the options.
        wanted: what shall be there.
        warn: told of what an earlier embedded cloud has lost.
        dry: whether it is only to be shown; what is to be carried out claims its names.

    Raises:
        NameBusy: another awstune is at work on one of the names.
        UsageError: what is wanted is refused, before anything is made.
        CloudError: AWS refused to tell.
    """
    wanted = _by_jump(wanted)
    cloud = clouds.open_for(config, warn=warn, may_start=True)
    # Claimed before anybody looks: of two that find nothing, both would launch.
    claim = None if dry else claimed(config, cloud, (wanted.name, *wanted.names), "launch")
    try:
        actual = survey.look(cloud, wanted, access.keys_dir(config, cloud))
        return Proposal(config, cloud, wanted, make_plan(wanted, actual), claim)
    except BaseException:  # an interrupt, too, gives the name back
        if claim:
            claim.release()
        raise


def _by_jump(wanted: Wanted) -> Wanted:
    """A jump host alone is let in; that there is a way by it is seen before money is spent."""
    if wanted.ssh_jump is None:
        return wanted
    seen_from = jump.source_address(wanted.ssh_jump)
    return wanted if wanted.ssh_from or wanted.security_group else replace(wanted, ssh_from=seen_from)


def claimed(config: Config, cloud: Cloud, names: Iterable[str], doing: str) -> Claim:
    """The right to change what belongs to some names of this account and region.

    Raises:
        NameBusy: another awstune has it.
    """
    return take(ensure_home(config.home), f"{cloud.account}/{cloud.region}", names, doing)


def carry_out(
    proposal: Proposal,
    *,
    ready: bool = True,
    again: str = "",
    running: Callable[[str], object] = lambda _: None,
    ssh_patience_s: float = arriving.SSH_PATIENCE_S,
) -> Story[list[Ready]]:
    """Applies the plan, waits until all instances are ready, and gets in once.

    Args:
        proposal: a plan made just now.
        ready: whether to wait.
        again: the command that takes up an interrupted one.
        running: told the NAME of each instance that runs, and whose checks are still to pass.
        ssh_patience_s: how long sshd may take once the checks are passed.

    Returns:
        The wanted instances, those that were there already among them.

    Raises:
        PartLaunched: some of several are there, others are not.
        InstanceDied: one ended while it was waited for, or looked at.
        NotReady: one did not pass its checks, or lets nobody in by SSH.
        CloudError: AWS refused.
    """
    config, cloud = proposal.config, proposal.cloud
    made = _Made()
    again = again or f"awstune launch {proposal.wanted.name} (as typed)"
    try:
        try:
            yield from _apply(proposal, made)
        finally:
            if proposal.claim:
                proposal.claim.release()
        if ready and (waited := _waited(proposal)):
            yield from arriving.until_in(config, cloud, arriving.live(cloud, waited), ssh_patience_s, running)
    except KeyboardInterrupt:
        raise Interrupted(*_stands(proposal, made, again)) from None
    except OSError as error:
        # What AWS answers is no OSError: without an instance by now it was not asked.
        what, hint = _stands(proposal, made, again, asked=False)
        where = error.filename or config.home
        first = "make room, then: " if error.errno in DISK_FULL else ""
        raise AwstuneError(f"cannot write {where}: {error.strerror}; {what}", f"{first}{hint}") from error
    except NoGuard as error:
        raise (yield from _unguarded(config, cloud, error)) from error
    except (InstanceDied, NotReady) as error:
        raise _as_part(cloud, error, made.launched) from error
    except CloudError as error:
        _tell_what_stands(proposal, made, again, error)
        raise
    there = arriving.live(cloud, proposal.wanted.names)
    if gone := sorted({*proposal.wanted.names} - {one.name for one in there}):
        what = f"{' '.join(gone)} was ended meanwhile: AWS shows it no more"
        raise InstanceDied(what, "awstune ls shows what is there; the same command again launches another")
    return [describe(config, cloud, one) for one in there]


def _unguarded(config: Config, cloud: Cloud, error: NoGuard) -> Story[NoGuard]:
    """Ends what nothing else would, the surprise bill itself; yet no sweep that is not home goes with it."""
    try:
        there = arriving.live(cloud, error.names)
        holding = " ".join(one.name for one in there if unfetched.sweeps(one) != ())
        yield from undo(config, cloud, [one for one in there if unfetched.sweeps(one) == ()])
    except AwstuneError as failed:
        what = f"{error.message}, and could not be terminated: {failed.message}; it goes on, and costs"
        return NoGuard(what, error.hint, names=error.names)
    if holding:
        what = f"{error.message}; {holding} holds a sweep that is not home, so it goes on, and costs"
        return NoGuard(what, f"awstune terminate {holding} fetches that first", names=error.names)
    hint = "launch again; if it comes again, the image runs no cloud-init: name another with --ami"
    return NoGuard(f"{error.message}, so it was terminated", hint, names=error.names)


def _waited(proposal: Proposal) -> list[str]:
    """Whom to wait for: the new ones, and those that an interrupted launch has not seen ready."""
    plan, keys_dir = proposal.plan, access.keys_dir(proposal.config, proposal.cloud)
    new = [run.name for run in plan.launches]
    begun = [
        one.name
        for one in plan.existing
        if one.state == "pending" or (closing.due(one) and one.key_file(keys_dir))
    ]
    return [*new, *begun]


def undo(config: Config, cloud: Cloud, launched: Sequence[Instance]) -> Story[None]:
    """Ends what was launched just now, with what was made beside it where nobody else uses that.

    Raises:
        CloudError: AWS refused; then what is left goes on, and `awstune terminate` ends it.
    """
    for event in end.terminate(cloud, launched, access.keys_dir(config, cloud)):
        if isinstance(event, events.Changed):
            yield Doing(f"{event.name} is {event.state}")
    for one in launched:
        hosts.unpin(config.home, one.id)
    if launched:
        yield Done(f"terminated again: {', '.join(sorted(one.name for one in launched))}")


def or_undo(proposal: Proposal, one: Instance, shipment: Story[T]) -> Story[T]:
    """Carries out a shipment to an instance that is there for it alone; where it fails, that is ended.

    What was there before, or holds a sweep by now, is not: that it goes on is said.

    Args:
        proposal: what launched the instance.
        one: the instance.
        shipment: what is sent there, and its result.

    Raises:
        LeftBehind: the shipment failed, and AWS refused to end the instance.
        AwstuneError: what the shipment raised.
    """
    try:
        return (yield from shipment)
    except Interrupted:
        raise
    except Exception as error:  # a bug, too, leaves no instance that costs for nothing
        try:
            yield from _undone(proposal, one)
        except AwstuneError as failed:
            what = f"{one.name} could not be terminated: {failed.message}; it goes on, and costs"
            raise LeftBehind(f"{error}; and {what}", f"awstune terminate {one.name}") from error
        raise


def _undone(proposal: Proposal, one: Instance) -> Story[None]:
    now = [there for there in arriving.live(proposal.cloud, [one.name]) if there.id == one.id]
    if proposal.plan.launches and all(unfetched.sweeps(there) == () for there in now):
        yield Warned(f"no sweep has begun on {one.name}, so it is terminated")
        yield from undo(proposal.config, proposal.cloud, now)
    elif now:
        costs = "" if proposal.cloud.local else ", and costs"
        yield Warned(f"{one.name} goes on{costs}; awstune terminate {one.name} ends it")


def _as_part(cloud: Cloud, error: CloudError, launched: Sequence[Instance]) -> CloudError:
    """Of several instances one did not get ready: the error names those that are there all the same."""
    there = tuple(arriving.live(cloud, [one.name for one in launched])) if len(launched) > 1 else ()
    if not there:
        return error
    names = ", ".join(one.name for one in there)
    return PartLaunched(
        f"{error.message}; launched are {names}",
        f"repeat the command to get the rest, or `awstune terminate {names.replace(',', '')}`",
        there,
    )


@dataclass
class _Made:
    """What a launch has made so far: all that an interrupt can be sure of."""

    steps: int = 0
    launched: list[Instance] = field(default_factory=list)


def _tell_what_stands(proposal: Proposal, made: _Made, again: str, error: CloudError) -> None:
    """A refusal with nothing launched has been undone; of all else the error says what there may be."""
    if isinstance(error, PartLaunched):  # it does already
        return
    keys_dir = access.keys_dir(proposal.config, proposal.cloud)
    if made.launched or ec2_launch.unsettled(proposal.cloud, proposal.plan, keys_dir, error):
        what, hint = _stands(proposal, made, again)
        error.message, error.hint = f"{error.message}; {what}", f"{error.hint}; then: {hint}"


def _stands(proposal: Proposal, made: _Made, again: str, *, asked: bool = True) -> tuple[str, str]:
    """What an unfinished launch has left, what that costs, and the commands that finish or end it."""
    name, names = proposal.wanted.name, " ".join(one.name for one in made.launched)
    finish, missing = f"{again} finishes it", len(proposal.plan.launches) - len(made.launched)
    if made.launched:
        price = _hourly(proposal, len(made.launched))
        more = f"; AWS may have accepted {missing} more, awstune ls shows them" if missing > 0 else ""
        verbs = "is launched and goes on" if len(made.launched) == 1 else "are launched and go on"
        return f"{names} {verbs}{price}{more}", f"{finish}; awstune terminate {names} ends it"
    if proposal.plan.existing and not proposal.plan.launches:
        there = " ".join(one.name for one in proposal.plan.existing)
        return f"{there} was there before, and goes on", f"{finish}; awstune terminate {there} ends it"
    before = [step for step in proposal.plan.steps if not isinstance(step, (RunInstance, Wait))]
    what = "nothing was launched"
    if asked and made.steps >= len(before) and proposal.plan.launches:
        which, them = ("an instance", "it") if missing == 1 else (f"up to {missing} instances", "them")
        price = _hourly(proposal, missing)
        what = f"AWS may have accepted {which} a moment ago{price}; awstune ls shows {them}"
    return what, f"{finish}; awstune terminate {name} removes what is there"


def _hourly(proposal: Proposal, count: int) -> str:
    """What so many of the new instances cost, as a message has it; empty where nobody knows, or nothing."""
    planned = proposal.plan.usd_per_hour
    rate = planned and planned * count / len(proposal.plan.launches)
    together = " together" if count > 1 else ""
    return f", at {dollars(rate)} an hour{together}" if rate and not proposal.cloud.local else ""


def _apply(proposal: Proposal, made: _Made) -> Story[None]:
    cloud = proposal.cloud
    for event in ec2_launch.apply(cloud, proposal.plan, access.keys_dir(proposal.config, cloud)):
        if isinstance(event, events.Launched):
            made.launched.append(event.instance)
            # Pinned before the first connection; the same key stands in the tag, for other machines.
            hosts.pin(proposal.config.home, event.instance.id, event.instance.host_keys)
            yield Done(f"{event.instance.name} is launched: {event.instance.id} in {event.instance.zone}")
        elif isinstance(event, events.Retried):
            yield Warned(f"{event.name}: {event.error}; trying again in {event.wait_s:.0f} s")
        elif isinstance(event, events.NoRoom):
            yield Warned(f"{event.name}: no {event.type} in {event.zone or 'any zone'}: {event.error}")
        elif isinstance(event, events.NoBackstop):
            made.steps += 1  # it is over, too
            yield Warned(f"{event.name}: no end from outside, only its own guard: {event.error}")
        elif isinstance(event, events.Removed):
            yield Done(f"removed again: the {event.kind.replace('-', ' ')} {event.id}")
        elif isinstance(event, events.Applied):
            made.steps += 1
            yield Doing(event.step.prose())


def describe(config: Config, cloud: Cloud, one: Instance) -> Ready:
    """An instance with the line that lets one in."""
    document = one.to_json(time.time(), prices.shipped(), access.keys_dir(config, cloud))
    if one.address is None or one.state != "running" or document["key_file"] is None:
        return Ready(one, document, "")
    address = access.address_of(config, cloud, one)
    return Ready(one, document, openssh.line(address, hosts.file_of(config.home)))
