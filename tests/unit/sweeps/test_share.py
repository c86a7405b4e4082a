"""What a trial gets of the machine: GPUs, cores, patience."""

from __future__ import annotations

import pytest

from awstune.errors import TargetError
from awstune.sweeps import gpus, marks, warm
from awstune.sweeps.executor import Job, cores
from awstune.sweeps.packing import Packing
from awstune.sweeps.pool import Pool
from awstune.sweeps.running import Limits
from awstune.sweeps.target import Target


@pytest.mark.parametrize(
    ("value", "found"), [("0,1", ["0", "1"]), ("GPU-8f, 2", ["GPU-8f", "2"]), ("", []), ("-1", [])]
)
def test_the_variable_has_the_last_word(value, found):
    """CUDA_VISIBLE_DEVICES, where set, is taken as it is."""
    assert gpus.visible({"CUDA_VISIBLE_DEVICES": value, "PATH": ""}) == found


@pytest.mark.parametrize(("script", "found"), [("echo 0; echo 1", ["0", "1"]), ("exit 9", [])])
def test_else_nvidias_tool_is_asked(tmp_path, script, found):
    """The tool's own list counts; a tool that fails means no GPU."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    assert gpus.visible({"PATH": str(tmp_path)}) == found


def test_no_tool_no_gpu(tmp_path):
    """Without a driver there is none."""
    assert gpus.visible({"PATH": str(tmp_path)}) == []


def test_a_python_that_cannot_be_run(tmp_path):
    """A wrong interpreter is a usage error, and nothing is left of the attempt."""
    target = Target("function", file="t.py", function="train")
    pool = Pool(target, cwd=tmp_path, folder=tmp_path, python=str(tmp_path / "python"))
    with pytest.raises(TargetError, match="cannot be run"):
        pool.start(Job(0, {}, 1, tmp_path / "0"))
    pool.close()
    assert not marks.marked(marks.of_sweep(tmp_path))


@pytest.mark.parametrize("slots", [1, 2, 3, 100])
def test_cores_are_divided(slots):
    """The threads of all slots are never more than the cores, but for one each."""
    threads = Packing(slots, cores=cores()).threads
    assert threads >= 1
    assert threads * slots <= max(cores(), slots)


@pytest.mark.parametrize(
    ("packing", "threads", "said"),
    [
        (Packing(3, cores=2), None, ["3 trials at a time share 2 cores, a thread each"]),
        (Packing(2, cores=2), None, []),
        (Packing(3, ("0",), cores=2), None, []),
        (Packing(3, cores=2), 1, []),
    ],
)
def test_more_trials_than_cores(tmp_path, packing, threads, said):
    """It is said, as each has one thread at least; not of a GPU's trials, nor where threads were typed."""
    target = Target("function", file="t.py", function="train")
    pool = Pool(target, cwd=tmp_path, folder=tmp_path, packing=packing, limits=Limits(threads=threads))
    assert [message.text.split(":")[0] for message in pool.poll(0)] == said
    pool.close()


def test_threads_do_not_spin_long():
    """Waiting threads go to sleep soon, unless the user has said how they wait."""
    assert warm.single_threaded({})["GOMP_SPINCOUNT"] == "2000"
    assert "GOMP_SPINCOUNT" not in warm.single_threaded({"OMP_WAIT_POLICY": "active"})
