"""One thread for all delays."""

import threading

from awstune.localcloud.clock import ByHand, Clock
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


def test_time_that_passes_by_hand():
    """It stands still until it is let pass; all that is due by then has happened, in its order."""
    clock, seen = ByHand(), []
    clock.after(60, lambda: seen.append("b"))
    clock.after(20, lambda: seen.append("a"))
    clock.advance(19)
    assert seen == []
    clock.advance(1)
    assert seen == ["a"]
    clock.after(50, lambda: seen.append("c"))
    clock.advance(50)
    assert seen == ["a", "b", "c"]
