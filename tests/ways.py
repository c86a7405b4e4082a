"""What the ways to die share: a sweep whose every epoch depends on chance, and how it ends undisturbed."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import boto3

from awstune.localcloud import client, lifecycle
from awstune.names import TAG_SSH_PORT, WORKER_PID_FILE
from awstune.sweeps import journal
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import results
from tests.waiting import PATIENCE_S, until

TRIALS = 4
# Trial 2 waits in its third epoch until somebody has done what he came for, and says how far it may go.
TRAIN = """
import os, pathlib, random, time
from awstune import Float, Space

space = Space(x=Float(1.0, 2.0))
metric, mode = "loss", "min"
gate = pathlib.Path(os.environ["HOME"], "gate")


def train(trial):
    state = {"sum": 0.0}
    for epoch in trial.epochs(4, state=[state]):
        while trial.number == 2 and epoch > (int(gate.read_text() or 1) if gate.exists() else 1):
            time.sleep(0.005)  # until the test has written how far it may go
        state["sum"] += random.random()
        print("epoch", epoch)
        trial.report(loss=state["sum"] * trial.params["x"])
    (trial.dir / "artifacts").mkdir(exist_ok=True)
    (trial.dir / "artifacts" / "sum.txt").write_text(str(state["sum"]))
"""
SWEEP = ("train.py", "--search", "random", "--trials", str(TRIALS), "--search-seed", "3")


def outcome(folder: Folder):
    """What must not depend on what happened on the way."""
    trials = results(folder)["trials"]
    return [(t["trial"], t["params"], t["value"], t["status"], t["steps"]) for t in trials]


def finished(folder: Folder):
    """The trials with a ``finished`` event, as often as they have one."""
    events = journal.read(folder.journal_file).events
    return [event["trial"] for event in events if event["event"] == "finished"]


def whole(folder: Folder):
    """Whether every line of the journal is one, and no event came from a writer that had been replaced."""
    chunk = journal.read(folder.journal_file)
    epochs = [event["epoch"] for event in chunk.events]
    return chunk.skipped == 0 and epochs == sorted(epochs)


def undisturbed(world, home: Path):
    """How the sweep ends here when nothing happens to it; ``home`` is one that has no other gate."""
    (home / "gate").write_text("9")
    world.run("sweep", *SWEEP, "--name", "undisturbed", HOME=str(home))
    return outcome(Folder(world.cwd / "sweeps" / "undisturbed"))


class Site:
    """A sweep on an instance, and what happens to it there."""

    def __init__(self, world, name: str) -> None:
        self.world, self.name = world, name
        self.cloud = lifecycle.find(world.home)
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=self.cloud.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=self.cloud.access_key,
            aws_secret_access_key=self.cloud.secret_key,
        )

    @property
    def folder(self):
        """The sweep's folder here."""
        return Folder(self.world.cwd / "sweeps" / self.name)

    @property
    def id(self):
        """The instance that has it, as the folder here says."""
        return json.loads(self.folder.where_file.read_text())["instance"]

    @property
    def home(self):
        """The login's home there; an embedded instance's disk is a folder."""
        shown = lifecycle.instances(self.cloud)
        return Path(next(one["folder"] for one in shown if one["id"] == self.id), "home", "ubuntu")

    @property
    def there(self):
        """The sweep's folder there."""
        return Folder(self.home / ".awstune" / "sweeps" / self.name)

    def state(self):
        """The instance's state, as AWS has it."""
        return self.shown()["State"]["Name"]

    def shown(self):
        """The instance in AWS's words."""
        return self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    def port(self):
        """Where its SSH server listens, as its tag says."""
        return next(int(tag["Value"]) for tag in self.shown()["Tags"] if tag["Key"] == TAG_SSH_PORT)

    def tell_port(self, port):
        """Have its tag say another port."""
        self.ec2.create_tags(Resources=[self.id], Tags=[{"Key": TAG_SSH_PORT, "Value": str(port)}])

    def cut_after(self, budget):
        """A proxy in front of its SSH server from now on, which cuts connections after so many bytes."""
        cutter = Cutter((self.shown()["PublicIpAddress"], self.port()), budget)
        self.tell_port(cutter.port)
        return cutter

    def reaches(self, kind, trial=None, folder=None, times=1):
        """Wait until the journal has that event, there or in a folder here."""

        def has():
            events = journal.read((folder or self.there).journal_file).events
            return sum(e["event"] == kind and trial in (None, e.get("trial")) for e in events) >= times

        until(has, f"{kind} of trial {trial} in {self.name}")

    def worker(self, *, other_than=0):
        """The process that runs it, which writes its number down itself; 0 where that is still another."""
        pid = int((self.there.path / WORKER_PID_FILE).read_text() or 0)
        return 0 if pid == other_than else pid

    def open_gate(self, epoch=9):
        """Let the trial that waits go on, until it has done that epoch."""
        (self.home / "gate").write_text(str(epoch))

    def order(self, what, **document):
        """Tell the embedded cloud what it does to the instance, beside AWS's API."""
        client.call(self.cloud, "PUT", f"/awstune/instances/{self.id}/{what}", document)

    def background(self, *words):
        """A command that goes on meanwhile; its output is in a file."""
        log = (self.world.cwd / f"{self.name}-{words[0]}.txt").open("w+")
        made = subprocess.Popen(
            [sys.executable, "-m", "awstune", *words],
            cwd=self.world.cwd,
            env=self.world.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
        made.log = log
        return made


def ended(process, status=0):
    """Wait for the end of a command in the background; what it said."""
    try:
        code = process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.log.seek(0)
        said = process.log.read()
        process.log.close()
    assert code == status, said
    assert "Traceback" not in said
    return said


class Cutter:
    """A proxy in front of an instance's SSH server that cuts every connection after so many bytes."""

    def __init__(self, target, budget: int) -> None:
        self.cuts, self._target, self._budget = 0, target, budget
        self._server = socket.create_server((target[0], 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                ours, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(ours,), daemon=True).start()

    def _serve(self, ours):
        left = self._budget
        with suppress(OSError), ours, socket.create_connection(self._target) as theirs:
            while left > 0:
                for ready in select.select([ours, theirs], [], [])[0]:
                    data = ready.recv(4096)
                    left -= len(data) or left
                    (theirs if ready is ours else ours).sendall(data)
        self.cuts += 1

    def close(self):
        """Accept no more."""
        self._server.close()
