"""A sweep as it goes on, for people: a line a trial, and one line that changes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from awstune.cli.screen import Screen
from awstune.report.words import duration, value
from awstune.search.folding import Fold
from awstune.search.trials import History, Mode, TrialRecord

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
        elif event["event"] == "ended" and event.get("reason") != "finished":
            self.screen.say(_why_ended(event.get("reason")))
        if self.screen.live:
            self._now()

    def _finished(self, number: int) -> None:
        history = self.fold.history()
        trial = next((one for one in history.trials if one.number == number), None)
        if trial is None or number in self.told:
            return
        names = list(history.spec.get("space", trial.params))
        if not self.told:
            self._say(self._header(history.spec, names))
        self.told.add(number)
        best = history.best(_mode(history))
        self._say(self._line(trial, names, best=best is not None and best.number == number))

    def _header(self, spec: Mapping[str, Any], names: Sequence[str]) -> str:
        metric = f"{spec.get('metric') or 'value':>12}"
        return "  ".join(("trial", metric, " ", "   took", *(f"{name:>{CELL}}" for name in names)))

    def _line(self, trial: TrialRecord, names: Sequence[str], *, best: bool) -> str:
        outcome = value(trial.value) if trial.value is not None else str(trial.status).replace("_", " ")
        cells = [f"{value(trial.params.get(name)):>{max(CELL, len(name))}}" for name in names]
        star, took = "*" if best else " ", duration(trial.seconds)
        words = "  ".join((f"{trial.number:>5}", f"{outcome:>12}", star, f"{took:>7}", *cells))
        note = "baseline" if trial.number == 0 and not trial.error else trial.error
        return f"{words}  {note}" if note else words

    def _say(self, line: str) -> None:
        # Cut on a terminal, where a wrapped table cannot be read; `awstune results` has it all.
        width = self.screen.console.width if self.screen.live else len(line)
        self.screen.say(line if len(line) <= width else f"{line[: width - 1]}…")

    def _now(self) -> None:
        history = self.fold.history()
        spec, trials = history.spec, history.trials
        planned = spec.get("trials")
        done = [trial for trial in trials if not trial.running]
        parts = [f"{len(done)} of {planned} trials" if planned else f"{len(done)} trials"]
        best = history.best(_mode(history))
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
        self.screen.doing(" · ".join(parts))


def _why_ended(reason: Any) -> str:
    if reason == "exhausted":
        return "ended: every point of the space has been tried; a wider space, or :n=, has more"
    return f"ended: {reason}"


def _mode(history: History) -> Mode:
    return "max" if history.spec.get("mode") == "max" else "min"
