"""Looking at a sweep: its folder says all, once a mirrored one has been brought up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.config import Config
from awstune.errors import AwstuneError, UnknownName
from awstune.flow.events import Doing, Story, Warned
from awstune.remote.mirror import Mirror
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps import results
from awstune.sweeps.folder import Folder

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud


def where(folder: Folder) -> str | None:
    """The NAME of the instance that a sweep runs on; None for this machine."""
    there = Where.read(folder)
    return there.name if there else None


def status(folder: Folder, now: float) -> dict[str, Any]:
    """The document of ``status --json``, from what is here.

    Args:
        folder: the sweep's.
        now: seconds since the epoch.
    """
    there = Where.read(folder)
    if there is None:
        return results.status(folder, now)
    known = results.history(folder)
    running = known.ended is None and there.alive and not there.complete
    document = results.status(folder, now, running=running)
    began, latest = known.began, now if running else known.latest
    hours = (latest - began) / 3600 if began and latest else 0.0
    cost = None if there.usd_per_hour is None else round(hours * there.usd_per_hour, 4)
    return {**document, "where": there.name, "usd_so_far": cost}


def refresh(config: Config, folder: Folder, open_cloud: Callable[[], Cloud]) -> Story[None]:
    """Brings the journal of a sweep that runs on an instance up to date, or says how old it is."""
    there = Where.read(folder)
    if there is None or there.complete or not there.alive:
        return
    yield Doing(f"looking at {folder.name} on {there.name}")
    try:
        alive = _poll(config, folder, there, open_cloud)
    except UnknownName as error:
        alive = False
        yield Warned(f"{error.message}; {_age(there)}")
    except AwstuneError as error:
        yield Warned(f"{error.message}; {_age(there)}")
        return
    if not alive:
        replace(there, alive=False).write(folder)


def _poll(config: Config, folder: Folder, there: Where, open_cloud: Callable[[], Cloud]) -> bool:
    with _connection(config, there, open_cloud) as connection:
        return Mirror(connection, there.path, folder).poll().alive


def _age(there: Where) -> str:
    return f"what follows is {time.time() - there.seen:.0f} s old" if there.seen else "nothing is here yet"


def log(config: Config, folder: Folder, trial: int | None, open_cloud: Callable[[], Cloud]) -> Story[Path]:
    """A trial's log, fetched first where it lies on an instance.

    Args:
        config: the options.
        folder: the sweep's.
        trial: its number; None is the newest one.
        open_cloud: called only where something has to be fetched.

    Raises:
        UnknownName: there is no such trial, or it has not written anything.
    """
    yield from refresh(config, folder, open_cloud)
    trials = results.history(folder).trials
    number = trial if trial is not None else max((one.number for one in trials), default=0)
    path = folder.log_file(number)
    there = Where.read(folder)
    if there is not None and not there.complete and any(one.number == number for one in trials):
        yield Doing(f"fetching the log of trial {number} from {there.name}")
        with _connection(config, there, open_cloud) as connection:
            Mirror(connection, there.path, folder).fetch_file(str(path.relative_to(folder.path)))
    if not path.exists():
        numbers = f"trials are 0 to {len(trials) - 1}" if trials else "no trial has begun"
        raise UnknownName(
            f"trial {number} of {folder.name} has no log", f"{numbers}: awstune status {folder.name}"
        )
    return path


def _connection(config: Config, there: Where, open_cloud: Callable[[], Cloud]) -> Connection:
    from awstune.flow import access

    cloud = open_cloud()
    return access.connect(access.address_of(config, cloud, access.instance_of(cloud, there)))
