"""The journal: one writer, no byte at which a crash can spoil it."""

from __future__ import annotations

import fcntl
import json
import math
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awstune.errors import JournalError, SweepBusy
from awstune.search.folding import fold
from awstune.sweeps import journal
from awstune.sweeps.journal import Journal
from tests.waiting import PATIENCE_S, until


def written(path, events=()):
    """A journal of one writer."""
    with Journal(path, now=lambda: 1.0).open() as writer:
        for event, trial, fields in events:
            writer.append(event, trial=trial, **fields)
    return path


def test_an_event_is_a_line(tmp_path):
    """A line holds time, event, trial, the writer's epoch and the event's own fields."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, now=lambda: 12.5).open() as writer:
        event = writer.append("asked", trial=3, params={"lr": 0.1, "wide": (1, 2)}, why="baseline")
    assert event == {
        "t": 12.5,
        "event": "asked",
        "trial": 3,
        "epoch": 1,
        "params": {"lr": 0.1, "wide": [1, 2]},
        "why": "baseline",
    }
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"t": 12.5, "event": "writer", "epoch": 1},
        event,
    ]


def test_what_json_cannot_say_is_text(tmp_path):
    """NaN and infinities are written as the texts that float() reads, so that any JSON reader copes."""
    with Journal(tmp_path / "j").open() as writer:
        event = writer.append("report", trial=0, metrics={"loss": math.nan, "gain": -math.inf})
    assert event["metrics"] == {"loss": "nan", "gain": "-inf"}


def test_each_writer_has_a_higher_epoch(tmp_path):
    """A new writer's epoch is above all that were there."""
    path = tmp_path / "j"
    written(path)
    written(path)
    assert [event["epoch"] for event in journal.read(path).events] == [1, 2]


def test_a_second_writer_is_refused(tmp_path):
    """While one process writes, another one is told so."""
    path = tmp_path / "j"
    assert not journal.is_open(path)
    with Journal(path).open():
        assert journal.is_open(path)
        with pytest.raises(SweepBusy), Journal(path).open():
            pass
    assert not journal.is_open(path)
    written(path)


def test_who_only_looks_keeps_nobody_from_writing(tmp_path):
    """However slow somebody is who looks whether a sweep is running, whoever starts it then waits for him."""
    path, told = written(tmp_path / "j"), []
    with path.open() as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        writer = threading.Thread(target=lambda: told.append(written(path)))
        began = time.monotonic()
        writer.start()
        until(lambda: time.monotonic() > began + 0.6, "longer than a writer would be waited for")
        assert (writer.is_alive(), told) == (True, [])
    writer.join(PATIENCE_S)
    assert told == [path]
    assert [event["epoch"] for event in journal.read(path).events] == [1, 2]


def test_reading_goes_on_where_it_stopped(tmp_path):
    """A reader that follows gets each event once, and a torn tail only when it is whole."""
    path = written(tmp_path / "j", [("a", None, {})])
    first = journal.read(path)
    with path.open("ab") as file:
        file.write(b'{"event":"b"}\n{"event":"c"')
    second = journal.read(path, first.offset)
    assert [event["event"] for event in second.events] == ["b"]
    with path.open("ab") as file:
        file.write(b"}\n")
    assert [event["event"] for event in journal.read(path, second.offset).events] == ["c"]


def test_what_is_no_event_is_skipped_and_counted(tmp_path):
    """Torn lines, other JSON and bytes that are no text are skipped, and their number is known."""
    path = tmp_path / "j"
    path.write_bytes(b'{"event":"a"\n[1]\n{"trial":1}\n\xff\xfe\n{"event":7}\n{"event":"b"}\n\n')
    chunk = journal.read(path)
    assert [event["event"] for event in chunk.events] == ["b"]
    assert chunk.skipped == 5


def test_a_missing_journal_is_empty(tmp_path):
    """A sweep that has not begun has no events."""
    assert journal.read(tmp_path / "none") == journal.Chunk([], 0, 0)


def test_what_cannot_be_opened_is_said(tmp_path):
    """A folder in the journal's place is an error of ours, not a traceback."""
    with pytest.raises(JournalError):
        journal.read(tmp_path)
    with pytest.raises(JournalError), Journal(tmp_path).open():
        pass


def test_a_disk_that_takes_nothing_is_told(tmp_path):
    """What cannot be written is an error of ours, with the way on."""
    with Journal(tmp_path / "j").open() as writer, (tmp_path / "j").open("rb") as unwritable:
        os.dup2(unwritable.fileno(), writer._descriptor)
        with pytest.raises(JournalError) as caught:
            writer.append("asked", trial=0)
    assert "awstune resume" in caught.value.hint


EVENTS = [
    ("sweep", None, {"spec": {"metric": "loss"}}),
    ("asked", 0, {"params": {"lr": 0.1}, "why": "baseline"}),
    ("started", 0, {"seed": 1}),
    ("report", 0, {"step": 0, "metrics": {"loss": 0.5}}),
    ("finished", 0, {"status": "succeeded", "value": 0.5, "seconds": 1.0}),
    ("asked", 1, {"params": {"lr": 0.2}, "why": "näher"}),
]


def test_cut_at_every_byte_it_still_folds_and_goes_on(tmp_path):
    """Whatever byte a crash ends at, the next writer loses no whole line and spoils none of its own."""
    whole = written(tmp_path / "whole", EVENTS).read_bytes()
    path = tmp_path / "cut"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        before = journal.read(path).events
        written(path, [("asked", 7, {"params": {}})])
        after = journal.read(path)
        assert after.events[: len(before)] == before
        assert after.events[-1]["trial"] == 7
        assert after.skipped <= 1
        assert 7 in [trial.number for trial in fold(after.events).trials]


LINES = st.lists(
    st.tuples(
        st.sampled_from(["asked", "started", "report", "finished", "checkpoint", "requeued", "new"]),
        st.integers(0, 3),
        st.fixed_dictionaries(
            {},
            optional={
                "params": st.dictionaries(st.text(max_size=3), st.floats() | st.text(max_size=3), max_size=2),
                "step": st.integers(0, 5),
                "value": st.floats(allow_nan=False, allow_infinity=False),
            },
        ),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(LINES, st.data())
def test_any_journal_cut_anywhere_folds(tmp_path_factory, lines, data):
    """Three writers, each cut off at any byte by the next: what was whole is read, in order."""
    path = Path(tmp_path_factory.mktemp("journal")) / "j"
    known: list[dict] = []
    for _ in range(3):
        written(path, lines)
        content = path.read_bytes()
        start = len(content) // 2
        path.write_bytes(content[: data.draw(st.integers(start, len(content)))])
        now = journal.read(path).events
        assert now[: min(len(known), len(now))] == known[: len(now)]
        known = now
        fold(now)


def test_a_full_disk_loses_no_whole_line(tmp_path):
    """A disk that takes half a line is an error with its way on; the next writer reads all before it."""
    path = tmp_path / "j"
    script = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from awstune.sweeps.journal import Journal\n"
        "from awstune.errors import JournalError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "try:\n"
        "    with Journal(Path(sys.argv[1])).open() as writer:\n"
        "        for n in range(9): writer.append('asked', trial=n, params={'n': n})\n"
        "except JournalError as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert "awstune resume" in done.stdout
    assert path.stat().st_size == 200
    before = journal.read(path).events
    written(path)
    chunk = journal.read(path)
    assert chunk.events[:-1] == before
    assert chunk.skipped == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200
