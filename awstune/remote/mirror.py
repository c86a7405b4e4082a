"""A sweep's folder on an instance, followed from here.

The journal is mirrored byte for byte by its offset, so that what is here is always the beginning of what
is there. The rest of the folder (logs, checkpoints, artifacts) is fetched at the end.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from awstune.errors import RemoteError
from awstune.names import JOURNAL_FILE, REMOTE_ROOT, WHERE_FILE, WORKER_PID_FILE
from awstune.remote import sync
from awstune.remote.ssh import Connection
from awstune.sweeps import journal
from awstune.sweeps.folder import Folder


@dataclass(frozen=True)
class Where:
    """Where a sweep runs, as its folder here remembers it (``where.json``).

    Attributes:
        cloud: ``aws`` or ``local``.
        region: the instance's region.
        instance: its id.
        name: its NAME.
        path: the sweep's folder there, relative to the login's home.
        complete: whether everything that the sweep left there is here.
        seen: seconds since the epoch of the last look; None before the first.
        usd_per_hour: what the instance costs; None where it is not known.
    """

    cloud: str
    region: str
    instance: str
    name: str
    path: str
    complete: bool = False
    seen: float | None = None
    usd_per_hour: float | None = None

    def write(self, folder: Folder) -> None:
        """Remembers it in the sweep's folder."""
        aside = folder.path / f"{WHERE_FILE}.part"
        aside.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        aside.replace(folder.where_file)

    @classmethod
    def read(cls, folder: Folder) -> Where | None:
        """Where the sweep runs; None for one that runs here."""
        try:
            fields: Mapping[str, Any] = json.loads(folder.where_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(**fields)


def remote_path(sweep: str) -> str:
    """A sweep's folder on any instance, relative to the login's home."""
    return f"{REMOTE_ROOT}/sweeps/{sweep}"


class Mirror:
    """Follows one sweep over one connection.

    Args:
        connection: an open connection.
        path: the sweep's folder there.
        folder: its mirror here.
    """

    def __init__(self, connection: Connection, path: str, folder: Folder) -> None:
        self.connection = connection
        self.path = path
        self.folder = folder

    def poll(self) -> list[journal.Event]:
        """Appends what the journal there has more than here.

        Returns:
            The events in what came.

        Raises:
            RemoteError: the connection broke.
        """
        file = self.folder.journal_file
        have = file.stat().st_size if file.exists() else 0
        there = shlex.quote(f"{self.path}/{JOURNAL_FILE}")
        more = self.connection.run(f"test ! -e {there} || tail -c +{have + 1} {there}").stdout
        # A line that is still being written there comes whole with the next poll.
        more = more[: more.rfind(b"\n") + 1]
        with file.open("ab") as here:
            here.write(more)
        self._note(complete=False)
        return journal.read(file, have).events

    def worker_alive(self) -> bool:
        """Whether the process that runs the sweep is there."""
        pid_file = shlex.quote(f"{self.path}/{WORKER_PID_FILE}")
        return self.connection.run(f'kill -0 "$(cat {pid_file})"', check=False).status == 0

    def stop_worker(self) -> None:
        """Ends the process that runs the sweep, if it is there, as Ctrl-C would; the sweep can be resumed."""
        pid_file = shlex.quote(f"{self.path}/{WORKER_PID_FILE}")
        self.connection.run(
            f'pid=$(cat {pid_file} 2>/dev/null) && kill -TERM "$pid" && '
            f'for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done',
            check=False,
        )

    def fetch(self) -> None:
        """Fetches the whole folder.

        Raises:
            RemoteError: the connection broke, or what came is not what is there.
        """
        sync.pull(self.connection, self.path, self.folder.path)
        there = shlex.quote(f"{self.path}/{JOURNAL_FILE}")
        size = int(self.connection.run(f"test ! -e {there} && echo 0 || wc -c < {there}").text)
        here = self.folder.journal_file
        if (here.stat().st_size if here.exists() else 0) != size:
            name = self.folder.name
            raise RemoteError(f"{name} did not arrive whole", f"awstune attach {name}")
        self._note(complete=not self.worker_alive())

    def _note(self, *, complete: bool) -> None:
        where = Where.read(self.folder)
        if where is not None:
            replace(where, complete=complete, seen=time.time()).write(self.folder)


def sweeps_on(connection: Connection) -> list[str]:
    """The names of the sweeps that an instance has."""
    listed = connection.run(f"ls -1 {REMOTE_ROOT}/sweeps 2>/dev/null", check=False)
    return listed.text.split()
