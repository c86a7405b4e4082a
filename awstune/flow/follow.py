"""Following a sweep: one that runs in this process, in another one here, or on an instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awstune.config import Config
from awstune.ec2 import instances
from awstune.ec2.session import Cloud
from awstune.errors import RemoteError, SweepError
from awstune.flow import access
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.remote.mirror import Mirror, Where
from awstune.sweeps import detached as detached_worker
from awstune.sweeps import journal, loop, results
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.spec import Spec

EVERY_S = 0.3
RECONNECT_S = 60.0
Open = Callable[[], Cloud]


@dataclass(frozen=True)
class Pace:
    """How often one looks, and by which clock; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def here(folder: Folder) -> Story[dict[str, Any]]:
    """Runs a sweep in this process, from wherever its journal stands; its results."""
    yield from loop.run(folder, make_executor(Spec.read(folder.spec_file), folder))
    return results.results(folder)


def detached(folder: Folder) -> Story[dict[str, Any]]:
    """Starts a sweep in a process of its own on this machine; what is known of it by now."""
    pid = detached_worker.start(folder)
    yield Done(f"{folder.name} runs in the background (pid {pid})")
    return results.results(folder)


def attach(config: Config, folder: Folder, open_cloud: Open, pace: Pace = Pace()) -> Story[dict[str, Any]]:
    """Follows a sweep from its first event until it ends.

    Args:
        config: the options.
        folder: the sweep's folder here.
        open_cloud: called only for a sweep that runs on an instance and is not here in full.
        pace: the clock.

    Returns:
        Its results.

    Raises:
        SweepError: its worker ended before the sweep did.
        RemoteError: the instance cannot be reached.
    """
    yield from journal.read(folder.journal_file).events
    where = Where.read(folder)
    if where is None:
        yield from _attach_here(folder, pace)
    elif not where.complete:
        yield from _attach_there(config, folder, where, open_cloud(), pace)
    return results.results(folder)


def _attach_here(folder: Folder, pace: Pace) -> Iterator[journal.Event]:
    offset = journal.read(folder.journal_file).offset
    while True:
        running = journal.is_open(folder.journal_file)
        chunk = journal.read(folder.journal_file, offset)
        offset = chunk.offset
        yield from chunk.events
        if not running:
            break
        pace.sleep(EVERY_S)
    if results.history(folder).ended is None:
        raise _stopped(folder, "")


def _attach_there(config: Config, folder: Folder, where: Where, cloud: Cloud, pace: Pace) -> Story[None]:
    one = instances.describe(cloud, [where.instance])[0]
    address = access.address_of(config, cloud, one)
    while True:
        try:
            with access.connect(address) as connection:
                yield from _mirrored(Mirror(connection, where.path, folder), pace)
                return
        except RemoteError as error:
            if type(error) is not RemoteError:
                raise
            yield Warned(f"{error.message}; the sweep goes on there, trying to get back")
            access.connect(address, patience_s=RECONNECT_S, now=pace.now, sleep=pace.sleep).close()


def _mirrored(mirror: Mirror, pace: Pace) -> Story[None]:
    folder = mirror.folder
    alive = True
    while alive:
        # Asked before the journal is read, so that what a worker wrote last is not missed.
        alive = mirror.worker_alive()
        yield from mirror.poll()
        if alive:
            pace.sleep(EVERY_S)
    yield Doing(f"fetching {folder.name}")
    mirror.fetch()
    if results.history(folder).ended is None:
        raise _stopped(folder, _last_words(folder.worker_log_file))
    yield Done(f"{folder.name} is here in full: {folder.path}")


def _stopped(folder: Folder, words: str) -> SweepError:
    what = f"{folder.name} stopped before its end{f': {words}' if words else ''}"
    return SweepError(what, f"awstune resume {folder.name} goes on where it stopped")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else ""
