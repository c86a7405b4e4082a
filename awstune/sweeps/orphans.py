"""Trials whose process was lost with the one that starts them: no failure of theirs, so they run again.

It may be the doing of one of them. Those that were lost more than once run with nobody beside them, so that
the one is found, and the others do not fail with it.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from awstune import names
from awstune.sweeps.executor import Displaced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awstune.sweeps.executor import Job

_TOGETHER = 1  # as often it may have been something else
_MOST = 3  # as often it may be the trial itself that ends what starts it


class Orphans:
    """Those that wait to run again, and how often each was lost."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._lost: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def apart(self, running: Iterable[int]) -> bool:
        """Whether one of those that run, or wait, is to have nobody beside it."""
        waiting = (job.trial for job in self._waiting)
        return any(self._lost[trial] > _TOGETHER for trial in (*running, *waiting))

    def lose(self, trial: int, *, alone: bool) -> str | None:
        """A trial was lost once more; None, or why it is not to run again.

        Args:
            trial: its number.
            alone: whether nobody else ran, so that it can have been nobody else.
        """
        self._lost[trial] += 1
        if not alone or self._lost[trial] < _MOST:
            return None
        self._lost.clear()  # those beside it were lost by its doing
        return (
            f"the process that starts trials was lost {_MOST} times while it ran: see {names.POOL_LOG_FILE}"
        )

    def add(self, job: Job) -> Displaced:
        """Have a trial wait until it can run again."""
        self._waiting.append(replace(job, attempt=job.attempt + 1))
        how = ", once more: it runs alone" if self._lost[job.trial] > _TOGETHER else ""
        return Displaced(job.trial, f"the process that starts trials was lost{how}")

    def pop(self) -> Job:
        """The one that was lost most often, and of those the one that has waited longest."""
        job = max(self._waiting, key=lambda job: self._lost[job.trial])
        self._waiting.remove(job)
        return job

    def ended(self, trial: int) -> None:
        """A trial got to its end: nothing is held against it any more."""
        self._lost.pop(trial, None)

    def forget(self, trial: int) -> bool:
        """Let a trial wait no longer; whether it did."""
        others = [job for job in self._waiting if job.trial != trial]
        waited = len(others) < len(self._waiting)
        self._waiting = deque(others)
        return waited

    def close(self) -> None:
        """Let nobody wait."""
        self._waiting.clear()
