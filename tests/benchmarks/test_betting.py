"""How much faster the multiplied capital is than the sum of logarithms, side by side in one run."""

import math
import time

import numpy as np
import pytest

from alignment_theory.verification import betting

pytestmark = pytest.mark.benchmark

MEAN, CONCENTRATION = 0.2435, 143.0  # the law of an alignment: deviation 0.036
ALPHA = 1e-6


def sample(n):
    return np.random.default_rng(n).beta(MEAN * CONCENTRATION, (1 - MEAN) * CONCENTRATION, n)


def seconds(function, repeats):
    """Return the least processor time of the calls, and what the last one gave."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        result = function()
        times.append(time.thread_time() - start)
    return min(times), result


def defined_end(outcomes):
    """Return the lower end of the interval by bisection over the capital as it is defined."""
    steps = math.ceil(math.log2(len(outcomes))) + 11
    rejected, kept = 0.0, 1.0
    for _ in range(steps):
        middle = (rejected + kept) / 2
        lost = betting._log_capital(outcomes, np.array(middle)).max() >= math.log(2 / ALPHA)
        rejected, kept = (middle, kept) if lost else (rejected, middle)
    return rejected - 2.0**-steps


@pytest.mark.parametrize("mean", [0.2, MEAN, 0.25])
def test_one_pass_is_many_times_faster_than_the_definition(mean):
    outcomes = sample(100_000)
    betting._greatest_log_capital(outcomes[:2], mean)  # compiles
    fast, _ = seconds(lambda: betting._greatest_log_capital(outcomes, mean), 9)
    slow, _ = seconds(lambda: betting._log_capital(outcomes, np.array(mean)).max(), 3)
    print(f"{fast / outcomes.size * 1e9:.1f} ns a draw, {slow / fast:.0f} times faster")
    assert slow / fast > 8


def test_an_interval_is_many_times_faster_than_by_the_definition():
    outcomes = sample(10_000)
    limits = dict(alpha=ALPHA, low=0.0, high=1.0)
    betting.confidence_interval(outcomes[:2], **limits)  # compiles
    fast, interval = seconds(lambda: betting.confidence_interval(outcomes, **limits), 9)
    slow, ends = seconds(lambda: (defined_end(outcomes), 1 - defined_end(1 - outcomes)), 2)
    print(f"{fast * 1e3:.2f} ms, {slow / fast:.0f} times faster")
    assert ends == interval
    assert slow / fast > 15
