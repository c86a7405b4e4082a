"""The awstune command as its users run it: processes of their own, a home and a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psutil

from awstune.localcloud import client, lifecycle
from tests import calls

# Learns nothing, quickly: what is tested here is the way there and back.
TRAIN = """
import time
from awstune import Choice, Float, Int, Space

space = Space(x=Float(1e-3, 1.0, log=True, default=0.1), n=Int(1, 4, default=2), kind=Choice("a", "b"))
metric = "loss"
mode = "min"


def train(trial):
    for epoch in trial.epochs(3):
        trial.report(loss=abs(trial.params["x"] - 0.3) + 0.01 * trial.params["n"] + 0.001 * epoch)
    print("done with", trial.params)
"""

# Says what an epoch waits for.
PACED = """
import time
from pathlib import Path
from awstune import Float, Space

space = Space(x=Float(0.0, 1.0))
metric, mode = "loss", "min"


def train(trial):
    for epoch in trial.epochs(20):
        {wait}
        trial.report(loss=trial.params["x"] + epoch)
"""
# A trial takes a second: time to look at a sweep, to interrupt it and to end its instance.
SLOW = PACED.format(wait="time.sleep(0.05)")


def gated(gate: object, *, baseline: bool = False) -> str:
    """A script whose trials wait until a file is there; with ``baseline`` the first one does not."""
    held = "trial.number and " if baseline else ""
    # A file tells nobody that it is there.
    return PACED.format(wait=f"while {held}not Path({str(gate)!r}).exists(): time.sleep(0.02)")


def ran(words, cwd: Path, env=None, **more):
    """A program, run to its end: its status and what it said. ``env`` is its whole environment."""
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, **more)


class World:
    """A folder with a training script, a home, and the awstune command."""

    def __init__(self, home: Path, cwd: Path) -> None:
        self.home, self.cwd = home, cwd
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS", "VIRTUAL_ENV"))
            },
            "AWSTUNE_HOME": str(home),
            "AWSTUNE_CLOUD": "local",
            "NO_COLOR": "1",
        }

    def run(self, *words: str, check: int | None = 0, stdin: str = "", **env: str):
        """One command in a process of its own."""
        command = [sys.executable, "-m", "awstune", *words]
        done = ran(command, self.cwd, {**self.env, **env}, input=stdin)
        assert check is None or done.returncode == check, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def start(self, *words: str) -> subprocess.Popen:
        """One command that goes on in a process of its own, unheard."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, "-m", "awstune", *words],
            cwd=self.cwd,
            env=self.env,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        )

    def json(self, *words: str, check: int = 0):
        """The one JSON document that a command prints."""
        return json.loads(self.run(*words, "--json", check=check).stdout)

    def lines(self, *words: str):
        """The JSON lines of a command."""
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]


@contextmanager
def running(tmp_path_factory, name: str, env: Mapping[str, str] = MappingProxyType({}), **scripts: str):
    """A world whose embedded cloud runs; nothing of it may be left afterwards.

    Args:
        tmp_path_factory: pytest's.
        name: of its folders.
        env: more of its environment, for the embedded cloud too.
        scripts: training scripts by their stem.
    """
    made = World(tmp_path_factory.mktemp(name) / "home", tmp_path_factory.mktemp("work"))
    made.env.update(env)
    for stem, code in scripts.items():
        (made.cwd / f"{stem}.py").write_text(code)
    made.run("local", "start")
    yield made
    asked = client.call(lifecycle.find(made.home), "GET", "/awstune/own-calls")
    # What a path says (scheduler:GET /schedule-groups/awstune) has no operation's name there.
    seen = {calls.note(*call.split(":")) for call in asked if " " not in call}
    assert not calls.missing(seen), calls.missing(seen)
    made.run("local", "stop")
    assert living_of(made.home) == []
    assert not (made.home / "local").exists()


def living_of(home: Path) -> list[psutil.Process]:
    """Every process whose environment names that home."""
    return [process for process in psutil.process_iter() if str(home) in _environment(process)]


def _environment(process: psutil.Process) -> str:
    try:
        return " ".join(process.environ().values())
    except (psutil.Error, OSError):
        return ""
