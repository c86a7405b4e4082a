"""``python -m awstune.sweeps.detached DIR [ENV]``: start the sweep's worker in a process of its own.

ENV is a file of mode 600 that holds variables for it, as JSON; one that is not there holds none. The
worker belongs to no terminal and no connection: it outlives whoever started it. What it says goes to
``worker.log``, its process id, which it writes itself, to ``worker.pid``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path

import psutil

from awstune.errors import SweepError
from awstune.names import WORKER_PID_FILE
from awstune.sweeps import checkout, journal
from awstune.sweeps.folder import Folder

_EVERY_S = 0.02
_PATIENCE_S = 300.0  # for the worker's word that it runs; a slow disk takes seconds
_WORKER = "awstune.sweeps.worker"


def main() -> None:
    """Start it, and print its process id."""
    try:
        folder, *more = (Path(word).resolve() for word in sys.argv[1:])
        own = checkout.variables(Path.cwd(), os.environ)
        print(start(Folder(folder), {**own, **_variables(*more)}))  # noqa: T201  # this module's output
    except SweepError as error:
        sys.exit(f"error: {error.message}")


def _variables(*files: Path) -> dict[str, str]:
    return {
        key: value for path in files if path.exists() for key, value in json.loads(path.read_text()).items()
    }


def start(
    folder: Folder, variables: Mapping[str, str] | None = None, now: Callable[[], float] = time.monotonic
) -> int:
    """Starts the worker of a sweep; its process id.

    Args:
        folder: the sweep's.
        variables: of the environment, for the worker and its trials.
        now: a clock in seconds.

    Returns when the worker has taken the journal and said so, so that whoever looks next sees it run.

    Raises:
        SweepError: it ended at once, with the last line that it said; or it hangs, and was ended.
    """
    give_up = now() + _PATIENCE_S
    pid = _spawn(folder, {**os.environ, **(variables or {})})
    while _running(folder) != pid:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended and _running(folder) != pid:
            return _other(folder, give_up, now)
        if now() > give_up:
            os.kill(pid, signal.SIGKILL)  # else it might begin when nobody expects it any more
            os.waitpid(pid, 0)
            raise _silent(folder)
        time.sleep(_EVERY_S)  # it says in a file that it has begun; its end must not be missed meanwhile
    return pid


def _running(folder: Folder) -> int | None:
    """The process that last took the journal, by its own word."""
    try:
        return int((folder.path / WORKER_PID_FILE).read_text())
    except (OSError, ValueError):
        return None


def _other(folder: Folder, give_up: float, now: Callable[[], float]) -> int:
    """The process that was quicker to start the sweep, such as the instance's own at its boot.

    Raises:
        SweepError: there is none.
    """
    while journal.is_open(folder.journal_file):
        there = _running(folder)
        if there is not None and psutil.pid_exists(there):
            return there
        if now() > give_up:
            raise _silent(folder)
        time.sleep(_EVERY_S)  # it has the journal, and is about to say so
    hint = f"{folder.worker_log_file} has all that it said"
    raise SweepError(f"{folder.name} did not start: {_last_line(folder)}", hint)


def lives(folder: Folder) -> bool:
    """Whether the worker of a sweep on this machine is still there, also after the sweep's end."""
    try:
        words = psutil.Process(_running(folder) or 0).cmdline()
    except psutil.Error:
        return False
    # A bare process id may be anybody's by now.
    return _WORKER in words and Path(words[-1]) == folder.path.resolve()


def warnings(folder: Folder) -> list[str]:
    """What the worker of a sweep has warned of last, after all else that it said."""
    log = folder.worker_log_file
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    last = takewhile(lambda line: line.startswith("warning: "), reversed(lines))
    return [line.removeprefix("warning: ") for line in last][::-1]


def _silent(folder: Folder) -> SweepError:
    return SweepError(
        f"{folder.name} did not start within {_PATIENCE_S:.0f} s, and says nothing",
        f"see to the disk of {folder.path}, then awstune resume {folder.name}",
    )


def _spawn(folder: Folder, environ: Mapping[str, str]) -> int:
    # posix_spawn rather than Popen: nobody waits for this child, and no warning says so.
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", _WORKER, str(folder.path.resolve())],
        environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(folder.worker_log_file), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _last_line(folder: Folder) -> str:
    lines = folder.worker_log_file.read_text(errors="replace").strip().splitlines()
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else (lines[-1] if lines else "it said nothing")


if __name__ == "__main__":
    main()
