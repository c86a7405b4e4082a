"""Files of a sweep's folder on an instance, brought here: many small ones at once, what has grown by its end,
large ones piece by piece.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from awstune.names import ASIDE
from awstune.remote import listing, sync
from awstune.remote.holding import HOLD
from awstune.remote.listing import File
from awstune.remote.ssh import Connection

LARGE = 4 << 20  # bytes; a larger file comes in pieces
_BATCH = 50
_WORDS = 100_000  # bytes: Linux hands 128 KiB to a program as one word, which a shell's command is
_PIECE_S = 0.5  # what a piece should take: the journal is looked at in between


class Pieces:
    """Brings files over one connection, a step at a time.

    Args:
        connection: an open connection.
        path: the folder there, as the shell there reads it.
        folder: its mirror here.
    """

    def __init__(self, connection: Connection, path: str, folder: Path) -> None:
        self._connection = connection
        self._path = path
        self._folder = folder
        self._piece = 1 << 20

    def bring(self, files: Sequence[File]) -> None:
        """The next step: a piece of the first file, or, where that is small, many small ones.

        Args:
            files: what is not here as it is there, one at least.

        Raises:
            RemoteError: the connection broke.
        """
        first = files[0]
        if listing.has_grown(self._folder, first):
            self._lengthen(first)
        elif first.size > LARGE:
            self._bring_piece(first)
        else:
            whole = (file for file in files if not listing.has_grown(self._folder, file))
            self._bring_small(_batch(file for file in whole if file.size <= LARGE))

    def stands(self, file: File) -> tuple[int, ...]:
        """How far a file has come, in bytes: itself, and the piece of it that is here; -1 for none."""
        here = self._folder / file.path
        return tuple(path.stat().st_size if path.exists() else -1 for path in (here, _part_of(here, file)))

    def _bring_small(self, files: list[File]) -> None:
        sync.pull(self._connection, self._path, self._folder, only=[file.path for file in files])
        for file in files:
            path = self._folder / file.path
            if path.exists():  # the time that was listed: what has changed since is brought again
                os.utime(path, ns=(file.changed, file.changed))

    def _lengthen(self, file: File) -> None:
        """Only what it has grown by, where what is here is its beginning."""
        here = self._folder / file.path
        have = here.stat().st_size
        with here.open("rb") as beginning:
            digest = hashlib.file_digest(beginning, "sha256").hexdigest()
        status, data = self._read(listing.END, file, have, digest, min(self._piece, file.size - have))
        if status == listing.OTHER:
            here.unlink()  # it was begun anew
            return
        write_at(here, have, data)
        if have + len(data) == file.size:
            os.utime(here, ns=(file.changed, file.changed))

    def _bring_piece(self, file: File) -> None:
        target = self._folder / file.path
        part = _part_of(target, file)
        for other in target.parent.glob(f"{part.stem}.*"):
            if other != part:
                other.unlink()
        have = part.stat().st_size if part.exists() else 0
        # Another file, or none, by now: the next listing says so.
        _, data = self._read(listing.PIECE, file, file.size, file.changed, have, self._piece)
        write_at(part, have, data)
        if data and have + len(data) >= file.size:
            os.utime(part, ns=(file.changed, file.changed))
            part.replace(target)

    def _read(self, program: str, file: File, *words: object) -> tuple[int, bytes]:
        """What a program of `listing` says of a file: its exit status, and what it printed if that is 0."""
        began = time.monotonic()
        command = f"{HOLD}; python3 -c {shlex.quote(program)} {self._path}/{shlex.quote(file.path)}"
        result = self._connection.run(" ".join([command, *map(str, words)]), check=False)
        quick = time.monotonic() - began < _PIECE_S
        self._piece = self._piece * 2 if quick else max(1 << 18, self._piece // 2)
        return result.status, result.stdout if result.status == 0 else b""


def _batch(files: Iterable[File]) -> list[File]:
    """The first files, as many as a command of the shell there can name."""
    taken: list[File] = []
    room = _WORDS
    for file in files:
        room -= len(os.fsencode(shlex.quote(file.path))) + len(" ./")
        if len(taken) == _BATCH or (taken and room < 0):
            break
        taken.append(file)
    return taken


def _part_of(target: Path, file: File) -> Path:
    # Not with the name in it, which may be as long as a name can be.
    name = hashlib.blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
    return target.with_name(f"{ASIDE}{name}.{file.changed}")


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Writes into a file from an offset on; makes it where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.write(data)
