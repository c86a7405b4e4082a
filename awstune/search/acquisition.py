"""Acquisition functions: what a place is worth trying for, given the model's mean and doubt there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.special import erfcx, ndtr
from scipy.stats import rankdata

from awstune.search.draws import FunctionDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.surrogate import Surrogate

    Array = NDArray[np.float64]

LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
KAPPA = 2.0
PRIOR_STRENGTH = 30.0
"""Trials that a user's prior is worth; its weight falls as 1/n (Hvarfner et al., "piBO", 2022).

With 30 a good prior saved 31 to 47 % of the trials and a wrong one cost none; with 10 the good one 37 %.
Before a prior that the trials contradict was dropped, a wrong one cost 20 to 100 %.
"""
LEAST_TOLD = 4


class Score(Protocol):
    """What a place is worth: high is good."""

    def __call__(self, places: Array) -> Array:
        """Places (m, d) to scores (m,)."""
        ...


def log_expected_improvement(mean: Array, sd: Array) -> Array:
    """The log of E[max(N(mean, sd), 0)], any shape; exact far into the tail.

    Source: Ament et al., "Unexpected Improvements to Expected Improvement" (2023), equation 9.
    """
    z = mean / sd
    near = np.log(np.maximum(_density(z) + z * ndtr(z), 1e-300))
    deep = np.minimum(z, -1.0)
    ratio = 1 + deep * math.sqrt(math.pi / 2) * erfcx(-deep / math.sqrt(2))
    tail = np.where(deep < -100, -2 * np.log(-deep), np.log(np.maximum(ratio, 1e-300)))  # noqa: PLR2004  # where the tail's expansion takes over; no logarithm of zero
    far = -0.5 * deep * deep - LOG_ROOT_2PI + tail
    value: Array = np.log(sd) + np.where(z > -1, near, far)
    return value


def _density(z: Array) -> Array:
    density: Array = np.exp(-0.5 * z * z - LOG_ROOT_2PI)
    return density


@dataclass(frozen=True)
class Improvement:
    """Log expected improvement on a value, averaged over hyperparameters.

    Attributes:
        surrogate: fitted.
        best: what is to be improved on: the best target seen, or what each model expects there, (k, 1).
    """

    surrogate: Surrogate
    best: Array | float

    def __call__(self, places: Array) -> Array:
        """Places (m, d) to scores (m,)."""
        mean, sd = self.surrogate.mixture(places)
        values = log_expected_improvement(mean - self.best, sd)
        averaged: Array = np.logaddexp.reduce(values, axis=0) - math.log(len(values))
        return averaged


@dataclass(frozen=True)
class Bound:
    """The upper confidence bound: mean and ``KAPPA`` standard deviations."""

    surrogate: Surrogate

    def __call__(self, places: Array) -> Array:
        """Places (m, d) to scores (m,)."""
        mean, sd = self.surrogate.predict(places, return_std=True)
        bound: Array = mean + KAPPA * sd
        return bound


def prior_weight(density: Array, targets: Array) -> float:
    """What a user's prior counts for in the acquisition: less with every trial, nothing once it misleads.

    Args:
        density: (n,) the prior's log density at the trials.
        targets: (n,), high is good.

    Returns:
        ``PRIOR_STRENGTH / n``, times the rank correlation of the two where that is known and below 1.
    """
    agreement = 1.0
    if len(targets) >= LEAST_TOLD and np.ptp(density) > 0 and np.ptp(targets) > 0:
        agreement = float(np.corrcoef(rankdata(density), rankdata(targets))[0, 1])
    return PRIOR_STRENGTH / len(targets) * max(agreement, 0.0)


def thompson(surrogate: Surrogate, rng: np.random.Generator) -> Score:
    """A function drawn from the model: its best place is a draw of where the optimum is believed to be."""
    model = surrogate.models[int(rng.integers(len(surrogate.models)))]
    return FunctionDraw.of(surrogate.cube, model, rng)
