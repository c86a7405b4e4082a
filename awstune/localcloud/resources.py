"""All that is there in the embedded cloud, from moto's own state: what a leak would show in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_GROUP = "default"


def resources(account: str) -> list[dict[str, str]]:
    """``{kind, id, region}`` of each instance that is not terminated, volume, network interface, address,
    key pair and security group of one's own making, in every region that has been asked for anything.
    """
    regions = dict(ec2_backends[account]).items() if account in ec2_backends else ()
    return [
        {"kind": kind, "id": name, "region": str(region)}
        for region, backend in regions
        for kind, name in _in_region(backend)
    ]


def _in_region(backend: Any) -> Iterator[tuple[str, str]]:
    living = (i.id for i in backend.all_instances() if i.state != "terminated")
    yield from (("instance", name) for name in living)
    yield from (("volume", name) for name in dict(backend.volumes))
    yield from (("network-interface", name) for name in dict(backend.enis))
    yield from (("address", name) for name in dict(backend.addresses))
    yield from (("key-pair", name) for name in dict(backend.key_pairs))
    groups = [group for vpc in dict(backend.groups).values() for group in dict(vpc).values()]
    yield from (("security-group", group.id) for group in groups if group.name != _DEFAULT_GROUP)
