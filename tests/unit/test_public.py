"""The names of ``import awstune``: each has an example that runs, and a user's typed script passes mypy."""

from __future__ import annotations

import doctest
import sys

import pytest

import awstune
from tests.waiting import PATIENCE_S
from tests.world import ran

# product.md's example and what lies beside it, as somebody writes it who runs mypy --strict.
TYPED = '''
from awstune import Choice, Correlated, Fixed, Float, Int, Search, Space, Trial, sweep

space = Space(
    lr=Float(1e-5, 1e-1, log=True, default=1e-3),
    width=Int(16, 256, log=True),
    opt=Choice("sgd", "adam"),
    momentum=Float(0, 0.99, when={"opt": "sgd"}),
    epochs=Fixed(3),
    joint=[Correlated("lr", "width", rho=0.5)],
    constraints=["width <= 200"],
)


def train(trial: Trial) -> None:
    """Reports, keeps state, and looks at what a trial has."""
    width: int = trial.params["width"]
    for epoch in trial.epochs(3, state=[{"seen": 0}]):
        trial.report(val_accuracy=1.0 - width / 1000 + 0.01 * epoch)
    kept = trial.dir / f"{trial.number}-{trial.seed}.txt"
    kept.write_text("stopped" if trial.stopped else "ran to its end")


def score(trial: Trial) -> float:
    """A returned float is reported as value."""
    return float(trial.params["lr"])


def ask_and_tell() -> tuple[float, int]:
    """A loop of one's own."""
    search = Search(space, "random", mode="min", seed=0)
    first, second = search.ask(), search.ask()
    search.tell(second, failed="diverged")
    search.tell(first, score(Trial(**first.params)))
    return search.best.value, search.best.params["width"] + first.number


if __name__ == "__main__":
    train(Trial(lr=1e-3, width=64, opt="sgd", momentum=0.9))
    print(ask_and_tell())
    best = sweep(train, space, metric="val_accuracy", mode="max", trials=3, search="random").best
    print(best.number, best.params["lr"], best.value)
    done = sweep(score, {"lr": "1e-5..1e-1:log"}, mode="min", trials=2, search="random", trial_timeout=60)
    print((done.dir / "sweep.toml").exists(), [trial.value for trial in done.trials])
'''


@pytest.fixture
def script(tmp_path):
    """The script as a file."""
    file = tmp_path / "user.py"
    file.write_text(TYPED)
    return file


def run(script, *words):
    """What a Python says of the script."""
    command = [sys.executable, *words, script.name]
    return ran(command, script.parent, timeout=PATIENCE_S)


def test_a_typed_script_passes_mypy_strict(script):
    """The installed package is typed: mypy --strict has nothing to say of a user's script."""
    done = run(script, "-m", "mypy", "--strict", "--config-file=", "--python-executable", sys.executable)
    assert done.stdout == "Success: no issues found in 1 source file\n"


def test_mypy_sees_what_is_wrong(script):
    """The types are real ones: a misuse of each name is an error."""
    wrong = (
        "Space(lr=3)",
        'Float("a", 1)',
        'Choice("a", "b", weights="x")',
        'sweep(print, space, mode="up")',
        "Search(space).tell(3)",
        "Trial().epochs('x')",
        "sweep(score, space).best.value.upper()",
    )
    script.write_text(f"{TYPED}\n" + "\n".join(wrong))
    done = run(script, "-m", "mypy", "--strict", "--config-file=", "--python-executable", sys.executable)
    lines = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    assert len(lines) == len(wrong), done.stdout


def test_the_typed_script_runs(script):
    """The same script does what it says."""
    done = run(script)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("True [")


@pytest.mark.parametrize("name", awstune.__all__)
def test_its_example_runs(name, tmp_path, monkeypatch):
    """Each public name has an example in its docstring, and the example says the truth."""
    monkeypatch.chdir(tmp_path)
    public = getattr(awstune, name)
    # sweep's own module is its example's: what is defined there has no file, as in a notebook.
    found = doctest.DocTestFinder(recurse=False).find(
        public, name, globs={name: public, "__name__": "example"}
    )
    assert sum(len(test.examples) for test in found) > 0
    told = []
    for test in found:
        doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert "".join(told) == ""
