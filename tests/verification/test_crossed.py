"""The interval for a mean over crossed factors: coverage, and that naive ones do not cover."""

import numpy as np
import pytest
from scipy import special, stats

from alignment_theory.verification.crossed import crossed_interval
from alignment_theory.verification.statistics import clopper_pearson

SHAPES = [(2, 8), (2, 20), (3, 20), (5, 20), (8, 2)]
TRIALS = 8000
"""A coverage of 93 % is seen as less than 95 % unless 2.3 deviations of luck hide it."""


def cells(rng, shape, deviations):
    rows, columns = shape
    a, b, e = deviations
    return (
        a * rng.standard_normal((rows, 1))
        + b * rng.standard_normal((1, columns))
        + e * rng.standard_normal(shape)
    )


def coverage(shape, deviations, interval):
    """Return the interval at an error of 1e-6 of how often an interval covers."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(TRIALS):
        low, high = interval(cells(rng, shape, deviations))
        hits += low <= 0 <= high
    return clopper_pearson(hits, TRIALS, confidence=1 - 1e-6)


def crossed(values):
    return crossed_interval(values, alpha=0.05)


def naive(values):
    half = stats.t.ppf(0.975, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return values.mean() - half, values.mean() + half


def satterthwaite(values):
    """Return the interval with one quantile, at degrees of freedom that are estimated."""
    rows, columns = values.shape
    by_rows = columns * values.mean(axis=1).var(ddof=1)
    by_columns = rows * values.mean(axis=0).var(ddof=1)
    total = by_rows + by_columns
    freedom = total**2 / (by_rows**2 / (rows - 1) + by_columns**2 / (columns - 1))
    half = special.stdtrit(freedom, 0.975) * np.sqrt(total / values.size)
    return values.mean() - half, values.mean() + half


MIXES = [(1, 0, 0.05), (0, 1, 0.1), (1, 1, 1), (1, 0.3, 0)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("deviations", MIXES, ids=str)
def test_the_interval_covers(shape, deviations):
    """Not below 95 %, as far as the trials can tell."""
    assert coverage(shape, deviations, crossed)[1] >= 0.95


def test_where_one_factor_counts_the_interval_is_no_wider_than_it_must_be():
    """It is Student's, of the means of rows or of columns, and covers exactly 95 %."""
    for shape, deviations in (((3, 20), (1, 0, 0.01)), ((5, 20), (0, 1, 0.01))):
        low, high = coverage(shape, deviations, crossed)
        assert low < 0.95 < high


@pytest.mark.parametrize(
    ("shape", "deviations", "interval"),
    [
        ((5, 20), (1, 0, 0.1), naive),
        ((5, 20), (1, 1, 1), naive),
        ((2, 8), (1, 0.3, 0), satterthwaite),
        ((2, 20), (1, 1, 1), satterthwaite),
        ((3, 20), (1, 1, 1), satterthwaite),
    ],
)
def test_simpler_intervals_do_not_cover(shape, deviations, interval):
    """The last of them covers 93 %: what the trials must tell from 95 %."""
    assert coverage(shape, deviations, interval)[1] < 0.95


ROUNDED = {"rel": 64 * float(np.finfo(float).eps), "abs": 0}
"""Of fewer than 64 operations on either side, and terms that are of the size of their sums."""


def test_by_hand():
    assert crossed_interval(np.full((2, 3), 0.5), alpha=0.1) == (0.5, 0.5)
    values = np.array([[0.0, 1.0], [2.0, 3.0]])
    # MS_rows = 2·2 = 4, MS_columns = 2·½ = 1
    low, high = crossed_interval(values, alpha=0.05)
    assert (low + high) / 2 == pytest.approx(1.5, **ROUNDED)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 1) * np.sqrt(5 / 4), **ROUNDED)
    values = np.array([[0.0, 1.0, 2.0], [6.0, 7.0, 8.0]])
    # MS_rows = 3·18 = 54, MS_columns = 2·1 = 2
    low, high = crossed_interval(values, alpha=0.1)
    squares = 54 * stats.t.ppf(0.95, 1) ** 2 + 2 * stats.t.ppf(0.95, 2) ** 2
    assert high - 4 == pytest.approx(np.sqrt(squares / 6), **ROUNDED)
    assert low + high == pytest.approx(8, **ROUNDED)


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (4,), (2, 2, 2)])
def test_bad_shapes(shape):
    with pytest.raises(ValueError, match="at least two rows and two columns"):
        crossed_interval(np.ones(shape), alpha=0.05)


def test_bad_values():
    with pytest.raises(ValueError, match="values: expected finite"):
        crossed_interval([[1, np.nan], [1, 2]], alpha=0.05)
    with pytest.raises(ValueError, match="alpha"):
        crossed_interval([[1, 2], [1, 2]], alpha=1)
