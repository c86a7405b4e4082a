"""Getting into an instance from wherever one is: the port follows the caller, what is due is shut."""

from __future__ import annotations

from collections.abc import Callable

from awstune.config import Config
from awstune.ec2 import network, reach
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, ConnectionLost, RemoteError
from awstune.flow import access, closing
from awstune.flow.events import Doing, Story, Warned
from awstune.flow.pace import REAL, Pace
from awstune.names import ARMED_FILE, ROOT_VARIABLE
from awstune.remote import ssh

Fetch = Callable[[str], str]
# Nobody has looked yet where launch was told not to wait.
_ARMED = f'test -e "${{{ROOT_VARIABLE}}}{ARMED_FILE}"'


def ready(config: Config, cloud: Cloud, one: Instance) -> Story[ssh.Address]:
    """Where a shell goes: reachable from here, and shut behind whoever logged in first.

    Raises:
        UnknownName: it is not running.
        KeyFileError: its private key is not here, or others can read it.
        HostKeyError: it shows a host key that is not the pinned one.
    """
    address = access.address_of(config, cloud, one)
    silent = not (address.jump or ssh.answers(address))
    moved = admit(cloud, one, address, answers=lambda _: not silent)
    if moved:
        yield _opened(one, moved)
    elif silent and (said := reach.shut_out(cloud, one.group_ids)):
        yield Warned(f"{said}; {reach.way_in(one.name)}")
    if closing.due(one):
        yield Doing(f"{one.name}: what its launch left open is shut")
        yield from _close(config, cloud, one)
        return access.address_of(config, cloud, one)
    return address


def enter(
    config: Config,
    cloud: Cloud,
    one: Instance,
    *,
    opened: ssh.Connection | None = None,
    patience_s: float = 0.0,
    pace: Pace = REAL,
) -> Story[ssh.Connection]:
    """Opens a verified connection; the port is moved to where one is now, where that has changed.

    Args:
        config: the options.
        cloud: where the instance is.
        one: as AWS describes it now.
        opened: a connection that may be open already.
        patience_s: how long nobody may answer.
        pace: how it waits.

    Raises:
        UnknownName: it is not running.
        KeyFileError: its private key is not here, or others can read it.
        RemoteError: it cannot be reached, or lets nobody in.
    """
    connection = opened
    if connection is None or not connection.alive:
        address = access.address_of(config, cloud, one)
        if moved := admit(cloud, one, address):
            yield _opened(one, moved)
        try:
            connection = access.enter(config, cloud, one, patience_s=patience_s, pace=pace)
        except ConnectionLost as error:
            raise explained(cloud, one, error) from error
    try:
        access.note_hours(cloud, one, connection)
        if closing.due(one):
            yield from closing.close(config.home, cloud, one, connection)
    except BaseException:  # an interrupt, too, leaves no connection open
        connection.close()
        raise
    return connection


def _opened(one: Instance, to: str) -> Warned:
    return Warned(f"your address has changed: port 22 of {one.name} is now open to {to} only")


def explained(cloud: Cloud, one: Instance, error: ConnectionLost) -> ConnectionLost:
    """The same error, saying that the range that was typed leaves this machine out, where it does."""
    said = reach.shut_out(cloud, one.group_ids)
    return ConnectionLost(f"{error.message}: {said}", reach.way_in(one.name)) if said else error


def admit(
    cloud: Cloud,
    one: Instance,
    address: ssh.Address,
    *,
    fetch: Fetch = network.fetch,
    own_ipv6: Callable[[], str] = network.own_ipv6,
    answers: Callable[[ssh.Address], bool] = ssh.answers,
) -> str | None:
    """Moves the one open port to the caller's address, where nothing comes back from it.

    A way through a jump host does not depend on where the caller is.

    Args:
        cloud: where the instance is.
        one: as AWS describes it now.
        address: where it is reached.
        fetch: how the caller's address is asked for.
        own_ipv6: how the caller's IPv6 address is found.
        answers: whether packets come back from there.

    Returns:
        The range that is admitted now; None where nothing has moved, or nobody can say where one is.
    """
    if address.jump or answers(address):
        return None

    def mine() -> str:
        return network.caller_cidr(cloud, None, ipv6=":" in address.host, fetch=fetch, own_ipv6=own_ipv6)

    try:
        return network.refresh_ssh(cloud, one.group_ids, mine)
    except AwstuneError:
        return None  # the connection that is tried next fails with its own words


def _close(config: Config, cloud: Cloud, one: Instance) -> Story[None]:
    try:
        with access.enter(config, cloud, one) as connection:
            if connection.run(_ARMED, check=False).status:
                yield Warned(f"{one.name} has no guard that would end it; awstune terminate {one.name} does")
            yield from closing.close(config.home, cloud, one, connection)
    except RemoteError as error:
        # Whoever opens a shell next sees the same, in ssh's own words.
        yield Warned(error.message)
