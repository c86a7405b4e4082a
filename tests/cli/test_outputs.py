"""What people read, as whole text: 80 columns, no colour; what differs from run to run has a word for it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.texts import Texts, settled
from tests.world import World, living_of

pytestmark = pytest.mark.xdist_group("outputs")

SCRIPT = '''"""A trial that says what it was given; the third one fails."""
from awstune import Choice, Float, Int, Space

space = Space(
    lr=Float(1e-5, 1e-1, log=True, default=1e-3), width=Int(16, 256, log=True), opt=Choice("sgd", "adam")
)
metric = "val_accuracy"


def train(trial):
    if trial.number == 2:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    for epoch in trial.epochs(3, state=[{}]):
        trial.report(val_accuracy=0.5 + trial.params["lr"] + 0.01 * epoch)
'''
FLAGS = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--opt", choices=["sgd", "adam"])
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
print(f"val_loss={args.lr}")
"""
BROKEN = "def train(trial):\n    open('data.csv')\n"
PROGRAM = """sweep --name cmd -p lr=0.1..0.4 -p 'opt=["a b","c"]' --metric loss --trials 2 --search random"""

# In this order, in one folder, with one embedded cloud; each with its exit status.
SESSION = {
    "launch lab --dry-run": 0,
    "launch lab": 0,
    "ls": 0,
    "sweep train.py --search random --dry-run": 0,
    "sweep train.py --search random --trials 4": 0,
    "sweeps": 0,
    "status": 0,
    "results": 0,
    "results --best": 0,
    "results --format csv": 0,
    "results --format args": 0,
    "logs --trial 2": 0,
    "sweep broken.py -p x=1..4 --metric loss --trials 3 --search random": 3,
    "status broken-1": 0,
    "results broken-1": 0,
    f"{PROGRAM} -- echo 'awstune: loss={{lr}}' --opt={{opt}}": 0,
    "results cmd": 0,
    "results cmd --best": 0,
    "logs cmd --trial 1": 0,
    "sweep -- python3 flags.py": 2,
    "launch lab --ttl 3h": 2,
    "terminate lab": 0,
    "ls --ended": 0,
}
# A key's path stands on a line of its own then, however long the folder is that the tests run in.
HOME = "a-home-whose-keys-have-paths-as-wide-as-a-terminal"
TEXTS = Texts("session", [f"$ awstune {words}\n" for words in SESSION])

# Nothing of these is the same twice.
CHANGING = (
    (r"i-[0-9a-f]{17}", "i-0123456789abcdef0"),
    (r"sg-[0-9a-f]{17}", "sg-0123456789abcdef0"),
    (r"vpc-[0-9a-f]{17,18}", "vpc-0123456789abcdef0"),
    (r" *127\.(?!0\.0\.)\d+\.\d+\.\d+", " 127.1.2.3"),
    (r"-p \d{4,5} ", "-p PORT "),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "DATE"),
    (r"\b20\d\d-\d\d-\d\d\b", "DATE"),
    (r" +\d+ h \d\d min", " T h"),
    (r" +\d+(\.\d)? (s|min)(?=\b)", " T s"),
    (
        r" +\$0\.\d{2,4}\b(?!/h| an hour| a day)",
        " $COST",
    ),  # a second of it may cost nothing, a slow minute cents
    (r" +AGE +COST +ENDS", "  AGE  COST  ENDS"),  # as wide as what stands below
    (r",\d\.\d+(e-\d+)?,(?=3,|0,|1,)", ",SECONDS,"),
    (r"until \d\d:\d\d", "until CLOCK"),
)

# Said as often as somebody has to wait.
OFTEN = re.compile("waiting: |a trial takes about ")
# Lines to be copied, and the words of others.
FREE = re.compile(
    r"ssh -i|Sweep of -- |Nothing is left|\.pem|Error: |^  File |checkpoint: |command: |trial \d"
    r"|^(hint|error): "
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Of each command of the session its status, what it prints, and that as it is expected."""
    world = World(tmp_path_factory.mktemp("outputs") / HOME, tmp_path_factory.mktemp("work"))
    for name, code in {"train.py": SCRIPT, "broken.py": BROKEN, "flags.py": FLAGS}.items():
        (world.cwd / name).write_text(code)
    try:
        world.run("local", "start")
        yield {words: _run(world, words) for words in SESSION}
    finally:
        world.run("local", "stop")
    assert living_of(world.home) == []


def _run(world, words):
    done = world.run(*shlex.split(words), check=None, COLUMNS="80")
    steady = _steady(done.stdout, done.stderr, world.home, world.cwd)
    return done.returncode, done.stdout + done.stderr, steady


def _steady(out: str, err: str, home: Path, cwd: Path) -> str:
    lines = [*out.splitlines(), *(f"2> {line}" for line in err.splitlines())]
    text = settled("".join(f"{line}\n" for line in lines), {home: "~/.awstune", cwd: "HERE"})
    for pattern, word in CHANGING:
        text = re.sub(pattern, word, text)
    return "".join(f"{line}\n" for line in text.splitlines() if not OFTEN.search(line))


@pytest.mark.parametrize("words", SESSION)
def test_what_is_shown(shown, words):
    """Each command's stdout and, after ``2>``, its stderr, to the letter."""
    status, _, text = shown[words]
    assert status == SESSION[words], text
    TEXTS.compare(f"$ awstune {words}\n", text)


@pytest.mark.parametrize("words", [words for words in SESSION if "csv" not in words])
def test_it_fits_80_columns(shown, words):
    """No line that awstune wraps or tabulates is wider; lines to be copied, and others' words, may be."""
    wide = [line for line in shown[words][1].splitlines() if len(line) > 80]
    assert [line for line in wide if not FREE.search(line)] == []
