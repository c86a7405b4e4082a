"""Instances without a process: for fleets of hundreds, where only the API's answers matter.

They take their time as real ones do, each a time of its own from the ranges of `Pace`, and are shown
in the same states; nobody can log in to them.
"""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune.localcloud import machine
from awstune.localcloud.clock import ByHand, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

_PORT = 22


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds: from the first to the second number of each.

    Attributes:
        boot_s: from pending to running.
        checks_s: from running to passed checks.
        end_s: from shutting-down to terminated; these are real seconds in any case.
        seed: of the times that are drawn.
        by_hand: whether time passes only when `Simulator.advance` lets it.
    """

    boot_s: tuple[float, float] = (0.0, 0.0)
    checks_s: tuple[float, float] = (0.0, 0.0)
    end_s: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    by_hand: bool = False

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Pace:
        """A pace from its JSON form, where each range is a list of two numbers.

        Raises:
            TypeError: a key that no pace has.
        """
        ranges = {name: tuple(value) for name, value in document.items() if isinstance(value, list)}
        return cls(**(document | ranges))


class Simulator:
    """Makes simulated machines of one pace; `make` is what `lives.Lives` starts instances with."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._random = random.Random(pace.seed)
        self._by_hand = ByHand() if pace.by_hand else None
        self._clock = self._by_hand or Clock()

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once.

        Raises:
            ValueError: it passes by itself.
        """
        if self._by_hand is None:
            raise ValueError("time passes by itself, unless a pace says by_hand")
        self._by_hand.advance(seconds)

    def make(self, spec: machine.Spec, tell: Callable[[Any, dict[str, Any]], None]) -> Simulated:
        """A machine that listens and is ready when its times have come."""
        boot, checks, end = (
            self._random.uniform(*span) for span in (self._pace.boot_s, self._pace.checks_s, self._pace.end_s)
        )
        made = Simulated(spec, end)
        self._clock.after(boot, lambda: made.say(tell, {"event": machine.LISTENING, "port": _PORT}))
        self._clock.after(boot + checks, lambda: made.say(tell, {"event": machine.READY}))
        return made


class Simulated:
    """Stands where a `machine.Machine` stands."""

    def __init__(self, spec: machine.Spec, end_s: float) -> None:
        self.spec = spec
        self.pid = os.getpid()
        self._end_s = end_s
        self._ended = threading.Event()

    def say(self, tell: Callable[[Any, dict[str, Any]], None], event: dict[str, Any]) -> None:
        """Tell an event, unless it has been ended."""
        if not self._ended.is_set():
            tell(self, event)

    def order(self, **order: Any) -> None:
        """Nothing here could change."""

    def end(self) -> None:
        """End, as slowly as it was made to."""
        self._ended.set()
        time.sleep(self._end_s)  # to be slow is what was asked for
