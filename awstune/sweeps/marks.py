"""Find every process of a sweep again, by a mark in its environment, and end it.

A mark is ``FOLDER#ID``: the folder tells the sweep, the ID the run of it. A process inherits the mark
whatever else it does: a new session, a new parent, another program.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING

import psutil

from awstune.names import SWEEP_MARK

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 5.0


def of_sweep(folder: Path) -> str:
    """What the marks of all runs of a sweep start with."""
    return f"{folder.resolve()}#"


def of_run(folder: Path) -> str:
    """A mark for one run of a sweep."""
    return f"{of_sweep(folder)}{uuid.uuid4().hex[:12]}"


def marked(start: str) -> list[psutil.Process]:
    """The living processes whose mark starts so, but for this one."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark(p).startswith(start)]


def _mark(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return process.environ().get(SWEEP_MARK, "")
    except (psutil.Error, OSError):
        return ""


def end(start: str) -> int:
    """Kill all processes whose mark starts so, and those that they start meanwhile.

    Returns:
        How many there were.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + _PATIENCE_S
    while (found := marked(start)) and time.monotonic() < deadline:
        for process in found:
            _kill(process)
            ended.add(process.pid)
        psutil.wait_procs(found, timeout=0.5)
    return len(ended)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
