"""What a command means that stops or ends: by NAME, all of one's own, or everyone's, here or everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from awstune.ec2 import end, instances, orphans, regions
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import CloudError

Left = list[dict[str, str]]


@dataclass(frozen=True)
class Doomed:
    """What `terminate` was asked to end.

    Attributes:
        instances: one's own, not yet terminated.
        leftovers: whose, and the NAMEs of which only a key pair, a security group or a schedule is left.
        kept: what no instance has and only its owner may delete, such as a disk: ``{kind, id}`` each.
        every: whether that is all there is, rather than what somebody named.
        everyone: with ``every``, whoever in the account made it.
        unseen: why what no instance uses is not known; empty where it is.
        spared: of the instances those that another awstune is at work on.
    """

    instances: tuple[Instance, ...]
    leftovers: tuple[end.Base, ...] = ()
    kept: tuple[dict[str, str], ...] = ()
    every: bool = False
    everyone: bool = False
    unseen: str = ""
    spared: tuple[Instance, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all of it."""
        left = (base for _, base in self.leftovers)
        return tuple(dict.fromkeys((*(one.name for one in self.instances), *left)))


def chosen(cloud: Cloud, names: Sequence[str]) -> list[Instance]:
    """One's live instances of these names; without a name the only one.

    Raises:
        UnknownName: there is none of a name, or without a name there are several.
    """
    own = instances.own(cloud)
    if not names:
        return [instances.pick(own, None, cloud.region)]
    return _bearing(own, names, cloud.region)


def meant(cloud: Cloud, names: Sequence[str], *, every: bool = False, everyone: bool = False) -> Doomed:
    """What is meant by these names; nothing is ended yet.

    Args:
        cloud: where.
        names: of one's own; none means the only one.
        every: all of them, whatever they are called, and what interrupted launches have left.
        everyone: with ``every``, whoever in the account launched them.

    Raises:
        UnknownName: there is nothing of a name, or without a name there are several.
    """
    if every:
        return _all(cloud, everyone=everyone)
    if not names:
        return Doomed(tuple(chosen(cloud, ())))
    own = instances.own(cloud)
    there = {one.name for one in own}
    left = [name for name in dict.fromkeys(names) if name not in there and end.left_of(cloud, name)]
    asked = [name for name in dict.fromkeys(names) if name not in left]
    return Doomed(tuple(_bearing(own, asked, cloud.region)), tuple((cloud.owner, name) for name in left))


def _all(cloud: Cloud, *, everyone: bool) -> Doomed:
    """All there is in a region; what goes with its last instance is no leftover.

    An error about what no instance uses keeps no instance: those cost most.
    """
    live = tuple(instances.own(cloud, everyone=everyone))
    all_of_it = Doomed(live, every=True, everyone=everyone)
    try:
        alone = orphans.find(cloud, everyone=everyone)
    except CloudError as error:
        if not live:
            raise
        return replace(all_of_it, unseen=error.message)
    with_them = {(one.owner, end.base_name(one)) for one in live}
    left = dict.fromkeys((one.owner, one.base) for one in alone if one.kind in orphans.REMOVED and one.base)
    leftovers = tuple(base for base in left if base not in with_them)
    kept = tuple({"kind": one.kind, "id": one.id} for one in alone if one.kind in orphans.KEPT)
    return replace(all_of_it, leftovers=leftovers, kept=kept)


def unused(cloud: Cloud, what: Doomed) -> Left:
    """What no instance uses, looked at once more when all are ended, where anything was there or unknown.

    Returns:
        ``{kind, id}`` each; what is removed with a NAME only where nobody could be asked for it before.

    Raises:
        CloudError: AWS refused.
    """
    if not (what.kept or what.unseen):
        return []
    kinds = (*orphans.KEPT, *orphans.REMOVED) if what.unseen else orphans.KEPT
    found = orphans.find(cloud, everyone=what.everyone)
    return [{"kind": one.kind, "id": one.id} for one in found if one.kind in kinds]


def _bearing(own: list[Instance], names: Sequence[str], region: str) -> list[Instance]:
    return [one for name in dict.fromkeys(names) for one in instances.of_name(own, name, region)]


def everywhere(cloud: Cloud, *, everyone: bool = False) -> tuple[list[tuple[Cloud, Doomed]], list[str]]:
    """All of one's own, or of everyone's, in every region of the account.

    Returns:
        What to end where, and the regions that did not answer: what is there is not known.

    Raises:
        CloudError: the regions themselves cannot be listed.
    """
    found, silent = regions.each(cloud, lambda there: _all(there, everyone=everyone))
    return [(there, what) for there, what in found if what.names or what.kept], sorted(silent)
