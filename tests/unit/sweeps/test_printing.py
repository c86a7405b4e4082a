"""What a script prints of how it is doing, read from its text."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import awstune
from awstune.flow import starting
from awstune.sweeps import target
from awstune.sweeps.inspection import NoFunction
from awstune.sweeps.printing import printed

# The call that prints, what is read of it, and a line that it could have printed.
FOUND = [
    ('print(f"epoch={e} val_loss={v:.5f}")', "val_loss", "epoch=3 val_loss=0.25"),
    ('print("loss:", loss)', "loss", "loss: 0.25"),
    ('print("Test accuracy: %.2f" % acc)', "test_accuracy", "Test accuracy: 0.25"),
    ('print("Epoch {} Accuracy: {:.3f}%".format(e, a))', "accuracy", "Epoch 3 Accuracy: 0.25%"),
    ('logger.info("step %d val acc %.4f", s, a)', "val_acc", "step 3 val acc 0.25"),
    ('tqdm.write("nll = " + str(nll))', "nll", "nll = 0.25"),
    ('print(f"train loss {a} val loss {b}")', "val_loss", "train loss 0.5 val loss 0.25"),
    ('print(f"loss={a}")\nprint(f"acc={b}")', "acc", "acc=0.25"),
]


@pytest.mark.parametrize(("source", "metric", "line"), FOUND)
def test_what_is_printed_is_read(source, metric, line):
    """The name of what is measured, and a pattern that finds its number in the line as it is printed."""
    found = printed(source)
    assert found.options[:2] == ["--metric", metric]
    assert [match[1] for match in re.finditer(found.options[3], line)] == ["0.25"]


def test_a_line_of_awstune_needs_no_pattern():
    """Who prints awstune's own lines is read without more."""
    assert printed('print(f"awstune: val_loss={v} epoch={e}")').options == ["--metric", "val_loss"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def broken(:",
        'print("done")',
        'print(f"speed: {v}")',
        'x = f"loss: {v}"',
        'print(f"train loss: {a}, loss: {b}")',
        'print(f"{name}: {value}")',
    ],
)
def test_what_is_not_clear_is_not_guessed(source):
    """No metric, one of which nobody knows which way is better, or a pattern that would read another one."""
    assert printed(source) is None


def test_the_example_that_ships():
    """The plain script of the examples is read as the README says."""
    source = (Path(awstune.__file__).parent / "examples" / "plain.py").read_text()
    assert printed(source).metric == "val_loss"


def test_the_command_to_paste_reads_it(tmp_path):
    """A script with flags is answered with a command that lacks nothing, whatever its comments speak of."""
    (tmp_path / "train.py").write_text(
        '"""A trial of mine."""\nimport argparse\np = argparse.ArgumentParser()\n'
        'p.add_argument("--lr", type=float, default=0.1)\nprint(f"val_loss={p.parse_args().lr}")\n'
    )
    found = target.parse("train.py", tmp_path)
    said = starting.as_command(NoFunction("no train"), found, tmp_path, sys.executable, ())
    assert "  --metric val_loss --metric-regex 'val_loss=([0-9.eE+-]+)' \\\n  -- " in said.paste
    assert "It prints val_loss" in said.hint
