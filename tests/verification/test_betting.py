"""Betting tests: exact fairness by enumeration, then calibration, coverage and power."""

import itertools
import subprocess
import sys
from math import exp, log

import numpy as np
import pytest
from scipy import stats

from alignment_theory.verification.betting import (
    betting_log_capital,
    betting_p_value,
    confidence_interval,
    confidence_limits,
    draws_needed,
    equivalence,
)

LEVEL = 0.05
RARE = 1e-6  # probability that a correct module fails one of the counting assertions below
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


def fewest_detections(replicates, power):
    """Count of detections that this power falls short of with probability at most RARE."""
    return int(stats.binom.ppf(RARE, replicates, power))


def first_passage(log_capital, alpha):
    """Draws until the capital reaches 1/alpha, inf where it does not."""
    passed = log_capital >= log(1 / alpha)
    return np.where(passed.any(axis=-1), passed.argmax(axis=-1) + 1.0, np.inf)


def capital_tree(points, span, mean, side, draws=6):
    """Capital (paths, draws) along every sequence of the points, the first draw varying slowest."""
    paths = np.array(list(itertools.product(points, repeat=draws)))
    low, high = span
    return np.exp(betting_log_capital(paths, mean, low=low, high=high, alternative=side))


# --- exact properties -------------------------------------------------------------------------


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


def test_the_two_sides_mirror_each_other_and_the_range_scales_out():
    sample = np.random.default_rng(4).integers(0, 65, 200) / 64  # exact under reflection
    less = betting_log_capital(sample, 0.25, low=0, high=1, alternative="less")
    greater = betting_log_capital(1 - sample, 0.75, low=0, high=1, alternative="greater")
    scaled = betting_log_capital(8 * sample - 2, 0.0, low=-2, high=6, alternative="less")
    np.testing.assert_array_equal(less, greater)
    np.testing.assert_array_equal(less, scaled)


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


def test_p_value_is_the_inverse_of_the_greatest_capital_and_doubles_for_two_sides():
    rng = np.random.default_rng(6)
    for mean in (0.2, 0.26, 0.3, 0.36):
        sample = rng.beta(2, 5, 300)
        p = {}
        for side in SIDES:
            capital = betting_log_capital(sample, mean, low=0, high=1, alternative=side)
            p[side] = betting_p_value(sample, mean, low=0, high=1, alternative=side)
            assert p[side] == pytest.approx(min(1.0, exp(-capital.max())), rel=4 * EPS)
        both = betting_p_value(sample, mean, low=0, high=1)
        assert both == min(1.0, 2 * min(p.values()))


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


# --- false alarms -----------------------------------------------------------------------------


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


# --- power ------------------------------------------------------------------------------------


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


# --- equivalence and errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    "interval, outcome",
    [
        ((0.375, 0.625), "HOLDS"),
        ((0.38, 0.62), "HOLDS"),
        ((0.5, 0.5), "HOLDS"),
        ((0.37, 0.5), "INCONCLUSIVE"),
        ((0.5, 0.63), "INCONCLUSIVE"),
        ((0.0, 1.0), "INCONCLUSIVE"),
        ((0.625, 0.75), "INCONCLUSIVE"),
        ((0.25, 0.375), "INCONCLUSIVE"),
        ((0.63, 0.7), "FAILS"),
        ((0.1, 0.37), "FAILS"),
        ((0.55, 0.45), "INCONCLUSIVE"),
        ((0.9, 0.8), "INCONCLUSIVE"),
    ],
)
def test_equivalence(interval, outcome):
    centred = (interval[0] - 0.5, interval[1] - 0.5)
    assert equivalence(interval, 0.5, 0.125) == outcome
    assert equivalence(centred, 0.0, 0.125) == outcome


def test_drifting_draws_leave_no_mean():
    drift = np.concatenate([np.full(2000, 0.2), np.full(2000, 0.8)])
    lower, upper = confidence_interval(drift, alpha=1e-6, low=0, high=1)
    assert lower > upper
    assert equivalence((lower, upper), 0.2, 0.5) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "sample, message",
    [
        ([0.5, 1.5], r"\[0.0, 1.0\], got 1.5 at index \(1,\)"),
        ([[0.5, 0.5], [-1e-9, 0.5]], r"got -1e-09 at index \(1, 0\)"),
        ([0.5, np.nan], r"got nan at index \(1,\)"),
        ([], "at least one draw"),
        (0.5, "at least one draw"),
    ],
)
def test_samples_that_are_refused(sample, message):
    with pytest.raises(ValueError, match=message):
        betting_log_capital(sample, 0.5, low=0.0, high=1.0, alternative="less")
    with pytest.raises(ValueError, match=message):
        confidence_limits(sample, alpha=LEVEL, low=0.0, high=1.0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: betting_log_capital(x, 0.5, low=1, high=1, alternative="less"), "low < high"),
        (lambda x: betting_log_capital(x, np.nan, low=0, high=1, alternative="less"), "mean"),
        (lambda x: betting_log_capital(x, 0.5, low=0, high=1, alternative="more"), "'more'"),
        (lambda x: betting_p_value([x, x], 0.5, low=0, high=1), r"shape \(n,\), got \(2, 2\)"),
        (lambda x: betting_p_value(x, 0.5, low=0, high=1, alternative="both"), "'both'"),
        (lambda x: confidence_interval(x, alpha=0.0, low=0, high=1), "alpha"),
        (lambda x: confidence_interval(x, alpha=1.0, low=0, high=1), "alpha"),
        (lambda x: confidence_interval([x, x], alpha=0.1, low=0, high=1), r"\(n,\), got \(2, 2\)"),
        (lambda x: confidence_interval(x, alpha=0.1, low=0, high=np.inf), "finite range"),
        (lambda x: equivalence((0.0, 1.0), 0.5, -0.1), "margin of at least 0"),
        (lambda x: equivalence((np.nan, 1.0), 0.5, 0.1), "expected numbers"),
        (lambda x: draws_needed(0, 0.1, mean=0.5, alpha=0.1, low=0, high=1), "margin > 0"),
        (lambda x: draws_needed(0.1, -1, mean=0.5, alpha=0.1, low=0, high=1), "deviation >= 0"),
        (lambda x: draws_needed(0.1, 0.1, mean=2, alpha=0.1, low=0, high=1), "a mean in"),
    ],
)
def test_arguments_that_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call([0.2, 0.4])


def test_importing_the_statistics_does_not_load_scipy():
    code = (
        "import sys, alignment_theory.verification.statistics; "
        "sys.exit(any(m.startswith('scipy') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
