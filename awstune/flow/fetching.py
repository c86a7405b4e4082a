"""What an instance's sweeps have not yet sent home is fetched before it ends, or it does not end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from awstune.config import Config
from awstune.ec2 import instances, unfetched
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, KeyFileError, RemoteError, UnknownName, UsageError
from awstune.flow import login
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.names import SWEEPS_DIR
from awstune.remote.mirror import Mirror, remember, remote_path, sweeps_on
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder


def bring_home(config: Config, cloud: Cloud, one: Instance, otherwise: str) -> Story[None]:
    """Fetches what an instance's sweeps have not sent home.

    Args:
        config: says where the sweeps' folders are.
        cloud: where it is.
        one: as AWS describes it now; of one that has ended nothing can be fetched any more.
        otherwise: what the error says beside where that fails.

    Raises:
        UsageError: it does not run, and holds what is not here.
        RemoteError: it could not be fetched.
    """
    try:
        yield from _fetch_home(config, cloud, one)
    except AwstuneError as error:
        error.message += otherwise
        raise


def _fetch_home(config: Config, cloud: Cloud, one: Instance) -> Story[None]:
    holds = unfetched.sweeps(one)
    if one.state in instances.ENDED:
        return
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


def note_ended(config: Config, one: Instance) -> None:
    """Has the folders here know that the instance is gone.

    Raises:
        OSError: one cannot be written.
    """
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
