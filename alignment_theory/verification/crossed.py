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
    ``σ_e²/(rows · columns)`` more. Half the width is
    ``√((t_r² MS_rows + t_c² MS_columns)/(rows · columns))`` with Student's quantiles at rows - 1
    and columns - 1 degrees of freedom. For normal effects it covers μ with ``1 - alpha`` or more at
    every number of rows and columns, for new rows and new columns: the distribution function F of
    a squared normal variable is concave, so that given the shares w of the two in the variance
    ``E F(Σ w t² MS/E MS) >= Σ w E F(t² MS/E MS) = 1 - alpha``. (Satterthwaite's degrees of freedom
    are estimated themselves: with 2 rows, what is meant to cover 95 % covers less than 90 %.)

    Parameters
    ----------
    values : array (rows, columns)
        At least two of each.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, and alpha outside (0, 1).

    Source: Scheffé, The Analysis of Variance (1959), section 7.4; Banerjee, Simplified interval
    estimation for the difference between two means, Sankhya 22 (1960), for the two quantiles.
    """
    from scipy import special

    cells = as_array(values, "values").astype(np.float64)
    if cells.ndim != 2 or min(cells.shape) < 2:
        raise ValueError(
            f"crossed_interval: expected at least two rows and two columns, got shape {cells.shape}"
        )
    rows, columns = cells.shape
    by_rows = columns * float(cells.mean(axis=1).var(ddof=1))
    by_columns = rows * float(cells.mean(axis=0).var(ddof=1))
    squares = [
        float(special.stdtrit(count - 1, 1 - checked_level(alpha) / 2)) ** 2 * mean_square
        for count, mean_square in ((rows, by_rows), (columns, by_columns))
    ]
    mean, half = float(cells.mean()), sqrt(sum(squares) / cells.size)
    return mean - half, mean + half
