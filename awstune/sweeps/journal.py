"""The journal of a sweep: append-only JSON lines that a crash at any byte cannot spoil.

Every event is one line, written with one ``write`` and fsynced. Nothing is ever truncated: a writer
that finds a torn line ends it first, so that what follows stands on lines of its own. A new writer
announces itself with ``{"event": "writer", "epoch": N}``; whoever folds the journal ignores what an
older writer says below that line.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.errors import JournalError, SweepBusy
from awstune.search.collecting import paused

if TYPE_CHECKING:
    from pathlib import Path

Event = dict[str, Any]

_BLOCK = 10_000  # lines that are parsed at once
_PATIENCE_S = 0.5  # of a process that has just been killed the lock may be there for a moment longer
_LOOKED_AT_S = 30.0  # whoever looks whether a sweep is running shares the lock, however slow he is


@dataclass(frozen=True)
class Chunk:
    """A part of a journal.

    Attributes:
        events: the events of all complete lines, in order.
        offset: the byte after the last complete line; where to read on.
        skipped: how many lines were no events (torn, or not of this world).
    """

    events: list[Event]
    offset: int
    skipped: int


def read(path: Path, offset: int = 0) -> Chunk:
    """Read a journal from ``offset`` bytes to its last complete line.

    A journal that is not there yet is empty.

    Raises:
        JournalError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return Chunk([], offset, 0)
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror}", _mended(path)) from error
    whole = data[: data.rfind(b"\n") + 1]
    lines = [line for line in whole.split(b"\n") if line]
    with paused():
        blocks = (_block(lines[first : first + _BLOCK]) for first in range(0, len(lines), _BLOCK))
        events = [event for block in blocks for event in block if _is_event(event)]
    return Chunk(events, offset + len(whole), len(lines) - len(events))


def _mended(path: Path) -> str:
    spec = f"{path.parent.parent.name}/{path.parent.name}/{names.SPEC_FILE}"
    return f"mend it, or begin anew: awstune sweep --spec {spec}"


def _block(lines: list[bytes]) -> list[Any]:
    """What some lines hold; None for what is not whole. All at once takes half the time."""
    if all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
        try:
            found: list[Any] = json.loads(b"[" + b",".join(lines) + b"]")
        except (ValueError, RecursionError):
            found = []
        if len(found) == len(lines):
            return found
    return [_parsed(line) for line in lines]


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_event(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("event"), str)


def is_open(path: Path) -> bool:
    """Whether a process is writing to this journal at the moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody writes to this journal for as long as the context lasts.

    Raises:
        SweepBusy: another process is writing to it.
        JournalError: it cannot be written.
    """
    descriptor = Journal(path).locked()
    try:
        yield
    finally:
        os.close(descriptor)


class Journal:
    """The journal at ``path``.

    Args:
        path: the file; it need not exist yet.
        now: seconds since the epoch.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now

    @contextmanager
    def open(self) -> Iterator[Writer]:
        """Become the journal's only writer, for as long as the context lasts.

        Raises:
            SweepBusy: another process is writing to it.
            JournalError: it cannot be written.
        """
        descriptor = self.locked()
        try:
            _end_torn_line(descriptor)
            writer = Writer(descriptor, _newest_epoch(self.path) + 1, self._now)
            writer.append("writer")
            yield writer
        finally:
            os.close(descriptor)

    def locked(self) -> int:
        """A descriptor of the file, which nobody else has for writing until it is closed."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"cannot write {self.path}: {error.strerror}", _mended(self.path)) from error
        try:
            _lock(descriptor, self.path)
        except BaseException:  # an interrupt, too, leaves no lock
            os.close(descriptor)
            raise
        return descriptor


class Writer:
    """The one who may append; made by `Journal.open`."""

    def __init__(self, descriptor: int, epoch: int, now: Callable[[], float]) -> None:
        self.epoch = epoch
        self._descriptor = descriptor
        self._now = now
        self._waiting: list[str] = []

    def append(self, event: str, *, trial: int | None = None, **fields: Any) -> Event:
        """Write one event and wait until the disk has it; see `add`."""
        made = self.add(event, trial=trial, **fields)
        self.flush()
        return made

    def add(self, event: str, *, trial: int | None = None, **fields: Any) -> Event:
        """Make an event that the next `flush` writes, with all others that wait.

        Args:
            event: its name.
            trial: the trial it is about.
            **fields: the event's own fields. Infinities and NaN become the texts that `float` reads.

        Returns:
            The event exactly as a reader will see it.
        """
        about = {} if trial is None else {"trial": trial}
        made = {"t": self._now(), "event": event, **about, "epoch": self.epoch, **_plain(fields)}
        self._waiting.append(json.dumps(made, allow_nan=False, separators=(",", ":")) + "\n")
        return made

    def write(self) -> None:
        """Hand what waits to the system: it survives this process, not yet the machine.

        Raises:
            JournalError: the disk did not take it.
        """
        data, self._waiting = "".join(self._waiting).encode(), []
        with _told():
            _write_all(self._descriptor, data)

    def flush(self) -> None:
        """Write what waits, and wait until the disk has it all.

        Raises:
            JournalError: the disk did not take it.
        """
        self.write()
        with _told():
            os.fsync(self._descriptor)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"the journal cannot be written: {error.strerror}",
            "awstune resume goes on once the disk takes it; nothing that finished is lost",
        ) from error


def _plain(value: Any) -> Any:
    """What JSON can say: NaN and infinities as text, tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _lock(descriptor: int, path: Path) -> None:
    began = time.monotonic()
    while not _taken(descriptor, fcntl.LOCK_EX):
        # A writer has it alone; who only looks shares it.
        looked_at = _taken(descriptor, fcntl.LOCK_SH)
        if looked_at:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        if time.monotonic() - began > (_LOOKED_AT_S if looked_at else _PATIENCE_S):
            raise _busy(path)
        time.sleep(0.01)  # a lock that waits by itself could not give up


def _taken(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(path: Path) -> SweepBusy:
    name = path.parent.name
    return SweepBusy(
        f"another process is running the sweep {name}",
        f"awstune attach {name} follows it; awstune cancel {name} ends it",
    )


def _end_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        _write_all(descriptor, b"\n")


def _newest_epoch(path: Path) -> int:
    epochs = (event.get("epoch") for event in read(path).events if event["event"] == "writer")
    return max((epoch for epoch in epochs if isinstance(epoch, int)), default=0)
