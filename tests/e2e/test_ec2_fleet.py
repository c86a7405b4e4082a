"""Awstune's own fleet against the embedded cloud: two hundred instances with times of the real world."""

from __future__ import annotations

import collections
import time

import pytest

from awstune.ec2 import end, instances, launch, survey, wait
from awstune.ec2.plan import make_plan
from awstune.ec2.session import Cloud, Endpoint, open_cloud
from awstune.ec2.wanted import Wanted
from awstune.localcloud import client, lifecycle

pytestmark = pytest.mark.e2e
SIZE = 200
_FOR_ONE = 14
THROTTLED = 5
# As long as on AWS; it is not sat out, as time passes only where awstune would wait.
PACE = {"boot_s": [10, 20], "checks_s": [20, 40], "end_s": [0, 1], "by_hand": True}


class AsOften(Cloud):
    """A cloud that is looked at as often as AWS may be."""

    look_every_s = 1.0


@pytest.fixture
def fleet(cloud):
    """Simulated instances for the rest of the test, and a counter of calls."""
    client.call(cloud, "PUT", "/awstune/quotas/L-417A185B", {"value": 8 * SIZE})
    client.call(cloud, "PUT", "/awstune/simulated", PACE)
    there = open_cloud(endpoint=Endpoint(cloud.endpoint_url, cloud.access_key, cloud.secret_key))
    there = AsOften(there.session, there.region, there.endpoint)
    for action, skip, times in (("RunInstances", 30, THROTTLED), ("DescribeInstanceStatus", 1, 2)):
        rule = {"service": "ec2", "action": action, "skip": skip, "times": times, "status": 503}
        client.call(cloud, "POST", "/awstune/rules", {**rule, "error": "RequestLimitExceeded"})
    calls = collections.Counter()
    for one in (there.ec2, there.launcher):
        one.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))
    yield there, calls
    client.call(cloud, "DELETE", "/awstune/rules")
    client.call(cloud, "DELETE", "/awstune/simulated")
    client.call(cloud, "PUT", "/awstune/quotas/L-417A185B", {"value": 64})


def test_two_hundred_instances(fleet, cloud, tmp_path):
    """One describe call a poll for all of them, readiness noticed by the next one, and nothing left."""
    there, calls = fleet
    naps = []

    def nap(seconds):
        naps.append(seconds)
        client.call(cloud, "POST", "/awstune/simulated", {"seconds": seconds})

    wanted = Wanted("fleet", count=SIZE)
    list(launch.apply(there, make_plan(wanted, survey.look(there, wanted, tmp_path)), tmp_path, sleep=nap))
    assert calls["RunInstances"] == SIZE + THROTTLED
    # What is there, what the account runs, and whether the new ones show: as many as for one instance.
    assert sum(count for name, count in calls.items() if name.startswith("Describe")) <= _FOR_ONE
    calls.clear()
    own = instances.own(there)
    # One listing, in as many pages as the cloud makes of it.
    assert set(calls) == {"DescribeInstances"}
    assert calls["DescribeInstances"] <= 2
    assert len({one.host_key for one in own}) == SIZE

    calls.clear()
    naps.clear()
    polls = []
    there.ec2.meta.events.register("before-call", lambda **_: polls.append(time.time()))
    list(wait.until_ready(there, [one.id for one in own], sleep=nap))
    # One each second until the last is ready: half a minute at least, a minute at most.
    assert calls["DescribeInstanceStatus"] == len(naps) + 1
    assert set(naps) == {1.0}
    assert 30 <= len(naps) <= 20 + 40 + 1
    ids = {one.id for one in own}
    ready = [one["ready_at"] for one in lifecycle.instances(cloud) if one["id"] in ids]
    # The first poll after the last check knows.
    assert len([poll for poll in polls if poll > max(ready)]) == 1

    calls.clear()
    list(end.terminate(there, own, tmp_path))
    assert calls["TerminateInstances"] == 1
    assert end.leftovers(there, own) == []
