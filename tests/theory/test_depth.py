"""Alignment through depth against real random networks."""

import numpy as np
import pytest

from alignment_theory import (
    Deconvnet,
    Gradient,
    GuidedBackprop,
    RectGrad,
    ZPlus,
    attribute,
    theorem,
)
from alignment_theory.models import random_mlp
from alignment_theory.theory import depth
from alignment_theory.verification.betting import confidence_interval

WIDTHS = (60, 90, 120, 90, 10)
NETWORKS = 1500
RULES = {
    "gradient": Gradient(),
    "guided": GuidedBackprop(),
    "deconvnet": Deconvnet(),
    "zplus": ZPlus(),
    "rectgrad": RectGrad(85.0),
}


def predictions(name):
    """The prediction of every level, and its remainder."""
    if name == "zplus":
        told = [theorem("zplus-uniformity").predict(widths=WIDTHS, level=k) for k in range(4)]
        return [(one.value, one.remainder) for one in told]
    found = theorem("depth-recursion").predict(rule=name, widths=WIDTHS, q=85)
    return list(zip(found.value, found.remainder, strict=True))


@pytest.fixture(scope="module")
def squares():
    """cos² at every level for every rule, from one set of random networks."""
    found = {name: [] for name in RULES}
    for index in range(NETWORKS):
        rng = np.random.default_rng([index, 7])
        network = random_mlp(WIDTHS, rng=rng)
        trace = network.forward(rng.uniform(size=WIDTHS[0]))
        for name, rule in RULES.items():
            values = attribute(trace, rule=rule, target=0).alignment().values
            found[name].append(values**2)
    return {name: np.array(rows) for name, rows in found.items()}


def agrees(draws, value, remainder):
    draws = draws[~np.isnan(draws)]
    low, high = confidence_interval(draws, alpha=1e-6, low=0.0, high=1.0)
    return low - remainder <= value <= high + remainder


@pytest.mark.parametrize("name", RULES)
def test_predictions_agree_with_random_networks(name, squares):
    for level, (value, remainder) in enumerate(predictions(name)):
        assert agrees(squares[name][:, level], value, remainder), (level, value)


@pytest.mark.parametrize("factor", [0.01, 0.5, 2.0])
@pytest.mark.parametrize("name", RULES)
def test_scaled_predictions_are_refuted(name, factor, squares):
    """Betting resolves a mean far below 1 only from above, so one level at least must tell."""
    levels = enumerate(predictions(name))
    assert not all(agrees(squares[name][:, k], v * factor, rest) for k, (v, rest) in levels)


@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided"])
def test_strengths_at_the_ends(rule):
    """With all relevance along a, c = a: C² = 1/2, the most a rule with c ≥ 0 can have."""
    assert depth.strength_at(rule, 1.0) == pytest.approx(0.5)
    start = {"gradient": 0.0, "deconvnet": 0.0, "guided": np.pi**-2}[rule]
    assert depth.strength_at(rule, 0.0) == pytest.approx(start, abs=1e-15)
    assert depth.strength_at("rectgrad", 1.0, 0.0) == pytest.approx(0.5, abs=1e-6)


def test_an_unknown_rule_is_explained():
    with pytest.raises(ValueError, match="rule must be gradient, .*, got 'lrp'"):
        depth.strength_at("lrp", 0.1)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(("rule", "q"), [("guided", 0.0), ("rectgrad", 90.0), ("gradient", 0.0)])
def test_fixed_points_are_where_the_recursion_goes(rule, q, ratio):
    """Within 300 layers, but for the gradient at r = 1, which decays like 1/(2 layers)."""
    value, error = 1e-3, 1e-3 if (rule, ratio) == ("gradient", 1.0) else 1e-9
    for _ in range(300):
        strength = ratio * depth.strength_at(rule, value, q)
        value = strength / (strength + 1)
    assert depth.fixed_point(rule, ratio, q) == pytest.approx(value, abs=error)


def test_fixed_points_in_closed_form():
    """The gradient's is (r - 1)/(r + 1); small alignments decay under DeconvNet at r < 4."""
    assert depth.fixed_point("gradient", 3.0) == pytest.approx(0.5)
    assert depth.fixed_point("gradient", 0.9) == depth.fixed_point("deconvnet", 3.9) == 0.0
    assert depth.fixed_point("deconvnet", 4.0) > 0.3
    with pytest.raises(ValueError, match="ratio n/d must be positive and finite, got 0"):
        depth.fixed_point("guided", 0)


@pytest.mark.parametrize("value", [0.0, 0.2, 0.7])
def test_rectgrad_with_nothing_to_cut_is_guided_backprop(value):
    found = depth.strength_at("rectgrad", value, 0.0)
    assert found == pytest.approx(depth.strength_at("guided", value), rel=1e-6)


def test_rectgrad_that_keeps_nothing_has_no_alignment():
    assert depth.rectgrad_strength(0.2, 100.0) == 0.0
