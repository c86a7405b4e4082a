"""Interrupts, by real signals in real processes: what goes on, and the command that ends it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from awstune.localcloud import lifecycle
from awstune.names import HOLD_FILE
from tests.command import Running
from tests.lab import Lab
from tests.waiting import PATIENCE_S, until
from tests.world import SLOW, TRAIN, gated, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("interrupts")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud for this module's interrupts; nothing of it may be left afterwards."""
    scripts = {"train": TRAIN, "slow": SLOW, "gated": gated("gate", baseline=True)}
    with running(tmp_path_factory, "interrupts", **scripts) as made:
        yield made


@pytest.fixture(scope="module")
def instances(world):
    """What there is in that cloud."""
    return Lab(world)


@pytest.fixture
def lab(instances):
    """An instance to sweep on; launched where there is none any more."""
    instances.has(lab="running")
    return "lab"


def test_a_sweep_here(world):
    """Ctrl-C ends the trials within seconds; resume goes on and repeats no finished trial."""
    running = Running(world, "sweep", "gated.py", "--trials", "4", "--name", "here").says("0.5  baseline")
    said = running.signalled()
    assert "here has stopped, and what has finished is kept" in said
    assert "awstune resume here" in said
    assert world.json("status", "here")["state"] == "stopped"
    before = world.json("results", "here")["trials"][0]
    (world.cwd / "gate").touch()
    document = world.lines("resume", "here")[-1]
    assert [trial["status"] for trial in document["trials"]] == ["succeeded"] * 4
    assert document["trials"][0] == before


def test_while_attached(world, lab):
    """Ctrl-C while attached leaves the sweep running on its instance; terminate brings it home."""
    running = Running(world, "sweep", "--on", lab, "slow.py", "--trials", "200", "--name", "there")
    running.says("0.5  baseline")
    (disk,) = (one["folder"] for one in lifecycle.instances(lifecycle.find(world.home)) if one["ssh_port"])
    hold, until_then = Path(disk, "root", HOLD_FILE[1:]), time.time()
    until(hold.exists, "attach to hold the end off")
    said = running.signalled()
    assert hold.stat().st_mtime < until_then - 60  # its end waits for nobody who has left
    assert "the sweep there goes on on the instance lab" in said
    assert "awstune attach there" in said
    assert world.json("status", "there")["state"] == "running"
    world.run("terminate", lab)
    status = world.json("status", "there")
    assert status["state"] == "stopped"
    assert status["trials"]["succeeded"] >= 1
    stopped = world.run("attach", "there", check=1)
    assert "there stopped before its end" in stopped.stderr


def test_two_lookers_and_a_log(world, lab):
    """Attach and status at once, and a log meanwhile: the mirror stays what the instance has."""
    running = Running(world, "sweep", "--on", lab, "slow.py", "--trials", "3", "--name", "seen")
    running.says("seen runs on lab")
    for _ in range(4):
        assert world.json("status", "seen")["state"] in ("running", "finished")
    assert world.run("logs", "seen", "--trial", "0").returncode == 0
    assert running.process.wait(PATIENCE_S) == 0
    there = world.run("ssh", lab, "--", "cat .awstune/sweeps/seen/journal.jsonl").stdout
    assert (world.cwd / "sweeps" / "seen" / "journal.jsonl").read_text() == there


def test_cancel_and_logs_there(world, lab):
    """A log is followed while its trial runs on the instance; cancel ends one trial, then the sweep."""
    world.run("sweep", "--on", lab, "slow.py", "--trials", "200", "--name", "gone", "--detach")
    world.run("logs", "gone", "--trial", "0", "--follow")
    assert world.json("results", "gone")["trials"][0]["status"] == "succeeded"
    world.run("cancel", "gone", "--trial", "0", check=2)
    world.run("cancel", "gone")
    until(lambda: world.json("status", "gone")["state"] == "cancelled", "the sweep to end")
    world.run("cancel", "gone", check=2)


def test_terminate_means_every_name(world, lab):
    """A name that is not there refuses the whole command: no other instance is ended or kept by accident."""
    world.run("terminate", lab, "nobody", check=2)
    assert [one["name"] for one in world.json("ls")] == [lab]
