"""The example that knows nothing of awstune: a program with flags, swept as it is."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import awstune
from tests.waiting import PATIENCE_S
from tests.world import ran

EXAMPLE = Path(awstune.__file__).parent / "examples" / "plain.py"


def sweep(tmp_path, *words):
    """What a sweep of the example says."""
    shutil.copy(EXAMPLE, tmp_path)
    command = [sys.executable, "-m", "awstune", "sweep", *words]
    return ran(command, tmp_path, timeout=PATIENCE_S)


def test_it_is_swept_by_its_output(tmp_path):
    """Its flags are filled in, and its own line an epoch is read."""
    assert "awstune" not in EXAMPLE.read_text().split('"""')[2]
    reading = ("--metric-regex", "val_loss=([0-9.e+-]+)", "--metric", "val_loss", "--trials", "1")
    command = (sys.executable, "plain.py", "--lr", "{lr}", "--epochs", "2")
    done = sweep(tmp_path, *reading, "-p", "lr=1e-4..1:log", "--", *command)
    assert done.returncode == 0, done.stderr
    assert "best of 1 trial: val_loss" in done.stdout


def test_its_flags_make_a_space(tmp_path):
    """Without a space the refusal has one to paste, read from its flags."""
    done = sweep(tmp_path, "--", sys.executable, "plain.py")
    assert done.returncode == 2
    for flag in ("lr", "width", "activation=relu,tanh"):
        assert flag in done.stdout  # ready to paste
