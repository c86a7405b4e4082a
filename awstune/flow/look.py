"""Looking at a sweep: its folder says all, once a mirrored one has been brought up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.config import Config
from awstune.errors import AwstuneError, UnknownName
from awstune.flow.events import Doing, Story, Warned
from awstune.remote.mirror import Mirror, Where
from awstune.sweeps import results
from awstune.sweeps.folder import Folder

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud

FRESH_S = 10.0


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
    running = known.ended is None and not there.complete
    document = results.status(folder, now, running=running)
    began, latest = known.began, now if running else known.latest
    hours = (latest - began) / 3600 if began and latest else 0.0
    cost = None if there.usd_per_hour is None else round(hours * there.usd_per_hour, 4)
    return {**document, "where": there.name, "usd_so_far": cost}


def refresh(config: Config, folder: Folder, open_cloud: Callable[[], Cloud]) -> Story[None]:
    """Brings the journal of a sweep that runs on an instance up to date, or says how old it is."""
    there = Where.read(folder)
    if there is None or there.complete:
        return
    yield Doing(f"looking at {folder.name} on {there.name}")
    try:
        with _connection(config, there, open_cloud) as connection:
            Mirror(connection, there.path, folder).poll()
    except AwstuneError as error:
        age = f"{time.time() - there.seen:.0f} s old" if there.seen else "older than the sweep's first trial"
        yield Warned(f"{error.message}; what follows is {age}")


def log(config: Config, folder: Folder, trial: int | None, open_cloud: Callable[[], Cloud]) -> Story[Path]:
    """A trial's log, fetched first where it lies on an instance.

    Args:
        config: the options.
        folder: the sweep's.
        trial: its number; None is the newest one that has a log.
        open_cloud: called only where something has to be fetched.

    Raises:
        UnknownName: there is no such trial, or it has not written anything.
    """
    there = Where.read(folder)
    if there is not None and not there.complete:
        yield Doing(f"fetching the logs of {folder.name} from {there.name}")
        with _connection(config, there, open_cloud) as connection:
            Mirror(connection, there.path, folder).fetch()
    found = sorted(folder.trials_dir.glob("*/log.txt"))
    wanted = found[-1] if trial is None and found else folder.log_file(trial or 0)
    if not wanted.exists():
        numbers = f"0 to {len(found) - 1}" if found else "none yet"
        what = "no trial has a log yet" if trial is None else f"trial {trial} has no log"
        raise UnknownName(f"{folder.name}: {what}", f"trials with a log: {numbers}")
    return wanted


def _connection(config: Config, there: Where, open_cloud: Callable[[], Cloud]) -> Any:
    from awstune.ec2 import instances
    from awstune.flow import access

    cloud = open_cloud()
    one = instances.find(cloud, there.name)
    return access.connect(access.address_of(config, cloud, one))
