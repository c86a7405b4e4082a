"""Acquisition functions: what a place is worth trying for, given the model's mean and doubt there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erfcx, ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def log_expected_improvement(mean: Array, sd: Array) -> Array:
    """The log of E[max(N(mean, sd), 0)], any shape; exact far into the tail.

    Source: Ament et al., "Unexpected Improvements to Expected Improvement" (2023), equation 9.
    """
    z = mean / sd
    near = np.log(np.maximum(_density(z) + z * ndtr(z), 1e-300))
    deep = np.minimum(z, -1.0)
    ratio = 1 + deep * math.sqrt(math.pi / 2) * erfcx(-deep / math.sqrt(2))
    tail = np.where(deep < -100, -2 * np.log(-deep), np.log(np.maximum(ratio, 1e-300)))  # noqa: PLR2004
    far = -0.5 * deep * deep - LOG_ROOT_2PI + tail
    value: Array = np.log(sd) + np.where(z > -1, near, far)
    return value


def _density(z: Array) -> Array:
    density: Array = np.exp(-0.5 * z * z - LOG_ROOT_2PI)
    return density
