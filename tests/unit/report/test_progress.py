"""The table of a sweep that goes on: its header, its columns, what is said beside it."""

from __future__ import annotations

import re
import time

import pytest

from awstune.cli.progress import Progress

SPACE = {"lr": "1e-5..0.1:log", "width": "8..256", "layers": "1..3", "optimizer": "adam,sgd"}
SPEC = {"space": SPACE, "metric": "accuracy", "mode": "max", "trials": 9, "parallel": 1}
PARAMS = {"lr": 0.000123456, "width": 64, "layers": 2, "optimizer": "adam"}
EVENTS = [
    {"t": 1.0, "event": "sweep", "spec": SPEC},
    {"t": 1.0, "event": "asked", "trial": 0, "params": PARAMS},
    {"t": 1.0, "event": "started", "trial": 0},
    {"t": 9.0, "event": "finished", "trial": 0, "status": "succeeded", "value": 0.5, "seconds": 8.0},
]


class Terminal:
    """A screen of so many columns that remembers; None is no terminal."""

    def __init__(self, width):
        self.width, self.live, self.console, self.lines = width, width is not None, self, []
        self.whole = {}

    def say(self, text, *, whole=False):
        """A line, and whether it must not break."""
        self.lines.append(text)
        self.whole[text] = whole

    def doing(self, text, clock=None):
        """The line that changes, and what it says of the time as often as one looks."""
        self.now, self.clock = text, clock


@pytest.mark.parametrize(
    ("width", "columns", "rest"),
    [
        (None, "  took         lr  width  layers  optimizer", ""),
        (80, "  took         lr  width  layers  optimizer", ""),
        (60, "  took         lr  width  layers", "  …"),
    ],
)
def test_columns_are_as_wide_as_their_values(width, columns, rest):
    """The header directly above its rows; what has no room is left out whole, and the header says so."""
    screen = Terminal(width)
    progress = Progress(screen, stream=False, now=lambda: 10.0)
    for event in EVENTS:
        progress(event)
    priced, header, row = screen.lines
    assert priced.startswith("a trial takes about 8.0 s")
    assert screen.whole == {priced: False, header: True, row: True}
    assert header == f"trial      accuracy      {columns}{rest}"
    assert row.startswith("    0           0.5  *    8.0 s  0.0001235     64       2")


def test_why_a_trial_failed_is_never_cut():
    """Where its row has no room for the reason, the reason stands below it in full."""
    why = "it never reported accuracy, only another_metric_with_a_long_name"
    screen = Terminal(80)
    progress = Progress(screen, stream=False, now=lambda: 10.0)
    for event in (*EVENTS[:3], {**EVENTS[3], "status": "failed", "value": None, "error": why}):
        progress(event)
    row, reason = screen.lines[-2:]
    assert "failed" in row
    assert len(row) <= 80
    assert reason.strip() == why


def test_a_trial_that_was_stopped_early_is_marked():
    """Its value is of the step that it got to, which its row says."""
    screen = Terminal(80)
    progress = Progress(screen, stream=False, now=lambda: 10.0)
    for event in (*EVENTS[:3], {**EVENTS[3], "status": "stopped_early"}):
        progress(event)
    assert screen.lines[-1].startswith("    0     0.5 early  *    8.0 s")


def test_a_trial_that_runs_says_for_how_long():
    """The line that changes counts the seconds by itself, from the trial's start on."""
    screen = Terminal(80)
    progress = Progress(screen, stream=False, now=lambda: 10.0)
    for event in EVENTS[:2]:
        progress(event)
    assert (screen.now, screen.clock) == ("0 of 9 trials · trial 0", None)
    progress({**EVENTS[2], "t": time.time() - 90})
    assert screen.now == "0 of 9 trials · trial 0"
    assert re.fullmatch(r" for 9\d s", screen.clock())


def test_what_is_shown_as_it_was_has_no_time_to_come():
    """Who looks at old events is not told how long the sweep would still have gone on for then."""
    screen = Terminal(80)
    progress = Progress(screen, stream=False, now=lambda: 3600.0)
    for event in EVENTS:
        progress(event)
    assert not any("goes on for" in line for line in screen.lines)
