"""A sweep that this machine has never seen: another laptop shipped it, and an instance has it, or had it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from string import digits

from awstune.config import Config
from awstune.ec2 import instances, stored, unfetched
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import (
    AwstuneError,
    CloudError,
    CloudNotRunning,
    Interrupted,
    NameTaken,
    UnknownName,
)
from awstune.flow import follow, login, look, salvage, writers
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.flow.pace import REAL
from awstune.flow.writers import Writer
from awstune.names import BUCKET_PREFIX, SPEC_FILE, SWEEPS_DIR
from awstune.remote import mirror
from awstune.remote.mirror import Mirror
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec

_SLIP = 0.8  # of a likeness from 0 to 1
_RUNS = ("pending", "running", "stopping")  # and will, or would start its sweep again at once


def find(
    config: Config,
    name: str | None,
    open_cloud: look.Open,
    bucket: str | None = None,
    writer: str | None = None,
) -> Story[Folder]:
    """The sweep of that name: here, else on one of one's running instances, else in a results bucket.

    Args:
        config: says which folder one is in.
        name: the sweep's; None is the newest here, else the only one there.
        open_cloud: called only where it is not here.
        bucket: looked into beside those that instances have written to, as far as AWS still shows them.
        writer: the id of the instance whose copy is meant, where several sweeps of that name are in it.

    Returns:
        Its folder here, which knows where it runs.

    Raises:
        UnknownName: it is nowhere to be found, or on an instance that does not run; or there are several.
        NameTaken: it runs on somebody else's.
        UsageError: whether it still runs cannot be known.
        KeyFileError: the only instance that may have it has a key that is not on this machine.
    """
    try:
        return Folder.find(config.cwd, name, elsewhere=False)
    except UnknownName as error:
        unknown = error
    try:
        cloud = open_cloud(config)
    except CloudNotRunning:
        raise unknown from None
    folder = yield from _on_running(config, name, cloud, instances.own(cloud))
    if folder is None and name is not None:
        for near in _nearly(name, config):
            yield Warned(f"no sweep {name!r} here, but {near}: awstune attach {near}")
        folder = yield from _elsewhere(config, name, cloud, bucket, writer)
    if folder is None:
        raise unknown
    return folder


def _nearly(name: str, config: Config) -> list[str]:
    """The sweep here that a misspelled name may mean; another number is no slip: sweeps are numbered."""
    known = (folder.name for folder in Folder.all(config.cwd))
    others = [one for one in known if one.rstrip(digits) != name.rstrip(digits)]
    return difflib.get_close_matches(name, others, 1, _SLIP)


def _on_running(
    config: Config, name: str | None, cloud: Cloud, own: Iterable[Instance]
) -> Story[Folder | None]:
    found = yield from _look(config, name, cloud, [one for one in own if one.state == "running"])
    if len(found) > 1:
        names = ", ".join(sweep for _, sweep in found)
        raise UnknownName(f"your instances have {names}", f"awstune attach {found[0][1]}")
    return (yield from _adopt(config, *found[0], cloud)) if found else None


def _look(
    config: Config, name: str | None, cloud: Cloud, running: Sequence[Instance]
) -> Story[list[tuple[Instance, str]]]:
    found: list[tuple[Instance, str]] = []
    locked: list[AwstuneError] = []
    # An instance that was launched for a sweep bears its name.
    for one in sorted(running, key=lambda one: one.name != name):
        yield Doing(f"looking on {one.name}")
        try:
            with (yield from login.enter(config, cloud.at(one.region), one)) as connection:
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


def _elsewhere(
    config: Config, name: str, cloud: Cloud, bucket: str | None, writer: str | None
) -> Story[Folder | None]:
    """What runs in another region, or what a sweep's instance has left in a bucket; None where nothing is."""
    yield Doing(f"looking for {name} in all regions")
    sight = writers.everywhere(cloud)
    own = [one for one in sight.instances if one.owner == cloud.owner]
    has = [one for one in own if one.live and name in (one.name, *(unfetched.sweeps(one) or ()))]
    far = [one for one in has if one.region != cloud.region]
    folder = yield from _on_running(config, name, cloud, far)
    if folder is not None:
        return folder
    for place in dict.fromkeys(filter(None, (bucket, *(one.bucket for one in own)))):
        yield Doing(f"looking in the bucket {place}")
        try:
            found = writers.of_sweep(cloud, place, name, sight)
        except CloudError as error:
            yield Warned(f"the bucket {place} cannot be read: {error.message}")
            continue
        if found:
            alike = writers.chosen(found, name, cloud.owner, writer)
            asked = (writers.asked(cloud, sight, one, name) for one in alike)
            return (yield from _left(config, cloud, asked, name))
    for one in has:
        if name in (unfetched.sweeps(one) or ()):
            return (yield from _asleep(config, cloud, one, name))
    if sight.silent:
        yield Warned(f"nobody knows what {', '.join(sorted(sight.silent))} may have: no answer from there")
    return None


def _left(config: Config, cloud: Cloud, asked: Iterator[Writer], name: str) -> Story[Folder | None]:
    """What the last writer of a sweep has left, once none of them runs."""
    last = next(asked)
    for one in (writer.one for writer in (last, *asked)):
        if one is None or one.state not in _RUNS:
            continue
        if one.owner != cloud.owner:
            there = f"its instance {one.name} ({one.id}, {one.region}) is {one.state}"
            raise NameTaken(
                f"{name} is {one.owner}'s, and {there}",
                "it goes on there; awstune ls --everyone --all-regions shows it",
            )
        if one.state == "running":
            return (yield from _on_running(config, name, cloud, [one]))
        return (yield from _asleep(config, cloud, one, name))
    if last.one is not None and last.one.state == "stopped" and last.one.owner == cloud.owner:
        return (yield from _asleep(config, cloud, last.one, name))
    return (yield from _salvaged(config, cloud, last, name))


def _asleep(config: Config, cloud: Cloud, one: Instance, name: str) -> Story[Folder]:
    """What is there and only does not run is started to fetch from, where it was launched for that sweep.

    Raises:
        UnknownName: it was not: whoever has it says when it runs.
    """
    if unfetched.owner_of(one) != name or one.state == "pending":
        hint = f"awstune start {one.name} --region {one.region}, then awstune attach {name}"
        raise UnknownName(f"{one.name}, which has {name}, is {one.state}", hint)
    there = Where(config.cloud, one.region, one.id, one.name, mirror.remote_path(name), owned=True)
    folder = Folder(config.cwd / SWEEPS_DIR / name)
    awake = yield from follow.awake(config, folder, there, cloud.at(one.region), REAL, first=True)
    return (yield from fetched(_on_running(config, name, cloud, [awake]), awake, name))


def fetched(story: Story[Folder | None], one: Instance, name: str) -> Story[Folder]:
    """What looks for a sweep on an instance that was started for that; whatever fails says that it costs.

    Raises:
        UnknownName: the sweep is not there.
        Interrupted: by Ctrl-C; the instance goes on.
    """
    costs = f"{one.name} was started to fetch {name} from, goes on and costs"
    ends = f"awstune terminate {one.name} --region {one.region} ends it"
    try:
        folder = yield from story
        if folder is None:
            raise UnknownName(f"{one.name} has no sweep {name!r}")
    except KeyboardInterrupt:
        raise Interrupted(costs, f"awstune attach {name} goes on; {ends}") from None
    except AwstuneError as error:
        error.message += f"; {costs}"
        error.hint = "; ".join(filter(None, (error.hint, ends)))
        raise
    return folder


def _salvaged(config: Config, cloud: Cloud, last: Writer, name: str) -> Story[Folder]:
    path, one = mirror.remote_path(name), last.one
    told = last.where or Where(config.cloud, cloud.region, last.id, name, path)
    if one is not None:
        told = replace(told, region=one.region, name=one.name)
    with Folder.create(config.cwd, name, name).newborn() as folder:
        key = BUCKET_PREFIX.format(sweep=name, instance=last.id) + SPEC_FILE
        stored.fetch(cloud, last.bucket, key, folder.spec_file)
        rate = Spec.read(folder.spec_file).options.get("usd_per_hour")
        known = replace(
            told,
            cloud=config.cloud,
            instance=last.id,
            path=path,
            bucket=last.bucket,
            account=cloud.account,
            usd_per_hour=rate,
            complete=False,
            alive=False,
            owned=False,
        )
        known.write(folder)
        yield from salvage.from_bucket(cloud.at(known.region), known, folder)
    return folder


def _adopt(config: Config, one: Instance, sweep: str, cloud: Cloud) -> Story[Folder]:
    made, cloud = Folder.create(config.cwd, sweep, sweep).newborn(), cloud.at(one.region)
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
