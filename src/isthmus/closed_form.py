"""Closed-form solutions of the tutorial's examples, used by the course and as references in the tests.

Two small examples illustrate the theory of autoencoders. In the first, points lie near a line through the origin; the
best linear encoder projects onto it, P = v wᵀ with w = v / vᵀv, and loses the part of x perpendicular to the line. In
the second, a latent variable z ~ N(0, 1) is measured twice with noise, x_i = z + ε_i; everything is Gaussian, so
likelihood, posterior, evidence and every bound have closed forms. The estimate with the best reconstruction (the mean
of the measurements) is not the best estimate of z (the posterior mean), which is the point of the second example. Only
numpy is used, in float64.

>>> project([2.0, 2.4], direction=[1, 0.9]).squared_error.round(8)
np.float64(0.19889503)
>>> two_measurements([1.2, 0.8], noise_variance=0.5).posterior_mean
0.8
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "Bound",
    "NoiseSplit",
    "PrincipalModel",
    "Projection",
    "TwoMeasurements",
    "bernoulli_entropy",
    "beta_of_variance",
    "elbo_of_two_measurements",
    "gaussian_divergence",
    "gaussian_negative_log_likelihood",
    "principal_axis_slope",
    "probabilistic_pca",
    "project",
    "regression_slope",
    "split_noise",
    "standard_divergence",
    "two_measurements",
]

LOG_TWO_PI = math.log(2 * math.pi)


# ---- a line ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Projection:
    """A point projected onto a line: encoded as its coordinate along a direction, and decoded.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        The encoder w = v / vᵀv.
    code : float
        z = wᵀx.
    reconstruction, residual : ndarray of shape (n,)
        x̂ = z v and x - x̂, which is perpendicular to v.
    errors : ndarray of shape (n,)
        Squared error of each coordinate.
    """

    weights: np.ndarray
    code: float
    reconstruction: np.ndarray
    residual: np.ndarray
    errors: np.ndarray

    @property
    def squared_error(self) -> float:
        """‖x - x̂‖², the sum over coordinates."""
        return self.errors.sum()

    @property
    def mean_squared_error(self) -> float:
        """The squared error divided by n, as reported by a loss that averages over coordinates."""
        return self.errors.mean()


def project(point: ArrayLike, direction: ArrayLike) -> Projection:
    """Encode and decode a point x of shape (n,) by a line along ``direction`` v of shape (n,).

    >>> example = project([2.0, 1.8], direction=[1, 0.9])
    >>> float(example.code), example.reconstruction.round(10).tolist()
    (2.0, [2.0, 1.8])
    """
    x, v = np.asarray(point, dtype=float), np.asarray(direction, dtype=float)
    if x.shape != v.shape or x.ndim != 1 or not v.any():
        raise ValueError(
            f"project: point and direction must be vectors of equal length, and direction not zero; got shapes "
            f"{x.shape} and {v.shape}."
        )
    weights = v / (v @ v)
    code = float(weights @ x)
    reconstruction = code * v
    return Projection(weights, code, reconstruction, x - reconstruction, (x - reconstruction) ** 2)


@dataclass(frozen=True)
class NoiseSplit:
    """Noise split by a line: a projection keeps the part along it and removes the part across."""

    tangent: float
    normal: float

    @property
    def surviving_energy(self) -> float:
        """Share of ‖noise‖² that lies along the line."""
        return self.tangent**2 / (self.tangent**2 + self.normal**2)


def split_noise(noise: ArrayLike, direction: ArrayLike) -> NoiseSplit:
    """Lengths of a noise vector along and across a line; both of shape (n,)."""
    part = project(noise, direction)
    return NoiseSplit(float(np.linalg.norm(part.reconstruction)), float(np.linalg.norm(part.residual)))


def principal_axis_slope(covariance: ArrayLike) -> float:
    """x₂ / x₁ along the first principal axis of a 2 × 2 covariance: what a linear autoencoder finds.

    It minimises perpendicular distances; regression minimises vertical ones.
    """
    axis = np.linalg.eigh(np.asarray(covariance, dtype=float))[1][:, -1]
    return float(axis[1] / axis[0])


def regression_slope(covariance: ArrayLike) -> float:
    """Slope of the least-squares line of x₂ on x₁, cov(x₁, x₂) / var(x₁)."""
    covariance = np.asarray(covariance, dtype=float)
    return float(covariance[0, 1] / covariance[0, 0])


# ---- two measurements ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwoMeasurements:
    """x_i = z + ε_i, ε_i ~ N(0, σ²), i = 1 … n (n = 2 in the tutorial), with and without the prior z ~ N(0, 1)."""

    measurements: np.ndarray
    noise_variance: float

    @property
    def maximum_likelihood(self) -> float:
        """The mean of the measurements: the best reconstruction, and the estimate with a flat prior."""
        return float(self.measurements.mean())

    @property
    def posterior_mean(self) -> float:
        """Σx / (n + σ²): the mean of the measurements, shrunk towards the prior."""
        return float(self.measurements.sum() / (len(self.measurements) + self.noise_variance))

    @property
    def posterior_variance(self) -> float:
        """σ² / (n + σ²)."""
        return self.noise_variance / (len(self.measurements) + self.noise_variance)

    @property
    def shrinkage(self) -> float:
        """Posterior mean over maximum likelihood, n / (n + σ²)."""
        return len(self.measurements) / (len(self.measurements) + self.noise_variance)

    @property
    def log_evidence(self) -> float:
        """Log p(x) = log N(x; 0, σ²I + 11ᵀ), in nats."""
        x, n, s2 = self.measurements, len(self.measurements), self.noise_variance
        squares = (x @ x - x.sum() ** 2 / (n + s2)) / s2
        return float(-0.5 * (n * LOG_TWO_PI + (n - 1) * math.log(s2) + math.log(n + s2) + squares))

    @property
    def risk_of_maximum_likelihood(self) -> float:
        """E(ẑ - z)² of the mean, σ²/n."""
        return self.noise_variance / len(self.measurements)

    @property
    def risk_of_posterior_mean(self) -> float:
        """E(ẑ - z)² of the posterior mean, σ²/(n + σ²): never larger."""
        return self.posterior_variance

    def log_likelihood(self, z: float) -> float:
        """Log p(x|z), in nats."""
        return -gaussian_negative_log_likelihood(
            self.reconstruction_error(z), self.noise_variance, len(self.measurements)
        )

    def reconstruction_error(self, z: float) -> float:
        """Σ (x_i - z)²: smallest at the mean, whatever the prior."""
        return float(((self.measurements - z) ** 2).sum())


def two_measurements(measurements: ArrayLike, noise_variance: float) -> TwoMeasurements:
    """The model for measurements of shape (n,) and noise variance σ²."""
    x = np.atleast_1d(np.asarray(measurements, dtype=float))
    if noise_variance <= 0 or x.ndim != 1:
        raise ValueError(f"two_measurements: noise_variance must be above 0, got {noise_variance}.")
    return TwoMeasurements(x, float(noise_variance))


@dataclass(frozen=True)
class Bound:
    """The evidence lower bound at one q, in nats: ELBO = expected log-likelihood - divergence."""

    expected_log_likelihood: float
    divergence: float
    gap: float

    @property
    def elbo(self) -> float:
        """The bound itself."""
        return self.expected_log_likelihood - self.divergence


def elbo_of_two_measurements(model: TwoMeasurements, mean: float, variance: float) -> Bound:
    """The bound at q = N(mean, variance); its gap to log p(x) is KL(q ‖ posterior), zero at the posterior.

    >>> model = two_measurements([1.2, 0.8], noise_variance=0.5)
    >>> round(elbo_of_two_measurements(model, 0.8, 0.2).elbo, 6), round(model.log_evidence, 6)
    (-2.429449, -2.429449)
    """
    n, s2 = len(model.measurements), model.noise_variance
    expected = -gaussian_negative_log_likelihood(model.reconstruction_error(mean) + n * variance, s2, n)
    gap = gaussian_divergence(mean, variance, model.posterior_mean, model.posterior_variance)
    return Bound(expected, standard_divergence(mean, variance), gap)


# ---- likelihoods and divergences -------------------------------------------------------------------------


def gaussian_negative_log_likelihood(squared_error: float, variance: float, n: int) -> float:
    """‖x - x̂‖² / 2σ² + (n/2) log 2πσ², in nats: the squared error, up to a scale and a constant.

    For fixed σ² both have their minimum at the same x̂; over σ² it is smallest at the mean squared error.
    """
    return squared_error / (2 * variance) + 0.5 * n * (LOG_TWO_PI + math.log(variance))


def standard_divergence(mean: ArrayLike, variance: ArrayLike) -> float:
    """KL( N(μ, diag σ²) ‖ N(0, I) ) = ½ Σ (μ² + σ² - 1 - log σ²), in nats.

    >>> round(standard_divergence(0.8, 0.2), 6)
    0.724719
    """
    mean, variance = np.asarray(mean, dtype=float), np.asarray(variance, dtype=float)
    return float(0.5 * np.sum(mean**2 + variance - 1 - np.log(variance)))


def gaussian_divergence(mean: float, variance: float, other_mean: float, other_variance: float) -> float:
    """KL( N(m, s²) ‖ N(m', s'²) ) of two numbers, in nats."""
    ratio = variance / other_variance
    return 0.5 * (ratio + (mean - other_mean) ** 2 / other_variance - 1 - math.log(ratio))


def bernoulli_entropy(probabilities: ArrayLike) -> float:
    """Mean of -p log p - (1-p) log(1-p), in nats: the minimum of a cross-entropy loss, reached at x̂ = x."""
    p = np.asarray(probabilities, dtype=float)
    inside = p[(p > 0) & (p < 1)]
    return float(-(inside * np.log(inside) + (1 - inside) * np.log1p(-inside)).sum() / p.size)


def beta_of_variance(variance: float, n_averaged: int = 1) -> float:
    """The β for which ‖x - x̂‖² + β·KL has the same minimum as the Gaussian bound with variance σ²: β = 2σ².

    For a mean squared error over ``n_averaged`` features β is divided by that number.
    """
    return 2 * variance / n_averaged


# ---- probabilistic PCA -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PrincipalModel:
    """x = W z + μ + noise of variance σ², z ~ N(0, I) (Tipping & Bishop 1999).

    Attributes
    ----------
    loading : ndarray of shape (n, p)
    mean : ndarray of shape (n,)
    noise_variance : float
    """

    loading: np.ndarray
    mean: np.ndarray
    noise_variance: float

    @property
    def posterior_covariance(self) -> np.ndarray:
        """σ² (WᵀW + σ²I)⁻¹, shape (p, p); the same for every x."""
        precision = self.loading.T @ self.loading + self.noise_variance * np.eye(self.loading.shape[1])
        return self.noise_variance * np.linalg.inv(precision)

    def posterior_mean(self, X: ArrayLike) -> np.ndarray:
        """(WᵀW + σ²I)⁻¹ Wᵀ (x - μ) for rows X of shape (N, n): shape (N, p)."""
        return (np.asarray(X) - self.mean) @ self.loading @ self.posterior_covariance / self.noise_variance

    def log_likelihood(self, X: ArrayLike) -> np.ndarray:
        """Log N(x; μ, WWᵀ + σ²I) of each row, in nats, shape (N,)."""
        n = len(self.mean)
        covariance = self.loading @ self.loading.T + self.noise_variance * np.eye(n)
        centred = np.asarray(X, dtype=float) - self.mean
        distances = np.einsum("ij,ij->i", centred, np.linalg.solve(covariance, centred.T).T)
        return -0.5 * (n * LOG_TWO_PI + np.linalg.slogdet(covariance)[1] + distances)


def probabilistic_pca(covariance: ArrayLike, size: int, mean: ArrayLike | None = None) -> PrincipalModel:
    """Maximum likelihood from a covariance of shape (n, n): σ² the mean of the n - p smallest eigenvalues,
    W = U (Λ - σ²I)^½ from the p largest.

    >>> round(probabilistic_pca([[1.5, 1.0], [1.0, 1.5]], size=1).noise_variance, 12)
    0.5
    """
    covariance = np.asarray(covariance, dtype=float)
    n = len(covariance)
    if not 1 <= size < n:
        raise ValueError(f"probabilistic_pca: size must be from 1 to {n - 1}, got {size}.")
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = float(values[size:].mean())
    loading = vectors[:, :size] * np.sqrt(np.maximum(values[:size] - noise, 0.0))
    loading *= np.where(loading.sum(0) < 0, -1.0, 1.0)
    return PrincipalModel(loading, np.zeros(n) if mean is None else np.asarray(mean, dtype=float), noise)
