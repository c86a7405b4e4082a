"""The GPU benchmark, where there is no GPU: it says so, and a processor stands in to try its logic."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from awstune.remote.pythons import Python
from tests.bench import gpu
from tests.waiting import PATIENCE_S

HERE = Path(__file__).resolve().parents[2]
SMI = """#!/bin/sh
case "$*" in *name,driver*) echo 'Tesla T4, 570.86.15' ;; *) echo '0, GPU-12345678, 15360, 0, 50' ;; esac
"""
# What a Deep Learning AMI's Python may lack; each process of the benchmark begins with it.
PLAIN = """
import sys
for name in ("bayes_opt", "boto3", "botocore", "click", "cloudpickle", "filelock", "packaging", "paramiko",
             "pathspec", "rich", "scipy", "threadpoolctl", "tomlkit"):
    sys.modules[name] = None
"""


def bench(*words, path=None, **more):
    """What the benchmark prints."""
    environ = {**os.environ, "PYTHON": sys.executable, "PATH": path or os.environ["PATH"], **more}
    command = ["sh", str(HERE / "scripts" / "bench"), "gpu", *words]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    ).stdout


@pytest.fixture
def with_gpu(tmp_path):
    """A PATH in which NVIDIA's tool shows a GPU that is half busy."""
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


def test_without_a_gpu_it_says_so(tmp_path):
    """No figure without a GPU, and no failure either."""
    for name in ("sh", "dirname", "tr"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    assert bench(path=str(tmp_path)) == "skipped: there is no NVIDIA GPU here (nvidia-smi shows none)\n"


def test_a_gpu_that_torch_cannot_use(with_gpu):
    """A GPU is there and torch was built without: no figure, no failure, and the reason."""
    said = json.loads(bench("--json", path=with_gpu))
    assert said["skipped"].startswith("torch ")
    assert "cannot use the GPU that is here" in said["skipped"]


def test_a_torch_for_another_gpu():
    """What its torch has code for, and what the GPU is, are told apart."""
    old = Python("python", (3, 11), torch="2.9.1", sees=True, arches=("sm_75", "sm_80"), capability=(3, 7))
    why = "torch 2.9.1 has code for sm_75 sm_80, and the GPU here is of compute capability 3.7"
    assert gpu.torch_against(old) == why


def test_its_rows(tmp_path, with_gpu):
    """On the processor, one by one, packed: three rows a model, of a Python with torch, numpy and psutil."""
    (tmp_path / "sitecustomize.py").write_text(PLAIN)
    words = ("--device", "cpu", "--models", "mlp", "--steps", "2", "--trials", "2", "--json")
    rows = json.loads(bench(*words, path=with_gpu, PYTHONPATH=str(tmp_path)))["rows"]
    assert [row["at_once"] for row in rows[:2]] == [1, 1]
    assert all(row["trials_an_hour"] > 0 and row["failed"] == 0 for row in rows)
    assert [row["busy"] for row in rows] == [None, 0.5, 0.5]
    assert "at a time" in rows[2]["why"]
