"""The model of the trials: a few Gaussian processes, where bayes_opt has one of scikit-learn's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from awstune.search import gp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from awstune.search.cube import Cube

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pending:
    """Running trials.

    Attributes:
        places: (p, d) in the unit cube.
        targets: (p,) what their curves foretell; NaN where they tell nothing yet.
        sds: (p,) how far from that they may be.
    """

    places: Array
    targets: Array
    sds: Array

    @classmethod
    def untold(cls, places: Array) -> Pending:
        """Trials of which nothing is known but where they are: (p, d)."""
        unknown = np.full(len(places), np.nan)
        return cls(places, unknown, unknown)

    def believed(self, model: gp.Posterior) -> gp.Posterior:
        """The process with these trials: as their curves foretell, the others as it expects itself."""
        told = np.isfinite(self.targets)
        if told.any():
            model = model.believing(self.places[told], self.targets[told], self.sds[told])
        return model if told.all() else model.believing(self.places[~told])


class Surrogate:
    """A mean over a few sets of hyperparameters; targets are high where good, and standardised.

    Args:
        cube: the space.
        thetas: (2 d + 3,) each; see ``evidence.fit``. The likeliest comes first.
        pending: running trials.
        doubt: (n,) standard deviations of the targets to come, beside the noise.
    """

    def __init__(self, cube: Cube, thetas: list[Array], pending: Pending, doubt: Array | float = 0.0) -> None:
        self.cube = cube
        self.thetas = thetas
        self.pending = pending
        self.doubt = doubt
        self.models: list[gp.Posterior] = []

    def fit(self, x: Array, y: Array) -> Surrogate:
        """Condition on places x (n, d) and targets y (n,), and on what is expected of pending trials."""
        self.X_train_ = x  # what bayes_opt's own acquisition functions ask a process for
        given = (gp.Posterior.given(x, y, t, self.cube.categorical, self.doubt) for t in self.thetas)
        self.models = [self.pending.believed(model) for model in given]
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
