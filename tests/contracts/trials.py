"""What the executors' contract has trials do: a target's ``train``, and the same as a command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

# Stays until it is ended, for ten minutes at most.
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def train(trial):
    """Do what the parameter says."""
    globals()[f"do_{trial.params['do']}"](trial)


def do_report(trial):
    """Report twice."""
    trial.report(epoch=0, loss=0.5, acc=1)
    trial.report(epoch=1, loss=0.25)


def do_nothing(trial):
    """Never report."""


def do_raise(trial):
    """Report, and fail."""
    trial.report(loss=0.5)
    raise ValueError("no luck\nat all")


def do_exit(trial):
    """Leave with a status."""
    sys.exit(3)


def do_vanish(trial):
    """Leave without a word."""
    os._exit(0)


def do_crash(trial):
    """Crash."""
    os.kill(os.getpid(), signal.SIGSEGV)


def do_killed(trial):
    """Be killed, as the kernel does it."""
    os.kill(os.getpid(), signal.SIGKILL)


def do_end_starter(trial):
    """End the process that starts trials, as often as the limit says."""
    times = trial.dir / "times"
    before = int(times.read_text()) if times.exists() else 0
    if before < int(os.environ.get("TIMES", "1")):
        times.write_text(str(before + 1))
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)  # until it is ended
    trial.report(loss=before)


def do_end_all(trial):
    """End the process that starts trials, twice beside another trial, and then at once."""
    times = _again(trial)
    while times <= 2 and len(list(trial.dir.parent.glob(f"*/times-{times}"))) < 2:
        time.sleep(0.01)  # for the other one, which nobody tells this one of
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)  # until it is ended


def do_bear(trial):
    """Be ended twice, and then get to one's end."""
    times = _again(trial)
    if times <= 2:
        time.sleep(600)  # until it is ended
    trial.report(loss=times)


def _again(trial):
    """How often this trial has begun by now, for others to see."""
    times = 1 + len(list(trial.dir.glob("times-*")))
    (trial.dir / f"times-{times}").touch()
    return times


def do_noise(trial):
    """Write much more than any pipe holds, then report."""
    for _ in range(200):
        print("x" * 9999)  # noqa: T201  noise is what is wanted
    print("to stderr", file=sys.stderr, end="")  # noqa: T201  # a trial may print
    trial.report(loss=1)


def do_hang(trial):
    """Report, leave a process behind that leaves the group, and never end."""
    helper = subprocess.Popen(SLEEPER)
    stray = subprocess.Popen(SLEEPER, start_new_session=True)
    (trial.dir / "pids").write_text(json.dumps([os.getpid(), helper.pid, stray.pid]))
    trial.report(loss=1)
    time.sleep(600)  # until it is ended


def do_whisper(trial):
    """Write half a line, and never end."""
    print("half a line", end="")  # noqa: T201  # a trial may print
    time.sleep(600)  # until it is ended


def do_leave_helper(trial):
    """End, but leave a process of one's group behind."""
    helper = subprocess.Popen(SLEEPER)
    (trial.dir / "pids").write_text(json.dumps([helper.pid]))
    trial.report(loss=1)


def do_stubborn(trial):
    """Never end, whatever one is asked."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (trial.dir / "pids").write_text(json.dumps([os.getpid()]))
    trial.report(loss=1)
    time.sleep(600)  # until it is ended


def do_describe(trial):
    """Say where and how one runs."""
    trial.report(loss=random.random())
    own = ("AWSTUNE_TRIAL", "AWSTUNE_SEED", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    asked = (*own, "WANDB_RUN_GROUP", "WANDB_NAME")
    variables = {name: os.environ.get(name) for name in asked}
    facts = {
        "variables": variables,
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "cwd": str(Path.cwd()),
        "stdin": sys.stdin.read(),
    }
    (trial.dir / "facts").write_text(json.dumps(facts))


def do_allocate(trial):
    """Take a gigabyte."""
    held = bytearray(1 << 30)
    trial.report(loss=len(held))


class Printing:
    """A trial for those who only have a command line: reports are lines, the folder is a variable."""

    def __init__(self, do):
        self.params = {"do": do}
        self.dir = Path(os.environ["AWSTUNE_DIR"])

    def report(self, **metrics):
        """Print a report."""
        print("awstune:", *(f"{name}={value}" for name, value in metrics.items()))  # noqa: T201  the protocol


if __name__ == "__main__":
    train(Printing(sys.argv[1]))
