"""A sweep that this machine has never seen: another laptop shipped it, and an instance has it, or had it."""

from __future__ import annotations

from dataclasses import replace

from awstune.config import Config
from awstune.ec2 import instances, stored, unfetched
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, CloudError, CloudNotRunning, UnknownName
from awstune.flow import login, look, salvage
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.names import BUCKET_PREFIX, SPEC_FILE
from awstune.remote import mirror
from awstune.remote.mirror import Mirror
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec


def find(config: Config, name: str | None, open_cloud: look.Open, bucket: str | None = None) -> Story[Folder]:
    """The sweep of that name: here, else on one of one's running instances, else in a results bucket.

    Args:
        config: says which folder one is in.
        name: the sweep's; None is the newest here, else the only one there.
        open_cloud: called only where it is not here.
        bucket: looked into beside those that one's instances have written to, as far as AWS still shows them.

    Returns:
        Its folder here, which knows where it runs.

    Raises:
        UnknownName: it is nowhere to be found, or on an instance that is stopped.
        KeyFileError: the only instance that may have it has a key that is not on this machine.
    """
    try:
        return Folder.find(config.cwd, name, elsewhere=False)
    except UnknownName as error:
        unknown = error
    try:
        found = yield from _look(config, name, open_cloud(config))
    except CloudNotRunning:
        raise unknown from None
    if len(found) > 1:
        names = ", ".join(sweep for _, sweep in found)
        raise UnknownName(f"your instances have {names}", f"awstune attach {found[0][1]}")
    if found:
        return (yield from _adopt(config, *found[0], open_cloud(config)))
    if name is not None:
        left = yield from _left(config, name, open_cloud(config), bucket)
        if left is not None:
            return left
    raise unknown


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


def _left(config: Config, name: str, cloud: Cloud, bucket: str | None) -> Story[Folder | None]:
    """What a sweep's instance, which runs no more, has left in a bucket; None where there is nothing."""
    known = instances.own(cloud, ended=True)
    live = {one.id for one in known if one.live}
    for one in known:
        if one.state in ("stopping", "stopped") and name in (unfetched.sweeps(one) or ()):
            hint = f"awstune start {one.name}, then awstune attach {name}"
            raise UnknownName(f"{one.name}, which has {name}, is {one.state}", hint)
    for place in dict.fromkeys(filter(None, (bucket, *(one.bucket for one in known)))):
        yield Doing(f"looking in the bucket {place}")
        try:
            gone = [writer for writer in stored.writers(cloud, place, name) if writer not in live]
        except CloudError as error:
            yield Warned(f"the bucket {place} cannot be read: {error.message}")
            continue
        if gone:
            called = next((one.name for one in known if one.id == gone[0]), name)
            there = Where(config.cloud, cloud.region, gone[0], called, mirror.remote_path(name), bucket=place)
            return (yield from _salvaged(config, cloud, there, name))
    return None


def _salvaged(config: Config, cloud: Cloud, there: Where, name: str) -> Story[Folder]:
    with Folder.create(config.cwd, name, name).newborn() as folder:
        key = BUCKET_PREFIX.format(sweep=name, instance=there.instance) + SPEC_FILE
        stored.fetch(cloud, there.bucket, key, folder.spec_file)
        rate = Spec.read(folder.spec_file).options.get("usd_per_hour")
        known = replace(there, account=cloud.account, usd_per_hour=rate, alive=False)
        known.write(folder)
        yield from salvage.from_bucket(cloud, known, folder)
    return folder


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
