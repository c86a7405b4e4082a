"""Counting the trials of a space in which some parameters are there only under conditions."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from awstune.search.parameters import Fixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awstune.search.space import Space


def combinations(space: Space) -> Iterator[int]:
    """For each combination of the values that others depend on, how many trials there are under it."""
    parents = {parent for p in space.values() for parent, _ in p.conditions}
    leaves = [name for name in space.searched if name not in parents]
    seen: set[str] = set()
    ordered = [name for name in space if name in parents]
    for values in itertools.product(*(_values(space, name) for name in ordered)):
        params = space.trim(dict(zip(ordered, values, strict=True)))
        if (key := space.key(params)) not in seen:
            seen.add(key)
            yield math.prod(space.searched[n].count or 1 for n in leaves if space.active(n, params))


def _values(space: Space, name: str) -> list[object]:
    parameter = space[name]
    if isinstance(parameter, Fixed):
        return [parameter.value]
    return parameter.level(parameter.count or 1)
