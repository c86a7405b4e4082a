"""Completion in the shells: commands, options, and the sweeps of the folder one is in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

AWSTUNE = str(Path(sys.executable).with_name("awstune"))


def completed(words, cwd):
    """What bash would offer for the last of these words."""
    env = {
        **os.environ,
        "_AWSTUNE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run([AWSTUNE], cwd=cwd, env=env, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell, tmp_path):
    """bash, zsh and fish are each given a script that defines the completion."""
    env = {**os.environ, "_AWSTUNE_COMPLETE": f"{shell}_source"}
    done = subprocess.run([AWSTUNE], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert "_awstune_completion" in done.stdout


def test_commands_and_options_are_offered(tmp_path):
    """The beginnings of commands and of long options are completed."""
    assert completed(["awstune", "sta"], tmp_path) == ["start", "status"]
    assert "--search-seed" in completed(["awstune", "sweep", "--sear"], tmp_path)


def test_sweeps_are_offered(tmp_path):
    """SWEEP is completed from the folders that are there."""
    for name in ("train-1", "other-1"):
        folder = tmp_path / "sweeps" / name
        folder.mkdir(parents=True)
        (folder / "sweep.toml").touch()
    assert completed(["awstune", "results", "tr"], tmp_path) == ["train-1"]


def test_options_are_offered_behind_a_slip(tmp_path):
    """A word that sweep will refuse keeps no option from being completed."""
    assert "--metric" in completed(["awstune", "sweep", "train.py", "lr=0.1", "--m"], tmp_path)


ROWS = [
    ("terminate l", ["lab"]),
    ("ssh ", ["far-2", "lab"]),
    ("sweep --on f", ["far-2"]),
    ("stop fa", ["far-2"]),
]


@pytest.mark.parametrize(("words", "names"), ROWS)
def test_instances_are_offered(words, names, tmp_path, monkeypatch):
    """NAME is completed from the private keys that are here; nobody is asked."""
    monkeypatch.setenv("AWSTUNE_HOME", str(tmp_path))
    folder = tmp_path / "keys" / "123456789012"
    folder.mkdir(parents=True)
    for file in ("awstune-lab-us-east-1.pem", "awstune-far-2-us-gov-west-1.pem", "other.pem"):
        (folder / file).touch()
    assert completed(["awstune", *words.split(" ")], tmp_path) == names


def test_types_and_files_are_offered(tmp_path):
    """A type is one of the price table; of a TARGET the shell offers its files."""
    assert "g4dn.xlarge" in completed(["awstune", "launch", "--type", "g4"], tmp_path)
    assert completed(["awstune", "sweep", "tr"], tmp_path) == ["tr"]
