"""An interval for a mean over two crossed factors, such as redraws of a network and images."""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import as_array
from alignment_theory.verification.betting import checked_level


def crossed_interval(values: ArrayLike, *, alpha: float) -> tuple[float, float]:
    """Return an interval for the mean of ``μ + a_r + b_i + e_ri``, every r with every i.

    Neither the cells of a row nor those of a column are independent, so the number of cells is no
    sample size. ``(MS_rows + MS_columns)/(rows · columns)`` estimates the variance of the mean and
    ``σ_e²/(rows · columns)`` more; its degrees of freedom are Satterthwaite's. For normal effects
    the interval covers μ with about ``1 - alpha`` or more; it holds for new rows and new columns.

    Parameters
    ----------
    values : array (rows, columns)
        At least two of each.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, and alpha outside (0, 1).

    Source: Scheffé, The Analysis of Variance (1959), section 7.4; Satterthwaite (1946).
    """
    from scipy import special

    cells = as_array(values, "values").astype(np.float64)
    if cells.ndim != 2 or min(cells.shape) < 2:
        raise ValueError(
            f"crossed_interval: expected at least two rows and two columns, got {cells.shape}"
        )
    rows, columns = cells.shape
    by_rows = columns * float(cells.mean(axis=1).var(ddof=1))
    by_columns = rows * float(cells.mean(axis=0).var(ddof=1))
    mean, total = float(cells.mean()), by_rows + by_columns
    if total == 0:
        return mean, mean
    freedom = total**2 / (by_rows**2 / (rows - 1) + by_columns**2 / (columns - 1))
    quantile = float(special.stdtrit(freedom, 1 - checked_level(alpha) / 2))
    half = quantile * sqrt(total / cells.size)
    return mean - half, mean + half
