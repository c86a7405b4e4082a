"""Commands with holes, and metrics picked from what they print."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.errors import TargetError, UsageError
from awstune.search.space import Choice, Float, Space
from awstune.search.trials import Status
from awstune.sweeps import loop, words
from awstune.sweeps.executor import Finished, Job, Reported
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.picking import Picker
from awstune.sweeps.results import results
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import of_command
from tests.waiting import hear, so_many

PARAMS = {"lr": 0.001, "model.width": 64, "opt": "adam", "nesterov": True, "decay": None}


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["--lr", "{lr}"], ["--lr", "0.001"]),
        (["--lr={lr}", "{opt}-{model.width}"], ["--lr=0.001", "adam-64"]),
        (["{{lr}}", "{{", "}}"], ["{lr}", "{", "}"]),
        (["{nesterov}", "{decay}"], ["true", "none"]),
        (["a b; rm *"], ["a b; rm *"]),
    ],
)
def test_holes_are_filled(command, filled):
    """A word stays a word, whatever it holds; doubled braces are braces."""
    assert words.fill(command, PARAMS) == filled


def test_all_at_once():
    """{args} is --name value and {hydra} is name=value, a word each, or within a word joined."""
    params = {"lr": 0.1, "opt": None}
    assert words.fill(["x", "{args}"], params) == ["x", "--lr", "0.1", "--opt", "none"]
    assert words.fill(["{hydra}"], params) == ["lr=0.1", "opt=null"]
    assert words.fill(["sh -c 'x {args}'"], params) == ["sh -c 'x --lr 0.1 --opt none'"]
    assert words.fill(["{hydra},seed=1"], params) == ["lr=0.1 opt=null,seed=1"]


@given(st.text(max_size=20))
def test_any_word_can_be_filled(word):
    """No word is too odd: what is no hole stays, and braces that do not match harm nobody."""
    filled = words.fill([word], {})
    assert len(filled) == (word not in ("{args}", "{hydra}"))  # a word for each of no parameters
    if "{" not in word and "}" not in word:
        assert filled == [word]


def test_a_command_must_fit_its_space():
    """A parameter without a place, and a hole without a parameter, are refused before anything runs."""
    words.check(["x", "{lr}", "{{y}}"], ["lr"])
    words.check(["x", "{args}"], ["lr", "width"])
    with pytest.raises(TargetError, match="no place for width"):
        words.check(["x", "{lr}"], ["lr", "width"])
    with pytest.raises(TargetError, match=r"\{rate\} is no parameter"):
        words.check(["x", "{rate}", "{args}"], ["lr"])


def test_lines_of_our_own():
    """Reports are lines that begin with awstune:, also behind a carriage return, cut anywhere."""
    picker = Picker()
    text = "hello\nawstune: loss=0.5 epoch=3\n  awstune: acc=0.25 epoch=3\n"
    text += "bar 10%\rawstune: loss=nan\nx awstune: a=1\n"
    found = [report for letter in text for report in picker.feed(letter)]
    assert found[:2] == [(3, {"loss": 0.5}), (3, {"loss": 0.5, "acc": 0.25})]
    assert found[2][0] == 4
    assert len(found) == 3
    assert picker.feed("awstune: loss=2") == []
    assert picker.feed("", end=True) == [(5, {"loss": 2.0})]


@pytest.mark.parametrize(
    "line",
    [
        " 50%|#####     | 5/10 [00:01<00:01,  9.8it/s]awstune: loss=0.5 epoch=3",
        "2026-01-01 12:00:00 [INFO] awstune: loss=0.5, epoch=3",
        "INFO:root:awstune: epoch=3; loss=0.5.",
        "[default0]:awstune: loss=0.5 epoch=3",
    ],
)
def test_lines_of_our_own_behind_others(line):
    """What a logger, a launcher or a progress bar has put before one does not hide it."""
    assert Picker().feed(f"{line}\n") == [(3, {"loss": 0.5})]


@pytest.mark.parametrize("number", ["1,234.50", "1,234,567", "0,31", "1,2;"])
def test_a_comma_within_a_number(number):
    """A number that is written with commas is none: half of it would be another one."""
    assert Picker().feed(f"awstune: loss={number} acc=0.5,top5=0.75,1x=2 epoch=3\n") == [
        (3, {"acc": 0.5, "top5": 0.75, "1x": 2.0})
    ]


def test_lines_that_say_nothing():
    """Lines of ours without a number, or with a step alone, are no reports."""
    assert Picker().feed("awstune: \nawstune: loss\nawstune: loss=high\nawstune: epoch=3\n") == []


def test_patterns():
    """A named group is a metric, an epoch says what it is about, the only group is the sweep's metric."""
    named = Picker([r"Epoch (?P<epoch>\d+).*val_loss: (?P<val_loss>[\d.]+)"])
    assert named.feed("Epoch 7/20 - loss: 0.1 - val_loss: 0.25\nEpoch 8/20 val_loss: oops\n") == [
        (7, {"val_loss": 0.25})
    ]
    assert Picker([r"acc=(\S+)"], "acc").feed("acc=0.5 then acc=0.75\n") == [
        (0, {"acc": 0.5}),
        (1, {"acc": 0.75}),
    ]
    assert Picker([r"acc=(\S+)"]).feed("acc=0.5\n") == [(0, {"value": 0.5})]


@pytest.mark.parametrize(("pattern", "message"), [("(", "metric-regex"), ("acc", "has no group")])
def test_broken_patterns(pattern, message):
    """A pattern that is none, or finds nothing, is status 2."""
    with pytest.raises(UsageError, match=message):
        Picker([pattern])


@given(st.text(max_size=200), st.integers(1, 7))
def test_any_output_can_be_read(text, size):
    """Output of any kind, in pieces of any size, is read without an error, and the same as in one piece."""
    whole = Picker([r"(\d+)"]).feed(text, end=True)
    picker = Picker([r"(\d+)"])
    pieces = [picker.feed(text[i : i + size]) for i in range(0, len(text), size)]
    assert repr([report for piece in pieces for report in piece] + picker.feed("", end=True)) == repr(whole)


def test_a_line_without_an_end_is_not_kept(tmp_path):
    """Megabytes without a newline do not pile up."""
    picker = Picker()
    for _ in range(100):
        picker.feed("x" * 100_000)
    assert len(picker._rest) <= 1 << 16


SCRIPT = """
import sys
lr = float(sys.argv[1])
for epoch in range(3):
    print(f"step {epoch} score {lr * (epoch + 1)}")
"""


def new_sweep(tmp_path, command, **changes):
    """The folder of a sweep over a command."""
    folder = Folder.create(tmp_path, None, "train")
    space = Space(lr=Float(0.1, 1.0), opt=Choice("a", "b"))
    known = {"metric": "score", "mode": "max", "search": "random", "trials": 3, **changes}
    Spec(of_command(command), space, **known).write(folder.spec_file)
    return folder


def test_a_sweep_over_any_program(tmp_path):
    """A program that knows nothing of awstune is tuned by what it prints."""
    (tmp_path / "program.py").write_text(SCRIPT)
    command = [sys.executable, "program.py", "{lr}", "{opt}"]
    pattern = r"step (?P<step>\d+) score (?P<score>\S+)"
    folder = new_sweep(tmp_path, command, options={"metric_regex": pattern})
    list(loop.run(folder, make_executor(Spec.read(folder.spec_file), folder, tmp_path)))
    found = results(folder)
    assert [t["steps"] for t in found["trials"]] == [3, 3, 3]
    assert found["best"]["value"] == pytest.approx(3 * max(t["params"]["lr"] for t in found["trials"]))


def test_a_program_that_is_not_there(tmp_path):
    """A trial whose program cannot be found fails and says which."""
    folder = new_sweep(tmp_path, ["./no-such-program", "{args}"], trials=1)
    list(loop.run(folder, make_executor(Spec.read(folder.spec_file), folder, tmp_path)))
    assert results(folder)["trials"][0]["error"] == "there is no program ./no-such-program"
    assert "No such file" in folder.log_file(0).read_text()


def test_a_program_that_is_told_to_stop(tmp_path):
    """A program cannot look whether it should stop: it is ended, and counts as stopped early."""
    script = "print('awstune: score=1', flush=True)\nimport time; time.sleep(600)"  # until it is ended
    folder = new_sweep(tmp_path, [sys.executable, "-c", script, "{args}"])
    executor = make_executor(Spec.read(folder.spec_file), folder, tmp_path)
    executor.start(Job(0, {"lr": 0.1, "opt": "a"}, 1, folder.trial_dir(0)))
    messages = hear(executor, so_many(Reported))
    executor.stop(0)
    messages = hear(executor, so_many(Finished), messages)
    executor.close()
    assert messages[-1].status is Status.STOPPED_EARLY


def test_a_command_that_does_not_fit_is_refused(tmp_path):
    """The executor is not made for a command that leaves a parameter out."""
    folder = new_sweep(tmp_path, ["x", "{lr}"])
    with pytest.raises(TargetError, match="no place for opt"):
        make_executor(Spec.read(folder.spec_file), folder, tmp_path)
