"""Laws of matrices with independent, identically distributed entries."""

from abc import abstractmethod
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles.base import (
    ScaledLaw,
    WeightLaw,
    checked_size,
    gaussian_half_mean,
)


class _Normal(WeightLaw):
    """Entries i.i.d. normal with mean 0: the only i.i.d. entries with isotropic rows."""

    @abstractmethod
    def _deviation(self, inputs: int) -> float:
        """Return the standard deviation of an entry."""

    isotropic = True

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        weights = rng.standard_normal((outputs, inputs))
        weights *= self._deviation(inputs)
        return weights

    def entry_variance(self, inputs: int) -> float:
        """Return the variance of an entry."""
        return self._deviation(checked_size(inputs, "inputs")) ** 2

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ/√(2π)``."""
        return gaussian_half_mean(self.entry_variance(inputs))


@dataclass(frozen=True)
class Gaussian(ScaledLaw, _Normal):
    """Entries i.i.d. N(0, sigma²)."""

    sigma: float = 1.0

    def _deviation(self, inputs: int) -> float:
        return self.sigma


@dataclass(frozen=True)
class HeNormal(_Normal):
    """Entries i.i.d. N(0, 2/inputs): a ReLU layer keeps the mean square of its input."""

    def _deviation(self, inputs: int) -> float:
        return sqrt(2 / inputs)


class _Flat(WeightLaw):
    """Entries i.i.d. uniform on [-limit, limit]; not isotropic."""

    @abstractmethod
    def _limit(self, inputs: int) -> float:
        """Return the largest entry."""

    isotropic = False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        limit = self._limit(inputs)
        return rng.uniform(-limit, limit, (outputs, inputs))

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return the norm of a corner of the cube."""
        return sqrt(checked_size(inputs, "inputs")) * self._limit(inputs)

    def entry_variance(self, inputs: int) -> float:
        """Return ``limit²/3``."""
        return self._limit(checked_size(inputs, "inputs")) ** 2 / 3


@dataclass(frozen=True)
class Uniform(ScaledLaw, _Flat):
    """Entries i.i.d. uniform with mean 0 and variance sigma²: not isotropic at small sizes."""

    sigma: float = 1.0

    def _limit(self, inputs: int) -> float:
        return sqrt(3) * self.sigma


@dataclass(frozen=True)
class HeUniform(_Flat):
    """Entries i.i.d. uniform with mean 0 and variance 2/inputs, on ``±√(6/inputs)``."""

    def _limit(self, inputs: int) -> float:
        return sqrt(6 / inputs)


@dataclass(frozen=True)
class Rademacher(ScaledLaw):
    """Entries i.i.d. +sigma or -sigma, with equal probability: rows are corners of a cube."""

    sigma: float = 1.0

    isotropic = False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        heads = rng.integers(0, 2, (outputs, inputs), dtype=np.int8)
        return np.where(heads, self.sigma, -self.sigma)

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return the norm of every row."""
        return self.sigma * sqrt(checked_size(inputs, "inputs"))


@dataclass(frozen=True)
class Positive(ScaledLaw):
    """Entries i.i.d. ``|N(0, sigma²)|``: the control for theorems that need centred weights.

    An entry has mean ``σ √(2/π)``, variance ``σ² (1 - 2/π)`` and second moment σ².
    """

    sigma: float = 1.0

    isotropic = False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        weights = rng.standard_normal((outputs, inputs))
        np.abs(weights, out=weights)
        weights *= self.sigma
        return weights

    def entry_mean(self, inputs: int) -> float:
        """Return ``σ √(2/π)``."""
        checked_size(inputs, "inputs")
        return self.sigma * sqrt(2 / pi)

    def half_square(self, inputs: int) -> float:
        """Raise ValueError: a row is not as likely as its opposite."""
        checked_size(inputs, "inputs")
        raise self._direction_error("κ_t = E[(w·u)² 1(w·u > 0)]")
