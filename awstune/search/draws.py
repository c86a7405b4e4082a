"""Functions drawn from a Gaussian process given its points, cheap to ask at any number of places.

A draw of the prior by random features (Rahimi & Recht 2007; the Matern-5/2's frequencies are t-distributed
with five degrees of freedom), moved onto the points by Matheron's rule (Wilson et al., "Efficiently Sampling
Functions from Gaussian Process Posteriors", 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve

from awstune.search.evidence import NOISE_FLOOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.cube import Cube
    from awstune.search.gp import Posterior

    Array = NDArray[np.float64]

JOINT_FEATURES, ALONE_FEATURES = 512, 48
DEGREES = 5


@dataclass(frozen=True)
class Features:
    """A random function of the embedded cube: sum of weighted cosines.

    Attributes:
        frequencies: (e, f), of the e embedded columns.
        phases: (f,).
        weights: (f,).
    """

    frequencies: Array
    phases: Array
    weights: Array

    def __call__(self, embedded: Array) -> Array:
        """Its values at embedded places (m, e): (m,)."""
        values: Array = np.cos(embedded @ self.frequencies + self.phases) @ self.weights
        return values


def embed(cube: Cube, places: Array) -> Array:
    """Names as corners at distance 1 from each other, numbers as they are: (m, d) to (m, e)."""
    parts = []
    for i, column in enumerate(cube.columns):
        if column.categorical and column.codes is not None:
            parts.append((places[:, i, None] == column.codes) / math.sqrt(2))
        else:
            parts.append(places[:, i, None])
    return np.hstack(parts)


def _owners(cube: Cube) -> NDArray[np.int64]:
    widths = [len(c.codes) if c.categorical and c.codes is not None else 1 for c in cube.columns]
    return np.repeat(np.arange(cube.d), widths)


def _prior_draw(cube: Cube, posterior: Posterior, rng: np.random.Generator) -> Features:
    kernel, owner = posterior.kernel, _owners(cube)
    blocks = [_frequencies(rng, JOINT_FEATURES, 1 / kernel.joint[owner])]
    variances = [kernel.joint_variance / JOINT_FEATURES] * JOINT_FEATURES
    for i, length in enumerate(kernel.alone):
        blocks.append(_frequencies(rng, ALONE_FEATURES, (owner == i) / length))
        variances += [kernel.sum_variance / cube.d / ALONE_FEATURES] * ALONE_FEATURES
    frequencies = np.hstack(blocks)
    count = frequencies.shape[1]
    phases: Array = 2 * math.pi * rng.random((count,))
    weights: Array = rng.standard_normal((count,)) * np.sqrt(2 * np.array(variances))
    return Features(frequencies, phases, weights)


def _frequencies(rng: np.random.Generator, count: int, scales: Array) -> Array:
    normal = rng.standard_normal((len(scales), count)) * scales[:, None]
    frequencies: Array = normal / np.sqrt(rng.chisquare(DEGREES, count) / DEGREES)
    return frequencies


@dataclass(frozen=True)
class FunctionDraw:
    """One function of the process given its points.

    Attributes:
        cube: its space.
        posterior: the process.
        prior: a draw before any point was known.
        shift: (n,) weights of the points' kernel functions, which move the draw onto the points.
    """

    cube: Cube
    posterior: Posterior
    prior: Features
    shift: Array

    @classmethod
    def of(cls, cube: Cube, posterior: Posterior, rng: np.random.Generator) -> FunctionDraw:
        """Draw one."""
        prior = _prior_draw(cube, posterior, rng)
        noise = math.sqrt(posterior.kernel.noise + NOISE_FLOOR) * rng.standard_normal(len(posterior.y))
        missing = posterior.y - prior(embed(cube, posterior.x)) - noise
        return cls(cube, posterior, prior, cho_solve((posterior.factor, True), missing))

    def __call__(self, places: Array) -> Array:
        """Its values at places (m, d): (m,)."""
        cross = self.posterior.kernel(self.posterior.x, places, self.posterior.categorical)
        values: Array = self.prior(embed(self.cube, places)) + self.shift @ cross
        return values
