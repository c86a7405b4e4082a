"""``python -m awstune.sweeps.worker DIR``: run the sweep in DIR to its end, with nobody watching.

The folder one is in is the project's. What happens goes to stdout, a line an event; SIGTERM stops it as
Ctrl-C would. The exit status is that of ``awstune sweep``.
"""

from __future__ import annotations

import platform
import signal
import sys
from pathlib import Path
from typing import NoReturn

from awstune.errors import AwstuneError
from awstune.sweeps import loop
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.results import history
from awstune.sweeps.spec import Spec


def main() -> None:
    """Run, and leave with the sweep's exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(work(Folder(Path(sys.argv[1]).resolve())))


def work(folder: Folder) -> int:
    """Run the sweep in a folder to its end; its exit status."""
    try:
        executor = make_executor(Spec.read(folder.spec_file), folder)
        for event in loop.run(folder, executor, node=platform.node()):
            _say(event)
    except AwstuneError as error:
        print(f"error: {error.message}\n\nhint: {error.hint}", file=sys.stderr, flush=True)  # noqa: T201  # into worker.log
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    return 0 if any(trial.counts for trial in history(folder).trials) else 3


def _say(event: dict[str, object]) -> None:
    if event["event"] in ("started", "finished", "ended", "note"):
        print(*(f"{key}={value}" for key, value in event.items()), flush=True)  # noqa: T201  # into worker.log


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
