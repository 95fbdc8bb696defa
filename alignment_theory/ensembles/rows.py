"""Laws of matrices with independent rows whose entries depend on one another or differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from alignment_theory.arrays import Array, as_array
from alignment_theory.ensembles.base import (
    ScaledLaw,
    SphericalLaw,
    WeightLaw,
    checked_size,
    fix_number,
    fix_scale,
    gamma_step,
    gaussian_half_mean,
)


@dataclass(frozen=True)
class Sphere(SphericalLaw):
    """Rows uniform on the sphere of radius ``σ √inputs``: isotropic, not Gaussian, bounded."""

    sigma: float = 1.0

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        rows = rng.standard_normal((outputs, inputs))
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        scaled: Array = rows * (self.row_bound(inputs) / norms)
        return scaled


@dataclass(frozen=True)
class HeavyTailed(ScaledLaw):
    """Rows multivariate Student-t: ``σ √((ν - 2)/χ²_ν)`` times a standard normal row, ν > 2.

    Elliptical, hence isotropic; every row has a radius factor of its own. Entries have variance
    sigma² and, for ν <= 4, no fourth moment.

    Parameters
    ----------
    nu : float
        Degrees of freedom ν > 2; the larger, the closer to Gaussian.
    sigma : float
        Root mean square of an entry.
    """

    nu: float = 3.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        fix_number(self, "nu", 2.0, 1e12, open_low=True)
        super().__post_init__()

    isotropic = True

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        weights = rng.standard_normal((outputs, inputs))
        weights *= self.sigma * np.sqrt((self.nu - 2) / rng.chisquare(self.nu, (outputs, 1)))
        return weights

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ/√(2π) · √((ν - 2)/2) Γ((ν - 1)/2) / Γ(ν/2)``: below the Gaussian one."""
        factor = sqrt((self.nu - 2) / 2) / gamma_step((self.nu - 1) / 2)
        return gaussian_half_mean(self.entry_variance(inputs)) * factor


@dataclass(frozen=True)
class Anisotropic(WeightLaw):
    """Rows N(0, Σ), Σ diagonal: drops the isotropy of the theorems.

    Attributions align with Σ x, not with x.

    Parameters
    ----------
    spread : float, optional
        ``Σ_ii`` run from `spread` to 1/`spread` in even ratios, then scaled to the mean sigma²;
        0.1 where neither this nor `variances` is given.
    sigma : float
        Scale of the weights.
    variances : sequence of float, optional
        Instead of `spread`: ``Σ_ii = sigma² variances[i]``, as given and not rescaled; the law then
        has rows of this length only.
    """

    spread: float | None = None
    sigma: float = 1.0
    variances: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Check the parameters."""
        fix_scale(self)
        if self.variances is not None:
            if self.spread is not None:
                raise ValueError("Anisotropic: give either spread or variances, got both")
            object.__setattr__(self, "variances", _checked_variances(self.variances))
            return
        if self.spread is None:
            object.__setattr__(self, "spread", 0.1)
        fix_scale(self, "spread")

    @property
    def isotropic(self) -> bool:
        """False, unless all variances are equal."""
        if self.variances is None:
            return self.spread == 1
        return len(set(self.variances)) == 1

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((outputs, inputs)) * self._deviations(inputs)

    def entry_variance(self, inputs: int) -> float:
        """Return the mean of the variances of the entries."""
        return float(self.covariance(inputs).mean())

    def covariance(self, inputs: int) -> Array:
        """Return the diagonal (inputs,) of Σ."""
        return self._deviations(inputs) ** 2

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ/√(2π)`` where all variances are equal; raise ValueError elsewhere."""
        if not self.isotropic:
            return super().half_mean(inputs)
        return gaussian_half_mean(self.entry_variance(inputs))

    def half_square(self, inputs: int) -> float:
        """Return half the variance where all are equal; raise ValueError elsewhere."""
        if not self.isotropic:
            raise self._direction_error("κ_t = E[(w·u)² 1(w·u > 0)]")
        return super().half_square(inputs)

    def _deviations(self, inputs: int) -> Array:
        size = checked_size(inputs, "inputs")
        if self.variances is not None:
            if size != len(self.variances):
                raise ValueError(
                    f"Anisotropic: has variances for rows of {len(self.variances)} entries, got "
                    f"inputs={size}"
                )
            return self.sigma * np.sqrt(self.variances)
        assert self.spread is not None
        variances = np.geomspace(self.spread, 1 / self.spread, size)
        deviations: Array = self.sigma * np.sqrt(variances / variances.mean())
        return deviations


def _checked_variances(variances: Sequence[float]) -> tuple[float, ...]:
    values = as_array(variances, "Anisotropic variances", np.float64)
    fits = values.ndim == 1 and values.size > 0 and values.min() >= 0
    if not (fits and 0 < values.max() and isfinite(float(values.sum()))):
        raise ValueError(
            "Anisotropic variances: expected a sequence of numbers >= 0, not all of them 0, got "
            f"{variances!r}"
        )
    return tuple(values.tolist())
