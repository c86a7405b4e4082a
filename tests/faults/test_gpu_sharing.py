"""Filling a GPU: measured by NVIDIA's tool, which a program on PATH stands in for, and what is too much."""

from __future__ import annotations

import os
import stat
import sys
import time

import pytest

from awstune.search.folding import fold
from awstune.search.space import Float, Space
from awstune.search.trials import Status
from awstune.sweeps import gpus, journal, loop
from awstune.sweeps.commands import Commands
from awstune.sweeps.executor import Displaced, Finished, Job, Packed, Started
from awstune.sweeps.folder import Folder
from awstune.sweeps.gauge import Gauge, machine
from awstune.sweeps.local import make_executor
from awstune.sweeps.packing import Packing, undecided
from awstune.sweeps.pool import Pool
from awstune.sweeps.results import status
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.waiting import hear, so_many

MIB = 1 << 20

# GPUs are folders: a file a process, which holds how many MiB of the GPU's 1000 it has.
TOOL = """#!{python} -SE
import os
from pathlib import Path
for gpu in sorted(Path({place!r}).iterdir()):
    held = [file for file in gpu.iterdir() if os.path.exists("/proc/" + file.name)]
    used = sum(float(file.read_text() or 0) for file in held)
    print(gpu.name + ", GPU-" + gpu.name + "-abc, 1000, " + str(int(used)) + ", " + ("20" if used else "0"))
Path({place!r} + "-asked").open("a").write("x")
"""

# A trial takes its memory, waits until the tool has looked four times, or until it may go.
SCRIPT = """
import os, sys, time
from pathlib import Path
PLACE = os.environ["FAKE_GPUS"]
ASKED = Path(PLACE + "-asked")

def hold(mib):
    gpu = Path(PLACE) / os.environ["CUDA_VISIBLE_DEVICES"]
    mine = gpu / str(os.getpid())
    others = [file for file in gpu.iterdir() if os.path.exists("/proc/" + file.name)]
    used = sum(float(file.read_text() or 0) for file in others)
    if used + mib > 1000:
        raise RuntimeError("CUDA out of memory. Tried to allocate %d MiB" % mib)
    mine.write_text(str(mib))
    return mine

def looked():
    return len(ASKED.read_text()) if ASKED.exists() else 0

def work(number, mib, report):
    mine = hold(mib)
    report(1.0)
    before = looked()
    while looked() < before + 4 if number == 0 else not os.path.exists(PLACE + "-go"):
        time.sleep(0.01)  # the tool, and the test, are other processes
    report(0.5)
    mine.unlink()

def train(trial):
    work(trial.number, trial.params["mib"], lambda loss: trial.report(loss=loss))

if __name__ == "__main__":
    number, mib = int(os.environ["AWSTUNE_TRIAL"]), int(float(sys.argv[1]))
    work(number, mib, lambda loss: print("awstune: loss=%g" % loss))
"""


class Bench:
    """A machine of eight cores with made-up GPUs."""

    def __init__(self, home, kind, count):
        self.home, self.kind = home, kind
        self.place = home / "gpus"
        for number in range(count):
            (self.place / str(number)).mkdir(parents=True)
        (home / "train.py").write_text(SCRIPT)
        self.messages, self.executors = [], []

    def target(self):
        """The script, in either way."""
        if self.kind == "command":
            return Target("command", command=(sys.executable, "train.py", "{mib}"))
        return Target("function", file="train.py", function="train")

    def executor(self, **share):
        """Measures first, unless told otherwise."""
        has = machine()
        has = has.__class__(8, 1 << 40, has.gpus)
        share = share or {"packing": undecided(has), "gauge": Gauge(has)}
        kind = Commands if self.kind == "command" else Pool
        self.executors.append(kind(self.target(), cwd=self.home, folder=self.home, **share))
        return self.executors[-1]

    def job(self, number, mib):
        """A trial that takes so much."""
        return Job(number, {"mib": mib}, 1, self.home / f"{number}")

    def hear(self, executor, count, kind):
        """Listen until so many messages of a kind have come; all of them."""
        self.messages = hear(executor, so_many(kind, count), self.messages)
        return [m for m in self.messages if isinstance(m, kind)]

    def holding(self, executor, count):
        """Listen until so many trials have their memory of the first GPU."""
        first = self.place / "0"
        self.messages = hear(executor, lambda _: len(list(first.iterdir())) >= count, self.messages)

    def go(self):
        """Let all trials end."""
        (self.home / "gpus-go").touch()


@pytest.fixture
def make_bench(tmp_path, monkeypatch):
    """Benches with NVIDIA's tool on PATH."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(TOOL.format(python=sys.executable, place=str(tmp_path / "gpus")))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GPUS", str(tmp_path / "gpus"))
    monkeypatch.delenv(gpus.VARIABLE, raising=False)
    made = []

    def make(kind="fork", count=1):
        made.append(Bench(tmp_path, kind, count))
        return made[0]

    yield make
    for executor in made[0].executors:
        executor.close()


@pytest.mark.parametrize("kind", ["fork", "command"])
def test_packed_by_what_the_first_trial_takes(make_bench, kind):
    """250 of 1000 MiB at a fifth of the time: three fit with room left, and three then run on the one GPU."""
    bench = make_bench(kind)
    executor = bench.executor()
    assert executor.slots == 1
    executor.start(bench.job(0, 250))
    (packed,) = bench.hear(executor, 1, Packed)
    assert packed.packing.slots == 3
    assert "as GPU memory allows" in packed.packing.why
    assert "20% of its time" in packed.packing.why
    bench.hear(executor, 1, Finished)
    for number in (1, 2, 3):
        executor.start(bench.job(number, 250))
    assert executor.slots == 3
    bench.hear(executor, 4, Started)
    bench.go()
    finished = bench.hear(executor, 4, Finished)
    assert {m.status for m in finished} == {Status.SUCCEEDED}


@pytest.mark.parametrize("kind", ["fork", "command"])
def test_what_does_not_fit_runs_again_alone(make_bench, kind):
    """A trial that finds its GPU full is no failure: it waits until it is alone; fewer share from then on."""
    bench = make_bench(kind)
    executor = bench.executor(packing=Packing(3, ("0",), 8))
    for number in (1, 2):
        executor.start(bench.job(number, 250))
    bench.hear(executor, 2, Started)
    bench.holding(executor, 2)
    executor.start(bench.job(3, 800))
    (displaced,) = bench.hear(executor, 1, Displaced)
    assert (displaced.trial, displaced.why) == (3, "it ran out of GPU memory beside others")
    (packed,) = bench.hear(executor, 1, Packed)
    assert packed.packing.slots == 2
    assert executor.slots == 3  # the two that run, and the one that waits: nobody else starts
    bench.go()
    finished = bench.hear(executor, 3, Finished)
    assert [m.trial for m in finished][-1] == 3
    assert {m.status for m in finished} == {Status.SUCCEEDED}
    assert executor.slots == 2


def test_too_much_even_alone(make_bench):
    """A trial that its GPU cannot hold at all has failed, in its own words, and is not tried again."""
    bench = make_bench()
    executor = bench.executor(packing=Packing(2, ("0",), 8))
    executor.start(bench.job(1, 1200))
    (finished,) = bench.hear(executor, 1, Finished)
    assert finished.status is Status.FAILED
    assert "CUDA out of memory" in finished.error
    assert not [m for m in bench.messages if isinstance(m, Displaced | Packed)]


def test_a_trial_that_waits_can_be_cancelled(make_bench):
    """What waits for a GPU of its own ends at once when it is cancelled."""
    bench = make_bench()
    executor = bench.executor(packing=Packing(2, ("0",), 8))
    executor.start(bench.job(1, 600))
    bench.hear(executor, 1, Started)
    bench.holding(executor, 1)
    executor.start(bench.job(2, 600))
    bench.hear(executor, 1, Displaced)
    executor.stop(2, kill=True)
    (finished,) = bench.hear(executor, 1, Finished)
    assert (finished.trial, finished.status) == (2, Status.CANCELLED)


def test_every_gpu_has_its_trials(make_bench):
    """Two GPUs begin with a trial each, and end with as many on each as fit."""
    bench = make_bench(count=2)
    executor = bench.executor()
    assert executor.slots == 2
    for number in (0, 1):
        executor.start(bench.job(number, 400))
    (packed,) = bench.hear(executor, 1, Packed)
    assert (packed.packing.slots, packed.packing.gpus) == (4, ("0", "1"))
    for number in (2, 3):
        executor.start(bench.job(number, 400))
    bench.hear(executor, 4, Started)
    bench.go()
    assert {m.status for m in bench.hear(executor, 4, Finished)} == {Status.SUCCEEDED}


def test_a_resumed_sweep_keeps_the_decision(make_bench):
    """What was decided stands in the journal, status says it, and a resumed sweep does not measure again."""
    bench = make_bench()
    bench.go()
    folder = Folder.create(bench.home, None, "train")
    known = {"metric": "loss", "mode": "min", "search": "random", "trials": 2, "parallel": "auto"}
    Spec(bench.target(), Space(mib=Float(100, 200)), **known).write(folder.spec_file)

    def run():
        executor = make_executor(Spec.read(folder.spec_file), folder, bench.home)
        return list(loop.run(folder, executor, linger_s=0))

    (packing,) = [e for e in run() if e["event"] == "packing"]
    assert packing["gpus"] == ["0"]
    assert status(folder, time.time())["packing"]["why"] == packing["why"]
    Spec(bench.target(), Space(mib=Float(100, 200)), **{**known, "trials": 3}).write(folder.spec_file)
    assert not [e for e in run() if e["event"] == "packing"]
    trials = fold(journal.read(folder.journal_file).events).trials
    assert [t.status for t in trials] == [Status.SUCCEEDED] * 3
