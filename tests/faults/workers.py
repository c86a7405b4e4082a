"""A sweep's detached worker: started, waited for, and whether anything of it lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import psutil

from awstune.sweeps import journal, marks
from tests.waiting import PATIENCE_S, until


def start(folder, tmp_path, variables=None, before=None):
    """A detached worker, as the command line starts one.

    Args:
        folder: the sweep's.
        tmp_path: the folder that one is in.
        variables: of its environment, beside its own.
        before: called in the new process ahead of the worker.
    """
    words = [sys.executable, "-m", "awstune.sweeps.worker", str(folder.path)]
    env = {**os.environ, **(variables or {})}
    with folder.worker_log_file.open("ab") as log:
        return subprocess.Popen(
            words,
            cwd=tmp_path,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=before,  # noqa: PLW1509  # a limit that only the new process shall have, before it has threads
        )


def finish(folder, tmp_path):
    """Run the sweep to its end."""
    (tmp_path / "gate").touch()
    worker = start(folder, tmp_path)
    assert worker.wait(PATIENCE_S) == 0, folder.worker_log_file.read_text()


def reaches(folder, kind, trial):
    """Wait until the journal has that event of that trial."""

    def has():
        events = journal.read(folder.journal_file).events
        return any(event["event"] == kind and event.get("trial") == trial for event in events)

    until(has, lambda: f"{kind} of trial {trial}: {folder.worker_log_file.read_text()}")


def kill_all(place):
    """Kills whatever has something of a folder on its command line."""
    for process in psutil.process_iter(["cmdline"]):
        if str(place) in " ".join(process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):  # it was about to end
                process.kill()


def called(processes, word):
    """Those with that word among those of their command line."""
    return [process for process in processes if word in _words(process)]


def _words(process):
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return ()


def nothing_lives(folder):
    """Wait until all processes of the sweep are gone, which they are soon and by themselves."""
    # A process that was just being started when its parent died holds the journal until it notices.
    until(
        lambda: not marks.marked(marks.of_sweep(folder.path)) and not journal.is_open(folder.journal_file),
        lambda: f"the end of {[process.cmdline() for process in marks.marked(marks.of_sweep(folder.path))]}",
    )
