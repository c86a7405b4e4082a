"""Every error of AWS at the calls that shut an instance behind its first login, and the loss of its answers.

At a launch or at `awstune ssh`: it is said, whoever has the key gets in all the same, and the next login
finishes it. What a launch makes before that is struck in `test_launch`.
"""

from __future__ import annotations

import collections

import pytest

from awstune import names
from awstune.config import Config
from awstune.ec2 import hostkeys, instances, unfetched
from awstune.ec2.wanted import Wanted
from awstune.errors import NoGuard
from awstune.flow import access, arriving, closing, launch, login
from awstune.flow.events import Warned
from awstune.localcloud import client
from awstune.remote import hosts
from tests.faults.conftest import resources
from tests.faults.test_launch import ERRORS
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("first-login")]
# The calls in their order; each is one further on where the hours that it ran are told first.
TOKENS, BOTH, NEW = ("ModifyInstanceMetadataOptions", 0), ("CreateTags", 0), ("CreateTags", 1)
POINTS = [TOKENS, BOTH, NEW]


class Door:
    """One instance of the cloud, whose door is opened again as an interrupted launch leaves it."""

    def __init__(self, cloud, config):
        self.cloud, self.config = cloud, config

    @property
    def one(self):
        """The instance, as AWS describes it now."""
        return instances.find(self.cloud)

    def open(self):
        """Metadata without a token, and a host key that user-data may have told."""
        id_ = self.one.id
        self.cloud.ec2.create_tags(Resources=[id_], Tags=[{"Key": hostkeys.TAG_ROTATED, "Value": "no"}])
        self.cloud.ec2.modify_instance_metadata_options(InstanceId=id_, HttpTokens="optional")
        return self.one

    def stands_at(self, point, before):
        """It is open as far as it was before that call, and its own key still lets us in."""
        now = self.one
        assert closing.due(now)
        assert now.http_tokens == ("optional" if point == TOKENS else "required")
        assert now.host_keys[-1] in before.host_keys
        assert len(now.host_keys) == (2 if point == NEW else len(before.host_keys))
        with access.enter(self.config, self.cloud, now) as connection:
            assert connection.run("echo in").text == "in\n"

    def is_shut_by(self, way):
        """The next login finishes it, with nothing to be said."""
        assert [event for event in way(self) if isinstance(event, Warned)] == []
        now = self.one
        assert not closing.due(now)
        assert (now.http_tokens, len(now.host_keys)) == ("required", 1)
        assert hosts.pinned(self.config.home, now.id) == now.host_keys
        with access.enter(self.config, self.cloud, now) as connection:
            assert connection.host_key == now.host_key


def at_launch(door):
    """A launch that finds the instance of an interrupted one."""
    return list(arriving.until_in(door.config, door.cloud, [door.one]))


def at_ssh(door):
    """What `awstune ssh` does before it hands over to ssh."""
    return list(login.ready(door.config, door.cloud, door.one))


WAYS = {at_launch: 1, at_ssh: 0}


@pytest.fixture(scope="module")
def door(local, shared_cloud, home, tmp_path_factory):
    """An instance with a process of its own, whose image is old."""
    client.call(local, "DELETE", "/awstune/simulated")
    world = World(home, tmp_path_factory.mktemp("door"))
    world.run("launch", "door")
    client.call(local, "PUT", "/awstune/simulated", {})
    made = Door(shared_cloud, Config("local", None, None, home, world.cwd))
    assert made.one.tags[names.TAG_IMDS] == "v1-boot"
    yield made
    world.run("terminate", "door")
    assert resources(local) == []


def said(told, *words):
    """That it is open still is told once, and that it is tried again."""
    (warned,) = [event.text for event in told if isinstance(event, Warned)]
    assert warned.startswith("door is not shut as far as it should be: ")
    assert warned.endswith("; the next login tries again")
    assert all(word in warned for word in words)


def test_the_calls_that_change_anything(door, local):
    """As the cloud counted them: those that are struck here, and the hours that are told before."""
    door.open()
    before = collections.Counter(client.call(local, "GET", "/awstune/calls"))
    door.is_shut_by(at_launch)
    asked = collections.Counter(client.call(local, "GET", "/awstune/calls")) - before
    changes = {call: times for call, times in asked.items() if not call.startswith("ec2:Describe")}
    assert changes == {"ec2:CreateTags": 3, "ec2:ModifyInstanceMetadataOptions": 1}


@pytest.mark.parametrize("point", POINTS)
def test_every_error(door, strike, point):
    """One after the other, each said in AWS's words; at last one login shuts it."""
    before, (call, skip) = door.open(), point
    with access.enter(door.config, door.cloud, before) as connection:
        for code in ERRORS:
            strike.error(call, code, skip=skip)
            said(closing.close(door.config.home, door.cloud, door.one, connection), code)
            strike.relent()
    door.stands_at(point, before)
    door.is_shut_by(at_ssh)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("way", WAYS)
def test_each_way_in(door, strike, way, point):
    """A launch is whole all the same, and so is a shell: what is said is a warning."""
    before, (call, skip) = door.open(), point
    strike.error(call, "UnauthorizedOperation", skip=skip + WAYS[way] * (call == "CreateTags"))
    said(way(door), "UnauthorizedOperation")
    strike.relent()
    door.stands_at(point, before)
    door.is_shut_by(way)


def test_hours_that_cannot_be_told(door, strike):
    """They are in nobody's way: what is due is shut, and nothing said."""
    for code in ERRORS:
        strike.error("CreateTags", code)
        assert [event for event in at_launch(door) if isinstance(event, Warned)] == []
        strike.relent()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_a_lost_answer(door, strike, point, when):
    """Whether AWS has acted or not: nobody is locked out, and the next login finishes it."""
    before, (call, skip) = door.open(), point
    strike.lose(call, when, skip=skip)
    said(at_ssh(door), "no answer from AWS")
    strike.relent()
    if when == "before":
        door.stands_at(point, before)
    door.is_shut_by(at_ssh)


def test_an_unguarded_one_that_holds_a_sweep(door):
    """The launch does not end it, as it would any other: what is only there is fetched before."""
    one, armed = door.open(), f'"$AWSTUNE_ROOT{names.ARMED_FILE}"'
    unfetched.add(door.cloud, one, "kept")
    # Where the guard says so there is nothing to be found: it cannot write there.
    command = f"ln -sfn /nowhere/armed {armed}"
    with access.enter(door.config, door.cloud, one) as connection:
        connection.run(command)
        try:
            proposal = launch.propose(door.config, Wanted("door"), warn=print)
            with pytest.raises(NoGuard, match="door holds a sweep that is not home, so it goes on") as told:
                list(launch.carry_out(proposal, ssh_patience_s=1.0))
        finally:
            connection.run(f"rm {armed}")
    assert told.value.hint == "awstune terminate door fetches that first"
    unfetched.remove(door.cloud, one, "kept")
    door.is_shut_by(at_launch)
