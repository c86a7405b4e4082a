"""One thread for all delays."""

import threading

from awstune.localcloud.clock import Clock
from tests.waiting import PATIENCE_S


def test_in_the_order_of_their_times():
    """What was asked for later may come first."""
    clock, done, seen = Clock(), threading.Event(), []
    clock.after(0.06, lambda: (seen.append("b"), done.set()))
    clock.after(0.02, lambda: seen.append("a"))
    assert done.wait(PATIENCE_S)
    assert seen == ["a", "b"]


def test_a_failure_stops_nothing(caplog):
    """A call that raises is logged, and the next one comes all the same."""
    clock, done = Clock(), threading.Event()
    clock.after(0, lambda: 1 / 0)
    clock.after(0.01, done.set)
    assert done.wait(PATIENCE_S)
    assert "a delayed call failed" in caplog.text
