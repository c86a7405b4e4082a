"""torchrun, accelerate launch and Hydra scripts as targets: two trials at a time, none leaves a process."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from awstune.search.trials import Status
from awstune.sweeps import marks
from awstune.sweeps.commands import Commands
from awstune.sweeps.executor import Finished, Job, Reported
from awstune.sweeps.target import Target
from tests.waiting import PATIENCE_S, hear, so_many

# Both workers of a trial meet each other, and the first one says what both have.
SHARED = """
import os, sys, time
import torch, torch.distributed as dist
dist.init_process_group("gloo")
open(os.path.join(os.environ["AWSTUNE_DIR"], "pid-%d" % dist.get_rank()), "w").write(str(os.getpid()))
total = torch.tensor(float(sys.argv[1]))
dist.all_reduce(total)
if dist.get_rank() == 0:
    print("awstune: total=%g" % total.item())
if len(sys.argv) > 2:
    time.sleep(600)  # until it is ended
dist.destroy_process_group()
"""
ACCELERATE = """
import sys
import accelerate, torch
accelerator = accelerate.Accelerator(cpu=True)
total = accelerator.reduce(torch.tensor(float(sys.argv[1])))
accelerator.print("awstune: total=%g" % (2 * total.item()))
"""
HYDRA = """
import hydra

@hydra.main(version_base=None, config_name="config", config_path=".")
def main(config):
    print("awstune: total=%g" % (2 * config.model.x))

main()
"""
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "train.py", "{x}")
# Without GPUs it has one process.
LAUNCH = (
    "-m",
    "accelerate.commands.launch",
    "--cpu",
    "--num_processes",
    "1",
    "--num_machines",
    "1",
    "--main_process_port",
    "{port}",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
    "train.py",
    "{x}",
)
INTO = ("train.py", "model.x={x}", "hydra.run.dir={dir}/hydra")
KINDS = [
    pytest.param("torch", SHARED, TORCHRUN, id="torchrun"),
    pytest.param("accelerate", ACCELERATE, LAUNCH, id="accelerate"),
    pytest.param("hydra", HYDRA, INTO, id="hydra"),
]


def make(tmp_path, script, words):
    """An executor of two slots."""
    (tmp_path / "train.py").write_text(script)
    (tmp_path / "config.yaml").write_text("model:\n  x: 0.0\n")
    target = Target("command", command=(sys.executable, *words))
    return Commands(target, cwd=tmp_path, folder=tmp_path, slots=2)


def start(executor, tmp_path, *values):
    """Start a trial for each value; a log to quote, and how long all may take."""
    for number, x in enumerate(values):
        executor.start(Job(number, {"x": x}, 1, tmp_path / str(number)))
    return {"log": tmp_path / "0" / "log.txt", "deadline_s": 100}


def pids(folder):
    """Of a trial's workers, as they have written them down."""
    return [int(file.read_text()) for file in folder.glob("pid-*")]


@pytest.mark.parametrize(("library", "script", "words"), KINDS)
def test_two_at_a_time(tmp_path, library, script, words):
    """Trials that run at the same time do not get into each other's way; both report."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"there is no {library} here")  # the extra dev has it, which CI installs
    executor = make(tmp_path, script, words)
    try:
        heard = hear(executor, so_many(Finished, 2), **start(executor, tmp_path, 1.5, 2.0))
    finally:
        executor.close()
    assert {m.error for m in heard if isinstance(m, Finished)} == {None}
    assert {(m.trial, m.metrics["total"]) for m in heard if isinstance(m, Reported)} == {(0, 3.0), (1, 4.0)}
    assert not marks.marked(marks.of_sweep(tmp_path))


def test_a_trial_of_several_processes_ends_whole(tmp_path):
    """The workers of torchrun, in sessions of their own, end with it, and no other trial's do."""
    executor = make(tmp_path, SHARED, (*TORCHRUN, "stay"))
    try:
        limits = start(executor, tmp_path, 1.0, 1.0)
        heard = hear(executor, so_many(Reported, 2), **limits)
        # Written before they met, and so before the first report.
        ended, others = ([psutil.Process(pid) for pid in pids(tmp_path / name)] for name in "01")
        assert (len(ended), len(others)) == (2, 2)
        ended[0].parent().kill()  # nobody is left to end its workers
        (last,) = (m for m in hear(executor, so_many(Finished), heard, **limits) if isinstance(m, Finished))
        assert (last.trial, last.status) == (0, Status.FAILED)
        assert "SIGKILL" in last.error
        assert psutil.wait_procs(ended, PATIENCE_S)[1] == []
        assert all(process.is_running() for process in others)
    finally:
        executor.close()
    assert not marks.marked(marks.of_sweep(tmp_path))


SHOW = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1] + '/environ', 'w'))"


def environ_of(tmp_path, number, **share):
    """What a trial's process found in its environment."""
    target = Target("command", command=(sys.executable, "-c", SHOW, "{dir}"))
    executor = Commands(target, cwd=tmp_path, folder=tmp_path / "train-3", **share)
    (tmp_path / "train-3").mkdir(exist_ok=True)
    folder = tmp_path / str(number)
    try:
        executor.start(Job(number, {}, 1, folder))
        hear(executor, so_many(Finished), log=folder / "log.txt")
    finally:
        executor.close()
    return json.loads((folder / "environ").read_text())


@pytest.mark.parametrize(
    ("slots", "gpus", "seen"),
    [(1, ["0", "1", "2", "3"], "0,1,2,3"), (2, ["0", "1", "2", "3"], "0,2"), (4, ["0", "1"], "0")],
)
def test_a_command_has_its_share_of_the_gpus(tmp_path, slots, gpus, seen):
    """Fewer trials at a time than GPUs leave no GPU idle: torchrun starts its processes on several."""
    assert environ_of(tmp_path, 0, slots=slots, use_gpus=gpus)["CUDA_VISIBLE_DEVICES"] == seen


def test_ports_and_names_are_given(tmp_path, monkeypatch):
    """Each trial has a port of its own to meet at, and its name at Weights & Biases; the user's word wins."""
    for name in ("MASTER_PORT", "PET_MASTER_PORT", "WANDB_RUN_GROUP", "WANDB_NAME"):
        monkeypatch.delenv(name, raising=False)
    first, second = environ_of(tmp_path, 0), environ_of(tmp_path, 1)
    assert first["MASTER_PORT"] == first["PET_MASTER_PORT"]
    assert (second["WANDB_RUN_GROUP"], second["WANDB_NAME"]) == ("train-3", "train-3-1")
    monkeypatch.setenv("MASTER_PORT", "1234")
    monkeypatch.setenv("WANDB_NAME", "mine")
    third = environ_of(tmp_path, 2)
    assert (third["MASTER_PORT"], third["WANDB_NAME"]) == ("1234", "mine")
    assert third["WANDB_RUN_GROUP"] == "train-3"
    assert Path(third["AWSTUNE_DIR"]) == tmp_path / "2"
    assert os.environ["WANDB_NAME"] == "mine"
