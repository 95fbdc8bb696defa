"""The law of z⁺ term by term: by hand, by exact expectation, and its claims about shape."""

import pickle
from math import pi, sqrt

import numpy as np
import pytest
import sympy as sp

from alignment_theory.theory import zplus
from alignment_theory.theory.zplus import (
    half_moment,
    power_product,
    predict_zplus,
    predict_zplus_classes,
    row_moment,
    shape_of,
    shape_of_law,
)
from alignment_theory.theory.zplus_shapes import uniform_moment


def test_leading_terms_by_hand():
    pieces = zplus.expansions()
    assert sp.simplify(pieces["noise"][0] - sp.pi * (sp.pi - 1) * (1 + sp.Symbol("v"))) == 0
    assert sp.simplify(pieces["gain"][0] - sp.pi * (sp.pi - 1)) == 0
    assert sp.simplify(pieces["slope"][0] - sp.pi / 2) == 0
    assert pieces["bend"][0] == sp.Rational(1, 2)
    assert pieces["scale"][0] == 1


def test_first_order_noise_by_hand():
    """``Σs²/(Σs)²`` with ``s = t(1 + κt)/(1 + Mλt/2)``, and the kernel's own slope in t."""
    first = zplus.expansions()["noise"][1].subs({"kappa1": 0, "v": 0})
    e1, e2, e3 = half_moment(1), 0.5, 2 * half_moment(1)
    leading = pi * (pi - 1)
    denominators = -2 * (1 / (2 * e1)) * (e3 / e2 - e2 / e1)
    tilt_of_variance = 2 * pi * e1 / (pi - 1) * e3 / e2 - (1 / e1) * (e2 / e1)
    by_hand = {"lambda": denominators * leading, "A1": tilt_of_variance * leading}
    for name, expected in by_hand.items():
        zero = {"lambda": 0, "A1": 0} | {name: 1}
        assert float(first.subs(zero)) == pytest.approx(expected, rel=1e-12)


def test_formula_shows_noise_and_tilt():
    formula = zplus.spread_formula()
    values = {"A_1": 0.2, "A_2": 0.05, "n": 10, "v": 0.3}
    symbols = {s: values[s.name] for s in formula.rhs.free_symbols}
    expected = pi * (pi - 1) * 1.3 / 10 + (pi / 2) ** 2 * 0.01
    assert float(formula.rhs.subs(symbols)) == pytest.approx(expected)


def test_delta_method_against_exact_expectations():
    """``E[Σ y²/(Σ y)²]`` of n exponentials is ``2/(n + 1) = (2/n)(1 - 1/n + 1/n² - ...)``."""
    first, third, fourth = power_product([(2,), (1,)], [1, -2], [sp.factorial])
    assert float(first) == pytest.approx(-1)
    assert float(third + fourth) == pytest.approx(1)


def test_delta_method_of_weighted_means():
    """Rows of i.i.d. a, or a given a with its power sums: one first-order term."""
    iid = power_product([(2, 1), (2, 0), (2, 2)], [2, -1, -1], [half_moment, row_moment])
    given = power_product([(1,), (2,)], [2, -1], [row_moment])
    assert iid[0] == pytest.approx(6 * given[0])
    assert given[0] == pytest.approx(pi - 2)


def test_equal_inputs_have_no_tilt():
    shape = shape_of(np.ones(100))
    assert shape.lam == pytest.approx(0.1)
    assert shape.means == pytest.approx((0.1, 0.01, 0.001, 0.0001))


def half_normal(rng, size):
    return np.maximum(rng.standard_normal(size), 0)


@pytest.mark.parametrize("power", [uniform_moment, half_moment])
def test_shape_of_law_is_the_mean_shape_of_vectors(power):
    rng, d = np.random.default_rng(3), 300
    draw = half_normal if power is half_moment else np.random.Generator.random
    drawn = [shape_of(draw(rng, d)) for _ in range(2000)]
    law = shape_of_law(power, d)
    spreads = np.array([s.means[1] - s.means[0] ** 2 for s in drawn])
    leading = law.means[1] - law.means[0] ** 2
    error = spreads.std() / sqrt(len(spreads))
    assert abs(spreads.mean() - leading - law.excess) < 5 * error + 20 * abs(law.excess) / d
    if power is half_moment:  # for uniform inputs the excess is far below what this resolves
        assert abs(spreads.mean() - leading) > 5 * error
    assert np.mean([s.lam for s in drawn]) == pytest.approx(law.lam, rel=3 / d)


def spread_of_layer(a, rng, *, rows):
    """V of one layer in plain NumPy, with relevance t⁺."""
    weights = rng.standard_normal((rows, len(a)))
    positive = np.maximum(weights, 0)
    c = positive.T @ (np.maximum(weights @ a, 0) / (positive @ a))
    p = a**2 / (a @ a)
    return p @ c**2 / (p @ c) ** 2 - 1


@pytest.mark.parametrize("kind", ["equal", "even"])
def test_one_layer_to_second_order(kind):
    """Each order of V comes nearer, and the second lies within what it leaves out."""
    d, count, rng = 100, 2500, np.random.default_rng(8)
    a = np.ones(d) if kind == "equal" else (np.arange(d) + 0.5) / d
    drawn = np.array([spread_of_layer(a, rng, rows=d) for _ in range(count)])
    error = drawn.std() / sqrt(count)
    uniform = zplus._Above(0.0, 0.0, 0.0, row=False)
    found = [zplus._level(shape_of(a), d, d, uniform, order, 0.0) for order in range(3)]
    means = [drawn.mean(), drawn.mean(), (drawn / (1 + drawn)).mean()]
    values = [found[0].total, found[1].total, found[2].total / (1 + found[2].total)]
    gaps = [abs(mean - value) for mean, value in zip(means, values, strict=True)]
    assert gaps[0] > 0.15 * means[0]
    assert gaps[1] < gaps[0] / 3
    assert gaps[2] < found[2].tail + 4 * error < 0.1 * means[2]
    assert gaps[2] < 0.03 * means[2]


def test_a_given_vector_near_its_law():
    quantiles = (np.arange(400) + 0.5) / 400
    given = predict_zplus((400, 300, 10), 0, quantiles)
    law = predict_zplus((400, 300, 10), 0)
    assert given.value == pytest.approx(law.value, abs=1e-3)


@pytest.mark.parametrize("predict", [predict_zplus, predict_zplus_classes])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_terms_add_up_and_shrink_at_their_rates(predict, level):
    """The first correction falls as d^-1/2 relative to 1 - cos², what follows it as 1/d."""
    coarse, fine = (predict((d, d, d, 10), level) for d in (4096, 16384))
    for one in (coarse, fine):
        assert one.value == pytest.approx(one.terms["limit"] + one.terms["1/n term"])
        assert one.remainder < abs(one.terms["1/n term"])

    def relative(one, amount):
        gap = 1 - one.terms["limit"] if predict is predict_zplus else one.terms["limit"]
        return amount / gap

    if level < 2:
        first = [relative(one, one.terms["1/√d part of it"]) for one in (coarse, fine)]
        assert first[0] / first[1] == pytest.approx(2, abs=0.25)
        later = [
            relative(one, one.terms["1/n term"] - one.terms["1/√d part of it"])
            for one in (coarse, fine)
        ]
        assert later[0] / later[1] == pytest.approx(4, abs=1.2)
    else:
        assert coarse.terms["1/n term"] / fine.terms["1/n term"] == pytest.approx(4, rel=1e-6)


def test_square_networks_cancel_what_denominators_and_tilt_do_to_the_noise():
    """``c' ∝ 1 + κ₁t`` from above against ``1/(1 + Mλt/2)`` below: κ₁ = Mλ/2 for equal widths."""
    d = 200
    law = shape_of_law(half_moment, d)
    assert pi / 2 * sqrt(2 / d) == pytest.approx(sqrt(2 * pi) / 2 * law.lam)


def test_classes_contract_by_one_factor_a_layer():
    widths = (100_000,) * 6 + (10,)
    gaps = [predict_zplus_classes(widths, level).terms["limit"] for level in range(6)]
    factors = [low / high for low, high in zip(gaps, gaps[1:], strict=False)]
    assert factors[:-1] == pytest.approx([pi * (pi - 1) / 100_000] * 4, rel=1e-9)
    assert gaps[-1] == pytest.approx(1 - 1 / pi)


@pytest.mark.parametrize("widths", [(24, 24, 24, 3), (16, 512, 32, 3), (5, 200, 100, 1)])
def test_small_widths_give_possible_numbers(widths):
    for level in range(3):
        for predict in (predict_zplus, predict_zplus_classes):
            prediction = predict(widths, level)
            assert 0 <= prediction.value <= 1
            assert prediction.remainder > 0


def test_predictions_pickle():
    prediction = predict_zplus((50, 40, 10))
    copy = pickle.loads(pickle.dumps(prediction))
    assert (copy.value, copy.remainder) == (prediction.value, prediction.remainder)


@pytest.mark.parametrize(
    ("widths", "level", "inputs", "words"),
    [
        ((50,), 0, "uniform", "widths"),
        ((50, 0, 3), 0, "uniform", ">= 1"),
        ((12, 12, 3), 0, "uniform", "too narrow at level 0"),
        ((50, 50, 3), 2, "uniform", "level 2"),
        ((50, 50, 3), -1, "uniform", "level -1"),
        ((50, 50, 3), 0, "normal", "uniform or relu"),
        ((50, 50, 3), 0, [1.0, 2.0], "50 numbers"),
        ((16, 50, 3), 0, [-1.0] + 15 * [1.0], ">= 0"),
        ((16, 50, 3), 0, 16 * [0.0], "not all 0"),
        ((16, 50, 3), 0, [float("nan")] + 15 * [1.0], "finite"),
    ],
)
@pytest.mark.parametrize("predict", [predict_zplus, predict_zplus_classes])
def test_errors_say_what_to_do(predict, widths, level, inputs, words):
    with pytest.raises(ValueError, match=words):
        predict(widths, level, inputs)
