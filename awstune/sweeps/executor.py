"""The seam between a sweep's loop and whatever runs its trials.

A failed trial is an outcome, never an exception. What is running when an executor is closed is killed,
and no message is heard of it: it is taken up again when the sweep is resumed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from awstune import names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from awstune.search.trials import Status
    from awstune.sweeps.packing import Packing


@dataclass(frozen=True)
class Job:
    """A trial to run.

    Attributes:
        trial: its number.
        params: name to value.
        seed: for python's, numpy's and torch's generators.
        dir: its folder; made if need be.
        attempt: 0, or how often it was lost before.
        log: takes what it writes to stdout and stderr; left out, a file of its folder.
        env: variables for its processes, beside those that they have anyway.
    """

    trial: int
    params: Mapping[str, Any]
    seed: int
    dir: Path
    attempt: int = 0
    log: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log_file(self) -> Path:
        """Where it writes to."""
        return self.log or self.dir / names.LOG_FILE


@dataclass(frozen=True)
class Started:
    """A trial has a process.

    Attributes:
        trial: its number.
        pid: of the process that leads its group.
        slot: which of the executor's slots it takes.
    """

    trial: int
    pid: int
    slot: int


@dataclass(frozen=True)
class Reported:
    """A trial reported metrics for a step."""

    trial: int
    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Checkpointed:
    """A trial's checkpoint is on the disk; ``step`` is the epoch that it ends, where that is known."""

    trial: int
    path: Path
    step: int | None


@dataclass(frozen=True)
class Finished:
    """A trial has ended and its slot is free.

    Attributes:
        trial: its number.
        status: succeeded; stopped early, when it ended after being told to; cancelled, when it was killed
            by `Executor.stop`; failed.
        error: the reason of a failure, in one line.
        seconds: from its process' start.
    """

    trial: int
    status: Status
    error: str | None
    seconds: float


@dataclass(frozen=True)
class Noted:
    """Something the user may want to know, such as a slower way of starting trials and why."""

    text: str


@dataclass(frozen=True)
class Packed:
    """How many trials run at a time from now on was decided; see `packing`."""

    packing: Packing


@dataclass(frozen=True)
class Displaced:
    """A trial starts again: alone, where it ran out of memory beside others; or its process was lost."""

    trial: int
    why: str


Message = Started | Reported | Checkpointed | Finished | Noted | Packed | Displaced


class Executor(Protocol):
    """Runs trials, as many at a time as it has slots."""

    @property
    def slots(self) -> int:
        """How many trials may run at a time, at this moment."""
        ...

    def start(self, job: Job) -> None:
        """Begin a trial; returns at once. At most ``slots`` may be running."""
        ...

    def poll(self, timeout_s: float) -> list[Message]:
        """What happened since the last call, in order; waits up to ``timeout_s`` for the first of it."""
        ...

    def stop(self, trial: int, *, kill: bool = False) -> None:
        """Tell a trial to end early; or end its processes, all of them, within seconds."""
        ...

    def close(self) -> None:
        """End everything: no process is left when this returns."""
        ...


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
