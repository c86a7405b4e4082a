"""A mirror, over a connection that is a shell on this machine: what is brought, and when."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from awstune.errors import ConnectionLost, RemoteError
from awstune.remote import mirror as mirrors
from awstune.remote.listing import Listing
from awstune.remote.mirror import Mirror
from awstune.remote.pieces import LARGE
from awstune.remote.ssh import Result
from awstune.remote.where import Where
from awstune.search.space import Float, Space
from awstune.sweeps.folder import Folder
from awstune.sweeps.journal import Journal
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.waiting import PATIENCE_S


class Shell:
    """What a connection does, by a shell of this machine in a folder that is the login's home.

    Attributes:
        left: how many more commands it lives.
        unreadable: whether tar finds nothing that it may read.
        cut: whether the connection breaks while tar speaks.
        sent: bytes that it has brought.
    """

    def __init__(self, home):
        self.home, self.left, self.unreadable, self.cut = home, 1_000_000, False, False
        self.sent = 0

    def run(self, command, *, stdin=b"", check=True):
        """One command."""
        self.left -= 1
        if self.left < 0:
            raise ConnectionLost("the connection was lost")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {**os.environ, "HOME": str(self.home), "AWSTUNE_ROOT": str(self.home / "root"), "PATH": path}
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.home, env=env, input=stdin, capture_output=True, check=False
        )
        if check and done.returncode:
            raise RemoteError(done.stderr.decode())
        self.sent += len(done.stdout)
        return Result(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def reading(self, command):
        """One command's output."""
        packed = self.run("tar -czf - -T /dev/null" if self.unreadable else command).stdout
        yield io.BytesIO(packed[: len(packed) // 2] if self.cut else packed)

    def breaks(self):
        """Whether it has gone."""
        return self.cut

    def lost(self):
        """The error for that."""
        return ConnectionLost("the connection was lost")


@pytest.fixture
def there(tmp_path):
    """A sweep's folder on the instance: two trials have begun, the first has ended."""
    made = Folder(tmp_path / "home" / ".awstune" / "sweeps" / "train-1")
    for number in (0, 1):
        made.checkpoint_dir(number).mkdir(parents=True)
        made.artifacts_dir(number).mkdir()
        made.log_file(number).write_text(f"trial {number}\n")
    (tmp_path / "home" / "root" / "run" / "awstune").mkdir(parents=True)
    with Journal(made.journal_file).open() as writer:
        for number in (0, 1):
            writer.append("asked", trial=number, params={"x": 1})
            writer.append("started", trial=number)
        writer.append("finished", trial=0, status="succeeded", value=1.0)
    return made


@pytest.fixture
def shell(there, tmp_path):
    """A connection to it."""
    return Shell(tmp_path / "home")


@pytest.fixture
def mirror(shell, tmp_path):
    """Its mirror here."""
    folder = Folder(tmp_path / "sweeps" / "train-1")
    folder.path.mkdir(parents=True)
    return Mirror(shell, mirrors.remote_path("train-1"), folder)


def bring(mirror):
    """All that there is to bring while the sweep runs."""
    mirror.poll()
    while not mirror.step():
        pass


def bring_all(mirror):
    """All that there is, also what somebody has just written."""
    mirror.poll()
    while not mirror.step(all_of_it=True):
        pass


def files(folder):
    """What a folder holds, but for what is one end's own."""
    own = ("mirror.lock", "journal.jsonl")
    found = (path for path in folder.path.rglob("*") if path.is_file() and path.name not in own)
    return {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in found}


def checkpoint(folder, trial, epoch, content=b"weights", when=None):
    """A checkpoint there, in place of the one before."""
    for path in folder.checkpoint_dir(trial).iterdir():
        path.unlink()
    path = folder.checkpoint_dir(trial) / f"epoch-{epoch:04d}.pt"
    path.write_bytes(content)
    if when is not None:
        os.utime(path, (when, when))
    return path


def test_all_of_it_comes(there, mirror):
    """Logs, checkpoints, artifacts with whatever names: all is here as it is there."""
    checkpoint(there, 0, 9)
    checkpoint(there, 1, 3)
    (there.artifacts_dir(0) / "a b'c$d.txt").write_text("hello")
    (there.artifacts_dir(0) / "deep").mkdir()
    (there.artifacts_dir(0) / "deep" / "ä.txt").write_text("hello")
    (there.trial_dir(0) / ".hydra").mkdir()
    (there.trial_dir(0) / ".hydra" / "config.yaml").write_text("lr: 1")
    (there.checkpoint_dir(1) / ".awstune-77").write_bytes(b"half")
    (there.artifacts_dir(0) / ".x.1").write_text("the user's own")
    bring(mirror)
    expected = {name: data for name, data in files(there).items() if not name.endswith("-77")}
    assert files(mirror.folder) == expected
    assert mirror.folder.journal_file.read_bytes() == there.journal_file.read_bytes()
    assert mirror.step()  # and nothing is brought twice


def test_long_names(there, mirror):
    """Files whose paths fill a command, and a large one whose name leaves no room for another: all come."""
    deep = there.artifacts_dir(0).joinpath(*["d" * 250] * 11)
    deep.mkdir(parents=True)
    for number in range(60):
        (deep / f"{number}.txt").write_text("hello")
    (there.artifacts_dir(0) / ("x" * 255)).write_bytes(b"x" * (LARGE + 1))
    bring_all(mirror)
    assert files(mirror.folder) == files(there)


@pytest.mark.parametrize(
    "path",
    ["/tmp/x.log", "../x.log", "trials/../../x.log", "trials/0001/../../../x", "a//x.log", ".ssh/x", ""],
)
def test_an_instance_names_nothing_outside(path):
    """It runs what nobody has looked at: a path that leaves the folder is not followed, however it came."""
    said = json.dumps([1, [[path, 5, 1], ["trials/0000/log.txt", 5, 1]]])
    assert [file.path for file in Listing.parse(said).files] == ["trials/0000/log.txt"]


def test_what_goes_on_again_is_alive(there, mirror):
    """A sweep whose instance was stopped, and is started again, runs: a look at it says so."""
    Where("local", "us-east-1", "i-1", "lab", mirror.path, alive=False).write(mirror.folder)
    (there.path.parent.parent / "going").mkdir()
    (there.path.parent.parent / "going" / "train-1").touch()
    mirror.poll()
    assert Where.read(mirror.folder).alive


def test_a_run_beside_it(there, shell, mirror):
    """While an `awstune run` of it goes on there not all is here; who stops the sweep's worker stops it."""
    run = there.runs_dir / "1"
    run.mkdir(parents=True)
    Where("local", "us-east-1", "i-1", "lab", mirror.path).write(mirror.folder)
    # Like a worker it stays until it is ended.
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "awstune.sweeps.worker"])
    try:
        (run / "worker.pid").write_text(f"{worker.pid}\n")
        (run / "worker.log").write_text("half")
        assert mirror.fetch().runs
        assert not Where.read(mirror.folder).complete
        mirror.stop_worker()
        assert worker.wait(PATIENCE_S) != 0
    finally:
        worker.kill()
        worker.wait()
    assert mirror.fetch().complete
    assert (mirror.folder.runs_dir / "1" / "worker.log").read_text() == "half"


def test_a_run_is_no_sweep_of_that_name(there, shell, tmp_path):
    """A sweep that is called 1 has nothing to do with run 1 of another one."""
    run = Folder(tmp_path / "sweeps" / "train-1" / "runs" / "1")
    run.path.mkdir(parents=True)
    kept = there.path.parent.parent / "going" / "1"
    kept.parent.mkdir()
    kept.touch()
    followed = Mirror(shell, f"{mirrors.remote_path('train-1')}/runs/1", run)
    assert not followed.poll().going
    followed.stop_worker()
    assert kept.exists()


def test_a_sweep_on_an_instance_is_a_name(shell):
    """What would be a path for a folder here is no sweep's name."""
    shell.run = lambda *_, **__: Result(0, b"train-1\n../../x\n/tmp/x\n..\n", b"")
    assert mirrors.sweeps_on(shell) == ["train-1"]


def test_a_log_is_followed_by_its_offset(there, mirror, shell):
    """What a log has grown by is all that is sent."""
    there.log_file(1).write_text("x" * 50_000)
    bring(mirror)
    with there.log_file(1).open("a") as log:
        log.write("more\n")
    bring(mirror)
    assert mirror.folder.log_file(1).read_text() == "x" * 50_000 + "more\n"


@pytest.mark.parametrize("size", [100_000, LARGE - 1000, LARGE + 1000])
def test_what_an_artifact_has_grown_by(there, mirror, shell, size):
    """Its end is all that is sent, also of a large one that somebody has just written to."""
    path = there.artifacts_dir(1) / "events.csv"
    path.write_bytes(os.urandom(size))
    bring_all(mirror)
    before = shell.sent
    with path.open("ab") as file:
        file.write(b"more\n" * 1000)
    (there.artifacts_dir(1) / "other.txt").write_text("small")
    bring(mirror)
    assert files(mirror.folder) == files(there)
    assert shell.sent - before < 50_000
    assert mirror.step()  # and nothing is brought twice


@pytest.mark.parametrize(("same", "other"), [(0, 150_000), (99_999, 50_000), (0, 100_000), (0, 1)])
def test_an_artifact_that_was_begun_anew(there, mirror, same, other):
    """What another beginning goes on with is not put behind the old one, whatever its length."""
    path = there.artifacts_dir(1) / "events.csv"
    path.write_bytes(b"a" * 100_000)
    bring(mirror)
    path.write_bytes(b"a" * same + b"b" * other)
    os.utime(path, (1000, 1000))
    bring(mirror)
    assert files(mirror.folder) == files(there)


def test_only_the_newest_checkpoint_of_a_running_trial(there, mirror):
    """A newer one takes the place of the older, there and so here; what a file held is never mixed."""
    checkpoint(there, 1, 1)
    bring(mirror)
    older = there.checkpoint_dir(1) / "epoch-0002.pt"
    older.write_bytes(b"old")
    os.utime(older, (1000, 1000))
    newest = there.checkpoint_dir(1) / "epoch-0003.pt"
    newest.write_bytes(b"new")
    (there.checkpoint_dir(1) / "epoch-0001.pt").unlink()
    bring(mirror)
    assert [path.name for path in mirror.folder.checkpoint_dir(1).iterdir()] == ["epoch-0003.pt"]


def test_one_of_the_same_name_and_size(there, mirror):
    """A checkpoint that is written again, as large as before, is brought again."""
    checkpoint(there, 1, 1, b"first", when=1000)
    bring(mirror)
    checkpoint(there, 1, 1, b"other", when=1001)
    bring(mirror)
    assert (mirror.folder.checkpoint_dir(1) / "epoch-0001.pt").read_bytes() == b"other"


def test_a_large_one_in_pieces_over_a_bad_line(there, mirror, shell, tmp_path):
    """A connection that breaks costs a piece: the next one goes on where it broke."""
    content = os.urandom(LARGE + (3 << 20))
    checkpoint(there, 1, 1, content)
    shell.left, breaks = 6, 0
    folder = mirror.folder
    while True:
        try:
            bring(mirror)
            break
        except ConnectionLost:
            breaks += 1
            parts = [path.stat().st_size for path in folder.checkpoint_dir(1).glob(".awstune*")]
            shell.left = 6
            mirror = Mirror(shell, mirrors.remote_path("train-1"), folder)
    assert breaks
    assert (folder.checkpoint_dir(1) / "epoch-0001.pt").read_bytes() == content
    assert parts
    assert list(folder.checkpoint_dir(1).glob(".*")) == []


def test_a_cut_in_the_midst_of_small_ones(there, mirror, shell):
    """It is a connection that was lost, which whoever follows gets back; what came is brought whole then."""
    for number in range(9):
        (there.artifacts_dir(0) / f"{number}.bin").write_bytes(os.urandom(9999))
    shell.cut = True
    with pytest.raises(ConnectionLost):
        bring(mirror)
    shell.cut = False
    bring(Mirror(shell, mirrors.remote_path("train-1"), mirror.folder))
    assert files(mirror.folder) == files(there)


def test_a_large_one_that_is_replaced_meanwhile(there, mirror):
    """Half of an older checkpoint is given up for the newer one, and never joined with it."""
    checkpoint(there, 1, 1, b"a" * (LARGE + (2 << 20)), when=1000)
    mirror.poll()
    while not list(mirror.folder.checkpoint_dir(1).glob(".awstune*")):
        assert not mirror.step()
    checkpoint(there, 1, 1, b"b" * (LARGE + (2 << 20)), when=1001)
    bring(mirror)
    assert set((mirror.folder.checkpoint_dir(1) / "epoch-0001.pt").read_bytes()) == {ord("b")}


def test_what_is_pruned_there_is_pruned_here(there, mirror):
    """A finished trial's checkpoint that is not kept there is not kept here; artifacts stay."""
    path = checkpoint(there, 0, 9)
    kept = there.artifacts_dir(0) / "kept.txt"
    kept.write_text("kept")
    bring(mirror)
    path.unlink()
    kept.unlink()
    bring(mirror)
    assert list(mirror.folder.checkpoint_dir(0).iterdir()) == []
    assert (mirror.folder.artifacts_dir(0) / "kept.txt").exists()


def test_what_ended_before_it_went_there(there, mirror):
    """The best trial's checkpoint stays here, where it ended before the sweep went to that instance."""
    target = Target("function", file="train.py", function="train")
    Spec(target, Space(x=Float(0, 1)), metric="loss", mode="min").write(there.spec_file)
    for number in (0, 1):
        kept = mirror.folder.checkpoint_dir(number)
        kept.mkdir(parents=True)
        (kept / "epoch-0009.pt").write_bytes(b"weights")
    bring(mirror)
    assert [len(list(mirror.folder.checkpoint_dir(number).iterdir())) for number in (0, 1)] == [1, 0]


def test_two_lookers(there, mirror, shell):
    """Two that look at once share the mirror, and it stays what is there."""
    other = Mirror(Shell(shell.home), mirrors.remote_path("train-1"), mirror.folder)
    content = os.urandom(LARGE + (2 << 20))
    checkpoint(there, 1, 1, content)
    mirror.poll()
    other.poll()
    turn = 0
    while not (mirror, other)[turn % 2].step():
        turn += 1
    assert (mirror.folder.checkpoint_dir(1) / "epoch-0001.pt").read_bytes() == content


def test_who_fetches_holds_the_end_off(there, mirror, shell):
    """The guard finds the hold touched as long as somebody fetches."""
    bring(mirror)
    assert (shell.home / "root" / "run" / "awstune" / "hold").exists()


def test_what_goes_on_by_itself(there, mirror, shell):
    """A sweep whose process is gone but shall run is not over; one that nobody starts again is."""
    assert mirror.poll().over
    going = shell.home / ".awstune" / "going" / "train-1"
    going.parent.mkdir()
    going.touch()
    look = mirror.poll()
    assert (look.alive, look.going, look.over) == (False, True, False)
    mirror.stop_worker()
    assert mirror.poll().over


def test_what_cannot_be_read_is_said(there, mirror, shell):
    """A file that cannot be read there ends the fetch with its name, instead of being tried for ever."""
    (there.artifacts_dir(0) / "secret.txt").write_text("x")
    shell.unreadable = True
    mirror.poll()
    with pytest.raises(RemoteError, match=r"secret\.txt"):
        mirror.fetch()
