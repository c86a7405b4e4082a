"""A Gaussian process over the unit cube with fixed hyperparameters, given its points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from awstune.search.evidence import NOISE_FLOOR
from awstune.search.kernel import Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Posterior:
    """A Gaussian process with fixed hyperparameters, given its points.

    Attributes:
        x: (n, d) in the unit cube.
        y: (n,) standardised.
        kernel: its hyperparameters.
        categorical: (d,) columns compared by equality.
        factor: (n, n) the lower Cholesky factor of the covariance of y.
        whitened: (n,) factor^-1 y.
    """

    x: Array
    y: Array
    kernel: Kernel
    categorical: Mask
    factor: Array
    whitened: Array

    @classmethod
    def given(
        cls, x: Array, y: Array, theta: Array, categorical: Mask, doubt: Array | float = 0.0
    ) -> Posterior:
        """The process given points x, (n, d), and values y, (n,), each with a doubt (n,) of its own."""
        kernel = Kernel.of(theta)
        covariance = kernel(x, x, categorical)
        own = kernel.noise + NOISE_FLOOR + np.square(doubt)
        covariance[np.diag_indices_from(covariance)] = kernel.variance + own
        factor = _stable_cholesky(covariance)
        return cls(x, y, kernel, categorical, factor, solve_triangular(factor, y, lower=True))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the function, without noise, at x (m, d): both (m,)."""
        half = self._half(x)
        variance = self.kernel.variance - np.einsum("nm,nm->m", half, half)
        return half.T @ self.whitened, np.sqrt(np.maximum(variance, 1e-12))

    def covariance(self, x: Array) -> tuple[Array, Array]:
        """Mean (m,) and covariance (m, m) of the function, without noise, at x (m, d)."""
        half = self._half(x)
        return half.T @ self.whitened, self.kernel(x, x, self.categorical) - half.T @ half

    def _half(self, x: Array) -> Array:
        cross = self.kernel(x, self.x, self.categorical).T  # the linear algebra wants columns together
        half: Array = solve_triangular(self.factor, cross, lower=True, check_finite=False, overwrite_b=True)
        return half

    def believing(self, x: Array, y: Array | None = None, sd: Array | None = None) -> Posterior:
        """The process as if x (m, d) had turned out as it predicts: the mean stays, doubt shrinks there.

        Args:
            x: (m, d) in the unit cube.
            y: (m,) what they turn out as, where something else foretells it.
            sd: (m,) how far from that they may be.
        """
        mean, covariance = self.covariance(x)
        below = self._half(x).T
        doubt = np.zeros(len(x)) if sd is None else sd**2
        corner = _stable_cholesky(covariance + np.diag(self.kernel.noise + NOISE_FLOOR + doubt))
        news = np.zeros(len(x)) if y is None else solve_triangular(corner, y - mean, lower=True)
        whole = np.block([[self.factor, np.zeros((len(self.y), len(x)))], [below, corner]])
        factor = np.asfortranarray(whole)
        both, values = np.vstack([self.x, x]), np.concatenate([self.y, mean if y is None else y])
        whitened = np.concatenate([self.whitened, news])
        return replace(self, x=both, y=values, factor=factor, whitened=whitened)


def _stable_cholesky(covariance: Array) -> Array:
    jitter, wanting = 0.0, covariance
    while True:
        try:
            factor: Array = cholesky(wanting, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            jitter = max(10 * jitter, 1e-8)
            wanting = covariance + jitter * np.eye(len(covariance))
        else:
            return factor
