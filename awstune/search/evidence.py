"""Which hyperparameters the points speak for: the likeliest ones, and others nearly as likely.

Priors keep few points from saying too much: lengths ~ LogNormal(sqrt 2 + ln(d) / 2, sqrt 3) as in Hvarfner
et al., "Vanilla Bayesian Optimization Performs Great in High Dimensions" (2024). Formulas of the marginal
likelihood and its gradient: Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006),
equations 5.8 and 5.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

from awstune.search.kernel import ROOT5, Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

NOISE_FLOOR = 1e-6
ITERATIONS = 25
LEAST_SUBSET = 30
SHORTENED = 6
STEP = 1e-3
LENGTH = (math.log(0.02), math.log(1e3))
SIGNAL = (-6.0, 6.0)
NOISE = (math.log(1e-6), 1.0)
SUM_PRIOR = (-0.7, 1.0)
JOINT_PRIOR = (-0.7, 1.0)
NOISE_PRIOR = (math.log(1e-3), 2.0)
IMPOSSIBLE = 1e10


@dataclass(frozen=True)
class Pairs:
    """The distances between points, each of the p = n (n - 1) / 2 pairs once.

    Attributes:
        at: (p,) the pairs' places in a flattened (n, n) matrix, all on one side of its diagonal.
        squared: (d, p) squared differences a column, 0 or 1 where categorical.
        root5: (d, p) the differences times the root of five.
    """

    at: NDArray[np.intp]
    squared: Array
    root5: Array

    @classmethod
    def of(cls, x: Array, categorical: Mask) -> Pairs:
        """Between points x, (n, d) in the unit cube; (d,) columns are compared by equality."""
        rows, columns = np.triu_indices(len(x), 1)
        apart = np.abs(x.T[:, rows] - x.T[:, columns])
        apart[categorical] = (apart[categorical] > 0).astype(float)
        return cls(rows * len(x) + columns, apart * apart, ROOT5 * apart)


def start(d: int) -> Array:
    """Where the search for hyperparameters starts, (2 d + 3,)."""
    lengths = [math.log(0.5 * math.sqrt(d))] * d + [math.log(0.5)] * d
    return np.array([*lengths, SUM_PRIOR[0], JOINT_PRIOR[0], NOISE_PRIOR[0]])


def log_prior(theta: Array) -> tuple[float, Array]:
    """The hyperparameters' log density, up to a constant, and its gradient."""
    d = (len(theta) - 3) // 2
    rest = np.array([SUM_PRIOR, JOINT_PRIOR, NOISE_PRIOR]).T
    center = np.array([math.sqrt(2) + 0.5 * math.log(d)] * d + [math.sqrt(2)] * d + [*rest[0]])
    sd = np.array([math.sqrt(3)] * (2 * d) + [*rest[1]])
    z = (theta - center) / sd
    return -0.5 * float(z @ z), -z / sd


@dataclass(frozen=True)
class Evidence:
    """The negative log posterior of the hyperparameters, given n points.

    Attributes:
        pairs: of the points.
        y: (n,), standardised.
        doubt: (n,) standard deviations of the points' own, beside the noise.
    """

    pairs: Pairs
    y: Array
    doubt: Array | float = 0.0

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Its value and gradient at ln hyperparameters, (2 d + 3,)."""
        kernel = Kernel.of(theta)
        d = len(kernel.joint)
        joint, joint_slope = self._joint(kernel)
        alone, alone_slopes = self._alone(kernel)
        factor, flaw = dpotrf(self._covariance(kernel, joint + alone), lower=1, overwrite_a=1)
        if flaw:
            return IMPOSSIBLE, np.zeros_like(theta)
        halved = float(np.log(np.diag(factor)).sum())
        weights, alpha, trace = self._weights(factor)
        gradient = np.empty_like(theta)
        joint_slope *= weights
        gradient[:d] = -(kernel.joint**-2) * (self.pairs.squared @ joint_slope)
        gradient[d : 2 * d] = -(alone_slopes @ weights)
        gradient[-3] = -float(weights @ alone) - 0.5 * kernel.sum_variance * trace
        gradient[-2] = -float(weights @ joint) - 0.5 * kernel.joint_variance * trace
        gradient[-1] = -0.5 * kernel.noise * trace
        prior, prior_gradient = log_prior(theta)
        return 0.5 * float(self.y @ alpha) + halved - prior, gradient - prior_gradient

    def _joint(self, kernel: Kernel) -> tuple[Array, Array]:
        """The joint part's covariances, (p,), and what their slopes have in common, (p,)."""
        s = (kernel.joint**-2) @ self.pairs.squared
        np.sqrt(s, out=s)
        s *= ROOT5
        decay = np.exp(-s)
        decay *= kernel.joint_variance
        covariance = s / 3
        covariance *= s
        s += 1
        covariance += s
        covariance *= decay
        s *= decay
        s *= 5 / 3
        return covariance, s

    def _alone(self, kernel: Kernel) -> tuple[Array, Array]:
        """The sum's covariances, (p,), and each part's slope by the log of its length, (d, p)."""
        share = kernel.sum_variance / len(kernel.alone)
        total = np.zeros(self.pairs.squared.shape[1])
        slopes = np.empty_like(self.pairs.squared)
        for i, length in enumerate(kernel.alone):
            t, third = self.pairs.root5[i] / length, slopes[i]
            fall = np.exp(-t)
            fall *= share
            np.multiply(t, t, out=third)
            third /= 3
            t += 1
            total += (t + third) * fall
            third *= t
            third *= fall
        return total, slopes

    def _covariance(self, kernel: Kernel, pairs: Array) -> Array:
        """The lower triangle of the points' covariances, (n, n), as the linear algebra wants it laid out."""
        n = len(self.y)
        covariance = np.zeros(n * n)
        covariance[self.pairs.at] = pairs
        covariance[:: n + 1] = kernel.variance + kernel.noise + NOISE_FLOOR + np.square(self.doubt)
        return covariance.reshape((n, n), order="F")

    def _weights(self, factor: Array) -> tuple[Array, Array, float]:
        """Of alpha alpha' - K^-1 the pairs, (p,); alpha = K^-1 y, (n,); its trace."""
        lower = np.asfortranarray(dpotri(factor, lower=1, overwrite_c=1)[0])
        diagonal = np.diag(lower).copy()
        inverse = lower.ravel(order="F")
        alpha = lower @ self.y + lower.T @ self.y - diagonal * self.y
        outer = np.outer(alpha, alpha).ravel()
        weights = outer[self.pairs.at] - inverse[self.pairs.at]
        return weights, alpha, float((alpha * alpha - diagonal).sum())


def limits(theta: Array) -> list[tuple[float, float]]:
    """The bounds of each ln hyperparameter."""
    return [LENGTH] * (len(theta) - 3) + [SIGNAL, SIGNAL, NOISE]


def fit(x: Array, y: Array, categorical: Mask, doubt: Array | None = None) -> Array:
    """The hyperparameters of the highest posterior density, (2 d + 3,).

    Found from the prior's mode by way of nested subsets of the points, a quarter and a half of them, so
    that the answer is a function of the points alone and most steps are taken where they are cheap.

    Args:
        x: (n, d) in the unit cube, in the order of completion.
        y: (n,) standardised.
        categorical: (d,) columns compared by equality.
        doubt: (n,) standard deviations of the points' own.
    """
    doubts = np.zeros(len(y)) if doubt is None else doubt
    theta = start(x.shape[1])
    sizes = [n for n in (len(y) // 4, len(y) // 2) if n >= LEAST_SUBSET] + [len(y)]
    for n in sizes:
        theta = _climb(Evidence(Pairs.of(x[:n], categorical), y[:n], doubts[:n]), theta)
    return theta


def _climb(evidence: Evidence, theta: Array) -> Array:
    options = {"maxiter": ITERATIONS}
    found = minimize(evidence, theta, jac=True, method="L-BFGS-B", bounds=limits(theta), options=options)
    best: Array = found.x
    return best


def nearby(evidence: Evidence, theta: Array, rng: np.random.Generator, count: int) -> list[Array]:
    """Draws of the hyperparameters from the normal approximation at their mode (Laplace's)."""
    value, slope = evidence(theta)
    shifted = theta + STEP * np.eye(len(theta))
    hessian = np.array([evidence(moved)[1] - slope for moved in shifted]) / STEP
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    sd = 1 / np.sqrt(np.maximum(values, 0.25))
    draws = rng.standard_normal((count, len(theta)))
    return [_credible(evidence, theta, vectors @ (sd * z), value + 1 + 0.5 * float(z @ z)) for z in draws]


def _credible(evidence: Evidence, theta: Array, step: Array, worst: float) -> Array:
    """The mode moved by a step, shortened until the posterior is no worse than the normal's would be.

    A length that may as well be longer is flat on one side and a cliff on the other: the normal
    approximation would walk off it.
    """
    low, high = np.array(limits(theta)).T
    for _ in range(SHORTENED):
        moved: Array = np.clip(theta + step, low, high)
        if evidence(moved)[0] <= worst:
            return moved
        step = step / 2
    return theta
