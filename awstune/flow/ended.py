"""What a terminate has come to: what is gone, what is still there, and the commands that end that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from awstune.ec2 import end, orphans
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import LeftBehind


@dataclass(frozen=True)
class Ended:
    """What has become of what was to be ended.

    Attributes:
        gone: the instances that AWS shows as terminated.
        removed: the NAMEs of which only leftovers were there, and are no more.
        left: what is still there, or not known: ``{kind, id}`` each.
        ways: the commands that end what is left.
        spared: NAMEs that another awstune is at work on.
        shared: NAMEs of live instances that still use the key pair and the group of what is gone.
    """

    gone: tuple[Instance, ...] = ()
    removed: tuple[str, ...] = ()
    left: tuple[dict[str, str], ...] = ()
    ways: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def __add__(self, other: Ended) -> Ended:
        """Both, such as of two regions."""
        return Ended(
            self.gone + other.gone,
            self.removed + other.removed,
            self.left + other.left,
            tuple(dict.fromkeys(self.ways + other.ways)),
            self.spared + other.spared,
            self.shared + other.shared,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that is gone."""
        return (*(one.name for one in self.gone), *self.removed)

    @property
    def failure(self) -> LeftBehind | None:
        """What to say and do where something is left; None where nothing is."""
        if not self.left:
            return None
        busy = f"; another awstune is at work on {', '.join(self.spared)}" if self.spared else ""
        return LeftBehind(f"{end.still_there(self.left)}{busy}", "; ".join(self.ways))


def silent(regions: Iterable[str], again: str) -> Ended:
    """Of regions that do not answer: unknown is not none."""
    left = tuple({"kind": "region", "id": region} for region in regions)
    return Ended(left=left, ways=(f"{again} in a minute",) if left else ())


def ways_on(cloud: Cloud, left: Iterable[dict[str, str]], again: str) -> tuple[str, ...]:
    """The commands that end what is left in a region.

    Args:
        cloud: which region.
        left: ``{kind, id}`` each.
        again: the command that ended the rest; what it does not end it would not end the next time either.
    """
    kinds = {one["kind"] for one in left}
    repeated = (f"{again} in a minute",) if kinds - {*orphans.KEPT} else ()
    if "instance" in kinds:
        return repeated  # what it still has goes with it
    kept = [one for one in left if one["kind"] in orphans.KEPT]
    return (*repeated, *(orphans.deletion(cloud, one["kind"], one["id"]) for one in kept))
