"""What goes to an instance with a sweep, and what runs there afterwards: data once, an unseen address."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from awstune import config as configuration
from awstune.ec2 import instances
from awstune.flow import access, clouds
from awstune.remote import bootstrap, delivery
from awstune.sweeps import data
from tests.serving import Answering, serving
from tests.world import running

pytestmark = pytest.mark.xdist_group("luggage")

SECRET = "T0KEN"
SIZE = 400_000
TRAIN = """
import os, pathlib
from awstune import Float, Space

space, metric, mode = Space(x=Float(0.5, 1.0)), "loss", "min"

def train(trial):
    named = pathlib.Path(os.environ["AWSTUNE_DATA"], "a.bin").read_bytes()
    assert named == pathlib.Path("set/a.bin").read_bytes()
    assert not any("".join(["T0", "KEN"]) in value for value in os.environ.values())
    trial.report(loss=trial.params["x"] + len(named) + trial.seed % 7)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world with an instance, a script and data beside it."""
    with running(tmp_path_factory, "luggage", train=TRAIN) as made:
        (made.cwd / ".git").mkdir()
        (made.cwd / "set").mkdir()
        (made.cwd / "set" / "a.bin").write_bytes(os.urandom(SIZE))
        (made.cwd / "set" / "b.bin").write_bytes(os.urandom(SIZE // 2))
        made.run("launch", "lab")
        yield made
        made.run("terminate", "--all", "--yes")


class Counted:
    """A connection that counts the bytes that it sends."""

    def __init__(self, connection):
        self.connection, self.sent = connection, 0

    def run(self, command, *, stdin=b"", check=True):
        """The same, counted."""
        pieces = [stdin] if isinstance(stdin, bytes) else list(stdin)
        self.sent += len(command) + sum(map(len, pieces))
        return self.connection.run(command, stdin=iter(pieces), check=check)


@pytest.fixture
def lab(world):
    """An open connection to the instance, which counts."""
    config = configuration.load({"cloud": "local"}, {"AWSTUNE_HOME": str(world.home)}, world.cwd)
    cloud = clouds.open_for(config, warn=print)
    address = access.address_of(config, cloud, instances.find(cloud, "lab"))
    with access.connect(address) as connection:
        yield Counted(connection)


def deliver(lab, folder):
    """Has the instance hold a folder; the bytes that travelled, and where it is."""
    runtime = bootstrap.of_sweep(lab.connection, "none")
    found, before = data.read(folder, folder), lab.sent
    told = delivery.deliver(lab, runtime, found, found.manifest())
    return lab.sent - before, told


def test_unchanged_data_travels_once(lab, tmp_path):
    """Counted on the wire: all, then nothing, then one changed file, while the old state stays whole."""
    home = tmp_path / "big"
    home.mkdir()
    (home / "a.bin").write_bytes(os.urandom(SIZE))
    (home / "b.bin").write_bytes(os.urandom(SIZE // 10))
    sent, first = deliver(lab, home)
    assert sent > 1.1 * SIZE
    sent, again = deliver(lab, home)
    assert sent < 2000
    assert again == delivery.Delivered(first.path, 0, 0)

    before = (home / "b.bin").read_bytes()
    (home / "b.bin").write_bytes(os.urandom(SIZE // 10))
    sent, changed = deliver(lab, home)
    assert SIZE // 10 < sent < SIZE // 5
    assert changed.path != first.path
    assert lab.run(f"cat {changed.path}/b.bin").stdout == (home / "b.bin").read_bytes()
    assert lab.run(f"cat {first.path}/b.bin").stdout == before


class Handler(Answering):
    """Notes what it is sent."""

    def post(self):
        """Answers that it is fine, where somebody is at home."""
        self.server.posts.append((self.path, json.loads(self.body())))
        self.answer(404 if self.path.endswith("/gone") else 204)


@pytest.fixture(scope="module")
def hook():
    """A web server's address with a secret in it, and what it was sent."""
    with serving(Handler, posts=[]) as server:
        yield f"{server.url}/{SECRET}", server.posts


def test_a_sweep_with_all_of_it(world, hook):
    """Data of the project is found by its name and its place; the worker there posts; runs run there."""
    url, posts = hook
    options = ("--on", "lab", "--trials", "2", "--data", "set", "--notify", url)
    ahead = world.json("sweep", "train.py", *options, "--dry-run")
    assert ahead["data"] == {"path": str(world.cwd / "set"), "files": 2, "bytes": SIZE + SIZE // 2}
    assert ahead["travels"]["bytes"] < 10_000
    assert "notify" not in ahead["spec"]

    first = world.run("sweep", "train.py", *options, "--name", "one", "--repeats", "2", "--confirm", "1")
    assert re.search(r"set is there now: 60\d\.\d kB", first.stderr)
    assert "notified" not in first.stderr
    second = world.run("sweep", "train.py", *options[:-1], f"{url}/gone", "--name", "two")
    assert "set was there already: nothing of it was sent" in second.stderr
    assert "warning: 127.0.0.1 was not notified of the end of two: it answers 404" in second.stderr
    assert [(path, said["sweep"], said["state"]) for path, said in posts] == [
        (f"/{SECRET}", "one", "finished"),
        (f"/{SECRET}/gone", "two", "finished"),
    ]
    assert posts[0][1]["usd_so_far"] > 0
    results = world.json("results", "one")
    assert [len(trial["repeats"]) for trial in results["trials"]] == [2, 2]
    assert len(results["best"]["confirmed"]["runs"]) == 3
    _only_in_the_handed_over_file(world)


def test_data_travels_while_the_checks_run(world):
    """To an instance of its own the data goes as soon as SSH answers, and is read here once."""
    words = ("--launch", "--trials", "1", "--data", "set", "--name", "rented")
    said = world.run("sweep", "train.py", *words).stderr
    assert re.search(r"set is there now: 60\d\.\d kB were sent while the checks ran", said)
    assert world.json("results", "rented")["best"]["status"] == "succeeded"


def _only_in_the_handed_over_file(world):
    """The address is in the file of mode 600 on the instance, and in nothing else anywhere."""
    found = [path for home in (world.home, world.cwd) for path in _files(home) if _has_it(path)]
    assert {path.parent.name for path in found} == {"env"}
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}


def _files(home):
    """All below a folder; the instance goes on, and what is there comes and goes."""
    return [Path(folder, name) for folder, _, names in os.walk(home) for name in names]


def _has_it(path):
    with suppress(FileNotFoundError):
        return path.is_file() and not path.is_symlink() and SECRET.encode() in path.read_bytes()
    return False


def test_once_more_where_the_sweep_was(world):
    """A run goes to the instance while that is up; its record comes home, the search knows nothing."""
    world.run("sweep", "train.py", "--on", "lab", "--trials", "2", "--data", "set", "--name", "three")
    journal = world.cwd / "sweeps" / "three" / "journal.jsonl"
    before = journal.read_bytes()
    there = world.run("run", "three", "--seeds", "2", "--json")
    assert "on lab, with the code that was sent there" in there.stderr
    document = json.loads(there.stdout)
    assert [run["status"] for run in document["runs"]] == ["succeeded"] * 2
    assert all((world.cwd / "sweeps" / "three" / run["log"]).exists() for run in document["runs"])
    assert journal.read_bytes() == before

    world.run("terminate", "lab", "--yes")
    here = world.run("run", "three", "--json")
    assert "which has the sweep, is gone, so it runs on this machine" in here.stderr
    best = world.json("results", "three")["best"]
    assert json.loads(here.stdout)["mean"] == best["value"]
    assert sorted(path.name for path in (world.cwd / "sweeps" / "three" / "runs").iterdir()) == ["1", "2"]
    world.run("launch", "lab")  # whichever test is next has one
