"""Ends: what a sweep has not yet sent home is fetched first, and afterwards somebody looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from awstune.config import Config
from awstune.ec2 import end, events, guard, instances, restart
from awstune.ec2.faults import Refused, definite
from awstune.ec2.instances import Instance
from awstune.ec2.restart import Restart
from awstune.ec2.session import Cloud
from awstune.errors import (
    AwstuneError,
    CloudError,
    InstanceDied,
    Interrupted,
    LeftBehind,
    NameBusy,
    NoGuard,
    NotReady,
    RemoteError,
)
from awstune.flow import access, arriving, fetching, launch
from awstune.flow.doomed import Doomed, unused
from awstune.flow.ended import Ended, silent, ways_on
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.remote import hosts

Left = list[dict[str, str]]
Gone = tuple[tuple[Instance, ...], tuple[str, ...]]
Sleep = Callable[[float], None]


def terminate(
    config: Config,
    places: Sequence[tuple[Cloud, Doomed]],
    *,
    discard: bool,
    again: str = "",
    sleep: Sleep = time.sleep,
) -> Story[Ended]:
    """Fetches, ends, removes what was made beside, and looks whether anything is left.

    The names are claimed: a launch of the same name would make what is being removed. Of all there is, what
    another awstune is at work on is spared.

    Args:
        config: says where the sweeps' folders are.
        places: which, by region.
        discard: whether what a sweep has not sent home may be lost.
        again: the command that goes on with an interrupted one; left out, the one that names them all.
        sleep: how pauses are made.

    Returns:
        What is gone, and what is still there.

    Raises:
        RemoteError: something could not be fetched; then nothing was ended.
        CloudError: AWS refused, and nothing was ended.
        NameBusy: another awstune is at work on a name that was given.
        Interrupted: by Ctrl-C; what is there can be ended by the same command.
    """
    names = " ".join(name for _, what in places for name in what.names)
    ended = Ended()
    stands = f"nothing was ended: {names} goes on, and costs what it did"
    with ExitStack() as claims:
        try:
            claimed = []
            for cloud, what in places:
                claimed.append((cloud, (yield from _claimed(config, cloud, what, claims))))
            there = [(cloud, one) for cloud, what in claimed for one in what.instances]
            for cloud, one in [] if discard else there:
                yield from fetching.bring_home(config, cloud, one, f"; {stands}" if len(there) > 1 else "")
            stands = f"{names}: some of it may still be there, and cost"
            for cloud, what in claimed:
                ended += yield from _end(config, cloud, what, again, sleep, alone=len(claimed) == 1)
        except KeyboardInterrupt:
            hint = f"{again or f'awstune terminate {names}'} goes on where it stopped"
            raise Interrupted(stands, hint) from None
    return ended


def _claimed(config: Config, cloud: Cloud, what: Doomed, claims: ExitStack) -> Story[Doomed]:
    """Claims the names, and looks at the instances once more: somebody may have taken long to answer."""
    held, busy = set[str](), dict[str, None]()

    def mine(*names: str) -> bool:
        wanted = {*names} - held - {""}
        try:
            claims.callback(launch.claimed(config, cloud, wanted, "terminate").release)
        except NameBusy as error:
            if not what.every:
                raise
            busy[error.message] = None
            return False
        held.update(wanted)
        return True

    ours = [one for one in what.instances if mine(one.name, end.base_name(one))]
    spared = tuple(one for one in what.instances if one not in ours)
    leftovers = tuple(left for left in what.leftovers if mine(left[1]))
    for message in busy:
        yield Warned(f"{message}, and is left alone")
    now = {one.id: one for one in instances.own(cloud, ended=True, everyone=True)} if ours else {}
    as_now = tuple(now.get(one.id, one) for one in ours)
    return replace(what, instances=as_now, leftovers=leftovers, spared=spared)


def _end(
    config: Config, cloud: Cloud, what: Doomed, again: str, sleep: Sleep, *, alone: bool
) -> Story[Ended]:
    try:
        gone, removed = yield from _removed(config, cloud, what, sleep, alone=alone)
    except CloudError as error:
        if alone:
            raise
        yield Warned(f"{cloud.region}: {error.message}")
        return silent([cloud.region], again or _still(cloud, what, ()))
    try:
        for one in gone:
            hosts.unpin(config.home, one.id)
            fetching.note_ended(config, one)
    except OSError as error:  # what was asked for is done; whatever is noted here, `ls` asks AWS
        yield Warned(f"cannot write {error.filename or config.home}: {error.strerror}")
    yield Doing("looking whether anything is left")
    left = yield from _left(cloud, what, sleep)
    spared = tuple(one.name for one in what.spared)
    shared = () if left else tuple(_sharing(cloud, what))
    ways = ways_on(cloud, left, again or _still(cloud, what, gone)) if left else ()
    return Ended(gone, removed, tuple(left), ways, spared, shared)


def _still(cloud: Cloud, what: Doomed, gone: tuple[Instance, ...]) -> str:
    """The command that ends what is not gone; a name of which nothing is there any more is unknown to it."""
    live = [one.name for one in (*what.instances, *what.spared) if one not in gone]
    bases = dict.fromkeys((*(end.base_name(one) for one in gone), *(base for _, base in what.leftovers)))
    try:
        beside = [base for base in bases if base and base not in live and end.left_of(cloud, base)]
    except CloudError:  # it has been told already that AWS does not say
        beside = [base for base in bases if base]
    named = " ".join(dict.fromkeys([*live, *beside]))
    return f"awstune terminate {named}" if named else f"awstune doctor --region {cloud.region}"


def _left(cloud: Cloud, what: Doomed, sleep: Sleep) -> Story[Left]:
    """What AWS still shows; where it does not say, that nobody knows."""
    left: Left = [{"kind": "instance", "id": one.id} for one in what.spared]
    looks: tuple[Callable[[], Left], ...] = (
        lambda: end.leftovers(cloud, what.instances, what.leftovers, sleep=sleep),
        lambda: unused(cloud, what),
    )
    for look in looks:
        try:
            left += [one for one in look() if one not in left]
        except CloudError as error:
            yield Warned(f"what is left in {cloud.region} is not known: {error.message}")
            left += [one for one in silent([cloud.region], "").left if one not in left]
    return left


def _sharing(cloud: Cloud, what: Doomed) -> list[str]:
    """Names of the live instances that still use the key pair and the group of what was ended."""
    bases = {end.base_name(one) for one in what.instances if one.owner == cloud.owner} - {""}
    return sorted(one.name for one in instances.own(cloud) if end.base_name(one) in bases)


def _removed(config: Config, cloud: Cloud, what: Doomed, sleep: Sleep, *, alone: bool) -> Story[Gone]:
    """Ends and removes; what takes too long or is refused is told, and is there when one looks afterwards."""
    keys_dir = access.keys_dir(config, cloud)
    states: dict[str, str] = {}
    try:
        for event in end.terminate(cloud, what.instances, keys_dir, sleep=sleep):
            if isinstance(event, events.Changed):
                states[event.id] = event.state
            yield _told(event)
    except (LeftBehind, Refused) as error:
        if alone and isinstance(error, Refused) and error.operation == end.TERMINATE:
            raise
        yield Warned(_with_hint(error))
    removed = []
    for owner, base in what.leftovers:
        try:
            for event in end.clean(cloud, base, keys_dir, owner=owner, sleep=sleep):
                yield _told(event)
        except (LeftBehind, Refused) as error:
            yield Warned(_with_hint(error))
        else:
            removed.append(base)
    gone = tuple(one for one in what.instances if states.get(one.id) == "terminated")
    return gone, tuple(removed)


def _with_hint(error: AwstuneError) -> str:
    return "; ".join(filter(None, (error.message, error.hint)))


def stop(cloud: Cloud, which: Sequence[Instance]) -> Story[None]:
    """Stops instances and waits until they are.

    Raises:
        Interrupted: by Ctrl-C; AWS goes on stopping them.
    """
    try:
        for event in end.stop(cloud, which):
            yield _told(event)
    except KeyboardInterrupt:
        raise Interrupted(
            "AWS goes on stopping what was asked for", "awstune ls shows when it is done"
        ) from None


def start(
    config: Config,
    cloud: Cloud,
    restarts: Sequence[Restart],
    *,
    ssh_patience_s: float = arriving.SSH_PATIENCE_S,
) -> Story[list[launch.Ready]]:
    """Starts stopped instances with a new end, and waits until they are ready.

    Args:
        config: the options.
        cloud: where they are.
        restarts: which, and until when.
        ssh_patience_s: how long sshd may take once the checks are passed.

    Raises:
        KeyFileError: a private key is not here; nothing was started.
        InstanceDied: one ended instead.
        NotReady: one does not pass its checks, or lets nobody in.
        CloudError: AWS refused; what was started goes on, which the message says.
        NameBusy: another awstune is at work on one of them.
        Interrupted: by Ctrl-C; what was started goes on.
    """
    which = [one.instance for one in restarts]
    for one in which:
        access.key_file_of(config, cloud, one)
    try:
        yield from _restarted(config, cloud, restarts)
        yield from arriving.until_in(config, cloud, which, ssh_patience_s)
    except NoGuard as error:
        raise (yield from stopped_again(cloud, which, error)) from error
    except (InstanceDied, NotReady, RemoteError) as error:
        raise _perhaps_capped(cloud, error, restarts) from error
    except KeyboardInterrupt:
        names = " ".join(one.name for one in which)
        raise Interrupted(
            f"{names} may have started, and then goes on costing", f"awstune stop {names}"
        ) from None
    now = instances.describe(cloud, [one.id for one in which])
    return [launch.describe(config, cloud, one) for one in now]


def _restarted(config: Config, cloud: Cloud, restarts: Sequence[Restart]) -> Story[None]:
    names, started = [one.instance.name for one in restarts], list[str]()
    claim = launch.claimed(config, cloud, names, "start")
    try:
        for event in restart.apply(cloud, restarts):
            started.append(event.name)
            yield _told(event)
    except CloudError as error:
        perhaps = " ".join(started if definite(error) else names)
        if perhaps:
            error.message += f"; {perhaps} may have started, and then goes on costing"
            error.hint = "; ".join(filter(None, (error.hint, f"awstune stop {perhaps}")))
        raise
    finally:
        claim.release()


def stopped_again(cloud: Cloud, which: Sequence[Instance], error: NoGuard) -> Story[NoGuard]:
    """Nothing would end them: what was started is stopped; what ran before has work of its own, and goes on.

    Args:
        cloud: where they are.
        which: as they were before the start.
        error: names those without a guard.

    Returns:
        What to raise: it says which are stopped, and which go on.
    """
    mine = [one for one in which if one.name in error.names and one.state not in restart.RUNS]
    names = [one.name for one in mine]
    goes_on = [name for name in error.names if name not in names]
    what = f"{error.message}, so {' '.join(names)} was stopped again" if mine else error.message
    try:
        yield from stop(cloud, mine) if mine else ()
    except AwstuneError as failed:
        goes_on = list(error.names)
        what = f"{error.message}, and {' '.join(names)} could not be stopped: {failed.message}"
    if not goes_on:
        return NoGuard(what, error.hint, names=error.names)
    on = " ".join(goes_on)
    return NoGuard(f"{what}; {on} goes on, and costs", f"awstune terminate {on}", names=error.names)


def _perhaps_capped(cloud: Cloud, error: AwstuneError, restarts: Sequence[Restart]) -> AwstuneError:
    """Its tags may not know all of its hours; its disk does, and its guard has ended it again.

    What AWS or somebody else has ended has another reason, and within the wait no time to live is over: of
    the ends that an instance makes for itself only the cap is left.
    """
    limits = {one.instance.id: one.limits for one in restarts}
    for one in instances.describe(cloud, list(limits)):
        ended_itself = one.state not in restart.RUNS and "InstanceInitiated" in one.state_reason
        cap = limits[one.id] or guard.Limits(max_usd=one.max_usd)
        if cap.max_usd is not None and cap.cap_in_words and ended_itself:
            more = f"{restart.way_on(one, 2 * cap.max_usd)} lets it cost more in all"
            gone = f"awstune launch {one.name} with a larger --max-usd makes another"
            return InstanceDied(
                f"{one.name} has ended itself again: its dollar cap ends it {cap.cap_in_words}",
                gone if one.at_end == "terminate" else more,
            )
    return error


def _told(event: events.Changed | events.Removed) -> Doing | Done:
    if isinstance(event, events.Removed):
        return Done(f"removed the {event.kind.replace('-', ' ')} {event.id}")
    final = event.state in ("terminated", "stopped")
    text = f"{event.name} is {event.state}"
    return Done(text) if final else Doing(text)
