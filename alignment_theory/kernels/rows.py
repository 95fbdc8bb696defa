"""Sums of few rows of a large matrix."""

from typing import Any

from alignment_theory.kernels import kernel


@kernel
def combine(factors: Any, rows: Any, total: Any) -> None:
    """Add ``factors @ rows`` to `total`, (samples, columns), reading only rows of factors not 0."""
    for n in range(factors.shape[0]):
        for j in range(rows.shape[0]):
            factor = factors[n, j]
            if factor != 0:
                for i in range(rows.shape[1]):
                    total[n, i] += factor * rows[j, i]
