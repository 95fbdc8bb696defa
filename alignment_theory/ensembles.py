"""Laws of random weight matrices: each gives a sampler and the moments that theory needs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt

import numpy as np

from alignment_theory.arrays import Array


class WeightLaw(ABC):
    """A law of matrices (outputs, inputs) with independent rows of mean square ``σ²`` an entry."""

    @abstractmethod
    def sample(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix."""

    @abstractmethod
    def row_bound(self, inputs: int) -> float:
        """Return the largest norm that a row can have (infinite where there is none)."""


@dataclass(frozen=True)
class Gaussian(WeightLaw):
    """Entries i.i.d. N(0, sigma²)."""

    sigma: float = 1.0

    def sample(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix."""
        weights = rng.standard_normal((outputs, inputs))
        weights *= self.sigma
        return weights

    def row_bound(self, inputs: int) -> float:
        """Return infinity: Gaussian rows are unbounded."""
        return np.inf


@dataclass(frozen=True)
class Sphere(WeightLaw):
    """Rows uniform on the sphere of radius ``σ √inputs``: isotropic, not Gaussian, bounded."""

    sigma: float = 1.0

    def sample(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix."""
        rows = rng.standard_normal((outputs, inputs))
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        scaled: Array = rows * (self.row_bound(inputs) / norms)
        return scaled

    def row_bound(self, inputs: int) -> float:
        """Return the radius."""
        return self.sigma * sqrt(inputs)


@dataclass(frozen=True)
class Anisotropic(WeightLaw):
    """Rows N(0, Σ), Σ diagonal from `spread` to 1/`spread` in even ratios, scaled to mean σ².

    Drops the isotropy of the theorems: attributions align with Σ x, not with x.
    """

    spread: float = 0.1
    sigma: float = 1.0

    def sample(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix."""
        variances = np.geomspace(self.spread, 1 / self.spread, inputs)
        scales = self.sigma * np.sqrt(variances / variances.mean())
        return rng.standard_normal((outputs, inputs)) * scales

    def row_bound(self, inputs: int) -> float:
        """Return infinity: Gaussian rows are unbounded."""
        return np.inf


@dataclass(frozen=True)
class Uniform(WeightLaw):
    """Entries i.i.d. uniform with mean 0 and variance σ²: not isotropic at small sizes."""

    sigma: float = 1.0

    def sample(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix."""
        limit = sqrt(3) * self.sigma
        return rng.uniform(-limit, limit, (outputs, inputs))

    def row_bound(self, inputs: int) -> float:
        """Return the norm of a corner of the cube."""
        return sqrt(3 * inputs) * self.sigma
