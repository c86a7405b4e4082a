"""Fleets that do not come in whole, types that are not offered: what is said, asked, kept and undone."""

from __future__ import annotations

import json
import os
import pty
import sys

import pytest

from awstune.localcloud import client, lifecycle
from tests.waiting import PATIENCE_S
from tests.world import ran, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("fleets")]
QUOTA = {"service": "ec2", "action": "RunInstances", "skip": 2, "times": 1, "error": "VcpuLimitExceeded"}
FAR = ("--region", "eu-central-1")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud, whose instances are there at once."""
    with running(tmp_path_factory, "fleets") as made:
        client.call(lifecycle.find(made.home), "PUT", "/awstune/simulated", {})
        yield made


@pytest.fixture
def local(world):
    """That cloud; nothing of a test may be left on it."""
    made = lifecycle.find(world.home)
    yield made
    client.call(made, "DELETE", "/awstune/rules")
    world.run("terminate", "--all", "--discard")
    assert client.call(made, "GET", "/awstune/resources") == []


def answered(world, local, answers, *words):
    """A command at a terminal where somebody types; AWS is an endpoint as any other, so it does ask."""
    env = {
        "AWSTUNE_CLOUD": "aws",
        "AWS_ENDPOINT_URL": local.endpoint_url,
        "AWS_ACCESS_KEY_ID": local.access_key,
        "AWS_SECRET_ACCESS_KEY": local.secret_key,
    }
    keyboard, terminal = pty.openpty()
    os.write(keyboard, answers.encode())
    try:
        command = [sys.executable, "-m", "awstune", *words, "--ssh-from", "127.0.0.0/8"]
        return ran(command, world.cwd, {**world.env, **env}, stdin=terminal, timeout=PATIENCE_S)
    finally:
        os.close(terminal)
        os.close(keyboard)


def test_a_part_is_kept_and_said(world, local):
    """Without a word about it what there is stays, named, and the same command brings the rest."""
    client.call(local, "POST", "/awstune/rules", QUOTA)
    done = world.run("launch", "lab", "--count", "3", "--no-wait", "--json", check=1)
    error = json.loads(done.stdout)["error"]
    there = sorted(one["name"] for one in world.json("ls"))
    assert len(there) == 2
    assert error["kind"] == "part_launched"
    assert f"2 of 3 are launched ({', '.join(there)}), then: " in error["message"]
    assert f"awstune terminate {' '.join(there)}" in error["hint"]
    assert len(world.json("launch", "lab", "--count", "3", "--no-wait")) == 3


def test_all_or_none(world, local):
    """--all-or-none ends what there is, with key pair and group, and says so."""
    client.call(local, "POST", "/awstune/rules", QUOTA)
    done = world.run("launch", "lab", "--count", "3", "--no-wait", "--all-or-none", check=1)
    assert "2 of 3 are launched" in done.stderr
    assert "terminated again" in done.stderr
    assert world.json("ls") == []
    assert client.call(local, "GET", "/awstune/resources") == []


@pytest.mark.parametrize(("answer", "kept"), [("y", 2), ("n", 0)])
def test_keep_them(world, local, answer, kept):
    """At a terminal it is asked, with the names: either answer is obeyed."""
    client.call(local, "POST", "/awstune/rules", QUOTA)
    words = ("launch", "lab", "--count", "3", "--no-wait", "--yes")
    done = answered(world, local, f"{answer}\n", *words)
    assert done.returncode == 1
    assert "Keep lab-" in done.stderr
    assert len(world.json("ls")) == kept


def test_the_one_question_about_another_type(world, local):
    """Where the type is not offered, the plan of the nearest one is shown, and one question asked."""
    done = answered(world, local, "y\n", "launch", "far", "--no-wait", *FAR)
    assert done.returncode == 0, done.stderr
    assert "does not offer p2.xlarge (AWS has retired it nearly everywhere)" in done.stderr
    assert "run far: g4dn.xlarge" in done.stderr
    assert done.stderr.count("[y/N]") == 1
    assert "Launch g4dn.xlarge instead?" in done.stderr
    assert [one["type"] for one in world.json("ls", *FAR)] == ["g4dn.xlarge"]
    # Repeating it is harmless, whatever it became.
    again = answered(world, local, "", "launch", "far", "--no-wait", *FAR)
    assert again.returncode == 0, again.stderr
    world.run("terminate", "far", *FAR)


def test_yes_is_no_answer_to_another_type(world, local):
    """--yes agrees to what was typed only: a no ends it, and so does nobody there to answer."""
    done = answered(world, local, "n\n", "launch", "far", "--no-wait", "--yes", *FAR)
    assert done.returncode == 130
    assert "instead? [y/N]" in done.stderr
    alone = world.run("launch", "far", "--no-wait", "--yes", *FAR, check=2)
    assert "--or-similar" in alone.stderr
    assert world.json("ls", *FAR) == []
    typed = world.json("launch", "far", "--no-wait", "--or-similar", *FAR)
    assert [one["type"] for one in typed] == ["g4dn.xlarge"]
    world.run("terminate", "far", *FAR)


def test_a_start_that_could_not_be_used_is_not_made(world, local):
    """A cap that is spent, and a key that is not here: refused while it still is stopped."""
    world.run("launch", "lab", "--no-wait", "--max-usd", "0.000001")
    world.run("stop", "lab")
    spent = world.json("start", "lab", check=2)["error"]
    assert "its dollar cap ends it before it has cost $0.000001" in spent["message"]
    assert spent["hint"].startswith("awstune start lab --max-usd 8 ")
    (key,) = world.home.glob("keys/*/*.pem")
    key.rename(key.with_suffix(".away"))
    assert world.json("start", "lab", "--max-usd", "8", check=1)["error"]["kind"] == "key_file"
    assert [one["state"] for one in world.json("ls")] == ["stopped"]
