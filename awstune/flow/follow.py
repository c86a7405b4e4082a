"""Following a sweep: one that runs in this process, in another one here, or on an instance."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from awstune.config import Config
from awstune.ec2 import prices, restart, unfetched
from awstune.ec2.faults import Unreachable
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.ec2.steps import span
from awstune.errors import (
    DISK_FULL,
    AwstuneError,
    CloudError,
    ConnectionLost,
    Interrupted,
    NameBusy,
    SweepBusy,
    SweepError,
    UnknownName,
)
from awstune.flow import access, end, login, look, salvage
from awstune.flow.doomed import Doomed
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.flow.pace import REAL, Pace
from awstune.money import dollars
from awstune.names import NOTIFY_VARIABLE
from awstune.remote.mirror import Look, Mirror, remember
from awstune.remote.where import Where
from awstune.sweeps import detached as detached_worker
from awstune.sweeps import journal, loop, notifying, results
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.spec import Spec

EVERY_S = 0.3
REST_EVERY_S = 2.0  # logs, checkpoints and artifacts
RECONNECT_S = 60.0
AGAIN_S = 1.0
ENDS_S = 30.0  # AWS calls an instance that shuts itself down running for some seconds
FETCH_TTL_S = 3600.0  # of an instance that is started again only to be fetched from


def here(folder: Folder, notify: str | None = None) -> Story[dict[str, Any]]:
    """Runs a sweep in this process, from wherever its journal stands; its results.

    What its journal has already comes first, so that whoever watches sees the whole sweep.

    Args:
        folder: the sweep's.
        notify: an address that is told of the end; an interrupt is none, since whoever does that knows.
    """
    yield from Tail(folder).news()
    try:
        yield from loop.run(folder, make_executor(Spec.read(folder.spec_file), folder))
    except SweepBusy:
        raise
    except AwstuneError as error:
        yield from _notified(folder, notify, error.message)
        raise
    yield from _notified(folder, notify)
    return results.results(folder)


def _notified(folder: Folder, notify: str | None, error: str | None = None) -> Story[None]:
    why_not = None if notify is None else notifying.post(notify, folder, error)
    if why_not is not None:
        yield Warned(why_not)


def detached(folder: Folder, notify: str | None = None) -> Story[dict[str, Any]]:
    """Starts a sweep in a process of its own on this machine; what is known of it by now."""
    try:
        pid = detached_worker.start(folder, {} if notify is None else {NOTIFY_VARIABLE: notify})
        yield Done(f"{folder.name} runs in the background (pid {pid})")
    except KeyboardInterrupt:
        look = f"awstune attach {folder.name} shows it"
        raise Interrupted(
            f"{folder.name} may have begun in the background", f"{look}; awstune cancel {folder.name} ends it"
        ) from None
    return results.results(folder)


def attach(config: Config, folder: Folder, open_cloud: look.Open, pace: Pace = REAL) -> Story[dict[str, Any]]:
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
        UnknownName: its instance is gone.
        RemoteError: the instance cannot be reached.
    """
    tail, config = Tail(folder), look.at(config, folder)
    yield from tail.news()
    where = Where.read(folder)
    if where is None:
        yield from _attach_here(folder, tail, pace)
    elif not where.complete:
        yield from _attach_there(config, tail, where, open_cloud(config), pace)
    for what in detached_worker.warnings(folder):
        yield Warned(what)
    if results.history(folder).ended is None:
        raise _stopped(folder)
    yield from _end_owned(config, folder, open_cloud)
    return results.results(folder)


def _end_owned(config: Config, folder: Folder, open_cloud: look.Open) -> Story[None]:
    """Terminates the instance that was to end with this sweep, now that all of it is here."""
    where = Where.read(folder)
    if where is None or not (where.owned and where.complete):
        return
    cloud = open_cloud(config)
    with suppress(UnknownName, NameBusy):  # it is gone, or somebody else who was attached is ending it
        one = access.instance_of(cloud, where)
        own = PurePosixPath(where.path).name
        others = [name for name in unfetched.sweeps(one) or () if name != own]
        if others:
            also = f"{one.name} goes on, and costs: it has {', '.join(others)}, which is not here yet"
            yield Warned(f"{also}; awstune terminate {one.name} fetches that and ends {one.name}")
            return
        ended = yield from end.terminate(config, [(cloud, Doomed((one,)))], discard=False)
        if ended.failure:
            raise ended.failure
        yield Done(f"the instance {one.name} was to end with its sweep, and is gone; nothing of it is left")
    remember(folder, where, owned=False, alive=False)


class Tail:
    """A journal, read on from where it was read to."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.offset = 0

    def news(self) -> list[journal.Event]:
        """The events that have come since."""
        chunk = journal.read(self.folder.journal_file, self.offset)
        self.offset = chunk.offset
        return chunk.events


def _attach_here(folder: Folder, tail: Tail, pace: Pace) -> Iterator[journal.Event]:
    running = True
    while running:
        # Asked before the journal is read, so that what a worker wrote last is not missed; after the end
        # it may still be telling somebody of it.
        running = journal.is_open(folder.journal_file) or detached_worker.lives(folder)
        yield from tail.news()
        if running:
            pace.sleep(EVERY_S)  # a file tells nobody that it has grown


def _attach_there(config: Config, tail: Tail, where: Where, cloud: Cloud, pace: Pace) -> Story[None]:
    try:
        yield from _follow_there(config, tail, where, cloud, pace)
    except UnknownName:
        one = access.described(cloud, where)
        if one is not None and one.live:
            raise  # it is only stopped
        yield from salvage.from_bucket(cloud, where, tail.folder)
        yield from tail.news()
        if results.history(tail.folder).ended is None:
            raise


def _follow_there(config: Config, tail: Tail, where: Where, cloud: Cloud, pace: Pace) -> Story[None]:
    was_in, said, give_up = False, "", pace.now() + (ENDS_S if where.owned else 0.0)
    while True:
        try:
            one = yield from awake(config, tail.folder, where, cloud, pace, first=not was_in)
            entered = login.enter(config, cloud, one, patience_s=RECONNECT_S * was_in, pace=pace)
            with (yield from entered) as connection:
                mirror = Mirror(connection, where.path, tail.folder)
                mirror.hold()
                mirror.poll()
                was_in, said = True, ""
                all_home = yield from _watched(mirror, tail, pace)
                with suppress(CloudError):  # then it counts as not fetched, and is looked for once more
                    if all_home:
                        unfetched.remove(cloud, one, PurePosixPath(where.path).name)
                return
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise _unwritten(where, tail.folder, error) from error
        except (ConnectionLost, Unreachable) as error:
            if not was_in and pace.now() >= give_up:
                raise
            if error.message != said:
                goes_on = "the sweep goes on there" if was_in else "it may have ended with its sweep"
                yield Warned(f"{error.message}; {goes_on}, trying {'to get back' if was_in else 'again'}")
            said = error.message
            pace.sleep(AGAIN_S)  # nothing tells that the network is back, or that the instance has stopped


def awake(
    config: Config, folder: Folder, where: Where, cloud: Cloud, pace: Pace, *, first: bool
) -> Story[Instance]:
    """The instance that has a sweep, started again where it ended itself with what is still to be fetched.

    One that stopped while somebody was attached may have reached its time to live or its dollar cap: it is
    not started again unasked while its sweep would go on there.

    Args:
        config: the options.
        folder: the sweep's here.
        where: where it runs; only an instance that is owned is started.
        cloud: the instance's.
        pace: the clock.
        first: whether nobody was attached when it stopped.

    Raises:
        UnknownName: it is gone, or has stopped while somebody was attached.
        KeyFileError: its private key is not here; then it was not started.
    """
    one = access.instance_of(cloud, where)
    while where.owned and one.state == "stopping":
        yield Doing(f"waiting until {one.name} has stopped, to fetch {folder.name}")
        pace.sleep(AGAIN_S)  # AWS tells of its states only when it is asked
        one = access.instance_of(cloud, where)
    if not where.owned or one.state != "stopped":
        return one
    if not first and results.history(folder).ended is None:
        raise UnknownName(
            f"{one.name} has stopped meanwhile, and what is new there of {folder.name} is not here",
            f"awstune attach {folder.name} starts it to fetch that, and ends it with its sweep",
        )
    yield Doing(f"{one.name} had ended itself; starting it to fetch {folder.name}")
    yield from _start_to_fetch(config, cloud, one)
    return access.instance_of(cloud, where)


def _start_to_fetch(config: Config, cloud: Cloud, one: Instance) -> Story[None]:
    """A cap that is spent would end it before anything is fetched: this start has an end, and no cap."""
    again = restart.propose(one, prices.shipped(), time.time(), ttl_s=FETCH_TTL_S, max_usd=math.inf)
    if one.max_usd is not None:
        most = "" if again.usd_more is None else f", {dollars(again.usd_more)} more at most"
        beyond = f"its dollar cap of {dollars(one.max_usd)} does not hold"
        yield Warned(f"{one.name} runs for {span(FETCH_TTL_S)} at the longest{most}; for that {beyond}")
    yield from end.start(config, cloud, [again])


def _watched(mirror: Mirror, tail: Tail, pace: Pace) -> Story[bool]:
    """As `_mirrored`; whoever interrupts it leaves an instance that waits for nobody at its end."""
    try:
        return (yield from _mirrored(mirror, tail, pace))
    except KeyboardInterrupt:
        mirror.let_go()
        raise


def _mirrored(mirror: Mirror, tail: Tail, pace: Pace) -> Story[bool]:
    """Brings all until the sweep's end; whether nothing more can come of it."""
    look, here, looked = Look(alive=True, whole=False), False, pace.now()
    while not look.over:
        look = mirror.poll()
        yield from tail.news()
        if not here or pace.now() - looked >= REST_EVERY_S:
            here, looked = mirror.step(), pace.now()
        elif not look.over:
            pace.sleep(EVERY_S)  # a journal over there tells nobody that it has grown
    yield Doing(f"fetching {mirror.folder.name}")
    look = mirror.fetch()
    yield from tail.news()
    if look.runs:
        goes_on = f"a run of {mirror.folder.name} is still under way there"
        yield Warned(f"{goes_on}, and is here as far as it has come")
    else:
        yield Done(f"{mirror.folder.name} is here in full: {mirror.folder.path}")
    return not look.runs


def _unwritten(where: Where, folder: Folder, error: OSError) -> SweepError:
    goes_on = f"the sweep {folder.name} goes on on the instance {where.name}"
    return SweepError(
        f"cannot write {error.filename or folder.path}: {error.strerror}; {goes_on}",
        f"make room, then awstune attach {folder.name}; awstune terminate {where.name} ends {where.name}",
    )


def _stopped(folder: Folder) -> SweepError:
    words = _last_words(folder.worker_log_file)
    what = f"{folder.name} stopped before its end{f': {words}' if words else ''}"
    return SweepError(what, f"awstune resume {folder.name} goes on where it stopped")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else ""
