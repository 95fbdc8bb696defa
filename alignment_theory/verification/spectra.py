"""Singular values of row sets with bounds on their errors that are measured, not assumed.

From the computed factors alone: with ``R = W - U S Vᵀ`` and ``η_U = ‖UᵀU - I‖``, η_V likewise,
every singular value is known up to ``‖R‖ + s_i ((1 + η_U)(1 + η_V) - 1)`` (Weyl for R, Ostrowski
for factors that are only nearly orthonormal). The rounding of R and of the η themselves is bounded
by ``γ_n``. So no constant of a LAPACK routine is taken on trust.
"""

from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.rounding import gamma


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular values of the rows W_A, and the projection on their span.

    Attributes
    ----------
    values : array (rank,)
        In falling order; `rank` is the smaller size of W_A.
    error : float
        Bound on the error of each.
    basis : array (rank, inputs)
        Nearly orthonormal rows that span what the rows of W_A span.
    basis_error : float
        Bound on how far the projection is off: the span's own error, and the basis' norms.
    """

    values: Array
    error: float
    basis: Array
    basis_error: float

    @classmethod
    def of(cls, rows: Array) -> "Spectrum":
        """Return the spectrum of a matrix of rows."""
        left, values, basis = np.linalg.svd(rows, full_matrices=False)
        step = gamma(max(rows.shape) + 4, rows.dtype)
        entries = np.abs(left * values) @ np.abs(basis) + np.abs(rows)
        found = float(np.linalg.norm(rows - (left * values) @ basis))
        residual = 2 * (found + step * float(np.linalg.norm(entries)))
        skew = _skewness(left.T, step) + 2 * _skewness(basis, step)
        error = residual + float(values[0]) * skew
        least = float(values[-1]) - error
        turned = residual / least if least > 0 else np.inf
        return cls(values, error, basis, turned + skew)

    @property
    def largest(self) -> float:
        """σ_max."""
        return float(self.values[0])

    @property
    def condition(self) -> float:
        """Condition number of the non-zero part of ``W_A W_Aᵀ``; infinite if its rank is unsure."""
        least = float(self.values[-1])
        return (self.largest / least) ** 2 if least > self.error else np.inf

    @property
    def condition_error(self) -> float:
        """Bound on the relative error of √κ."""
        least = float(self.values[-1]) - self.error
        return 2 * self.error / least if least > 0 else np.inf

    def projected(self, vector: Array) -> float:
        """Return ``‖P_A v‖``."""
        return float(np.linalg.norm(self.basis @ vector))


def _skewness(rows: Array, step: float) -> float:
    """Return a bound on how far nearly orthonormal rows are from it."""
    products = rows @ rows.T
    entries = np.abs(rows) @ np.abs(rows).T
    distance = np.linalg.norm(products - np.eye(len(rows))) + step * np.linalg.norm(entries)
    return 2 * float(distance)
