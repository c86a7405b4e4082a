"""The table of phases, struck by real signals: the end state, the message, and what still costs."""

from __future__ import annotations

import os
import pty
import signal
import tomllib
from contextlib import closing
from fnmatch import fnmatch
from itertools import count
from pathlib import Path

import psutil
import pytest

from tests.command import Running
from tests.lab import Lab
from tests.waiting import until
from tests.world import SLOW, World, living_of, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.xdist_group("phases")]

PHASES = tomllib.loads((Path(__file__).parent / "phases.toml").read_text())["phase"]
SIGNALS = {
    "SIGINT": (signal.SIGINT,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
    "SIGTERM": (signal.SIGTERM,),
    "SIGHUP": (signal.SIGHUP,),
}
ROWS = [
    pytest.param(phase, SIGNALS[name], id=f"{phase['name']}: {name}")
    for phase in PHASES
    for name in phase.get("signals", SIGNALS)
]
# Is imported for ever, until it is ended.
HANGS = "import time\ntime.sleep(600)\n\n\ndef train(trial):\n    return 0.0\n"
NUMBERS = count()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One embedded cloud for all phases; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "phases", slow=SLOW, hangs=HANGS) as world:
        yield Lab(world)


def _struck(lab, world, phase, words, numbers, **settings):
    with lab.slowed(phase.get("slow")) as reached:
        command = Running(world, *words, **settings)
        if "says" in phase:
            command.says(_named(phase["says"], words))
            # Between a question and the wait for its answer Python misses a signal until the next one.
            asleep = psutil.Process(command.process.pid).status
            until(lambda: "stdin" not in settings or asleep() == psutil.STATUS_SLEEPING, "the prompt")
        else:
            until(lambda: reached() or command.process.poll() is not None, f"{phase['slow']}")
        return command.signalled(*numbers)


def _named(text, words):
    return text.replace("SWEEP", words[words.index("--name") + 1]) if "--name" in words else text


@pytest.mark.parametrize(("phase", "numbers"), ROWS)
def test_interrupted(lab, tmp_path, phase, numbers):
    """In order, with status 130, what is left said and true, and no process left behind."""
    world, setup, sweep = lab.world, phase.get("setup", ""), f"s{next(NUMBERS)}"
    words = phase["words"].replace("SWEEP", sweep).split()
    settings = {}
    if setup == "nowhere":
        world = World(tmp_path / "home", tmp_path)
    else:
        lab.has(**({"lab": setup} if setup in ("running", "stopped") else {}))
    if setup == "asked":
        terminal, stdin = pty.openpty()
        settings = {"stdin": stdin, "env": lab.as_aws()}
        with closing(os.fdopen(terminal)), closing(os.fdopen(stdin)):
            said = _struck(lab, world, phase, words, numbers, **settings)
    else:
        said = _struck(lab, world, phase, words, numbers)

    assert f"interrupted: {_named(phase['message'], words)}" in said
    assert _named(phase["hint"], words) in said.partition("\n\nhint: ")[2]
    if setup == "nowhere":
        assert living_of(world.home) == []
        return
    expected = {_named(name, words): state for name, state in phase["there"].items()}
    until(lambda: _matches(lab.states(), expected), f"{expected}, not {lab.states()}", 15)
    if "sweep" in phase:
        assert world.json("status", sweep)["state"] == phase["sweep"]
    elif not expected:
        assert not (world.cwd / "sweeps" / sweep).exists()


def _matches(states, expected):
    return states.keys() == expected.keys() and all(fnmatch(states[name], expected[name]) for name in states)
