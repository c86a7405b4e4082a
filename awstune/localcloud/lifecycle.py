"""Start, find and stop the embedded cloud: one background process per awstune home.

It outlives the command that started it (a session of its own, so no Ctrl-C reaches it) and is found
again by its state file. Killed, its state is gone with it: what its instances left running is ended
by whoever looks next, who is told so through ``on_lost``.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock

from awstune import errors
from awstune.localcloud import client, processes, state
from awstune.localcloud.state import ACCOUNT, LocalCloud, Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "LocalCloud",
    "Lost",
    "Status",
    "Stopped",
    "find",
    "instances",
    "start",
    "status",
    "stop",
    "switch",
]

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
_ASK_TIMEOUT_S = 10.0
_LOG_TAIL = 2000


@dataclass(frozen=True)
class Lost:
    """A cloud that ended other than by `stop`: its instances and all it knew are gone.

    Attributes:
        pid: of the server that is no more.
        instances: ids of the instances that it had.
        processes: how many of theirs were still running, and have been ended.
    """

    pid: int
    instances: tuple[str, ...]
    processes: int

    def __str__(self) -> str:
        """What to tell the user."""
        ended = f"; {len(self.instances)} of its instances were ended" if self.instances else ""
        return f"the embedded cloud had been killed, and what it knew is gone{ended}"


@dataclass(frozen=True)
class Stopped:
    """What `stop` ended; ``pid`` is None where nothing was running."""

    pid: int | None
    instances: int


@dataclass(frozen=True)
class Status:
    """Product shape of ``local status --json``: ``instances`` counts those that are not terminated."""

    running: bool
    endpoint: str | None
    pid: int | None
    instances: int


def start(home: Path, *, on_lost: Callable[[Lost], None] | None = None) -> LocalCloud:
    """The embedded cloud of ``home``, started if it is not running. It answers when this returns.

    Args:
        home: awstune's home folder; made, like what is below it, for its owner only.
        on_lost: called if an earlier cloud is found to have been killed.

    Raises:
        errors.CloudError: it did not start; the message ends with what it said.
    """
    places = Places(home)
    places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(places.lock, mode=0o600):
        return _alive(places, on_lost) or _spawn(places)


def find(home: Path, *, on_lost: Callable[[Lost], None] | None = None) -> LocalCloud | None:
    """The running cloud of ``home``, or None. What a killed one left is ended, and ``on_lost`` told."""
    places = Places(home)
    if not places.folder.exists():
        return None
    cloud = state.read(places)
    if cloud is not None and cloud.alive:
        return cloud
    with FileLock(places.lock, mode=0o600):
        return _alive(places, on_lost)


def stop(
    home: Path, *, on_lost: Callable[[Lost], None] | None = None, timeout_s: float = STOP_TIMEOUT_S
) -> Stopped:
    """End the cloud of ``home`` with every process of every instance, and remove its folder.

    Args:
        home: awstune's home folder.
        on_lost: called if the cloud is found to have been killed.
        timeout_s: how long the server may take to answer, and to end by itself before it is killed.
    """
    places = Places(home)
    if not places.folder.exists():
        return Stopped(None, 0)
    with FileLock(places.lock, mode=0o600):
        cloud = _alive(places, on_lost)
        if cloud is None:
            return Stopped(None, 0)
        count = _count(cloud, min(timeout_s, _ASK_TIMEOUT_S))
        _end(cloud, timeout_s)
        _clear(places)
        return Stopped(cloud.pid, count)


def _count(cloud: LocalCloud, timeout_s: float = _ASK_TIMEOUT_S) -> int:
    try:
        return len(_living(cloud, timeout_s=timeout_s))
    except errors.AwstuneError:
        return 0  # a server that does not answer is ended all the same


def _living(cloud: LocalCloud, timeout_s: float) -> list[dict[str, Any]]:
    there = client.call(cloud, "GET", "/awstune/instances", timeout_s=timeout_s)
    return [instance for instance in there if instance["state"] != "terminated"]


def status(home: Path, *, on_lost: Callable[[Lost], None] | None = None) -> Status:
    """Whether the cloud of ``home`` runs, and with how many instances."""
    cloud = find(home, on_lost=on_lost)
    if cloud is None:
        return Status(running=False, endpoint=None, pid=None, instances=0)
    return Status(running=True, endpoint=cloud.endpoint_url, pid=cloud.pid, instances=_count(cloud))


def instances(cloud: LocalCloud) -> list[dict[str, Any]]:
    """Every instance the cloud knows: ``{id, state, checks, region, address, ssh_port, folder}``."""
    answer: list[dict[str, Any]] = client.call(cloud, "GET", "/awstune/instances")
    return answer


def switch(cloud: LocalCloud, name: str, on: bool = True) -> None:
    """Turn one of the cloud's three ways to fail on or off.

    Args:
        cloud: the running cloud.
        name: ``impaired-checks`` (status checks come back impaired), ``die-during-wait`` (an instance
            ends before it runs) or ``refuse-ssh`` (it runs, but its SSH port refuses).
        on: whether it shall fail so.
    """
    client.call(cloud, "PUT", f"/awstune/switches/{name}", {"on": on})


def _alive(places: Places, on_lost: Callable[[Lost], None] | None) -> LocalCloud | None:
    cloud = state.read(places)
    if cloud is not None and cloud.alive:
        return cloud
    if places.folder.exists():
        lost = _bury(places, cloud.pid if cloud else 0)
        if cloud is not None and on_lost is not None:
            on_lost(lost)
    return None


def _bury(places: Places, pid: int) -> Lost:
    ids = sorted(path.name for path in places.instances.glob("*"))
    ended = processes.end(places.instances)
    _clear(places)
    return Lost(pid=pid, instances=tuple(ids), processes=ended)


def _clear(places: Places) -> None:
    processes.end(places.instances)
    # Whom these keys let in is no more.
    shutil.rmtree(places.home / "keys" / ACCOUNT, ignore_errors=True)
    shutil.rmtree(places.folder, ignore_errors=True)


def _end(cloud: LocalCloud, timeout_s: float) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not cloud.alive:
            return
        os.kill(cloud.pid, number)
        processes.wait_gone(cloud.pid, cloud.born, timeout_s)


def _spawn(places: Places) -> LocalCloud:
    places.folder.mkdir(mode=0o700)
    places.instances.mkdir(mode=0o700)
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        try:
            pid = _launch(places, writer)
        finally:
            os.close(writer)
        try:
            ready = _await_line(pipe.fileno(), START_TIMEOUT_S)
        except BaseException:  # an interrupt: nobody knows the server yet, nor would ever find it
            _kill(pid)
            _clear(places)
            raise
    cloud = state.read(places) if ready else None
    if cloud is None:
        raise _not_started(places, pid)
    return cloud


def _launch(places: Places, ready: int) -> int:
    # posix_spawn rather than Popen: nobody here waits for this child, and it must outlive us.
    log = (os.POSIX_SPAWN_OPEN, 2, str(places.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    argv = [sys.executable, "-P", "-m", "awstune.localcloud.server", str(places.home.resolve())]
    return os.posix_spawn(
        sys.executable,
        argv,
        _environment(),
        file_actions=[null, (os.POSIX_SPAWN_DUP2, ready, 1), log],
        setsid=True,
    )


def _environment() -> dict[str, str]:
    # The laptop's credentials, profile and proxies are none of the embedded cloud's business.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AWSTUNE_", "MOTO_"))}
    return {k: v for k, v in kept.items() if not k.lower().endswith("_proxy")}


def _await_line(descriptor: int, timeout_s: float) -> bool:
    """Whether a byte arrives before the other end closes or the time is over."""
    deadline = time.monotonic() + timeout_s
    readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
    return bool(readable and os.read(descriptor, 64))


def _kill(pid: int) -> None:
    try:
        server = psutil.Process(pid)
        server.kill()
        server.wait(STOP_TIMEOUT_S)
    except psutil.NoSuchProcess:
        return


def _not_started(places: Places, pid: int) -> errors.CloudError:
    _kill(pid)
    said = places.log.read_text(errors="replace")[-_LOG_TAIL:].strip() if places.log.exists() else ""
    _clear(places)
    return errors.CloudError(
        f"the embedded cloud did not start: {said or 'it said nothing'}",
        'install it with: pip install "awstune[local]"' if "No module named" in said else "",
    )
