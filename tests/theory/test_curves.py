"""The alignment curve and its moments against quadrature and an independent reduced sampler."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from alignment_theory.theory import CATALOGUE
from alignment_theory.theory.curves import corrections, d, kappa, kappa_of, n, predict_curve
from alignment_theory.theory.moments import (
    LAWS,
    MAXIMUM_MOMENTS,
    maximum_moments,
    s,
    truncated_moment,
)
from alignment_theory.verification.betting import confidence_interval

SHIFT = 0.612
COEFFICIENTS = {
    "active": lambda t, e: (t > 0) * 1.0,
    "guided": lambda t, e: np.maximum(e, 0) * (t > 0),
    "cascade": lambda t, e: np.maximum(t, 0),
    "top": lambda t, e: (t > SHIFT) * 1.0,
    "pool": lambda t, e: np.ones(t.shape),
    "pool-deconvnet": lambda t, e: np.maximum(e, 0),
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
    if name.startswith("pool"):
        t = np.maximum(t, rng.standard_normal(t.shape))
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
    pools = dict(zip(MAXIMUM_MOMENTS, maximum_moments(2), strict=True))
    values = [
        [
            abs(
                float(
                    term.subs({n: size, d: size, s: SHIFT, kappa: kappa_of(name, SHIFT), **pools})
                )
            )
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


@pytest.mark.parametrize(("pool", "mean"), [(2, 1 / np.pi**0.5), (3, 1.5 / np.pi**0.5)])
def test_the_greatest_of_normals_has_known_means(pool, mean):
    assert maximum_moments(pool)[0] == pytest.approx(mean, rel=1e-10)
    assert kappa_of("pool", p=pool) == pytest.approx(1 / mean**2, rel=1e-9)
    assert kappa_of("pool-deconvnet", p=pool) == pytest.approx(np.pi / mean**2, rel=1e-9)


def test_the_greatest_of_four_and_five_normals():
    """3 arccos(-1/3)/π^(3/2) and (5/2) arccos(-23/27)/π^(3/2): where symbolic integration errs."""
    four, five = (maximum_moments(pool)[0] for pool in (4, 5))
    assert four == pytest.approx(3 * np.arccos(-1 / 3) / np.pi**1.5, rel=1e-10)
    assert five == pytest.approx(2.5 * np.arccos(-23 / 27) / np.pi**1.5, rel=1e-10)
