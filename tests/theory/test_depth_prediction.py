"""The 1/width term of the depth recursion against draws of the chain it describes."""

import pickle

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.stats import beta, kstest
from theory.recursion import leading_profile

from alignment_theory.theory import CATALOGUE, depth
from alignment_theory.theory.depth_levels import kept_units, squared_cosine
from alignment_theory.theory.depth_prediction import (
    _exact_maximum,
    maximum_moments,
    predict_depth,
)
from alignment_theory.theory.fluctuations import jets
from alignment_theory.verification.betting import confidence_interval
from alignment_theory.verification.reduced_depth import ReducedChain
from alignment_theory.verification.samplers import gather

BASE = np.array([25, 50, 50, 25])
SCALES = (1, 2, 4, 8)
TRIALS = 24_000
CASES = [
    (rule, q, output)
    for rule, q in (
        ("gradient", 0.0),
        ("deconvnet", 0.0),
        ("guided", 0.0),
        ("rectgrad", 75.0),
        ("rectgrad", 90.0),
    )
    for output in ("fixed", "argmax")
]


def scaled(scale):
    return (*(int(width) for width in BASE * scale), 10)


@pytest.fixture(scope="module")
def intervals():
    """Intervals for E cos² at every level and scale, drawn once: (scales, levels, 2)."""
    found = {}

    def draw(case):
        if case not in found:
            rule, q, output = case
            seed = np.random.SeedSequence([CASES.index(case), 21])
            rungs = []
            for scale in SCALES:
                arguments = dict(widths=scaled(scale), q=q, output=output)
                draws = gather(ReducedChain(rule), seed, TRIALS // scale, **arguments)
                alive = [column[~np.isnan(column)] for column in draws.T]
                rungs.append([confidence_interval(x, alpha=1e-6, low=0.0, high=1.0) for x in alive])
            found[case] = np.array(rungs)
        return found[case]

    return draw


def agrees(interval, value, slack):
    return (interval[..., 0] - slack <= value) & (value <= interval[..., 1] + slack)


def ladder(case):
    rule, q, output = case
    return [predict_depth(rule, scaled(scale), q, output) for scale in SCALES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_prediction_agrees_with_the_chain(case, intervals):
    for interval, found in zip(intervals(case), ladder(case), strict=True):
        assert agrees(interval, found.value, found.remainder).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_leading_order_alone_does_not(case, intervals):
    """Without its 1/n term the prediction is refuted even within the remainder."""
    rungs = zip(intervals(case), ladder(case), strict=True)
    assert not all(agrees(i, found.terms["limit"], found.remainder).all() for i, found in rungs)


@pytest.mark.parametrize("factor", [0.9, 1.1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_predictions_are_refuted(case, factor, intervals):
    rungs = zip(intervals(case), ladder(case), strict=True)
    assert not all(agrees(i, factor * found.value, found.remainder).all() for i, found in rungs)


@pytest.mark.parametrize("case", [case for case in CASES if case[1] != 75.0], ids=str)
def test_the_remainder_is_of_second_order(case):
    """Where K/n is the same at all sizes but for rounding, n² times the remainder is bounded."""
    rule, q, output = case
    scales = (4, 8, 16)
    widths = [(*(int(width) for width in 40 * scale * np.ones(4)), 10) for scale in scales]
    found = [predict_depth(rule, w, q, output).remainder for w in widths]
    for coarse, fine in zip(found, found[1:], strict=False):
        assert (fine[:-1] <= coarse[:-1] / 3).all()


def test_a_first_crossing_is_the_alignment_curve():
    """Under a fixed row the first coefficients are h₊ 1(t > 0) with h independent of t."""
    found = predict_depth("guided", (80, 100, 10), level=0)
    curve = CATALOGUE["alignment-curve"].predict(coefficients="guided", n=100, d=80)
    for term in ("limit", "1/n term"):
        assert found.terms[term] == pytest.approx(curve.terms[term], rel=1e-8)


@pytest.mark.parametrize("rule", ["gradient", "deconvnet"])
def test_without_filtering_the_law_is_exactly_beta(rule):
    """A fixed row leaves τ ~ N(0, 1) at every level: cos² ~ Beta(1/2, (d - 1)/2) at any size."""
    widths = (7, 9, 5, 8, 10)
    draws = gather(ReducedChain(rule), np.random.SeedSequence(8), 50_000, widths=widths)
    for column, width in zip(draws.T, widths, strict=False):
        law = beta(0.5, (width - 1) / 2)
        assert kstest(column[~np.isnan(column)], law.cdf).pvalue > 1e-6
        assert kstest(column[~np.isnan(column)], beta(0.5, width / 2).cdf).pvalue < 1e-6
    found = predict_depth(rule, widths)
    assert found.value == pytest.approx(1 / np.array(widths[:-1]))
    assert (found.remainder == 0).all()


def test_the_top_level_is_exact():
    found = predict_depth("guided", (9, 9, 5, 10), output="argmax", level=2)
    draws = np.random.default_rng(1).standard_normal((400_000, 10)).max(axis=1) ** 2
    squares = draws / (draws + np.random.default_rng(2).chisquare(4, draws.size))
    assert found.remainder == 0
    assert abs(squares.mean() - found.value) < 5 * squares.std() / np.sqrt(draws.size)


@pytest.mark.parametrize("widths", [(2, 2), (3, 3), (4, 5), (30, 30), (9, 100_000)])
def test_the_top_level_of_small_networks_is_exact(widths):
    """|max| of two normals has the law of one: 1/d, as for one output and for a fixed row."""
    assert _exact_maximum(widths[-1], 1) == pytest.approx(1 / widths[-1], rel=1e-12)
    assert _exact_maximum(widths[-1], 2) == pytest.approx(1 / widths[-1], rel=1e-12)
    for outputs in (1, 2):
        found = predict_depth("guided", (*widths, outputs), output="argmax", level=1)
        assert (found.value, found.remainder) == (1 / widths[-1], 0.0)


@pytest.mark.parametrize("width", [2, 3, 6])
@pytest.mark.parametrize("outputs", [3, 10, 1000])
def test_the_top_level_equals_a_double_integral(width, outputs):
    """With a = τ²/2, E τ²/(τ² + χ²(m)) is ``a e^a E_{m/2}(a)``, an exponential integral."""

    def integrand(tau):
        a = tau**2 / 2
        given = a * mpmath.exp(a) * mpmath.expint(mpmath.mpf(width - 1) / 2, a)
        both = mpmath.ncdf(tau) ** (outputs - 1) + mpmath.ncdf(-tau) ** (outputs - 1)
        return outputs * mpmath.npdf(tau) * both * given

    expected = float(mpmath.quad(integrand, [0, 0.01, 0.1, 0.5, 1, 2, 3, 4, 6, 8, 12]))
    assert _exact_maximum(width, outputs) == pytest.approx(expected, rel=1e-12)


def test_the_largest_of_one_output_is_a_fixed_row():
    for rule in ("gradient", "deconvnet"):
        for widths in ((2, 2, 1), (7, 9, 5, 1)):
            found = predict_depth(rule, widths, output="argmax")
            assert (found.value == predict_depth(rule, widths).value).all()
            assert (found.remainder == 0).all()


def test_the_larger_of_two_outputs_leaves_the_gradient_at_chance():
    found = predict_depth("gradient", (30, 30, 30, 30, 2), output="argmax")
    assert found.value == pytest.approx([1 / 30] * 4, rel=1e-14)
    assert (found.remainder == 0).all()
    draws = gather(
        ReducedChain("gradient"),
        np.random.SeedSequence(12),
        20_000,
        widths=(30, 30, 30, 30, 2),
        output="argmax",
    )
    errors = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - 1 / 30) < 5 * errors).all()
    assert (predict_depth("deconvnet", (9, 9, 9, 2), output="argmax").remainder[:-1] > 0).all()


@pytest.mark.parametrize(
    ("rule", "q", "widths", "predicted"),
    [
        ("guided", 0, (200,) * 7, (0.2087, 0.2080, 0.2054, 0.1967, 0.1684, 0.0924)),
        ("guided", 0, (784, 512, 256, 128), (0.1118, 0.0786, 0.0484)),
        ("guided", 0, (64, 128, 256, 512), (0.3883, 0.3296, 0.1690)),
        ("guided", 0, (100, 400, 400, 200), (0.4839, 0.1459, 0.0483)),
        ("rectgrad", 50, (400,) * 5, (0.2048,)),
        ("rectgrad", 80, (400,) * 5, (0.2051,)),
        ("rectgrad", 90, (400,) * 5, (0.1668,)),
        ("rectgrad", 95, (400,) * 5, (0.1168,)),
    ],
)
def test_limits_are_those_of_the_leading_recursion(rule, q, widths, predicted):
    """Figures of the recursion worked out apart; the 1/n term moves them by at most 3 %."""
    found = predict_depth(rule, (*widths, 10), q)
    limit = found.terms["limit"][: len(predicted)]
    assert limit == pytest.approx(predicted, abs=7e-5)
    assert found.value[: len(predicted)] == pytest.approx(predicted, rel=0.06)
    if rule == "guided":
        assert limit == pytest.approx(leading_profile((*widths, 10), "guided")[:-1], rel=1e-9)


def test_moments_of_the_maximum_are_exact():
    """Closed forms of the mean for p = 2, 4, 5; the variance of two is 1 - 1/π."""
    pi = np.pi
    closed = {
        2: pi**-0.5,
        4: 3 * np.arccos(-1 / 3) / pi**1.5,
        5: 2.5 * np.arccos(-23 / 27) / pi**1.5,
    }
    for count, value in closed.items():
        assert maximum_moments(count)[0] == pytest.approx(value, rel=1e-12)
        (integral,) = depth.expected_maximum(count).atoms(sp.Integral)
        integrand = sp.lambdify(integral.variables, integral.function, "scipy")
        assert count * quad(integrand, -12, 12)[0] == pytest.approx(value, rel=1e-12)
    assert maximum_moments(2)[1] == pytest.approx(1 - 1 / pi)
    assert maximum_moments(1) == pytest.approx((0.0, 1.0, 0.0), abs=1e-12)


def test_the_jet_of_the_squared_cosine():
    (numeric,) = jets(lambda x: x**2 / (x**2 + 1), 0.7)
    exact = squared_cosine(0.7)
    for name in ("value", "first", "second", "third"):
        assert getattr(exact, name) == pytest.approx(getattr(numeric, name), abs=1e-7)


@pytest.mark.parametrize("units", [1, 10, 25, 101])
@pytest.mark.parametrize("q", [0, 12.5, 80, 90, 98, 100])
def test_kept_units_are_those_above_the_percentile(units, q):
    values = np.arange(units) ** 2.0
    assert kept_units(units, q) == (values > np.percentile(values, q) * (1 + 1e-12)).sum()


def test_one_level_is_that_entry_of_all():
    every = predict_depth("rectgrad", (30, 40, 50, 10), 90.0)
    one = predict_depth("rectgrad", (30, 40, 50, 10), 90.0, level=1)
    assert (one.value, one.remainder) == (every.value[1], every.remainder[1])
    assert one.value == one.terms["limit"] + one.terms["1/n term"]
    assert pickle.loads(pickle.dumps(every)).value.tolist() == every.value.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lrp", (5, 5, 5)), "rule must be one of gradient, .*, got 'lrp'"),
        (("guided", (5, 5, 5), 0.0, "best"), "output must be one of fixed, argmax, got 'best'"),
        (("guided", (5,)), "widths must be whole numbers"),
        (("guided", (5, 1, 5)), "at least 2"),
        (("guided", (5, 5.5, 5)), "whole numbers"),
        (("guided", (5, 5, 5), 0.0, "fixed", 2), "level must be in 0, ..., 1, got 2"),
        (("rectgrad", (5, 5, 5), 101.0), r"percentile in \[0, 100\), got 101"),
        (("rectgrad", (5, 5, 5), 100.0), "q = 100.0 keeps none of 5 units; lower it"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        predict_depth(*arguments)
