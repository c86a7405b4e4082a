"""Kill -9 of `awstune launch`, a process of its own, after each of its API calls in turn, its wait's too."""

from __future__ import annotations

import itertools

import pytest

from awstune.ec2 import end, instances, launch, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.flow import closing
from awstune.localcloud import client
from tests.faults.conftest import resources
from tests.waiting import briefly, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
# Every call of AWS's API, and no step of an instance's own life.
ANY_CALL = {"service": "[!i]*", "times": 1, "delay_s": 600, "after_commit": True}
ONE_OF_EACH = ["instance", "key-pair", "network-interface", "security-group", "volume"]
# The calls of the wait and of the first login, in their order, each with how many of its kind come before it.
WAIT = [
    ("DescribeInstanceStatus", 0),
    ("DescribeInstances", 1),
    ("CreateTags", 0),
    ("ModifyInstanceMetadataOptions", 0),
    ("CreateTags", 1),
    ("CreateTags", 2),
]


def killed_after(world, local, call, *words):
    """A launch that is killed once AWS has acted on such a call; whether it got so far."""
    rule = client.call(local, "POST", "/awstune/rules", {**ANY_CALL, **call})["id"]
    process = world.start("launch", *words)

    def struck():
        (shown,) = [one for one in client.call(local, "GET", "/awstune/rules") if one["id"] == rule]
        return shown["struck"] or process.poll() is not None

    until(struck, f"a launch to come to {call}")
    over = process.poll() is not None
    process.kill()
    process.wait()
    client.call(local, "DELETE", "/awstune/rules")
    return not over


def test_killed_after_every_call(cloud, local, home, world, name):
    """Whatever AWS had done by then, the next launch finishes it with no twin, and terminate ends it all."""
    keys_dir, wanted = home / "keys" / cloud.account, Wanted(name)
    left = set()
    for number in itertools.count():
        if not killed_after(world, local, {"skip": number}, name, "--no-wait"):
            break
        left.add(tuple(sorted(one["kind"] for one in resources(local))))
        list(launch.apply(cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir)), keys_dir))
        assert sorted(one["kind"] for one in resources(local)) == ONE_OF_EACH
        assert make_plan(wanted, survey.look(cloud, wanted, keys_dir)).empty
        terminate(cloud, wanted, keys_dir)
        assert resources(local) == []
    terminate(cloud, wanted, keys_dir)
    # It was killed with nothing made, with part of it, and with all of it.
    assert {(), ("key-pair",), ("key-pair", "security-group"), tuple(ONE_OF_EACH)} <= left


@pytest.fixture
def with_processes(local):
    """Instances that one can log in to, for the rest of the test."""
    client.call(local, "DELETE", "/awstune/simulated")
    yield
    client.call(local, "PUT", "/awstune/simulated", {})


def test_killed_after_every_call_of_the_wait(cloud, local, world, name, with_processes):
    """Each launch takes up where the one before was killed, the last gets in, and terminate ends it all."""
    seen = set()
    for action, skip in WAIT:
        assert killed_after(world, local, {"action": action, "skip": skip}, name), action
        assert sorted(one["kind"] for one in resources(local)) == ONE_OF_EACH
        seen.update(one.id for one in instances.own(cloud))
    done = world.json("launch", name)
    assert {one["id"] for one in done} == seen
    (one,) = instances.own(cloud)
    assert not closing.due(one)
    world.run("terminate", name)
    assert resources(local) == []


def terminate(cloud, wanted, keys_dir):
    """Ends what there is, with or without an instance."""
    list(end.terminate(cloud, instances.own(cloud), keys_dir, sleep=briefly))
    list(end.clean(cloud, wanted.name, keys_dir, sleep=lambda _: None))
