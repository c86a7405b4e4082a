"""How a story waits: by which clock, and how it pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """A clock and its pauses; tests bring their own.

    Attributes:
        now: a clock in seconds.
        sleep: waits that many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


REAL = Pace()
