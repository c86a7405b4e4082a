"""What happens later: one thread for all delays, however many there are."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Clock:
    """One thread that calls functions at their time, however many there are."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="clock", daemon=True).start()

    def after(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call ``function`` once, ``delay_s`` from now."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._numbers), function))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            function = self._next()
            try:
                function()
            except Exception:  # noqa: BLE001  # one that fails must not stop the clock for all others
                _log.exception("a delayed call failed")

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while not self._due or self._due[0][0] > time.monotonic():
                self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
            return heapq.heappop(self._due)[2]


class ByHand:
    """A clock whose time stands still until somebody lets some of it pass."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._now = 0.0
        self._lock = threading.Lock()

    def after(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call ``function`` once, when ``delay_s`` have passed."""
        with self._lock:
            heapq.heappush(self._due, (self._now + delay_s, next(self._numbers), function))

    def advance(self, seconds: float) -> None:
        """Let so much time pass; what is due by then has been called when this returns."""
        with self._lock:
            self._now += seconds
        while function := self._next():
            function()

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            return heapq.heappop(self._due)[2] if self._due and self._due[0][0] <= self._now else None
