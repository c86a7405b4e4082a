"""Processes found again: by the moment they were born, and by the mark an instance leaves on its own.

A pid alone says nothing once its process has gone: the number is given out again. So a pid is kept
together with its birth, and an instance's processes are known by two variables of their environment,
`names.INSTANCE_MARK` and `names.ROOT_VARIABLE`, which detached ones inherit too.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil

from awstune import names

GRACE_S = 1.0
_ROUNDS = 20
_POLL_S = 0.01
_STARTTIME = 19  # field 22 of /proc/PID/stat (man 5 proc), counted from the state, which is field 3


def born(pid: int) -> str | None:
    """When ``pid`` was born, as a word that no later process of that number has; None if it is gone.

    Linux: the boot's id and the ticks since then, which no change of the clock touches.
    Elsewhere: seconds since the epoch. A zombie counts as gone.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            _reap(pid)
            return None
        return _born_linux(pid) if sys.platform == "linux" else f"{process.create_time():.3f}"
    except (psutil.NoSuchProcess, OSError):
        return None


def _born_linux(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{fields[_STARTTIME]}"


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def wait_gone(pid: int, birth: str, timeout_s: float) -> bool:
    """Whether the process of that birth has gone before the time is over. A zombie has."""
    deadline = time.monotonic() + timeout_s
    while born(pid) == birth:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)  # no event tells of the end of a process that is not one's own child
    return True


def marked(below: Path) -> list[psutil.Process]:
    """Every living process of the instances whose folders lie below ``below``, but not the caller."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _belongs(p, below)]


def _belongs(process: psutil.Process, below: Path) -> bool:
    try:
        environ = process.environ()
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
    inside = environ.get(names.ROOT_VARIABLE, "").startswith(f"{below}{os.sep}")
    return alive and inside and names.INSTANCE_MARK in environ


def end(below: Path, grace_s: float = GRACE_S) -> int:
    """End every process of the instances below ``below``: asked first, then killed. How many there were.

    It looks again until there are none, since a process may have been born while others ended.
    """
    found = marked(below)
    ended = len(found)
    _terminate(found)
    psutil.wait_procs(found, timeout=grace_s)
    for _ in range(_ROUNDS):
        left = marked(below)
        if not left:
            break
        kill(left)
    return ended


def kill(processes: list[psutil.Process]) -> None:
    """Kill them all, and wait until they are gone."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=GRACE_S)


def _terminate(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
