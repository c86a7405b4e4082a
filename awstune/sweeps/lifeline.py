"""Die with another process that is no parent: the kernel says so when its end of a pipe closes.

Nothing is ever written to the pipe. Whoever holds the writing end, and is killed in any way, closes it; the
kernel then kills the process that reads, whatever that is busy with: importing a module, or computing.

Source: fcntl(2), F_SETOWN, F_SETSIG and O_ASYNC. Where there is no F_SETSIG, as on macOS, nothing happens.

Runs under the trials' Python: standard library only.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys


def die_with(reading: int) -> None:
    """Have the kernel kill this process when the pipe's other end closes; leave at once if it is closed.

    Args:
        reading: the pipe's reading end, which this process keeps for itself.
    """
    os.set_inheritable(reading, False)
    if sys.platform == "linux":
        fcntl.fcntl(reading, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
    if _heard(reading, 0.0):
        os._exit(1)


def is_over(writing: int, patience_s: float) -> bool:
    """Whether nobody reads any more: the process has ended, within so many seconds."""
    return _heard(writing, patience_s)


def _heard(end: int, patience_s: float) -> bool:
    poller = select.poll()
    poller.register(end, 0)  # that the other end is closed is always told
    return bool(poller.poll(patience_s * 1000))
