"""The multiplied capital against the sum of logarithms that defines it, and room for rounding."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignment_theory.verification import betting
from alignment_theory.verification.betting import (
    betting_log_capital,
    betting_p_value,
    confidence_limits,
)

UNIT = 2.0**-53
ULPS = 4  # NumPy's own tests allow its vectorised log1p, exp and log this error
SIDES = ("greater", "less")
LAWS = {
    "uniform": lambda rng, n: rng.random(n),
    "narrow": lambda rng, n: rng.beta(35, 108, n),
    "coin": lambda rng, n: (rng.random(n) < 0.3) * 1.0,
    "ends": lambda rng, n: rng.integers(0, 3, n) / 2,
    "skewed": lambda rng, n: rng.beta(0.05, 5, n),
    "zeros": lambda rng, n: np.zeros(n),
    "ones": lambda rng, n: np.ones(n),
    "drift": lambda rng, n: np.where(np.arange(n) < n // 2, 0.1, 0.9),
    "back and forth": lambda rng, n: np.where(np.arange(n) < n // 2, 0.28, 0.32),
}
MEANS = (1.0, 0.7, 0.3, 0.29, 0.05, 1e-9, 1e-80, 1.5)


def rounding(outcomes, mean):
    """Bound on ``|fast - defined|`` of the greatest log capital, to first order in the unit u.

    Both compute the same bets x. Multiplying errs by ``2 n + 11`` u, its weights by 4 u, its log
    by 3 roundings. Adding logs errs by ``2 ULPS u |log1p x|`` a draw, by u times every partial sum,
    and in each of the 11 ``log(exp + exp)`` by at most ``(2 + 4 ULPS) u`` and u times the result.
    Errors of the fractions count by their shares.
    """
    n = len(outcomes)
    gain = outcomes / mean - 1
    logs = np.log1p(betting._FRACTIONS[:, None] * gain)
    sums = np.cumsum(logs, axis=-1)
    parts = sums + betting._LOG_WEIGHTS[:, None]
    shares = np.exp(parts - parts.max(axis=0))
    shares /= shares.sum(axis=0)
    summed = np.cumsum(2 * ULPS * np.abs(logs) + np.abs(sums), axis=-1) + np.abs(parts) + 16
    total = np.abs(parts.max(axis=0)) + 4
    adding = (shares * summed).sum(axis=0) + 11 * (2 + 4 * ULPS + total)
    multiplying = 2 * n + 11 + 4 + 3 * (1 + total)
    return 1.01 * UNIT * (adding + multiplying).max()


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 700, 20_000])
def test_greatest_capital_is_that_of_the_definition(law, n):
    outcomes = LAWS[law](np.random.default_rng(n), n)
    for mean in MEANS:
        fast = betting._greatest_log_capital(outcomes, mean)
        defined = betting._log_capital(outcomes, np.array(mean)).max()
        assert abs(fast - defined) <= rounding(outcomes, mean)


@pytest.mark.parametrize(
    "levels, lengths",
    [((0.21, 0.39), (2200, 4000)), ((0.0, 1.0), (250, 2500))],
    ids=["slowly", "within a few blocks"],
)
def test_the_greatest_fraction_falls_below_the_least_float_and_returns(levels, lengths):
    outcomes = np.repeat(levels, lengths)
    bets = betting._FRACTIONS[:, None] * (outcomes / 0.3 - 1)
    earned = np.cumsum(np.log1p(bets), axis=-1)
    assert earned[0].min() < -1075 * math.log(2) < -1 < earned[-1].min()
    assert earned[:, -1].argmax() == 0
    fast = betting._greatest_log_capital(outcomes, 0.3)
    defined = betting._log_capital(outcomes, np.array(0.3)).max()
    assert abs(fast - defined) <= rounding(outcomes, 0.3)


@given(
    outcomes=hnp.arrays(np.float64, st.integers(1, 80), elements=st.floats(0, 1)),
    mean=st.one_of(st.sampled_from(MEANS), st.floats(1e-6, 1)),
)
def test_greatest_capital_is_that_of_the_definition_for_any_draws(outcomes, mean):
    fast = betting._greatest_log_capital(outcomes, mean)
    defined = betting._log_capital(outcomes, np.array(mean)).max()
    assert abs(fast - defined) <= rounding(outcomes, mean)


@pytest.mark.parametrize("mean", [0.0, -0.0, -1.0, 5e-324, 1e-310, 1e-200, 1e-77, 1e-76])
def test_greatest_capital_against_means_at_the_end_of_the_range(mean):
    for outcomes in (np.zeros(3), np.ones(3), np.array([0.0, 0.0, 5e-324]), np.full(1, 0.5)):
        fast = betting._greatest_log_capital(outcomes, mean)
        defined = betting._log_capital(outcomes, np.array(mean)).max()
        assert fast == pytest.approx(defined, rel=32 * UNIT, abs=32 * UNIT)


def test_p_value_is_the_inverse_of_the_greatest_capital_and_doubles_for_two_sides():
    rng = np.random.default_rng(6)
    for mean in (0.2, 0.26, 0.3, 0.36):
        sample = rng.beta(2, 5, 300)
        p = {}
        for side in SIDES:
            capital = betting_log_capital(sample, mean, low=0, high=1, alternative=side)
            p[side] = betting_p_value(sample, mean, low=0, high=1, alternative=side)
            bets = (sample, mean) if side == "greater" else (1 - sample, 1 - mean)
            slack = rounding(*bets) + 4 * UNIT
            assert p[side] == pytest.approx(min(1.0, math.exp(-capital.max())), rel=slack)
        both = betting_p_value(sample, mean, low=0, high=1)
        assert both == min(1.0, 2 * min(p.values()))


def bisected(outcomes, threshold):
    """Return the lower ends of samples by bisection over the capital as it is defined."""
    steps = math.ceil(math.log2(outcomes.shape[-1])) + 11
    rejected, kept = np.zeros(outcomes.shape[:-1]), np.ones(outcomes.shape[:-1])
    for _ in range(steps):
        middle = (rejected + kept) / 2
        lost = betting._log_capital(outcomes, middle).max(axis=-1) >= threshold
        rejected, kept = np.where(lost, middle, rejected), np.where(lost, kept, middle)
    return np.maximum(rejected - 2.0**-steps, 0.0)


@pytest.mark.parametrize("alpha", [0.9, 0.05, 1e-6, 1e-300])
@pytest.mark.parametrize("law", LAWS)
def test_limits_are_those_of_bisection_over_the_definition(law, alpha):
    """Exactly: a cell of the grid changes the capital far more than rounding does."""
    for shape in ((1,), (3, 2), (2, 5, 40), (3, 333)):
        size, n = math.prod(shape), shape[-1]
        rows = [LAWS[law](np.random.default_rng(seed), n) for seed in range(size // n)]
        outcomes = np.reshape(rows, shape)
        lower, upper = confidence_limits(outcomes, alpha=alpha, low=0.0, high=1.0)
        assert lower.shape == upper.shape == shape[:-1]
        threshold = math.log(2 / alpha)
        np.testing.assert_array_equal(lower, bisected(outcomes, threshold))
        np.testing.assert_array_equal(upper, 1 - bisected(1 - outcomes, threshold))


@pytest.mark.parametrize("order", ["C", "F"])
def test_limits_do_not_depend_on_the_layout_of_a_batch(order):
    batch = np.random.default_rng(0).random((4, 50))
    limits = confidence_limits(np.array(batch, order=order), alpha=0.1, low=0, high=1)
    strided = confidence_limits(np.repeat(batch, 2, axis=1)[:, ::2], alpha=0.1, low=0, high=1)
    np.testing.assert_array_equal(limits, confidence_limits(batch, alpha=0.1, low=0, high=1))
    np.testing.assert_array_equal(limits, strided)


@given(
    outcomes=hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)),
    mean=st.floats(0.001, 1),
    step=st.sampled_from([2.0**-12, 2.0**-16, 2.0**-20]),
)
def test_a_step_outward_raises_the_capital_by_what_rounding_is_given(outcomes, mean, step):
    """By ``s t f / 8`` for the least fraction f where K_t >= 2, and by a factor ``1 + s``."""
    before = betting._log_capital(outcomes, np.array(mean))
    after = betting._log_capital(outcomes, np.array(mean - step))
    rich = before >= math.log(2)
    draws = np.arange(1, len(outcomes) + 1)
    slack = rounding(outcomes, mean) + rounding(outcomes, mean - step)
    rise = after - before + 2 * slack
    assert (rise >= step * draws * betting._FRACTIONS.min() / 8)[rich].all()
    assert (rise >= step * before)[rich].all()
