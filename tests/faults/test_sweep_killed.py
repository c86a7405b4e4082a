"""kill -9 of a sweep at any moment: nothing of it lives on, and resuming loses and repeats nothing."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from awstune import names
from awstune.errors import SweepError
from awstune.search.folding import fold
from awstune.search.space import Float, Space
from awstune.search.trials import Status
from awstune.sweeps import detached, journal, marks
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import results, status
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.faults.workers import called, finish, kill_all, nothing_lives, reaches, start
from tests.waiting import PATIENCE_S
from tests.ways import finished, outcome

# Every epoch depends on the random state; trial 2 waits in its third epoch until the gate is there. The
# process that trial 1 leaves behind stays until it is ended, for ten minutes at most.
SCRIPT = """
import os, random, subprocess, sys, time

def train(trial):
    state = {"sum": 0.0}
    if trial.number == 1 and not os.path.exists("gate"):
        # Is to end with its trial.
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    for epoch in trial.epochs(4, state=[state]):
        while trial.number == 2 and epoch == 2 and not os.path.exists("gate"):
            time.sleep(0.005)  # until the test has made the gate
        state["sum"] += random.random()
        print("epoch", epoch)
        trial.report(loss=state["sum"] * trial.params["x"])
"""
TRIALS = 5
SPEC = {"metric": "loss", "mode": "min", "search": "random", "trials": TRIALS, "seed": 3}


def new_sweep(tmp_path, name, **changes):
    """The folder of a sweep over the script."""
    (tmp_path / "train.py").write_text(SCRIPT)
    folder = Folder.create(tmp_path, name, "train")
    target = Target("function", file="train.py", function="train")
    Spec(target, Space(x=Float(1, 2)), **{**SPEC, **changes}).write(folder.spec_file)
    return folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """How the sweep ends when nothing happens to it."""
    home = tmp_path_factory.mktemp("reference")
    folder = new_sweep(home, "reference")
    finish(folder, home)
    return outcome(folder)


@pytest.fixture(autouse=True)
def _no_worker_stays(tmp_path):
    """A test that fails must not leave its worker waiting."""
    yield
    kill_all(tmp_path)


MOMENTS = [("asked", 0), ("started", 0), ("finished", 1), ("started", 2), ("checkpoint", 2)]


@pytest.mark.parametrize(("kind", "trial"), MOMENTS)
def test_killed_and_resumed(tmp_path, reference, kind, trial):
    """Whatever it was doing, a killed sweep leaves no process and ends as if nothing had happened."""
    folder = new_sweep(tmp_path, "killed")
    worker = start(folder, tmp_path)
    reaches(folder, kind, trial)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    nothing_lives(folder)
    assert status(folder, time.time())["state"] == "stopped"
    before = finished(folder)

    finish(folder, tmp_path)
    assert sorted(finished(folder)) == list(range(TRIALS))
    assert finished(folder)[: len(before)] == before
    assert outcome(folder) == reference
    nothing_lives(folder)
    assert status(folder, time.time())["state"] == "finished"


def test_killed_again_and_again_in_parallel(tmp_path):
    """A sweep of two slots that is killed at every finished trial still runs each trial to one end."""
    folder = new_sweep(tmp_path, "often", parallel=2)
    (tmp_path / "gate").touch()
    for trial in range(TRIALS - 1):
        worker = start(folder, tmp_path)
        reaches(folder, "finished", trial)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        nothing_lives(folder)
    finish(folder, tmp_path)
    assert sorted(finished(folder)) == list(range(TRIALS))
    known = fold(journal.read(folder.journal_file).events)
    assert {t.status for t in known.trials} == {Status.SUCCEEDED}


def test_what_outlived_everything_is_ended_before_a_sweep_goes_on(tmp_path):
    """Where even the guardian was killed, the next run ends what is left before it starts anything."""
    folder = new_sweep(tmp_path, "orphans")
    worker = start(folder, tmp_path)
    reaches(folder, "checkpoint", 2)
    (stray,) = called(marks.marked(marks.of_sweep(folder.path)), "import time; time.sleep(600)")
    for process in (*called(psutil.Process(worker.pid).children(), "guardian"), worker):
        process.kill()
    worker.wait()
    assert stray.is_running()
    finish(folder, tmp_path)
    assert stray not in marks.marked(marks.of_sweep(folder.path))
    nothing_lives(folder)


def test_interrupted(tmp_path, reference):
    """SIGTERM, as Ctrl-C, ends the trials within seconds, says so in the journal, and resumes."""
    folder = new_sweep(tmp_path, "interrupted")
    worker = start(folder, tmp_path)
    reaches(folder, "checkpoint", 2)
    worker.terminate()
    assert worker.wait(PATIENCE_S) == 130
    assert not marks.marked(marks.of_sweep(folder.path))
    assert journal.read(folder.journal_file).events[-1]["event"] == "stopping"
    finish(folder, tmp_path)
    assert outcome(folder) == reference


def full(limit):
    """As a full disk: no file of this process can grow beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.parametrize("limit", [600, 1500, 6000])
def test_a_full_disk(tmp_path, reference, limit):
    """A disk that takes no more stops the sweep with a reason; with space it ends as if nothing had been."""
    folder = new_sweep(tmp_path, "full")
    (tmp_path / "gate").touch()
    words = [sys.executable, "-m", "awstune.sweeps.worker", str(folder.path)]
    stopped = subprocess.run(
        words,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        preexec_fn=lambda: full(limit),  # one call
    )
    assert stopped.returncode == 1
    assert "File too large" in stopped.stderr or "is full: trial" in stopped.stderr
    assert "awstune resume" in stopped.stderr
    nothing_lives(folder)
    before = finished(folder)

    finish(folder, tmp_path)
    assert finished(folder)[: len(before)] == before
    assert sorted(finished(folder)) == list(range(TRIALS))
    assert outcome(folder) == reference


def test_a_disk_that_is_full_for_the_log(tmp_path, reference):
    """What a worker can say nowhere stops no sweep."""
    folder = new_sweep(tmp_path, "unheard")
    (tmp_path / "gate").touch()
    folder.worker_log_file.write_bytes(b"x" * 50_000)
    assert start(folder, tmp_path, before=lambda: full(50_000)).wait(PATIENCE_S) == 0
    assert folder.worker_log_file.stat().st_size == 50_000
    assert outcome(folder) == reference


@pytest.mark.parametrize("what", [names.WORKER_PID_FILE, names.JOURNAL_FILE])
def test_a_full_disk_of_an_instance(tmp_path, what):
    """Where neither the file nor a word of it can be written the sweep is not started again and again."""
    folder = new_sweep(tmp_path, "full")
    (folder.path / what).mkdir()  # a file that cannot be written, whoever one is
    going = tmp_path / "going" / "full"
    going.parent.mkdir()
    going.touch()
    folder.worker_log_file.write_bytes(b"x" * 50_000)
    own = {names.GOING_VARIABLE: str(going), names.ROOT_VARIABLE: str(tmp_path)}
    assert start(folder, tmp_path, own, before=lambda: full(50_000)).wait(PATIENCE_S) == 1
    assert not going.exists()
    nothing_lives(folder)


def test_a_killed_trial_is_a_failure_of_its_own(tmp_path):
    """A trial's process that is killed fails with the reason; the sweep goes on."""
    folder = new_sweep(tmp_path, "murder")
    worker = start(folder, tmp_path)
    reaches(folder, "checkpoint", 2)
    events = journal.read(folder.journal_file).events
    pid = next(e["pid"] for e in events if e["event"] == "started" and e["trial"] == 2)
    os.kill(pid, signal.SIGKILL)
    assert worker.wait(PATIENCE_S) == 0
    failed = results(folder)["trials"][2]
    assert failed["status"] == "failed"
    assert "SIGKILL" in failed["error"]
    assert len(results(folder)["trials"]) == TRIALS


def test_a_killed_server_is_replaced(tmp_path, reference):
    """When the process that starts trials is killed, its trials go on under another, as if nothing was."""
    folder = new_sweep(tmp_path, "server")
    worker = start(folder, tmp_path)
    reaches(folder, "checkpoint", 2)
    (server,) = called(psutil.Process(worker.pid).children(), "server")
    server.kill()
    reaches(folder, "requeued", 2)
    (tmp_path / "gate").touch()
    assert worker.wait(PATIENCE_S) == 0
    assert finished(folder) == list(range(TRIALS))
    assert outcome(folder) == reference
    assert folder.log_file(2).read_text().split("\n").count("epoch 0") == 1  # it went on after its checkpoint
    nothing_lives(folder)


def test_a_worker_that_hangs(tmp_path):
    """One that has said nothing for minutes is ended, and that is told: it shall not begin later."""
    folder = new_sweep(tmp_path, "hangs")
    folder.spec_file.unlink()
    os.mkfifo(folder.spec_file)  # as a disk that answers nobody
    clock = iter([0.0])
    with pytest.raises(SweepError, match="did not start within 300 s"):
        detached.start(folder, now=lambda: next(clock, 301.0))
    assert not called(psutil.Process().children(), str(folder.path))


def test_a_second_worker_is_refused(tmp_path):
    """While one worker runs a sweep, another one ends with status 1 and harms nothing."""
    folder = new_sweep(tmp_path, "busy")
    worker = start(folder, tmp_path)
    reaches(folder, "checkpoint", 2)
    assert status(folder, time.time())["state"] == "running"
    assert start(folder, tmp_path).wait(PATIENCE_S) == 1
    assert "another process is running" in folder.worker_log_file.read_text()
    Path(tmp_path / "gate").touch()
    assert worker.wait(PATIENCE_S) == 0
    assert finished(folder) == list(range(TRIALS))
    assert json.loads(json.dumps(results(folder)))["best"]["trial"] in range(TRIALS)


PROGRAM = """
import os, subprocess, sys, time
stray = [sys.executable, "-c", "import time; time.sleep(600)"]  # until it is ended
print("awstune: loss=" + sys.argv[1])
if not os.path.exists("gate"):
    subprocess.Popen(stray, start_new_session=True)
    time.sleep(600)  # until it is ended
"""


@pytest.mark.parametrize("kind", ["command", "spawn"])
def test_other_ways_to_start_trials_die_as_well(tmp_path, kind):
    """Programs, and trials with a Python of their own, leave nothing behind either, and start again."""
    (tmp_path / "program.py").write_text(PROGRAM)
    folder = new_sweep(tmp_path, kind, trials=3, options={"start": "spawn"} if kind == "spawn" else {})
    if kind == "command":
        spec = Spec.read(folder.spec_file)
        target = Target("command", command=(sys.executable, "program.py", "{x}"))
        Spec(**{**spec.__dict__, "target": target}).write(folder.spec_file)
    worker = start(folder, tmp_path)
    reaches(folder, "report", 0 if kind == "command" else 2)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    nothing_lives(folder)
    finish(folder, tmp_path)
    assert sorted(finished(folder)) == [0, 1, 2]
    assert {t["status"] for t in results(folder)["trials"]} == {"succeeded"}
    nothing_lives(folder)
