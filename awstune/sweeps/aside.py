"""Files that are written whole: whoever looks finds the old one or the new one, and never half of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from awstune.names import ASIDE


@contextmanager
def whole(target: Path, prefix: str = ASIDE, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A file that takes its name when the block ends well, and is gone where it does not.

    Args:
        target: its name; what was there before is replaced. Its folder is there.
        prefix: what it is called until then, with something random behind.
        durable: whether it takes its name only when the disk has it, so that a power cut empties nothing.

    Raises:
        OSError: it cannot be written.
    """
    with named(target):
        descriptor, aside = tempfile.mkstemp(dir=target.parent, prefix=prefix)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            Path(aside).replace(target)
        finally:
            Path(aside).unlink(missing_ok=True)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Has an error of the disk name a file: that of an open does so by itself, and that of a write does not.

    Raises:
        OSError: as it came, with a ``filename``.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
