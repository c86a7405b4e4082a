"""A disk that takes no more, and a reader that leaves: what is done stays done, and is said.

Files that may not grow (RLIMIT_FSIZE) stand for the full disk: it holds for root and for anybody else.
"""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys

import pytest

from awstune.sweeps import journal
from tests.command import Running
from tests.lab import Lab
from tests.waiting import PATIENCE_S
from tests.world import SLOW, TRAIN, ran, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("full")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One embedded cloud for all full disks; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "full", train=TRAIN, slow=SLOW) as world:
        yield Lab(world)


def full_at(world, size, words, status=1):
    """A command whose files cannot grow beyond so many bytes; what it said."""
    command = Running(
        world, *words.split(), before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    )
    said = command.ended(status)
    assert "unforeseen" not in said
    assert "hint: " in said
    return said


def test_no_room_for_a_sweep(lab):
    """Where not even the spec can be written there is no sweep afterwards, and its name is free."""
    said = full_at(lab.world, 100, "sweep train.py --trials 2 --search random --name none")
    assert "cannot write" in said
    assert not (lab.world.cwd / "sweeps" / "none").exists()
    lab.world.run("sweep", "train.py", "--trials", "1", "--search", "random", "--name", "none")


def test_no_room_for_the_journal(lab):
    """A sweep here stops, says so, and goes on once there is room; nothing that finished is lost."""
    said = full_at(lab.world, 2000, "sweep train.py --trials 6 --search random --name torn")
    assert "the journal cannot be written: File too large" in said
    assert "awstune resume" in said
    file = lab.world.cwd / "sweeps" / "torn" / "journal.jsonl"
    before = [event for event in journal.read(file).events if event["event"] == "finished"]
    assert file.stat().st_size <= 2000
    lab.world.run("resume", "torn")
    after = journal.read(file)
    assert after.skipped <= 1
    finished = [event for event in after.events if event["event"] == "finished"]
    assert finished[: len(before)] == before
    assert sorted(event["trial"] for event in finished) == list(range(6))


@pytest.mark.parametrize("size", [100, 1000], ids=["the key", "the intent"])
def test_no_room_for_a_launch(lab, size):
    """Where the key, or what is about to be asked, cannot be written nothing is launched; later it is."""
    lab.has()
    said = full_at(lab.world, size, "launch lab")
    assert "cannot write" in said
    assert "nothing was launched" in said
    assert lab.states() == {}
    assert (size > 100) == bool(list(lab.world.home.rglob("*.pem")))
    lab.world.run("launch", "lab")
    assert lab.states() == {"lab": "running"}


def test_no_room_for_the_host_key(lab):
    """An instance that is launched when the disk is full goes on, and is said with what ends it."""
    lab.has()
    hosts = lab.world.home / "known_hosts"
    hosts.write_text("i-0 ssh-ed25519 AAAA\n" * 6000)
    said = full_at(lab.world, 100_000, "launch lab")
    assert "lab is launched and goes on" in said
    assert "awstune terminate lab ends it" in said
    assert len(hosts.read_text()) == 6000 * 21
    assert [path.name for path in lab.world.home.glob(".known_hosts*")] == []
    hosts.unlink()
    lab.world.run("launch", "lab")
    lab.world.run("ssh", "lab", "--", "true")


def test_no_room_for_the_mirror(lab):
    """A sweep on an instance goes on when this disk is full; attach fetches it once there is room."""
    lab.has(lab="running")
    lab.world.run("sweep", "--on", "lab", "slow.py", "--trials", "2", "--name", "far", "--detach")
    said = full_at(lab.world, 600, "attach far")
    assert "the sweep far goes on on the instance lab" in said
    assert "awstune attach far" in said
    held = full_at(lab.world, 600, "terminate lab")
    assert "it was not ended" in held
    assert lab.states() == {"lab": "running"}
    done = lab.world.lines("resume", "far")[-1]
    assert [trial["status"] for trial in done["trials"]] == ["succeeded"] * 2
    there = lab.world.run("ssh", "lab", "--", "cat .awstune/sweeps/far/journal.jsonl").stdout
    assert (lab.world.cwd / "sweeps/far/journal.jsonl").read_text() == there


def shell(world, script):
    """A line of bash, where `awstune` is the command; its exit statuses and what it said on stderr."""
    command = f'awstune() {{ "{sys.executable}" -m awstune "$@"; }}; {script}; echo "${{PIPESTATUS[@]}}" >&2'
    done = ran(["bash", "-c", command], world.cwd, world.env)
    assert "Traceback" not in done.stderr
    assert "unforeseen" not in done.stderr
    return done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/full here")  # Linux alone has that device
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ls --json", "cannot be written: No space left on device"),
        ("--help", "cannot write the output: No space left on device"),
        ("sweeps", "cannot be written: No space left on device"),
        ("launch paid --no-wait", "what was asked for is done, but cannot be written"),
    ],
)
def test_no_room_for_the_output(lab, words, said):
    """Output that cannot be written is a failure with a message, whatever was done before it."""
    assert said in shell(lab.world, f"awstune {words} > /dev/full")
    assert ("paid" in words) == ("paid" in lab.states())
    assert shell(lab.world, f"awstune {words} > /dev/full").endswith("1\n")


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "launch --help",
        "ls",
        "types",
        "results wide",
        "logs wide --trial 0",
        "iam",
        "attach wide --json",
    ],
)
def test_a_reader_that_leaves(lab, words):
    """`awstune ls | head -1` ends quietly with status 0 when its reader has gone, however much is left."""
    if not (lab.world.cwd / "sweeps" / "wide").exists():
        chatty = TRAIN.replace('print("done with"', 'print("x" * 300_000, "done with"')
        (lab.world.cwd / "wide.py").write_text(chatty)
        lab.world.run("sweep", "wide.py", "--trials", "40", "--search", "random", "--name", "wide")
    said = shell(lab.world, f"awstune {words} | head -c 10 > /dev/null")
    assert said.endswith("0 0\n")
    assert "error" not in said


@pytest.mark.parametrize("quietly", [[], ["-q"]], ids=["after a plan", "before anything else"])
def test_a_question_that_nobody_reads(lab, quietly):
    """Whoever cannot read the question has not agreed to it: status 2, and nothing is launched."""
    lab.has()
    (terminal, stdin), (heard, said) = pty.openpty(), os.pipe()
    os.close(heard)
    done = subprocess.run(
        [sys.executable, "-m", "awstune", "launch", "lab", "--ssh-from", "127.0.0.0/8", *quietly],
        cwd=lab.world.cwd,
        env={**lab.world.env, **lab.as_aws()},
        stdin=stdin,
        stdout=said,
        stderr=said,
        timeout=PATIENCE_S,
        check=False,
    )
    for descriptor in (terminal, stdin, said):
        os.close(descriptor)
    assert done.returncode == 2
    assert lab.states() == {}


def test_a_terminal_that_goes_away_at_a_question(lab):
    """Whose window is closed while he is asked has not agreed: status 2, and nothing is launched."""
    lab.has()
    terminal, stdin = pty.openpty()
    words = ("launch", "lab", "--ssh-from", "127.0.0.0/8")
    command = Running(lab.world, *words, stdin=stdin, env=lab.as_aws()).says("Launch?")
    os.close(terminal)
    said = command.ended(2)
    os.close(stdin)
    assert "Nobody is at a terminal to answer" in said
    assert lab.states() == {}


LEAVES = """
import os, pathlib, pty, sys
from awstune import config
from awstune.cli import screen
from awstune.errors import NoAnswer

terminal, stdin = pty.openpty()
os.dup2(stdin, 0)

class Leaves:
    encoding = "utf-8"
    def write(self, text): os.dup2(os.open(os.devnull, os.O_RDONLY), terminal)
    def flush(self): pass
    def isatty(self): return False

sys.stderr = Leaves()
try:
    screen.Screen(config.load({}, {}, pathlib.Path.cwd())).confirm("Launch?", yes=False)
except NoAnswer as nobody:
    print(nobody)
"""


def test_a_terminal_that_goes_away_before_its_answer_is_read():
    """A window that closes between the question and the reading of its answer has said neither yes nor no."""
    words = [sys.executable, "-c", LEAVES]
    said = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert "Nobody is at a terminal to answer" in said.stdout, said.stderr


def test_who_does_something_goes_on(lab):
    """A launch, or a sweep, whose reader has gone does its work to the end."""
    lab.has()
    assert shell(lab.world, "awstune launch lab 2>&1 | head -1 > /dev/null").endswith("0 0\n")
    assert lab.states() == {"lab": "running"}
    words = "sweep slow.py --trials 1 --name unheard --json"
    assert shell(lab.world, f"awstune {words} | head -1 > /dev/null").endswith("0 0\n")
    assert lab.world.json("status", "unheard")["state"] == "finished"
    assert shell(lab.world, "awstune terminate lab --json >&- 2>&-; true").endswith("0\n")
    assert (lab.states(), lab.beside()) == ({}, [])
