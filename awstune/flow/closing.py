"""What is shut behind the first verified login: metadata without a token, and the first host key.

The first host key came with user-data, which whoever may describe the instance can read. The order of
the steps, and what each leaves if it is the last that happens, is told in `awstune.ec2.hostkeys`; at each
of them whoever has the instance's key gets in, from here or from another laptop, and goes on from there.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from awstune.ec2 import hostkeys, metadata
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, RemoteError
from awstune.flow import access
from awstune.flow.events import Doing, Story, Warned
from awstune.flow.pace import REAL, Pace
from awstune.remote import hosts, ssh

SHOWN_S = 15.0


def due(one: Instance) -> bool:
    """Whether anything is still to be shut."""
    return one.state == "running" and bool(one.host_keys) and (hostkeys.due(one) or metadata.due(one))


def close(
    home: Path,
    cloud: Cloud,
    one: Instance,
    connection: ssh.Connection,
    *,
    pace: Pace = REAL,
) -> Story[None]:
    """Shuts what is due; what cannot be shut now stays as it is, is told, and is tried at the next login.

    Args:
        home: awstune's home folder, where host keys are pinned.
        cloud: where the instance is.
        one: as AWS describes it now; its guard is armed.
        connection: a verified connection to it.
        pace: how it waits.
    """
    try:
        if metadata.due(one):
            yield Doing(f"{one.name}: its metadata service asks for a token from now on")
            metadata.require_tokens(cloud, one)
        if hostkeys.due(one):
            yield from _rotate(home, cloud, one, connection, pace)
    except AwstuneError as error:
        what = f"{one.name} is not shut as far as it should be: {error.message}"
        yield Warned(f"{what}; the next login tries again")


def _rotate(home: Path, cloud: Cloud, one: Instance, connection: ssh.Connection, pace: Pace) -> Story[None]:
    yield Doing(f"{one.name}: making a host key that was in no user-data")
    rotation = hostkeys.announce(cloud, one, connection.run(hostkeys.prepare(one)).text)
    yield Doing(f"{one.name}: its tag names both host keys", step=True)
    hosts.pin(home, one.id, rotation.accepted)
    yield Doing(f"{one.name}: both host keys are accepted here", step=True)
    connection.run(hostkeys.SWITCH)
    yield Doing(f"{one.name}: the new host key is in place", step=True)
    _await_shown(replace(connection.address, host_keys=rotation.accepted), rotation.new, pace)
    yield Doing(f"{one.name}: shows the new host key", step=True)
    hosts.pin(home, one.id, (rotation.new,))
    yield Doing(f"{one.name}: only the new host key is accepted here", step=True)
    hostkeys.settle(cloud, rotation)
    yield Doing(f"{one.name}: its tag names only the new host key", step=True)


def _await_shown(address: ssh.Address, key: str, pace: Pace) -> None:
    """Connects until that key is shown: sshd takes a moment to read it."""
    deadline = pace.now() + SHOWN_S
    while True:
        with access.connect(address, patience_s=SHOWN_S, pace=pace) as fresh:
            if fresh.host_key == key:
                return
        if pace.now() >= deadline:
            raise RemoteError("sshd still shows the first host key")
        pace.sleep(access.RETRY_S)  # nothing but a connection tells which key is shown
