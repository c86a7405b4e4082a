"""The GPU benchmark, where there is no GPU: it says so, and a processor stands in to try its logic."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


def bench(*words, path=None):
    """What the benchmark prints."""
    environ = {**os.environ, "PYTHON": sys.executable, "PATH": path or os.environ["PATH"]}
    command = ["sh", str(HERE / "scripts" / "bench"), "gpu", *words]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=110, check=True
    ).stdout


def test_without_a_gpu_it_says_so(tmp_path):
    """No figure without a GPU, and no failure either."""
    for name in ("sh", "dirname", "tr"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    assert bench(path=str(tmp_path)) == "skipped: there is no NVIDIA GPU here (nvidia-smi shows none)\n"


def test_its_rows():
    """On the processor, one by one, packed: three rows a model, with trials an hour and no failure."""
    words = ("--device", "cpu", "--models", "mlp", "--steps", "2", "--trials", "2", "--json")
    rows = json.loads(bench(*words))["rows"]
    assert [row["at_once"] for row in rows[:2]] == [1, 1]
    assert all(row["trials_an_hour"] > 0 and row["failed"] == 0 for row in rows)
    assert "at a time" in rows[2]["why"]
