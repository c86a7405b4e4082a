"""From an instance, as AWS describes it, to a verified connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from awstune.config import Config, ensure_home
from awstune.ec2 import keys
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import KeyFileError, RemoteError, UnknownName
from awstune.names import SSH_USER
from awstune.remote import hosts, ssh

RETRY_S = 0.25


def keys_dir(config: Config, cloud: Cloud) -> Path:
    """Where the private keys of an account lie: one folder each, so that two accounts never mix."""
    return ensure_home(config.home) / "keys" / cloud.account


def address_of(config: Config, cloud: Cloud, instance: Instance) -> ssh.Address:
    """Where an instance is reached, its host key pinned from its tag if it is not yet.

    Raises:
        UnknownName: it has no address: it is not running.
        KeyFileError: its private key is not here, or others can read it.
    """
    if instance.address is None:
        what = f"{instance.name} is {instance.state} and has no address"
        raise UnknownName(what, f"awstune start {instance.name}")
    key_file = instance.key_file(keys_dir(config, cloud))
    if key_file is None:
        path = keys.key_path(keys_dir(config, cloud), instance.key_name, instance.region)
        raise KeyFileError(
            f"the private key of {instance.name} is not on this machine",
            f"copy it to {path} from where it was launched (mode 600)",
        )
    keys.check_mode(key_file)
    return ssh.Address(
        host=instance.address,
        port=instance.ssh_port,
        user=SSH_USER,
        key_file=key_file,
        alias=instance.id,
        host_keys=pinned_keys(config.home, instance),
    )


def pinned_keys(home: Path, instance: Instance) -> tuple[str, ...]:
    """The host keys that are accepted: those pinned here, else those of the instance's tag.

    The tag is read over AWS's authenticated API, so any laptop may pin from it. What is pinned here
    already is never replaced in silence.
    """
    if not hosts.pinned(home, instance.id) and instance.host_keys:
        hosts.pin(home, instance.id, instance.host_keys)
    return hosts.pinned(home, instance.id)


def connect(
    address: ssh.Address,
    *,
    patience_s: float = 0.0,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ssh.Connection:
    """Opens a connection, trying again for a while where nobody answers yet.

    Args:
        address: whom to reach.
        patience_s: how long sshd may take to come up.
        now: a clock in seconds.
        sleep: waits that long.

    Raises:
        HostKeyError: the host key is not the pinned one; tried once.
        RemoteError: nobody answers, or the login is refused.
    """
    deadline = now() + patience_s
    while True:
        try:
            return ssh.connect(address)
        except RemoteError as error:
            if type(error) is not RemoteError or now() >= deadline:
                raise
        sleep(RETRY_S)
