"""The alignment curve and its moments against quadrature and an independent reduced sampler."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from alignment_theory.theory import CATALOGUE
from alignment_theory.theory.curves import corrections, d, kappa, kappa_of, n, predict_curve
from alignment_theory.theory.moments import LAWS, s, truncated_moment
from alignment_theory.verification.betting import confidence_interval

SHIFT = 0.612
COEFFICIENTS = {
    "active": lambda t, e: (t > 0) * 1.0,
    "guided": lambda t, e: np.maximum(e, 0) * (t > 0),
    "cascade": lambda t, e: np.maximum(t, 0),
    "top": lambda t, e: (t > SHIFT) * 1.0,
}


@pytest.mark.parametrize(("order", "threshold"), list(product(range(7), (0.0, 0.612, -1.3))))
def test_truncated_moments_equal_quadrature(order, threshold):
    exact = float(truncated_moment(order, s).subs(s, threshold))
    value, error = quad(lambda t: t**order * norm.pdf(t), threshold, np.inf)
    assert abs(exact - value) <= error + 1e-13


@pytest.mark.parametrize(
    ("name", "value"), [("active", np.pi), ("guided", np.pi**2), ("cascade", 2.0)]
)
def test_kappas_are_those_of_the_theory(name, value):
    assert kappa_of(name) == pytest.approx(value, rel=1e-14)


def test_the_best_threshold_keeps_27_percent():
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(
        lambda t: kappa_of("top", t), bounds=(0.1, 2), method="bounded", options={"xatol": 1e-10}
    )
    assert best.fun == pytest.approx(2.46967, abs=5e-6)
    assert norm.sf(best.x) == pytest.approx(0.2703, abs=5e-5)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("size", [(30, 30), (60, 30), (30, 90)])
def test_prediction_agrees_with_a_reduced_sampler(name, size):
    """No weights are drawn: t and c a neuron, one χ² a layer (theorem exact-law).

    The 1/n² remainder is far below the corrections that are tested: a prediction without its 1/n
    term is off by many interval widths at these sizes.
    """
    neurons, inputs = size
    rng = np.random.default_rng([neurons, inputs, list(LAWS).index(name)])
    t, e = rng.standard_normal((2, 60_000, neurons))
    c = COEFFICIENTS[name](t, e)
    along = (t * c).sum(axis=1) ** 2
    across = (c * c).sum(axis=1) * rng.chisquare(inputs - 1, len(c))
    alive = along + across > 0
    squares = along[alive] / (along + across)[alive]
    low, high = confidence_interval(squares, alpha=1e-6, low=0.0, high=1.0)
    prediction = predict_curve(name, neurons, inputs, SHIFT if name == "top" else 0.0)
    dead = 1 - alive.mean()
    slack = prediction.remainder + dead
    assert low - slack <= prediction.value <= high + slack
    assert high - low < 0.06 * prediction.value
    first = prediction.terms["1/n term"]
    if abs(first) > 3 * (high - low):
        assert not low - slack <= prediction.value - first <= high + slack


@pytest.mark.parametrize("name", LAWS)
def test_the_remainder_is_of_second_order(name):
    values = [
        [
            abs(float(term.subs({n: size, d: size, s: SHIFT, kappa: kappa_of(name, SHIFT)})))
            for size in (100, 1000)
        ]
        for term in corrections(name)
    ]
    for order, (large, small) in enumerate(values, start=1):
        assert large / small == pytest.approx(10.0**order, rel=0.1)


def test_the_catalogue_predicts_the_curve():
    theorem = CATALOGUE["alignment-curve"]
    assert theorem.predict(n=200, d=200).terms["limit"] == pytest.approx(
        1 / (1 + np.pi * 199 / 200)
    )
    assert float(theorem.predict(coefficients="guided", n="200", d="200")) == pytest.approx(
        predict_curve("guided", 200, 200, 0.0).value
    )
