"""Metrics from a file that a program writes while it runs: CSV with a header, JSON lines, one JSON document.

A document may be an object that is written again and again, or a list that grows; also an object that holds
such a list, as the ``trainer_state.json`` of Hugging Face's Trainer does.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from awstune.errors import UsageError
from awstune.sweeps.picking import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Found = dict[str, float]
_TABLES = {".csv": ",", ".tsv": "\t"}


def check(pattern: str, kind: str) -> None:
    """Refuses a file that no trial could have.

    Args:
        pattern: its path below the trial's folder.
        kind: the target's.

    Raises:
        UsageError: it is elsewhere, or the target is a function.
    """
    if kind != "command":
        raise UsageError(
            "a file that holds the metric is for commands",
            "a function reports by itself: trial.report(val_loss=0.3)",
        )
    try:
        list(Path("/nowhere").glob(pattern.lstrip("/") or "x"))
    except ValueError as error:
        raise UsageError(
            f"--metric-file {pattern!r} is no pattern: {error}", "--metric-file 'out/**/metrics.csv'"
        ) from error
    parts = PurePath(pattern).parts
    if not parts or PurePath(pattern).is_absolute() or ".." in parts:
        raise UsageError(
            f"--metric-file {pattern!r} is not in the trial's own folder",
            "have the command write into {dir}, as --out {dir} does, and name the file: metrics.csv",
        )


class MetricFile:
    """One file of one trial, read on as it grows. What an earlier attempt left in it is not read again.

    Args:
        folder: the trial's.
        pattern: the file's path below it; with ``*`` or ``**`` the newest that matches.
    """

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern = folder, pattern
        self._before = {path: size for path, size, _ in self._matching()}
        self._path: Path | None = None
        self._reader: _Reader | None = None

    def read(self, *, end: bool = False) -> list[Found]:
        """What is new, a row or an object each; with ``end`` a last line counts though it has no end."""
        path = self._newest()
        if path is None:
            return []
        if path != self._path or self._reader is None:
            self._path, self._reader = path, _reader(path, self._before.get(path, 0))
        return [found for found in self._reader.read(end=end) if found]

    def _matching(self) -> list[tuple[Path, int, float]]:
        """Each file with its size and when it was last written."""
        found = []
        for path in self._folder.glob(self._pattern):
            with suppress(OSError):  # a program may take its files away again
                if path.is_file():
                    known = path.stat()
                    found.append((path, known.st_size, known.st_mtime))
        return found

    def _newest(self) -> Path | None:
        """The newest that has changed since the trial began."""
        changed = [(t, path) for path, size, t in self._matching() if size != self._before.get(path)]
        return max(changed, default=(0.0, None))[1]


class _Reader:
    """Reads on in a file; begins again where it has become shorter."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset = path, offset

    def read(self, *, end: bool) -> Iterator[Found]:
        """What is new."""
        try:
            size = self._path.stat().st_size
            with self._path.open("rb") as file:
                head = file.readline()
                self._settle(head, size)
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        whole = data if end else data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        yield from self._parsed(head.decode("utf-8", "replace"), whole.decode("utf-8", "replace"))

    def _settle(self, head: bytes, size: int) -> None:
        """Where to read on in a file with that first line."""
        del head
        if size < self._offset:
            self._offset = 0

    def _parsed(self, head: str, text: str) -> Iterable[Found]:
        raise NotImplementedError


class _Table(_Reader):
    """Has a header, which may get more columns later: rows that were read already are then passed over."""

    def __init__(self, path: Path, offset: int) -> None:
        super().__init__(path, offset)
        self._head, self._rows, self._known = b"", 0, 0
        if offset:
            with suppress(OSError), path.open("rb") as file:
                self._head = file.readline()
                self._rows = file.read(offset - len(self._head)).count(b"\n")

    def _settle(self, head: bytes, size: int) -> None:
        if size < self._offset:
            self._offset = self._rows = self._known = 0
        elif self._offset and head != self._head:
            self._offset, self._known = 0, self._rows
        self._head = head

    def _parsed(self, head: str, text: str) -> Iterable[Found]:
        delimiter = _TABLES[self._path.suffix.lower()]
        # Some write a mark of the encoding first, some fill cells up with spaces.
        names = _stripped(next(csv.reader([head.removeprefix("\ufeff")], delimiter=delimiter), []))
        rows = map(_stripped, csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))
        new = [row for row in rows if row != names]
        before = min(self._known, len(new))
        self._known -= before
        self._rows += len(new) - before
        for row in new[before:]:
            yield numbers(zip(names, row, strict=False))


class _Lines(_Reader):
    def _parsed(self, head: str, text: str) -> Iterable[Found]:
        del head
        for line in text.splitlines():
            yield _object(line)


class _Document(_Reader):
    """Read as a whole each time; a list is read on."""

    def __init__(self, path: Path, offset: int) -> None:
        super().__init__(path, offset)
        self._seen: list[Found] = []
        if offset:
            self._seen = list(self._all())

    def read(self, *, end: bool) -> Iterator[Found]:
        """The entries that were not there before; an object counts again when it has changed."""
        del end
        found = list(self._all())
        if found:
            known, self._seen = self._seen, found
            yield from found[len(known) :] if found[: len(known)] == known else found

    def _all(self) -> Iterator[Found]:
        try:
            document = json.loads(self._path.read_text(errors="replace"))
        except (OSError, ValueError):  # it is being written at this moment
            return
        lists = [value for value in document.values() if _entries(value)] if _is_object(document) else []
        for entry in document if isinstance(document, list) else lists[0] if lists else [document]:
            yield numbers(_flat(entry)) if _is_object(entry) else {}


def _stripped(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row]


def _reader(path: Path, offset: int) -> _Reader:
    if path.suffix.lower() in _TABLES:
        return _Table(path, offset)
    return _Document(path, offset) if path.suffix.lower() == ".json" else _Lines(path, offset)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _entries(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_object(entry) for entry in value)


def _object(line: str) -> Found:
    try:
        plain: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return numbers(_flat(plain)) if _is_object(plain) else {}


def _flat(plain: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Objects within an object, their names joined by dots: ``val.loss``."""
    for name, value in plain.items():
        if _is_object(value):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
