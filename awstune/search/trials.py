"""What is known of a sweep's trials, and the seam by which a searcher chooses the next ones.

`folding` makes these records from a journal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

from awstune.search.runs import Run

if TYPE_CHECKING:
    from awstune.search.space import Space

Mode = Literal["min", "max"]
Event = Mapping[str, Any]
ENVELOPE = frozenset({"t", "event", "trial", "epoch"})


class Status(StrEnum):
    """How a trial stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED_EARLY = "stopped_early"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a trial.

    Attributes:
        step: the epoch or step that the trial itself counts.
        metrics: name to value; a value may be NaN or infinite, as the trial said it.
        t: seconds since the epoch at which the journal took it.
    """

    step: int
    metrics: Mapping[str, float]
    t: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class TrialRecord:
    """One trial, as the journal has it.

    Attributes:
        number: counts from 0, the baseline; a retried trial keeps its number.
        params: name to value.
        status: running from the moment it was asked for.
        value: the sweep's metric, finite; None while running and for what failed.
        reports: by step, each step once.
        started: seconds since the epoch of the latest start; None if never started.
        seconds: how long it ran, where it has ended.
        error: why it failed.
        node: where it ran.
        why: the searcher's reason for it.
        checkpoint: the latest checkpoint, relative to the sweep's folder.
        seed: the seed that it was started with.
        completed: rank in the order of completion, from 0; None while running.
        attempts: how often it was started.
        lost: how often what ran it was gone without a word, since its latest checkpoint.
        repeats: its runs with one seed each that have ended, where a trial is run more than once.
        confirmed: its runs outside of the search that have ended, with new seeds.
        confirming: the number of such a run that has started and not ended.
    """

    number: int
    params: Mapping[str, Any]
    status: Status = Status.RUNNING
    value: float | None = None
    reports: tuple[Report, ...] = ()
    started: float | None = None
    seconds: float | None = None
    error: str | None = None
    node: str | None = None
    why: str = ""
    checkpoint: str | None = None
    seed: int | None = None
    completed: int | None = None
    attempts: int = 0
    lost: int = 0
    repeats: tuple[Run, ...] = ()
    confirmed: tuple[Run, ...] = ()
    confirming: int | None = None

    def __repr__(self) -> str:
        """In a line, as a REPL or a notebook shows it; its reports alone would fill a screen."""
        value = "" if self.value is None else f", value {self.value:.6g}"
        return f"<trial {self.number}: {self.status.value}{value}, {dict(self.params)}>"

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status is Status.RUNNING

    @property
    def counts(self) -> bool:
        """Whether it has a value that can be the best: succeeded, or stopped early after a report."""
        return self.value is not None and self.status in (Status.SUCCEEDED, Status.STOPPED_EARLY)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The parameters of a trial to come, and in words why these."""

    params: Mapping[str, Any]
    why: str = ""

    @classmethod
    def baseline(cls, space: Space) -> Suggestion:
        """Trial 0, whoever searches: the defaults that the user or the library has."""
        return cls(space.defaults(), "baseline")


class Searcher(Protocol):
    """Chooses trials. Seed and mode are the constructor's.

    The answer depends on the seed and on the trials, in order of completion, and on nothing else: a
    searcher that was there all along and a cold one say the same. Running trials are history too.
    """

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """At most ``count`` suggestions; fewer, or none, where the space is used up."""
        ...


@dataclass(frozen=True)
class History:
    """A folded journal.

    Attributes:
        spec: the fields of the latest ``sweep`` event.
        trials: by number.
        ended: the reason of the ``ended`` event; None where the sweep has not ended, or goes on.
        stopping: whether it was told to stop and has not yet ended.
        epoch: the newest writer's.
        skipped: lines that did not parse, or were no events.
        stale: events of a writer that a newer one had replaced.
        unknown: events of a kind that this version does not know, as they came.
        packing: the fields of the latest ``packing`` event: how many trials run at a time, and why.
        machine_ends: seconds since the epoch at which the machine of the sweep ends; None where nobody said.
        spent_s: seconds for which the sweep has run, all its runs together.
        began: seconds since the epoch of the first event; None without any.
        latest: the same of the last one.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    trials: tuple[TrialRecord, ...] = ()
    ended: str | None = None
    stopping: bool = False
    epoch: int = 0
    skipped: int = 0
    stale: int = 0
    unknown: tuple[Mapping[str, Any], ...] = ()
    packing: Mapping[str, Any] | None = None
    machine_ends: float | None = None
    spent_s: float = 0.0
    began: float | None = None
    latest: float | None = None

    def best(self, mode: Mode) -> TrialRecord | None:
        """The trial with the best value; of equals the earliest; None where none has one."""
        return best_of(self.trials, mode)

    @property
    def running(self) -> tuple[TrialRecord, ...]:
        """Trials asked for that have not ended, by number."""
        return tuple(trial for trial in self.trials if trial.running)


def best_of(trials: Sequence[TrialRecord], mode: Mode) -> TrialRecord | None:
    """The trial with the best value; of equals the one of the lowest number; None where none has one."""
    counted = sorted((t for t in trials if t.counts), key=lambda trial: trial.number)
    sign = 1.0 if mode == "min" else -1.0
    return min(counted, key=lambda trial: sign * (trial.value or 0.0), default=None)


def by_completion(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that have ended, in the order in which they did."""
    ended = (trial for trial in trials if not trial.running)
    return sorted(ended, key=lambda t: (math.inf if t.completed is None else t.completed, t.number))


def next_number(trials: Sequence[TrialRecord]) -> int:
    """The number of the next trial."""
    return 1 + max((trial.number for trial in trials), default=-1)
