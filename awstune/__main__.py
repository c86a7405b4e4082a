"""``python -m awstune``, and the ``awstune`` command."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs one command and ends the process with its exit status."""
    # What follows takes a moment to import, and an interrupt in it has nothing to put in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _not_begun)
    _open_standard_streams()
    from awstune.cli.main import main as run

    run()


def _not_begun(*_: object) -> NoReturn:
    try:
        os.write(2, b"interrupted: nothing had begun\n")
    finally:
        os._exit(130)


def _open_standard_streams() -> None:
    """Opens what was closed (``awstune ls >&-``), or the next file would be taken for the terminal."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004  # stdin, stdout, stderr
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    main()
