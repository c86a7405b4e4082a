"""A sweep as it goes on, for people: a line a trial, and one line that changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from awstune.amounts import count
from awstune.cli.screen import Screen
from awstune.errors import AwstuneError
from awstune.report import words
from awstune.report.words import duration, value
from awstune.search.folding import Fold
from awstune.search.parameters import Choice, Fixed, Int
from awstune.search.runs import spread
from awstune.search.space import Space
from awstune.search.trials import History, Mode, Status, TrialRecord
from awstune.sweeps.outlook import outlook, planned_of

CELL = 9  # what four significant digits and an exponent need
INDENT = 7  # of what stands below a row: where its values begin
_STALE_S = 10.0  # so old is what an event said of the time to come
NARROW, WIDE = 12, 21  # of a value alone, and with a standard deviation
EARLY = " early"  # behind the value of a trial that was stopped


class Progress:
    """Takes a journal's events and shows what is new.

    Args:
        screen: where to.
        stream: whether each event is passed on as a line of JSON instead.
        now: seconds since the epoch.
    """

    def __init__(self, screen: Screen, *, stream: bool, now: Callable[[], float] = time.time) -> None:
        self.screen = screen
        self.now = now
        self.stream = stream
        self.fold = Fold()
        self.told: set[int] = set()
        self.priced = False
        self.late_for: float | None = None

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
            self.screen.say(_again(event))
        elif event["event"] == "confirmed":
            self._confirmed(event)
        elif event["event"] == "packing":
            self.screen.say(str(event.get("why", "")))
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
        self._price(history)
        widths = self._widths(history.spec, trial)
        if not self.told:
            rest = "  …" if len(widths) < len(trial.params) else ""
            self._say(f"{self._header(history.spec, widths)}{rest}")
        self.told.add(number)
        best = history.best(_mode(history))
        line = self._line(trial, widths, history.spec, best=best is not None and best.number == number)
        note = "baseline" if number == 0 and not trial.error else trial.error
        noted = f"{line}  {note}" if note else line
        if not self.screen.live or len(noted) <= self.screen.console.width:
            self._say(noted)
            return
        self._say(line)
        if trial.error:  # why it failed must be read at once, however little room its row leaves
            self.screen.say(f"{' ' * INDENT}{trial.error}")

    def _price(self, history: History) -> None:
        """Prices what is left as soon as it is known what a trial takes; says where its end is too late."""
        now = history.latest or 0.0
        if self.now() - now > _STALE_S:  # of a sweep that is shown as it was, or is caught up with
            return
        ahead = outlook(history, planned_of(history.spec, None), now)
        if ahead is None or (ahead.left_s or 0.0) < 1:
            return
        if not self.priced:
            self.priced = True
            self.screen.say(words.outlook(ahead, now))
        if ahead.too_late_s > 0 and self.late_for != history.machine_ends:
            self.late_for = history.machine_ends
            self.screen.warn(words.too_late(ahead.too_late_s))

    def _confirmed(self, event: Mapping[str, Any]) -> None:
        outcome = value(event.get("value")) if event.get("error") is None else event["error"]
        self._say(f"trial {event['trial']} with the new seed {event.get('seed')}: {outcome}")

    def _width(self, spec: Mapping[str, Any]) -> int:
        widest = WIDE if spec.get("repeats", 1) > 1 else NARROW
        return widest + (len(EARLY) if spec.get("stop_early") else 0)

    def _widths(self, spec: Mapping[str, Any], trial: TrialRecord) -> dict[str, int]:
        """How wide the column of each parameter is; what has no room on a terminal is left out."""
        try:
            space: Mapping[str, Any] = Space.from_toml(spec["space"])
        except (KeyError, AwstuneError):  # another version's; its values can be shown all the same
            space = dict.fromkeys(trial.params)
        room = self.screen.console.width if self.screen.live else math.inf
        room -= len(self._header(spec, {}))
        widths = {}
        for name, parameter in space.items():
            width = max(len(name), _cell(parameter))
            room -= width + 2
            if room < 0:
                break
            widths[name] = width
        return widths

    def _header(self, spec: Mapping[str, Any], widths: Mapping[str, int]) -> str:
        metric = f"{spec.get('metric') or 'value':>{self._width(spec)}}"
        return "  ".join(("trial", metric, " ", "   took", *(f"{n:>{wide}}" for n, wide in widths.items())))

    def _line(
        self, trial: TrialRecord, widths: Mapping[str, int], spec: Mapping[str, Any], *, best: bool
    ) -> str:
        outcome = str(trial.status).replace("_", " ")
        if trial.value is not None:
            outcome = words.spread(trial.value, spread(trial.repeats).sd)
            if trial.status is Status.STOPPED_EARLY:  # by far not what it would have come to
                outcome += EARLY
        cells = [f"{value(trial.params.get(name)):>{width}}" for name, width in widths.items()]
        scored = f"{outcome:>{self._width(spec)}}"
        star, took = "*" if best else " ", f"{duration(trial.seconds):>7}"
        return "  ".join((f"{trial.number:>5}", scored, star, took, *cells))

    def _say(self, line: str) -> None:
        # Cut on a terminal, where a wrapped table cannot be read; `awstune results` has it all.
        width = self.screen.console.width if self.screen.live else len(line)
        self.screen.say(line if len(line) <= width else f"{line[: width - 1]}…", whole=True)

    def _now(self) -> None:
        history = self.fold.history()
        spec, trials = history.spec, history.trials
        planned = spec.get("trials")
        done = [trial for trial in trials if not trial.running]
        parts = [f"{len(done)} of {count(planned, 'trial')}" if planned else count(len(done), "trial")]
        best = history.best(_mode(history))
        if best is not None:
            parts.append(f"best {spec.get('metric') or 'value'} {value(best.value)} (trial {best.number})")
        ahead = outlook(history, planned_of(spec, None), time.time())
        if ahead is not None and ahead.left_s:
            cost = "" if ahead.usd is None else f", {words.money(ahead.usd)} in all"
            parts.append(f"about {duration(ahead.left_s)} left{cost}")
        for trial in history.running[:1]:
            step = f" step {trial.reports[-1].step}" if trial.reports else ""
            parts.append(f"trial {trial.number}{step}")
        self.screen.doing(" · ".join(parts), _since(history.running[:1]))


def _since(running: Sequence[TrialRecord]) -> Callable[[], str] | None:
    """For how long the first of these runs, whenever one looks."""
    if not running or not (started := running[0].started):
        return None
    return lambda: f" for {duration(time.time() - started)}"


def _cell(parameter: Any) -> int:
    """How wide a value of a parameter can be."""
    known: Sequence[Any] = ()
    if isinstance(parameter, Int):
        known = (parameter.low, parameter.high)
    elif isinstance(parameter, Choice):
        known = parameter.options
    elif isinstance(parameter, Fixed):
        known = (parameter.value,)
    return min(max((len(value(one)) for one in known), default=CELL), WIDE)


def _why_ended(reason: Any) -> str:
    if reason == "exhausted":
        return "ended: every point of the space has been tried; a wider space, or :n=, has more"
    return f"ended: {reason}"


def _again(event: Mapping[str, Any]) -> str:
    if event.get("reason"):
        return f"trial {event['trial']} starts again: {event['reason']}"
    return f"trial {event['trial']} was lost, and starts again"


def _mode(history: History) -> Mode:
    return "max" if history.spec.get("mode") == "max" else "min"
