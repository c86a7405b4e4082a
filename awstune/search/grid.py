"""Grid search, in an order of which any prefix is spread over the whole grid."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from awstune.errors import SpaceError
from awstune.search.compact import show
from awstune.search.parameters import Choice
from awstune.search.points import point, spread
from awstune.search.seen import Seen
from awstune.search.trials import Suggestion, TrialRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from awstune.search.points import Axes
    from awstune.search.space import Space

MOST_POINTS = 1_000_000


class GridSearcher:
    """Tries every point of a grid once; trial 0 is the baseline, on the grid or not.

    Args:
        budget: how many trials there will be; the resolution is spread over the parameters so that the
            grid has no more points. None runs every point, and each float then needs ``n`` or ``step``.
        said: how a budget is given to whoever made this searcher, for the hints of what is refused.
    """

    def __init__(self, *, budget: int | None = None, said: str = "budget=50") -> None:
        self.budget = budget
        self._said = said
        self._known = Seen()

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """The next ``count`` points; fewer where the grid is used up.

        Raises:
            SpaceError: a float without ``n`` or ``step``, and no budget.
        """
        taken = self._known.keys(space, trials)
        grid = axes(space, self.budget, said=self._said)
        left = (s for s in self._plan(space, grid) if not _seen(space, s, taken))
        return list(itertools.islice(left, max(count, 0)))

    def _plan(self, space: Space, grid: Axes) -> Iterator[Suggestion]:
        yield Suggestion.baseline(space)
        total = math.prod(map(len, grid))
        for rank, index in enumerate(spread(total)):
            params = point(space, grid, index)
            if space.allows(params):
                yield Suggestion(params, f"grid point {rank + 1} of {total}")


def _seen(space: Space, suggestion: Suggestion, taken: set[str]) -> bool:
    key = space.key(suggestion.params)
    if key in taken:
        return True
    taken.add(key)
    return False


def axes(space: Space, budget: int | None, *, said: str = "budget=50") -> Axes:
    """The values of each searched parameter on the grid.

    What names its resolution (``n``, ``step``) or has options keeps it. The rest share what the budget
    leaves, one more point at a time to the parameter with the fewest. Without a budget integers give
    all their values.

    Raises:
        SpaceError: a float without ``n`` or ``step``, and no budget.
    """
    _refuse_too_many(space, budget, said)
    fixed = {name: _own(space, name) for name in space.searched}
    open_ended = [name for name, values in fixed.items() if values is None]
    if budget is None:
        _refuse_floats(space, open_ended, said)
        return [
            values or p.level(p.count or 1)
            for values, p in zip(fixed.values(), space.searched.values(), strict=True)
        ]
    shared = _share(space, open_ended, budget, math.prod(len(v) for v in fixed.values() if v))
    return [values or shared[name] for name, values in fixed.items()]


def _own(space: Space, name: str) -> list[Any] | None:
    parameter = space.searched[name]
    if isinstance(parameter, Choice):
        return parameter.level(parameter.count)
    if parameter.n is not None:
        return parameter.level(parameter.n)
    return parameter.level(parameter.count or 1) if parameter.step is not None else None


def _refuse_too_many(space: Space, budget: int | None, said: str) -> None:
    # Axes are lists: what has no end in sight is refused before it fills the memory.
    counts = {name: _points(space, name, budget) for name in space.searched}
    if math.prod(counts.values()) > MOST_POINTS:
        name = max(counts, key=lambda n: counts[n])
        hint = f"write {name}=...:n=5, or give the number of trials: {said}"
        raise SpaceError(f"the grid has more than {MOST_POINTS} points, most by {name}", hint)


def _points(space: Space, name: str, budget: int | None) -> int:
    """How many points a parameter wants by itself; 1 for what shares a budget."""
    parameter = space.searched[name]
    if isinstance(parameter, Choice):
        return parameter.count
    if parameter.n is not None:
        return parameter.n
    return 1 if budget is not None and parameter.step is None else parameter.count or 1


def _refuse_floats(space: Space, names: list[str], said: str) -> None:
    for name in names:
        if space.searched[name].count is None:
            hint = f"write {name}={show(space[name])}:n=5, or give the number of trials: {said}"
            raise SpaceError(f"grid search cannot run every value of {name}", hint)


def _share(space: Space, names: list[str], budget: int, taken: int) -> dict[str, list[Any]]:
    points = dict.fromkeys(names, 1)
    growing = list(names)
    while growing:
        name = min(growing, key=lambda n: (points[n], names.index(n)))
        wanted = {**points, name: points[name] + 1}
        limit = space.searched[name].count or math.inf
        if wanted[name] > limit or math.prod(wanted.values()) * taken > budget:
            growing.remove(name)
        else:
            points = wanted
    return {name: space.searched[name].level(n) for name, n in points.items()}
