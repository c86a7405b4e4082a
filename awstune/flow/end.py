"""Ends: what a sweep has not yet sent home is fetched first, and afterwards somebody looks."""

from __future__ import annotations

from collections.abc import Sequence

from awstune.config import Config
from awstune.ec2 import end, events, instances
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import RemoteError, UsageError
from awstune.flow import access, launch
from awstune.flow.events import Doing, Done, Story
from awstune.remote import hosts
from awstune.remote.mirror import Mirror, Where, remote_path, sweeps_on
from awstune.remote.ssh import Connection
from awstune.sweeps.folder import Folder

Left = list[dict[str, str]]


def chosen(cloud: Cloud, names: Sequence[str], *, every: bool = False) -> list[Instance]:
    """One's live instances of these names; without a name the only one.

    Raises:
        UnknownName: there is none of a name, or without a name there are several.
    """
    own = instances.own(cloud)
    if every:
        return own
    if not names:
        return [instances.pick(own, None, cloud.region)]
    return [instances.pick(own, name, cloud.region) for name in dict.fromkeys(names)]


def terminate(config: Config, cloud: Cloud, doomed: Sequence[Instance], *, discard: bool) -> Story[Left]:
    """Fetches, ends, removes what was made beside, and looks whether anything is left.

    Args:
        config: says where the sweeps' folders are.
        cloud: where the instances are.
        doomed: which.
        discard: whether what a sweep has not sent home may be lost.

    Returns:
        What is still there: ``{kind, id}`` each.

    Raises:
        RemoteError: something could not be fetched; then nothing was ended.
        CloudError: AWS refused.
    """
    if not discard:
        for one in doomed:
            yield from _fetch_home(config, cloud, one)
    keys_dir = access.keys_dir(config, cloud)
    for event in end.terminate(cloud, doomed, keys_dir):
        yield _told(event)
    for one in doomed:
        hosts.unpin(config.home, one.id)
    yield Doing("looking whether anything is left")
    return end.leftovers(cloud, doomed)


def clean(config: Config, cloud: Cloud, name: str) -> Story[bool]:
    """Removes what a launch made that never came to an instance; False where there is nothing."""
    found = False
    for event in end.clean(cloud, name, access.keys_dir(config, cloud)):
        found = True
        yield _told(event)
    return found


def stop(cloud: Cloud, which: Sequence[Instance]) -> Story[None]:
    """Stops instances and waits until they are."""
    for event in end.stop(cloud, which):
        yield _told(event)


def start(
    config: Config, cloud: Cloud, which: Sequence[Instance], *, ttl_s: float | None
) -> Story[list[launch.Ready]]:
    """Starts stopped instances with a new end, and waits until they are ready.

    Raises:
        InstanceDied: one ended instead.
        NotReady: one does not pass its checks, or lets nobody in.
    """
    for event in end.start(cloud, which, ttl_s=ttl_s):
        yield _told(event)
    yield from launch.until_in(config, cloud, which)
    return [
        launch.describe(config, cloud, one) for one in instances.describe(cloud, [one.id for one in which])
    ]


def _told(event: events.Changed | events.Removed) -> Doing | Done:
    if isinstance(event, events.Removed):
        return Done(f"removed the {event.kind.replace('-', ' ')} {event.id}")
    final = event.state in ("terminated", "stopped")
    text = f"{event.name} is {event.state}"
    return Done(text) if final else Doing(text)


def _fetch_home(config: Config, cloud: Cloud, one: Instance) -> Story[None]:
    if one.state != "running":
        _refuse_unfetched(config, one)
        return
    yield Doing(f"{one.name}: looking for what its sweeps have not yet sent home")
    try:
        with access.connect(access.address_of(config, cloud, one)) as connection:
            for name in sweeps_on(connection):
                yield from _fetch_sweep(config, cloud, one, connection, name)
    except RemoteError as error:
        raise type(error)(
            f"what is on {one.name} could not be fetched, so it was not ended: {error.message}",
            f"awstune terminate {one.name} --discard does without it",
        ) from error


def _fetch_sweep(
    config: Config, cloud: Cloud, one: Instance, connection: Connection, name: str
) -> Story[None]:
    folder = home_of(config, one, name)
    where = Where.read(folder)
    if where is not None and where.complete:
        return
    yield Doing(f"{one.name}: fetching {name}")
    folder.path.mkdir(parents=True, exist_ok=True)
    if where is None:
        Where(config.cloud, cloud.region, one.id, one.name, remote_path(name)).write(folder)
    mirror = Mirror(connection, remote_path(name), folder)
    mirror.stop_worker()
    mirror.fetch()
    yield Done(f"fetched {folder.name} into {folder.path}")


def home_of(config: Config, one: Instance, name: str) -> Folder:
    """The folder here that mirrors a sweep of an instance; never one of another sweep's."""
    folder = Folder(config.cwd / "sweeps" / name)
    where = Where.read(folder)
    if not folder.path.exists() or (where is not None and where.instance == one.id):
        return folder
    return Folder(config.cwd / "sweeps" / f"{name}-{one.id}")


def _refuse_unfetched(config: Config, one: Instance) -> None:
    for folder in Folder.all(config.cwd):
        where = Where.read(folder)
        if where is not None and where.instance == one.id and not where.complete:
            without = f"awstune terminate {one.name} --discard does without it"
            raise UsageError(
                f"{one.name} is {one.state}, and {folder.name} on it is not here in full",
                f"awstune start {one.name}, then terminate fetches it; {without}",
            )
