"""What an interval shows, and which samples and arguments are refused."""

import subprocess
import sys

import numpy as np
import pytest

from alignment_theory.verification.betting import (
    betting_log_capital,
    betting_p_value,
    confidence_interval,
    confidence_limits,
    draws_needed,
    equivalence,
)

LEVEL = 0.05


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
