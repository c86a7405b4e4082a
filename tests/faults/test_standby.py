"""A server that is forked from a process which was there already: as one that was started, only sooner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from awstune import names
from awstune.search.space import Float, Space
from awstune.sweeps import imds, journal, marks, recruiting
from awstune.sweeps.executor import Finished, Job, Noted, Reported
from awstune.sweeps.folder import Folder
from awstune.sweeps.pool import Pool
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.faults.workers import kill_all, nothing_lives, reaches, start
from tests.waiting import PATIENCE_S, hear, so_many, until

# What is asked of torch before a trial computes with it; importing it takes no time.
TORCH = """
class Device:
    is_available = is_initialized = staticmethod(lambda: False)
    manual_seed = staticmethod(lambda seed: None)

cuda = mps = xpu = Device
set_num_threads = Device.manual_seed
class random:
    default_generator = Device
"""
PARENT = """
import os, random, sys
import torch

def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
"""
SEEN = (
    PARENT
    + """
import numpy

def train(trial):
    trial.report(
        drawn=random.random(), numpy=numpy.random.rand(), torch=torch.rand(1).item(),
        threads=torch.get_num_threads(), given=float(os.environ["GIVEN"]),
        here=float(os.getcwd() == sys.path[0]),
    )
    print("server of", parent(os.getppid()))
"""
)
TOLD = (
    PARENT
    + """
def train(trial):
    trial.report(of=parent(os.getppid()))
"""
)
THREAD = (
    """
import threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""
    + TOLD
)
FRAIL = (
    PARENT
    + """
import signal, time

def train(trial):
    of = parent(os.getppid())
    if of == int(os.environ["STANDBY"]):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)  # until it is killed with it
    trial.report(of=of)
"""
)
# Stays where it is while it is imported, and again in its only trial.
STUCK = """
import pathlib, time, torch

def wait(where):
    pathlib.Path(where).touch()
    time.sleep(60)  # until all of it is killed

if pathlib.Path("slowly").exists():
    wait("importing")

def train(trial):
    wait("training")
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A place for standbys and their processes, all of which end with the test; torch costs nothing there."""
    (tmp_path / "lib" / "torch").mkdir(parents=True)
    (tmp_path / "lib" / "torch" / "__init__.py").write_text(TORCH)
    others = filter(None, [os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "lib"), *others]))
    yield SimpleNamespace(home=tmp_path, standbys=tmp_path / names.STANDBY_DIR)
    kill_all(tmp_path)


def ours(folder):
    """The standbys of a folder."""
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if {"standby"} & set(p.info["cmdline"] or ()) and str(folder) in str(p.info)]


def begun(lab):
    """A standby, which listens by now."""
    recruiting.begin(lab.standbys, sys.executable, os.environ)
    return listening(lab)


def listening(lab):
    """The standby that there is, once it can be asked."""
    until(lambda: any(file.is_socket() for file in lab.standbys.glob("*")), "a standby")
    return ours(lab.home)[0]


def run(lab, script, *, standbys=True, mode="fork"):
    """What the only trial of a script reports, what is noted, and its log."""
    (lab.home / "train.py").write_text(script)
    target = Target("function", file="train.py", function="train")
    places = lab.standbys if standbys else None
    pool = Pool(target, cwd=lab.home, folder=lab.home, mode=mode, standbys=places)
    try:
        job = Job(0, {}, 7, lab.home / mode)
        pool.start(job)
        heard = hear(pool, so_many(Finished), log=lab.home / "pool.log")
    finally:
        pool.close()
    assert not marks.marked(marks.of_sweep(lab.home))
    assert [m.error for m in heard if isinstance(m, Finished)] == [None]
    (report,) = (dict(m.metrics) for m in heard if isinstance(m, Reported))
    return report, [m.text for m in heard if isinstance(m, Noted)], job.log_file.read_text()


def test_a_trial_sees_what_it_would_have_seen(tmp_path, monkeypatch):
    """Seeds, threads, folder and variables are those of a server of its own; only its parent is another."""
    lab = SimpleNamespace(home=tmp_path, standbys=tmp_path / names.STANDBY_DIR)
    standby = begun(lab)
    try:
        monkeypatch.setenv("GIVEN", "17")  # since then, as --env does
        forked, notes, log = run(lab, SEEN)
        assert log.split()[-1] == str(standby.pid)
        assert notes == []
        started, _, log = run(lab, SEEN, standbys=False, mode="spawn")
        assert log.split()[-1] != str(standby.pid)
        assert forked == started
    finally:
        standby.kill()


def test_one_serves_again_and_again(lab):
    """A second one of its kind is not kept, and the first serves one sweep after another."""
    standby = begun(lab)
    recruiting.begin(lab.standbys, sys.executable, os.environ)
    assert [run(lab, TOLD)[0] for _ in range(2)] == [{"of": standby.pid}] * 2
    until(lambda: ours(lab.home) == [standby], "the second one to leave")


def test_where_it_cannot_serve(lab, monkeypatch):
    """One that is of another kind, has seen something be installed, or was killed costs nothing but time."""
    begun(lab)
    with monkeypatch.context() as changed:
        changed.setenv("PYTHONHASHSEED", "3")
        assert run(lab, TOLD)[0]["of"] == os.getpid()
    (lab.home / "lib" / "new.py").touch()
    assert run(lab, TOLD)[0]["of"] == os.getpid()
    until(lambda: not ours(lab.home), "it to leave")

    begun(lab).kill()
    until(lambda: not ours(lab.home), "its end")
    assert run(lab, TOLD)[0]["of"] == os.getpid()


def test_one_whose_servers_die(lab, monkeypatch):
    """Where a server was lost it is not asked again: the next one is started, as without a standby."""
    monkeypatch.setenv("STANDBY", str(begun(lab).pid))
    assert run(lab, FRAIL)[0] == {"of": os.getpid()}


def test_the_packages_of_a_project(lab, monkeypatch):
    """What a project adds to where modules are found is no other kind: it finds them as another does."""
    monkeypatch.setenv("HOME", str(lab.home))
    standby = begun(lab)
    source = lab.home / ".awstune" / "projects" / "one" / "src"
    source.mkdir(parents=True)
    (source / "own.py").write_text("loss = 3\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(source)]))
    script = TOLD.replace("of=", "loss=own.loss, of=") + "    print(sys.path)\n"
    forked, _, path = run(lab, f"import own\n{script}")
    assert forked == {"loss": 3.0, "of": standby.pid}
    started, _, same = run(lab, f"import own\n{script}", standbys=False, mode="spawn")
    assert started["of"] != standby.pid
    assert path == same
    (source / "torch.py").write_text("")  # which the standby has imported from elsewhere
    assert run(lab, f"import own\n{script}")[0]["of"] == os.getpid()


def test_what_is_handed_to_its_sweep(lab, monkeypatch):
    """A variable that comes with the sweep, and matters to Python, is that of its standby from the start."""
    words = [sys.executable, "-m", "awstune.sweeps.recruiting", str(lab.standbys)]
    subprocess.run(words, input=json.dumps({"PYTHONHASHSEED": "3"}), text=True, check=True)
    standby = listening(lab)
    assert run(lab, TOLD)[0]["of"] == os.getpid()
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    assert run(lab, TOLD)[0]["of"] == standby.pid


def test_what_is_set_after_the_sweep_began(lab, monkeypatch):
    """What awstune's own imports add to the environment, as scikit-learn does, is not the trials' affair."""
    monkeypatch.delenv("KMP_INIT_AT_FORK", raising=False)  # this process may have imported scikit-learn
    standby = begun(lab)
    monkeypatch.setenv("GIVEN", "17")
    (lab.home / "train.py").write_text(TOLD.replace("of=", "set='KMP_INIT_AT_FORK' in os.environ, of="))
    target = Target("function", file="train.py", function="train")
    pool = Pool(target, cwd=lab.home, folder=lab.home, standbys=lab.standbys)
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    pool.start(Job(0, {}, 7, lab.home / "0"))
    (report,) = (m.metrics for m in hear(pool, so_many(Finished)) if isinstance(m, Reported))
    pool.close()
    assert report == {"of": standby.pid, "set": 0.0}


def test_it_leaves_when_nobody_asks(lab):
    """After a time without a question it ends, and leaves no socket."""
    recruiting.begin(lab.standbys, sys.executable, os.environ, idle_s=0.05)
    until(lambda: list(lab.standbys.glob("*.lock")) and not ours(lab.home), "its end")
    assert [file.suffix for file in lab.standbys.iterdir()] == [".lock"]


def test_only_its_owner_may_ask(lab):
    """What can have anything run as this user lies in a folder of his alone."""
    begun(lab)
    assert lab.standbys.stat().st_mode & 0o777 == 0o700


def test_where_the_target_may_not_be_forked(lab):
    """A forked server becomes a spawning one as another does, and says why."""
    begun(lab)
    _, notes, _ = run(lab, THREAD)
    assert len(notes) == 1
    assert "started 1 threads" in notes[0]


@pytest.mark.parametrize("how", ["forked", "started"])
@pytest.mark.parametrize("doing", ["importing", "training"])
def test_the_worker_is_killed(lab, how, doing):
    """A kill -9 of a sweep's process ends all of it, whatever the server was busy with, however it began."""
    if how == "forked":
        begun(lab)
    if doing == "importing":
        (lab.home / "slowly").touch()
    (lab.home / "train.py").write_text(STUCK)
    folder = Folder.create(lab.home, "killed", "train")
    target = Target("function", file="train.py", function="train")
    Spec(target, Space(x=Float(1, 2)), metric="loss", mode="min", search="random").write(folder.spec_file)
    site = {names.GOING_VARIABLE: str(lab.home / "going" / "killed"), imds.VARIABLE: "http://127.0.0.1:9"}
    worker = start(folder, lab.home, {**site, names.ROOT_VARIABLE: str(lab.home)})
    until((lab.home / doing).exists, lambda: f"{doing}: {folder.worker_log_file.read_text()}")
    parents = {p.ppid() for p in marks.marked(marks.of_sweep(folder.path))}
    assert bool(parents & {p.pid for p in ours(lab.home)}) == (how == "forked")
    worker.kill()
    worker.wait()
    nothing_lives(folder)


def new_sweep(lab, name):
    """The folder of a sweep of one trial, which is forked from whatever there is."""
    (lab.home / "train.py").write_text(TOLD.replace("of=", "loss="))
    target = Target("function", file="train.py", function="train")
    folder = Folder.create(lab.home, name, "train")
    spec = Spec(target, Space(x=Float(1, 2)), metric="loss", mode="min", search="random", trials=1)
    spec.write(folder.spec_file)
    return folder


def there(lab):
    """What the worker of a sweep finds in its environment on an instance."""
    site = {names.GOING_VARIABLE: str(lab.home / "going" / "one"), imds.VARIABLE: "http://127.0.0.1:9"}
    return {**site, names.ROOT_VARIABLE: str(lab.home)}


def test_who_came_too_late_leaves_none(lab):
    """A worker that another was quicker than has nothing imported beside that one's trials."""
    folder = new_sweep(lab, "one")
    with journal.held(folder.journal_file):
        assert start(folder, lab.home, there(lab)).wait(PATIENCE_S) == 1
    assert ours(lab.home) == []


def test_the_next_sweep_finds_one(lab):
    """On an instance a sweep leaves a standby behind; the next one's trials are forked from it."""
    seen, standby = [], None
    for name in ("one", "two"):
        folder = new_sweep(lab, name)
        worker = start(folder, lab.home, there(lab))
        reaches(folder, "finished", 0)
        assert worker.wait(PATIENCE_S) == 0
        seen += [e["value"] for e in journal.read(folder.journal_file).events if e["event"] == "finished"]
        standby = standby or listening(lab)
    assert seen[0] != standby.pid
    assert seen[1] == standby.pid
