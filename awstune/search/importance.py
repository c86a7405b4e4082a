"""How much of the value's variation each parameter, and each pair, accounts for.

Functional ANOVA (Hutter et al., "An Efficient Approach for Assessing Hyperparameter Importance", 2014) of
functions drawn from the model: the spread over the draws is the uncertainty. Values are taken as the model
is shown them, so that how bad the worst trials were does not drown what tells good from better.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from awstune.search.draws import FunctionDraw
from awstune.search.modelling import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.cube import Cube
    from awstune.search.modelling import Model

    Array = NDArray[np.float64]

DRAWS = 12
BACKGROUND, LEVELS = 64, 12
PAIR_BACKGROUND, PAIR_LEVELS = 24, 8
WHOLE = 1024


@dataclass(frozen=True)
class Importance:
    """A parameter's, or a pair's, share of the variation.

    Attributes:
        names: one, or two for what the pair adds to its two parameters.
        share: between 0 and 1, the mean over draws from the model.
        sd: its standard deviation over the draws.
    """

    names: tuple[str, ...]
    share: float
    sd: float


def importances(model: Model, *, seed: int = 0, draws: int = DRAWS, pairs: bool = True) -> list[Importance]:
    """Of each parameter and pair, the largest share first.

    Args:
        model: of the trials.
        seed: of the draws.
        draws: how many; more make a steadier answer, with pairs a third of a second each.
        pairs: whether these are wanted, too.
    """
    with one_thread().limit(limits=1):
        rng = np.random.default_rng([seed, len(model.x), 3])
        surrogate = model.surrogate()
        designs = _designs(model.cube, rng, pairs=pairs)
        whole = model.cube.uniform(rng, WHOLE)
        models = (surrogate.models[i % len(surrogate.models)] for i in range(draws))
        shares = [_shares(FunctionDraw.of(model.cube, m, rng), designs, whole) for m in models]
    found = [
        Importance(tuple(model.cube.names[i] for i in key), float(np.mean(values)), float(np.std(values)))
        for key in designs
        if (values := [share[key] for share in shares])
    ]
    return sorted(found, key=lambda importance: -importance.share)


@dataclass(frozen=True)
class _Design:
    """Places in which some columns take all their levels before one background: (levels * background, d)."""

    places: Array
    levels: int


def _designs(cube: Cube, rng: np.random.Generator, *, pairs: bool) -> dict[tuple[int, ...], _Design]:
    keys: list[tuple[int, ...]] = [(i,) for i in range(cube.d)]
    keys += itertools.combinations(range(cube.d), 2) if pairs else ()
    sizes = {1: (LEVELS, cube.uniform(rng, BACKGROUND)), 2: (PAIR_LEVELS, cube.uniform(rng, PAIR_BACKGROUND))}
    return {key: _design(cube, key, *sizes[len(key)]) for key in keys}


def _design(cube: Cube, key: tuple[int, ...], most: int, background: Array) -> _Design:
    levels = list(itertools.product(*(_levels(cube, column, most) for column in key)))
    places = np.repeat(background[None], len(levels), axis=0)
    for k, column in enumerate(key):
        places[:, :, column] = np.array([level[k] for level in levels])[:, None]
    return _Design(places.reshape(-1, cube.d), len(levels))


def _levels(cube: Cube, column: int, most: int) -> Array:
    codes = cube.columns[column].codes
    if codes is None:
        return (np.arange(most) + 0.5) / most
    if len(codes) <= most or cube.columns[column].categorical:
        return codes
    chosen: Array = codes[np.linspace(0, len(codes) - 1, most).round().astype(int)]
    return chosen


def _shares(
    draw: FunctionDraw, designs: dict[tuple[int, ...], _Design], whole: Array
) -> dict[tuple[int, ...], float]:
    total = float(draw(whole).var()) or 1.0
    closed = {
        k: float(draw(d.places).reshape(d.levels, -1).mean(1).var()) / total for k, d in designs.items()
    }
    added = {k: max(closed[k] - closed[k[:1]] - closed[k[1:]], 0.0) for k in closed if len(k) > 1}
    return {**{key: min(share, 1.0) for key, share in closed.items()}, **added}
