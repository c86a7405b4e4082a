"""What is known of a sweep's trials, and the seam by which a searcher chooses the next ones.

The record is folded from the journal's events, and from nothing else. Writers of a journal take turns:
each starts with ``writer`` and a higher epoch, and what an older one still manages to append below that
line is not taken. An event of an unknown kind is kept as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
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
    repeats: tuple[Run, ...] = ()
    confirmed: tuple[Run, ...] = ()
    confirming: int | None = None

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


class Searcher(Protocol):
    """Chooses trials. Seed and mode are the constructor's.

    The answer depends on the seed and on the trials, in order of completion, and on nothing else: a
    searcher that was there all along and a cold one say the same. Running trials are history too.
    """

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """At most ``count`` suggestions; fewer, or none, where the space is used up."""
        ...  # pragma: no cover


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


def fold(events: Iterable[Event], *, skipped: int = 0) -> History:
    """What the events say.

    Args:
        events: the journal's lines, parsed, in their order. What is no event at all is counted.
        skipped: how many lines the reader could not parse; carried into the answer.
    """
    folding = Fold(skipped=skipped)
    for event in events:
        folding.add(event)
    return folding.history()


class _Trial:
    """A trial while it is being folded."""

    __slots__ = ("attempt_reports", "fields", "record", "reports")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.reports: dict[int, Report] = {}
        self.attempt_reports = 0
        self.record: TrialRecord | None = None

    def report(self, step: int, metrics: Mapping[str, float], t: float) -> None:
        if self.attempt_reports == 0 and self.reports:
            # A resumed trial repeats its last epochs; what came after them in the lost run did not last.
            self.reports = {s: r for s, r in self.reports.items() if s < step}
        self.attempt_reports += 1
        self.reports[step] = Report(step, metrics, t)


class Fold:
    """A fold that goes on: add events as they come, ask for the history at any time.

    Asking costs little where little has changed, so that a loop can do so after each event.
    """

    def __init__(self, *, skipped: int = 0) -> None:
        self._trials: dict[int, _Trial] = {}
        self._changed: set[int] = set()
        self._order: dict[int, None] = {}
        self._spec: dict[str, Any] = {}
        self._ended: str | None = None
        self._stopping = False
        self._epoch = 0
        self._stale = 0
        self._unknown: list[Event] = []
        self._began: float | None = None
        self._latest: float | None = None
        self.skipped = skipped
        self._of_trial = {
            "report": self._report,
            "started": self._started,
            "finished": self._finished,
            "asked": self._asked,
            "checkpoint": self._checkpoint,
            "requeued": self._requeued,
            "repeated": self._repeated,
            "confirming": self._confirming,
            "confirmed": self._confirmed,
        }
        self._of_sweep = {
            "sweep": self._sweep,
            "writer": self._writer,
            "stopping": self._stop,
            "ended": self._end,
        }

    def add(self, event: Event) -> None:
        """Take one event."""
        kind = event.get("event") if isinstance(event, Mapping) else None
        if not isinstance(kind, str):
            self.skipped += 1
        elif (event.get("epoch") or 0) < self._epoch:
            self._stale += 1
        else:
            self._latest = event.get("t", self._latest)
            self._take(kind, event)

    def _take(self, kind: str, event: Event) -> None:
        if self._began is None:
            self._began = self._latest
        number = event.get("trial")
        if kind in self._of_trial and isinstance(number, int):
            self._changed.add(number)
            trial = self._trials.get(number)
            if trial is None:
                trial = self._trials[number] = _Trial()
            self._of_trial[kind](trial, event)
        elif kind in self._of_sweep:
            self._of_sweep[kind](event)
        else:
            self._unknown.append(event)

    def _sweep(self, event: Event) -> None:
        spec = event.get("spec")
        own = {key: value for key, value in event.items() if key not in ENVELOPE}
        self._spec.update(spec if isinstance(spec, Mapping) else own)

    def _writer(self, event: Event) -> None:
        self._epoch = event.get("epoch") or 0
        self._ended = None
        self._stopping = False

    def _stop(self, _event: Event) -> None:
        self._stopping = True

    def _end(self, event: Event) -> None:
        self._ended = str(event.get("reason") or "finished")
        self._stopping = False

    def _asked(self, trial: _Trial, event: Event) -> None:
        trial.fields.update(params=dict(event.get("params") or {}), why=event.get("why") or "")

    def _started(self, trial: _Trial, event: Event) -> None:
        trial.attempt_reports = 0
        attempts = trial.fields.get("attempts", 0) + 1
        seen = {key: event[key] for key in ("node", "seed") if event.get(key) is not None}
        trial.fields.update(seen, started=event.get("t"), attempts=attempts)

    def _report(self, trial: _Trial, event: Event) -> None:
        step = event.get("step")
        if step is None:
            step = 1 + max(trial.reports, default=-1)
        trial.report(int(step), _numbers(event.get("metrics") or {}), event.get("t", 0.0))

    def _checkpoint(self, trial: _Trial, event: Event) -> None:
        trial.fields["checkpoint"] = event.get("path")

    def _finished(self, trial: _Trial, event: Event) -> None:
        value, error = event.get("value"), event.get("error")
        status = _status(event.get("status"))
        if value is not None and not math.isfinite(value):
            status, error, value = Status.FAILED, error or f"the value is {value}", None
        seconds = event.get("seconds")
        trial.fields.update(status=status, value=value, error=error, seconds=seconds)
        number = event["trial"]
        self._order.pop(number, None)
        self._order[number] = None

    def _requeued(self, trial: _Trial, event: Event) -> None:
        trial.attempt_reports = 0
        for key in ("status", "value", "error", "seconds", "started"):
            trial.fields.pop(key, None)
        self._order.pop(event["trial"], None)

    def _repeated(self, trial: _Trial, event: Event) -> None:
        trial.fields["repeats"] = (*trial.fields.get("repeats", ()), _run(event))

    def _confirming(self, trial: _Trial, event: Event) -> None:
        trial.fields["confirming"] = event.get("run")

    def _confirmed(self, trial: _Trial, event: Event) -> None:
        trial.fields.update(confirming=None, confirmed=(*trial.fields.get("confirmed", ()), _run(event)))

    def history(self) -> History:
        """What is known so far."""
        self._rebuild()
        records = (self._trials[number].record for number in sorted(self._trials))
        return History(
            spec=dict(self._spec),
            trials=tuple(record for record in records if record is not None),
            ended=self._ended,
            stopping=self._stopping,
            epoch=self._epoch,
            skipped=self.skipped,
            stale=self._stale,
            unknown=tuple(self._unknown),
            began=self._began,
            latest=self._latest,
        )

    def _rebuild(self) -> None:
        ranks = {number: rank for rank, number in enumerate(self._order)}
        for number, trial in self._trials.items():
            record, rank = trial.record, ranks.get(number)
            if record is None or number in self._changed or record.completed != rank:
                trial.record = _record(number, trial, rank)
        self._changed.clear()


def _record(number: int, trial: _Trial, rank: int | None) -> TrialRecord | None:
    if "params" not in trial.fields:
        return None  # its ``asked`` line was lost: nothing can be said of a trial without parameters
    reports = tuple(trial.reports[step] for step in sorted(trial.reports))
    return TrialRecord(number=number, reports=reports, completed=rank, **trial.fields)


def _numbers(metrics: Mapping[str, Any]) -> Mapping[str, float]:
    """Metrics as numbers: JSON has no NaN or infinity, so that the journal spells them out."""
    if not any(isinstance(value, str) for value in metrics.values()):
        return metrics
    return {name: float(value) for name, value in metrics.items()}


def _run(event: Event) -> Run:
    seconds, error = event.get("seconds"), event.get("error")
    return Run(event.get("seed"), str(_status(event.get("status"))), event.get("value"), seconds, error)


def _status(word: object) -> Status:
    try:
        return Status(str(word))
    except ValueError:
        return Status.FAILED
