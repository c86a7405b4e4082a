"""The story of an instance, by the command line, as a user goes through it.

With ``pytest tests/live --live`` and AWSTUNE_LIVE=yes it runs on the real account of the environment and
costs some cents; without, the very same test runs on the embedded cloud, so that it cannot rot.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
NAME = "live-test"
CAP_USD = 1.0
# Small and cheap, with a GPU; the embedded cloud has the course's type.
SPEND = ["--max-usd", str(CAP_USD)]
REAL = ["--type", "g4dn.xlarge", "--ttl", "30m", "--idle", "10m", "--at-end", "terminate", *SPEND]
EMBEDDED = ["--ttl", "30m", *SPEND]
SPACE = ["-p", "x=0.0..1.0", "--metric", "loss", "--mode", "min"]
NOTHING_THERE = 2  # the status of an unknown NAME


@pytest.fixture
def awstune(is_live, tmp_path, real_environment):
    """Runs `awstune` with words; its answer as JSON."""
    env = {**(real_environment if is_live else os.environ), "AWSTUNE_HOME": str(tmp_path / "home")}
    env["AWSTUNE_CLOUD"] = "aws" if is_live else "local"

    def run(*words, status=(0,), as_json=True):
        command = [sys.executable, "-m", "awstune", *words, *(["--json"] if as_json else [])]
        done = subprocess.run(command, env=env, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode in status, f"{words}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if as_json else done.stdout

    if not is_live:
        run("local", "start")
    run("terminate", NAME, "--discard", "--yes", status=(0, NOTHING_THERE))
    yield run
    # Whatever became of the test: what is left would go on costing, so it is a failure of its own.
    run("terminate", NAME, "--discard", "--yes", status=(0, NOTHING_THERE))
    if not is_live:
        run("local", "stop")


REAL_ENVIRONMENT = dict(os.environ)


@pytest.fixture
def real_environment():
    """The environment as it was before the tests' dummy credentials."""
    return REAL_ENVIRONMENT


def test_the_story_of_an_instance(awstune, is_live):
    """Plan within a cap, launch twice, list, log in, sweep, move the end, stop, start, end; nothing left."""
    wishes = REAL if is_live else EMBEDDED
    plan = awstune("launch", NAME, *wishes, "--dry-run")
    assert plan["usd_worst_case"] <= CAP_USD, "the launch could cost more than this test may"
    launched = awstune("launch", NAME, *wishes, "--yes")
    assert [one["state"] for one in launched] == ["running"]
    again = awstune("launch", NAME, *wishes, "--yes")
    assert [one["id"] for one in again] == [launched[0]["id"]]
    assert NAME in [one["name"] for one in awstune("ls")]
    said = awstune("ssh", NAME, "--", "echo $((6 * 7)); exit 7", status=(7,), as_json=False)
    assert said.strip() == "42"
    sweep = ["sweep", "--on", NAME, "--name", NAME, "--trials", "2", *SPACE, "--yes"]
    awstune(*sweep, "--", "python3", "-c", "print('awstune: loss={x}')", as_json=False)
    assert [one["status"] for one in awstune("results", NAME)["trials"]] == ["succeeded", "succeeded"]
    before = awstune("ls")[0]["ttl_left_s"]
    awstune("extend", NAME, "5m", "--yes")
    assert awstune("ls")[0]["ttl_left_s"] > before
    awstune("stop", NAME)
    started = awstune("start", NAME, "--yes")
    assert started[0]["ttl_left_s"] <= 30 * 60, "it got more time than it was launched with"
    awstune("ssh", NAME, "--", "true", as_json=False)
    ended = awstune("terminate", NAME, "--yes")
    assert ended["left"] == []
    assert NAME not in [one["name"] for one in awstune("ls")]
