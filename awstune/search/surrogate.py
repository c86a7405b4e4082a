"""The model of the trials: a few Gaussian processes, where bayes_opt has one of scikit-learn's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from awstune.search import gp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.cube import Cube

    Array = NDArray[np.float64]


class Surrogate:
    """A mean over a few sets of hyperparameters; targets are high where good, and standardised.

    Args:
        cube: the space.
        thetas: (2 d + 3,) each; see ``gp.fit``. The likeliest comes first.
        pending: (p, d) places of running trials.
    """

    def __init__(self, cube: Cube, thetas: list[Array], pending: Array) -> None:
        self.cube = cube
        self.thetas = thetas
        self.pending = pending
        self.models: list[gp.Posterior] = []

    def fit(self, x: Array, y: Array) -> Surrogate:
        """Condition on places x (n, d) and targets y (n,), pending trials at what is expected of them."""
        self.X_train_ = x  # what bayes_opt's own acquisition functions ask a process for
        models = [gp.Posterior.given(x, y, theta, self.cube.categorical) for theta in self.thetas]
        self.models = [m.believing(self.pending) for m in models] if len(self.pending) else models
        return self

    def predict(self, x: Array, *, return_std: bool = False, return_cov: bool = False) -> Any:
        """Mean (m,) at x (m, d), and on request the standard deviation (m,) or covariance (m, m)."""
        x = self.cube.snap(np.atleast_2d(x))
        if return_cov:
            means, covariances = zip(*(m.covariance(x) for m in self.models), strict=True)
            return np.mean(means, 0), np.mean(covariances, 0)
        mean, sd = self.mixture(x)
        average = mean.mean(0)
        spread = np.sqrt((sd**2 + (mean - average) ** 2).mean(0))
        return (average, spread) if return_std else average

    def mixture(self, x: Array) -> tuple[Array, Array]:
        """Means and standard deviations at x (m, d) of each set of hyperparameters: (k, m) both."""
        means, sds = zip(*(model.predict(x) for model in self.models), strict=True)
        return np.array(means), np.array(sds)

    @property
    def lengths(self) -> Array:
        """How far each parameter has to move to change anything, (d,), by the likeliest hyperparameters."""
        return self.models[0].kernel.joint
