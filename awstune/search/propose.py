"""Places worth asking the model about: random ones, mutations of the best trials, and steps from those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.acquisition import Score
    from awstune.search.cube import Cube

    Array = NDArray[np.float64]

UNIFORM, MUTATED = 300, 300
ELITE, REFINED = 5, 3
STEPS = 12
SHRINKING = (0.1, 0.03, 0.01, 0.003, 0.001)
HALF, JUMP = 0.5, 0.3
"""Shares: of mutations that move one parameter, of discrete moves that jump."""


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


def candidates(cube: Cube, rng: np.random.Generator, elite: Array) -> Array:
    """Trials' places to ask the model about: random ones, and mutations of the elite; (m, d)."""
    return cube.snap(np.vstack([cube.uniform(rng, UNIFORM), mutations(cube, rng, elite, MUTATED)]))


def ranked(cube: Cube, rng: np.random.Generator, elite: Array, score: Score) -> Array:
    """Places (m, d) by what they are worth: the best candidates, climbed from, before all others.

    Args:
        cube: the space.
        rng: the candidates and the steps.
        elite: (k, d) the best trials' places.
        score: (m, d) to (m,), high is good.
    """
    places = candidates(cube, rng, elite)
    places = places[np.argsort(-score(places), kind="stable")]
    refined = refine(cube, rng, places[:REFINED], score)
    return np.vstack([refined[np.argsort(-score(refined), kind="stable")], places])


def refine(cube: Cube, rng: np.random.Generator, places: Array, score: Score) -> Array:
    """Climb from each of a few places: ever smaller random steps, all of them scored at once.

    Args:
        cube: the space.
        rng: the steps.
        places: (k, d).
        score: (m, d) to (m,), high is good.

    Returns:
        (k, d), none worse than it was.
    """
    best = places
    for sd in SHRINKING:
        steps = [np.vstack([p, _around(cube, rng, p, sd)]) for p in best]
        winners = score(np.vstack(steps)).reshape(len(best), -1).argmax(1)
        best = np.array([group[i] for group, i in zip(steps, winners, strict=True)])
    return best


def _around(cube: Cube, rng: np.random.Generator, place: Array, sd: float) -> Array:
    count = STEPS + cube.d
    moved = rng.random((count, cube.d)) < max(HALF, 2 / cube.d)
    steps = np.where(moved, sd * rng.standard_normal((count, cube.d)), 0.0)
    numeric = np.where(cube.categorical, place, reflect(place + steps))
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
