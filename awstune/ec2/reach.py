"""Whether this machine gets in: a range that was typed (``--ssh-from``) may leave it out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from awstune import errors
from awstune.ec2 import network

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud


def left_out(
    cloud: Cloud,
    ranges: Iterable[str],
    *,
    fetch: network.Fetch = network.fetch,
    own_ipv6: Callable[[], str] = network.own_ipv6,
) -> str:
    """The caller's own address, where none of the ranges that were typed has it.

    Ways of one's own, such as a VPN, lead to a private range: what AWS sees of the caller says nothing there.

    Args:
        cloud: the embedded one lets everybody in who is on this machine.
        ranges: that may reach port 22.
        fetch: how the caller's address is asked for.
        own_ipv6: how the caller's IPv6 address is found.

    Returns:
        A range of one address; empty where it is let in, or nobody can say.
    """
    admitted = [ipaddress.ip_network(one) for one in ranges]
    public = [one for one in admitted if one.is_global and one.prefixlen]
    if cloud.local or not admitted or len(public) < len(admitted):
        return ""
    ipv6 = all(one.version == 6 for one in public)  # noqa: PLR2004  # its own name
    try:
        mine = network.caller_cidr(cloud, None, ipv6=ipv6, fetch=fetch, own_ipv6=own_ipv6)
    except errors.UsageError:
        return ""
    address = ipaddress.ip_network(mine).network_address
    return "" if any(address in one for one in public) else mine


def shut_out(
    cloud: Cloud,
    group_ids: Iterable[str],
    *,
    fetch: network.Fetch = network.fetch,
    own_ipv6: Callable[[], str] = network.own_ipv6,
) -> str:
    """Why nobody answers this machine, in words, where a range that was typed is the reason; else empty."""
    try:
        found = network.groups(cloud, group_ids)
    except errors.CloudError:
        return ""
    typed = sorted({range_ for group in found for range_ in group.typed})
    mine = left_out(cloud, typed, fetch=fetch, own_ipv6=own_ipv6)
    said = f"port 22 admits {', '.join(typed)} (--ssh-from), and this machine comes from {mine}"
    return said if mine else ""


def way_in(name: str) -> str:
    """What lets this machine in."""
    return f"awstune launch {name} as typed, but without --ssh-from, opens port 22 to this machine instead"
