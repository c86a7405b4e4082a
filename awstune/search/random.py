"""Random search: each trial a draw from the prior, uniform where none is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune.search.seen import Seen
from awstune.search.trials import Suggestion, TrialRecord, next_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.space import Params, Space

ATTEMPTS = 1000
"""Draws before a discrete space is searched for what is left of it."""


class RandomSearcher:
    """Draws trial n with the generator seeded by [seed, n]; trial 0 is the baseline.

    Nothing is drawn twice in a discrete space, and nothing at all once it is used up.

    Args:
        seed: of the search.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self._seen = Seen()

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """``count`` draws; fewer where a discrete space is used up."""
        taken = self._seen.keys(space, trials)
        first = next_number(trials)
        suggestions: list[Suggestion] = []
        for number in range(first, first + count):
            suggestion = self._one(space, number, taken)
            if suggestion is None:
                break
            taken.add(space.key(suggestion.params))
            suggestions.append(suggestion)
        return suggestions

    def _one(self, space: Space, number: int, taken: set[str]) -> Suggestion | None:
        if number == 0:
            return Suggestion(space.defaults(), "baseline")
        params = fresh(space, [self.seed, number], taken)
        return None if params is None else Suggestion(params, self._why(space))

    def _why(self, space: Space) -> str:
        return "random draw from the prior" if space.informed else "random draw"


def fresh(space: Space, seed: Sequence[int], taken: set[str]) -> Params | None:
    """A draw from the prior that is not among the taken keys; None where none is left."""
    import numpy as np

    rng = np.random.default_rng(seed)
    if space.size is not None and len(taken) >= space.size:
        return None
    for _ in range(ATTEMPTS):
        params = space.draw(rng.random(space.dimensions))
        if space.allows(params) and space.key(params) not in taken:
            return params
    return space.sample(rng) if space.size is None else _left_over(space, taken)


def _left_over(space: Space, taken: set[str]) -> Params | None:
    """One of what is left in a space that is nearly used up, or that a prior never draws from."""
    from awstune.search.grid import every_point

    return next(
        (params for params in every_point(space) if space.allows(params) and space.key(params) not in taken),
        None,
    )
