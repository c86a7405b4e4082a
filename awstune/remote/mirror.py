"""A sweep's folder on an instance, followed from here.

The journal and the logs are mirrored byte for byte by their offset, so that what is here is always the
beginning of what is there; an artifact that has grown is brought by its end, too, after a look whether it
has the same beginning; everything else is brought whole: small files as a tar, large ones piece by piece, so
that a connection that breaks costs a piece and not all (`pieces`). Several processes may look at the same
sweep: whoever writes to a mirror holds its lock, and what is to be brought is told from what is here.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from awstune.errors import RemoteError
from awstune.names import (
    JOURNAL_FILE,
    ORIGIN_FILE,
    REMOTE_ROOT,
    REQUESTS_FILE,
    RUNS_DIR,
    WORKER_PID_FILE,
)
from awstune.remote import going, listing
from awstune.remote.holding import HOLD, LET_GO, LET_GO_S
from awstune.remote.listing import File
from awstune.remote.pieces import LARGE, Pieces, write_at
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.search.trials import TrialRecord
from awstune.sweeps import keeping
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import history
from awstune.sweeps.spec import Spec

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
        going: whether it is started again by itself where it is not there: after a reboot, or killed.
        runs: whether an ``awstune run`` of it is under way there, beside it.
    """

    alive: bool
    whole: bool
    going: bool = False
    runs: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing runs there, nor will by itself."""
        return not (self.alive or self.going)

    @property
    def complete(self) -> bool:
        """Whether nothing more can come of it."""
        return self.whole and self.over and not self.runs


def remote_path(sweep: str) -> str:
    """A sweep's folder on any instance, relative to the login's home."""
    return f"{REMOTE_ROOT}/sweeps/{sweep}"


def sweeps_on(connection: Connection) -> list[str]:
    """The names of the sweeps that an instance has."""
    listed = connection.run(f"ls -1 {REMOTE_ROOT}/sweeps 2>/dev/null; true")
    # What an instance says is no path for a folder here.
    return [name for name in listed.text.split() if "/" not in name and not name.startswith(".")]


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


def origin_path(sweep: str) -> str:
    """What is known of where a sweep runs, for a laptop that never saw it; relative to `REMOTE_ROOT`."""
    return ORIGIN_FILE.format(sweep=sweep)


def origin_of(connection: Connection, sweep: str) -> Where | None:
    """What whoever shipped a sweep wrote down of where it runs; None where that is not there."""
    there = shlex.quote(f"{REMOTE_ROOT}/{origin_path(sweep)}")
    result = connection.run(f"cat {there}", check=False)
    return Where.parse(result.text) if result.status == 0 else None


def remember(folder: Folder, where: Where, **facts: Any) -> None:
    """Changes what a sweep's folder says of its instance, and leaves what others have written since.

    Args:
        folder: the sweep's here.
        where: the instance that is spoken of; of another, which has the sweep by now, nothing is said.
        facts: fields of `Where`.
    """
    with FileLock(folder.path / LOCK_FILE):
        now = Where.read(folder)
        if now is not None and now.instance == where.instance:
            replace(now, **facts).write(folder)


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
        # A run, which nothing starts again, has no such file: its path is no sweep's name.
        self._going = shlex.quote(going.file_of(path.removeprefix(remote_path(""))))
        self._lock = FileLock(folder.path / LOCK_FILE)
        self._pieces = Pieces(connection, self.path, folder.path)
        self._stands: object = None

    def poll(self) -> Look:
        """Brings the journal here up to what is there.

        Raises:
            RemoteError: the connection broke, or the journal here is not a beginning of the one there.
        """
        with self._lock:
            look = self._append(self.folder.journal_file, JOURNAL_FILE)
            Where.looked(self.folder, alive=not look.over)
        return look

    def step(self, *, all_of_it: bool = False) -> bool:
        """Brings the rest of the folder (logs, checkpoints, artifacts) one step further.

        Args:
            all_of_it: also large files that somebody has just written to.

        Returns:
            Whether all of it is here, as it was there a moment ago.

        Raises:
            RemoteError: the connection broke, or there is no such folder.
        """
        with self._lock:
            there = self._list()
            trials = history(self.folder).trials
            files = listing.missing(self.folder.path, there, trials, math.inf if all_of_it else LARGE)
            if files:
                self._refuse_stuck(files)
                self._bring(files)
                return False
            for path in listing.stale(self.folder.path, there, trials, self._kept(trials)):
                path.unlink(missing_ok=True)
            return True

    def _kept(self, trials: Sequence[TrialRecord]) -> set[int]:
        spec = self.folder.spec_file
        return keeping.stays(trials, Spec.read(spec)) if spec.exists() else set()

    def fetch(self) -> Look:
        """Brings all of the folder that is there now.

        Raises:
            RemoteError: the connection broke, or there is no such folder.
        """
        while not self.step(all_of_it=True):
            pass
        with self._lock:
            look = self._append(self.folder.journal_file, JOURNAL_FILE)
            where = Where.read(self.folder)
            if where is not None:
                replace(where, complete=look.complete, alive=not look.over).write(self.folder)
        return look

    def _refuse_stuck(self, files: list[File]) -> None:
        # One and the same file that does not get any longer here cannot be read there.
        stands = (files[0], self._pieces.stands(files[0]), len(files))
        if stands == self._stands:
            raise RemoteError(
                f"{files[0].path} of {self.folder.name} cannot be fetched",
                "see to its permissions there, and to the space here; then run the command again",
            )
        self._stands = stands

    def _list(self) -> listing.Listing:
        said = self.connection.run(f"{HOLD}; python3 -c {shlex.quote(listing.LIST)} {self.path}")
        return listing.Listing.parse(said.text)

    def _bring(self, files: list[File]) -> None:
        """What comes next: the ends of all logs, or of what else there is."""
        logs = [file for file in files if file.grows]
        for file in logs:
            self._grow(file)
        if not logs:
            self._pieces.bring(files)

    def _grow(self, file: File) -> None:
        here = self.folder.path / file.path
        if here.exists() and here.stat().st_size > file.size:
            here.unlink()  # it was begun anew
        self._append(here, file.path)

    def fetch_file(self, relative: str) -> Path:
        """Brings one growing file, such as a trial's log, up to what is there; its path here.

        Raises:
            RemoteError: the connection broke.
        """
        here = self.folder.path / relative
        with self._lock:
            self._append(here, relative)
        return here

    def hold(self) -> None:
        """Has the instance's end wait for this one; whatever is brought says so again.

        Raises:
            RemoteError: the connection broke.
        """
        self.connection.run(HOLD, check=False)

    def let_go(self) -> None:
        """Has the instance's end wait no longer for this one, who is in a hurry to leave.

        Where nobody answers in time the hold is over by itself, two minutes after it was touched.
        """
        self.connection.tell(LET_GO, LET_GO_S)

    def ask(self, line: str) -> None:
        """Hands a line to the process that runs the sweep.

        Raises:
            RemoteError: the connection broke.
        """
        self.connection.run(f"printf '%s\\n' {shlex.quote(line)} >> {self.path}/{REQUESTS_FILE}")

    def stop_worker(self) -> None:
        """Ends the process that runs the sweep, as Ctrl-C would; what does not end in 10 s is killed.

        It is not started again by itself from now on. What runs of it beside the sweep ends, too.

        The sweep can be resumed: its journal has all that finished.

        Raises:
            RemoteError: the connection broke.
        """
        self.connection.run(f"rm -f {self._going}")
        alive = _ALIVE.format(folder='"$folder"', pid_file=WORKER_PID_FILE)
        # Nothing tells a shell of the end of what is no child of its own.
        wait = f"for _ in $(seq 100); do {alive} || break; sleep 0.1; done"
        for signal in ("TERM", "KILL"):
            end = f'if {alive}; then kill -{signal} "$pid"; {wait}; fi'
            self.connection.run(f"for folder in {self.path} {self.path}/{RUNS_DIR}/*; do {end}; done")

    def _alive(self) -> str:
        return _ALIVE.format(folder=self.path, pid_file=WORKER_PID_FILE)

    def _running(self) -> str:
        """Sets ``runs``: whether one is under way."""
        alive = _ALIVE.format(folder='"$run"', pid_file=WORKER_PID_FILE)
        look = f'test -d "$run" || continue; if {alive}; then runs=runs; fi'
        return f"runs=none; for run in {self.path}/{RUNS_DIR}/*; do {look}; done"

    def _append(self, here: Path, relative: str) -> Look:
        have = here.stat().st_size if here.exists() else 0
        there = f"{self.path}/{shlex.quote(relative)}"
        # Liveness first: what a worker writes before it ends is then in the bytes that follow. And what
        # shall run is asked before what does: a worker at its end takes the one away, then the other.
        answer = self.connection.run(
            f"going=over; test -e {self._going} && going=going; "
            f"if {self._alive()}; then state=alive; else state=dead; fi; {self._running()}; "
            f"if test -e {there}; then echo $state $going $runs $(wc -c < {there}); "
            f"tail -c +{have + 1} {there}; else echo $state $going $runs none; fi"
        ).stdout
        head, _, more = answer.partition(b"\n")
        state, kept, beside, size = head.decode().split()
        alive, goes_on, runs = state == "alive", kept == "going", beside == "runs"
        if size == "none":
            return Look(alive, have == 0, goes_on, runs)
        if have > int(size):
            raise RemoteError(
                f"{here} is longer than what is on the instance: it is not its mirror",
                f"move {self.folder.path} away, and attach again",
            )
        if relative == JOURNAL_FILE:
            # A line that is still being written there comes whole with the next look.
            more = more[: more.rfind(b"\n") + 1] if alive else more
        write_at(here, have, more)
        return Look(alive, have + len(more) >= int(size), goes_on, runs)
