"""The kernel of the bets against exact fractions, and planted errors that this must catch."""

import functools
import inspect
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignment_theory.kernels.betting import (
    LEAST_MEAN,
    greatest_capital,
    greatest_log_capital,
)

UNIT = 2.0**-53
LADDER = 0.99 * 0.5 ** np.arange(12)
WEIGHTS = 1 / np.arange(1.0, 13) / np.sum(1 / np.arange(1.0, 13))
STEEP = (np.array([0.99, 0.98]), np.array([0.5, 0.5]))  # every fraction falls fast

units = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 2.0**-30]), st.floats(0, 1))
means = st.one_of(st.sampled_from([1.0, 0.5, 2.0**-31, 1e-60]), st.floats(0.01, 1))


def earnings(outcomes, mean, fractions):
    """Return the factors of every draw and fraction, exact but for the rounding of the bets."""
    bets = fractions * (outcomes[:, None] / mean - 1.0)
    return [[1 + Fraction(float(bet)) for bet in row] for row in bets]


def exact_capital(outcomes, mean, fractions, weights):
    """Return the running capital as fractions."""
    earned, capital = [Fraction(float(w)) for w in weights], []
    for factors in earnings(outcomes, mean, fractions):
        earned = [have * factor for have, factor in zip(earned, factors, strict=True)]
        capital.append(sum(earned))
    return capital


def rounding(draws):
    """Relative error of 2 n + 11 roundings, and of what is too small to be added."""
    count = 2 * draws + 11
    return Fraction(count * UNIT) / (1 - Fraction(count * UNIT)) + Fraction(1, 2**100)


def check(function, outcomes, mean, fractions, weights, stop, block, capital=None):
    """Assert peak and stopping time against exact arithmetic, unless rounding can change both."""
    capital = capital or exact_capital(outcomes, mean, fractions, weights)
    slack = rounding(len(outcomes))
    limit = Fraction(stop) * (1 + slack) if math.isfinite(stop) else None
    passed = [limit is not None and value >= limit for value in capital] + [True]
    last = min(passed.index(True) + 1, len(capital))
    if limit and any(abs(value / limit - 1) <= 2 * slack for value in capital[:last]):
        return  # a capital that rounding may put on either side of `stop`
    peak, exponent, draws = function(outcomes, mean, fractions, weights, stop, block)
    assert draws == last
    expected = max(capital[:last])
    found = Fraction(float(peak)) * Fraction(2) ** int(exponent)
    assert abs(found - expected) <= slack * expected


def longest_block(mean):
    return max(1, min(32, int(255 / max(1.0, -math.log2(mean)))))


# Samples whose peak needs every part of the kernel: outcomes, mean, (fractions, weights), stop.
ladder = (LADDER, WEIGHTS)
falls, rises = np.zeros(230), np.ones(200)
CASES = {
    "a small gain": (np.array([0.5, 0.6, 0.1, 0.7]), 0.4, ladder, np.inf),
    "first draw": (np.array([0.9, 0.0, 0.0, 0.0]), 0.4, ladder, np.inf),
    "one draw": (np.array([0.25]), 0.5, ladder, np.inf),
    "2**1300": (rises, 0.01, ladder, np.inf),
    "2**1300, then losses": (np.append(rises, falls[:100]), 0.01, ladder, np.inf),
    "all lost": (falls, 0.01, STEEP, np.inf),
    "all lost and partly regained": (np.append(falls, rises[:150]), 0.01, STEEP, np.inf),
    "all lost and regained": (np.concatenate([falls, rises, rises]), 0.01, STEEP, np.inf),
    "stop after recovery": (np.concatenate([falls, rises, rises]), 0.01, STEEP, 1e6),
    "stop at once": (rises, 0.01, ladder, 20.0),
    "stop above 2**256": (rises, 0.01, ladder, 1e150),
    "a fraction returns": (
        np.append(falls[:180], rises[:195]),
        0.01,
        (np.array([0.99, 1e-3]), np.array([0.5, 0.5])),
        np.inf,
    ),
    "one of two fractions rescaled": (
        np.full(180, 0.9158),
        0.5,
        (np.array([0.98, 0.97]), np.array([1 - 2.0**-20, 2.0**-20])),
        np.inf,
    ),
    "the least mean": (np.array([0.0, 1.0, 0.5, 1.0, 0.0]), LEAST_MEAN, ladder, np.inf),
}


@functools.cache
def exact_case(name):
    outcomes, mean, bets, _ = CASES[name]
    return exact_capital(outcomes, mean, *bets)


@pytest.mark.parametrize("name", CASES)
def test_peak_and_stopping_time_are_those_of_exact_arithmetic(name):
    outcomes, mean, bets, stop = CASES[name]
    for block in {1, longest_block(mean)}:
        check(greatest_capital, outcomes, mean, *bets, stop, block, exact_case(name))


@given(
    outcomes=hnp.arrays(np.float64, st.integers(1, 40), elements=units),
    mean=means,
    stop=st.sampled_from([1.0, 3.0, 40.0, np.inf]),
    block=st.integers(1, 32),
)
def test_random_peaks_are_those_of_exact_arithmetic(outcomes, mean, stop, block):
    check(greatest_capital, outcomes, mean, *ladder, stop, min(block, longest_block(mean)))


@given(
    outcomes=hnp.arrays(np.float64, st.integers(1, 60), elements=units),
    mean=means,
    stop=st.sampled_from([1.0, 3.0, 40.0, np.inf]),
    block=st.integers(1, 32),
    bets=st.sampled_from([ladder, STEEP]),
)
def test_kernel_equals_its_python_function(outcomes, mean, stop, block, bets):
    arguments = (outcomes, mean, *bets, stop, min(block, longest_block(mean)))
    assert greatest_capital(*arguments) == greatest_capital.py_func(*arguments)


@pytest.mark.parametrize("name", CASES)
def test_kernel_equals_its_python_function_after_rescaling(name):
    outcomes, mean, bets, stop = CASES[name]
    arguments = (outcomes, mean, *bets, stop, longest_block(mean))
    compiled, python = greatest_capital(*arguments), greatest_capital.py_func(*arguments)
    assert compiled == python and [type(v) for v in compiled] == [float, int, int]


def test_kernel_leaves_its_arguments_alone():
    outcomes, fractions, weights = np.full(50, 0.7), LADDER.copy(), WEIGHTS.copy()
    for array in (outcomes, fractions, weights):
        array.flags.writeable = False
    assert greatest_log_capital(outcomes, 0.5, fractions, weights)[1] == 50
    assert (fractions == LADDER).all() and (weights == WEIGHTS).all() and (outcomes == 0.7).all()


# Errors planted in the source of the kernel, each with what it replaces.
PLANTED = {
    "wrong fraction": ("fractions[k] * gain", "fractions[k - 1] * gain"),
    "fraction off by 1e-12": ("fractions[k] * gain", "(1 + 1e-12) * fractions[k] * gain"),
    "gain of the wrong sign": ("/ mean - 1.0", "/ mean + 1.0"),
    "equal weights": ("weights.copy()", "np.full(number, 1 / number)"),
    "last draw only": ("if capital > record:", "if i == outcomes.size - 1:"),
    "last draw of each block only": (
        "if capital > record:",
        "if capital > record and (i + 1) % block == 0:",
    ),
    "last fraction forgotten": ("in range(number):\n                earned", None),
    "no rescaling": ("if not 2.0**-128 <= earned[k] < 2.0**128:", "if False:"),
    "rescaled, power forgotten": ("power[k] += step", "power[k] += 0"),
    "scales kept": ("if moved:", "if False:"),
    "poor fractions dropped early": ("behind > -3", "behind == 0"),
    "record not rescaled": ("(peak_power - top)) if", "0) if"),
    "record lost above": ("else inf\n            enough", "else 0.0\n            enough"),
    "stop not rescaled": ("ldexp(1.0, -256 * top)", "1.0"),
    "power of the peak at the end": ("256 * peak_power, outcomes.size", "256 * top, outcomes.size"),
    "draws off by one": ("i + 1\n", "i\n"),
    "stops one draw late": ("if capital >= enough:", "if peak > capital >= enough:"),
}


def planted(name):
    """Return the kernel as a Python function with one line changed."""
    source = inspect.getsource(greatest_capital.py_func).replace("@kernel\n", "")
    old, new = PLANTED[name]
    new = old.replace("number", "number - 1") if new is None else new
    assert source.count(old) == 1, f"{old} stands {source.count(old)} times in the kernel"
    scope = {"np": np, "ldexp": math.ldexp, "inf": math.inf, "Any": object}
    exec(source.replace(old, new), scope)
    return scope["greatest_capital"]


def failures(function):
    """Names of the cases that refute the function."""
    found = []
    for name, (outcomes, mean, bets, stop) in CASES.items():
        try:
            with np.errstate(all="ignore"):
                check(function, outcomes, mean, *bets, stop, longest_block(mean), exact_case(name))
        except (AssertionError, ValueError, OverflowError):  # a NaN or inf is no fraction
            found.append(name)
    return found


def test_the_unchanged_source_passes_every_case():
    assert failures(greatest_capital.py_func) == []


@pytest.mark.parametrize("name", PLANTED)
def test_planted_errors_are_caught(name):
    assert failures(planted(name)), f"no case notices: {name}"


@pytest.mark.parametrize("name", ["2**1300", "all lost and regained"])
def test_without_a_rescaling_in_time_the_peak_is_lost(name):
    outcomes, mean, bets, stop = CASES[name]
    with pytest.raises((AssertionError, OverflowError)):
        check(greatest_capital, outcomes, mean, *bets, stop, 10**6, exact_case(name))
