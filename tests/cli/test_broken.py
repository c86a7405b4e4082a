"""A script that cannot work: the sweep ends early, says why, and goes on when it is mended."""

from __future__ import annotations

import json

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


def test_a_metric_that_no_trial_reports(home, capfd):
    """What the trials do report is named with the command that goes on with it, in that metric's own mode."""
    (home.parent / "train.py").write_text(TRAIN)
    assert run(["sweep", "train.py", "--trials", "6", "--search", "random", "--metric", "acc"]) == 3
    hint = capfd.readouterr().err.partition("\n\nhint: ")[2]
    assert "awstune resume train-1 --metric loss goes on" in " ".join(hint.split())
    assert run(["resume", "train-1", "--metric", "loss"]) == 0
    capfd.readouterr()
    assert run(["status", "train-1", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert run(["results", "train-1", "--json"]) == 0
    values = [
        one["value"] for one in json.loads(capfd.readouterr().out)["trials"] if one["value"] is not None
    ]
    assert document["trials"]["succeeded"] == len(values) == 3
    assert document["best"]["value"] == min(values)
