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
BOUNDS = {"length": (math.log(0.02), math.log(1e3)), "signal": (-4.0, 6.0), "noise": (math.log(1e-6), 1.0)}


def squared_distances(a: Array, b: Array, categorical: Mask) -> Array:
    """Per column, (n, d) and (m, d) to (d, n, m): squared differences, 0 or 1 where categorical."""
    difference = a.T[:, :, None] - b.T[:, None, :]
    squared: Array = difference * difference
    squared[categorical] = (squared[categorical] > 0).astype(float)
    return squared


def scaled_distance(a: Array, b: Array, theta: Array, categorical: Mask) -> Array:
    """Distances r, (n, m), with each column divided by its lengthscale."""
    rates = np.exp(-theta[:-2])
    left, right = a[:, ~categorical] * rates[~categorical], b[:, ~categorical] * rates[~categorical]
    squared = (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * left @ right.T
    for column in np.flatnonzero(categorical):
        squared += (a[:, column, None] != b[None, :, column]) * rates[column] ** 2
    distance: Array = np.sqrt(np.maximum(squared, 0.0))
    return distance


def matern(r: Array) -> Array:
    """The Matern-5/2 correlation at distances r."""
    s = ROOT5 * r
    correlation: Array = (1 + s + s * s / 3) * np.exp(-s)
    return correlation


def start(d: int) -> Array:
    """The hyperparameters' prior mode: (ln lengths…, ln signal variance, ln noise variance), (d + 2,)."""
    return np.array([math.log(0.5 * math.sqrt(d))] * d + [0.0, math.log(1e-3)])


def log_prior(theta: Array) -> tuple[float, Array]:
    """The hyperparameters' log density, up to a constant, and its gradient."""
    d = len(theta) - 2
    center = np.array([math.sqrt(2) + 0.5 * math.log(d)] * d + [0.0, math.log(1e-3)])
    sd = np.array([math.sqrt(3)] * d + [1.0, 2.0])
    z = (theta - center) / sd
    return -0.5 * float(z @ z), -z / sd


@dataclass(frozen=True)
class Evidence:
    """The negative log posterior of the hyperparameters, given n points.

    Attributes:
        squared: (d, n, n), from ``squared_distances``.
        y: (n,), standardised.
    """

    squared: Array
    y: Array

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Its value and gradient at ln hyperparameters, (d + 2,)."""
        n = len(self.y)
        rates, signal, noise = np.exp(-2 * theta[:-2]), math.exp(theta[-2]), math.exp(theta[-1])
        s = ROOT5 * np.sqrt(np.tensordot(rates, self.squared, 1))
        decay = np.exp(-s)
        correlation = (1 + s + s * s / 3) * decay
        try:
            factor = cholesky(signal * correlation + (noise + NOISE_FLOOR) * np.eye(n), lower=True)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        inverse = cho_solve((factor, True), np.eye(n))
        alpha = inverse @ self.y
        weights = np.outer(alpha, alpha) - inverse
        slope = weights * (signal * 5 / 3) * (1 + s) * decay
        gradient = np.empty_like(theta)
        gradient[:-2] = -0.5 * rates * np.tensordot(self.squared, slope, 2)
        gradient[-2] = -0.5 * signal * float((weights * correlation).sum())
        gradient[-1] = -0.5 * noise * float(np.trace(weights))
        value = 0.5 * float(self.y @ alpha) + float(np.log(np.diag(factor)).sum())
        prior, prior_gradient = log_prior(theta)
        return value - prior, gradient - prior_gradient


def fit(x: Array, y: Array, categorical: Mask) -> Array:
    """The hyperparameters of the highest posterior density, (d + 2,).

    Found from the prior's mode by way of nested subsets of the points, a quarter and a half of them, so
    that the answer is a function of the points alone and most steps are taken where they are cheap.

    Args:
        x: (n, d) in the unit cube, in the order of completion.
        y: (n,) standardised.
        categorical: (d,) columns compared by equality.
    """
    theta = start(x.shape[1])
    sizes = [n for n in (len(y) // 4, len(y) // 2) if n >= LEAST_SUBSET] + [len(y)]
    for n in sizes:
        theta = _climb(Evidence(squared_distances(x[:n], x[:n], categorical), y[:n]), theta)
    return theta


def _climb(evidence: Evidence, theta: Array) -> Array:
    bounds = [BOUNDS["length"]] * (len(theta) - 2) + [BOUNDS["signal"], BOUNDS["noise"]]
    found = minimize(
        evidence, theta, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}
    )
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
    low, high = np.array([BOUNDS["length"]] * (len(theta) - 2) + [BOUNDS["signal"], BOUNDS["noise"]]).T
    draws = rng.standard_normal((count, len(theta)))
    return [np.clip(theta + vectors @ (sd * z), low, high) for z in draws]


@dataclass(frozen=True)
class Posterior:
    """A Gaussian process with fixed hyperparameters, given its points.

    Attributes:
        x: (n, d) in the unit cube.
        y: (n,) standardised.
        theta: (d + 2,) ln hyperparameters.
        categorical: (d,) columns compared by equality.
        factor: (n, n) the lower Cholesky factor of the covariance of y.
        whitened: (n,) factor^-1 y.
    """

    x: Array
    y: Array
    theta: Array
    categorical: Mask
    factor: Array
    whitened: Array

    @classmethod
    def given(cls, x: Array, y: Array, theta: Array, categorical: Mask) -> Posterior:
        """The process given points x, (n, d), and values y, (n,)."""
        signal, noise = math.exp(theta[-2]), math.exp(theta[-1]) + NOISE_FLOOR
        covariance = signal * matern(scaled_distance(x, x, theta, categorical))
        covariance[np.diag_indices_from(covariance)] = signal + noise
        factor = _stable_cholesky(covariance)
        return cls(x, y, theta, categorical, factor, solve_triangular(factor, y, lower=True))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the function, without noise, at x (m, d): both (m,)."""
        signal = math.exp(self.theta[-2])
        cross = signal * matern(scaled_distance(self.x, x, self.theta, self.categorical))
        half = solve_triangular(self.factor, cross, lower=True, check_finite=False)
        variance = signal - (half * half).sum(0)
        return half.T @ self.whitened, np.sqrt(np.maximum(variance, 1e-12))

    def covariance(self, x: Array) -> tuple[Array, Array]:
        """Mean (m,) and covariance (m, m) of the function, without noise, at x (m, d)."""
        signal = math.exp(self.theta[-2])
        cross = signal * matern(scaled_distance(self.x, x, self.theta, self.categorical))
        half = solve_triangular(self.factor, cross, lower=True, check_finite=False)
        own = signal * matern(scaled_distance(x, x, self.theta, self.categorical))
        return half.T @ self.whitened, own - half.T @ half

    def believing(self, x: Array) -> Posterior:
        """The process as if x (m, d) had turned out as it predicts: the mean stays, doubt shrinks there."""
        mean, covariance = self.covariance(x)
        signal, noise = math.exp(self.theta[-2]), math.exp(self.theta[-1]) + NOISE_FLOOR
        cross = signal * matern(scaled_distance(self.x, x, self.theta, self.categorical))
        below = solve_triangular(self.factor, cross, lower=True).T
        corner = _stable_cholesky(covariance + noise * np.eye(len(x)))
        factor = np.block([[self.factor, np.zeros((len(self.y), len(x)))], [below, corner]])
        both, values = np.vstack([self.x, x]), np.concatenate([self.y, mean])
        whitened = np.concatenate([self.whitened, np.zeros(len(x))])
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
