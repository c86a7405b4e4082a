"""The main job by hand, each command a process of its own, over real HTTP and real SSH."""

from __future__ import annotations

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from awstune import names
from tests.unit.sweeps.scripted import TRIAL_KEYS
from tests.waiting import until
from tests.world import TRAIN, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("story")]

INSTANCE_KEYS = {
    "name",
    "id",
    "type",
    "market",
    "state",
    "address",
    "zone",
    "launched",
    "age_s",
    "ttl_left_s",
    "usd_per_hour",
    "usd_so_far",
    "key_file",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud for the stories of this module; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "story", train=TRAIN) as made:
        yield made


@pytest.fixture(scope="module")
def lab(world):
    """An instance called lab, as `launch --json` describes it."""
    (launched,) = world.json("launch", "lab")
    yield launched
    if any(one["name"] == "lab" for one in world.json("ls")):
        world.run("terminate", "lab", "--discard")


def test_launch_says_all_that_is_promised(world, lab):
    """A launched instance is running, has an address, an end, a price and a private key of mode 600."""
    assert set(lab) >= INSTANCE_KEYS
    assert (lab["state"], lab["type"], lab["market"]) == ("running", "p2.xlarge", "on-demand")
    assert 0 < lab["ttl_left_s"] <= names.DEFAULT_TTL_S
    assert stat.S_IMODE(Path(lab["key_file"]).stat().st_mode) == 0o600


def test_launching_again_is_the_same_instance(world, lab):
    """The same wishes find the same instance and exit 0; other wishes are refused with what differs."""
    (again,) = world.json("launch", "lab")
    assert again["id"] == lab["id"]
    other = world.json("launch", "lab", "--disk", "200", check=2)["error"]
    assert other["kind"] == "name_taken"
    assert "disk" in other["message"]


def test_ls_finds_it_by_its_tags_alone(world, lab):
    """`ls` needs no local state but the way to the cloud."""
    (found,) = world.json("ls")
    assert (found["id"], found["name"]) == (lab["id"], "lab")
    assert "lab" in world.run("ls").stdout


def test_ssh_passes_output_and_exit_status_through(world, lab):
    """`ssh lab -- CMD` prints what the command printed and exits as it did, through the OpenSSH client."""
    done = world.run("ssh", "lab", "--", "hostname; exit 7", check=7)
    assert done.stdout.startswith("ip-")


def test_ssh_works_where_there_is_no_ssh_client(world, lab, tmp_path):
    """Without OpenSSH on the machine the command runs over our own connection."""
    done = world.run("ssh", "lab", "--", "echo out; echo err >&2; exit 3", check=3, PATH=str(tmp_path))
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_the_printed_line_gets_in(world, lab):
    """The `ssh -i ...` line that launch prints works in a shell as it is."""
    line = next(line for line in world.run("launch", "lab").stdout.splitlines() if "ssh -i" in line)
    words = [*shlex.split(line), "echo in"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "in\n"


def test_a_wrong_host_key_is_refused(world, lab):
    """With another key pinned nothing is sent: neither ssh nor a sweep gets in, and the pin stays."""
    known = world.home / "known_hosts"
    before = known.read_text()
    known.write_text(
        f"{lab['id']} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3pYkEvx1e7G5yGN3Uj3uQGZIHuq7bBSgk0fJQ2dPLq\n"
    )
    try:
        assert world.run("ssh", "lab", "--", "true", check=255).returncode == 255
        refused = world.json("sweep", "--on", "lab", "train.py", "--trials", "2", check=1)["error"]
        assert refused["kind"] == "host_key"
    finally:
        known.write_text(before)


@pytest.mark.parametrize("search", ["bayes", "random", "grid"])
def test_a_sweep_on_the_instance_comes_home(world, lab, search):
    """Trials run on the instance, stream home as events, and end as a complete folder here."""
    *events, last = world.lines("sweep", "--on", "lab", "train.py", "--search", search, "--trials", "4")
    assert [event["event"] for event in events].count("finished") == 4
    assert events[-1]["event"] == "ended"
    promised = {"sweep", "target", "metric", "mode", "best", "confirmed", "trials", "runs", "state"}
    assert set(last) == promised
    assert [trial["status"] for trial in last["trials"]] == ["succeeded"] * 4
    assert set(last["trials"][0]) >= TRIAL_KEYS
    assert last["trials"][0]["params"] == {"x": 0.1, "n": 2, "kind": "a"}
    folder = world.cwd / "sweeps" / last["sweep"]
    assert "done with" in (folder / "trials" / "0003" / "log.txt").read_text()


def test_a_detached_sweep_is_found_again(world, lab):
    """`--detach` leaves at once; status, attach and results find the sweep in later processes."""
    world.run("sweep", "--on", "lab", "train.py", "--trials", "3", "--detach", "--name", "away")
    assert world.json("status", "away")["where"] == "lab"
    done = world.run("attach", "away")
    assert "best of 3 trials: loss" in done.stdout
    status = world.json("status", "away")
    assert (status["state"], status["trials"]["succeeded"]) == ("finished", 3)
    assert world.json("results", "away")["best"]["status"] == "succeeded"
    assert "baseline: loss" in world.run("results", "away", "--best").stdout
    assert "away" in world.run("sweeps").stdout


def test_every_trial_failing_is_status_3(world, lab):
    """A sweep without one success exits 3, here and there, and says why."""
    (world.cwd / "broken.py").write_text(
        TRAIN.replace("for epoch", "raise ValueError('no data'); assert 0\n    for epoch")
    )
    for where in ((), ("--on", "lab")):
        done = world.run("sweep", "broken.py", "--trials", "2", *where, check=3)
        assert "none succeeded: ValueError: no data" in done.stderr


def test_terminate_brings_home_and_leaves_nothing(world):
    """What a detached sweep wrote is fetched before its instance ends; nothing is left afterwards."""
    (spare,) = world.json("launch", "spare")
    world.run("sweep", "--on", "spare", "train.py", "--trials", "2", "--detach", "--name", "last")
    gone = world.json("terminate", "spare")
    assert gone == {
        "instances": [{"name": "spare", "id": spare["id"], "state": "terminated"}],
        "left": [],
        "removed": [],
    }
    assert (world.cwd / "sweeps" / "last" / "journal.jsonl").exists()
    assert not Path(spare["key_file"]).exists()
    assert "spare" not in [one["name"] for one in world.json("ls")]


def test_an_unknown_instance_is_status_2(world, lab):
    """A NAME that is not there: one message, and the names that are."""
    for words in (("ssh", "lob", "--", "true"), ("sweep", "--on", "lob", "train.py"), ("terminate", "lob")):
        done = world.run(*words, check=2)
        assert "no instance 'lob'" in done.stderr
        assert "hint: " in done.stderr


def test_one_command(world):
    """`sweep --launch` rents, searches, fetches and ends: nothing is left but the sweep's folder."""
    done = world.run("sweep", "train.py", "--launch", "--trials", "3", "--name", "whole", "--ttl", "1h")
    assert "best of 3 trials: loss" in done.stdout
    assert "the instance whole was to end with its sweep, and is gone; nothing of it is left" in done.stderr
    assert "whole" not in [one["name"] for one in world.json("ls")]
    assert world.json("results", "whole")["best"]["status"] == "succeeded"


def test_an_instance_that_is_to_end_with_its_sweep(world):
    """`sweep --on NAME` ends it where `--at-end` is typed: by itself, or once all is fetched."""
    world.run("launch", "brief", "--at-end", "terminate")
    words = ("sweep", "--on", "brief", "train.py", "--trials", "1")
    assert "brief cannot stop with the sweep" in world.run(*words, "--at-end", "stop", check=2).stderr
    world.run(*words, "--name", "kept")
    assert ("brief", "running") in _states(world)
    world.run(*words, "--name", "other", "--detach")
    spared = world.run(*words, "--name", "first", "--at-end", "terminate")
    assert "brief goes on, and costs: it has other, which is not here yet" in spared.stderr
    world.run("attach", "other")
    done = world.run(*words, "--name", "brought", "--at-end", "terminate")
    assert "the instance brief was to end with its sweep, and is gone; nothing of it is left" in done.stderr
    world.run("launch", "still")
    world.run("sweep", "--on", "still", "train.py", "--trials", "1", "--at-end", "stop", "--detach")
    until(lambda: ("still", "stopped") in _states(world), "the instance to stop itself")


def _states(world):
    return [(one["name"], one["state"]) for one in world.json("ls")]


def test_one_command_unattended(world):
    """Where its instance has stopped itself meanwhile, the next attach fetches all and terminates it."""
    world.run("sweep", "train.py", "--launch", "--detach", "--trials", "3", "--name", "alone")
    until(lambda: ("alone", "stopped") in _states(world), "the instance to stop itself")
    done = world.run("attach", "alone")
    assert "best of 3 trials: loss" in done.stdout
    assert "alone" not in [one["name"] for one in world.json("ls")]


def test_a_variable_is_handed_over(world, lab):
    """`--env` reaches the trials on the instance, and stands in no file that comes home."""
    (world.cwd / "secretive.py").write_text(
        TRAIN.replace("print(", "import os; print(len(os.environ['TOKEN']), ")
    )
    words = ("sweep", "--on", "lab", "secretive.py", "--trials", "1", "--name", "handed", "--env", "TOKEN")
    world.run(*words, check=2)
    world.run(*words, TOKEN="a-very-secret-word")
    folder = world.cwd / "sweeps" / "handed"
    assert (folder / "trials" / "0000" / "log.txt").read_text().startswith("18 done with")
    assert not any(b"a-very-secret-word" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
