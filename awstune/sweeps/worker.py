"""``python -m awstune.sweeps.worker DIR``: run the sweep in DIR to its end, with nobody watching.

The folder one is in is the project's. What happens goes to stdout, a line an event; SIGTERM stops it as
Ctrl-C would. The exit status is that of ``awstune sweep``.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from awstune.errors import AwstuneError, SweepBusy, SweepError, UsageError
from awstune.names import WORKER_PID_FILE
from awstune.sweeps import journal, loop, notifying, recruiting, warm
from awstune.sweeps.bucket import Copy
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.onsite import PATIENCE_S, Site, leave_behind
from awstune.sweeps.results import history
from awstune.sweeps.spec import Spec

FAILURES = (AwstuneError.exit_status, UsageError.exit_status)


def main() -> None:
    """Run, and leave with the sweep's exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    began = dict(os.environ)  # what is imported later, such as scikit-learn, adds to it
    folder, site = Folder(Path(sys.argv[1]).resolve()), Site.of(began)
    notify = notifying.take(os.environ)
    copy = None if site is None else site.copy(folder, _warn)
    status = work(folder, site)
    ran = _has_run(folder)  # one that another was quicker than leaves all that comes now to that one
    kept = site is not None and copy is not None and ran and _sent(site, copy)
    if notify is not None:
        _notify(notify, folder, status)
    if site is not None and history(folder).ended is not None:
        _end(site, kept=kept)
    if site is not None and site.at_end is None and ran:
        _leave_standby(site, folder, began)
    sys.exit(status)


def _leave_standby(site: Site, folder: Folder, environ: Mapping[str, str]) -> None:
    """Whoever has the instance may well begin another sweep soon."""
    with suppress(AwstuneError):  # a spec that cannot be read is told already
        spec = Spec.read(folder.spec_file)
        if warm.mentions_torch(spec.target.to_json(Path.cwd())):
            recruiting.begin(site.standbys, spec.python or sys.executable, environ)


def _has_run(folder: Folder) -> bool:
    """Whether this process is the last that took the journal."""
    try:
        return int((folder.path / WORKER_PID_FILE).read_text()) == os.getpid()
    except (OSError, ValueError):
        return False


def _sent(site: Site, copy: Copy) -> bool:
    """Whether all is in the bucket now; the instance's end waits for that, as long as its guard lets it."""
    with site.holding():
        return copy.end(PATIENCE_S)


def work(folder: Folder, site: Site | None = None) -> int:
    """Run the sweep in a folder to its end; its exit status.

    Args:
        folder: the sweep's.
        site: the instance that this is; None for a machine that nobody takes away.
    """
    try:
        standbys = None if site is None else site.standbys
        executor = make_executor(Spec.read(folder.spec_file), folder, standbys=standbys)
        watch = None if site is None else site.watch()
        events = loop.run(folder, executor, node=platform.node(), watch=watch)
        for number, event in enumerate(events):
            if number == 0:  # the journal is this one's
                _sign(folder)
            _say(event)
        if site is not None and watch is not None and watch.notice is not None and watch.notice.final:
            site.lose()
    except SweepBusy as error:
        return _failed(error)
    except AwstuneError as error:
        if site is not None:  # it would fail again: whoever resumes it has mended it
            site.rest()
        return _failed(error)
    except KeyboardInterrupt:
        return 130
    return 0 if any(trial.counts for trial in history(folder).trials) else 3


def _notify(url: str, folder: Folder, status: int) -> None:
    """Tells of the end, or that the sweep cannot go on; what can is not at its end."""
    ended = history(folder).ended is not None
    if not ended and (status not in FAILURES or journal.is_open(folder.journal_file)):
        return
    why_not = notifying.post(url, folder, None if ended else "it cannot go on")
    if why_not is not None:
        _warn(why_not)


def _sign(folder: Folder) -> None:
    """Says whose the journal is now.

    Raises:
        SweepError: it cannot be written.
    """
    file = folder.path / WORKER_PID_FILE
    try:
        file.write_text(f"{os.getpid()}\n")
    except OSError as error:
        hint = f"make room there, then awstune resume {folder.name}"
        raise SweepError(f"cannot write {file}: {error.strerror}", hint) from error


def _warn(what: str) -> None:
    _tell(2, f"warning: {what}")


def _failed(error: AwstuneError) -> int:
    _tell(2, f"error: {error.message}\n\nhint: {error.hint}")
    return error.exit_status


def _tell(stream: int, text: str) -> None:
    """Writes into worker.log, if that takes any more: a sweep goes on without."""
    with suppress(OSError):
        os.write(stream, f"{text}\n".encode(errors="replace"))


def _end(site: Site, *, kept: bool) -> None:
    """Ends an instance that is the sweep's own.

    One whose end is to be terminated loses what nobody has fetched and no bucket has: the guard's idle
    time is there for somebody to come.
    """
    site.rest()
    if site.at_end == "stop" or (site.at_end == "terminate" and kept):
        leave_behind(site)


def _say(event: dict[str, object]) -> None:
    if event["event"] in ("started", "finished", "stopping", "ended", "note"):
        _tell(1, " ".join(f"{key}={value}" for key, value in event.items()))


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
