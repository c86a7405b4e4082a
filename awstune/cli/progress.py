"""A sweep as it goes on, for people: a line a trial, and one line that changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from awstune.cli.screen import Screen
from awstune.report.words import duration, value
from awstune.search.trials import Fold, Mode, TrialRecord

CELL = 9  # what four significant digits and an exponent need


class Progress:
    """Takes a journal's events and shows what is new.

    Args:
        screen: where to.
        stream: whether each event is passed on as a line of JSON instead.
    """

    def __init__(self, screen: Screen, *, stream: bool) -> None:
        self.screen = screen
        self.stream = stream
        self.fold = Fold()
        self.told: set[int] = set()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Takes one event."""
        if self.stream:
            self.screen.document(event)
            return
        self.fold.add(event)
        if event["event"] == "finished":
            self._finished(event["trial"])
        elif event["event"] == "requeued":
            self.told.discard(event["trial"])
            self.screen.say(f"trial {event['trial']} was lost, and starts again")
        elif event["event"] == "note":
            self.screen.say(str(event.get("text", "")))
        self._now()

    def _finished(self, number: int) -> None:
        history = self.fold.history()
        trial = next((one for one in history.trials if one.number == number), None)
        if trial is None or number in self.told:
            return
        if not self.told:
            self.screen.say(self._header())
        self.told.add(number)
        best = history.best(self.mode)
        self.screen.say(self._line(trial, best=best is not None and best.number == number))

    @property
    def mode(self) -> Mode:
        """The better direction, as the spec has it."""
        return "max" if self.fold.history().spec.get("mode") == "max" else "min"

    def _header(self) -> str:
        spec = self.fold.history().spec
        return "  ".join(("trial", f"{spec.get('metric') or 'value':>12}", " ", "   took", *self._names()))

    def _names(self) -> list[str]:
        return [f"{name:>{CELL}}" for name in self.fold.history().spec.get("space", {})]

    def _line(self, trial: TrialRecord, *, best: bool) -> str:
        outcome = value(trial.value) if trial.value is not None else str(trial.status).replace("_", " ")
        cells = [f"{value(trial.params.get(name.strip())):>{len(name)}}" for name in self._names()]
        star = "*" if best else " "
        words = "  ".join(
            (f"{trial.number:>5}", f"{outcome:>12}", star, f"{duration(trial.seconds):>7}", *cells)
        )
        note = "baseline" if trial.number == 0 and not trial.error else trial.error
        return f"{words}  {note}" if note else words

    def _now(self) -> None:
        history = self.fold.history()
        spec, trials = history.spec, history.trials
        planned = spec.get("trials")
        done = [trial for trial in trials if not trial.running]
        parts = [f"{len(done)} of {planned} trials" if planned else f"{len(done)} trials"]
        best = history.best(self.mode)
        if best is not None:
            parts.append(f"best {spec.get('metric') or 'value'} {value(best.value)} (trial {best.number})")
        took = [trial.seconds for trial in done if trial.seconds is not None]
        if took and planned and planned > len(done):
            left = sum(took) / len(took) * (planned - len(done)) / max(1, spec.get("parallel", 1))
            parts.append(f"about {duration(left)} left")
        for trial in history.running[:1]:
            step = f" step {trial.reports[-1].step}" if trial.reports else ""
            since = f" for {duration(time.time() - trial.started)}" if trial.started else ""
            parts.append(f"trial {trial.number}{step}{since}")
        if self.screen.live:
            self.screen.doing(" · ".join(parts))
