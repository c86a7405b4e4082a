"""Two at once: one wins, the other says so with a hint, nothing is corrupted, and there is no twin."""

from __future__ import annotations

import json
import re

import psutil
import pytest

from awstune.localcloud import lifecycle
from awstune.sweeps import journal
from tests.command import Running
from tests.lab import Lab
from tests.waiting import PATIENCE_S, until
from tests.world import SLOW, TRAIN, World, gated, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One embedded cloud for all that happens at once; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "together", train=TRAIN, slow=SLOW, waits=gated("gate")) as world:
        yield Lab(world)


def at_once(world, *commands):
    """Runs commands together; (exit status, what it said) of each."""
    return done([Running(world, *command.split()) for command in commands])


def done(started):
    """Waits for commands; (exit status, what it said) of each."""
    for one in started:
        one.process.wait(PATIENCE_S)
        one.reader.join(PATIENCE_S)
        assert "Traceback" not in one.text
        assert "unforeseen" not in one.text
    return [(one.process.returncode, one.text) for one in started]


def whole(folder):
    """Every line of a sweep's journal is an event, and no trial has ended twice."""
    chunk = journal.read(folder / "journal.jsonl")
    assert chunk.skipped == 0
    ended = [event["trial"] for event in chunk.events if event["event"] == "finished"]
    assert len(ended) == len(set(ended))
    return chunk.events


def servers(world):
    """The embedded clouds of a home: whoever runs for it, known or not."""
    words = [(one.info["pid"], one.info["cmdline"] or []) for one in psutil.process_iter(["pid", "cmdline"])]
    return [pid for pid, line in words if "awstune.localcloud.server" in line and str(world.home) in line]


def refused(said, *words):
    """Those who were refused: each said why, and what to do."""
    losers = [(status, text) for status, text in said if status]
    for _, text in losers:
        assert any(word in text for word in words), text
        assert "hint: " in text
    return losers


@pytest.mark.parametrize("beside", [False, True], ids=["fresh", "after a launch that was interrupted"])
def test_launch_twice(lab, beside):
    """Two launches of one NAME: one instance, whether or not a key pair and a group are there already."""
    lab.has()
    if beside:
        rule = {"service": "ec2", "action": "DescribeSecurityGroups", "skip": 1, "delay_s": 60}
        with lab.slowed(rule) as reached:
            half = Running(lab.world, "launch", "lab")
            until(reached, "the launch to be half done")
            half.signalled()
        assert lab.beside()
    said = at_once(lab.world, *["launch lab"] * 3)
    assert lab.states() == {"lab": "running"}
    assert len(refused(said, "another awstune is at work on lab: launch")) in (0, 1, 2)
    assert lab.world.run("launch", "lab").returncode == 0
    assert lab.states() == {"lab": "running"}


def test_launch_against_terminate(lab):
    """What is ended and launched at once is there whole, or gone whole; one more command settles it."""
    lab.has(lab="running")
    said = at_once(lab.world, "terminate lab", "launch lab", "terminate lab")
    refused(
        said, "another awstune is at work on lab", "is shutting-down", "lab was ended", "no instance", "gone"
    )
    lab.world.run("terminate", "lab", check=None)
    assert (lab.states(), lab.beside()) == ({}, [])


def test_extend_twice(lab):
    """Of two that move one end at once each that was done says so; the other says who was before."""
    lab.has(lab="running")
    before = lab.world.json("ls")[0]["ttl_left_s"]
    said = at_once(lab.world, "extend lab 1h", "extend lab 2h")
    refused(said, "another awstune is at work on lab: extend")
    moved = round((lab.world.json("ls")[0]["ttl_left_s"] - before) / 3600)
    assert moved in [hours for hours, (status, _) in enumerate(said, 1) if status == 0] or moved == 3


def test_sweeps_on_one_instance(lab):
    """Sweeps that are sent to one instance at once get names of their own; of one name there is one."""
    lab.has(lab="running")
    words = "sweep --on lab train.py --trials 2 --search random"
    said = at_once(lab.world, *[words] * 3)
    assert [status for status, _ in said] == [0, 0, 0], said
    named = {re.search(r"(train-\d+) runs on lab", text)[1] for _, text in said}
    assert len(named) == 3
    for name in named:
        assert [e["event"] for e in whole(lab.world.cwd / "sweeps" / name)][-1] == "ended"

    other = World(lab.world.home, lab.world.cwd / "other")
    other.cwd.mkdir()
    (other.cwd / "train.py").write_text(TRAIN)
    both = done([Running(one, *words.split(), "--name", "same") for one in (lab.world, other)])
    assert sorted(status for status, _ in both) == [0, 2], both
    assert "lab has a sweep same already" in dict(both)[2]


def test_one_sweep_folder(lab):
    """Two that go on with a sweep: one runs it, the other says so; those who look see it whole meanwhile."""
    world, gate = lab.world, lab.world.cwd / "gate"
    world.run("sweep", "waits.py", "--trials", "2", "--name", "shared", "--detach")
    following = Running(world, "attach", "shared")
    said = at_once(world, "resume shared --trials +1", "results shared", "status shared", "sweeps")
    assert [status for status, _ in said] == [1, 0, 0, 0]
    refused(said, "shared is running")
    gate.touch()
    following.process.wait(PATIENCE_S)
    assert following.ended().count("baseline") == 2
    gate.unlink()
    resumed = [Running(world, "resume", "shared", "--trials", "+2") for _ in range(2)]
    until(
        lambda: (
            None in [one.process.poll() for one in resumed] and 1 in [one.process.poll() for one in resumed]
        ),
        "one of two to be refused",
    )
    gate.touch()
    assert sorted(one.process.wait(PATIENCE_S) for one in resumed) == [0, 1]
    events = whole(world.cwd / "sweeps" / "shared")
    planned = world.json("status", "shared")["trials"]["planned"]
    assert len([event for event in events if event["event"] == "finished"]) == planned
    assert events[-1]["event"] == "ended"


def test_sweeps_started_at_once(lab):
    """Sweeps without a name get one each; of two with the same name one is refused."""
    world = lab.world
    said = at_once(world, *["sweep train.py --trials 1 --search random --json"] * 3)
    assert [status for status, _ in said] == [0, 0, 0], said
    assert len({json.loads(text.splitlines()[-1])["sweep"] for _, text in said}) == 3
    named = at_once(world, *["sweep train.py --trials 1 --search random --name once"] * 2)
    assert sorted(status for status, _ in named) == [0, 2]
    refused(named, "there is a sweep once here already", "is no sweep yet")


def test_fetched_by_two(lab):
    """Two who fetch one sweep, and a third who ends its instance: the folder here is what was there."""
    lab.has(lab="running")
    world = lab.world
    world.run("sweep", "--on", "lab", "slow.py", "--trials", "2", "--name", "fetched", "--detach")
    attached = [Running(world, "attach", "fetched") for _ in range(2)]
    assert [one.process.wait(PATIENCE_S) for one in attached] == [0, 0], [one.text for one in attached]
    there = world.run("ssh", "lab", "--", "cat .awstune/sweeps/fetched/journal.jsonl").stdout
    assert (world.cwd / "sweeps/fetched/journal.jsonl").read_text() == there
    said = at_once(world, *["terminate lab"] * 2)
    refused(said, "another awstune is at work on lab: terminate", "no instance")
    assert 0 in [status for status, _ in said]
    assert (lab.states(), lab.beside()) == ({}, [])


def test_one_home(lab):
    """Launches of several names write one home at once: every key and every pinned host is there."""
    lab.has()
    said = at_once(lab.world, "launch a", "launch b", "launch c")
    assert [status for status, _ in said] == [0, 0, 0], said
    pinned = (lab.world.home / "known_hosts").read_text().splitlines()
    assert len([line for line in pinned if line.startswith("i-")]) == 3
    done = at_once(lab.world, *(f"ssh {name} -- true" for name in "abc"))
    assert [status for status, _ in done] == [0, 0, 0]
    ended = at_once(lab.world, *(f"terminate {name}" for name in "abc"))
    assert [status for status, _ in ended] == [0, 0, 0]
    assert (lab.world.home / "known_hosts").read_text() == ""
    assert list(lab.world.home.rglob("*.pem")) == []


def test_one_embedded_cloud_starting(tmp_path):
    """Several who start it get one; those who start and stop it at once end with one or none, never more."""
    world = World(tmp_path / "home", tmp_path)
    said = at_once(world, *["local start --json"] * 3, "local status --json")
    found = [json.loads(text.splitlines()[-1]) for _, text in said[:3]]
    assert len({one["pid"] for one in found}) == 1
    at_once(world, "local stop", "local start", "local start", "local stop")
    cloud = lifecycle.find(world.home)
    assert servers(world) == ([cloud.pid] if cloud else [])
    world.run("local", "stop")
    assert servers(world) == []


# Any Python imports it first: the server waits until its starter is dead.
WAITS = """
import pathlib, sys, time
while "awstune.localcloud.server" in sys.orig_argv and not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)  # until the test has made it
"""


def test_a_starter_that_is_killed(tmp_path):
    """A start that is killed half way leaves no server that nobody knows; the next start works."""
    world, gate = World(tmp_path / "home", tmp_path), tmp_path / "gate"
    (tmp_path / "sitecustomize.py").write_text(WAITS.format(gate=str(gate)))
    world.env["PYTHONPATH"] = str(tmp_path)
    half = Running(world, "local", "start")
    (first,) = until(lambda: servers(world), "the server's process")
    half.process.kill()
    half.process.wait(PATIENCE_S)
    gate.touch()
    world.run("local", "start")
    until(lambda: first not in servers(world), "the first server to leave")
    assert servers(world) == [lifecycle.find(world.home).pid]
    world.run("local", "stop")
    assert servers(world) == []
