"""Looking at a sweep: its folder says all, once a mirrored one has been brought up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from awstune.config import Config
from awstune.errors import AwstuneError, CloudNotRunning, UnknownName
from awstune.flow.events import Doing, Done, Output, Story, Warned
from awstune.remote.mirror import Mirror, remember
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps import journal, results
from awstune.sweeps.folder import Folder

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud

    Open = Callable[[Config], Cloud]

FOLLOW_EVERY_S = 0.3


def where(folder: Folder) -> str | None:
    """The NAME of the instance that a sweep runs on; None for this machine."""
    there = Where.read(folder)
    return there.name if there else None


def at(config: Config, folder: Folder) -> Config:
    """The options, with the cloud and the region that a sweep runs in."""
    there = Where.read(folder)
    return config if there is None else _of(config, there)


def _of(config: Config, there: Where) -> Config:
    return replace(config, cloud=there.cloud, region=there.region)


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


def found(folder: Folder, now: float) -> dict[str, Any]:
    """The document of ``results --json``, from what is here: of a sweep that goes on or not, as it says.

    Args:
        folder: the sweep's.
        now: seconds since the epoch.
    """
    return {**results.results(folder), "state": status(folder, now)["state"]}


def refresh(config: Config, folder: Folder, open_cloud: Open) -> Story[None]:
    """Brings the journal of a sweep that runs on an instance up to date, or says how old it is."""
    there = Where.read(folder)
    if there is None or there.complete:
        return
    # What was stopped may have been started since; what has ended stays so.
    if there.alive or results.history(folder).ended is None:
        yield from _asked(config, folder, there, open_cloud)


def _asked(config: Config, folder: Folder, there: Where, open_cloud: Open) -> Story[bool]:
    """Asks the instance, or says how old the news is; whether it could be asked."""
    yield Doing(f"looking at {folder.name} on {there.name}")
    try:
        with (yield from connected(config, there, open_cloud)) as connection:
            Mirror(connection, there.path, folder).poll()
    except CloudNotRunning as error:
        yield Warned(f"{error.message}, and {there.name} is gone with it; {_age(there)}")
        remember(folder, there, alive=False)
    except UnknownName as error:
        yield Warned(f"{error.message}; {_age(there)}")
        remember(folder, there, alive=False)
        yield from _salvage(open_cloud(_of(config, there)), there, folder)
    except AwstuneError as error:
        yield Warned(f"{error.message}; {_age(there)}")
    else:
        return True
    return False


def _salvage(cloud: Cloud, there: Where, folder: Folder) -> Story[None]:
    from awstune.flow import salvage  # boto3 comes with it, and a sweep here needs none

    yield from salvage.from_bucket(cloud, there, folder)


def _age(there: Where) -> str:
    return f"what follows is {time.time() - there.seen:.0f} s old" if there.seen else "nothing is here yet"


def log(
    config: Config,
    folder: Folder,
    trial: int | None,
    open_cloud: Open,
    *,
    follow: bool = False,
    lines: bool = False,
) -> Story[int]:
    """A trial's log as `Output`, fetched as it grows where it lies on an instance.

    Where that cannot be asked, it is as much of it as is here, and how old that is.

    Args:
        config: the options.
        folder: the sweep's.
        trial: its number; None is the newest one.
        open_cloud: called only where something has to be fetched.
        follow: whether to go on until the trial has ended.
        lines: whether each line is an object of its own, ``{trial, line}``.

    Returns:
        The trial's number.

    Raises:
        UnknownName: there is no such trial, or it has not written anything.
    """
    there, asked = Where.read(folder), False
    if there is not None and not there.complete:
        asked = yield from _asked(config, folder, there, open_cloud)
    number = trial if trial is not None else max(_numbers(folder), default=0)
    told = partial(_in_lines, number) if lines else iter
    if there is None or not asked:
        bring = partial(journal.is_open, folder.journal_file)
        yield from told(_grown(folder, number, bring, follow=follow))
    else:
        with (yield from connected(config, there, open_cloud)) as connection:
            bring = partial(_bring, Mirror(connection, there.path, folder), number)
            yield from told(_grown(folder, number, bring, follow=follow))
    return number


def _in_lines(number: int, story: Story[None]) -> Story[None]:
    """A log with an object a line, ``{trial, line}``, in place of its bytes."""
    left = b""
    for event in story:
        if isinstance(event, Output):
            *lines, left = (left + event.data).split(b"\n")
            yield from (_line(number, line) for line in lines)
        else:
            yield event
    if left:
        yield _line(number, left)


def _line(trial: int, text: bytes) -> dict[str, Any]:
    return {"trial": trial, "line": text.decode("utf-8", "replace")}


def _bring(mirror: Mirror, number: int) -> bool:
    alive = not mirror.poll().over
    mirror.fetch_file(str(mirror.folder.log_file(number).relative_to(mirror.folder.path)))
    return alive


def _grown(folder: Folder, number: int, bring: Callable[[], bool], *, follow: bool) -> Story[None]:
    """The log as it grows; ``bring`` fetches what is there, and says whether the sweep runs."""
    path, offset, ended, going_on = folder.log_file(number), 0, list[int](), True
    while going_on:
        # What is brought, and who runs, is known before the log is read: its last lines are not missed.
        alive = bring()
        ended = [record.number for record in results.history(folder).trials if not record.running]
        going_on = follow and alive and number not in ended
        if path.exists():
            with path.open("rb") as file:
                file.seek(offset)
                more = file.read()
            offset += len(more)
            yield Output(more)
        if going_on:
            time.sleep(FOLLOW_EVERY_S)  # a file tells nobody that it has grown, here or there
    if not path.exists():
        numbers = _numbers(folder)
        known = f"trials are 0 to {max(numbers)}" if numbers else "no trial has begun"
        what = f"trial {number} of {folder.name} has no log"
        raise UnknownName(what, f"{known}: awstune status {folder.name}")
    if not offset:
        yield Done(f"trial {number} has printed nothing{'' if number in ended else ' yet'}")


def _numbers(folder: Folder) -> list[int]:
    return [record.number for record in results.history(folder).trials]


def connected(config: Config, there: Where, open_cloud: Open) -> Story[Connection]:
    """An open connection to the instance that has a sweep.

    Raises:
        UnknownName: the instance is gone.
        RemoteError: it cannot be reached.
    """
    from awstune.flow import access, login

    config = _of(config, there)
    cloud = open_cloud(config)
    return (yield from login.enter(config, cloud, access.instance_of(cloud, there)))
