"""What makes forking hang or lie, done: each ends well, as a fork where that is safe, else as a spawn."""

from __future__ import annotations

import pytest

from awstune.sweeps import marks
from awstune.sweeps.executor import Finished, Job, Noted, Reported
from awstune.sweeps.packing import Packing
from awstune.sweeps.pool import Pool
from awstune.sweeps.running import Limits
from awstune.sweeps.target import Target
from tests.waiting import hear, so_many

PARALLEL = (
    "torch.set_num_threads({threads})\nx = torch.ones(2000, 200)\nfor _ in range(3): (x.T @ x).exp().sum()\n"
)
BACKWARD = "w = torch.ones(8, 8, requires_grad=True)\n(w @ w).sin().sum().backward()\n"
USE = """
def train(trial):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(20, 200), torch.nn.Tanh(), torch.nn.Linear(200, 1))
    for step in range(3):
        loss = model(torch.randn(2000, 20)).square().mean()
        loss.backward()
    trial.report(loss=loss.item(), grad=float(model[0].weight.grad.sum()))
"""
LOADER = """
import torch

class Squares(torch.utils.data.Dataset):
    def __len__(self):
        return 64
    def __getitem__(self, index):
        return torch.tensor(float(index)) ** 2

def train(trial):
    loader = torch.utils.data.DataLoader(Squares(), batch_size=8, num_workers=2)
    trial.report(loss=sum(batch.sum().item() for batch in loader))
"""
DRAWS = """
import random
import numpy, torch

def train(trial):
    trial.report(a=random.random(), b=numpy.random.rand(), c=torch.rand(1).item())
"""
THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

def train(trial):
    trial.report(loss=1)
"""


def run(tmp_path, script, *, jobs=1, mode="fork", threads=1):
    """The reports of some trials of a script, and what was noted."""
    (tmp_path / "train.py").write_text(script)
    target = Target("function", file="train.py", function="train")
    pool = Pool(target, cwd=tmp_path, folder=tmp_path, mode=mode, limits=Limits(threads=threads))
    heard = []
    try:
        for number in range(jobs):
            pool.start(Job(number, {}, 7 + number, tmp_path / f"{mode}-{number}"))
            heard = hear(pool, so_many(Finished, number + 1), heard)
    finally:
        pool.close()
    assert not marks.marked(marks.of_sweep(tmp_path))
    assert [m.error for m in heard if isinstance(m, Finished)] == [None] * jobs
    reports = [dict(m.metrics) for m in heard if isinstance(m, Reported)]
    return reports, [m.text for m in heard if isinstance(m, Noted)]


@pytest.mark.parametrize("since", ["", "torch.set_num_threads(1)\n"], ids=["two", "one again"])
def test_a_parallel_region_at_import(tmp_path, since):
    """A server that has run on two threads must not be forked, whatever it has set since; it says so."""
    reports, notes = run(tmp_path, "import torch\n" + PARALLEL.format(threads=2) + since + USE, threads=2)
    assert len(reports) == 1
    assert "threads when it was imported" in notes[0]


def test_a_thread_started_at_import(tmp_path):
    """The same for any thread that the target starts."""
    reports, notes = run(tmp_path, THREAD, jobs=2)
    assert reports == [{"loss": 1.0}] * 2
    assert len(notes) == 1
    assert "started 1 threads" in notes[0]


def test_a_gpu_used_at_import(tmp_path):
    """A server that has begun to use a GPU must not be forked either: CUDA does not outlive a fork."""
    touched = (
        "import torch\ntorch.cuda.is_initialized = lambda: True\n"  # as after torch.ones(1, device="cuda")
    )
    reports, notes = run(tmp_path, touched + "def train(trial):\n    trial.report(loss=1)\n")
    assert reports == [{"loss": 1.0}]
    assert "the target used the GPU when it was imported" in notes[0]


def test_a_backward_pass_at_import_changes_nothing(tmp_path):
    """On one thread a fork after a backward pass ends with the very bits of a fresh interpreter."""
    script = "import torch\n" + PARALLEL.format(threads=1) + BACKWARD + USE
    forked, notes = run(tmp_path, script)
    assert notes == []
    spawned, _ = run(tmp_path, script, mode="spawn")
    assert forked == spawned


def test_a_trial_may_use_more_threads_than_its_server(tmp_path):
    """Threads are raised in the child, where nothing has been forked after them."""
    reports, notes = run(tmp_path, "import torch\n" + USE, jobs=2, threads=2)
    assert len(reports) == 2
    assert notes == []


def test_data_loader_workers(tmp_path):
    """A trial's own worker processes run, and are gone with it."""
    reports, notes = run(tmp_path, LOADER)
    assert reports == [{"loss": float(sum(i * i for i in range(64)))}]
    assert notes == []


def test_seeds(tmp_path):
    """Trials draw differently from each other, and a trial of one seed always the same, however started."""
    forked, _ = run(tmp_path, DRAWS, jobs=2)
    spawned, _ = run(tmp_path, DRAWS, jobs=2, mode="spawn")
    assert forked == spawned
    assert set(forked[0].values()).isdisjoint(forked[1].values())


def test_a_target_that_cannot_be_imported(tmp_path):
    """Each trial fails with the import's own error, in its own log."""
    (tmp_path / "train.py").write_text("import no_such_package\n")
    pool = Pool(Target("function", file="train.py", function="train"), cwd=tmp_path, folder=tmp_path)
    pool.start(Job(0, {}, 7, tmp_path / "0"))
    heard = hear(pool, so_many(Finished))
    pool.close()
    assert heard[-1].error == "ModuleNotFoundError: No module named 'no_such_package'"
    assert "train.py" in (tmp_path / "0" / "log.txt").read_text()


def test_a_target_that_vanishes_after_the_start(tmp_path):
    """A script that is gone when its server starts is named by each trial; nothing crashes without a word."""
    pool = Pool(Target("function", file="train.py", function="train"), cwd=tmp_path, folder=tmp_path)
    pool.start(Job(0, {}, 7, tmp_path / "0"))
    heard = hear(pool, so_many(Finished))
    pool.close()
    assert heard[-1].error.startswith("FileNotFoundError")
    assert "train.py" in heard[-1].error


LATE = """
def train(trial):
    import numpy, torch
    trial.report(b=numpy.random.rand(), c=torch.rand(1).item())
"""


def test_what_is_imported_late_is_seeded_too(tmp_path):
    """A trial that imports numpy and torch itself draws what the same seed draws elsewhere."""
    late, _ = run(tmp_path, LATE, jobs=2)
    early, _ = run(tmp_path, DRAWS)
    assert late[0]["b"] == early[0]["b"]
    assert late[0]["c"] == early[0]["c"]
    assert set(late[0].values()).isdisjoint(late[1].values())


LOUD = """
def train(trial):
    for epoch in range(50):
        for _ in range(100):
            print("x" * 9999)
        trial.report(loss=epoch)
"""


def test_fifty_megabytes_do_not_stall(tmp_path):
    """A trial that writes a megabyte between any two reports ends as others do, its log complete."""
    reports, _ = run(tmp_path, LOUD)
    assert [report["loss"] for report in reports] == list(range(50))
    assert (tmp_path / "fork-0" / "log.txt").stat().st_size == 50 * 100 * 10_000


CORES = """
import os

def train(trial):
    trial.report(threads=int(os.environ["OMP_NUM_THREADS"]))
"""


def test_slots_share_the_cores(tmp_path):
    """With two trials at a time on six cores each has three threads; before it is decided each has one."""
    (tmp_path / "train.py").write_text(CORES)
    target = Target("function", file="train.py", function="train")
    for settled, expected in ((True, 3.0), (False, 1.0)):
        packing = Packing(2, cores=6, settled=settled)
        pool = Pool(target, cwd=tmp_path, folder=tmp_path, packing=packing)
        pool.start(Job(0, {}, 7, tmp_path / str(settled)))
        heard = hear(pool, so_many(Finished))
        pool.close()
        assert [m.metrics["threads"] for m in heard if isinstance(m, Reported)] == [expected]
