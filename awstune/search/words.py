"""Why a trial was suggested, in words: what the model expects there, and what it is a step away from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.modelling import Model
    from awstune.search.surrogate import Surrogate
    from awstune.search.trials import Mode

    Array = NDArray[np.float64]

NEAR = 0.15
"""Nearer than this, in lengthscales, is a small step from a trial."""
MOST_NAMED = 2
MUCH = 0.5
"""A standard deviation that is half of all values' is much."""


def why(model: Model, surrogate: Surrogate, place: Array, mode: Mode) -> str:
    """One line: predicted mean ± sd, the best so far, and why here.

    Args:
        model: of the trials.
        surrogate: fitted.
        place: (d,) what is suggested.
        mode: which values are better.
    """
    mean, sd = (float(v[0]) for v in surrogate.predict(place[None], return_std=True))
    sign = 1.0 if mode == "min" else -1.0
    middle = sign * model.outputs.loss(-mean)
    around = abs(model.outputs.loss(-mean + sd) - model.outputs.loss(-mean - sd)) / 2
    best = sign * float(np.nanmin(model.losses))
    words = f"{_hope(model, mean, sd)}, {_step(model, surrogate, place)}"
    return f"model: predicts {middle:.4g} ± {around:.2g}, best so far {best:.4g}; {words}"


def _hope(model: Model, mean: float, sd: float) -> str:
    best = float(-model.outputs.y.min())
    if mean > best:
        return "expected to beat the best"
    if mean + 2 * sd > best:
        return "may beat the best"
    return "little is known here" if sd > MUCH else "near the best"


def _step(model: Model, surrogate: Surrogate, place: Array) -> str:
    moved = np.abs(model.x - place)
    moved[:, model.cube.categorical] = moved[:, model.cube.categorical] > 0
    scaled = moved / surrogate.lengths
    nearest = int((scaled**2).sum(1).argmin())
    names = [
        model.cube.names[i] for i in np.argsort(-scaled[nearest], kind="stable") if moved[nearest, i] > 0
    ]
    if not names:
        return f"a repeat of trial {model.known[nearest].number}"
    distance = "a small step" if (scaled[nearest] ** 2).sum() < NEAR**2 else "a step"
    return f"{distance} from trial {model.known[nearest].number} in {' and '.join(names[:MOST_NAMED])}"
