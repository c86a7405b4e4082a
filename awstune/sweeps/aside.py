"""Files that are written aside: whoever looks finds the old one or the new one, and never half of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole(target: Path, prefix: str = ".part-") -> Iterator[BinaryIO]:
    """A file that takes its name when the block ends well, and is gone where it does not.

    Args:
        target: its name; what was there before is replaced. Its folder is there.
        prefix: what it is called until then, with something random behind.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, aside = tempfile.mkstemp(dir=target.parent, prefix=prefix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(aside).replace(target)
    except OSError as error:
        error.filename = error.filename or str(target)  # a write's own error names no file
        raise
    finally:
        Path(aside).unlink(missing_ok=True)
