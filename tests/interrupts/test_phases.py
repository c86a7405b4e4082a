"""The table of phases, struck by real signals: the end state, the message, and what still costs."""

from __future__ import annotations

import os
import pty
import resource
import signal
import tomllib
from contextlib import contextmanager
from fnmatch import fnmatch
from itertools import count
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from awstune.localcloud.state import Places
from tests.command import Running
from tests.lab import Lab
from tests.waiting import PATIENCE_S, until
from tests.world import World, gated, living_of, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("phases")]

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


def _row(phase):
    return pytest.param(phase, id=phase["name"])


# Is imported for ever, until it is ended.
HANGS = "import time\ntime.sleep(600)\n\n\ndef train(trial):\n    return 0.0\n"
# Lists nothing while a file is there, which tells nobody that it goes.
SLOW_LS = '#!/bin/sh\nwhile [ -e "{held}" ]; do sleep 0.02; done\nPATH="{path}" exec ls "$@"\n'
BEFORE = {"running": {"lab": "running"}, "stopped": {"lab": "stopped"}, "sweep": {"lab": "running"}}
NUMBERS = count()


@pytest.fixture(scope="module")
def slow_ls(tmp_path_factory):
    """A file: while it is there, `ls` on an instance waits."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "ls").write_text(SLOW_LS.format(held=folder / "held", path=os.environ["PATH"]))
    (folder / "ls").chmod(0o755)
    return folder / "held"


@pytest.fixture(scope="module")
def lab(tmp_path_factory, slow_ls):
    """One embedded cloud for all phases; nothing of it may be left afterwards."""
    path = f"{slow_ls.parent}{os.pathsep}{os.environ['PATH']}"
    with running(tmp_path_factory, "phases", {"PATH": path}, hangs=HANGS) as world:
        # An instance's disk is this one's, so that one file lets trials here and there go on.
        (world.cwd / "held.py").write_text(gated(world.cwd / "gate"))
        (world.cwd / "gated.py").write_text(gated(world.cwd / "gate", baseline=True))
        yield Lab(world)


@contextmanager
def _held(phase, world, slow_ls):
    """What is not the embedded cloud's, and holds a phase."""
    if phase.get("held") == "ls":
        slow_ls.touch()
        try:
            yield
        finally:
            slow_ls.unlink()
    elif phase.get("held") == "lock":
        world.home.mkdir(mode=0o700)
        with FileLock(Places(world.home).lock):
            yield
    else:
        yield


@contextmanager
def _begun(lab, slow_ls, world, phase, words, **settings):
    """The command, when its phase has begun; the step that it hangs in is held for as long as that lasts."""
    with _held(phase, world, slow_ls), lab.slowed(phase.get("slow")) as reached:
        command = Running(world, *words, **settings)
        if "says" in phase:
            command.says(phase["says"])
            # Between a question and the wait for its answer Python misses a signal until the next one.
            asleep = psutil.Process(command.process.pid).status
            until(lambda: "stdin" not in settings or asleep() == psutil.STATUS_SLEEPING, "the prompt")
        else:
            until(lambda: reached() or command.process.poll() is not None, f"{phase['slow']}")
        yield command


@contextmanager
def _somebody(lab, setup):
    """Who answers, where questions are asked: the other end of a terminal, and the command's settings."""
    if setup != "asked":
        yield None, {}
        return
    terminal, stdin = pty.openpty()
    yield terminal, {"stdin": stdin, "env": lab.as_aws()}
    os.close(terminal)
    os.close(stdin)


def _set_up(lab, setup, sweep):
    """What is there before the command.

    The trials of ``held.py`` are held, and of ``gated.py`` all but the baseline, until there is a ``gate``.
    """
    (lab.world.cwd / "gate").unlink(missing_ok=True)
    lab.has(**BEFORE.get(setup, {}))
    if setup == "sweep":
        lab.world.run("sweep", "--on", "lab", "gated.py", "--trials", "3", "--name", sweep, "--detach")


@pytest.mark.parametrize(("phase", "numbers"), ROWS)
def test_interrupted(lab, slow_ls, tmp_path, phase, numbers):
    """In order, with status 130, what is left said and true, and no process left behind."""
    phase, setup, sweep = _of(phase)
    world, words = lab.world, phase["words"].split()
    if setup == "nowhere":
        world = World(tmp_path / "home", tmp_path)
    else:
        _set_up(lab, setup, sweep)
    with (
        _somebody(lab, setup) as (_, settings),
        _begun(lab, slow_ls, world, phase, words, **settings) as command,
    ):
        said = command.signalled(*numbers)

    assert f"interrupted: {phase['message']}" in said
    assert phase["hint"] in said.partition("\n\nhint: ")[2]
    if setup == "nowhere":
        assert living_of(world.home) == []
        return
    _stands(lab, sweep, phase)
    if "sweep" not in phase and not phase["there"]:
        assert not (world.cwd / "sweeps" / sweep).exists()


@pytest.mark.parametrize("phase", [_row(phase) for phase in PHASES if "unheard" in phase])
def test_the_reader_leaves(lab, slow_ls, phase):
    """Whoever does something does it to the end, as if somebody still read what it says."""
    phase, setup, sweep = _of(phase)
    _set_up(lab, setup, sweep)
    with _begun(lab, slow_ls, lab.world, phase, phase["words"].split()) as command:
        command.left = True
    (lab.world.cwd / "gate").touch()
    assert command.process.wait(PATIENCE_S) == 0, command.text
    _stands(lab, sweep, phase["unheard"])


@pytest.mark.parametrize("phase", [_row(phase) for phase in PHASES if "full" in phase])
def test_the_disk_is_full(lab, slow_ls, phase):
    """From that moment on no file can be written: it ends in order, and says what stands and what costs."""
    phase, setup, sweep = _of(phase)
    _set_up(lab, setup, sweep)
    words = phase["words"].split()
    with _somebody(lab, setup) as (answers, settings):
        with _begun(lab, slow_ls, lab.world, phase, words, **settings) as command:
            resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (0, 0))
            if answers is not None:
                os.write(answers, b"y\n")
        (lab.world.cwd / "gate").touch()
        said = command.ended(phase["full"].get("status", 1))
    assert "unforeseen" not in said
    assert phase["full"]["message"] in said
    assert phase["full"]["hint"] in said.partition("\n\nhint: ")[2], said
    _stands(lab, sweep, phase["full"])


def _of(phase):
    """A phase that has a sweep of its own; what is there before; the sweep."""
    sweep = f"s{next(NUMBERS)}"
    return _named(phase, sweep), phase.get("setup", ""), sweep


def _named(found, sweep):
    """A phase in which the sweep has its name."""
    if isinstance(found, dict):
        return {_named(key, sweep): _named(value, sweep) for key, value in found.items()}
    return found.replace("SWEEP", sweep) if isinstance(found, str) else found


def _stands(lab, sweep, expected):
    """What a row says is there afterwards is there."""
    there = expected["there"]
    until(lambda: _matches(lab.states(), there), lambda: f"{there}, not {lab.states()}")
    if "sweep" in expected:
        assert lab.world.json("status", sweep)["state"] == expected["sweep"]


def _matches(states, expected):
    return states.keys() == expected.keys() and all(fnmatch(states[name], expected[name]) for name in states)
