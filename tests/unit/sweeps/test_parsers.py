"""Scripts in the styles that people write: their options are read, and the script itself is not run."""

from __future__ import annotations

import sys

import pytest

from awstune.sweeps.scripts import read_flags
from awstune.sweeps.starter import Flags, show, start
from awstune.sweeps.target import of_command

# Each of them writes a file where it gets further than its options.
STYLES = {
    "absl": (
        """
from absl import app, flags
flags.DEFINE_float('lr', 1e-3, 'rate')
flags.DEFINE_enum('opt', 'adam', ['adam', 'sgd'], 'which')
flags.DEFINE_string('out', None, 'where')
flags.mark_flag_as_required('out')
def main(_):
    open("ran", "w")

app.run(main)
""",
        ["-p lr=1e-5..1e-1:log:default=1e-3", "-p opt=adam,sgd:default=adam", "--out OUT"],
    ),
    "jsonargparse": (
        """
from jsonargparse import CLI
def main(lr: float = 1e-3, batch_size: int = 32):
    open("ran", "w")

CLI(main)
""",
        ["-p lr=1e-5..1e-1:log:default=1e-3", "--batch_size {batch_size}"],
    ),
    "Lightning's CLI": (
        """
from jsonargparse import ArgumentParser
class Net:
    def __init__(self, dropout: float = 0.1):
        pass
parser, fit = ArgumentParser(), ArgumentParser()
fit.add_class_arguments(Net, 'model')
fit.add_argument('--trainer.max_epochs', type=int, default=10)
parser.add_subcommands(dest='subcommand').add_subcommand('fit', fit)
parser.parse_args()
open("ran", "w")
""",
        ["fit --model.dropout {model.dropout}", "-p trainer.max_epochs=10"],
    ),
    "simple-parsing": (
        """
import simple_parsing
from dataclasses import dataclass
@dataclass
class Options:
    lr: float = 1e-3
    layers: int = 2
simple_parsing.parse(Options)
open("ran", "w")
""",
        ["-p config.lr=1e-5..1e-1:log:default=1e-3", "--layers {config.layers}"],
    ),
    "Hugging Face": (
        """
import argparse, dataclasses
from dataclasses import dataclass
@dataclass
class Options:
    lr: float = 1e-3
    layers: int = 2

    per_device_train_batch_size: int = 8

class HfArgumentParser(argparse.ArgumentParser):
    def __init__(self, kind):
        super().__init__()
        for field in dataclasses.fields(kind):
            self.add_argument(f"--{field.name}", type=type(field.default), default=field.default)

    def parse_args_into_dataclasses(self):
        return self.parse_known_args()

HfArgumentParser(Options).parse_args_into_dataclasses()
open("ran", "w")
""",
        ["-p per_device_train_batch_size=2,4,8,16,32:default=8", "--lr {lr}"],
    ),
    "a parser before the parser": (
        """
import argparse
first = argparse.ArgumentParser(add_help=False)
first.add_argument('--config')
_, rest = first.parse_known_args()
parser = argparse.ArgumentParser()
parser.add_argument('--lr', type=float, default=0.1)
parser.add_argument('--drop', type=float, default=0)
parser.add_argument('--ema', action=argparse.BooleanOptionalAction)
parser.parse_args(rest)
open("ran", "w")
""",
        ["-p lr=1e-3..1.0:log:default=0.1", "--drop {drop}"],
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_each_style_is_read_and_not_run(tmp_path, monkeypatch, style):
    """The starter has the options as they are typed, and the script gets no further than its parser."""
    monkeypatch.chdir(tmp_path)
    code, expected = STYLES[style]
    (tmp_path / "train.py").write_text(code)
    command = [sys.executable, "train.py"]
    flags = read_flags(of_command(command), tmp_path, sys.executable)
    assert isinstance(flags, Flags), flags
    line = show(start(flags, command)).replace(" \\\n", " ")
    assert [part for part in expected if part not in " ".join(line.split())] == []
    assert not (tmp_path / "ran").exists()
