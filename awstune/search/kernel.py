"""Covariances over the unit cube: Matern-5/2, one lengthscale a parameter, jointly and alone.

Written for big temporary arrays not to be made: at a hundred points and more most of the time went into
fetching fresh memory for them. What is worked on at a time fits a core's own cache, and is reused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

ROOT5 = math.sqrt(5.0)
BLOCK = 32768
"""So many covariances are worked out at a time: a quarter of a MiB."""


@dataclass(frozen=True)
class Kernel:
    """Hyperparameters by name; see ``Kernel.of``.

    Attributes:
        joint: (d,) lengthscales of the part in which all parameters act together.
        alone: (d,) lengthscales of the sum of parts with one parameter each.
        joint_variance: of the first part.
        sum_variance: of the sum; each parameter has a d-th of it.
        noise: variance of the values' noise.
    """

    joint: Array
    alone: Array
    joint_variance: float
    sum_variance: float
    noise: float

    @classmethod
    def of(cls, theta: Array) -> Kernel:
        """From ln (joint lengths, alone lengths, sum variance, joint variance, noise), (2 d + 3,)."""
        values = np.exp(theta)
        d = (len(theta) - 3) // 2
        return cls(values[:d], values[d : 2 * d], values[-2], values[-3], values[-1])

    @property
    def variance(self) -> float:
        """Of the function at any place."""
        return self.joint_variance + self.sum_variance

    def __call__(self, a: Array, b: Array, categorical: Mask) -> Array:
        """Covariances (n, m) of the function at places a (n, d) and b (m, d)."""
        found = np.empty((len(a), len(b)))
        rows = max(BLOCK // max(len(b), 1), 1)
        for first in range(0, len(a), rows):
            found[first : first + rows] = self._block(a[first : first + rows], b, categorical)
        return found

    def _block(self, a: Array, b: Array, categorical: Mask) -> Array:
        total = scaled_distance(a, b, self.joint / ROOT5, categorical)
        matern(total, self.joint_variance)
        share = self.sum_variance / len(self.alone)
        for i, length in enumerate(self.alone):
            total += matern(_distance(a[:, i], b[:, i], length / ROOT5, names=bool(categorical[i])), share)
        return total


def _distance(a: Array, b: Array, length: float, *, names: bool) -> Array:
    distance: Array
    if names:
        distance = (a[:, None] != b) / length
        return distance
    distance = (a / length)[:, None] - b / length
    return np.abs(distance, out=distance)


def scaled_distance(a: Array, b: Array, lengths: Array, categorical: Mask) -> Array:
    """Distances, (n, m), with each column divided by its length."""
    left, right = a[:, ~categorical] / lengths[~categorical], b[:, ~categorical] / lengths[~categorical]
    squared: Array = left @ (-2 * right.T)
    squared += (left**2).sum(1)[:, None]
    squared += (right**2).sum(1)
    for column in np.flatnonzero(categorical):
        squared += (a[:, column, None] != b[None, :, column]) / lengths[column] ** 2
    np.maximum(squared, 0.0, out=squared)
    np.sqrt(squared, out=squared)
    return squared


def matern(s: Array, variance: float) -> Array:
    """Covariances of the Matern-5/2 at s, root five times the distances, in whose place they are written.

    (1 + s + s^2 / 3) e^-s, the square completed.
    """
    decay = np.negative(s)
    np.exp(decay, out=decay)
    s += 1.5
    s *= s
    s *= variance / 3
    s += variance / 4
    s *= decay
    return s
