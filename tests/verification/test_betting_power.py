"""Power of the bets, and the estimate of how many draws they need."""

from math import log

import numpy as np
import pytest
from scipy import stats

from alignment_theory.verification.betting import (
    betting_log_capital,
    betting_p_value,
    confidence_interval,
    draws_needed,
    equivalence,
)

RARE = 1e-6  # probability that a correct module fails one of the counting assertions below
LEVEL = 0.05

# Alignment cos^2 of the gated pseudo-inverse at N = d = 200: the law of the design figures.
MEAN, DEVIATION = 0.2435, 0.0358
_CONCENTRATION = MEAN * (1 - MEAN) / DEVIATION**2 - 1


def alignment(rng, size):
    """Draw from the Beta law with the mean and deviation of the alignment cos^2."""
    return rng.beta(MEAN * _CONCENTRATION, (1 - MEAN) * _CONCENTRATION, size)


def fewest_detections(replicates, power):
    """Count of detections that this power falls short of with probability at most RARE."""
    return int(stats.binom.ppf(RARE, replicates, power))


def first_passage(log_capital, alpha):
    """Draws until the capital reaches 1/alpha, inf where it does not."""
    passed = log_capital >= log(1 / alpha)
    return np.where(passed.any(axis=-1), passed.argmax(axis=-1) + 1.0, np.inf)


@pytest.mark.parametrize(
    "shift, alpha, median, latest",
    [
        # Median and worst (or 95 %) draws of capped plug-in bets, the standard to meet.
        (0.10, 1e-6, 596, 707),
        (0.05, 1e-6, 1243, 1414),
        (0.02, 1e-6, 3314, 4423),
        (0.01, 1e-6, 8934, 11846),
        (0.01, 1e-3, 4798, 7025),
    ],
)
def test_shifted_means_are_refuted_on_both_sides_within_the_design_figures(
    shift, alpha, median, latest
):
    replicates = 100
    samples = alignment(np.random.default_rng(10), (replicates, latest))
    passages = [
        first_passage(
            betting_log_capital(samples, MEAN * factor, low=0, high=1, alternative=side), alpha
        )
        for side, factor in (("greater", 1 - shift), ("less", 1 + shift))
    ]
    both = np.maximum(*passages)  # equivalence with this margin is certified then
    assert (both <= median).sum() >= fewest_detections(replicates, 0.5)
    assert (both <= latest).sum() >= fewest_detections(replicates, 0.95)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_constant_samples_refute_and_certify_at_the_rate_that_the_range_allows(value):
    # No bet earns more than log(1 + |x - m| / room) a draw, room being what it can lose.
    margin, alpha, sample = 0.05, 1e-6, np.full(2000, value)
    for side, mean, room in (
        ("greater", value - margin, value - margin),
        ("less", value + margin, 1 - value - margin),
    ):
        if room > 0:
            capital = betting_log_capital(sample, mean, low=0, high=1, alternative=side)
            least = log(1 / alpha) / np.log1p(margin / room)
            assert least <= first_passage(capital, alpha) <= 1.2 * least + 1
        assert betting_p_value(sample, mean, low=0, high=1) <= alpha
    interval = confidence_interval(sample, alpha=alpha, low=0, high=1)
    assert interval[0] <= value <= interval[1]
    assert equivalence(interval, value, margin) == "HOLDS"
    assert equivalence(interval, value + 0.2, margin) == "FAILS"


def test_a_rare_event_is_told_from_a_rarer_one():
    rng = np.random.default_rng(11)
    samples = (rng.random((100, 6000)) < 0.01) * 1.0
    refuted = betting_log_capital(samples, 0.001, low=0, high=1, alternative="greater")
    assert (refuted.max(axis=-1) >= log(1e6)).all()


@pytest.mark.parametrize("margin", [0.1, 0.02])
@pytest.mark.parametrize("mean, deviation", [(MEAN, DEVIATION), (0.5, 12**-0.5), (0.5, 0.5)])
def test_the_estimate_of_draws_foretells_the_verdict(mean, deviation, margin):
    alpha = 1e-3
    draws = draws_needed(margin, deviation, mean=mean, alpha=alpha, low=0, high=1)
    rng = np.random.default_rng(12)
    size = (60, 2 * draws)
    if deviation == 0.5:
        samples = (rng.random(size) < 0.5) * 1.0
    else:
        samples = alignment(rng, size) if mean == MEAN else rng.random(size)
    passages = [
        first_passage(betting_log_capital(samples, end, low=0, high=1, alternative=side), alpha / 2)
        for side, end in (("greater", mean - margin), ("less", mean + margin))
    ]
    assert 0.6 * draws <= np.median(np.maximum(*passages)) <= 1.5 * draws


@pytest.mark.parametrize("alpha", [0.5, LEVEL, 1e-6])
@pytest.mark.parametrize("mean, margin", [(0.5, 0.05), (0.25, 0.01)])
def test_the_estimate_of_draws_is_a_bound_without_fluctuations(mean, margin, alpha):
    draws = draws_needed(margin, 0.0, mean=mean, alpha=alpha, low=0, high=1)
    for size, outcome in ((draws, "HOLDS"), (int(0.8 * draws), "INCONCLUSIVE")):
        interval = confidence_interval(np.full(size, mean), alpha=alpha, low=0, high=1)
        assert equivalence(interval, mean, margin) == outcome


def test_the_estimate_of_draws_in_simple_cases():
    def needed(margin, deviation, mean=0.5, alpha=1e-6, low=0.0, high=1.0):
        return draws_needed(margin, deviation, mean=mean, alpha=alpha, low=low, high=high)

    assert needed(0.1, 0.1) < needed(0.05, 0.1) < needed(0.05, 0.3)
    assert needed(0.1, 0.1, alpha=1e-3) < needed(0.1, 0.1)
    assert needed(0.4, 0.4, mean=1.0, low=-1, high=3) == needed(0.1, 0.1)
    assert needed(0.6, 0.0) == 1  # both ends of the margin lie outside the range
    with pytest.raises(ValueError, match="below what the bets can resolve"):
        needed(1e-5, 0.5)
