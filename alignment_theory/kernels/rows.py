"""Sums of few rows of a large matrix."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel


@kernel
def combined(factors: Any, rows: Any) -> Any:
    """Return ``factors @ rows``, (samples, columns), reading only rows whose factor is not 0."""
    total = np.zeros((factors.shape[0], rows.shape[1]), factors.dtype)
    for n in range(factors.shape[0]):
        for j in range(rows.shape[0]):
            factor = factors[n, j]
            if factor != 0:
                for i in range(rows.shape[1]):
                    total[n, i] += factor * rows[j, i]
    return total
