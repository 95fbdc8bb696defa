"""Tests and intervals from bets: few false alarms, one the inverse of the other."""

from math import log

import numpy as np
import pytest
from scipy import stats

from alignment_theory.verification.betting import (
    betting_log_capital,
    betting_p_value,
    confidence_interval,
    confidence_limits,
)

LEVEL = 0.05
RARE = 1e-6  # probability that a correct module fails one of the counting assertions below
EPS = float(np.finfo(np.float64).eps)
SIDES = ("greater", "less")

# Alignment cos^2 of the gated pseudo-inverse at N = d = 200: the law of the design figures.
MEAN, DEVIATION = 0.2435, 0.0358
_CONCENTRATION = MEAN * (1 - MEAN) / DEVIATION**2 - 1

# Samplers of true claims, with the mean they claim.
TRUE_LAWS = {
    "bernoulli(.01)": (lambda rng, size: (rng.random(size) < 0.01) * 1.0, 0.01),
    "bernoulli(.5)": (lambda rng, size: (rng.random(size) < 0.5) * 1.0, 0.5),
    "bernoulli(.99)": (lambda rng, size: (rng.random(size) < 0.99) * 1.0, 0.99),
    "beta(2,5)": (lambda rng, size: rng.beta(2, 5, size), 2 / 7),
    "beta(.1,.3)": (lambda rng, size: rng.beta(0.1, 0.3, size), 0.25),
    "constant": (lambda rng, size: np.full(size, 0.3), 0.3),
    "cos^2 with a fixed direction, d=20": (lambda rng, size: rng.beta(0.5, 9.5, size), 0.05),
    "alignment": (lambda rng, size: alignment(rng, size), MEAN),
}


def alignment(rng, size):
    """Draw from the Beta law with the mean and deviation of the alignment cos^2."""
    return rng.beta(MEAN * _CONCENTRATION, (1 - MEAN) * _CONCENTRATION, size)


def most_alarms(replicates, rate):
    """Count of alarms that a rate this high exceeds with probability at most RARE."""
    return int(stats.binom.isf(RARE, replicates, rate))


@pytest.mark.parametrize("law", TRUE_LAWS)
def test_capital_is_monotone_in_the_mean_bet_against(law):
    draw, _ = TRUE_LAWS[law]
    sample = draw(np.random.default_rng(3), 500)
    means = np.linspace(0.001, 0.999, 400)
    up = betting_log_capital(sample, means, low=0, high=1, alternative="greater")
    down = betting_log_capital(sample, means, low=0, high=1, alternative="less")
    assert up.shape == (400, 500)
    slack = 8 * EPS * 500 * np.abs([up, down]).max()
    assert (np.diff(up, axis=0) <= slack).all()
    assert (np.diff(down, axis=0) >= -slack).all()


def test_batches_and_single_samples_agree():
    rng = np.random.default_rng(5)
    batch, means = rng.random((3, 4, 60)), rng.uniform(0.3, 0.7, (3, 4))
    capital = betting_log_capital(batch, means, low=0, high=1, alternative="less")
    lower, upper = confidence_limits(batch, alpha=0.1, low=0, high=1)
    assert capital.shape == batch.shape and lower.shape == upper.shape == (3, 4)
    for index in np.ndindex(3, 4):
        one = betting_log_capital(batch[index], means[index], low=0, high=1, alternative="less")
        np.testing.assert_array_equal(one, capital[index])
        interval = confidence_interval(batch[index], alpha=0.1, low=0, high=1)
        assert interval == (lower[index], upper[index])


@pytest.mark.parametrize("law", TRUE_LAWS)
@pytest.mark.parametrize("span", [(0.0, 1.0), (-1.0, 3.0)])
def test_interval_holds_just_the_means_that_the_two_sided_test_keeps(law, span):
    draw, _ = TRUE_LAWS[law]
    low, high = span
    for n in (1, 37, 400):
        sample = low + (high - low) * draw(np.random.default_rng(n), n)
        lower, upper = confidence_interval(sample, alpha=LEVEL, low=low, high=high)
        assert low <= lower < upper <= high
        margin = (high - low) * 2.0**-9 / n
        for end, outward in ((lower, -1), (upper, 1)):
            inside = betting_p_value(sample, end - outward * margin, low=low, high=high)
            assert inside > LEVEL
            if low < end < high:  # refuted with room to spare for rounding
                spare = 0.99 * (high - low) * 2.0**-12 / n
                outside = betting_p_value(sample, end - outward * spare, low=low, high=high)
                assert outside <= LEVEL


@pytest.mark.parametrize("law", TRUE_LAWS)
def test_true_means_raise_few_alarms_under_peeking_at_every_draw(law):
    draw, mean = TRUE_LAWS[law]
    replicates = 2000
    samples = draw(np.random.default_rng(7), (replicates, 400))
    peaks = [
        betting_log_capital(samples, mean, low=0, high=1, alternative=side).max(axis=-1)
        for side in SIDES
    ]
    for peak in peaks:
        assert (peak >= log(1 / LEVEL)).sum() <= most_alarms(replicates, LEVEL)
    both = np.maximum(*peaks) >= log(2 / LEVEL)
    assert both.sum() <= most_alarms(replicates, LEVEL)


def test_two_sided_p_values_of_true_means_raise_few_alarms():
    rng = np.random.default_rng(8)
    p = [betting_p_value(rng.random(200), 0.5, low=0, high=1) for _ in range(1000)]
    for level in (0.01, LEVEL, 0.2):
        assert np.sum(np.array(p) <= level) <= most_alarms(1000, level)


@pytest.mark.parametrize("law", ["bernoulli(.01)", "beta(2,5)", "alignment"])
def test_intervals_cover_the_mean_at_every_draw_at_once(law):
    # The interval is a running intersection: covering at the last draw is covering at all.
    draw, mean = TRUE_LAWS[law]
    samples = draw(np.random.default_rng(9), (1000, 150))
    lower, upper = confidence_limits(samples, alpha=LEVEL, low=0, high=1)
    assert ((mean < lower) | (mean > upper)).sum() <= most_alarms(1000, LEVEL)
    assert (mean < lower).sum() <= most_alarms(1000, LEVEL / 2)  # a false HOLDS at the edge
    assert (mean > upper).sum() <= most_alarms(1000, LEVEL / 2)
    earlier = confidence_limits(samples[:, :60], alpha=LEVEL, low=0, high=1)
    step = 2.0**-9 / 60
    assert (earlier[0] <= lower + step).all() and (upper - step <= earlier[1]).all()
