"""What is believed after the trials: where good values lie, the model's best guess, advice about ranges.

p(theta | M) over the space is prior(theta) times the probability that theta is among the best q % of what
the model expects under the prior, given the trials M, normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from awstune.search import propose
from awstune.search.compact import show
from awstune.search.modelling import one_thread
from awstune.search.parameters import Choice, Float, Int

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.modelling import Model
    from awstune.search.space import Params, Space
    from awstune.search.trials import Mode

    Array = NDArray[np.float64]

SAMPLES = 2048
BINS = 12
EDGE = 0.02
QUANTILE = 0.1
DIGITS = 12  # of a range's end: 1e-5 divided by 10 is not quite 1e-6
MOST, SAID = 0.8, 0.67
"""How much of the posterior is most of it; and in how much of the range that is, where it says something."""


@dataclass(frozen=True)
class Marginal:
    """The prior and the posterior of one or two parameters, as histograms over the same bins.

    Attributes:
        names: one or two.
        values: for each name the values at its bins' middles.
        prior: (b,) or (b, c) shares, summing to 1.
        posterior: the same after the trials.
    """

    names: tuple[str, ...]
    values: tuple[list[Any], ...]
    prior: Array
    posterior: Array


@dataclass(frozen=True)
class Likely:
    """Where most of the good values of a parameter are believed to lie.

    Attributes:
        name: the parameter's.
        values: the least and the greatest of them where they have an order, else the likeliest options.
        ordered: whether they have.
        share: of the posterior that they hold.
    """

    name: str
    values: tuple[Any, ...]
    ordered: bool
    share: float


@dataclass(frozen=True)
class Guess:
    """Where the model itself believes the best to be.

    Attributes:
        params: name to value.
        mean: the value it expects.
        sd: its standard deviation.
    """

    params: Params
    mean: float
    sd: float


@dataclass(frozen=True)
class Advice:
    """A range that seems too narrow.

    Attributes:
        name: the parameter's.
        text: what to do, in words, with the wider range to paste.
    """

    name: str
    text: str


class Belief:
    """Draws from the prior, and how likely each is to be a good one.

    Args:
        model: of the trials.
        seed: of the draws.
        best: which share of the space counts as good.
    """

    def __init__(self, model: Model, *, seed: int = 0, best: float = QUANTILE) -> None:
        self.space, self.cube = model.cube.space, model.cube
        rng = np.random.default_rng([seed, len(model.x), 4])
        self.places = np.array([self.space.encode(self.space.sample(rng)) for _ in range(SAMPLES)])
        with one_thread().limit(limits=1):
            mean, sd = model.surrogate().predict(self.places, return_std=True)
        goal = np.quantile(mean, 1 - best)
        good = ndtr((mean - goal) / sd)
        self.weights: Array = good / good.sum()

    def marginal(self, *names: str) -> Marginal:
        """The histograms of one or two parameters."""
        columns = [self.cube.names.index(name) for name in names]
        edges = [self._edges(column) for column in columns]
        data = [self.places[:, column] for column in columns]
        prior, _ = np.histogramdd(data, bins=edges)
        after, _ = np.histogramdd(data, bins=edges, weights=self.weights)
        middles = tuple(self._values(c, e) for c, e in zip(columns, edges, strict=True))
        return Marginal(names, middles, prior / prior.sum(), after / after.sum())

    def likely(self, name: str) -> Likely | None:
        """The fewest values that hold four fifths of the posterior; None where these are nearly all."""
        column = self.cube.names.index(name)
        mass = self.marginal(name).posterior
        if self.cube.categorical[column]:
            return self._likely_options(name, mass)
        first, last = _shortest(mass)
        if last - first + 1 > SAID * len(mass):
            return None
        ends = self._ends(column, first, last)
        values = tuple(self.space.searched[name].decode(end) for end in ends)
        return Likely(name, values, ordered=True, share=float(mass[first : last + 1].sum()))

    def _likely_options(self, name: str, mass: Array) -> Likely | None:
        order = np.argsort(-mass, kind="stable")
        held = np.cumsum(mass[order])
        count = int(np.searchsorted(held, MOST)) + 1
        if count > SAID * len(mass):
            return None
        options = self.marginal(name).values[0]
        chosen = tuple(options[i] for i in order[:count])
        return Likely(name, chosen, ordered=False, share=float(held[count - 1]))

    def _ends(self, column: int, first: int, last: int) -> tuple[float, float]:
        codes = self.cube.columns[column].codes
        if codes is None or len(codes) > BINS:
            edges = self._edges(column)
            return float(edges[first]), float(edges[last + 1])
        return float(codes[first]), float(codes[last])

    def _edges(self, column: int) -> Array:
        codes = self.cube.columns[column].codes
        if codes is None or len(codes) > BINS:
            return np.linspace(0, 1, BINS + 1)
        return np.concatenate([[-1e-9], (codes[1:] + codes[:-1]) / 2, [1 + 1e-9]])

    def _values(self, column: int, edges: Array) -> list[Any]:
        parameter = self.space.searched[self.cube.names[column]]
        codes = self.cube.columns[column].codes
        middles = (edges[1:] + edges[:-1]) / 2 if codes is None or len(codes) > BINS else codes
        return [parameter.decode(middle) for middle in middles]

    def sample(self, rng: np.random.Generator) -> Params:
        """A draw from p(theta | M)."""
        return self.space.decode(self.places[rng.choice(len(self.places), p=self.weights)])


def _shortest(mass: Array) -> tuple[int, int]:
    """The first and the last bin of the shortest run of them that holds most of the mass."""
    sums = np.concatenate([[0.0], np.cumsum(mass)])
    runs = ((i, j) for i in range(len(mass)) for j in range(i, len(mass)) if sums[j + 1] - sums[i] >= MOST)
    return min(runs, key=lambda run: (run[1] - run[0], -(sums[run[1] + 1] - sums[run[0]])))


def best_guess(model: Model, mode: Mode, *, seed: int = 0) -> Guess:
    """The place that is good for sure, a standard deviation taken off: better to trust than a lucky trial."""
    with one_thread().limit(limits=1):
        surrogate, cube = model.surrogate(), model.cube
        rng = np.random.default_rng([seed, len(model.x), 5])
        elite = model.x[np.argsort(model.outputs.y, kind="stable")[: propose.ELITE]]

        def score(places: Array) -> Array:
            mean, sd = surrogate.predict(places, return_std=True)
            return np.where(cube.allowed(places), mean - sd, -np.inf)

        place = propose.ranked(cube, rng, elite, score)[0]
        mean, sd = (float(v[0]) for v in surrogate.predict(place[None], return_std=True))
    sign = 1.0 if mode == "min" else -1.0
    return Guess(cube.space.decode(place), sign * model.outputs.loss(-mean), sd * model.outputs.unit)


def advice(space: Space, best: Params) -> list[Advice]:
    """Ranges at whose ends the best trial lies, and that could be wider.

    Below 0 there is nothing where a range starts there, and no integer below 1 where one starts at that.
    """
    found = []
    for name, parameter in space.searched.items():
        if name in best and not isinstance(parameter, Choice):
            place = parameter.encode(best[name])
            wider = _wider(parameter, upper=place > EDGE) if min(place, 1 - place) <= EDGE else parameter
            if wider != parameter:
                end, at = ("upper", parameter.high) if place > EDGE else ("lower", parameter.low)
                text = f"the best {name} is at the {end} end of its range, {at}: try {name}={show(wider)}"
                found.append(Advice(name, text))
    return found


def _wider(parameter: Float | Int, *, upper: bool) -> Float | Int:
    """A decade more where the range is in logs, else twice the range, or down to half of what is positive."""
    low, high = parameter.low, parameter.high
    if upper:
        high = high * 10 if parameter.log else 2 * high - low
    elif low >= 0:
        low = low / 10 if parameter.log else low / 2
    else:
        low = 2 * low - high
    if isinstance(parameter, Int):
        low, high = (max(int(low), 1) if parameter.low > 0 else int(low)), int(high)
    else:
        low, high = (float(f"{end:.{DIGITS}g}") for end in (low, high))
    return parameter.same(low=low, high=high)
