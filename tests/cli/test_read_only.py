"""Places that take nothing, as somebody finds them who is not root; root gives that up for these commands."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.cases.case import SPEC, SPEC_SPACE, sweep
from tests.cli.places import seen
from tests.world import TRAIN, World, living_of

ALONE = Path(__file__).with_name("bound.py")
DONE = (
    '{"t": 1.0, "event": "writer", "epoch": 1}\n'
    '{"t": 1.0, "event": "asked", "trial": 0, "epoch": 1, "params": {"x": 0.5}}\n'
    '{"t": 1.0, "event": "finished", "trial": 0, "epoch": 1, "status": "succeeded", "value": 0.25}\n'
)
FILES = {**sweep(SPEC + SPEC_SPACE, DONE), "train.py": TRAIN, "home/known_hosts": ""}


@dataclass(frozen=True)
class Locked:
    """A row: what is read-only, what is typed, and what comes of it."""

    place: str
    words: str
    status: int = 0
    message: str = ""
    hint: str = ""


ROWS = (
    *(
        Locked(place, f"sweep train.py{more}", 2, "cannot write", "go to a folder of yours")
        for place, more in (
            ("sweeps", ""),
            ("sweeps", " --name mine"),
            ("sweeps", " --detach"),
            ("sweeps", " --on lab"),
            ("sweeps", " --launch --yes"),
        )
    ),
    *(
        Locked(f"sweeps/old{file}", f"{command} old", 1, "cannot write", "awstune sweep --spec")
        for file in ("", "/journal.jsonl")
        for command in ("resume", "cancel")
    ),
    Locked("sweeps/old", "resume old --trials +2", 1, "cannot write", "awstune sweep --spec"),
    Locked("sweeps/old", "run old", 2, "cannot write", "see to the permissions"),
    Locked("sweeps/old", "status old"),
    Locked("sweeps/old", "results old"),
    Locked("sweeps/old", "attach old", 1, "old stopped before its end", "awstune resume old"),
    Locked("sweeps", "sweeps"),
    Locked("sweeps", "sweep train.py --dry-run"),
    *(
        Locked("home", words, 2, "cannot write", "set AWSTUNE_HOME")
        for words in ("local start", "launch lab", "sweep train.py --launch", "demo")
    ),
)


@contextmanager
def locked(place: Path):
    """Nobody may write there, nor to anything below."""
    within = [place, *place.rglob("*")]
    for path in within:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        yield
    finally:
        for path in within:
            path.chmod(0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.words} in {row.place}".replace("/", "|"))
def test_a_place_that_takes_nothing(row, tmp_path):
    """Who only looks sees it; all else is refused with one message and its fix, and leaves it as it was."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "home").chmod(0o700)
    world, before = World(tmp_path / "home", tmp_path), seen(tmp_path)
    with locked(tmp_path / row.place):
        done = subprocess.run(
            [sys.executable, str(ALONE), *row.words.split()],
            cwd=tmp_path,
            env={**world.env, "TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == row.status, done.stderr
    told, _, hint = done.stderr.partition("error: ")[2].partition("\n\nhint: ")
    assert row.message in told
    assert row.hint in hint
    assert "unforeseen" not in told
    assert done.stderr.count("error: ") == (1 if row.status else 0)
    assert seen(tmp_path) == before
    assert living_of(tmp_path) == []
