"""Attaching to a sweep whose instance ends by itself at that very moment."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import UTC, datetime

import pytest

from awstune import names
from awstune.config import Config
from awstune.ec2 import keys
from awstune.errors import ConnectionLost
from awstune.flow import access, follow
from awstune.flow.events import Doing, Warned
from awstune.flow.pace import Pace
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder
from tests.unit.ec2.conftest import answering, boto_session, cloud, shared_cloud

__all__ = ["answering", "boto_session", "cloud", "shared_cloud"]


@pytest.fixture
def config(tmp_path):
    """The options as they are where nobody types any."""
    return Config("aws", None, None, tmp_path / "home", tmp_path)


@pytest.fixture
def state(config, cloud, answering):
    """The state of the one instance, at whose address nobody listens; what is set is what AWS shows."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tags = {names.TAG_NAME: "lab", names.TAG_HOST_KEY: "ssh-ed25519 AAAA", names.TAG_SSH_PORT: str(port)}
    facts = {
        "InstanceId": "i-0",
        "InstanceType": "p2.xlarge",
        "LaunchTime": datetime.now(UTC),
        "PublicIpAddress": "127.0.0.1",
        "KeyName": "awstune-lab",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    shown = {"Name": "running"}
    told = {"Reservations": [{"Instances": [{**facts, "State": shown}]}]}
    answering("ec2", "DescribeInstances", lambda _: told)
    keys.generate(keys.key_path(access.keys_dir(config, cloud), "awstune-lab", cloud.region))
    return shown


def attached(config, cloud, tmp_path, paused, *, owned):
    """What `attach` says to a sweep on it, of which nothing is here, as far as its next start."""
    folder = Folder(tmp_path / "sweeps" / "train-1")
    folder.path.mkdir(parents=True)
    Where("aws", cloud.region, "i-0", "lab", "there", owned=owned).write(folder)
    clock = [0.0]

    def pause(seconds):
        clock[0] += 7
        paused(seconds)

    for event in follow.attach(config, folder, lambda _: cloud, Pace(lambda: clock[0], pause)):
        yield event
        if isinstance(event, Doing) and "starting it" in event.text:
            return


def test_it_shuts_down_while_aws_calls_it_running(config, cloud, state, tmp_path):
    """Its sweep has ended, and it with that: it is waited for, and started again to fetch from."""
    states = iter(["running", "stopping", "stopping", "stopped"])

    def paused(_):
        state["Name"] = next(states)

    told = list(attached(config, cloud, tmp_path, paused, owned=True))
    assert [event.text for event in told if isinstance(event, Warned)] != []
    assert told[-1].text == "lab had ended itself; starting it to fetch train-1"


@pytest.mark.parametrize("owned", [True, False])
def test_one_that_nobody_reaches(config, cloud, state, tmp_path, owned):
    """It goes on running, and nobody answers: that is said; at once where no sweep would have ended it."""
    slept = []
    with pytest.raises(ConnectionLost):
        list(attached(config, cloud, tmp_path, slept.append, owned=owned))
    assert bool(slept) == owned
