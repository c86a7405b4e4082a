"""End a sweep, or one of its trials, whoever runs it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from awstune.errors import UsageError
from awstune.search.trials import History, Status, TrialRecord
from awstune.sweeps import journal
from awstune.sweeps.aside import named
from awstune.sweeps.journal import Journal
from awstune.sweeps.results import history

if TYPE_CHECKING:
    from awstune.sweeps.folder import Folder


def cancel(folder: Folder, trial: int | None = None) -> bool:
    """Ask whoever runs the sweep to end it, or a trial; where nobody does, write so into its journal.

    Args:
        folder: the sweep's.
        trial: one trial only.

    Returns:
        Whether it is done; False where it was asked for, and takes its time.

    Raises:
        UsageError: that trial is not running.
    """
    known, alive = history(folder), journal.is_open(folder.journal_file)
    refuse_idle(folder, known, trial, alive=alive)
    if alive:
        _ask(folder, trial)
    else:
        records = [record for record in known.running if trial in (None, record.number)]
        _write(folder, records, whole=trial is None)
    return not alive


def refuse_idle(folder: Folder, known: History, trial: int | None, *, alive: bool = True) -> None:
    """A trial that is neither running nor being confirmed cannot be ended.

    Args:
        folder: the sweep's.
        known: its history.
        trial: the trial; None for the sweep.
        alive: whether the sweep runs: only then is anything being confirmed.

    Raises:
        UsageError: that trial is not.
    """
    confirming = [record.number for record in known.trials if alive and record.confirming is not None]
    going_on = [*(record.number for record in known.running), *confirming]
    if trial is not None and trial not in going_on:
        raise UsageError(f"trial {trial} is not running", f"awstune results {folder.name} shows how it ended")


def request(trial: int | None) -> str:
    """The line of ``requests.jsonl`` that asks for it, without its end; None stands for the sweep."""
    return json.dumps({"cancel": "sweep" if trial is None else trial})


def _ask(folder: Folder, trial: int | None) -> None:
    with named(folder.requests_file), folder.requests_file.open("a") as file:
        file.write(request(trial) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _write(folder: Folder, records: list[TrialRecord], *, whole: bool) -> None:
    with Journal(folder.journal_file).open() as writer:
        for record in records:
            writer.append("finished", trial=record.number, status=str(Status.CANCELLED), value=None)
        if whole:
            writer.append("ended", reason="cancelled")


class Requests:
    """What the process that runs a sweep is asked from now on."""

    def __init__(self, folder: Folder) -> None:
        self._path = folder.requests_file
        self._offset = self._path.stat().st_size if self._path.exists() else 0

    def new(self) -> list[int | None]:
        """The trials to cancel; None stands for the sweep."""
        if not self._path.exists() or self._path.stat().st_size <= self._offset:
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        asked = [_asked(line) for line in whole.splitlines()]
        return [None if what == "sweep" else int(what) for what in asked if what is not None]


def _asked(line: bytes) -> str | int | None:
    """What a line asks to end; None where it does not parse, which must end no sweep."""
    try:
        what = json.loads(line)["cancel"]
    except (ValueError, KeyError, TypeError):
        return None
    return what if what == "sweep" or type(what) is int else None
