"""Alignment through orthogonal layers: its 1/width term against draws of the chain."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from scipy.stats import beta, kstest

from alignment_theory.theory import CATALOGUE, depth
from alignment_theory.theory.depth_prediction import predict_depth
from alignment_theory.theory.fluctuations import jets
from alignment_theory.theory.orthogonal_depth import _tangent, predict_orthogonal
from alignment_theory.verification.betting import confidence_interval
from alignment_theory.verification.orthogonal_sampling import OrthogonalChain
from alignment_theory.verification.samplers import gather

SHAPES = {
    "even": (25, 25, 25, 25),
    "bulging": (25, 50, 50, 25),
    "hollow": (50, 25, 25, 50),
    "widening": (20, 32, 64, 98),
    "funnel": (98, 64, 32, 20),
}
SCALES = (1, 2, 4)
TRIALS = 24_000
CASES = [
    (shape, rule, q)
    for shape in SHAPES
    for rule, q in (("guided", 0.0), ("rectgrad", 80.0), ("rectgrad", 90.0))
]


def scaled(shape, scale):
    return (*(scale * width for width in SHAPES[shape]), 10)


def draws_of(rule, widths, count, q=0.0, seed=21):
    drawn = gather(OrthogonalChain(rule), np.random.SeedSequence(seed), count, widths=widths, q=q)
    return [column[~np.isnan(column)] for column in drawn.T]


@pytest.fixture(scope="module")
def intervals():
    """Intervals for E cos² at every scale and level, drawn once: (scales, levels, 2)."""
    found = {}

    def draw(case):
        shape, rule, q = case
        if case not in found:
            found[case] = np.array(
                [
                    [
                        confidence_interval(x, alpha=1e-6, low=0.0, high=1.0)
                        for x in draws_of(rule, scaled(shape, scale), TRIALS // scale, q)
                    ]
                    for scale in SCALES
                ]
            )
        return found[case]

    return draw


def agrees(interval, value, slack):
    return (interval[..., 0] - slack <= value) & (value <= interval[..., 1] + slack)


def ladder(case):
    shape, rule, q = case
    return [predict_orthogonal(rule, scaled(shape, scale), q) for scale in SCALES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_prediction_agrees_with_the_chain(case, intervals):
    for interval, found in zip(intervals(case), ladder(case), strict=True):
        assert agrees(interval, found.value, found.remainder).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_predictions_are_refuted(case, intervals):
    """Each error by itself: no 1/n term, 10 % off, or the recursion of Gaussian layers."""
    shape, rule, q = case
    rungs = list(zip(intervals(case), ladder(case), strict=True))
    for wrong in (lambda p: p.terms["limit"], lambda p: 0.9 * p.value, lambda p: 1.1 * p.value):
        assert not all(agrees(i, wrong(found), found.remainder).all() for i, found in rungs)
    gaussian = [predict_depth(rule, scaled(shape, scale), q).value for scale in SCALES]
    pairs = zip(rungs, gaussian, strict=True)
    assert not all(agrees(i, value, found.remainder).all() for (i, found), value in pairs)


@pytest.mark.parametrize("shape", ["even", "bulging", "hollow"])
def test_what_is_left_out_falls_faster_than_the_term(shape):
    """From 25 units on it is below 5 % of the 1/n term, and below half of that at twice the size.

    The standard errors are below 4 % of the term, so that a quarter of it left out would show.
    """
    for scale in (1, 2):
        widths = scaled(shape, scale)
        drawn = draws_of("guided", widths, 160_000, seed=scale)
        found = predict_orthogonal("guided", widths)
        for level, x in enumerate(drawn):
            term = abs(found.terms["1/n term"][level])
            error = x.std() / np.sqrt(len(x))
            assert error < 0.04 * term
            assert abs(x.mean() - found.value[level]) < 0.05 * term / scale + 4 * error


@pytest.mark.parametrize(("rule", "q"), [("guided", 0.0), ("rectgrad", 90.0)])
@pytest.mark.parametrize("ratio", [1, 2])
def test_the_remainder_is_of_second_order(rule, q, ratio):
    widths = [(*(scale * width for width in (40, 40 * ratio, 40)), 10) for scale in (4, 8, 16)]
    found = [predict_orthogonal(rule, w, q).remainder for w in widths]
    for coarse, fine in pairwise(found):
        assert (fine[:-1] <= coarse[:-1] / 3).all()


@pytest.mark.parametrize("rule", ["gradient", "deconvnet"])
def test_without_filtering_the_law_is_exactly_beta(rule):
    widths = (7, 12, 5, 8, 10)
    for x, width in zip(draws_of(rule, widths, 50_000, seed=8), widths, strict=False):
        assert kstest(x, beta(0.5, (width - 1) / 2).cdf).pvalue > 1e-6
        assert kstest(x, beta(0.5, width / 2).cdf).pvalue < 1e-6
    found = predict_orthogonal(rule, widths)
    assert found.value == pytest.approx(1 / np.array(widths[:-1]))
    assert (found.remainder == 0).all()


def crossed(formula, alignment, units, inputs):
    """Return ρ² below a layer from the stated equations, for Guided Backprop."""
    sides = {str(equation.lhs): equation.rhs for equation in formula.args}
    cosine = sides["cosθ"].subs(depth.rho2, alignment)
    strength = sides["C²_guided"].subs(sp.Symbol("theta", positive=True), sp.acos(cosine))
    sizes = {depth.n: units, depth.d: inputs, sp.Symbol("C²", positive=True): strength}
    return float(sides["ρ²_{l-1}"].subs(sizes))


def test_the_formula_is_what_is_predicted():
    found = CATALOGUE["orthogonal-depth"]
    widths = (30, 50, 50, 20, 90, 10)
    value, limits = 0.0, [0.0]
    for inputs, units in reversed(list(pairwise(widths[:-1]))):
        value = crossed(found.expression(), value, units, inputs)
        limits.insert(0, value)
    predicted = found.predict(widths=widths)
    assert predicted.terms["limit"] == pytest.approx(limits, rel=1e-7)
    assert found.predict(widths=widths, level="1").value == predicted.value[1]


def test_square_layers_lead_to_the_stated_fixed_point():
    """ρ² = C²(ρ²) by iteration, as the statement has it, above the .208 of Gaussian layers."""
    value = 0.0
    for _ in range(200):
        value = depth.strength_at("guided", value)
    assert value == pytest.approx(0.3018608, abs=1e-6)
    assert depth.fixed_point("guided", 1.0) == pytest.approx(0.208, abs=5e-4)
    text = CATALOGUE["orthogonal-depth"].statement
    assert ".302 for Guided Backprop" in text and ".208" in text
    deep = predict_orthogonal("guided", (2000,) * 26 + (10,), level=0)
    assert deep.terms["limit"] == pytest.approx(value, abs=1e-6)


def test_orthogonal_layers_align_better_than_gaussian_ones():
    for shape in SHAPES:
        for rule in ("guided", "rectgrad"):
            orthogonal = predict_orthogonal(rule, scaled(shape, 8), 80.0)
            gaussian = predict_depth(rule, scaled(shape, 8), 80.0)
            assert (orthogonal.value[:-1] > gaussian.value[:-1]).all()


def test_the_jet_of_the_tangent():
    (numeric,) = jets(lambda u: u / np.sqrt(1 - u**2), 0.4)
    exact = _tangent(0.4)
    for name in ("value", "first", "second", "third"):
        assert getattr(exact, name) == pytest.approx(getattr(numeric, name), rel=1e-5)


def test_predictions_travel():
    found = predict_orthogonal("rectgrad", (30, 40, 20, 10), 90.0)
    assert pickle.loads(pickle.dumps(found)).value.tolist() == found.value.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lrp", (5, 5, 5)), "orthogonal-depth: rule must be one of gradient, .*, got 'lrp'"),
        (("guided", (5,)), "widths must be whole numbers"),
        (("guided", (5, 1, 5)), "at least 2"),
        (("guided", (5, 5, 5), 0.0, 2), "level must be in 0, ..., 1, got 2"),
        (("rectgrad", (5, 5, 5), 101.0), r"percentile in \[0, 100\), got 101"),
        (("rectgrad", (5, 5, 5), 100.0), "q = 100.0 keeps none of 5 units; lower it"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        predict_orthogonal(*arguments)
