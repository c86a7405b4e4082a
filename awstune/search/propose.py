"""Places worth asking the model about: random ones, mutations of the best, draws from where good ones lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from awstune.search.cube import Cube

    Array = NDArray[np.float64]

UNIFORM, MUTATED, PARZEN = 300, 300, 64
ELITE = 5
STEPS = 12
BEYOND = 0
HALF, JUMP, STAY = 0.5, 0.3, 0.8
"""Shares: mutations of one parameter, discrete ones that jump, names that a Parzen draw keeps."""
BOX_FROM = 5
"""From so many parameters on, candidates come from a box round the best place (Eriksson et al. 2019)."""


@dataclass(frozen=True)
class Box:
    """The part of the cube that candidates are taken from.

    Attributes:
        low: (d,) lower corner.
        high: (d,) upper corner.
    """

    low: Array
    high: Array

    def clip(self, places: Array) -> Array:
        """The places, moved into the box."""
        return np.clip(places, self.low, self.high)

    def scale(self, places: Array) -> Array:
        """From the unit cube to the box."""
        return self.low + places * (self.high - self.low)


def whole(d: int) -> Box:
    """The whole unit cube."""
    return Box(np.zeros(d), np.ones(d))


def box_length(targets: Array, d: int, skip: int) -> float:
    """How long the box is after these results, from 0.8: doubled after 3 gains, halved after d losses.

    Args:
        targets: (n,), high is good, in the order of completion.
        d: number of parameters.
        skip: how many of the first results the model had no part in.
    """
    length, gains, losses = 0.8, 0, 0
    best = max(targets[:skip], default=-math.inf)
    for target in targets[skip:]:
        better = target > best
        best = max(best, target)
        gains, losses = (gains + 1, 0) if better else (0, losses + 1)
        if gains == 3:  # noqa: PLR2004  the docstring says so
            length, gains = min(2 * length, 1.6), 0
        elif losses == max(4, d):
            length, losses = length / 2, 0
        if length < 2**-6:
            length, gains, losses = 0.8, 0, 0
    return length


def box_around(center: Array, lengths: Array, length: float, least: Array) -> Box:
    """A box round the best place.

    Args:
        center: (d,) the best place.
        lengths: (d,) the model's lengthscales, which its sides are in proportion to.
        length: of its sides, in the geometric mean.
        least: (d,) how far it reaches at least: to the next value of a discrete column.
    """
    half = np.maximum(0.5 * length * lengths / np.exp(np.log(lengths).mean()), least)
    return Box(np.clip(center - half, 0, 1), np.clip(center + half, 0, 1))


@dataclass(frozen=True)
class Parzen:
    """Where good trials lie and where bad ones do: kernel densities over the cube (Bergstra et al. 2011).

    Attributes:
        cube: the space.
        good: (g, d) the best trials.
        bad: (b, d) the others.
    """

    cube: Cube
    good: Array
    bad: Array

    @classmethod
    def split(cls, cube: Cube, x: Array, targets: Array) -> Parzen:
        """The best 15 % (3 to 25 trials) against the rest; targets (n,), high is good."""
        order = np.argsort(-targets, kind="stable")
        count = min(max(math.ceil(0.15 * len(order)), 3), 25, len(order) - 1)
        return cls(cube, x[order[:count]], x[order[count:]])

    def _bandwidth(self, points: Array) -> Array:
        spread = points.std(0) * len(points) ** (-1 / (self.cube.d + 4))
        bandwidth: Array = np.clip(spread, 0.06, 0.5)
        return bandwidth

    def _log_density(self, points: Array, places: Array) -> Array:
        numeric = ~self.cube.categorical
        h = self._bandwidth(points)
        z = (places[:, None, numeric] - points[None, :, numeric]) / h[numeric]
        exponent = (-0.5 * z * z - np.log(h[numeric] * math.sqrt(2 * math.pi))).sum(2)
        for i in np.flatnonzero(self.cube.categorical):
            codes = self.cube.columns[i].codes
            count = 1 if codes is None else len(codes)
            same = places[:, None, i] == points[None, :, i]
            exponent += np.log(np.where(same, STAY, 0) * count + 1 - STAY)
        log_density: Array = np.logaddexp.reduce(exponent, axis=1)
        # One more kernel, the uniform one, so that no place is ruled out.
        return np.logaddexp(log_density, 0.0) - math.log(len(points) + 1)

    def log_ratio(self, places: Array) -> Array:
        """ln(good density / bad density) at places (m, d): (m,)."""
        return self._log_density(self.good, places) - self._log_density(self.bad, places)

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Places (count, d) like the good ones."""
        chosen = self.good[rng.integers(len(self.good), size=count)]
        moved = chosen + rng.standard_normal(chosen.shape) * self._bandwidth(self.good)
        other = self.cube.uniform(rng, count)
        keep = self.cube.categorical & (rng.random(chosen.shape) < STAY)
        return np.where(keep, chosen, np.where(self.cube.categorical, other, moved))


def mutations(cube: Cube, rng: np.random.Generator, elite: Array, count: int) -> Array:
    """Places (count, d) near the elite ones: one parameter moved half of the time, else a random share."""
    d = cube.d
    chosen = elite[rng.integers(len(elite), size=count)]
    one = rng.random(count) < HALF
    moved = rng.random((count, d)) < rng.random((count, 1))
    moved[one] = False
    moved[np.arange(count), rng.integers(d, size=count)] = True
    sd = 10 ** rng.uniform(-2.5, -0.4, (count, 1))
    shifted = reflect(chosen + sd * rng.standard_normal((count, d)))
    # A step shorter than a discrete column's spacing would be snapped back: those move by chance.
    elsewhere = cube.uniform(rng, count)
    jump = cube.categorical | (cube.discrete & (rng.random((count, d)) < JUMP))
    return np.where(moved, np.where(jump, elsewhere, shifted), chosen)


def reflect(places: Array) -> Array:
    """Places outside of the cube mirrored back into it."""
    folded: Array = np.abs(places)
    return np.clip(np.where(folded > 1, 2 - folded, folded), 0, 1)


def candidates(cube: Cube, rng: np.random.Generator, elite: Array, parzen: Parzen | None, box: Box) -> Array:
    """Trials' places to ask the model about, (m, d), in the box."""
    parts = [box.scale(cube.uniform(rng, UNIFORM)), box.clip(mutations(cube, rng, elite, MUTATED))]
    if parzen is not None:
        parts.append(box.clip(parzen.draw(rng, PARZEN)))
    parts[0][:BEYOND] = cube.uniform(rng, BEYOND)
    return cube.snap(np.vstack(parts))


def refine(
    cube: Cube, rng: np.random.Generator, places: Array, score: Callable[[Array], Array], box: Box
) -> Array:
    """Climb from each of a few places: ever smaller random steps, all of them scored at once.

    Args:
        cube: the space.
        rng: the steps.
        places: (k, d).
        score: (m, d) to (m,), high is good.
        box: where to stay.

    Returns:
        (k, d), none worse than it was.
    """
    best = places.copy()
    value = score(best)
    for sd in (0.1, 0.03, 0.01, 0.003, 0.001):
        steps = [np.vstack([p, _around(cube, rng, p, sd, box)]) for p in best]
        values = score(np.vstack(steps)).reshape(len(best), -1)
        winner = values.argmax(1)
        best = np.array([group[i] for group, i in zip(steps, winner, strict=True)])
        value = np.maximum(value, values.max(1))
    return best


def _around(cube: Cube, rng: np.random.Generator, place: Array, sd: float, box: Box) -> Array:
    count = STEPS + cube.d
    moved = rng.random((count, cube.d)) < max(0.5, 2 / cube.d)
    steps = np.where(moved, sd * rng.standard_normal((count, cube.d)), 0.0)
    numeric = np.where(cube.categorical, place, box.clip(reflect(place + steps)))
    return np.vstack([cube.snap(numeric), _neighbours(cube, place)])


def _neighbours(cube: Cube, place: Array) -> Array:
    """Of each discrete column the next codes, or a few of the names: 4 a discrete column, (m, d)."""
    discrete = [(i, c.codes, c.categorical) for i, c in enumerate(cube.columns) if c.codes is not None]
    around = np.repeat(place[None], 4 * len(discrete), axis=0)
    for row, (i, codes, names) in enumerate(discrete):
        at = int(np.searchsorted(codes, place[i]))
        for k, shift in enumerate((-1, 1, -2, 2)):
            index = (at + shift) % len(codes) if names else np.clip(at + shift, 0, len(codes) - 1)
            around[4 * row + k, i] = codes[index]
    return cube.snap(around)
