"""Ending a sweep, or one of its trials, wherever it runs."""

from __future__ import annotations

from awstune.config import Config
from awstune.errors import UsageError
from awstune.flow import look
from awstune.flow.events import Doing, Story
from awstune.remote.mirror import Mirror
from awstune.remote.where import Where
from awstune.sweeps import cancelling, results
from awstune.sweeps.folder import Folder


def tell(config: Config, folder: Folder, trial: int | None, open_cloud: look.Open) -> Story[bool]:
    """Asks whoever runs the sweep to end it.

    Args:
        config: the options.
        folder: the sweep's folder here.
        trial: one trial only; None for the sweep.
        open_cloud: called only for a sweep that runs on an instance.

    Returns:
        Whether it is done; False where whoever runs the sweep was asked, and ends it at their next look.

    Raises:
        UsageError: that trial, or the sweep, is not running.
        RemoteError: the instance cannot be reached.
    """
    there = Where.read(folder)
    if there is None:
        if trial is None and results.history(folder).ended is not None:
            raise _not_running(folder)
        return cancelling.cancel(folder, trial)
    if there.complete:
        raise _not_running(folder)
    yield Doing(f"telling {there.name}")
    with (yield from look.connected(config, there, open_cloud)) as connection:
        mirror = Mirror(connection, there.path, folder)
        if mirror.poll().over:
            raise _not_running(folder)
        cancelling.refuse_idle(folder, results.history(folder), trial)
        mirror.ask(cancelling.request(trial))
    return False


def _not_running(folder: Folder) -> UsageError:
    return UsageError(f"{folder.name} is not running", f"awstune status {folder.name} shows how it ended")
