"""Anything may die: the connection, the worker, the instance. Each is done, and nothing comes of it."""

from __future__ import annotations

import json
import os
import signal

import pytest
from botocore.exceptions import EndpointConnectionError

from awstune.config import Config
from awstune.ec2 import instances
from awstune.errors import SweepBusy, UnknownName
from awstune.flow import clouds, follow, ship
from awstune.flow.events import Warned
from awstune.names import HOLD_FILE
from awstune.sweeps import journal, loop
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.spec import Spec
from tests.waiting import until
from tests.ways import SWEEP, TRAIN, TRIALS, Site, ended, finished, outcome, undisturbed, whole
from tests.world import World, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("ways-to-die")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud for all ways to die; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "ways", train=TRAIN) as made:
        yield made


@pytest.fixture(scope="module")
def reference(world, tmp_path_factory):
    """How the sweep ends when nothing happens to it."""
    return undisturbed(world, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def site(world, request):
    """A sweep that waits in the middle of trial 2, on an instance of its own."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:40]
    words = getattr(request, "param", ())
    world.run("launch", name, *words)
    world.run("sweep", *SWEEP, "--on", name, "--name", name, "--detach")
    made = Site(world, name)
    made.reaches("checkpoint", 2, times=2)
    yield made
    world.run("terminate", "--all", "--discard")


def as_if_nothing_had_happened(folder, reference):
    """The journal is whole, each trial has ended once, and all is as it would have been."""
    assert whole(folder)
    assert sorted(finished(folder)) == list(range(TRIALS))
    assert outcome(folder) == reference
    assert journal.read(folder.journal_file).events[-1]["event"] == "ended"


def test_the_worker_is_killed(world, site, reference):
    """A worker that is killed is started again by its instance; a laptop that is, attaches again."""
    died = site.background("attach", site.name)
    site.reaches("checkpoint", 2, folder=site.folder)
    died.kill()
    ended(died, status=-signal.SIGKILL)
    attached = site.background("attach", site.name)
    os.kill(site.worker(), signal.SIGKILL)
    site.open_gate()
    assert "best of 4 trials" in ended(attached)
    as_if_nothing_had_happened(site.folder, reference)


def test_a_worker_that_always_dies(world, site):
    """One that dies again and again without getting any further is given up, and that is said."""
    worker = site.worker()
    for times in range(2, 6):
        os.kill(worker, signal.SIGKILL)
        if times < 5:
            worker = until(lambda dead=worker: site.worker(other_than=dead), "the worker to be back")
            site.reaches("started", 2, times=times)
    stopped = world.run("attach", site.name, check=1)
    assert "without getting any further" in stopped.stderr
    assert f"awstune resume {site.name}" in stopped.stderr


def test_a_reboot(world, site, reference):
    """After a reboot the sweep goes on by itself, and whoever is attached sees it go on."""
    attached = site.background("attach", site.name)
    site.reaches("started", 2, folder=site.folder)
    site.ec2.reboot_instances(InstanceIds=[site.id])
    site.reaches("started", 2, times=2)
    site.open_gate()
    ended(attached)
    as_if_nothing_had_happened(site.folder, reference)


def test_a_stop_and_a_start(world, site, reference):
    """A stopped instance that is started again goes on with its sweep; nobody has to resume it."""
    seen = world.run("logs", site.name, "--trial", "2").stdout
    world.run("stop", site.name)
    assert world.lines("status", site.name)[-1]["state"] == "stopped"
    assert world.run("logs", site.name, "--trial", "2").stdout == seen
    refused = json.loads(world.run("attach", site.name, "--json", check=2).stdout.splitlines()[-1])["error"]
    assert "is stopped" in refused["message"]
    assert refused["hint"] == f"awstune start {site.name}"
    moving = world.run("resume", site.name, "--launch", "--dry-run").stdout
    assert "is stopped and keeps its disk" in moving
    assert f"run {site.name}-2: " in moving
    world.run("start", site.name)
    site.reaches("started", 2, times=2)
    assert world.lines("status", site.name)[-1]["state"] == "running"
    site.open_gate()
    world.run("attach", site.name)
    as_if_nothing_had_happened(site.folder, reference)


def test_the_connection_is_cut(world, site, reference):
    """A connection that breaks again and again is made again, and the mirror has no gap."""
    port, cutter = site.port(), site.cut_after(20_000)
    attached = site.background("attach", site.name)
    until(lambda: cutter.cuts >= 3, "three cuts")
    site.open_gate()
    ended(attached)
    cutter.close()
    site.tell_port(port)
    as_if_nothing_had_happened(site.folder, reference)
    assert site.folder.journal_file.read_bytes() == site.there.journal_file.read_bytes()


def test_the_network_is_lost(world, site, reference):
    """A laptop that reaches neither the instance nor AWS for a while gets back to both; it says so once."""
    port, cutter = site.port(), site.cut_after(60_000)
    config = Config("local", None, None, world.home, world.cwd)
    cloud, left = clouds.open_for(config, warn=print), [1, 2, 3]

    def offline(**_):
        if cutter.cuts and left:
            left.pop()
            if not left:
                site.open_gate()
            raise EndpointConnectionError(endpoint_url="http://203.0.113.1")

    cloud.ec2.meta.events.register("before-call.ec2.DescribeInstances", offline)
    told = list(follow.attach(config, site.folder, lambda _: cloud))
    told = [event.text for event in told if isinstance(event, Warned)]
    cutter.close()
    site.tell_port(port)
    assert left == []
    assert sum("trying to get back" in text for text in told) >= 2  # SSH is lost, then AWS
    assert sum("203.0.113.1" in text for text in told) == 1
    as_if_nothing_had_happened(site.folder, reference)


def test_a_run_that_nobody_watches_any_more(world, site):
    """An `awstune run` whose connection breaks is noted: terminate stops it, and brings what it has left."""
    site.open_gate()
    world.run("attach", site.name)
    site.open_gate(1)  # the run's third seed waits there
    port, cutter = site.port(), site.cut_after(60_000)
    failed = world.run("run", site.name, "--seeds", "3", check=1).stderr
    assert f"run 1 goes on on the instance {site.name}" in " ".join(failed.split())
    cutter.close()
    site.tell_port(port)
    said = world.run("terminate", site.name).stderr
    assert f"a run of {site.name} is still under way on {site.name}; it is stopped" in " ".join(said.split())
    (run,) = world.json("results", site.name)["runs"]
    assert [one["status"] for one in run["runs"][:2]] == ["succeeded", "succeeded"]
    assert (site.folder.runs()[0].log_file(2)).read_text().startswith("epoch 0")


def test_the_instance_is_lost(world, site, reference):
    """A lost instance: what was mirrored goes on on a new one, after its checkpoints."""
    attached = site.background("attach", site.name)
    newest = site.folder.checkpoint_dir(2) / "epoch-0002.pkl"
    until(newest.exists, "the newest checkpoint to be mirrored")
    busy = world.json("resume", site.name, "--launch", check=1)["error"]
    assert (busy["kind"], "two at once" in busy["message"]) == ("sweep_busy", True)
    site.ec2.terminate_instances(InstanceIds=[site.id])
    said = ended(attached, status=2)
    assert f"awstune resume {site.name} --launch" in said
    old = site.id
    plan = world.run("resume", site.name, "--launch", "--dry-run").stdout
    assert (
        "2 of 4 trials are finished and are not run again; 1 start again, 1 of them after a checkpoint"
        in plan
    )
    resumed = site.background("resume", site.name, "--launch")
    until(lambda: site.id != old, "the sweep to move")
    site.open_gate()
    said = ended(resumed)
    assert "nothing of it is left" in said
    as_if_nothing_had_happened(site.folder, reference)
    log = site.folder.log_file(2).read_text().split("\n")
    assert log.count("epoch 0") == 1  # it went on after its checkpoint
    assert (site.folder.artifacts_dir(3) / "sum.txt").exists()


@pytest.mark.parametrize("site", [("--spot",)], indirect=True)
def test_a_spot_notice(world, site, reference):
    """On notice the running trial leaves with its next checkpoint, mirrored, and goes on elsewhere."""
    attached = site.background("attach", site.name)
    site.order("spot-notice", after_s=600)
    site.reaches("stopping")
    site.open_gate(2)
    newest = site.folder.checkpoint_dir(2) / "epoch-0003.pkl"
    until(newest.exists, "the last checkpoint to be mirrored")
    stopping = next(e for e in journal.read(site.folder.journal_file).events if e["event"] == "stopping")
    assert "spot notice" in stopping["reason"]
    until(lambda: not journal.is_open(site.there.journal_file), "the worker to leave")
    site.ec2.terminate_instances(InstanceIds=[site.id])
    ended(attached, status=2)
    assert finished(site.folder) == [0, 1]
    old = site.id
    resumed = site.background("resume", site.name, "--launch", "--spot")
    until(lambda: site.id != old, "the sweep to move")
    site.open_gate()
    ended(resumed)
    as_if_nothing_had_happened(site.folder, reference)


def test_another_laptop(world, site, reference, tmp_path):
    """With the key, a laptop that never saw the sweep attaches to it; what it has is only a mirror.

    It has another region as its own; who looks for a sweep by its name looks in all.
    """
    other = World(world.home, tmp_path)
    other.run("attach", "nothing-of-the-kind", check=2)
    attached = Site(other, site.name).background("attach", site.name, "--region", "eu-west-1")
    folder = Folder(tmp_path / "sweeps" / site.name)
    site.reaches("checkpoint", 2, folder=folder)
    here = Folder(folder.path)
    with pytest.raises(SweepBusy, match="the mirror of what runs on an instance"):
        next(loop.run(here, make_executor(Spec.read(here.spec_file), here)))
    site.open_gate()
    ended(attached)
    as_if_nothing_had_happened(folder, reference)
    world.run("attach", site.name)
    assert folder.journal_file.read_bytes() == site.folder.journal_file.read_bytes()


def attach_and_sleep(world, site):
    """Attach, and as soon as the connection is cut be away until the instance has stopped itself."""
    port, cutter = site.port(), site.cut_after(20_000)
    config = Config("local", None, None, world.home, world.cwd)
    cloud = clouds.open_for(config, warn=print)
    for event in follow.attach(config, site.folder, lambda _: cloud):
        if isinstance(event, Warned) and site.state() == "running":
            cutter.close()
            site.tell_port(port)
            site.open_gate()
            site.reaches("ended")
            hold = site.home.parents[1] / "root" / HOLD_FILE.lstrip("/")
            hold.unlink(missing_ok=True)  # as if two minutes had passed
            until(lambda: site.state() != "running", "the instance to stop itself")


def test_nobody_is_there_at_the_end(world, reference, tmp_path):
    """An instance that is its sweep's stops itself at the end; the next attach fetches and terminates.

    That may come from another laptop. Whoever was attached and lost it meanwhile is told so: it is not
    started again unasked.
    """
    world.run("sweep", *SWEEP, "--launch", "--name", "alone", "--detach", "--max-usd", "50")
    site = Site(world, "alone")
    site.reaches("checkpoint", 2)
    with pytest.raises(UnknownName, match="has stopped meanwhile") as refused:
        attach_and_sleep(world, site)
    assert refused.value.hint.startswith("awstune attach alone")
    done = World(world.home, tmp_path).run("attach", "alone")
    assert "for that its dollar cap of $50.00 does not hold" in " ".join(done.stderr.split())
    assert "alone is gone" in done.stderr.replace(
        "alone was to end with its sweep, and is gone", "alone is gone"
    )
    as_if_nothing_had_happened(Folder(tmp_path / "sweeps" / "alone"), reference)
    assert world.json("ls") == []


def test_it_is_over_before_anybody_is_attached(world, reference):
    """A sweep that ends while its user is still getting in: the instance waits for him."""
    world.run("launch", "quick")
    config = Config("local", None, None, world.home, world.cwd)
    cloud = clouds.open_for(config, warn=print)
    made = Spec.read(Folder(world.cwd / "sweeps" / "undisturbed").spec_file)
    one = instances.find(cloud, "quick")
    parcel = ship.travels(config, made)
    list(ship.to_instance(config, cloud, one, made, "quick", parcel, at_end="terminate"))
    site = Site(world, "quick")
    site.open_gate()
    site.reaches("ended")
    assert (site.home.parents[1] / "root" / HOLD_FILE.lstrip("/")).exists()
    told = [str(event) for event in follow.attach(config, site.folder, lambda _: cloud)]
    assert not any("had ended itself" in text for text in told)
    as_if_nothing_had_happened(site.folder, reference)
    assert world.json("ls") == []
