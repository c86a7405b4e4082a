"""``python -m awstune.sweeps.standby SOCKET IDLE_S``: torch, imported before anybody asks for it.

It listens on SOCKET. Who asks hands over what the server of a sweep needs, and a fork of this process
becomes that server (`awstune.sweeps.server`): torch, which took seconds to import, is there. It has started
no threads and not touched the GPU, else it leaves, as it does when nobody has asked for IDLE_S seconds, and
where something was installed since it began. One that is killed, or says no, only costs the asker the time.

A request is one line of JSON, ``{"cwd", "env", "mark", "options"}``, with three descriptors: the server's
socket to its sweep, the end of the pipe that it dies with, and its log. The answer is `YES`, or nothing.

Runs under the trials' Python: standard library only, and torch.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from awstune.names import SWEEP_MARK
from awstune.sweeps import lifeline, warm
from awstune.sweeps.server import Server

YES = b"yes"
MARK_ROOM = 4096 + 64  # bytes: a path, and a run's id
_PATIENCE_S = 5.0


def main() -> None:
    """See the module."""
    place, idle_s = Path(sys.argv[1]), float(sys.argv[2])
    os.chdir("/")  # whose sweep has left it may take its folder away
    installed = _installed()
    with _listening(place) as listener:
        warm.preload_torch()
        if "torch" not in sys.modules or warm.why_not_fork() is not None:
            return
        collapsed = warm.collapse()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a server ended
        while select.select([listener], [], [], idle_s)[0] and installed == _installed():
            asker, _ = listener.accept()
            with asker, suppress(OSError, ValueError):
                _serve(listener, asker, collapsed)


@contextmanager
def _listening(place: Path) -> Iterator[socket.socket]:
    """The socket, before there is anything to ask for: who asks waits less than he would by himself."""
    lock = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which no fork of this process holds
    except OSError:
        os._exit(0)  # there is one
    aside = place.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, reached(aside) as short:
        listener.bind(short)
        listener.listen()
        aside.replace(place)
        try:
            yield listener
        finally:
            place.unlink(missing_ok=True)


@contextmanager
def reached(place: Path) -> Iterator[str]:
    """A name for a socket that is short enough for the kernel, which takes 107 bytes."""
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{place.name}"
    finally:
        os.close(folder)


def _installed() -> list[tuple[str, int]]:
    """What changes when anything is installed where this process imports from, or removed."""
    return [(folder, os.stat(folder).st_mtime_ns) for folder in sys.path if os.path.isdir(folder)]  # noqa: PTH112, PTH116  # strings, as sys.path has them


def _serve(listener: socket.socket, asker: socket.socket, collapsed: Mapping[int, int]) -> None:
    asker.settimeout(_PATIENCE_S)
    text, descriptors = b"", []
    try:
        while not text.endswith(b"\n"):
            data, passed, _, _ = socket.recv_fds(asker, 1 << 16, 3)
            descriptors += passed
            if not data:
                return
            text += data
        request = json.loads(text)
        if len(descriptors) != 3:  # noqa: PLR2004  # control, line and log; the system has no more to give
            return
        if any(map(_replaces_something, _more(request["env"]))):
            return
        if os.fork() == 0:
            listener.close()
            _become(request, asker, collapsed, *descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _become(
    request: Mapping[str, Any],
    asker: socket.socket,
    collapsed: Mapping[int, int],
    control: int,
    line: int,
    log: int,
) -> NoReturn:
    """Be the server that was asked for, as if it had been started for it."""
    try:
        lifeline.die_with(line)
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(request["cwd"])
        _take_mark(request["mark"])
        _look_there_too(request["env"])
        os.environ.clear()
        os.environ.update(request["env"])
        for place in (1, 2):
            os.dup2(log, place)
        os.close(log)
        _shuffle()
        channel = socket.socket(fileno=control)
        channel.set_inheritable(False)
        asker.sendall(YES)
        asker.close()
        Server(channel, line, request["options"], collapsed).serve()
    except BaseException:  # noqa: BLE001  a fork that failed must not go on as a second standby
        traceback.print_exc()
    finally:
        os._exit(0)


def _more(env: Mapping[str, str]) -> list[str]:
    """The folders that modules are to be found in beside those that this process knows."""
    return [folder for folder in _path(env) if folder not in _path(os.environ)]


def _path(env: Mapping[str, str]) -> list[str]:
    return [folder for folder in env.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _replaces_something(folder: str) -> bool:
    """Whether it has what would have been imported in place of a module that is here already."""
    try:
        there = {entry.name.partition(".")[0] for entry in Path(folder).iterdir()}
    except OSError:
        return False
    return not there.isdisjoint({*sys.modules, "sitecustomize", "usercustomize"})


def _look_there_too(env: Mapping[str, str]) -> None:
    """Find modules in these folders too, at the place among the others that Python would give them."""
    known = [sys.path.index(folder) for folder in _path(os.environ) if folder in sys.path]
    after = 1 + max(known, default=-1)
    sys.path[after:after] = _more(env)


def _take_mark(mark: str) -> None:
    """Write a mark over the one that this process was started with, where others read it.

    What is in ``/proc/PID/environ`` is the memory that the kernel wrote at the start; ``os.environ`` is not.
    """
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    where = getenv(SWEEP_MARK.encode())
    ctypes.memmove(where, mark.encode().ljust(MARK_ROOM, b"\0"), MARK_ROOM)


def _shuffle() -> None:
    """Let two servers of one standby draw differently, as two that were started do; Python's own does."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


if __name__ == "__main__":
    main()
