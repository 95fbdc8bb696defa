"""Laws of matrices with orthogonal rows or columns of equal norm, uniform among these (Haar)."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles.base import (
    ScaledLaw,
    SphericalLaw,
    checked_size,
    sphere_half_mean,
)


@dataclass(frozen=True)
class HaarRows(SphericalLaw):
    """Orthogonal rows of norm ``σ √inputs``, uniform among these; outputs <= inputs.

    ``W Wᵀ = σ² inputs · I``, and ``W V`` and ``U W`` have the law of W for orthogonal U and V. One
    row is uniform on the sphere of radius ``σ √inputs``, as for `Sphere`; the rows are dependent.
    """

    sigma: float = 1.0

    independent_rows = False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        if outputs > inputs:
            raise ValueError(
                f"HaarRows: at most {inputs} rows of length {inputs} are orthogonal, got "
                f"outputs={outputs}; use HaarColumns, or fewer outputs"
            )
        weights = orthonormal_columns(inputs, outputs, rng).T.copy()
        weights *= self.row_bound(inputs)
        return weights


@dataclass(frozen=True)
class HaarColumns(ScaledLaw):
    """Orthogonal columns of norm ``σ √outputs``, uniform among these; outputs >= inputs.

    ``WᵀW = σ² outputs · I``, and ``W V`` and ``U W`` have the law of W for orthogonal U and V. One
    row is isotropic: the first `inputs` coordinates of a uniform point on the sphere of radius
    ``σ √outputs`` in R^outputs, so ``‖w‖²/(σ² outputs) ~ Beta(inputs/2, (outputs - inputs)/2)``.
    The rows are dependent. A row's moments depend on how many rows there are.
    """

    sigma: float = 1.0

    isotropic = True
    independent_rows = False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        weights = orthonormal_columns(outputs, inputs, rng)
        weights *= self._radius(inputs, outputs)
        return weights

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ √outputs``, the norm of a row that is orthogonal to all others."""
        return self._radius(inputs, outputs)

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ √n Γ(n/2) / (2 √π Γ((n + 1)/2))``, n = outputs."""
        radius = self._radius(inputs, outputs)
        assert outputs is not None
        return radius * sphere_half_mean(outputs)

    def _radius(self, inputs: int, outputs: int | None) -> float:
        columns = checked_size(inputs, "inputs")
        if outputs is None:
            raise ValueError(
                "HaarColumns: this moment of a row depends on the number of rows; pass outputs"
            )
        if checked_size(outputs, "outputs") < columns:
            raise ValueError(
                f"HaarColumns: at most {outputs} columns of length {outputs} are orthogonal, got "
                f"inputs={columns}; use HaarRows, or more outputs"
            )
        return self.sigma * sqrt(outputs)


@dataclass(frozen=True)
class Orthogonal(ScaledLaw):
    """Orthogonal initialisation: `HaarColumns` where outputs >= inputs, else `HaarRows`.

    It exists at every shape; for square matrices the two laws are one. Used with ReLU networks
    since Saxe 2014.
    """

    sigma: float = 1.0

    isotropic = True
    independent_rows = False

    def of_shape(self, outputs: int, inputs: int) -> HaarRows | HaarColumns:
        """Return the law of matrices (outputs, inputs)."""
        tall = checked_size(outputs, "outputs") >= checked_size(inputs, "inputs")
        return HaarColumns(self.sigma) if tall else HaarRows(self.sigma)

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        return self.of_shape(outputs, inputs)._draw(outputs, inputs, rng)

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ √max(inputs, outputs)``."""
        return self._rows(inputs, outputs).row_bound(inputs, outputs)

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return κ_1 of a uniform point on the sphere of radius ``σ √m`` in R^m, m the longer side.

        Its first `inputs` coordinates are a row, all of them where m = inputs.
        """
        return self._rows(inputs, outputs).half_mean(inputs, outputs)

    def _rows(self, inputs: int, outputs: int | None) -> HaarRows | HaarColumns:
        checked_size(inputs, "inputs")
        if outputs is None:
            raise ValueError(
                "Orthogonal: this moment of a row depends on the number of rows; pass outputs"
            )
        return self.of_shape(outputs, inputs)


def orthonormal_columns(rows: int, columns: int, rng: np.random.Generator) -> Array:
    """Draw a (rows, columns) matrix with orthonormal columns from the Haar law; rows >= columns.

    ``G = Q R`` for Gaussian G. Only with a positive diagonal of R is Q a function of G for which
    ``Q(UG) = U Q(G)``, so that Q inherits the invariance of G and is Haar. LAPACK's reflections
    leave R with signs that depend on G (for instance ``Q_11 <= 0`` always), hence the correction.
    Source: Mezzadri, "How to generate random matrices from the classical compact groups", Notices
    of the AMS 54 (2007).
    """
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    corrected: Array = q * np.copysign(1.0, np.diag(r))
    return corrected
