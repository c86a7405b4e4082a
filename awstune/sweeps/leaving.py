"""How trials leave an instance that is about to go: with their next checkpoint, or at the last moment.

What leaves is not finished: it is taken up again, with the same values, where the sweep goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from awstune.errors import SweepError
from awstune.names import NO_ROOM
from awstune.search.trials import Status
from awstune.sweeps.executor import Finished

if TYPE_CHECKING:
    from collections.abc import Callable

    from awstune.sweeps.executor import Executor
    from awstune.sweeps.folder import Folder
    from awstune.sweeps.notice import Notice, Watch

# Before the instance goes: for what the disk, a mirror or a bucket still has to take.
MARGIN_S = 30.0


class Leaving:
    """A sweep's way out.

    Args:
        watch: tells of a notice; None where nothing takes the machine away.
        executor: the sweep's.
        now: seconds since the epoch.
    """

    def __init__(self, watch: Watch | None, executor: Executor, now: Callable[[], float] = time.time) -> None:
        self._watch, self._executor, self._now = watch, executor, now
        self._notice: Notice | None = None
        self._told = False
        self._left: set[int] = set()

    @property
    def begun(self) -> bool:
        """Whether there was a notice: no trial is started any more."""
        return self._notice is not None

    def news(self) -> str | None:
        """Why the sweep has to leave, the first time that it is known."""
        if self._notice is not None or self._watch is None or self._watch.notice is None:
            return None
        self._notice = self._watch.notice
        return self._notice.why

    def warning(self) -> str | None:
        """That AWS thinks of taking the instance back; once."""
        if self._told or self._watch is None or not self._watch.rebalance:
            return None
        self._told = True
        return "AWS may take this instance back soon (a rebalance recommendation)"

    def hurry(self, running: set[int]) -> None:
        """When there is no more time, have all leave that still run."""
        if self._notice is not None and self._now() >= self._notice.ends - MARGIN_S:
            for number in running - self._left:
                self._go(number)

    def checkpointed(self, number: int) -> None:
        """A trial's checkpoint is on the disk: it can leave."""
        if self.begun and number not in self._left:
            self._go(number)

    def took(self, message: Finished) -> bool:
        """Whether a trial ended only because it left."""
        return message.trial in self._left and message.status is Status.CANCELLED

    def _go(self, number: int) -> None:
        self._left.add(number)
        self._executor.stop(number, kill=True)


def refuse_full(folder: Folder, message: Finished) -> None:
    """Stops a sweep whose disk is full: else each of its trials would fail, one after the other.

    Raises:
        SweepError: a trial ended because its folder takes no more.
    """
    if message.error is not None and NO_ROOM in message.error:
        raise SweepError(
            f"the disk of {folder.path} is full: trial {message.trial} could not go on",
            f"make room there, then awstune resume {folder.name}; nothing that finished is lost",
        )
