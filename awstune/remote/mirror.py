"""A sweep's folder on an instance, followed from here.

The journal is mirrored byte for byte by its offset, so that what is here is always the beginning of what
is there; the rest of the folder (logs, checkpoints, artifacts) is fetched as a tar. Several processes may
look at the same sweep: whoever writes to a mirror holds its lock.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from awstune.errors import RemoteError
from awstune.names import JOURNAL_FILE, REMOTE_ROOT, REQUESTS_FILE, WORKER_PID_FILE
from awstune.remote import sync
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder

LOCK_FILE = "mirror.lock"

# What the process of a sweep is called, in /proc where there is one, else by ps. A bare process id would
# not do: after a reboot it may be anybody's.
_ALIVE = (
    "pid=$(cat {folder}/{pid_file} 2>/dev/null || echo 0); "
    '{{ tr "\\0" " " < "/proc/$pid/cmdline" || ps -o args= -p "$pid"; }} 2>/dev/null '
    '| grep -q "awstune\\.sweeps\\.worker"'
)


@dataclass(frozen=True)
class Look:
    """What one look at the other end saw.

    Attributes:
        alive: whether the process that runs the sweep was there, before the journal was read.
        whole: whether the journal here is now as long as it was there.
    """

    alive: bool
    whole: bool


def remote_path(sweep: str) -> str:
    """A sweep's folder on any instance, relative to the login's home."""
    return f"{REMOTE_ROOT}/sweeps/{sweep}"


def sweeps_on(connection: Connection) -> list[str]:
    """The names of the sweeps that an instance has."""
    listed = connection.run(f"ls -1 {REMOTE_ROOT}/sweeps 2>/dev/null; true")
    return listed.text.split()


def take_name(connection: Connection, sweep: str) -> bool:
    """Makes a sweep's folder on an instance; False where there is one: of two at once, one makes it.

    Raises:
        RemoteError: the connection broke, or it cannot be made.
    """
    folder = shlex.quote(remote_path(sweep))
    answer = connection.run(
        f"mkdir -p {REMOTE_ROOT}/sweeps && {{ mkdir {folder} || {{ test -d {folder} && echo taken; }}; }}"
    )
    return not answer.stdout


class Mirror:
    """Follows one sweep over one connection.

    Args:
        connection: an open connection.
        path: the sweep's folder there.
        folder: its mirror here.
    """

    def __init__(self, connection: Connection, path: str, folder: Folder) -> None:
        self.connection = connection
        self.path = shlex.quote(path)
        self.folder = folder
        self._lock = FileLock(folder.path / LOCK_FILE)

    def poll(self) -> Look:
        """Brings the journal here up to what is there.

        Raises:
            RemoteError: the connection broke, or the journal here is not a beginning of the one there.
        """
        with self._lock:
            alive, whole = self._append(self.folder.journal_file, JOURNAL_FILE)
            Where.looked(self.folder)
        return Look(alive, whole)

    def fetch(self) -> Look:
        """Fetches the whole folder: all but the journal as a tar, then the journal.

        Raises:
            RemoteError: the connection broke, or there is no such folder.
        """
        with self._lock:
            sync.pull(self.connection, self.path, self.folder.path, leave=(JOURNAL_FILE, LOCK_FILE))
            alive, whole = self._append(self.folder.journal_file, JOURNAL_FILE)
            where = Where.read(self.folder)
            if where is not None:
                replace(where, complete=whole and not alive, alive=alive).write(self.folder)
        return Look(alive, whole)

    def fetch_file(self, relative: str) -> Path:
        """Brings one growing file, such as a trial's log, up to what is there; its path here.

        Raises:
            RemoteError: the connection broke.
        """
        here = self.folder.path / relative
        with self._lock:
            self._append(here, relative)
        return here

    def ask(self, line: str) -> None:
        """Hands a line to the process that runs the sweep.

        Raises:
            RemoteError: the connection broke.
        """
        self.connection.run(f"printf '%s\\n' {shlex.quote(line)} >> {self.path}/{REQUESTS_FILE}")

    def stop_worker(self) -> None:
        """Ends the process that runs the sweep, as Ctrl-C would; what does not end in 10 s is killed.

        The sweep can be resumed: its journal has all that finished.

        Raises:
            RemoteError: the connection broke.
        """
        wait = f"for _ in $(seq 100); do {self._alive()} || break; sleep 0.1; done"
        self.connection.run(f'if {self._alive()}; then kill -TERM "$pid"; {wait}; fi')
        self.connection.run(f'if {self._alive()}; then kill -KILL "$pid"; {wait}; fi')

    def _alive(self) -> str:
        return _ALIVE.format(folder=self.path, pid_file=WORKER_PID_FILE)

    def _append(self, here: Path, relative: str) -> tuple[bool, bool]:
        have = here.stat().st_size if here.exists() else 0
        there = f"{self.path}/{shlex.quote(relative)}"
        # Liveness first: what a worker writes before it ends is then in the bytes that follow.
        answer = self.connection.run(
            f"if {self._alive()}; then state=alive; else state=dead; fi; "
            f"if test -e {there}; then echo $state $(wc -c < {there}); tail -c +{have + 1} {there}; "
            "else echo $state none; fi"
        ).stdout
        head, _, more = answer.partition(b"\n")
        state, size = head.decode().split()
        if size == "none":
            return state == "alive", have == 0
        if have > int(size):
            raise RemoteError(
                f"{here} is longer than what is on the instance: it is not its mirror",
                f"move {self.folder.path} away, and attach again",
            )
        if relative == JOURNAL_FILE:
            # A line that is still being written there comes whole with the next look.
            more = more[: more.rfind(b"\n") + 1] if state == "alive" else more
        _write_at(here, have, more)
        return state == "alive", have + len(more) >= int(size)


def _write_at(path: Path, offset: int, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.write(data)
