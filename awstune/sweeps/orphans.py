"""Trials whose process was lost with the one that starts them: no failure of theirs, so they run again."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from awstune import names
from awstune.sweeps.executor import Displaced

if TYPE_CHECKING:
    from awstune.sweeps.executor import Job

_MOST = 3  # as often it may be the trial itself that ends what starts it


class Orphans:
    """Those that wait to run again, and how often each was lost."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._lost: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def lose(self, trial: int) -> str | None:
        """A trial was lost once more; None, or why it is not to run again."""
        self._lost[trial] += 1
        if self._lost[trial] < _MOST:
            return None
        return (
            f"the process that starts trials was lost {_MOST} times while it ran: see {names.POOL_LOG_FILE}"
        )

    def add(self, job: Job) -> Displaced:
        """Have a trial wait until it can run again."""
        self._waiting.append(replace(job, attempt=job.attempt + 1))
        return Displaced(job.trial, "the process that starts trials was lost")

    def pop(self) -> Job:
        """The one that has waited longest."""
        return self._waiting.popleft()

    def forget(self, trial: int) -> bool:
        """Let a trial wait no longer; whether it did."""
        others = [job for job in self._waiting if job.trial != trial]
        waited = len(others) < len(self._waiting)
        self._waiting = deque(others)
        return waited

    def close(self) -> None:
        """Let nobody wait."""
        self._waiting.clear()
