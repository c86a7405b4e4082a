"""A sweep that this machine has never seen: another laptop shipped it, and an instance has it."""

from __future__ import annotations

from dataclasses import replace

from awstune.config import Config
from awstune.ec2 import instances
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, CloudNotRunning, UnknownName
from awstune.flow import login, look
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.names import SPEC_FILE
from awstune.remote import mirror
from awstune.remote.mirror import Mirror
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder


def find(config: Config, name: str | None, open_cloud: look.Open) -> Story[Folder]:
    """The sweep of that name: here, else on one of one's running instances.

    Args:
        config: says which folder one is in.
        name: the sweep's; None is the newest here, else the only one there.
        open_cloud: called only where it is not here.

    Returns:
        Its folder here, which knows where it runs.

    Raises:
        UnknownName: it is nowhere to be found.
        KeyFileError: the only instance that may have it has a key that is not on this machine.
    """
    try:
        return Folder.find(config.cwd, name)
    except UnknownName as error:
        unknown = error
    try:
        found = yield from _look(config, name, open_cloud(config))
    except CloudNotRunning:
        raise unknown from None
    if len(found) > 1:
        names = ", ".join(sweep for _, sweep in found)
        raise UnknownName(f"your instances have {names}", f"awstune attach {found[0][1]}")
    if not found:
        raise unknown
    return (yield from _adopt(config, *found[0], open_cloud(config)))


def _look(config: Config, name: str | None, cloud: Cloud) -> Story[list[tuple[Instance, str]]]:
    found: list[tuple[Instance, str]] = []
    locked: list[AwstuneError] = []
    running = [one for one in instances.own(cloud) if one.state == "running"]
    # An instance that was launched for a sweep bears its name.
    for one in sorted(running, key=lambda one: one.name != name):
        yield Doing(f"looking on {one.name}")
        try:
            with (yield from login.enter(config, cloud, one)) as connection:
                there = mirror.sweeps_on(connection)
        except AwstuneError as error:
            locked.append(error)
            yield Warned(f"{one.name}: {error.message}")
            continue
        found += [(one, sweep) for sweep in there if name in (None, sweep)]
        if found and name is not None:
            return found
    if not found and len(locked) == 1:
        raise locked[0]
    return found


def _adopt(config: Config, one: Instance, sweep: str, cloud: Cloud) -> Story[Folder]:
    made = Folder.create(config.cwd, sweep, sweep).newborn()
    with (yield from login.enter(config, cloud, one)) as connection, made as folder:
        _remember(config, cloud, one, connection, folder)
        Mirror(connection, mirror.remote_path(sweep), folder).fetch_file(SPEC_FILE)
    yield Done(f"{sweep} was found on {one.name}")
    return folder


def _remember(config: Config, cloud: Cloud, one: Instance, connection: Connection, folder: Folder) -> None:
    known = mirror.origin_of(connection, folder.name)
    if known is None:
        known = Where(config.cloud, cloud.region, one.id, one.name, mirror.remote_path(folder.name))
    here = replace(known, cloud=config.cloud, instance=one.id, name=one.name, complete=False, alive=True)
    here.write(folder)
