"""TARGET: what can be typed, and what each way to be wrong is called."""

from __future__ import annotations

import os
import sys

import pytest

from awstune.errors import SpaceError, TargetError
from awstune.search.space import Float, Space
from awstune.sweeps import asking
from awstune.sweeps.inspection import inspect
from awstune.sweeps.target import Target, mode_of, of_command, parse
from tests.waiting import PATIENCE_S


def script(tmp_path, text, name="train.py"):
    """A script with that text, parsed as a TARGET."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return parse(name, tmp_path)


def look(target, tmp_path, **options):
    """What an inspection finds."""
    return inspect(target, tmp_path, sys.executable, **options)


def test_what_can_be_typed(tmp_path):
    """A file, a file and a function, a module and a function; files relative to where one is."""
    (tmp_path / "train.py").touch()
    assert parse("train.py", tmp_path) == Target("function", file="train.py", function="train")
    assert parse("./train.py:main", tmp_path) == Target("function", file="train.py", function="main")
    assert parse("pkg.mod:fit", tmp_path) == Target("function", module="pkg.mod", function="fit")
    assert parse(str(tmp_path / "train.py"), tmp_path / "..").file == f"{tmp_path.name}/train.py"
    assert parse("train.py", tmp_path).text == "train.py:train"


@pytest.mark.parametrize("text", ["gone.py", ".", "data.csv", "no/such", "a b", "", ":train", "1.2:x"])
def test_what_cannot_be_a_target(tmp_path, text):
    """What is not there, no Python file, or no name at all is refused with what would do."""
    (tmp_path / "data.csv").touch()
    with pytest.raises(TargetError) as caught:
        parse(text, tmp_path)
    assert caught.value.hint


def test_a_missing_script_names_those_that_are_there(tmp_path):
    """A mistyped script is seldom alone in its folder."""
    script(tmp_path, "", "train.py")
    with pytest.raises(TargetError) as caught:
        parse("tain.py", tmp_path)
    assert "train.py" in caught.value.hint


def test_stems():
    """A sweep is called after its script, its module or the script within its command."""
    assert Target("function", file="a/my train.py", function="f").stem == "my-train"
    assert Target("function", module="pkg.mod", function="f").stem == "mod"
    assert of_command(["python", "x/fit.py", "--lr", "{lr}"]).stem == "fit"
    assert of_command(["./run", "{args}"]).stem == "run"
    assert Target("pickle", file="f.pkl", function="<lambda>").stem == "lambda"
    with pytest.raises(TargetError):
        of_command([])


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("loss", "min"),
        ("val_loss", "min"),
        ("valLoss", "min"),
        ("top5_error", "min"),
        ("RMSE", "min"),
        ("perplexity", "min"),
        ("val_accuracy", "max"),
        ("valAcc", "max"),
        ("f1", "max"),
        ("val/F1", "max"),
        ("roc_auc", "max"),
        ("value", None),
        ("glossy", None),
        ("accuracy_loss", None),
        ("", None),
    ],
)
def test_obvious_names_have_a_mode(metric, mode):
    """A mode follows from an obvious name and from nothing else."""
    assert mode_of(metric) == mode


def test_a_good_target_is_read(tmp_path):
    """Space, metric and mode come from the module, which finds its neighbours."""
    (tmp_path / "neighbour.py").write_text("low = 1e-5\n")
    target = script(
        tmp_path,
        "from awstune import Float, Space\nimport neighbour, sys, json\n"
        "assert sys.argv[0].endswith('train.py') and len(sys.argv) == 1\n"
        "space = Space(lr=Float(neighbour.low, 1e-1, log=True))\nmetric = 'acc'\nmode = 'max'\n"
        "print('noise')\ndef train(trial): ...\n",
    )
    found = look(target, tmp_path)
    assert dict(found.space) == dict(Space(lr=Float(1e-5, 1e-1, log=True)))
    assert (found.metric, found.mode) == ("acc", "max")


def test_a_space_may_be_plain(tmp_path):
    """A dict of compact forms is a space too; no space at all is None."""
    plain = look(script(tmp_path, "space = {'lr': '1e-3..1e-1:log'}\ndef train(t): ...", "a.py"), tmp_path)
    assert dict(plain.space) == dict(Space(lr=Float(1e-3, 1e-1, log=True)))
    assert look(script(tmp_path, "def train(t): ...", "b.py"), tmp_path).space is None


def test_a_module_is_imported_from_where_one_is(tmp_path):
    """pkg.mod:function works as python -m does."""
    script(tmp_path, "from . import other\nspace = {'n': other.n}\ndef fit(trial): ...", "pkg/mod.py")
    (tmp_path / "pkg" / "other.py").write_text("n = 3\n")
    assert look(parse("pkg.mod:fit", tmp_path), tmp_path).space["n"].value == 3
    with pytest.raises(TargetError) as caught:
        look(parse("pkg/mod.py:fit", tmp_path), tmp_path)
    assert "pkg.mod:fit" in caught.value.hint


def test_a_script_may_be_called_like_a_module_of_pythons(tmp_path):
    """A script named json.py is still itself."""
    assert (
        look(script(tmp_path, "space = {'n': 3}\ndef train(t): ...", "json.py"), tmp_path).space["n"].value
        == 3
    )


TRAINS = """
import torch
w = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for step in range(10):
    w.sum().backward()
    optimizer.step()
def train(trial): ...
"""

PROBLEMS = {
    "no function": ("def fit(trial): ...", "no function train", "train.py:fit"),
    "nothing": ("x = 1", "no function train", "def train(trial)"),
    "two arguments": ("def train(lr, width): ...", "takes 2 arguments", "def train(trial)"),
    "syntax": ("def train(trial):\n  return (", "syntax error at line 2", ""),
    "missing package": (
        "import no_such_package.sub\n",
        "needs no_such_package, which",
        "install what provides no_such_package there",
    ),
    "missing name": ("from json import no_such\n", "cannot import name 'no_such'.*line 1", ""),
    "arguments": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()",
        "parses its arguments when it is imported .line 4",
        "__name__",
    ),
    "exits": ("import sys\nsys.exit()", "exits when it is imported .line 2", "__name__"),
    "dies": ("import os\nos.kill(os.getpid(), 9)", "SIGKILL", ""),
    "raises": ("\n1 / 0", "ZeroDivisionError: division by zero .line 2", ""),
    "asks": ("input('go on?')", "EOFError", ""),
    "trains": (TRAINS, "trains when it is imported .line 7", "__name__"),
    "metric": ("metric = 3\ndef train(t): ...", "metric is 3", "metric = "),
    "mode": ("mode = 'up'\ndef train(t): ...", "mode is 'up'", "min"),
    "list": ("space = [1]\ndef train(t): ...", "space is of type list", ""),
    "sweeps": (
        "from awstune import sweep\ndef train(t): ...\nsweep(train, {'lr': '0..1'})",
        "sweep.. was reached while a trial imported the script .line 3",
        "__name__",
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_problem_has_its_own_words(tmp_path, problem):
    """What is wrong with a target is said with its line and what mends it."""
    text, message, hint = PROBLEMS[problem]
    with pytest.raises(TargetError, match=message) as caught:
        look(script(tmp_path, text), tmp_path)
    assert hint in caught.value.hint
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize("text", ["while True: pass", "import signal\nsignal.pause()"])
def test_a_target_that_never_ends_being_imported(tmp_path, text):
    """A hang is told from a slow start by the limit, and the line is named."""
    with pytest.raises(TargetError, match=r"still busy being imported after 0\.3 s .line \d"):
        look(script(tmp_path, text), tmp_path, timeout_s=0.3)


def test_a_broken_space_is_told(tmp_path):
    """A space that cannot be is refused in the space's own words."""
    target = script(tmp_path, "from awstune import *\nfrom awstune import Float\nFloat(1, 0)")
    with pytest.raises(TargetError) as caught:
        look(target, tmp_path)
    assert "line 3" in caught.value.message
    with pytest.raises(SpaceError):
        look(script(tmp_path, "space = {'lr': '1...5'}\ndef train(t): ..."), tmp_path)


def test_a_python_that_is_not_there(tmp_path):
    """A wrong --python is a usage error."""
    target = script(tmp_path, "def train(t): ...")
    with pytest.raises(TargetError, match="cannot be run"):
        inspect(target, tmp_path, str(tmp_path / "python"))


def test_a_command_is_not_run(tmp_path):
    """Nothing of a command is tried before the first trial."""
    assert look(of_command(["touch", str(tmp_path / "ran")]), tmp_path).space is None
    assert not (tmp_path / "ran").exists()


def test_the_first_of_two_answers_counts():
    """Where the clock of a probe and its work come to an end at once, both have an answer."""
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "wb") as probe:
        probe.write(b'\n{"problem": "hangs"}{"space": null}')
        probe.close()
        assert asking._read(reading, PATIENCE_S) == {"problem": "hangs"}
