"""The unit cube of a space in numpy: which places in it are trials, for many places at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from awstune.errors import SpaceError
from awstune.search.parameters import Choice, Fixed, key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.parameters import Parameter, Searched
    from awstune.search.space import Space

    Array = NDArray[np.float64]

DOUBT = 0.2
"""The share of a prior that is taken for wrong."""
MOST_CODES = 4096
"""Above so many values a column counts as continuous; decoding still snaps it."""


@dataclass(frozen=True)
class Column:
    """One searched parameter as the models see it.

    Attributes:
        codes: (K,) the places of its values, ascending; None where continuous.
        categorical: whether places are names only.
        even: whether a random place is any code alike, rather than the code nearest to a random place.
        possible: whether no fixed parameter rules it out.
        parents: (column, the parent's places under which this column is there).
        rest: its place where it is not there.
    """

    codes: Array | None
    categorical: bool
    even: bool
    possible: bool
    parents: tuple[tuple[int, Array], ...]
    rest: float

    def snap(self, places: Array) -> Array:
        """The nearest of its places, for each of many."""
        if self.codes is None:
            return np.clip(places, 0.0, 1.0)
        middles = (self.codes[1:] + self.codes[:-1]) / 2
        snapped: Array = self.codes[np.searchsorted(middles, places)]
        return snapped


class Cube:
    """The places of a space's trials.

    Args:
        space: with at least one searched parameter.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.names = list(space.searched)
        self.columns = [self._column(name, p) for name, p in space.searched.items()]
        self.categorical = np.array([c.categorical for c in self.columns])
        self.discrete = np.array([c.codes is not None for c in self.columns])
        self.informed = space.informed
        self.conditional = [i for i, c in enumerate(self.columns) if c.parents or not c.possible]

    @property
    def d(self) -> int:
        """How many columns there are."""
        return len(self.columns)

    def _column(self, name: str, parameter: Searched) -> Column:
        count = parameter.count
        codes = None
        if count is not None and count <= MOST_CODES:
            codes = np.unique([parameter.encode(value) for value in parameter.level(count)])
        conditions = self.space[name].conditions
        possible = all(_allows(self.space[parent], values) for parent, values in conditions)
        searched = (c for c in conditions if c[0] in self.space.searched)
        parents = tuple(self._parent(parent, values) for parent, values in searched)
        even = isinstance(parameter, Choice) or not parameter.log
        return Column(
            codes, parameter.categorical, even, possible, parents, parameter.encode(parameter.baseline)
        )

    def _parent(self, parent: str, values: tuple[object, ...]) -> tuple[int, Array]:
        parameter = self.space.searched[parent]
        places = [parameter.encode(v) for v in values if _takes(parameter, v)]
        return self.names.index(parent), np.array(places)

    def snap(self, places: Array) -> Array:
        """The nearest trials' places, (m, d) to (m, d); what a condition rules out is at its default."""
        snapped = np.column_stack([c.snap(places[:, i]) for i, c in enumerate(self.columns)])
        for _ in range(len(self.conditional)):
            for i in self.conditional:
                snapped[~self._there(snapped, i), i] = self.columns[i].rest
        return snapped

    def _there(self, places: Array, column: int) -> NDArray[np.bool_]:
        there = np.full(len(places), self.columns[column].possible)
        for parent, allowed in self.columns[column].parents:
            there &= np.isclose(places[:, parent, None], allowed).any(1) & self._there(places, parent)
        return there

    def uniform(self, rng: np.random.Generator, count: int) -> Array:
        """Random trials, (count, d), each value of a discrete column alike."""
        places = rng.random((count, self.d))
        for i, column in enumerate(self.columns):
            if column.codes is not None and column.even:
                places[:, i] = column.codes[(places[:, i] * len(column.codes)).astype(int)]
        return self.snap(places)

    def key(self, place: Array) -> str:
        """What tells trials apart; see ``Space.key``."""
        return self.space.key(self.space.decode(place))

    def prior(self, places: Array) -> Array:
        """The log density of the prior at places (m, d), relative to no prior: (m,).

        Each part is mixed with a fifth of doubt, so that a wrong prior rules nothing out.
        """
        total = np.zeros(len(places))
        for i, parameter in enumerate(self.space.searched.values()):
            if parameter.informed:
                total += _doubting(np.array([parameter.log_prior(place) for place in places[:, i]]))
        if self.space.copula is None:
            return total
        return total + _doubting(self.space.copula.log_density(self._ranks(places)))

    def _ranks(self, places: Array) -> Array:
        ranks = places.copy()
        for i, parameter in enumerate(self.space.searched.values()):
            if not isinstance(parameter, Choice) and (belief := parameter.belief) is not None:
                ranks[:, i] = [belief.rank(place) for place in places[:, i]]
        return ranks

    def allowed(self, places: Array) -> NDArray[np.bool_]:
        """Which places (m, d) meet the space's constraints: (m,)."""
        if not self.space.constraints:
            return np.ones(len(places), dtype=bool)
        return np.array([self.space.allows(self.space.decode(place)) for place in places])


def _doubting(log_density: Array) -> Array:
    mixed: Array = np.log((1 - DOUBT) * np.exp(log_density) + DOUBT)
    return mixed


def _allows(parent: Parameter, values: tuple[object, ...]) -> bool:
    return not isinstance(parent, Fixed) or key_of(parent.value) in {key_of(value) for value in values}


def _takes(parameter: Searched, value: object) -> bool:
    try:
        parameter.check(value)
    except SpaceError:
        return False
    return True
