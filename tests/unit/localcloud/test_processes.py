"""Processes known by their birth, and found by their mark."""

import os
import subprocess
import sys

import pytest

from awstune import names
from awstune.localcloud import processes, state
from tests.waiting import PATIENCE_S

STUBBORN = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); sys.stdin.read()"
)
WILLING = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def marked(tmp_path):
    """Starts processes of an instance whose folder lies below the given one."""
    started = []

    def start(code, below=tmp_path, mark="i-1"):
        environ = os.environ | {names.INSTANCE_MARK: mark, names.ROOT_VARIABLE: str(below / mark / "root")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", code], env=environ, **pipes)
        process.stdout.readline()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_birth_is_the_same_each_time_and_ends_with_the_process(marked):
    """The word for a birth does not change, differs from another's, and is None afterwards."""
    process = marked(WILLING)
    birth = processes.born(process.pid)
    assert birth == processes.born(process.pid)
    assert birth != processes.born(os.getpid())
    process.kill()
    assert processes.wait_gone(process.pid, birth, PATIENCE_S)
    assert processes.born(process.pid) is None


def test_waiting_for_what_stays_gives_up():
    """A process that does not end is not said to be gone."""
    assert not processes.wait_gone(os.getpid(), processes.born(os.getpid()), 0.05)


def test_found_by_mark_and_home(marked, tmp_path):
    """Only processes of instances below the folder are found."""
    mine = marked(WILLING, tmp_path / "a")
    marked(WILLING, tmp_path / "b")
    assert [p.pid for p in processes.marked(tmp_path / "a")] == [mine.pid]


def test_ended_whether_they_like_it_or_not(marked, tmp_path):
    """Who does not heed SIGTERM is killed; another home's stay."""
    other = marked(WILLING, tmp_path / "b")
    both = [marked(STUBBORN, tmp_path / "a"), marked(WILLING, tmp_path / "a")]
    assert processes.end(tmp_path / "a", grace_s=0.1) == 2
    assert [processes.born(p.pid) for p in both] == [None, None]
    assert other.poll() is None


def test_state_is_written_whole_and_read_back(tmp_path):
    """The state file is its owner's only, and says what was written."""
    places = state.Places(tmp_path)
    places.folder.mkdir()
    cloud = state.LocalCloud("http://127.0.0.1:1", "A", "s", os.getpid(), processes.born(os.getpid()))
    state.write(places, cloud)
    assert state.read(places) == cloud
    assert cloud.alive
    assert places.state.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"other": 1}'])
def test_a_state_that_cannot_be_read_is_none(text, tmp_path):
    """A torn or foreign state file is like none at all."""
    places = state.Places(tmp_path)
    places.folder.mkdir()
    places.state.write_text(text)
    assert state.read(places) is None
