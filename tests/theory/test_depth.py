"""Alignment through depth against real random networks."""

import numpy as np
import pytest

from alignment_theory import Deconvnet, Gradient, GuidedBackprop, RectGrad, ZPlus, attribute
from alignment_theory.models import random_mlp
from alignment_theory.theory import depth
from alignment_theory.verification.betting import confidence_interval

WIDTHS = (60, 90, 120, 90, 10)
NETWORKS = 1500
PROFILES = {
    "gradient": (Gradient(), depth.gradient_profile),
    "guided": (GuidedBackprop(), depth.guided_profile),
    "deconvnet": (Deconvnet(), depth.deconvnet_profile),
    "zplus": (ZPlus(), depth.zplus_profile),
    "rectgrad": (RectGrad(85.0), lambda widths: depth.rectgrad_profile(widths, 85.0)),
}


@pytest.fixture(scope="module")
def squares():
    """cos² at every level for every rule, from one set of random networks."""
    found = {name: [] for name in PROFILES}
    for index in range(NETWORKS):
        rng = np.random.default_rng([index, 7])
        network = random_mlp(WIDTHS, rng=rng)
        trace = network.forward(rng.uniform(size=WIDTHS[0]))
        for name, (rule, _) in PROFILES.items():
            values = attribute(trace, rule=rule, target=0).alignment().values
            found[name].append(values**2)
    return {name: np.array(rows) for name, rows in found.items()}


@pytest.mark.parametrize("name", PROFILES)
def test_profile_agrees_with_random_networks(name, squares):
    """The recursion is leading order in 1/width: it may be off by a few times 1/60, relatively."""
    predicted = PROFILES[name][1](WIDTHS)
    for level, value in enumerate(predicted):
        assert agrees(squares[name][:, level], value), (level, value)


def agrees(draws, value):
    draws = draws[~np.isnan(draws)]
    low, high = confidence_interval(draws, alpha=1e-6, low=0.0, high=1.0)
    slack = 6 / min(WIDTHS[:-1]) * value
    return low - slack <= value <= high + slack


@pytest.mark.parametrize("factor", [0.01, 0.5, 2.0])
@pytest.mark.parametrize("name", PROFILES)
def test_scaled_profiles_are_refuted(name, factor, squares):
    """Betting resolves a mean far below 1 only from above, so one level at least must tell."""
    predicted = PROFILES[name][1](WIDTHS)
    levels = enumerate(value * factor for value in predicted)
    assert not all(agrees(squares[name][:, level], value) for level, value in levels)


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


def test_rectgrad_with_nothing_to_cut_is_guided_backprop():
    profile = depth.rectgrad_profile((50, 60, 70, 10), q=0.0)
    assert profile == pytest.approx(depth.guided_profile((50, 60, 70, 10)), rel=1e-6)


def test_rectgrad_that_keeps_nothing_has_no_alignment():
    assert depth.rectgrad_strength(0.2, 100.0) == 0.0
