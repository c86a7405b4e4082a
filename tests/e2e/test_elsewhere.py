"""A sweep goes on elsewhere: from its results bucket alone, or from this machine."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import boto3
import pytest

from awstune.config import Config
from awstune.ec2.wanted import Wanted
from awstune.flow import launch, login, ship
from awstune.flow.events import Doing
from awstune.flow.sending import Ahead
from awstune.localcloud import lifecycle
from awstune.names import BUCKET_PREFIX, JOURNAL_FILE, RESULTS_PROFILE
from awstune.remote.where import Where
from awstune.search.space import Float, Space
from awstune.sweeps import journal
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import results
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target, of_command
from tests.waiting import until
from tests.ways import SWEEP, TRAIN, TRIALS, Site, ended, finished, outcome, undisturbed, whole
from tests.world import World, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("results-bucket")]
BUCKET = "results-of-a-test"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An embedded cloud whose account has what infra/results-bucket.yaml makes."""
    with running(tmp_path_factory, "bucket", train=TRAIN) as made:
        cloud = lifecycle.find(made.home)
        keys = {"aws_access_key_id": cloud.access_key, "aws_secret_access_key": cloud.secret_key}
        where = {"endpoint_url": cloud.endpoint_url, "region_name": "us-east-1"}
        boto3.client("s3", **where, **keys).create_bucket(Bucket=BUCKET)
        boto3.client("iam", **where, **keys).create_instance_profile(InstanceProfileName=RESULTS_PROFILE)
        yield made
        made.run("terminate", "--all", "--discard")


@pytest.fixture(scope="module")
def reference(world, tmp_path_factory):
    """How the sweep ends when nothing happens to it."""
    return undisturbed(world, tmp_path_factory.mktemp("undisturbed"))


def as_if_nothing_had_happened(folder, reference):
    """The journal is whole, each trial has ended once, and all is as it would have been."""
    assert whole(folder)
    assert sorted(finished(folder)) == list(range(TRIALS))
    assert outcome(folder) == reference


def test_a_lost_instance_that_nobody_watched(world, reference):
    """What it wrote to the bucket until the end is where its sweep goes on, on a new one."""
    world.run("launch", "taken", "--spot", "--results-bucket", BUCKET)
    world.run("sweep", *SWEEP, "--on", "taken", "--name", "taken", "--detach")
    site = Site(world, "taken")
    site.reaches("checkpoint", 2, times=2)
    site.order("spot-notice", after_s=600)
    site.reaches("stopping")
    site.open_gate(2)
    until(lambda: not journal.is_open(site.there.journal_file), "the trial to leave")
    until(lambda: _kept(site) == site.there.journal_file.stat().st_size, "all of it to be in the bucket")
    assert not site.folder.journal_file.exists()
    site.ec2.terminate_instances(InstanceIds=[site.id])
    looked = world.run("results", "taken")
    assert f"the bucket {BUCKET} had more of it" in looked.stderr
    assert finished(site.folder) == [0, 1]
    plan = world.run("resume", "taken", "--launch", "--dry-run").stdout
    stands = "2 of 4 trials are finished and are not run again; 1 start again, 1 of them after a checkpoint"
    assert stands in plan
    old = site.id
    resumed = site.background("resume", "taken", "--launch")
    until(lambda: site.id != old, "the sweep to move")
    site.open_gate()
    ended(resumed)
    as_if_nothing_had_happened(site.folder, reference)
    assert site.folder.log_file(2).read_text().split("\n").count("epoch 0") == 1


def test_nobody_is_there_at_the_end(world, reference, tmp_path):
    """An instance whose bucket has all ends itself for good; attach brings all from there."""
    world.run("sweep", *SWEEP, "--launch", "--spot", "--results-bucket", BUCKET, "--name", "done", "--detach")
    site = Site(world, "done")
    site.reaches("checkpoint", 2)
    site.open_gate()
    until(lambda: site.state() == "terminated", "the instance to terminate itself")
    world.run("attach", "done")
    as_if_nothing_had_happened(site.folder, reference)
    assert (site.folder.artifacts_dir(3) / "sum.txt").exists()
    kept = [path.parts[-3] for path in site.folder.trials_dir.glob("*/checkpoint/*")]
    assert len(kept) == 1  # the best one's: the bucket keeps all that ever were
    assert "resume" in world.run("resume", "done", "--launch", check=2).stderr
    other = World(world.home, tmp_path)
    assert (
        "no sweep" in other.run("attach", "nothing-of-the-kind", "--results-bucket", BUCKET, check=2).stderr
    )
    # A laptop that never saw it, nor its instance, and is at home in another region.
    other.run("attach", "done", "--region", "eu-west-1", "--results-bucket", BUCKET)
    where = Where.read(Folder(tmp_path / "sweeps" / "done"))
    assert (where.region, where.instance, bool(where.owner)) == ("us-east-1", site.id, True)
    assert outcome(Folder(tmp_path / "sweeps" / "done")) == reference
    assert other.json("status", "done")["state"] == "finished"


def test_a_sweep_that_began_here(world, reference):
    """One that was interrupted here goes on on an instance, also from deep in its project, and is whole."""
    deep = World(world.home, world.cwd / "deep" / "down")
    deep.cwd.mkdir(parents=True)
    (world.cwd / "pyproject.toml").touch()
    (deep.cwd / "train.py").write_text(TRAIN)
    site = Site(deep, "begun")
    begun = site.background("sweep", *SWEEP, "--name", "begun", "--python", sys.executable)
    site.reaches("checkpoint", 2, folder=site.folder, times=2)
    begun.send_signal(signal.SIGINT)
    ended(begun, status=130)
    before = site.folder.spec_file.read_bytes()
    assert "2 of 4 trials are finished" in deep.run("resume", "begun", "--launch", "--dry-run").stdout
    document = deep.json("resume", "begun", "--launch", "--dry-run")
    assert (document["sweep"], document["plan"][-1]["action"]) == ("begun", "wait")
    assert site.folder.spec_file.read_bytes() == before
    assert list(site.folder.trials_dir.glob("000[01]/checkpoint/*"))
    resumed = site.background("resume", "begun", "--launch")
    until(site.folder.where_file.exists, "the sweep to move")
    site.open_gate()
    ended(resumed)
    as_if_nothing_had_happened(site.folder, reference)
    assert site.folder.log_file(2).read_text().split("\n").count("epoch 0") == 1
    best = results(site.folder)["best"]
    assert (site.folder.path / best["checkpoint"]).exists()  # also where it ended before the sweep moved


def test_the_project_travels_while_the_checks_run(world):
    """An instance that runs has the project and its environment before anybody has seen it ready."""
    config = Config("local", None, None, world.home, world.cwd)
    spec = Spec(Target("function", file="train.py", function="train"), Space(x=Float(1, 2)))
    proposal = launch.propose(config, Wanted("early"), warn=print)
    sent = Ahead(config, proposal.cloud, spec, ship.travels(config, spec), "early-1")
    story = launch.carry_out(proposal, running=sent.begin)
    next(event for event in story if isinstance(event, Doing) and "early running" in event.text)
    (folder,) = (one["folder"] for one in lifecycle.instances(lifecycle.find(world.home)) if one["ssh_port"])
    there = Path(folder, "home", "ubuntu", ".awstune")
    until((there / "origins" / "early-1.runtime").exists, "the environment to be there")
    assert (there / "projects" / "early-1" / "train.py").read_text() == TRAIN
    (ready,) = result_of(story)
    with result_of(login.enter(config, proposal.cloud, ready.instance)) as connection:
        runtime = result_of(sent.finish(connection, ready.instance))
        assert connection.run(runtime.command("awstune.sweeps.detached", "none"), check=False).status == 1
    world.run("terminate", "early", "--discard")


def result_of(story):
    """What a story comes to, all of it told."""
    while True:
        try:
            next(story)
        except StopIteration as end:
            return end.value


def test_what_cannot_travel_is_refused(world):
    """A sweep whose mode only a trial would tell, or whose function is in no file, rents nothing."""
    for name, target, mode in (("loose", "-- true {x}", None), ("pickled", "pickle", "min")):
        folder = Folder(world.cwd / "sweeps" / name)
        folder.path.mkdir(parents=True)
        found = (
            Target("pickle", file="x.pkl", function="f")
            if target == "pickle"
            else of_command(["true", "{x}"])
        )
        Spec(found, Space(x=Float(0, 1)), metric="whatever", mode=mode).write(folder.spec_file)
        refused = world.run("resume", name, "--launch", check=2).stderr
        assert ("in no file" if mode else "--mode max, or --mode min") in refused


def _kept(site):
    """How many bytes of the sweep's journal are in the bucket."""
    keys = {"aws_access_key_id": site.cloud.access_key, "aws_secret_access_key": site.cloud.secret_key}
    s3 = boto3.client("s3", endpoint_url=site.cloud.endpoint_url, region_name="us-east-1", **keys)
    place = BUCKET_PREFIX.format(sweep=site.name, instance=site.id) + JOURNAL_FILE
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=place).get("Contents", ())
    return sum(one["Size"] for one in found)
