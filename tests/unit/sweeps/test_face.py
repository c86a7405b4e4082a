"""awstune.sweep() from Python: what it does, and what it refuses before anything is started."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import awstune
from awstune.errors import NothingSucceeded, SpaceError, TargetError, UsageError
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec
from tests.waiting import PATIENCE_S
from tests.world import ran

SCRIPT = """
from awstune import Float, Space, sweep

space = Space(x=Float(-2, 2))

def train(trial):
    return (trial.params["x"] - 1) ** 2

def main():
    best = sweep(train, space, metric="value", mode="min", trials=6, search="random").best
    print(best.number, best.value)

{guard}
    main()
"""


def run(tmp_path, *words):
    """A script's output, run as a user does."""
    command = [sys.executable, *words]
    return ran(command, tmp_path, timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["fit.py"], "fit.py:train"),
        (["-m", "fit"], "fit.py:train"),
        (["-m", "pkg.fit"], "pkg.fit:train"),
        (["pkg/fit.py"], "pkg/fit.py:train"),
    ],
    ids=" ".join,
)
def test_a_script_tunes_itself(tmp_path, words, target):
    """A guarded script runs its own function in trials; a returned float is its value."""
    (tmp_path / "pkg").mkdir()
    for place in (tmp_path, tmp_path / "pkg"):
        (place / "fit.py").write_text(SCRIPT.format(guard='if __name__ == "__main__":'))
    done = run(tmp_path, *words)
    assert done.stderr == ""
    folder = Folder.find(tmp_path, None)
    assert folder.name == "fit-1"
    assert Spec.read(folder.spec_file).target.text == target
    assert done.stdout.split()[0] in "012345"


def test_an_unguarded_script_is_told_to_guard(tmp_path):
    """A sweep() that its own trials would reach is refused with the line, before there is a folder."""
    (tmp_path / "fit.py").write_text(SCRIPT.format(guard="if True:"))
    done = run(tmp_path, "fit.py")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "awstune.errors.UsageError: every trial imports fit.py, and would reach sweep() there (line 14)",
        'hint: guard it, so that only a run of the script gets there: if __name__ == "__main__":',
    ]
    assert not (tmp_path / "sweeps").exists()


def test_a_function_of_another_file_needs_no_guard(tmp_path):
    """Where trials import a file that does not lead to sweep(), there is nothing to guard."""
    (tmp_path / "model.py").write_text("def train(trial):\n    return trial.params['x']\n")
    (tmp_path / "go.py").write_text(
        "import awstune, model\n"
        'print(awstune.sweep(model.train, {"x": "3,2,1"}, mode="min", search="grid").best.params)\n'
    )
    done = run(tmp_path, "go.py")
    assert (done.stdout, done.stderr) == ("{'x': 1}\n", "")


def test_a_closure_travels(tmp_path, monkeypatch):
    """A function without a file of its own is copied into the sweep's folder."""
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


REPL = """
import awstune
x = awstune.Choice(1, 2, 0)
done = awstune.sweep(lambda t: t.params["x"] + 0.5 / t.params["x"], {"x": x}, search="grid", mode="min")
done.best
"""


def test_a_repl_is_told(tmp_path):
    """Where somebody looks on, each trial that ends has its line, and the best one is a line, too."""
    done = ran([sys.executable, "-i", "-q"], tmp_path, input=REPL)
    assert "trial 0: 1.5" in done.stderr
    assert "trial 1: failed: ZeroDivisionError: float division by zero" in done.stderr
    assert "trial 2: 2.25" in done.stderr
    assert done.stdout == "<trial 0: succeeded, value 1.5, {'x': 1}>\n"


def _scaled(trial, by):
    return trial.params["x"] * by


def test_a_partial_travels(tmp_path, monkeypatch):
    """functools.partial, with data or settings bound, is a function like any other."""
    monkeypatch.chdir(tmp_path)
    done = awstune.sweep(functools.partial(_scaled, by=2), {"x": "1,2"}, mode="max", search="grid")
    assert (done.best.value, done.dir.name) == (4.0, "scaled-1")


def test_what_cannot_travel_is_named(tmp_path, monkeypatch):
    """A function that holds something that cannot be copied: the variable, and where to make it instead."""
    monkeypatch.chdir(tmp_path)
    lock = threading.Lock()

    def local(trial):
        with lock:
            return trial.params["x"]

    with pytest.raises(TargetError) as caught:
        awstune.sweep(local, {"x": "1,2"}, mode="min")
    assert "lock, which it uses, cannot be pickled" in caught.value.message
    assert "make it inside local" in caught.value.hint
    assert list((tmp_path / "sweeps").iterdir()) == []


def _scaled_down(trial):
    return trial.params["x"] / 2


def _broken(_trial):
    return 1 / 0


def test_without_one_success_there_is_no_best(tmp_path, monkeypatch):
    """A sweep in which all fails ends as any other; asking for its best says why there is none."""
    monkeypatch.chdir(tmp_path)
    done = awstune.sweep(_broken, {"x": "1,2"}, mode="min", search="grid", name="zero")
    assert [str(trial.status) for trial in done.trials] == ["failed", "failed"]
    with pytest.raises(NothingSucceeded, match=r"zero ended after 2 trials.*: ZeroDivisionError") as caught:
        done.best  # noqa: B018  looking is the test
    assert caught.value.hint == "awstune logs zero --trial 0"
    assert repr(done) == "<Sweep zero: 2 trials, no best>"


def test_numbers_of_numpy(tmp_path, monkeypatch):
    """A seed or a limit that numpy made is the number that it says."""
    monkeypatch.chdir(tmp_path)
    given = {"trials": np.int64(2), "seed": np.uint32(3), "trial_timeout": np.float32(60)}
    done = awstune.sweep(_scaled_down, {"x": "0..1.0"}, mode="min", search="random", name="np", **given)
    spec = Spec.read(done.dir / "sweep.toml")
    assert (spec.trials, spec.seed, spec.options["trial_timeout"]) == (2, 3, 60.0)


@pytest.mark.parametrize(
    ("function", "given", "kind", "message"),
    [
        (3, {}, TargetError, "takes a function"),
        (os.getcwd, {}, TargetError, "cannot be given a trial"),
        (_scaled, {}, TargetError, "cannot be given a trial"),
        (abs, {"trials": 0}, UsageError, "trials = 0"),
        (abs, {"trials": 2.5}, UsageError, "trials = 2.5"),
        (abs, {"parallel": 0}, UsageError, "parallel = 0"),
        (abs, {"parallel": "many"}, UsageError, "parallel = 'many'"),
        (abs, {"mode": "up"}, UsageError, "mode = 'up'"),
        (abs, {"value": "first"}, UsageError, "value = 'first'"),
        (abs, {"seed": "a"}, UsageError, "seed = 'a'"),
        (abs, {"keep": "some"}, UsageError, "keep = 'some'"),
        (abs, {"repeats": True}, UsageError, "repeats = True"),
        (abs, {"trial_timeout": "60s"}, UsageError, "trial_timeout = '60s'"),
        (abs, {"max_time": float("nan")}, UsageError, "max_time = nan"),
        (abs, {"stop_early": "soon"}, UsageError, "stop_early = 'soon'"),
        (abs, {"stop_when": "bored"}, UsageError, "bored is no rule"),
        (abs, {"acquisition": "luck"}, UsageError, "no acquisition called luck"),
        (abs, {"metric_regex": "loss=(.)"}, UsageError, "is for commands"),
        (abs, {"metric_file": "m.csv"}, UsageError, "is for commands"),
        (abs, {"trial_timout": 3}, UsageError, "no option trial_timout"),
        (abs, {"search": "magic"}, UsageError, "magic"),
        (abs, {"search": "grid"}, SpaceError, "x"),
        (abs, {"name": "../x"}, UsageError, "cannot be the name"),
    ],
)
def test_refusals(tmp_path, monkeypatch, function, given, kind, message):
    """What cannot be is refused in its own words, with a hint, and no folder is left."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=message) as caught:
        awstune.sweep(function, {"x": "0..1.0"}, **{"mode": "min", **given})
    assert caught.value.hint
    assert "--" not in caught.value.message + caught.value.hint  # flags are of another face
    assert not list(tmp_path.glob("sweeps/*"))


def test_a_misspelt_option_is_guessed(tmp_path, monkeypatch):
    """The hint names the option that was meant, and a traceback shows the hint."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        awstune.sweep(abs, {"x": "1,2"}, trial_timout=3)
    assert caught.value.__notes__ == ["hint: did you mean trial_timeout?"]


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
