"""How soon the first trial runs: after an instance is ready, and of a second sweep on it, after Enter."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from awstune.localcloud import client, lifecycle
from awstune.sweeps import journal
from awstune.sweeps.folder import Folder

CHECKS_S = 20.0
PLAIN = """
from awstune import Float, Space

space = Space(x=Float(0.0, 1.0))
metric, mode = "loss", "min"


def train(trial):
    trial.report(loss=trial.params["x"])
"""
TORCH = "import torch\n" + PLAIN.replace(
    'trial.params["x"]', 'float(torch.ones(2).sum() * trial.params["x"])'
)


class Laptop:
    """Somebody's home, project and embedded cloud.

    Args:
        folder: an empty one, for all of it.
    """

    def __init__(self, folder: Path) -> None:
        self.home, self.cwd = folder / "home", folder / "work"
        self.cwd.mkdir()
        for name, text in (("plain", PLAIN), ("torchy", TORCH)):
            (self.cwd / f"{name}.py").write_text(text)
        self._env = {**os.environ, "AWSTUNE_HOME": str(self.home), "AWSTUNE_CLOUD": "local"}

    def run(self, *words: str) -> float:
        """Runs a command; when it was begun, in seconds since the epoch."""
        began = time.time()
        subprocess.run(
            [sys.executable, "-m", "awstune", *words, "-q"],
            cwd=self.cwd,
            env=self._env,
            check=True,
            capture_output=True,
        )
        return began

    def first_start(self, sweep: str) -> float:
        """When the first trial of a sweep began."""
        self.run("attach", sweep)
        events = journal.read(Folder(self.cwd / "sweeps" / sweep).journal_file).events
        return next(float(event["t"]) for event in events if event["event"] == "started")

    def hold_checks(self) -> None:
        """The next instance's status checks take CHECKS_S; AWS's take two to five minutes."""
        rule = {"service": "instance", "action": "ready", "delay_s": CHECKS_S, "times": 1}
        client.call(lifecycle.find(self.home), "POST", "/awstune/rules", rule)

    def ready(self, name: str) -> float:
        """When the last status check of an instance was passed."""
        found = lifecycle.instances(lifecycle.find(self.home))
        return max(one["ready_at"] for one in found if name in str(one.get("name", name)))


def measured(laptop: Laptop, script: str, rounds: int) -> None:
    """Prints a line for each way to begin."""
    sweep = (f"{script}.py", "--search", "random", "--trials", "2")
    laptop.hold_checks()
    laptop.run("sweep", *sweep, "--launch", "--name", f"first-{script}")
    ready = laptop.ready(f"first-{script}")
    late = laptop.first_start(f"first-{script}") - ready
    print(f"{script:8} first trial after the last status check   {late:6.2f} s")
    laptop.run("launch", f"lab-{script}")
    for number in range(rounds + 1):
        name = f"{script}-{number}"
        began = laptop.run("sweep", *sweep, "--on", f"lab-{script}", "--name", name, "--detach")
        what = "second" if number else "first "
        print(
            f"{script:8} {what} sweep on an instance, after Enter   {laptop.first_start(name) - began:6.2f} s"
        )


def main() -> None:
    """Both kinds of scripts, on one embedded cloud."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        laptop = Laptop(Path(folder))
        laptop.run("local", "start")
        try:
            for script in ("plain", "torchy"):
                measured(laptop, script, options.rounds)
        finally:
            laptop.run("terminate", "--all", "--discard")
            laptop.run("local", "stop")


if __name__ == "__main__":
    main()
