"""What a journal's events say: `History`, folded from them and from nothing else.

Writers of a journal take turns: each starts with ``writer`` and a higher epoch, and what an older one still
manages to append below that line is not taken. An event of an unknown kind is kept as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from awstune.search.collecting import paused
from awstune.search.runs import Run
from awstune.search.trials import ENVELOPE, Event, History, Report, Status, TrialRecord


def fold(events: Iterable[Event], *, skipped: int = 0) -> History:
    """What the events say.

    Args:
        events: the journal's lines, parsed, in their order. What is no event at all is counted.
        skipped: how many lines the reader could not parse; carried into the answer.
    """
    with paused():
        return Fold.of(events, skipped=skipped).history()


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
        self._packing: Mapping[str, Any] | None = None
        self._machine_ends: float | None = None
        self._spent_s, self._run_began = 0.0, 0.0
        self._active: set[int] = set()
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
            "packing": self._pack,
            "machine": self._machine,
        }

    @classmethod
    def of(cls, events: Iterable[Event], *, skipped: int = 0) -> Fold:
        """A fold that has taken these events; see `fold`."""
        made = cls(skipped=skipped)
        with paused():
            for event in events:
                made.add(event)
        return made

    def add(self, event: Event) -> None:
        """Take one event."""
        kind = event.get("event") if isinstance(event, Mapping) else None
        if not isinstance(kind, str):
            self.skipped += 1
        elif (event.get("epoch") or 0) < self._epoch:
            self._stale += 1
        else:
            before, self._latest = self._latest, event.get("t", self._latest)
            if kind == "writer":
                self._spent_s += (before or 0.0) - self._run_began if self._run_began else 0.0
                self._run_began = self._latest or 0.0
            try:
                self._take(kind, event)
            except (TypeError, ValueError, AttributeError):  # fields that no writer of ours has written
                self.skipped += 1

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
        self._lose()
        self._ended = None
        self._stopping = False

    def _stop(self, _event: Event) -> None:
        self._stopping = True

    def _end(self, event: Event) -> None:
        self._ended = str(event.get("reason") or "finished")
        self._stopping = False

    def _machine(self, event: Event) -> None:
        self._machine_ends = event.get("ends")

    def _pack(self, event: Event) -> None:
        self._packing = {key: value for key, value in event.items() if key not in ENVELOPE}

    def _asked(self, trial: _Trial, event: Event) -> None:
        trial.fields.update(params=dict(event.get("params") or {}), why=event.get("why") or "")

    def _started(self, trial: _Trial, event: Event) -> None:
        trial.attempt_reports = 0
        self._active.add(event["trial"])
        attempts = trial.fields.get("attempts", 0) + 1
        seen = {key: event[key] for key in ("node", "seed") if event.get(key) is not None}
        trial.fields.update(seen, started=event.get("t"), attempts=attempts)

    def _report(self, trial: _Trial, event: Event) -> None:
        step = event.get("step")
        if step is None:
            step = 1 + max(trial.reports, default=-1)
        trial.report(int(step), _numbers(event.get("metrics") or {}), event.get("t", 0.0))

    def _lose(self) -> None:
        """What a run has started and not finished was lost with it, unless it said that it stops."""
        for number in () if self._stopping else self._active:
            fields = self._trials[number].fields
            fields["lost"] = fields.get("lost", 0) + 1
            self._changed.add(number)
        self._active.clear()

    def _checkpoint(self, trial: _Trial, event: Event) -> None:
        trial.fields["lost"] = 0
        trial.fields["checkpoint"] = event.get("path")

    def _finished(self, trial: _Trial, event: Event) -> None:
        value, error = event.get("value"), event.get("error")
        status = _status(event.get("status"))
        if value is not None and not math.isfinite(value):
            status, error, value = Status.FAILED, error or f"the value is {value}", None
        seconds = event.get("seconds")
        trial.fields.update(status=status, value=value, error=error, seconds=seconds)
        number = event["trial"]
        self._active.discard(number)
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
            packing=self._packing,
            machine_ends=self._machine_ends,
            spent_s=self._spent_s + (self._latest or 0.0) - self._run_began if self._run_began else 0.0,
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
