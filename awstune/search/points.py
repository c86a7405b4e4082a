"""The points of a grid over parameters by name, and an order of which any prefix is spread over all of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from awstune.search.conditions import trim
from awstune.search.parameters import Fixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awstune.search.conditions import Parameters, Params
    from awstune.search.parameters import Searched

GOLDEN = (math.sqrt(5) - 1) / 2
Axes = list[list[Any]]
"""The values of each searched parameter."""


def searched_of(parameters: Parameters) -> dict[str, Searched]:
    """Those that are not fixed."""
    return {name: p for name, p in parameters.items() if not isinstance(p, Fixed)}


def spread(total: int) -> Iterator[int]:
    """0 … total - 1, each once, by golden-ratio steps: any prefix is nearly evenly spread (Weyl 1916)."""
    stride = max(round(total * GOLDEN), 1)
    while math.gcd(stride, total) > 1:
        stride += 1
    return (rank * stride % total for rank in range(total))


def point(parameters: Parameters, grid: Axes, index: int) -> Params:
    """The grid's point of that index, the last parameter varying fastest."""
    values: list[Any] = []
    for axis in reversed(grid):
        index, place = divmod(index, len(axis))
        values.append(axis[place])
    chosen = dict(zip(searched_of(parameters), reversed(values), strict=True))
    return trim(parameters, {name: chosen.get(name, p.baseline) for name, p in parameters.items()})


def every_point(parameters: Parameters) -> Iterator[Params]:
    """Every trial, where there is an end to them, in the order of ``spread``."""
    whole = [p.level(p.count or 1) for p in searched_of(parameters).values()]
    return (point(parameters, whole, index) for index in spread(math.prod(map(len, whole))))
