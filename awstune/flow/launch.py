"""Launch: look, plan, apply, wait, get in. A crash at any line is mended by launching again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from awstune.config import Config, ensure_home
from awstune.ec2 import end, events, instances, prices, survey, wait
from awstune.ec2 import launch as ec2_launch
from awstune.ec2.instances import Instance
from awstune.ec2.plan import Plan, make_plan
from awstune.ec2.session import Cloud
from awstune.ec2.steps import RunInstance, Wait
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError, ConnectionLost, Interrupted, NoGuard, NotReady
from awstune.flow import access, clouds
from awstune.flow.claim import Claim, take
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.names import ARMED_FILE, ROOT_VARIABLE
from awstune.remote import hosts, openssh
from awstune.remote.ssh import Address

SSH_PATIENCE_S = 60.0
# The guard's timer may fire a moment after sshd lets us in, as it does after a quick start.
_ARMED = (
    f'for _ in $(seq 100); do test -e "${{{ROOT_VARIABLE}}}{ARMED_FILE}" && exit 0; sleep 0.2; done; exit 1'
)


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
    cloud = clouds.open_for(config, warn=warn, may_start=True)
    # Claimed before anybody looks: of two that find nothing, both would launch.
    claim = None if dry else claimed(config, cloud, (wanted.name, *wanted.names), "launch")
    actual = survey.look(cloud, wanted, access.keys_dir(config, cloud))
    return Proposal(config, cloud, wanted, make_plan(wanted, actual), claim)


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
    ssh_patience_s: float = SSH_PATIENCE_S,
) -> Story[list[Ready]]:
    """Applies the plan, waits until all instances are ready, and gets in once.

    Args:
        proposal: a plan made just now.
        ready: whether to wait.
        again: the command that takes up an interrupted one.
        ssh_patience_s: how long sshd may take once the checks are passed.

    Returns:
        The wanted instances, those that were there already among them.

    Raises:
        InstanceDied: one ended while it was waited for.
        NotReady: one did not pass its checks, or lets nobody in by SSH.
        CloudError: AWS refused.
    """
    config, cloud, plan = proposal.config, proposal.cloud, proposal.plan
    made = _Made()
    again = again or f"awstune launch {proposal.wanted.name} (as typed)"
    try:
        try:
            yield from _apply(proposal, made)
        finally:
            if proposal.claim:
                proposal.claim.release()
        if ready and not plan.empty:
            waited = [run.name for run in plan.launches] or [one.name for one in plan.existing]
            yield from until_in(config, cloud, _live(cloud, waited), ssh_patience_s)
    except KeyboardInterrupt:
        raise Interrupted(*_stands(proposal, made, again)) from None
    except OSError as error:
        what, hint = _stands(proposal, made, again)
        where = error.filename or config.home
        raise AwstuneError(f"cannot write {where}: {error.strerror}; {what}", hint) from error
    except NoGuard as error:
        yield from _end_unguarded(proposal, made)
        hint = "launch again; if it comes again, the image runs no cloud-init: name another with --ami"
        raise NoGuard(f"{error.message}, so it was terminated", hint) from error
    return [describe(config, cloud, one) for one in _live(cloud, proposal.wanted.names)]


def _end_unguarded(proposal: Proposal, made: _Made) -> Story[None]:
    """Ends what was launched just now: an instance without an end is the surprise bill itself."""
    keys_dir = access.keys_dir(proposal.config, proposal.cloud)
    for event in end.terminate(proposal.cloud, made.launched, keys_dir):
        if isinstance(event, events.Changed):
            yield Doing(f"{event.name} is {event.state}")


@dataclass
class _Made:
    """What a launch has made so far: all that an interrupt can be sure of."""

    steps: int = 0
    launched: list[Instance] = field(default_factory=list)


def _stands(proposal: Proposal, made: _Made, again: str) -> tuple[str, str]:
    """What an unfinished launch has left, and the commands that finish or end it."""
    name, names = proposal.wanted.name, " ".join(one.name for one in made.launched)
    finish = f"{again} finishes it"
    if made.launched:
        rate = proposal.plan.usd_per_hour
        price = f", at ${rate:.2f} an hour together" if rate and not proposal.cloud.local else ""
        missing = len(proposal.plan.launches) - len(made.launched)
        more = f"; AWS may have accepted {missing} more, awstune ls shows them" if missing > 0 else ""
        verbs = "is launched and goes on" if len(made.launched) == 1 else "are launched and go on"
        return f"{names} {verbs}{price}{more}", f"{finish}; awstune terminate {names} ends it"
    if proposal.plan.existing and not proposal.plan.launches:
        there = " ".join(one.name for one in proposal.plan.existing)
        return f"{there} was there before, and goes on", f"{finish}; awstune terminate {there} ends it"
    before = [step for step in proposal.plan.steps if not isinstance(step, (RunInstance, Wait))]
    what = "nothing was launched"
    if made.steps >= len(before) and proposal.plan.launches:
        what = "AWS may have accepted an instance a moment ago; awstune ls shows it"
    return what, f"{finish}; awstune terminate {name} removes what is there"


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
            yield Warned(f"{event.name}: no end from outside, only its own guard: {event.error}")
        elif isinstance(event, events.Applied):
            made.steps += 1
            yield Doing(event.step.prose())


def until_in(
    config: Config, cloud: Cloud, waited: Sequence[Instance], ssh_patience_s: float = SSH_PATIENCE_S
) -> Story[None]:
    """Waits until instances run, pass every status check, let us in, and their guard is armed.

    Raises:
        InstanceDied: one ended meanwhile.
        NotReady: one does not pass its checks, lets nobody in, or has no guard.
    """
    began = time.monotonic()
    name_of = {one.id: one.name for one in waited}
    seen = dict.fromkeys(name_of, "pending")
    for event in wait.until_ready(cloud, list(name_of)):
        seen[event.id] = f"{event.state}, {event.checks} checks" if event.state == "running" else event.state
        yield Doing("waiting: " + " · ".join(f"{name_of[id_]} {word}" for id_, word in seen.items()))
    for one in _live(cloud, name_of.values()):
        yield Doing(f"{one.name}: opening a verified SSH connection")
        _check_guard(access.address_of(config, cloud, one), one, ssh_patience_s)
        yield Done(f"{one.name} is ready after {time.monotonic() - began:.0f} s: {one.address}")


def _check_guard(address: Address, one: Instance, patience_s: float) -> None:
    try:
        with access.connect(address, patience_s=patience_s) as connection:
            armed = connection.run(_ARMED, check=False).status == 0
    except ConnectionLost as error:
        raise NotReady(
            f"{one.name} passes its checks, but lets nobody in: {error.message}; it goes on, and costs",
            f"awstune terminate {one.name}",
        ) from error
    if not armed:
        raise NoGuard(f"{one.name} has no guard that would end it", f"awstune terminate {one.name}")


def describe(config: Config, cloud: Cloud, one: Instance) -> Ready:
    """An instance with the line that lets one in."""
    document = one.to_json(time.time(), prices.shipped(), access.keys_dir(config, cloud))
    if one.address is None or document["key_file"] is None:
        return Ready(one, document, "")
    address = access.address_of(config, cloud, one)
    return Ready(one, document, openssh.line(address, hosts.file_of(config.home)))


def _live(cloud: Cloud, names: Sequence[str] | Any) -> list[Instance]:
    return sorted((one for one in instances.named(cloud, names) if one.live), key=lambda one: one.name)
