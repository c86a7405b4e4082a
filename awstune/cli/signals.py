"""Ctrl-C, SIGTERM and a terminal that closes: one is an orderly end, another one is to leave at once.

An orderly end takes seconds: trials are killed, ``stopping`` is written, connections are closed. Whoever
cannot wait for it interrupts again, and what is left then is ended by those who outlive this process: a
sweep's guardian, the embedded cloud, the instance's own end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from awstune.cli.carrying import carrying
from awstune.errors import Interrupted

# Wrappers (uv run, make, a shell script) hand the same Ctrl-C on once more: that is not another one.
SAME_S = 1.0
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEFT = "left at once, before all was in order"
HINT = (
    "awstune ls shows what is there, and what it costs; awstune terminate NAME ends it; "
    "awstune sweeps shows the sweeps"
)
_SOON_S = 0.01  # until a finalizer is done
_SHOW_CURSOR = b"\x1b[?25h"


class Signals:
    """What becomes of the signals that ask a command to end.

    Args:
        as_json: whether the last words are a document on stdout.
        typed: the global options, once they are known; the last words' commands carry them.
        now: a clock in seconds.
        leave: ends this process with a status, at once.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        typed: Mapping[str, Any] | None = None,
        now: Callable[[], float] = time.monotonic,
        leave: Callable[[int], Any] = os._exit,
    ) -> None:
        self._as_json, self._now, self._leave = as_json, now, leave
        self._typed = {} if typed is None else typed
        self._first: float | None = None
        self._status: int | None = None

    def install(self) -> None:
        """Takes the signals over, but for those that the caller wants ignored (``nohup``, ``&``)."""
        for number in NUMBERS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)
        signal.signal(signal.SIGALRM, self._once_more)
        sys.unraisablehook = self._unheard

    def done(self, status: int) -> None:
        """All has been said: from now on a signal can only hasten the end."""
        self._status = status

    def __call__(self, number: int, frame: object) -> None:
        """Takes one signal."""
        del number, frame
        if self._status is not None:
            self._leave(self._status)
        elif self._first is None:
            self._first = self._now()
            raise KeyboardInterrupt
        elif self._now() - self._first >= SAME_S:
            self._last_words()
            self._leave(Interrupted.exit_status)

    def _unheard(self, dropped: sys.UnraisableHookArgs) -> None:
        """Python drops what is raised in a finalizer, or between two imports: the interrupt comes again."""
        if dropped.exc_type is KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, _SOON_S)
        else:
            sys.__unraisablehook__(dropped)

    def _once_more(self, number: int, frame: object) -> None:
        del number, frame
        if self._status is None:
            raise KeyboardInterrupt

    def _last_words(self) -> None:
        # Written past Python's own buffers, which the interrupted line may be in the middle of.
        if os.isatty(2):
            _write(2, _SHOW_CURSOR)
        hint = carrying(HINT, self._typed)
        if self._as_json:
            error = {"kind": Interrupted.kind, "message": LEFT, "hint": hint}
            _write(1, f"{json.dumps({'error': error})}\n".encode())
        else:
            _write(2, f"\ninterrupted: {LEFT}\n\nhint: {hint}\n".encode())


def _write(descriptor: int, text: bytes) -> None:
    try:
        os.write(descriptor, text)
    except OSError:
        return
