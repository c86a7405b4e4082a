"""Kill -9 of `awstune launch`, a process of its own, after each of its API calls in turn."""

from __future__ import annotations

import itertools

import pytest

from awstune.ec2 import end, instances, launch, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.localcloud import client
from tests.faults.conftest import resources
from tests.waiting import briefly, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
# Every call of AWS's API, and no step of an instance's own life.
ANY_CALL = {"service": "[!i]*", "times": 1, "delay_s": 600, "after_commit": True}
ONE_OF_EACH = ["instance", "key-pair", "network-interface", "security-group", "volume"]


def killed_after(world, local, name, number):
    """A launch that is killed once AWS has acted on its call of that number; whether it got so far."""
    rule = client.call(local, "POST", "/awstune/rules", {**ANY_CALL, "skip": number})["id"]
    process = world.start("launch", name, "--no-wait")

    def struck():
        (shown,) = [one for one in client.call(local, "GET", "/awstune/rules") if one["id"] == rule]
        return shown["struck"] or process.poll() is not None

    until(struck, f"call {number} of a launch")
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
        if not killed_after(world, local, name, number):
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


def terminate(cloud, wanted, keys_dir):
    """Ends what there is, with or without an instance."""
    list(end.terminate(cloud, instances.own(cloud), keys_dir, sleep=briefly))
    list(end.clean(cloud, wanted.name, keys_dir, sleep=lambda _: None))
