"""The search for the greatest mean that the bets refute: bisection's answer, in fewer trials."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignment_theory.kernels.betting import greatest_log_capital, greatest_refuted
from alignment_theory.verification.betting import _FRACTIONS as LADDER
from alignment_theory.verification.betting import _WEIGHTS as WEIGHTS

units = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 2.0**-30]), st.floats(0, 1))


def bisected(outcomes, threshold):
    """Return the greatest refuted mean of the grid by plain bisection."""
    steps = math.ceil(math.log2(outcomes.size)) + 11
    refuted, kept = 0.0, 1.0
    for _ in range(steps):
        middle = (refuted + kept) / 2
        lost = greatest_log_capital(outcomes, middle, LADDER, WEIGHTS)[0] >= threshold
        refuted, kept = (middle, kept) if lost else (refuted, middle)
    return refuted, 2.0**-steps


SAMPLES = {
    "zeros": lambda rng, n: np.zeros(n),
    "ones": lambda rng, n: np.ones(n),
    "the least float": lambda rng, n: np.full(n, 5e-324),
    "constant": lambda rng, n: np.full(n, 0.3),
    "narrow": lambda rng, n: 0.5 + 1e-6 * rng.uniform(-1, 1, n),
    "uniform": lambda rng, n: rng.random(n),
    "coin": lambda rng, n: (rng.random(n) < 0.5) * 1.0,
    "alignment": lambda rng, n: rng.beta(35, 108, n),
    "rare": lambda rng, n: (rng.random(n) < 1e-3) * 1.0,
    "skewed": lambda rng, n: rng.beta(0.5, 50, n),
    "drift": lambda rng, n: np.where(np.arange(n) < n // 2, 0.2, 0.8),
    "early peak": lambda rng, n: np.sort(rng.random(n))[::-1].copy(),
    "late peak": lambda rng, n: np.sort(rng.random(n)),
    "late burst": lambda rng, n: (np.arange(n) > n - 20) * 1.0,
}


@pytest.mark.parametrize("threshold", [math.log(2 / 0.9), math.log(40), math.log(2e6), 800.0])
@pytest.mark.parametrize("name", SAMPLES)
def test_search_finds_what_bisection_finds(name, threshold):
    for n in (1, 2, 3, 64, 65, 1000, 20000):
        sample = SAMPLES[name](np.random.default_rng(n), n)
        for outcomes in (sample, 1 - sample):
            found = greatest_refuted(outcomes, threshold, LADDER, WEIGHTS)
            assert found == bisected(outcomes, threshold)


@given(
    outcomes=hnp.arrays(np.float64, st.integers(1, 60), elements=units),
    threshold=st.floats(0.7, 20),
)
def test_search_finds_what_bisection_finds_in_random_samples(outcomes, threshold):
    # Only where rounding decides a cell, which is a thousand times wider, may they differ.
    found, cell = greatest_refuted(outcomes, threshold, LADDER, WEIGHTS)
    expected, width = bisected(outcomes, threshold)
    assert cell == width and abs(found - expected) <= cell


@pytest.fixture
def trials(monkeypatch):
    """The means that a search has tried."""
    tried = []

    def counted(outcomes, mean, *rest):
        tried.append(mean)
        return greatest_log_capital(outcomes, mean, *rest)

    monkeypatch.setattr("alignment_theory.kernels.betting.greatest_log_capital", counted)
    return tried


def most_trials(n):
    return 2 * (math.ceil(math.log2(n)) + 11) + 12


@pytest.mark.parametrize("threshold", [math.log(40), math.log(2e6)])
@pytest.mark.parametrize("name", SAMPLES)
def test_guesses_save_trials(name, threshold, trials):
    steady = name not in ("rare", "drift", "early peak", "late peak", "late burst")
    for n, seed in itertools.product((1, 50, 150, 2000, 30_000), range(8)):
        sample = SAMPLES[name](np.random.default_rng((n, seed)), n)
        for outcomes in (sample, 1 - sample):
            trials.clear()
            greatest_refuted(outcomes, threshold, LADDER, WEIGHTS)
            assert len(trials) <= (9 if steady else most_trials(n))


@pytest.mark.parametrize("hostile", ["creeps", "least", "greatest"])
def test_bad_guesses_cost_trials_only(hostile, trials, monkeypatch):
    guesses = {
        "creeps": lambda *_: math.log(trials[-1]) + 1e-12,  # the cell after the last one
        "least": lambda *_: -math.inf,
        "greatest": lambda *_: math.inf,
    }
    monkeypatch.setattr("alignment_theory.kernels.betting._secant", guesses[hostile])
    for n in (1, 20, 3000):
        outcomes = np.random.default_rng(n).random(n)
        trials.clear()
        assert greatest_refuted(outcomes, 5.0, LADDER, WEIGHTS) == bisected(outcomes, 5.0)
        assert len(trials) <= most_trials(n)
