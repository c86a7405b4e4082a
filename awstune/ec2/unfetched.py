"""Which sweeps an instance holds that are not home yet, as its tag says.

Whoever ends it must know, from any folder and any laptop, also while it is stopped and cannot be asked.
The tag is there from the launch on, empty; an instance without it is one of which nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune import names
from awstune.ec2 import instances
from awstune.ec2.network import tag_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

MORE = "..."
_MOST = 256


def sweeps(instance: Instance) -> tuple[str, ...] | None:
    """Their names; `MORE` at the end where there are more than a tag holds. None: nobody knows."""
    text = instance.tags.get(names.TAG_UNFETCHED)
    return None if text is None else tuple(word for word in text.split(",") if word)


def mark(sweep: str, created: float) -> str:
    """What the tag of a sweep's own instance says, and no other sweep's: its name, and when it was begun."""
    return f"{sweep} {created!r}"


def owner_of(instance: Instance) -> str:
    """The name of the sweep that an instance was launched for, and is to end with; empty for none."""
    return instance.tags.get(names.TAG_SWEEP, "").partition(" ")[0]


def add(cloud: Cloud, instance: Instance, sweep: str, *, begun: float | None = None) -> None:
    """Notes a sweep that is about to start there.

    Args:
        cloud: the instance's.
        instance: as AWS describes it.
        sweep: its name.
        begun: when it was begun, where the instance is to end with it.

    Raises:
        CloudError: AWS refused; then it must not start.
    """
    more = {} if begun is None else {names.TAG_SWEEP: mark(sweep, begun)}
    _change(cloud, instance, lambda known: (*(word for word in known if word != sweep), sweep), more)


def remove(cloud: Cloud, instance: Instance, sweep: str) -> None:
    """Notes that a sweep is home.

    Raises:
        CloudError: AWS refused; then it counts as not fetched.
    """
    _change(cloud, instance, lambda known: tuple(word for word in known if word != sweep))


def _change(
    cloud: Cloud,
    instance: Instance,
    edit: Callable[[tuple[str, ...]], tuple[str, ...]],
    more: Mapping[str, str] = {},
) -> None:
    # Read again: another terminal may have shipped a sweep since.
    now = instances.describe(cloud, [instance.id])
    known = (sweeps(now[0]) if now else None) or ()
    changed = {names.TAG_UNFETCHED: as_tag(edit(known)), **more}
    cloud.ec2.create_tags(Resources=[instance.id], Tags=tag_list(changed))


def as_tag(known: tuple[str, ...]) -> str:
    """The names as a tag's value: 256 characters at most."""
    kept = [word for word in known if word != MORE]
    cut = MORE in known
    while len(",".join([*kept, MORE])) > _MOST:
        kept, cut = kept[:-1], True
    return ",".join([*kept, MORE] if cut else kept)
