"""Ends: what a sweep has not yet sent home is fetched first, and afterwards somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import PurePosixPath

from awstune.config import Config
from awstune.ec2 import end, events, instances, restart, unfetched
from awstune.ec2.instances import Instance
from awstune.ec2.restart import Restart
from awstune.ec2.session import Cloud
from awstune.errors import (
    AwstuneError,
    InstanceDied,
    Interrupted,
    KeyFileError,
    LeftBehind,
    NameBusy,
    NoGuard,
    NotReady,
    RemoteError,
    UnknownName,
    UsageError,
)
from awstune.flow import access, arriving, launch, login
from awstune.flow.doomed import Doomed
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.money import dollars
from awstune.names import SWEEPS_DIR
from awstune.remote import hosts
from awstune.remote.mirror import Mirror, remember, remote_path, sweeps_on
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder

Left = list[dict[str, str]]


def terminate(
    config: Config,
    places: Sequence[tuple[Cloud, Doomed]],
    *,
    discard: bool,
    again: str = "",
    removed: Callable[[str], object] = lambda _: None,
) -> Story[Left]:
    """Fetches, ends, removes what was made beside, and looks whether anything is left.

    The names are claimed: a launch of the same name would make what is being removed.

    Args:
        config: says where the sweeps' folders are.
        places: which, by region.
        discard: whether what a sweep has not sent home may be lost.
        again: the command that goes on with an interrupted one; left out, the one that names them all.
        removed: told each NAME whose leftovers are removed.

    Returns:
        What is still there: ``{kind, id}`` each.

    Raises:
        RemoteError: something could not be fetched; then nothing was ended.
        CloudError: AWS refused.
        NameBusy: another awstune is at work on one of the names.
        Interrupted: by Ctrl-C; what is there can be ended by the same command.
    """
    names = " ".join(name for _, what in places for name in what.names)
    goes_on = f"{again or f'awstune terminate {names}'} goes on where it stopped"
    left: Left = []
    stands = f"nothing was ended: {names} goes on, and costs what it did"
    with ExitStack() as claims:
        try:
            claimed = []
            for cloud, what in places:
                claimed.append((cloud, (yield from _claimed(config, cloud, what, claims))))
            there = [(cloud, one) for cloud, what in places for one in what.instances]
            for cloud, one in [] if discard else there:
                yield from _fetched(config, cloud, one, f"; {stands}" if len(there) > 1 else "")
            stands = f"{names}: some of it may still be there, and cost"
            for cloud, what in claimed:
                left += yield from _end(config, cloud, what, removed)
        except KeyboardInterrupt:
            raise Interrupted(stands, goes_on) from None
    return left


def _claimed(config: Config, cloud: Cloud, what: Doomed, claims: ExitStack) -> Story[Doomed]:
    """Claims all names; of ``--all`` what another awstune is just making is spared, not the rest with it."""
    held = {*(one.name for one in what.instances), *(end.base_name(one) for one in what.instances)} - {""}
    claims.callback(launch.claimed(config, cloud, held, "terminate").release)
    mine = []
    for owner, base in what.leftovers:
        try:
            if base not in held:
                claims.callback(launch.claimed(config, cloud, [base], "terminate").release)
        except NameBusy as error:
            if not what.every:
                raise
            yield Warned(f"{error.message}, and is left alone")
        else:
            held.add(base)
            mine.append((owner, base))
    return replace(what, leftovers=tuple(mine))


def _end(config: Config, cloud: Cloud, what: Doomed, removed: Callable[[str], object]) -> Story[Left]:
    yield from _removed(config, cloud, what, removed)
    try:
        for one in what.instances:
            hosts.unpin(config.home, one.id)
            _note_ended(config, one)
    except OSError as error:  # what was asked for is done; whatever is noted here, `ls` asks AWS
        yield Warned(f"cannot write {error.filename or config.home}: {error.strerror}")
    yield Doing("looking whether anything is left")
    left = end.leftovers(cloud, what.instances, what.leftovers)
    return [*left, *(one for one in what.kept if one not in left)]


def sharing(cloud: Cloud, what: Doomed) -> list[str]:
    """Names of the live instances that still use the key pair and the group of what was ended."""
    bases = {end.base_name(one) for one in what.instances if one.owner == cloud.owner} - {""}
    return sorted(one.name for one in instances.own(cloud) if end.base_name(one) in bases)


def _removed(config: Config, cloud: Cloud, what: Doomed, removed: Callable[[str], object]) -> Story[None]:
    """Ends and removes; what takes too long is told, and is still there when one looks afterwards."""
    keys_dir = access.keys_dir(config, cloud)
    try:
        for event in end.terminate(cloud, what.instances, keys_dir):
            yield _told(event)
    except LeftBehind as error:
        yield Warned(error.message)
    for owner, base in what.leftovers:
        try:
            for event in end.clean(cloud, base, keys_dir, owner=owner):
                yield _told(event)
        except LeftBehind as error:
            yield Warned(error.message)
        else:
            removed(base)


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
        NameBusy: another awstune is at work on one of them.
        Interrupted: by Ctrl-C; what was started goes on.
    """
    which = [one.instance for one in restarts]
    for one in which:
        access.key_file_of(config, cloud, one)
    try:
        claim = launch.claimed(config, cloud, [one.name for one in which], "start")
        try:
            for event in restart.apply(cloud, restarts):
                yield _told(event)
        finally:
            claim.release()
        yield from arriving.until_in(config, cloud, which, ssh_patience_s)
    except NoGuard as error:
        yield from stop(cloud, which)
        raise NoGuard(f"{error.message}, so it was stopped again", error.hint) from error
    except (InstanceDied, NotReady, RemoteError) as error:
        raise _perhaps_capped(cloud, error, which) from error
    except KeyboardInterrupt:
        names = " ".join(one.name for one in which)
        raise Interrupted(
            f"{names} may have started, and then goes on costing", f"awstune stop {names}"
        ) from None
    now = instances.describe(cloud, [one.id for one in which])
    return [launch.describe(config, cloud, one) for one in now]


def _perhaps_capped(cloud: Cloud, error: AwstuneError, which: Sequence[Instance]) -> AwstuneError:
    """Its tags may not know all of its hours; its disk does, and its guard has ended it again.

    What AWS or somebody else has ended has another reason, and within the wait no time to live is over: of
    the ends that an instance makes for itself only the cap is left.
    """
    for one in instances.describe(cloud, [one.id for one in which]):
        ended_itself = one.state not in restart.RUNS and "InstanceInitiated" in one.state_reason
        if one.max_usd is not None and ended_itself:
            more = f"{restart.way_on(one, 2 * one.max_usd)} lets it cost more in all"
            gone = f"awstune launch {one.name} with a larger --max-usd makes another"
            return InstanceDied(
                f"{one.name} has ended itself again: its dollar cap of {dollars(one.max_usd)} is spent",
                gone if one.at_end == "terminate" else more,
            )
    return error


def _told(event: events.Changed | events.Removed) -> Doing | Done:
    if isinstance(event, events.Removed):
        return Done(f"removed the {event.kind.replace('-', ' ')} {event.id}")
    final = event.state in ("terminated", "stopped")
    text = f"{event.name} is {event.state}"
    return Done(text) if final else Doing(text)


def _fetched(config: Config, cloud: Cloud, one: Instance, otherwise: str) -> Story[None]:
    """What an instance's sweeps have not sent home; where that fails, also what then goes on beside it."""
    try:
        yield from _fetch_home(config, cloud, one)
    except AwstuneError as error:
        error.message += otherwise
        raise


def _fetch_home(config: Config, cloud: Cloud, one: Instance) -> Story[None]:
    holds = unfetched.sweeps(one)
    if one.state != "running":
        _refuse_unfetched(config, one, holds)
        return
    if holds == ():
        return
    yield Doing(f"{one.name}: looking for what its sweeps have not yet sent home")
    try:
        with (yield from login.enter(config, cloud, one)) as connection:
            for name in sweeps_on(connection):
                noted = holds is None or name in holds or unfetched.MORE in holds
                yield from _fetch_sweep(config, cloud, one, connection, name, noted=noted)
    except (RemoteError, KeyFileError, UnknownName) as error:
        raise type(error)(
            f"what is on {one.name} could not be fetched, so it was not ended: {error.message}",
            f"awstune terminate {one.name} --discard does without it",
        ) from error
    except OSError as error:
        where = f"cannot write {error.filename or config.cwd}: {error.strerror}"
        raise AwstuneError(
            f"what is on {one.name} could not be fetched, so it was not ended: {where}",
            f"make room, and repeat; awstune terminate {one.name} --discard does without it",
        ) from error


def _fetch_sweep(
    config: Config, cloud: Cloud, one: Instance, connection: Connection, name: str, *, noted: bool
) -> Story[None]:
    """Fetches one; what is here already is passed over, unless the instance's tag says that it is not."""
    folder = home_of(config, one, name)
    folder.path.mkdir(parents=True, exist_ok=True)
    where = Where.read(folder)
    if where is None:
        where = Where(config.cloud, cloud.region, one.id, one.name, remote_path(name))
        where.write(folder)
    mirror = Mirror(connection, where.path, folder)
    look = mirror.poll()
    if where.complete and look.complete and not noted:
        return
    yield Doing(f"{one.name}: fetching {name}")
    if not look.over:
        yield Warned(f"{name} is still running on {one.name}; it is stopped, and can be resumed")
    elif look.runs:
        yield Warned(f"a run of {name} is still under way on {one.name}; it is stopped")
    if not look.over or look.runs:
        mirror.stop_worker()
    look = mirror.fetch()
    if not look.complete:
        raise RemoteError(f"{name} on {one.name} does not stop")
    yield Done(f"fetched {folder.name} into {folder.path}")


def home_of(config: Config, one: Instance, name: str) -> Folder:
    """The folder here that mirrors a sweep of an instance; never one of another sweep's."""
    folder = Folder(config.cwd / SWEEPS_DIR / name)
    where = Where.read(folder)
    if not folder.path.exists() or (where is not None and where.instance == one.id):
        return folder
    return Folder(config.cwd / SWEEPS_DIR / f"{name}-{one.id}")


def _note_ended(config: Config, one: Instance) -> None:
    for folder in Folder.all(config.cwd):
        where = Where.read(folder)
        if where is not None and where.instance == one.id and where.alive:
            remember(folder, where, alive=False)


def _refuse_unfetched(config: Config, one: Instance, holds: Sequence[str] | None) -> None:
    """What an instance holds that cannot be asked now is known from its tag, and from the folders here."""
    known = {PurePosixPath(where.path).name: where.complete for where in _places(config, one)}
    waited = {*(holds or ()), *(name for name, complete in known.items() if not complete)}
    for name in sorted(waited - {name for name, complete in known.items() if complete}):
        what = "another sweep" if name == unfetched.MORE else name
        raise UsageError(
            f"{one.name} is {one.state}, and {what} on it is not here in full",
            f"awstune start {one.name}, then terminate fetches it; "
            f"awstune terminate {one.name} --discard does without it",
        )


def _places(config: Config, one: Instance) -> list[Where]:
    """Where the sweeps of this folder are that the instance has."""
    found = [Where.read(folder) for folder in Folder.all(config.cwd)]
    return [where for where in found if where is not None and where.instance == one.id]
