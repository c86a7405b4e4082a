"""The open port follows whoever connects; asked only where nothing comes back, and never moved in vain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from awstune.ec2 import hostkeys, instances, network
from awstune.errors import ConnectionLost
from awstune.flow import access, login
from awstune.remote import hosts
from awstune.remote.ssh import Address
from tests.unit.ec2.conftest import boto_session, cloud, keys_dir, shared_cloud
from tests.unit.ec2.launches import HERE, launched

__all__ = ["boto_session", "cloud", "keys_dir", "shared_cloud"]

ADDRESS = Address("198.51.100.1", 22, "ubuntu", Path("key.pem"), "i-1", ("ssh-ed25519 AAAA",))
MOVED = "198.51.100.9/32"
FIRST, SECOND, OTHER = "ssh-ed25519 AAAA", "ssh-ed25519 BBBB", "ssh-ed25519 CCCC"


def _admitted(cloud):
    return network.find_group(cloud, "awstune-lab", network.network_of(cloud, None).vpc_id).ssh_from


def _admit(cloud, address=ADDRESS, *, says="198.51.100.9", reached=False):
    """One login from where the address service says that one is."""
    lab = instances.find(cloud, "lab")
    return login.admit(cloud, lab, address, fetch=lambda _: says, answers=lambda _: reached)


def test_an_address_that_has_changed(cloud, keys_dir):
    """Where nothing comes back, the port moves to the new address, and the old one is shut out."""
    launched(cloud, keys_dir)
    assert _admitted(cloud) == {HERE}
    assert _admit(cloud) == MOVED
    assert _admitted(cloud) == {MOVED}


def test_an_address_that_has_not(cloud, keys_dir):
    """A port that answers is not asked about; one that does not, from the same address, stays."""
    launched(cloud, keys_dir)
    assert _admit(cloud, reached=True) is None
    assert _admit(cloud, says="203.0.113.7") is None
    assert _admitted(cloud) == {HERE}


def test_nobody_can_say_where_one_is(cloud, keys_dir):
    """The connection is tried all the same, and fails with its own words."""
    launched(cloud, keys_dir)

    def silent(_):
        raise OSError("no route")

    lab = instances.find(cloud, "lab")
    assert login.admit(cloud, lab, ADDRESS, fetch=silent, answers=lambda _: False) is None
    assert _admitted(cloud) == {HERE}


def test_by_ipv6(cloud, keys_dir):
    """An instance that is reached by IPv6 admits one's IPv6 address."""
    launched(cloud, keys_dir)
    lab, there = instances.find(cloud, "lab"), replace(ADDRESS, host="2001:db8::1")
    mine = {"own_ipv6": lambda: "2001:db8::7", "fetch": pytest.fail}
    assert login.admit(cloud, lab, there, answers=lambda _: False, **mine) == "2001:db8::7/128"
    assert _admitted(cloud) == {"2001:db8::7/128"}


def test_by_way_of_a_jump_host(cloud, keys_dir):
    """Where one is does not matter then: the jump host is let in."""
    launched(cloud, keys_dir, ssh_jump="bastion", ssh_from="10.0.0.5/32")
    assert _admit(cloud, replace(ADDRESS, jump="bastion")) is None
    assert _admitted(cloud) == {"10.0.0.5/32"}


def test_a_connection_that_breaks_while_hours_are_noted(cloud):
    """What it was made for finds that out by itself: nothing is noted, and nothing is raised."""

    class Broken:
        def run(self, *_, **__):
            raise ConnectionLost("the connection was lost")

    access.note_hours(cloud, None, Broken())


@pytest.mark.parametrize(
    ("here", "told", "replaced", "accepted"),
    [
        ((), (FIRST,), None, (FIRST,)),
        ((FIRST,), (SECOND, FIRST), None, (SECOND, FIRST)),
        ((FIRST,), (SECOND,), FIRST, (SECOND,)),
        ((SECOND, FIRST), (SECOND,), FIRST, (SECOND,)),
        ((OTHER,), (SECOND,), FIRST, (OTHER,)),
        ((FIRST,), (OTHER,), None, (FIRST,)),
        ((FIRST,), (), None, (FIRST,)),
    ],
)
def test_which_host_keys_are_accepted(cloud, keys_dir, tmp_path, here, told, replaced, accepted):
    """The tag is followed through a rotation of the key that is pinned; a pin of anything else stays."""
    launched(cloud, keys_dir)
    lab = instances.find(cloud, "lab")
    tags = {**lab.tags, hostkeys.TAG_ROTATED: hostkeys.fingerprint(replaced)} if replaced else lab.tags
    hosts.pin(tmp_path, lab.id, here)
    assert access.pinned_keys(tmp_path, replace(lab, host_keys=told, tags=tags)) == accepted
