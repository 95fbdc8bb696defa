"""Tests of laws and of many tests: calibration on true claims, power on planted errors."""

import itertools
from math import log, sqrt

import numpy as np
import pytest
from scipy import stats

from alignment_theory.verification.betting import betting_p_value
from alignment_theory.verification.statistics import (
    clopper_pearson,
    dkw_halfwidth,
    holm,
    two_sample_ks,
    uniformity,
)

LEVEL, STRICT = 0.05, 1e-6
RARE = 1e-6  # probability that a correct module fails one of the counting assertions below
DEGREES = 100  # of the chi-squared law whose PIT is tested


def most_alarms(replicates, rate):
    """Count of alarms that a rate this high exceeds with probability at most RARE."""
    return int(stats.binom.isf(RARE, replicates, rate))


def fewest_detections(replicates, power):
    """Count of detections that this power falls short of with probability at most RARE."""
    return int(stats.binom.ppf(RARE, replicates, power))


def pit(law, seed, size):
    """PIT values that claim chi-squared with DEGREES, of draws from another law."""
    return stats.chi2.cdf(law.rvs(size=size, random_state=np.random.default_rng(seed)), DEGREES)


def sup_distance(law):
    """Greatest difference between a law's distribution function and the claimed one."""
    x = np.linspace(*stats.chi2.ppf([1e-9, 1 - 1e-9], DEGREES), 100_001)
    return float(np.abs(law.cdf(x) - stats.chi2.cdf(x, DEGREES)).max())


MORE_DEGREES = stats.chi2(DEGREES + 1)
FEWER_DEGREES = stats.chi2(DEGREES - 1)
WIDER = stats.chi2(DEGREES, loc=DEGREES * (1 - sqrt(1.1)), scale=sqrt(1.1))  # variance + 10 %
RESCALED = stats.chi2(DEGREES, scale=1.001)


# --- uniformity -------------------------------------------------------------------------------


def test_uniform_values_raise_alarms_at_most_at_the_nominal_rate():
    rng, replicates = np.random.default_rng(1), 1000
    results = [uniformity(rng.random(150), alpha=LEVEL) for _ in range(replicates)]
    for name in ("p_value", "ks_p_value", "mean_p_value", "spread_p_value"):
        alarms = sum(getattr(result, name) <= LEVEL for result in results)
        assert alarms <= most_alarms(replicates, LEVEL), name
    exact = sum(result.ks_p_value <= LEVEL for result in results)
    assert exact >= fewest_detections(replicates, LEVEL)  # the KS p-value is exact


@pytest.mark.parametrize("law", [MORE_DEGREES, FEWER_DEGREES], ids=["df+1", "df-1"])
def test_a_wrong_degree_of_freedom_is_refuted_twice_at_20_000_draws(law):
    for seed in range(5):
        result = uniformity(pit(law, seed, 20_000), alpha=STRICT)
        assert max(result.ks_p_value, result.mean_p_value) <= STRICT / 3
        assert result.p_value <= STRICT


def test_a_wrong_variance_is_refuted_by_betting_at_20_000_draws_and_by_ks_at_200_000():
    for seed in range(5):
        result = uniformity(pit(WIDER, seed, 20_000), alpha=STRICT)
        assert result.spread_p_value <= STRICT / 3 and result.p_value <= STRICT
    large = uniformity(pit(WIDER, 5, 200_000), alpha=STRICT)
    assert large.ks_p_value <= STRICT / 3


def test_what_2000_draws_cannot_refute_lies_below_the_stated_resolution():
    for law in (MORE_DEGREES, FEWER_DEGREES, WIDER, RESCALED):
        results = [uniformity(pit(law, seed, 2000), alpha=STRICT) for seed in range(5)]
        assert max(result.p_value for result in results) > STRICT
        assert sup_distance(law) < results[0].resolution
    assert sup_distance(RESCALED) < uniformity(pit(RESCALED, 0, 20_000), alpha=STRICT).resolution


def test_an_error_of_the_size_of_the_resolution_is_detected_with_the_stated_power():
    n, replicates = 400, 400
    resolution = uniformity(np.linspace(0, 1, n), alpha=LEVEL).resolution
    expected = sqrt(log(6 / LEVEL) / (2 * n)) + sqrt(log(2 / LEVEL) / (2 * n))
    assert resolution == pytest.approx(expected)
    rng, detected = np.random.default_rng(2), 0
    for u in rng.random((replicates, n)):
        moved = np.where((u > 0.5) & (u < 0.5 + resolution), u - resolution, u)
        detected += uniformity(moved, alpha=LEVEL).p_value <= LEVEL  # off by resolution at 1/2
    assert detected >= fewest_detections(replicates, 1 - LEVEL)


@pytest.mark.parametrize(
    "u, strongest",
    [
        (np.random.default_rng(3).beta(1.1, 1.0, 500), 0),
        (pit(MORE_DEGREES, 3, 20_000), 1),
        (pit(WIDER, 3, 20_000), 2),
    ],
    ids=["distance", "mean", "spread"],
)
def test_the_parts_of_the_uniformity_test(u, strongest):
    result, n = uniformity(u, alpha=0.01), u.size
    order, rank = np.sort(u), np.arange(n + 1) / n
    distance = max((rank[1:] - order).max(), (order - rank[:-1]).max())
    assert (result.size, result.alpha) == (n, 0.01)
    assert result.statistic == pytest.approx(distance)
    assert result.ks_p_value == pytest.approx(stats.kstwo.sf(distance, n))
    assert result.mean_p_value == betting_p_value(u, 0.5, low=0, high=1)
    squares = (u - 0.5) ** 2
    assert result.spread_p_value == betting_p_value(squares, 1 / 12, low=0, high=0.25)
    parts = (result.ks_p_value, result.mean_p_value, result.spread_p_value)
    assert np.argmin(parts) == strongest
    assert result.p_value == min(1.0, 3 * parts[strongest])


def test_single_values_and_the_ends_are_accepted():
    assert uniformity([0.3], alpha=LEVEL).resolution == 1.0
    assert uniformity([0.0, 1.0], alpha=LEVEL).p_value == 1.0
    assert uniformity(np.zeros(60), alpha=LEVEL).p_value <= STRICT


# --- two samples ------------------------------------------------------------------------------


def test_two_samples_of_one_law_raise_alarms_at_the_nominal_rate():
    rng, replicates = np.random.default_rng(4), 1000
    alarms = sum(
        two_sample_ks(rng.normal(size=200), rng.normal(size=150), alpha=LEVEL).p_value <= LEVEL
        for _ in range(replicates)
    )
    assert alarms <= most_alarms(replicates, LEVEL)
    assert alarms > 0


def test_two_laws_apart_by_the_resolution_are_told_apart():
    n, replicates = 300, 200
    rng, detected = np.random.default_rng(5), 0
    resolution = two_sample_ks(np.arange(n), np.arange(n), alpha=LEVEL).resolution
    assert resolution == pytest.approx(4 * sqrt(log(4 / LEVEL) / (2 * n)))
    for a, b in rng.random((replicates, 2, n)):
        moved = np.where((b > 0.5) & (b < 0.5 + resolution), b - resolution, b)
        detected += two_sample_ks(a, moved, alpha=LEVEL).p_value <= LEVEL
    assert detected >= fewest_detections(replicates, 1 - LEVEL)


def test_two_sample_fields():
    result = two_sample_ks([1, 2, 3, 4.0], [3.5, 5, 6], alpha=LEVEL)
    assert result.sizes == (4, 3)
    assert result.statistic == pytest.approx(0.75)
    # Of the 35 orders of the ranks, those with a distance of at least 3/4.
    distances = []
    for chosen in itertools.combinations(range(7), 4):
        member = np.isin(np.arange(7), chosen)
        distances.append(np.abs(np.cumsum(np.where(member, 1 / 4, -1 / 3))).max())
    assert result.p_value == pytest.approx(np.mean(np.array(distances) > 0.74))
    assert result.resolution == 1.0


# --- DKW, Holm, Clopper-Pearson ---------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.2, LEVEL, 1e-3, STRICT])
@pytest.mark.parametrize("n", [1, 2, 5, 20, 100, 1000, 100_000])
def test_dkw_bounds_the_exact_law_of_the_distance_and_is_near_it(n, alpha):
    width = dkw_halfwidth(n, alpha)
    exceeded = stats.kstwo.sf(width, n)
    assert exceeded <= alpha
    if n >= 1000:  # the first correction to the limit law is of relative size 1/(6 sqrt(n) width)
        assert stats.kstwo.isf(alpha, n) >= width * (1 - 1 / (3 * n * width))


def closed_bonferroni(p_values):
    """Adjust by the closure principle: each hypothesis over every set of tests it is in."""
    indices = range(len(p_values))
    adjusted = np.zeros(len(p_values))
    for size in range(1, len(p_values) + 1):
        for subset in itertools.combinations(indices, size):
            joint = min(1.0, size * min(p_values[i] for i in subset))
            adjusted[list(subset)] = np.maximum(adjusted[list(subset)], joint)
    return adjusted


def test_holm_is_the_closure_of_bonferroni():
    rng = np.random.default_rng(6)
    for size in range(1, 8):
        for p_values in (rng.random(size) ** 3, rng.integers(0, 4, size) / 16):
            np.testing.assert_allclose(holm(p_values), closed_bonferroni(p_values), rtol=1e-15)


def test_holm_by_hand():
    adjusted = holm([0.04, 0.01, 0.5, 0.01])
    np.testing.assert_allclose(adjusted, [0.08, 0.04, 0.5, 0.04], rtol=1e-15)
    assert holm([]).shape == (0,)
    assert holm([0.7, 0.9]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("true", [1, 4, 12])
def test_holm_keeps_the_family_wise_error(true):
    rng, replicates, family = np.random.default_rng(7), 4000, 12
    p_values = rng.random((replicates, family))
    p_values[:, true:] *= 1e-6  # false hypotheses, found out
    wrong = sum((holm(row)[:true] <= LEVEL).any() for row in p_values)
    assert wrong <= most_alarms(replicates, LEVEL)
    exact = 1 - (1 - LEVEL / true) ** true  # at least this often, as the others are rejected
    assert wrong >= fewest_detections(replicates, exact)


def test_clopper_pearson():
    assert clopper_pearson(60, 60, confidence=0.9)[0] == pytest.approx(0.05 ** (1 / 60))
    assert clopper_pearson(0, 40) == pytest.approx((0.0, 1 - 0.025 ** (1 / 40)))
    trials = 30
    limits = [clopper_pearson(k, trials) for k in range(trials + 1)]
    for p in np.linspace(0.01, 0.99, 50):
        covered = np.array([lower <= p <= upper for lower, upper in limits])
        assert stats.binom.pmf(np.arange(trials + 1), trials, p)[covered].sum() >= 0.95


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: uniformity([], alpha=LEVEL), r"u: expected shape \(n,\)"),
        (lambda: uniformity([[0.5]], alpha=LEVEL), r"got \(1, 1\)"),
        (lambda: uniformity([0.5, 1.01], alpha=LEVEL), r"got 1.01 at index \(1,\)"),
        (lambda: uniformity([0.5, np.nan], alpha=LEVEL), r"u: .* nan at index \(1,\)"),
        (lambda: uniformity([0.5], alpha=0.0), "alpha"),
        (lambda: two_sample_ks([1.0], [], alpha=LEVEL), "b: expected shape"),
        (lambda: two_sample_ks([1.0, np.inf], [1.0], alpha=LEVEL), "a: .* inf"),
        (lambda: two_sample_ks([1.0], [1.0], alpha=2), "alpha"),
        (lambda: dkw_halfwidth(0, 0.1), "at least one draw"),
        (lambda: dkw_halfwidth(3, 1.0), "alpha"),
        (lambda: holm([0.1, 1.2]), "got 1.2 at index 1"),
        (lambda: holm([0.1, -0.2]), "got -0.2 at index 1"),
        (lambda: holm([np.nan]), "p_values: .* nan"),
        (lambda: holm([[0.1]]), r"shape \(m,\), got \(1, 1\)"),
        (lambda: clopper_pearson(1, 0), "got 1 of 0"),
        (lambda: clopper_pearson(-1, 5), "got -1 of 5"),
        (lambda: clopper_pearson(6, 5), "got 6 of 5"),
        (lambda: clopper_pearson(1, 5, confidence=1.0), "confidence"),
    ],
)
def test_arguments_that_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
