"""An account on the embedded cloud, for faults at AWS's side: real HTTP, and instances without processes."""

from __future__ import annotations

import itertools

import pytest

from awstune.ec2.session import Endpoint, open_cloud
from awstune.localcloud import client, lifecycle
from tests.faults.strikes import Impatient, Strike
from tests.world import World

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Where that cloud and the keys are kept."""
    return tmp_path_factory.mktemp("faults") / "home"


@pytest.fixture(scope="session")
def local(home):
    """A running embedded cloud whose instances are there at once."""
    made = lifecycle.start(home)
    client.call(made, "PUT", "/awstune/simulated", {})
    yield made
    lifecycle.stop(home)


@pytest.fixture(scope="session")
def shared_cloud(local):
    """The one Cloud: its clients are made once."""
    there = open_cloud(endpoint=Endpoint(local.endpoint_url, local.access_key, local.secret_key))
    return Impatient(there.session, "us-east-1", there.endpoint)


@pytest.fixture
def cloud(shared_cloud, local):
    """An account in which nothing is left by earlier tests, and in which this one leaves nothing."""
    assert resources(local) == []
    yield shared_cloud
    assert resources(local) == []


@pytest.fixture
def world(home, tmp_path):
    """The command line of whoever owns that cloud."""
    return World(home, tmp_path)


@pytest.fixture
def name():
    """A name of its own, as the cloud shows ended instances for a while."""
    return f"lab{next(_NUMBERS)}"


@pytest.fixture
def keys_dir(tmp_path):
    """Where private keys go."""
    return tmp_path / "keys"


@pytest.fixture
def strike(shared_cloud, local):
    """A `Strike` at the cloud, undone afterwards."""
    made = Strike(shared_cloud, local)
    yield made
    made.relent()


def resources(local):
    """All that is there, from moto's own state: what a leak would show in."""
    return client.call(local, "GET", "/awstune/resources")
