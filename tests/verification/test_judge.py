"""From evidence to outcomes: each kind of claim, right and wrong."""

import numpy as np
import pytest

from alignment_theory.verification.comparisons import Comparison, judge_comparisons
from alignment_theory.verification.judge import (
    ALPHA,
    Sample,
    judge_law,
    judge_means,
    judge_two_samples,
    settle,
)
from alignment_theory.verification.verdict import Outcome, Verdict


def comparison(difference, *, bound=1e-12, scale=1.0, low_only=False, size=100):
    left = np.full(size, 1.0)
    left[size // 2] += difference
    right, full = np.full(size, 1.0), np.ones(size)
    return Comparison("case", left, right, bound * full, scale * full, low_only)


def judged(*comparisons):
    return judge_comparisons("some-id", "somewhere", comparisons)


def test_identity_holds_within_rounding():
    verdict = judged(comparison(1e-13))
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.live_trials == verdict.trials == 100
    assert "1.0e-12" in verdict.resolution


@pytest.mark.parametrize("difference", [2e-12, -2e-12, np.nan])
def test_one_difference_refutes_an_identity_with_a_witness(difference):
    verdict = judged(comparison(0.0), comparison(difference))
    assert verdict.outcome is Outcome.FAILS
    assert "case at (50,)" in verdict.witness


def test_inequality_is_refuted_on_one_side_only():
    assert judged(comparison(2.0, low_only=True)).outcome is Outcome.HOLDS
    assert judged(comparison(-2e-12, low_only=True)).outcome is Outcome.FAILS


@pytest.mark.parametrize(
    "dead", [{"scale": 0.0}, {"bound": 1.0}, {"size": 49}], ids=["all zero", "no bound", "few"]
)
def test_identity_that_nothing_could_refute_is_vacuous(dead):
    assert judged(comparison(0.0, **dead)).outcome is Outcome.VACUOUS


def test_identity_without_any_comparison_is_vacuous():
    assert judged().outcome is Outcome.VACUOUS


def sample(mean, *, predicted=0.3, margin=0.02, size=4000, dead=0.0, slack=0.0):
    rng = np.random.default_rng(5)
    draws = rng.beta(40 * mean, 40 * (1 - mean), size)
    draws[: int(dead * size)] = np.nan
    return Sample("rung", draws, predicted, margin, 0.0, 1.0, slack)


def judged_mean(*samples):
    return judge_means("some-id", "somewhere", "E", samples)


def test_mean_within_the_margin_holds():
    verdict = judged_mean(sample(0.3), sample(0.3))
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.interval[0] <= 0.3 <= verdict.interval[1]
    assert "6.7%" in verdict.resolution


def test_mean_outside_the_margin_fails_and_the_worst_rung_speaks():
    verdict = judged_mean(sample(0.3), sample(0.36))
    assert verdict.outcome is Outcome.FAILS
    assert verdict.observed == pytest.approx(0.36, abs=0.01)
    assert verdict.p_value < ALPHA


def test_mean_with_too_little_evidence_is_inconclusive():
    assert judged_mean(sample(0.3, size=60)).outcome is Outcome.INCONCLUSIVE


def test_slack_widens_what_the_statement_leaves_open():
    assert judged_mean(sample(0.33)).outcome is not Outcome.HOLDS
    assert judged_mean(sample(0.33, slack=0.03)).outcome is Outcome.HOLDS


def test_mean_of_dead_trials_is_vacuous_and_counted():
    verdict = judged_mean(sample(0.3, dead=0.9))
    assert verdict.outcome is Outcome.VACUOUS
    assert (verdict.trials, verdict.live_trials) == (4000, 400)


def judged_law(p_values, coarsest=0.05):
    return judge_law("some-id", "somewhere", "p", p_values, coarsest=coarsest)


def test_uniform_p_values_hold():
    p_values = np.random.default_rng(1).uniform(size=20_000)
    verdict = judged_law(p_values)
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.interval[0] < 0.5 < verdict.interval[1]


def test_p_values_of_another_law_fail():
    p_values = np.random.default_rng(1).uniform(size=20_000) ** 1.1
    assert judged_law(p_values).outcome is Outcome.FAILS


def test_law_that_the_sample_cannot_resolve_is_inconclusive():
    p_values = np.random.default_rng(1).uniform(size=2000)
    assert judged_law(p_values, coarsest=0.05).outcome is Outcome.INCONCLUSIVE


def test_law_on_dead_trials_is_vacuous():
    assert judged_law(np.full(1000, np.nan)).outcome is Outcome.VACUOUS


def verdict(p_value, outcome):
    return Verdict("id", "", outcome, "", 0.0, 0.0, (0.0, 0.0), 1, 1, "", p_value=p_value)


def test_holm_keeps_what_survives_and_withdraws_what_does_not():
    strong, weak = verdict(1e-12, Outcome.FAILS), verdict(6e-7, Outcome.FAILS)
    sure, fine = verdict(1.0, Outcome.FAILS), verdict(0.4, Outcome.HOLDS)
    outcomes = [found.outcome for found in settle([strong, weak, sure, fine])]
    assert outcomes == [Outcome.FAILS, Outcome.INCONCLUSIVE, Outcome.FAILS, Outcome.HOLDS]


def test_json_has_no_number_that_json_lacks():
    found = Verdict("id", "", Outcome.VACUOUS, "", 0.0, np.nan, (-np.inf, np.nan), 1, 0, "")
    record = found.as_json()
    assert record["observed"] is None and record["interval"] == [None, None]
    assert record["outcome"] == "VACUOUS"


def two_samples(one, other, coarsest=0.2):
    return judge_two_samples("some-id", "somewhere", "u", one, other, coarsest=coarsest)


def columns(seed, power=1.0, dead=0.0, size=6000):
    rng = np.random.default_rng(seed)
    draws = rng.uniform(size=(size, 2)) ** np.array([1.0, power])
    draws[rng.uniform(size=size) < dead] = np.nan
    return draws


def test_samples_of_one_law_hold_also_where_some_draws_are_dead():
    assert two_samples(columns(1), columns(2)).outcome is Outcome.HOLDS
    verdict = two_samples(columns(1, dead=0.3), columns(2, dead=0.3))
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.live_trials < verdict.trials


def test_samples_that_differ_in_one_column_or_in_their_dead_share_fail():
    assert two_samples(columns(1), columns(2, power=1.5)).outcome is Outcome.FAILS
    assert two_samples(columns(1, dead=0.2), columns(2, dead=0.3)).outcome is Outcome.FAILS


def test_few_or_dead_samples_say_nothing():
    assert two_samples(columns(1, size=300), columns(2)).outcome is Outcome.INCONCLUSIVE
    assert two_samples(columns(1, dead=0.999), columns(2)).outcome is Outcome.VACUOUS
