"""kill -9 within a trial's repeats or its confirmation, and Ctrl-C of awstune run: nothing runs twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from awstune.search.space import Float, Space
from awstune.sweeps import journal, marks
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import results
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.faults.workers import finish, start
from tests.waiting import PATIENCE_S, until

# Its third epoch waits for the gate where the run's turn is named in "stop"; all depends on the seed.
SCRIPT = """
import os, pathlib, random, time

def train(trial):
    state = {"sum": 0.0}
    turn = "/".join(trial.dir.parts[trial.dir.parts.index("trials") + 1:])
    for epoch in trial.epochs(3, state=[state]):
        while epoch == 2 and turn == pathlib.Path("stop").read_text() and not os.path.exists("gate"):
            pathlib.Path("waiting").touch()
            time.sleep(0.005)  # until the test has made the gate
        state["sum"] += random.random()
        trial.report(loss=state["sum"] * trial.params["x"])
"""


def new_sweep(tmp_path, stop):
    """The folder of a sweep whose run in that folder waits."""
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "stop").write_text(stop)
    folder = Folder.create(tmp_path, "s", "train")
    target = Target("function", file="train.py", function="train")
    known = {"metric": "loss", "mode": "min", "search": "random", "trials": 3, "seed": 3}
    Spec(target, Space(x=Float(1, 2)), **known, options={"repeats": 3, "confirm": 1}).write(folder.spec_file)
    return folder


def runs(folder):
    """The runs that ended, in order: which, with which seed, to which value."""
    events = journal.read(folder.journal_file).events
    return [
        (e["event"], e["trial"], e.get("repeat", e.get("run")), e["seed"], e["value"])
        for e in events
        if e["event"] in ("repeated", "confirmed")
    ]


def outcome(folder):
    """What must not depend on what happened on the way: no times."""
    found = results(folder)
    kept = ("trial", "params", "value", "sd", "status", "error", "checkpoint")
    return [
        {**{key: trial[key] for key in kept}, "confirmed": (trial["confirmed"] or {}).get("mean")}
        for trial in found["trials"]
    ]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """How the sweep ends when nothing happens to it, and which trial is the best."""
    home = tmp_path_factory.mktemp("reference")
    folder = new_sweep(home, "nowhere")
    finish(folder, home)
    assert len(runs(folder)) == 12
    return runs(folder), outcome(folder), results(folder)["best"]["trial"]


@pytest.mark.parametrize("moment", ["0001", "0001/repeat/1", "best/confirm/2"])
def test_killed_and_resumed(tmp_path, reference, moment):
    """What had ended stays, the run that was lost goes on after its checkpoint, the rest follows."""
    expected, ends, best = reference
    folder = new_sweep(tmp_path, moment.replace("best", f"{best:04d}"))
    worker = start(folder, tmp_path)
    until((tmp_path / "waiting").exists, f"{moment} to wait")
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    until(lambda: not marks.marked(marks.of_sweep(folder.path)), "all of it to be gone")
    before = runs(folder)
    assert before == expected[: len(before)]
    finish(folder, tmp_path)
    assert runs(folder) == expected
    assert outcome(folder) == ends


def awstune(tmp_path, *words):
    """The command, in a process of its own."""
    home = {"AWSTUNE_HOME": str(tmp_path / "home"), "AWSTUNE_CLOUD": "local", "NO_COLOR": "1"}

    return subprocess.Popen(
        [sys.executable, "-m", "awstune", *words],
        cwd=tmp_path,
        env={**os.environ, **home},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupted_run_says_what_it_left(tmp_path, reference):
    """Ctrl-C of awstune run: status 130, what is where, no process left, the journal untouched."""
    folder = new_sweep(tmp_path, "nowhere")
    finish(folder, tmp_path)
    before = folder.journal_file.read_bytes()
    (tmp_path / "gate").unlink()
    (tmp_path / "stop").write_text("0001")
    going = awstune(tmp_path, "run", "s", "--seeds", "2")
    until((tmp_path / "waiting").exists, "the second seed to wait")
    going.send_signal(signal.SIGINT)
    _, said = going.communicate(timeout=PATIENCE_S)
    assert going.returncode == 130, said
    assert "interrupted: run 1 of s has stopped; what it did is in" in said
    assert f"awstune run s --trial {reference[2]} begins anew" in said
    assert not marks.marked(marks.of_sweep(folder.path / "runs" / "1"))
    assert folder.journal_file.read_bytes() == before

    (tmp_path / "gate").touch()
    again = awstune(tmp_path, "run", "s", "--seeds", "2", "--json")
    document = json.loads(again.communicate(timeout=PATIENCE_S)[0])
    assert (again.returncode, document["run"], document["dir"]) == (0, 2, "runs/2")
    first = results(Folder(folder.path / "runs" / "1"))["trials"][0]
    assert first["status"] == "succeeded"
    assert first["value"] not in [run["value"] for run in document["runs"]]
    assert folder.journal_file.read_bytes() == before


def test_a_trial_once_more_is_the_trial(tmp_path):
    """Without new seeds awstune run comes to the trial's own values; its log and checkpoint are kept."""
    folder = new_sweep(tmp_path, "nowhere")
    finish(folder, tmp_path)
    best = results(folder)["best"]
    document = json.loads(awstune(tmp_path, "run", "s", "--json").communicate(timeout=PATIENCE_S)[0])
    assert document["params"] == best["params"]
    assert (document["mean"], document["sd"]) == (best["value"], best["sd"])
    assert [run["seed"] for run in document["runs"]] == [run["seed"] for run in best["repeats"]]
    assert all((folder.path / run["log"]).exists() for run in document["runs"])
    assert len(list((folder.path / document["dir"]).rglob("checkpoint/*"))) == 3

    changed = awstune(tmp_path, "run", "s", "--trial", "1", "--set", "x=7.0", "--json")
    assert json.loads(changed.communicate(timeout=PATIENCE_S)[0])["params"] == {"x": 7.0}
