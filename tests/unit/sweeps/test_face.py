"""awstune.sweep() from Python: scripts, closures, and the mistakes that come with them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import awstune
from awstune.errors import UsageError
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec

SCRIPT = """
from awstune import Float, Space, sweep

space = Space(x=Float(-2, 2))

def train(trial):
    return (trial.params["x"] - 1) ** 2

{guard}
    best = sweep(train, space, metric="value", mode="min", trials=6, search="random").best
    print(best.number, best.value)
"""


def run(tmp_path, text):
    """A script's output, run as a user does."""
    (tmp_path / "fit.py").write_text(text)
    words = [sys.executable, "fit.py"]
    return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)


def test_a_script_tunes_itself(tmp_path):
    """A guarded script runs its own function in trials; a returned float is its value."""
    done = run(tmp_path, SCRIPT.format(guard='if __name__ == "__main__":'))
    assert done.stderr == ""
    folder = Folder.find(tmp_path, None)
    assert folder.name == "fit-1"
    assert Spec.read(folder.spec_file).target.text == "fit.py:train"
    assert done.stdout.split()[0] in "012345"


def test_an_unguarded_script_is_told_to_guard(tmp_path):
    """A sweep() that its own trials reach is an error that says what to do, in their logs."""
    done = run(tmp_path, SCRIPT.format(guard="if True:"))
    assert "AttributeError" in done.stderr  # of best, which is None
    log = Folder.find(tmp_path, None).log_file(0).read_text()
    assert "sweep() was reached while a trial imported the script" in log


def test_a_closure_travels(tmp_path, monkeypatch):
    """A function without a file of its own is pickled into the sweep's folder."""
    monkeypatch.chdir(tmp_path)
    offset, events = 0.5, []

    def local(trial):
        trial.report(loss=trial.params["x"] + offset)

    done = awstune.sweep(local, {"x": "1,2,3"}, search="grid", on_event=events.append)
    assert done.best.params == {"x": 1}
    assert done.best.value == 1.5
    assert len(done.trials) == 3
    assert done.dir == tmp_path / "sweeps" / "local-1"
    assert events[-1]["event"] == "ended"


def test_inside_a_trial_it_is_refused(monkeypatch):
    """Within a sweep no other one is started."""
    monkeypatch.setenv("AWSTUNE_SWEEP", "x#1")
    with pytest.raises(UsageError) as caught:
        awstune.sweep(print, {"x": "1,2"})
    assert "__name__" in caught.value.hint


def test_the_face_is_light():
    """Importing awstune loads nothing heavy, and knows no names but its own."""
    script = (
        "import sys, awstune; heavy = {'numpy', 'torch', 'boto3', 'scipy', 'click', 'psutil'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in awstune.__all__:
        assert getattr(awstune, name)
    with pytest.raises(AttributeError):
        awstune.no_such_name  # noqa: B018  looking is the test
    assert "AWSTUNE_SWEEP" not in os.environ
