"""What a trial says last, when what would hear it is going: heard where it can be, else nobody's error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import psutil

from awstune.search.trials import Status
from awstune.sweeps import boot, marks
from awstune.sweeps.executor import Finished, Job, Started
from awstune.sweeps.pool import Pool
from awstune.sweeps.target import Target
from tests.waiting import PATIENCE_S, hear, so_many, until

# Waits for the gate, and leaves slowly: what it has registered is run when it has said that it is done.
SLOW = """
import atexit, pathlib, time

def leave(trial):
    (trial.dir / "done").touch()
    time.sleep(600)  # until it is ended

def train(trial):
    atexit.register(leave, trial)
    while not pathlib.Path("gate").exists():
        time.sleep(0.005)  # until the test has made it
    trial.report(loss=1)
"""


def test_done_but_not_heard_yet(tmp_path):
    """A trial whose word that it is done is still to be read, when what started it dies, has finished."""
    (tmp_path / "train.py").write_text(SLOW)
    target = Target("function", file="train.py", function="train")
    pool = Pool(target, cwd=tmp_path, folder=tmp_path)
    pool.start(Job(0, {}, 7, tmp_path / "0"))
    heard = hear(pool, so_many(Started))
    (tmp_path / "gate").touch()
    until((tmp_path / "0" / "done").exists, "the trial to be done")
    server = psutil.Process(psutil.Process(heard[-1].pid).ppid())
    server.kill()
    server.wait(PATIENCE_S)
    heard = hear(pool, so_many(Finished), heard)
    pool.close()
    assert [type(m).__name__ for m in heard] == ["Started", "Reported", "Finished"]
    assert heard[-1].status is Status.SUCCEEDED
    assert not marks.marked(marks.of_sweep(tmp_path))


def test_nobody_hears_it(tmp_path):
    """A trial whose sweep is gone leaves without a traceback: it would be run again anyway."""
    (tmp_path / "train.py").write_text("def train(trial):\n    trial.report(loss=1)\n")
    ours, theirs = socket.socketpair()
    ours.close()
    target = Target("function", file="train.py", function="train").to_json(tmp_path)
    job = {"trial": 0, "params": {}, "seed": 7, "dir": str(tmp_path), "threads": 1, "measure": False}
    words = boot.command(sys.executable, "child", json.dumps({**job, "target": target}), str(theirs.fileno()))
    with theirs:
        done = subprocess.run(
            words, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    assert done.returncode == os.EX_TEMPFAIL
    assert done.stderr == ""
