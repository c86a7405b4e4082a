"""A script that cannot work: the sweep ends early, says why, and goes on when it is mended."""

from __future__ import annotations

import pytest

from awstune.cli.main import run
from tests.world import TRAIN, living_of

BROKEN = TRAIN.replace("    for epoch", "    import nosuchpackage\n    for epoch")
WHY = "ModuleNotFoundError: No module named 'nosuchpackage'"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home of somebody whose folder has a script that fails in every trial."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWSTUNE_HOME", str(tmp_path / "home"))
    (tmp_path / "train.py").write_text(BROKEN)
    return tmp_path / "home"


def test_it_ends_early_and_goes_on_when_it_is_mended(home, capfd):
    """Status 3 after three trials of nine, with the reason and both commands; mended, the rest succeeds."""
    assert run(["sweep", "train.py", "--trials", "9", "--search", "random"]) == 3
    told = capfd.readouterr().err
    assert f"ended: 3 trials in a row failed alike, and none reported loss: {WHY}" in told.replace("\n", " ")
    assert "train-1 ended after 3 trials, and none succeeded" in told
    hint = " ".join(told.partition("\n\nhint: ")[2].split())
    assert hint == (
        "awstune logs train-1 --trial 0 shows more; awstune resume train-1 goes on once it is mended"
    )
    (home.parent / "train.py").write_text(TRAIN)
    assert run(["resume", "train-1"]) == 0
    assert "best of 9 trials" in capfd.readouterr().out
    assert living_of(home) == []
