"""What a sweep's folder on an instance holds, and what of it is still to be brought here.

A file is named by its path, its size and its time of change: one that is not the same in all three is
brought again. Logs only grow, and are brought from where they were; of another file that has grown its end is
brought, where its beginning is what is here; everything else is brought whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from awstune import names
from awstune.search.trials import TrialRecord
from awstune.sweeps.copied import travels

# For any Python 3 of an instance: every file below a folder, and the time there.
LIST = """
import json, os, sys, time
top, found = sys.argv[1], []
for folder, _, files in os.walk(top):
    for name in files:
        path = os.path.join(folder, name)
        try:
            about = os.lstat(path)
        except OSError:
            continue
        if about.st_mode & 0o170000 == 0o100000:
            found.append([os.path.relpath(path, top), about.st_size, about.st_mtime_ns])
print(json.dumps([time.time_ns() if hasattr(time, "time_ns") else int(time.time() * 1e9), found]))
"""
# A piece of one file, if that is still the file that was meant; its descriptor stays the same file's.
PIECE = """
import os, sys
path, size, changed, offset, length = sys.argv[1], *map(int, sys.argv[2:])
with open(path, "rb") as file:
    about = os.fstat(file.fileno())
    if (about.st_size, about.st_mtime_ns) != (size, changed):
        sys.exit(3)
    file.seek(offset)
    sys.stdout.buffer.write(file.read(length))
"""

# What follows so many bytes of a file, if those have this SHA-256; else it says so by its exit status.
OTHER = 3
END = """
import hashlib, sys
path, have, digest, length = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
with open(path, "rb") as file:
    beginning = hashlib.sha256()
    while have:
        data = file.read(min(have, 1 << 20))
        if not data:
            sys.exit(3)
        beginning.update(data)
        have -= len(data)
    if beginning.hexdigest() != digest:
        sys.exit(3)
    sys.stdout.buffer.write(file.read(length))
"""

_CHECKPOINT = re.compile(rf"{names.TRIALS_DIR}/(\d+)/{names.CHECKPOINT_DIR}/")
_SETTLED_NS = 5 * 10**9
_SOME = 1 << 16  # bytes; of what is smaller, the whole costs no more than to ask for its end


@dataclass(frozen=True)
class File:
    """One file there.

    Attributes:
        path: relative to the sweep's folder.
        size: its bytes.
        changed: when it was last written, in nanoseconds since the epoch.
    """

    path: str
    size: int
    changed: int

    @property
    def grows(self) -> bool:
        """Whether it is a log: what was brought of it stays right."""
        return self.path.endswith((".log", f"/{names.LOG_FILE}"))

    @property
    def trial(self) -> int | None:
        """The trial whose checkpoint it is a part of; None for other files."""
        return _trial_of(self.path)


@dataclass(frozen=True)
class Listing:
    """All files there, and the clock there in nanoseconds."""

    now: int
    files: tuple[File, ...]

    @classmethod
    def parse(cls, text: str) -> Listing:
        """What `LIST` printed."""
        now, found = json.loads(text)
        files = (File(*row) for row in found)
        return cls(now, tuple(file for file in files if travels(file.path)))


def missing(folder: Path, listing: Listing, trials: Sequence[TrialRecord], large: float) -> list[File]:
    """What is not here as it is there, what matters most first.

    Args:
        folder: the mirror.
        listing: what is there.
        trials: as the journal here has them: of an unfinished one only the newest checkpoint is brought.
        large: a file of more bytes is left until nobody has written to it for some seconds, unless it is a
            checkpoint, which is never changed in place, or its beginning is here. Infinity leaves nothing.
    """
    newest = _newest(listing, trials)
    wanted = [
        file
        for file in listing.files
        if not _is_here(folder, file)
        and (file.trial is None or file.trial not in newest or file.path in newest[file.trial])
        and (
            file.size <= large
            or file.grows
            or file.trial is not None
            or has_grown(folder, file)
            or listing.now - file.changed > _SETTLED_NS
        )
    ]
    return sorted(wanted, key=lambda file: (_rank(file, newest), file.path))


def stale(
    folder: Path, listing: Listing, trials: Sequence[TrialRecord], kept: Collection[int] = ()
) -> list[Path]:
    """Checkpoints here that are there no more: newer ones took their place, or they are not kept.

    Args:
        folder: the mirror.
        listing: what is there.
        trials: as the journal here has them.
        kept: trials that have ended and whose checkpoints stay. One that ended elsewhere, before the sweep
            went on there, has them here alone.
    """
    newest = _newest(listing, trials)
    stays = {file.path for file in listing.files}
    stays -= {f.path for f in listing.files if f.trial in newest and f.path not in newest[f.trial or 0]}
    only_here = set(kept) - {file.trial for file in listing.files}
    gone = [
        path
        for path in folder.glob(f"{names.TRIALS_DIR}/*/{names.CHECKPOINT_DIR}/**/*")
        if path.is_file() and path.relative_to(folder).as_posix() not in stays
    ]
    return [path for path in gone if _trial_of(path.relative_to(folder).as_posix()) not in only_here]


def has_grown(folder: Path, file: File) -> bool:
    """Whether what is here may be the beginning of what is there; a checkpoint is never changed in place."""
    if file.trial is not None:
        return False
    try:
        here = (folder / file.path).stat().st_size
    except OSError:
        return False
    return _SOME <= here < file.size


def _newest(listing: Listing, trials: Sequence[TrialRecord]) -> Mapping[int, Collection[str]]:
    """The files of the newest checkpoint of each unfinished trial that has one."""
    found: dict[int, list[str]] = {}
    for trial in trials:
        of_it = [file for file in listing.files if file.trial == trial.number]
        if trial.running and of_it:
            path = _last_of(of_it)
            found[trial.number] = [file.path for file in of_it if _first_part(file.path) == path]
    return found


def _trial_of(path: str) -> int | None:
    match = _CHECKPOINT.match(path)
    return int(match[1]) if match else None


def _last_of(files: Sequence[File]) -> str:
    return _first_part(max(files, key=lambda file: (file.changed, file.path)).path)


def _first_part(path: str) -> str:
    # A checkpoint is a file in the checkpoint's folder, or a folder in it with all that it holds.
    return "/".join(path.split("/")[:4])


def _is_here(folder: Path, file: File) -> bool:
    try:
        about = (folder / file.path).stat()
    except OSError:
        return False
    return about.st_size == file.size and (file.grows or about.st_mtime_ns == file.changed)


def _rank(file: File, newest: Mapping[int, object]) -> int:
    if file.grows:
        return 0
    if file.trial is None:
        return 4 if f"/{names.ARTIFACTS_DIR}/" in file.path else 1
    return 2 if file.trial in newest else 3
