"""Bad luck: one clear message with its fix, the right exit status, and nothing left behind."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from awstune.config import Config
from awstune.ec2 import instances, prices, restart
from awstune.ec2.wanted import Wanted
from awstune.errors import InstanceDied, Interrupted, LeftBehind, NoGuard, NotReady, RemoteError
from awstune.flow import clouds, demo, end, launch
from awstune.flow.events import Doing, Done
from awstune.localcloud import client, lifecycle
from tests.waiting import until
from tests.world import TRAIN, World, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("bad-luck")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud for this module's bad luck; nothing of it may be left afterwards."""
    with running(tmp_path_factory, "luck", train=TRAIN) as made:
        yield made


@pytest.fixture
def switched(world):
    """Turns one of the embedded cloud's switches on for a test."""
    cloud = lifecycle.find(world.home)
    on = []

    def switch(name):
        on.append(name)
        lifecycle.switch(cloud, name)

    yield switch
    for name in on:
        lifecycle.switch(cloud, name, on=False)
    world.run("terminate", "--all", "--discard")


def refused(world, *words, status, **env):
    """The error document of a command that must fail, and its message for people."""
    document = json.loads(world.run(*words, "--json", check=status, **env).stdout)["error"]
    assert document["message"]
    assert document["hint"]
    return document


def test_an_instance_that_dies_during_the_wait(world, switched):
    """Death is noticed at once, AWS's reason is shown, and nothing billable is left."""
    switched("die-during-wait")
    error = refused(world, "launch", "mortal", status=1)
    assert error["kind"] == "instance_died"
    assert "mortal" in error["message"]
    assert world.json("ls") == []


def test_an_instance_whose_checks_are_impaired(world, switched):
    """An impaired check fails the launch, says which, and how to end what still costs money."""
    switched("impaired-checks")
    error = refused(world, "launch", "ailing", status=1)
    assert error["kind"] == "not_ready"
    assert "impaired" in error["message"]
    assert "terminate" in error["hint"]


def test_an_instance_that_lets_nobody_in(world, switched):
    """One that passes its checks but refuses SSH fails the launch; its tag says that it holds no sweep."""
    switched("refuse-ssh")
    config = Config("local", None, None, world.home, world.cwd)
    story = launch.carry_out(launch.propose(config, Wanted("shy"), warn=print), ssh_patience_s=1.0)
    with pytest.raises(NotReady, match="lets nobody in") as failed:
        list(story)
    assert failed.value.hint == "awstune terminate shy"
    world.run("terminate", "shy")
    assert world.json("ls") == []


def test_a_key_that_others_can_read(world, switched):
    """Whatever lets nobody in, what is launched is named with what it costs, and how it ends."""
    config = Config("local", None, None, world.home, world.cwd)
    proposal = launch.propose(config, Wanted("bare"), warn=print)
    story = launch.carry_out(proposal)
    next(event for event in story if "bare is launched" in event.text)
    (key,) = world.home.glob("keys/*/*bare*.pem")
    key.chmod(0o644)
    with pytest.raises(NotReady, match=r"bare .* lets nobody in: .*; it goes on, and costs") as failed:
        list(story)
    assert failed.value.hint.endswith("; awstune terminate bare ends it")
    world.run("terminate", "bare", "--discard")


def test_an_instance_that_somebody_ends_meanwhile(world, switched):
    """A launch that finds its instance, and then finds it gone, says so, and how to have another."""
    _there(world, "brief")
    config = Config("local", None, None, world.home, world.cwd)
    again = launch.propose(config, Wanted("brief"), warn=print)
    assert again.plan.launches == ()
    again.claim.release()  # as it is while an instance is waited for
    world.run("terminate", "brief")
    with pytest.raises(InstanceDied, match="brief was ended meanwhile") as failed:
        list(launch.carry_out(again))
    assert "launches another" in failed.value.hint


def _shipment(proposal, one):
    """What fails once an instance is there for a sweep alone, and what is said."""

    def failing():
        yield Doing("sending")
        raise RemoteError("no torch for that", "leave it out")

    return [event.text for event in launch.or_undo(proposal, one, failing())]


def _there(world, name):
    config = Config("local", None, None, world.home, world.cwd)
    proposal = launch.propose(config, Wanted(name), warn=print)
    list(launch.carry_out(proposal))
    return proposal, instances.find(proposal.cloud, name)


def test_a_shipment_that_fails(world, switched):
    """An instance that was launched for it alone is ended; one that cannot be is named, with status 4."""
    proposal, one = _there(world, "own")
    cloud = lifecycle.find(world.home)
    rule = {"service": "ec2", "action": "TerminateInstances", "error": "UnauthorizedOperation", "status": 403}
    added = client.call(cloud, "POST", "/awstune/rules", rule)["id"]
    with pytest.raises(LeftBehind, match=r"no torch for that; and own could not be terminated") as left:
        _shipment(proposal, one)
    assert left.value.hint == "awstune terminate own"
    client.call(cloud, "DELETE", f"/awstune/rules/{added}")
    again, _ = _there(world, "own")
    with pytest.raises(RemoteError, match="no torch"):
        _shipment(again, one)
    assert [one["name"] for one in world.json("ls")] == ["own"]  # it was there before that command
    with pytest.raises(RemoteError, match="no torch"):
        _shipment(proposal, one)
    assert world.json("ls") == []


def test_a_demo_that_is_interrupted_beside_an_instance(tmp_path):
    """Its cloud is somebody else's by then, and goes on: what may be left of the demo there is named."""
    other = World(tmp_path / "home", tmp_path)
    story = demo.tell(Config("local", None, None, other.home, tmp_path), warn=print, in_words=None)
    next(event for event in story if isinstance(event, Done))
    other.run("launch", "mine")
    with pytest.raises(Interrupted) as told:
        story.throw(KeyboardInterrupt)
    assert told.value.hint == "awstune --cloud local terminate demo"
    assert [one["name"] for one in other.json("ls")] == ["mine"]
    assert "1 instance with it (mine)" in other.run("local", "stop").stdout
    assert list(other.home.glob("keys/**/*.pem")) == []


def test_an_instance_whose_guard_does_not_arm(world, switched):
    """What nothing would end is ended by the launch itself: nothing of it is left, and the fix is named."""
    switched("no-runcmd")
    before = client.call(lifecycle.find(world.home), "GET", "/awstune/resources")
    config = Config("local", None, None, world.home, world.cwd)
    story = launch.carry_out(launch.propose(config, Wanted("loose-end"), warn=print), ssh_patience_s=2.0)
    with pytest.raises(NoGuard, match="loose-end has no guard that would end it, so it was termin") as failed:
        list(story)
    assert "--ami" in failed.value.hint
    assert world.json("ls") == []
    assert client.call(lifecycle.find(world.home), "GET", "/awstune/resources") == before


def test_nobody_waited_for_the_guard(world, switched):
    """--no-wait has not looked whether it is armed: the first login does, and says what that means."""
    switched("no-runcmd")
    world.run("launch", "unseen", "--no-wait")
    until(lambda: world.json("ls")[0]["state"] == "running", "unseen to run")

    def logged_in():
        done = world.run("ssh", "unseen", "--", "true", check=None)
        return done.stderr if done.returncode == 0 else None

    said = " ".join(until(logged_in, "unseen to let us in").split())
    assert "unseen has no guard that would end it; awstune terminate unseen does" in said
    world.run("terminate", "unseen", "--discard")


def test_an_instance_without_a_guard_beside_one_that_lets_nobody_in(world, switched):
    """Of two of a fleet the one that nothing would end is ended, although the launch fails at the other."""
    switched("no-runcmd")
    config = Config("local", None, None, world.home, world.cwd)
    pair = Wanted("pair", count=2)
    list(launch.carry_out(launch.propose(config, pair, warn=print), ready=False))
    cloud = lifecycle.find(world.home)
    shy = next(one["id"] for one in world.json("ls") if one["name"] == "pair-2")
    client.call(cloud, "PUT", f"/awstune/instances/{shy}/ssh", {"accept": False})
    with pytest.raises(NoGuard, match=r"pair-2 .* and pair-1 has no guard .*, so it was terminated"):
        list(launch.carry_out(launch.propose(config, pair, warn=print), ssh_patience_s=1.0))
    assert [one["name"] for one in world.json("ls")] == ["pair-2"]
    last = world.run("terminate", "pair-2", "--discard").stdout
    assert "pair-2: gone. Nothing is left" in last


def test_an_end_moves_on_tag_and_disk_alike_or_not_at_all(world, switched):
    """What can be reached lives longer, as both say; what cannot is left as it was, on both, with a hint."""
    world.run("launch", "brief", "--ttl", "1h")
    cloud = lifecycle.find(world.home)
    (there,) = [one for one in lifecycle.instances(cloud) if one["state"] == "running"]
    disk = Path(there["folder"], "root/etc/awstune/ends")

    def left():
        return world.json("ls")[0]["ttl_left_s"]

    world.run("extend", "brief", "2h")
    assert 2.9 * 3600 < left() <= 3 * 3600
    on_disk = disk.read_text()
    assert abs(int(on_disk) - time.time() - left()) < 60
    client.call(cloud, "PUT", f"/awstune/instances/{there['id']}/ssh", {"accept": False})
    error = refused(world, "extend", "brief", "4h", status=1)
    assert "the end of brief has not moved" in error["message"]
    assert left() <= 3 * 3600
    assert disk.read_text() == on_disk


def test_a_region_without_p2(world):
    """Where the type is not offered the nearest offered ones are named, and nothing is launched."""
    error = refused(world, "launch", "far", "--region", "eu-central-1", status=2)
    assert error["kind"] == "not_offered"
    assert "g4dn.xlarge" in error["message"]
    assert "--or-similar" in error["hint"]
    assert world.json("ls", "--region", "eu-central-1") == []


def test_the_time_to_live_ends_it(world, switched):
    """An instance ends itself when its time is up, with nobody watching."""
    world.run("launch", "brief", "--ttl", "5s", "--at-end", "terminate", check=None)
    cloud = lifecycle.find(world.home)

    def states():
        return {one["state"] for one in lifecycle.instances(cloud)}

    until(lambda: states() <= {"terminated"}, "the guard to end the instance")
    assert world.json("ls") == []


@pytest.mark.parametrize(
    ("at_end", "way_on"), [("stop", "start capped --max-usd 10"), ("terminate", "launch")]
)
def test_a_cap_that_only_its_disk_knows_to_be_spent(world, switched, at_end, way_on):
    """Hours that no tag has: started, it ends itself at once, and the cap is said with the way on."""
    world.run("launch", "capped", "--max-usd", "5", "--at-end", at_end)
    world.run("stop", "capped")
    (ran,) = world.home.glob("**/var/lib/awstune/ran")
    ran.write_text("99999999\n")
    error = refused(world, "start", "capped", status=1)
    when = "before it has cost $5.00 (the last $0.15 pay for sending results home)"
    assert error["message"] == f"capped has ended itself again: its dollar cap ends it {when}"
    assert way_on in error["hint"]


def test_a_target_that_is_not_there(world):
    """A wrong file name is refused before anything else, with the files that are there."""
    error = refused(world, "sweep", "trian.py", status=2)
    assert "trian.py is not there" in error["message"]
    assert "train.py" in error["hint"]


def test_a_target_without_train(world):
    """A file without the function is refused with the functions it has."""
    (world.cwd / "other.py").write_text("def fit(trial):\n    return 0.0\n")
    error = refused(world, "sweep", "other.py", "-p", "x=0..1.0", status=2)
    assert "train" in error["message"]
    assert "fit" in error["hint"]


def test_no_space(world):
    """A target without a space is refused with a line that has one."""
    (world.cwd / "bare.py").write_text("def train(trial):\n    return 0.0\n")
    error = refused(world, "sweep", "bare.py", status=2)
    assert error["kind"] == "space"
    assert "-p lr=1e-5..1e-1:log" in error["hint"]


def test_no_credentials(world):
    """Without credentials AWS's way in is named, and the way that needs none."""
    error = refused(
        world,
        "--cloud",
        "aws",
        "ls",
        status=1,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE="/nowhere",
        AWS_SHARED_CREDENTIALS_FILE="/nowhere",
        HOME="/nowhere",
    )
    assert error["kind"] == "credentials"
    assert "aws configure" in error["hint"]


def test_the_embedded_cloud_is_not_running(tmp_path):
    """Commands that do not start it say that it is not running, and which one does."""
    world = World(tmp_path / "home", tmp_path)
    for words in (("ls",), ("ssh", "lab"), ("terminate", "lab")):
        error = refused(world, *words, status=2)
        assert error["kind"] == "cloud_not_running"
        assert "awstune local start" in error["hint"]


def test_an_endpoint_of_anybodys(world):
    """`--cloud aws` with AWS_ENDPOINT_URL drives any EC2-compatible endpoint, with no special case."""
    cloud = lifecycle.find(world.home)
    env = {
        "AWSTUNE_CLOUD": "aws",
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": cloud.access_key,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key,
    }
    unknown = refused(world, "launch", "any", "--yes", status=2, **env)
    assert "--ssh-from" in unknown["hint"]
    unasked = refused(world, "launch", "any", "--ssh-from", "127.0.0.0/8", status=2, **env)
    assert unasked["kind"] == "no_answer"
    done = world.run("launch", "any", "--ssh-from", "127.0.0.0/8", "--yes", "--json", **env)
    assert json.loads(done.stdout)[0]["state"] == "running"
    done = world.run("sweep", "train.py", "--on", "any", "--trials", "1", "--yes", **env)
    assert "best of 1 trial" in done.stdout
    world.run("terminate", "any", "--yes", **env)


def test_an_instance_without_a_guard(world, switched):
    """Where nothing is armed that would end it, an instance is not left running."""
    world.run("launch", "loose")
    world.run(
        "ssh",
        "loose",
        "--",
        'rm "$AWSTUNE_ROOT"/usr/local/lib/awstune/guard "$AWSTUNE_ROOT"/run/awstune/armed',
    )
    world.run("stop", "loose")
    config = Config("local", None, None, world.home, world.cwd)
    cloud = clouds.open_for(config, warn=print)
    again = restart.propose(instances.find(cloud, "loose"), prices.shipped(), time.time())
    with pytest.raises(NoGuard, match="stopped again"):
        list(end.start(config, cloud, [again], ssh_patience_s=2.0))
    assert [one["state"] for one in world.json("ls")] == ["stopped"]
