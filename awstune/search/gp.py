"""A Gaussian process over the unit cube: Matern-5/2, one lengthscale a parameter, hyperparameters by MAP.

Priors on the hyperparameters keep few points from saying too much: lengths ~ LogNormal(sqrt 2 + ln(d) / 2,
sqrt 3) as in Hvarfner et al., "Vanilla Bayesian Optimization Performs Great in High Dimensions" (2024).
Formulas of the marginal likelihood and its gradient: Rasmussen & Williams, "Gaussian Processes for
Machine Learning" (2006), equations 5.8 and 5.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

ROOT5 = math.sqrt(5.0)
NOISE_FLOOR = 1e-6
ITERATIONS = 25
LEAST_SUBSET = 30
SHORTENED = 6
LENGTH = (math.log(0.02), math.log(1e3))
SIGNAL = (-6.0, 6.0)
NOISE = (math.log(1e-6), 1.0)
SUM_PRIOR = (-0.7, 1.0)
JOINT_PRIOR = (-0.7, 1.0)
NOISE_PRIOR = (math.log(1e-3), 2.0)


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
        total: Array = self.joint_variance * matern(scaled_distance(a, b, self.joint, categorical))
        share = self.sum_variance / len(self.alone)
        for i, length in enumerate(self.alone):
            distance = a[:, i, None] - b[None, :, i]
            np.abs(distance, out=distance)
            if categorical[i]:
                distance = (distance > 0).astype(float)
            distance /= length
            total += share * matern(distance)
        return total


def squared_distances(a: Array, b: Array, categorical: Mask) -> Array:
    """Per column, (n, d) and (m, d) to (d, n, m): squared differences, 0 or 1 where categorical."""
    difference = a.T[:, :, None] - b.T[:, None, :]
    squared: Array = difference * difference
    squared[categorical] = (squared[categorical] > 0).astype(float)
    return squared


def scaled_distance(a: Array, b: Array, lengths: Array, categorical: Mask) -> Array:
    """Distances r, (n, m), with each column divided by its lengthscale."""
    left, right = a[:, ~categorical] / lengths[~categorical], b[:, ~categorical] / lengths[~categorical]
    squared = (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * left @ right.T
    for column in np.flatnonzero(categorical):
        squared += (a[:, column, None] != b[None, :, column]) / lengths[column] ** 2
    distance: Array = np.sqrt(np.maximum(squared, 0.0))
    return distance


def matern(r: Array) -> Array:
    """The Matern-5/2 correlation at distances r."""
    s = ROOT5 * r
    correlation: Array = np.exp(-s)
    # In place: at a thousand points most of the time goes into moving memory.
    r = s / 3
    r += 1
    r *= s
    r += 1
    correlation *= r
    return correlation


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
        squared: (d, n, n), from ``squared_distances``.
        y: (n,), standardised.
        doubt: (n,) standard deviations of the points' own, beside the noise.
    """

    squared: Array
    y: Array
    doubt: Array | float = 0.0

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Its value and gradient at ln hyperparameters, (2 d + 3,)."""
        n, kernel = len(self.y), Kernel.of(theta)
        d = len(kernel.joint)
        s = ROOT5 * np.sqrt(np.tensordot(kernel.joint**-2, self.squared, 1))
        decay = np.exp(-s)
        joint = kernel.joint_variance * (1 + s + s * s / 3) * decay
        t = ROOT5 * np.sqrt(self.squared) / kernel.alone[:, None, None]
        fall = kernel.sum_variance / d * np.exp(-t)
        alone = ((1 + t + t * t / 3) * fall).sum(0)
        try:
            own = (kernel.noise + NOISE_FLOOR + np.square(self.doubt)) * np.eye(n)
            factor = cholesky(joint + alone + own, lower=True)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        inverse = cho_solve((factor, True), np.eye(n))
        alpha = inverse @ self.y
        weights = np.outer(alpha, alpha) - inverse
        slope = weights * (kernel.joint_variance * 5 / 3) * (1 + s) * decay
        gradient = np.empty_like(theta)
        gradient[:d] = -0.5 * kernel.joint**-2 * np.tensordot(self.squared, slope, 2)
        gradient[d : 2 * d] = -0.5 * (weights * (t * t * (1 + t) / 3 * fall)).sum((1, 2))
        gradient[-3] = -0.5 * float((weights * alone).sum())
        gradient[-2] = -0.5 * float((weights * joint).sum())
        gradient[-1] = -0.5 * kernel.noise * float(np.trace(weights))
        value = 0.5 * float(self.y @ alpha) + float(np.log(np.diag(factor)).sum())
        prior, prior_gradient = log_prior(theta)
        return value - prior, gradient - prior_gradient


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
        squared = squared_distances(x[:n], x[:n], categorical)
        theta = _climb(Evidence(squared, y[:n], doubts[:n]), theta)
    return theta


def _climb(evidence: Evidence, theta: Array) -> Array:
    options = {"maxiter": ITERATIONS}
    found = minimize(evidence, theta, jac=True, method="L-BFGS-B", bounds=limits(theta), options=options)
    best: Array = found.x
    return best


def nearby(evidence: Evidence, theta: Array, rng: np.random.Generator, count: int) -> list[Array]:
    """Draws of the hyperparameters from the normal approximation at their mode (Laplace's)."""
    step = 1e-3
    columns = []
    for i in range(len(theta)):
        shift = np.zeros_like(theta)
        shift[i] = step
        columns.append((evidence(theta + shift)[1] - evidence(theta - shift)[1]) / (2 * step))
    hessian = np.array(columns)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    sd = 1 / np.sqrt(np.maximum(values, 0.25))
    draws = rng.standard_normal((count, len(theta)))
    return [_credible(evidence, theta, vectors @ (sd * z), 1 + 0.5 * float(z @ z)) for z in draws]


def _credible(evidence: Evidence, theta: Array, step: Array, allowed: float) -> Array:
    """The mode moved by a step, shortened until the posterior falls by no more than the normal's would.

    A length that may as well be longer is flat on one side and a cliff on the other: the normal
    approximation would walk off it.
    """
    low, high = np.array(limits(theta)).T
    worst = evidence(theta)[0] + allowed
    for _ in range(SHORTENED):
        moved: Array = np.clip(theta + step, low, high)
        if evidence(moved)[0] <= worst:
            return moved
        step = step / 2
    return theta


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
        variance = self.kernel.variance - (half * half).sum(0)
        return half.T @ self.whitened, np.sqrt(np.maximum(variance, 1e-12))

    def covariance(self, x: Array) -> tuple[Array, Array]:
        """Mean (m,) and covariance (m, m) of the function, without noise, at x (m, d)."""
        half = self._half(x)
        return half.T @ self.whitened, self.kernel(x, x, self.categorical) - half.T @ half

    def _half(self, x: Array) -> Array:
        cross = self.kernel(self.x, x, self.categorical)
        half: Array = solve_triangular(self.factor, cross, lower=True, check_finite=False)
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
        factor = np.block([[self.factor, np.zeros((len(self.y), len(x)))], [below, corner]])
        both, values = np.vstack([self.x, x]), np.concatenate([self.y, mean if y is None else y])
        whitened = np.concatenate([self.whitened, news])
        return replace(self, x=both, y=values, factor=factor, whitened=whitened)


def _stable_cholesky(covariance: Array) -> Array:
    jitter = 0.0
    while True:
        try:
            factor: Array = cholesky(covariance + jitter * np.eye(len(covariance)), lower=True)
        except np.linalg.LinAlgError:
            jitter = max(10 * jitter, 1e-8)
        else:
            return factor
