"""The interval for a mean over crossed factors: coverage, and that naive ones do not cover."""

import numpy as np
import pytest
from scipy import stats

from alignment_theory.verification.crossed import crossed_interval
from alignment_theory.verification.statistics import clopper_pearson

ROWS, COLUMNS, TRIALS = 5, 20, 2000


def cells(rng, deviations):
    a, b, e = deviations
    return (
        a * rng.standard_normal((ROWS, 1))
        + b * rng.standard_normal((1, COLUMNS))
        + e * rng.standard_normal((ROWS, COLUMNS))
    )


def coverage(deviations, interval):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(TRIALS):
        low, high = interval(cells(rng, deviations))
        hits += low <= 0 <= high
    return clopper_pearson(hits, TRIALS, confidence=1 - 1e-6)


def crossed(values):
    return crossed_interval(values, alpha=0.05)


def naive(values):
    half = stats.t.ppf(0.975, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return values.mean() - half, values.mean() + half


MIXES = [(1, 0, 0.1), (0, 1, 0.1), (1, 1, 1), (0, 0, 1), (0.3, 1, 1), (1, 0.3, 0)]


@pytest.mark.parametrize("deviations", MIXES)
def test_the_interval_covers(deviations):
    """Not below 95 %, as far as 2000 trials can tell at an error of 1e-6."""
    assert coverage(deviations, crossed)[1] >= 0.95


@pytest.mark.parametrize("deviations", [(1, 0, 0.1), (1, 1, 1), (1, 0.3, 0)])
def test_counting_cells_as_independent_does_not_cover(deviations):
    assert coverage(deviations, naive)[1] < 0.95


def test_by_hand():
    assert crossed_interval(np.full((2, 3), 0.5), alpha=0.1) == (0.5, 0.5)
    values = np.array([[0.0, 1.0], [2.0, 3.0]])
    # MS_rows = 2·2 = 4, MS_columns = 2·½ = 1: variance 5/4, freedom 25/17
    low, high = crossed_interval(values, alpha=0.05)
    assert (low + high) / 2 == pytest.approx(1.5)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 25 / 17) * np.sqrt(5 / 4))


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (4,), (2, 2, 2)])
def test_bad_shapes(shape):
    with pytest.raises(ValueError, match="at least two rows and two columns"):
        crossed_interval(np.ones(shape), alpha=0.05)


def test_bad_values():
    with pytest.raises(ValueError, match="values: expected finite"):
        crossed_interval([[1, np.nan], [1, 2]], alpha=0.05)
    with pytest.raises(ValueError, match="alpha"):
        crossed_interval([[1, 2], [1, 2]], alpha=1)
