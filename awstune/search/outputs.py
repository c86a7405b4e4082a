"""What a model is shown of the trials' values: good ones as they are, bad ones by rank.

A heavy tail of bad losses says little about where the good ones are and would bend any smooth model, so
the worse half keeps its order only: it is laid out as a normal distribution's upper half with the spread
of the good half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


TIE = 1e-9
"""Standardised values that are this near to each other are the same."""


@dataclass(frozen=True)
class Outputs:
    """Losses (low is good) as the model sees them.

    Attributes:
        y: (n,) with mean 0 and variance 1, low is good; a failed trial counts as the worst.
        knots: (k, 2) pairs (y, loss), ascending, for the way back.
        unit: what 1 in y is in the loss, among good trials.
    """

    y: Array
    knots: Array
    unit: float

    def shown_as(self, loss: float) -> float:
        """What the model is shown of a loss that is not among them; beyond the ends as the end."""
        values, losses = self.knots.T
        return float(np.interp(loss, losses, values))

    def loss(self, y: float) -> float:
        """The loss that a model's value stands for; linear beyond the ends."""
        values, losses = self.knots.T
        if len(values) == 1:
            return float(losses[0])
        if y < values[0]:
            slope = (losses[1] - losses[0]) / (values[1] - values[0])
            return float(losses[0] + (y - values[0]) * slope)
        return float(np.interp(y, values, losses))


def shown(losses: Array) -> Outputs:
    """What the model is shown.

    Args:
        losses: (n,), at least one finite; NaN where a trial failed.
    """
    failed = ~np.isfinite(losses)
    filled = np.where(failed, np.inf, losses)
    # Each value once: where most trials share one, as on a plateau, that would else be all of the good half.
    distinct = np.unique(filled)
    median = distinct[(len(distinct) - 1) // 2]
    good = filled <= median
    warped = np.where(good, losses, 0.0)
    warped[~good] = median + _spread(distinct[distinct <= median], median) * _upper(filled, distinct)[~good]
    center, scale = warped.mean(), warped.std()
    y = (warped - center) / (scale or 1.0)
    pairs = np.unique(np.column_stack([y, losses])[~failed], axis=0)
    return Outputs(y, pairs[np.unique(pairs[:, 0], return_index=True)[1]], float(scale or 1.0))


def resolution(targets: Array) -> float:
    """The least gain worth hoping for, where several trials share the best value: a step of the metric.

    An accuracy on few points, or a tree's, takes few values: a place that is expected to tie with the best
    is worth nothing there, however sure one may be of it.

    Args:
        targets: (n,), high is good.

    Returns:
        The median gap between the distinct values of the better half (two at least), in full once four
        trials share the best; 0 where the best is alone.
    """
    shared = int(np.isclose(targets, targets.max(), rtol=0, atol=TIE).sum())
    values = np.unique(np.round(targets / TIE)) * TIE
    if shared == 1 or len(values) == 1:
        return 0.0
    better = max(int((values >= np.median(targets) - TIE).sum()), 2)
    return float(np.median(np.diff(values[-better:]))) * min(1.0, (shared - 1) / 3)


def _spread(good: Array, median: float) -> float:
    spread = float(np.sqrt(np.mean((good - median) ** 2)))
    return spread or 1.0


def _upper(filled: Array, distinct: Array) -> Array:
    """Normal quantiles of the ranks among the distinct values, (n,); none below the middle."""
    from scipy.special import ndtri

    ranks = np.searchsorted(distinct, filled)
    quantiles: Array = ndtri((ranks + 0.5) / len(distinct))
    return np.maximum(quantiles, 0.0)
