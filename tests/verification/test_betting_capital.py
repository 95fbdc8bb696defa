"""The capital of the bets: exact fairness by enumeration, symmetries, ends of the range."""

import itertools
from math import log

import numpy as np
import pytest

from alignment_theory.verification.betting import (
    betting_log_capital,
    betting_p_value,
)

LEVEL = 0.05
EPS = float(np.finfo(np.float64).eps)
SIDES = ("greater", "less")

# Points and probabilities of laws on a range (low, high).
FINITE_LAWS = {
    "coin": ((0.0, 1.0), (0.5, 0.5), (0.0, 1.0)),
    "rare": ((0.0, 1.0), (0.99, 0.01), (0.0, 1.0)),
    "often": ((0.0, 1.0), (0.01, 0.99), (0.0, 1.0)),
    "inner": ((0.2, 0.3, 0.9), (0.5, 0.3, 0.2), (0.0, 1.0)),
    "cosine": ((-1.0, 0.25, 1.0), (0.3, 0.3, 0.4), (-1.0, 1.0)),
    "wide": ((-2.0, 0.0, 5.0), (0.6, 0.3, 0.1), (-3.0, 5.0)),
}


def capital_tree(points, span, mean, side, draws=6):
    """Capital (paths, draws) along every sequence of the points, the first draw varying slowest."""
    paths = np.array(list(itertools.product(points, repeat=draws)))
    low, high = span
    return np.exp(betting_log_capital(paths, mean, low=low, high=high, alternative=side))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("law", FINITE_LAWS)
def test_capital_is_a_martingale_from_one_that_cannot_see_the_next_draw(law, side):
    points, probabilities, span = FINITE_LAWS[law]
    tree = capital_tree(points, span, float(np.dot(points, probabilities)), side)
    assert np.isfinite(tree).all() and (tree > 0).all()
    before = np.ones(1)
    for t in range(tree.shape[1]):
        now = tree[:, t].reshape(len(points) ** (t + 1), -1)  # (prefix, future)
        np.testing.assert_array_equal(now, np.broadcast_to(now[:, :1], now.shape))
        now = now[:, 0]
        fair = now.reshape(-1, len(points)) @ np.array(probabilities)
        np.testing.assert_allclose(fair, before, rtol=64 * tree.shape[1] * EPS)
        before = now


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("law", FINITE_LAWS)
def test_capital_falls_on_average_inside_the_hypothesis(law, side):
    points, probabilities, span = FINITE_LAWS[law]
    true = float(np.dot(points, probabilities))
    shift = 0.05 * (span[1] - span[0])
    mean = min(true + shift, span[1]) if side == "greater" else max(true - shift, span[0])
    tree = capital_tree(points, span, mean, side)
    weights = np.prod(list(itertools.product(probabilities, repeat=tree.shape[1])), axis=1)
    assert (np.diff(weights @ tree, prepend=1.0) < 0).all()


@pytest.mark.parametrize("alternative", [*SIDES, "two-sided"])
@pytest.mark.parametrize("p", [0.05, 0.3, 0.5])
def test_exact_false_alarm_probability_under_a_bernoulli_law(p, alternative):
    draws, sides = 400, SIDES if alternative == "two-sided" else (alternative,)
    staircase = np.tril(np.ones((draws + 1, draws)), -1)  # row s: s ones, then zeros
    rejected = np.zeros((draws + 1, draws), dtype=bool)
    for side in sides:
        table = betting_log_capital(staircase, p, low=0, high=1, alternative=side)
        shuffled = np.random.default_rng(1).permuted(staircase, axis=1)
        end = betting_log_capital(shuffled, p, low=0, high=1, alternative=side)[:, -1]
        np.testing.assert_allclose(end, table[:, -1], atol=draws * 64 * EPS, rtol=draws * EPS)
        rejected |= table >= log(len(sides) / LEVEL)
    alive, alarms = np.zeros(draws + 1), 0.0
    alive[0] = 1.0
    for t in range(draws):
        alive[1:] = alive[1:] * (1 - p) + alive[:-1] * p
        alive[0] *= 1 - p
        alarms += alive[rejected[:, t]].sum()
        alive[rejected[:, t]] = 0.0
    assert alarms + alive.sum() == pytest.approx(1.0)
    assert 0 < alarms <= LEVEL


@pytest.mark.parametrize("side", SIDES)
def test_running_capital_of_a_prefix_is_the_prefix_of_the_running_capital(side):
    sample = np.random.default_rng(2).beta(2, 5, 50)
    whole = betting_log_capital(sample, 0.3, low=0, high=1, alternative=side)
    for n in (1, 2, 7, 49):
        part = betting_log_capital(sample[:n], 0.3, low=0, high=1, alternative=side)
        np.testing.assert_array_equal(part, whole[:n])


def test_no_sample_ruins_the_bettor():
    hostile = np.stack(
        [np.zeros(300), np.ones(300), np.tile([0.0, 1.0], 150), np.arange(300) % 3 / 2]
    )
    for side, mean in itertools.product(SIDES, (1e-300, 1e-9, 0.01, 0.5, 0.99, 1 - 1e-9)):
        capital = betting_log_capital(hostile, mean, low=0, high=1, alternative=side)
        assert not np.isnan(capital).any()
        assert (capital > -np.inf).all()


def test_the_two_sides_mirror_each_other_and_the_range_scales_out():
    sample = np.random.default_rng(4).integers(0, 65, 200) / 64  # exact under reflection
    less = betting_log_capital(sample, 0.25, low=0, high=1, alternative="less")
    greater = betting_log_capital(1 - sample, 0.75, low=0, high=1, alternative="greater")
    scaled = betting_log_capital(8 * sample - 2, 0.0, low=-2, high=6, alternative="less")
    np.testing.assert_array_equal(less, greater)
    np.testing.assert_array_equal(less, scaled)


@pytest.mark.parametrize("mean, refuted", [(-0.5, True), (0.0, True), (1.0, False), (1.5, False)])
def test_means_at_and_beyond_the_ends_of_the_range(mean, refuted):
    sample = np.full(5, 0.4)
    for side, end in (("greater", mean), ("less", 1 - mean)):
        values = sample if side == "greater" else 1 - sample
        capital = betting_log_capital(values, end, low=0, high=1, alternative=side)
        assert (capital == np.inf).all() if refuted else (capital <= 0).all()
        p = betting_p_value(values, end, low=0, high=1, alternative=side)
        assert p == (0.0 if refuted else 1.0)


def test_a_sample_at_the_end_of_the_range_does_not_refute_that_end():
    zeros = np.zeros(1000)
    for alternative in (*SIDES, "two-sided"):
        assert betting_p_value(zeros, 0.0, low=0, high=1, alternative=alternative) == 1.0
        assert betting_p_value(1 - zeros, 1.0, low=0, high=1, alternative=alternative) == 1.0
    assert betting_p_value(zeros, 0.0, low=-1, high=1) == 1.0
    capital = betting_log_capital(zeros, 0.0, low=0, high=1, alternative="greater")
    np.testing.assert_allclose(capital, 0.0, atol=64 * EPS)
    late = np.append(zeros, 1e-12)
    assert betting_p_value(late, 0.0, low=0, high=1, alternative="greater") == 0.0
