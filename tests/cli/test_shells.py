"""What is typed reaches awstune as it was typed: in bash, zsh and fish no form but JSON needs quotes."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from awstune.search import compact
from awstune.sweeps import starter
from awstune.sweeps.guessing import Option
from awstune.sweeps.starter import Flags, Level
from tests.waiting import PATIENCE_S

# Each form of product.md's table, and each option of search/compact.py.
FORMS = [
    "lr=1e-5..1e-1:log",
    "layers=1..4",
    "dropout=0..0.5",
    "dropout=0..0.5:step=0.1",
    "width=-1.5..+1.5:n=5",
    "opt=sgd,adam",
    "batch=16,32,64:default=32",
    "nesterov=true,false,none",
    "opt=sgd,adam:weights=3,1",
    "model=google/vit-base,timm/vit_b.16@v2",
    "epochs=20",
    "lr=1e-5..1e-1:log:prior=1e-3:default=3e-4",
    "momentum=0..0.99:when=opt=sgd,rmsprop",
    "model.lr=1e-5..1e-1:log",
]
JSON = ["""opt=["a,b","c"]""", """opt=["a b", "it's"]:default="a b\""""]
HOLES = ["{lr}", "--lr={lr}", "{args}", "{hydra}", "{model.lr}", "x{a}y{b}z", "{batch-size}"]
SHELLS = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


def typed(shell, line, folder, program="printf '%s\\n' "):
    """The words that a program gets from a line, by way of a shell that reads no configuration."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")  # CI installs all of them, and forgives no skip
    # A folder with files, which a pattern could match.
    for name in ("a", "lr=1", "train.py"):
        (folder / name).touch()
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [path, *SHELLS[shell], "-c", program + line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_no_compact_form_needs_quotes(tmp_path, shell):
    """Every form but the JSON one comes through bare, and is a form that awstune reads."""
    assert typed(shell, " ".join(FORMS), tmp_path) == FORMS
    for form in FORMS:
        compact.parse_assignment(form)


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_shown_needs_no_quotes_either(tmp_path, shell):
    """A space that awstune shows can be typed as it stands, unless JSON has to say it."""
    shown = [compact.show(compact.parse(form.partition("=")[2])) for form in FORMS]
    assert typed(shell, " ".join(shown), tmp_path) == shown


@pytest.mark.parametrize("shell", SHELLS)
def test_json_in_single_quotes(tmp_path, shell):
    """The JSON form comes through in single quotes, as its hint says."""
    assert typed(shell, " ".join(map(shlex.quote, JSON)), tmp_path) == JSON


@pytest.mark.parametrize("shell", SHELLS)
def test_holes_need_no_quotes(tmp_path, shell):
    """One name in braces is nothing to a shell."""
    assert typed(shell, " ".join(HOLES), tmp_path) == HOLES


@pytest.mark.parametrize("shell", SHELLS)
def test_a_brace_of_the_commands_own(tmp_path, shell):
    """A doubled brace is quoted, as product.md writes it."""
    assert typed(shell, "'{{'", tmp_path) == ["{{"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_starter_can_be_pasted(tmp_path, shell):
    """The command of a refusal, with its many lines and its JSON, is one command in each shell."""
    options = (
        Option("lr", "--lr", "float", 1e-3),
        Option("weight_decay", "--weight-decay", "float", 0.0),
        Option("batch_size", "--batch-size", "int", 64),
        Option("model", "--model", choices=("a b", "c")),
    )
    made = starter.start(Flags("flags", (Level(None, options),)), ["python", "my train.py"])
    line = starter.show(made).removeprefix("awstune sweep")
    assert typed(shell, line, tmp_path) == [
        *(word for name, text in made.space.items() for word in ("-p", f"{name}={text}")),
        "--",
        *made.command,
    ]
