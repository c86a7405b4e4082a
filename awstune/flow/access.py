"""From an instance, as AWS describes it, to a verified connection."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path, PurePosixPath
from typing import Any

from awstune.config import Config, ensure_home
from awstune.ec2 import extend, guard, hostkeys, instances, keys
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import (
    CloudError,
    ConnectionLost,
    HostKeyError,
    KeyFileError,
    RemoteError,
    UnknownName,
    UsageError,
)
from awstune.flow.pace import REAL, Pace
from awstune.names import ROOT_VARIABLE
from awstune.remote import hosts, ssh
from awstune.remote.where import Where

RETRY_S = 0.25
_CHANGES = 3  # both keys are accepted, the new one is shown, it alone is accepted


def keys_dir(config: Config, cloud: Cloud) -> Path:
    """Where the private keys of an account lie: one folder each, so that two accounts never mix."""
    return ensure_home(config.home) / "keys" / cloud.account


def address_of(config: Config, cloud: Cloud, instance: Instance) -> ssh.Address:
    """Where an instance is reached, its host key pinned from its tag if it is not yet.

    Raises:
        UnknownName: it has no address: it is not running.
        KeyFileError: its private key is not here, or others can read it.
    """
    if instance.address is None or instance.state != "running":
        hint = (
            f"awstune start {instance.name}"
            if instance.state == "stopped"
            else f"awstune ls shows {instance.name}"
        )
        raise UnknownName(f"{instance.name} is {instance.state}, so nobody can get in", hint)
    return ssh.Address(
        host=instance.address,
        port=instance.ssh_port,
        user=instance.user,
        key_file=key_file_of(config, cloud, instance),
        alias=instance.id,
        host_keys=pinned_keys(config.home, instance),
        jump=instance.jump,
    )


def key_file_of(config: Config, cloud: Cloud, instance: Instance) -> Path:
    """An instance's private key.

    Raises:
        KeyFileError: it is not here, or others can read it.
    """
    key_file = instance.key_file(keys_dir(config, cloud))
    if key_file is None:
        path = keys.key_path(keys_dir(config, cloud), instance.key_name, instance.region)
        raise KeyFileError(
            f"the private key of {instance.name} is not on this machine",
            f"copy {path.name} from the machine that launched it to {path} (mode 600), or without it: "
            f"awstune terminate {instance.name}",
        )
    keys.check_mode(key_file)
    return key_file


def pinned_keys(home: Path, instance: Instance) -> tuple[str, ...]:
    """The host keys that are accepted: those pinned here, else those of the instance's tag.

    The tag is read over AWS's authenticated API, so any laptop may pin from it. What is pinned here follows
    a tag that still names it (a rotation is under way), or that says that it was replaced; else it stays,
    and a key that is not pinned is refused by `connect`. Of two the tag names the newest first: pinned alone
    it has been seen, and the one before is not taken back.
    """
    here, told = hosts.pinned(home, instance.id), instance.host_keys
    follows = not here or any(key in told or hostkeys.has_replaced(instance, key) for key in here)
    if told and here not in (told, told[:1]) and follows:
        hosts.pin(home, instance.id, told)
    return hosts.pinned(home, instance.id)


def note_hours(cloud: Cloud, one: Instance, connection: ssh.Connection) -> None:
    """Copies the hours on an instance's disk to its tag, so that `ls` can tell once it has ended itself.

    It is done at each contact, and never in the way of what the contact is for.
    """
    with contextlib.suppress(ValueError, CloudError, RemoteError):
        said = connection.run(f'cat "${{{ROOT_VARIABLE}:-}}{guard.RAN_FILE}"', check=False).stdout
        extend.write_ran(cloud, one, float(said), time.time())


def instance_of(cloud: Cloud, where: Where) -> Instance:
    """The very instance that has a sweep; one that took its name later is another.

    Raises:
        UnknownName: it is gone.
        UsageError: it is another account's.
    """
    found = described(cloud, where)
    if found is None or not found.live:
        sweep = PurePosixPath(where.path).name
        raise UnknownName(
            f"{where.name} ({where.instance}), which has the sweep, is gone; what had been fetched is here",
            f"awstune resume {sweep} --launch goes on on a new instance",
        )
    return found


def described(cloud: Cloud, where: Where) -> Instance | None:
    """The instance that has a sweep, in whatever state; None where AWS does not know it any more.

    Raises:
        UsageError: it is another account's: with these credentials it would seem to be gone.
    """
    refuse_another_account(cloud, where)
    return next(iter(instances.describe(cloud, filters=_by_id(where.instance))), None)


def refuse_another_account(cloud: Cloud, where: Where) -> None:
    """Whether an instance is there is known to its own account alone.

    Raises:
        UsageError: these are another one's credentials.
    """
    if where.account and where.account != cloud.account:
        raise UsageError(
            f"{where.name}, which has {PurePosixPath(where.path).name}, is in the account {where.account}, "
            f"and these credentials are of {cloud.account}: whether it still runs cannot be known",
            "--profile names the other account's",
        )


def _by_id(instance_id: str) -> list[dict[str, Any]]:
    # A filter rather than an id: AWS answers an id that it has forgotten with an error.
    return [{"Name": "instance-id", "Values": [instance_id]}]


def enter(
    config: Config,
    cloud: Cloud,
    one: Instance,
    *,
    patience_s: float = 0.0,
    pace: Pace = REAL,
) -> ssh.Connection:
    """Opens a verified connection to an instance; see `connect`.

    Another launch or login may change its host key at the same moment: where another one is accepted by
    now, that is tried.

    Raises:
        UnknownName: it has no address: it is not running.
        KeyFileError: its private key is not here, or others can read it.
        RemoteError: it cannot be reached, or lets nobody in.
    """
    tries = _CHANGES
    while True:
        address, tries = address_of(config, cloud, one), tries - 1
        try:
            return connect(address, patience_s=patience_s, pace=pace)
        except HostKeyError:
            one = next(iter(instances.describe(cloud, filters=_by_id(one.id))), one)
            if not tries or address_of(config, cloud, one).host_keys == address.host_keys:
                raise


def connect(
    address: ssh.Address,
    *,
    patience_s: float = 0.0,
    pace: Pace = REAL,
) -> ssh.Connection:
    """Opens a connection, trying again for a while where nobody answers yet.

    Args:
        address: whom to reach.
        patience_s: how long sshd may take to come up.
        pace: how it waits.

    Raises:
        HostKeyError: the host key is not the pinned one; tried once.
        RemoteError: the login is refused; tried once.
        ConnectionLost: nobody answers.
    """
    deadline = pace.now() + patience_s
    while True:
        try:
            return ssh.connect(address)
        except ConnectionLost:
            if pace.now() >= deadline:
                raise
        pace.sleep(RETRY_S)  # nothing tells from afar that sshd listens now
