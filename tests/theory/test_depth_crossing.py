"""Crossing one layer at a given alignment: quadrature against SciPy, bias against draws."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import norm

from alignment_theory.theory import depth
from alignment_theory.theory.depth_crossing import crossing, describe
from alignment_theory.theory.depth_quadrature import (
    GATES,
    area_moments,
    edge,
    polynomial,
    positive_share,
    product,
    share_above,
    threshold_for,
)
from alignment_theory.verification.reduced_depth import coefficients

UNITS, TRIALS = 400, 40_000
CASES = {  # rule, q, x
    "gradient": ("gradient", 0.0, 0.6),
    "deconvnet": ("deconvnet", 0.0, 0.6),
    "guided": ("guided", 0.0, 0.6),
    "rectgrad": ("rectgrad", 90.0, 0.6),
    "rectgrad, near 0": ("rectgrad", 80.0, 0.1),
}


@pytest.mark.parametrize(("beta", "threshold"), [(0.0, 0.0), (0.7, 0.3), (-0.2, 1e-2), (3.0, 5.0)])
def test_areas_and_edges_equal_scipy(beta, threshold):
    def below(t):
        return threshold / t - beta * t

    found = area_moments(beta, threshold, GATES["guided"])
    for a, b in ((1, 1), (2, 2)):
        value, error = dblquad(
            lambda xi, t, a=a, b=b: norm.pdf(t) * norm.pdf(xi) * t**a * xi**b,
            1e-12,
            9,
            below,
            lambda t: max(9.0, below(t)),
            epsabs=1e-7,
        )
        assert found[a, b] == pytest.approx(value, abs=max(1e-6, 10 * error))
    value, _ = quad(
        lambda t: norm.pdf(t) * norm.pdf(below(t)) * t * (1 + t * below(t)), 0, 12, limit=400
    )
    assert edge(polynomial(t0x0=1, t1x1=1), beta, threshold, 1) == pytest.approx(value, abs=1e-9)


def test_polynomials_multiply():
    square = product(polynomial(t1x1=2.0, t0x0=1.0), polynomial(t1x1=2.0, t0x0=1.0))
    assert np.array_equal(square, polynomial(t2x2=4.0, t1x1=4.0, t0x0=1.0))


@pytest.mark.parametrize("beta", [0.0, 0.4, 2.0])
def test_thresholds_leave_the_share_above(beta):
    assert share_above(beta, 0.0) == pytest.approx(positive_share(beta), abs=1e-13)
    for share in (0.01, 0.1, 0.24):
        assert share_above(beta, threshold_for(beta, share)) == pytest.approx(share, abs=1e-12)
    assert threshold_for(beta, 0.6) == 0.0
    with pytest.raises(ValueError, match="kept share of units must be > 0, got 0"):
        threshold_for(beta, 0)


@pytest.mark.parametrize("rho2", [0.0, 0.05, 0.2, 0.7])
@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided", "rectgrad"])
def test_strengths_are_those_of_the_formulas(rule, rho2):
    strength = crossing(rule, np.sqrt(rho2 / (1 - rho2)), 200, 20).strength.value ** 2
    assert strength == pytest.approx(depth.strength_at(rule, rho2, 90.0), abs=1e-12)


@pytest.mark.parametrize(("value", "q"), [(0.0, 80.0), (0.2, 90.0), (0.2, 30.0), (0.6, 98.0)])
def test_rectgrad_strength_equals_scipy(value, q):
    """The formulas of `rectgrad_strength` integrated by SciPy's adaptive rule."""
    beta = np.sqrt(2 * value / (1 - value))
    tau = threshold_for(beta, 1 - q / 100)

    def integral(f):
        return quad(lambda t: norm.pdf(t) * f(t, tau / t - beta * t), 0, 12, limit=400)[0]

    kept = integral(lambda t, u: norm.sf(u))
    overlap = integral(lambda t, u: t * (beta * t * norm.sf(u) + norm.pdf(u)))
    square = integral(
        lambda t, u: (beta**2 * t**2 + 1) * norm.sf(u) + (beta * t + tau / t) * norm.pdf(u)
    )
    assert kept == pytest.approx(min(1 - q / 100, positive_share(beta)), abs=1e-8)
    assert depth.rectgrad_strength(value, q) == pytest.approx(overlap**2 / square, abs=1e-7)


@pytest.fixture(scope="module")
def observed():
    """(S̄, Q̄) of draws at given x: their mean with its standard error, and their covariance."""
    found = {}
    for index, (name, (rule, q, x)) in enumerate(CASES.items()):
        rng = np.random.default_rng([index, 4])
        lots = [draw(rng, rule, q, x, 1000) for _ in range(TRIALS // 1000)]
        means, controls = (np.concatenate(part) for part in zip(*lots, strict=True))
        design = np.column_stack([np.ones(TRIALS), controls])
        solution = np.linalg.lstsq(design, means)[0]
        error = (means - design @ solution).std(axis=0) / np.sqrt(TRIALS)
        found[name] = (solution[0], error, np.cov(means.T))
    return found


def draw(rng, rule, q, x, count):
    """Return S̄ and Q̄, and means over the same units whose expectations are exactly 0."""
    t, xi = rng.standard_normal((2, count, UNITS))
    a, p = np.maximum(t, 0.0), np.maximum(xi, 0.0)
    direction = a / np.linalg.norm(a, axis=1, keepdims=True)
    along = (direction * xi).sum(axis=1, keepdims=True)
    c = coefficients(rule, t, xi + direction * (np.sqrt(UNITS) * x - along), q)
    means = [(t * c).mean(axis=1), (c * c).mean(axis=1)]
    controls = [a * a - 1 / 2, a * xi, a * p - 1 / (2 * np.pi), p * p * (t > 0) - 1 / 4]
    if rule == "rectgrad":
        layer, found, _ = describe(rule, x, kept_share(q))
        h = xi + layer.beta * a
        passed = a * h > layer.threshold(layer.beta)
        expected = (layer.share, found[0].value, found[1].value)
        parts = (passed, a * h * passed, h * h * passed)
        controls += [part - mean for part, mean in zip(parts, expected, strict=True)]
    return np.array(means).T, np.array([control.mean(axis=1) for control in controls]).T


def kept_share(q):
    return (UNITS - 1 - int((UNITS - 1) * q / 100)) / UNITS


def distance(name, observed, change=lambda description: description):
    """Return how far mean and variance of S̄ and Q̄ are off, in standard errors, at worst.

    What is left out beyond first order is given the size 10/n² for the means and 8/n relative to
    the variances.
    """
    rule, q, x = CASES[name]
    _, found, description = describe(rule, x, kept_share(q))
    description = change(description)
    centre = np.array([jet.value for jet in found[:2]])
    mean, error, covariance = observed[name]
    off = np.abs(centre + description.bias() / UNITS - mean) - 10 / UNITS**2
    ratio = np.diag(description.total_covariance()) / UNITS / np.diag(covariance)
    spread = (np.abs(ratio - 1) - 8 / UNITS) / np.sqrt(2 / TRIALS)
    return max((off / error).max(), spread.max())


@pytest.mark.parametrize("name", CASES)
def test_bias_and_variance_of_a_crossing(name, observed):
    assert distance(name, observed) < 5


MUTATIONS = [(name, "feedback", 0) for name in CASES]
MUTATIONS += [(name, "drift", 0) for name in CASES if name != "rectgrad, near 0"]
MUTATIONS += [(name, "overlap", 0) for name in CASES]
MUTATIONS += [("rectgrad", field, 1) for field in ("gradient", "curvature", "drift", "influence")]


@pytest.mark.parametrize(("name", "field", "parameter"), MUTATIONS)
def test_a_part_left_out_is_caught(name, field, parameter, observed):
    """Each part of the expansion, set to 0 for one parameter, puts the prediction off."""

    def without(description):
        values = np.array(getattr(description, field))
        values[..., parameter] = 0.0
        return replace(description, **{field: values})

    assert distance(name, observed, without) > 8


def test_a_threshold_at_the_boundary_of_0_has_a_margin():
    """A quarter of the units has a positive product at x = 0; far from it the margin vanishes."""
    near, far = crossing("rectgrad", 0.0, 200, 50), crossing("rectgrad", 0.0, 200, 20)
    assert far.margin < 1e-5 < near.margin
    assert near.strength.value == pytest.approx(crossing("guided", 0.0, 200).strength.value)


def test_rectgrad_has_to_keep_a_unit():
    with pytest.raises(ValueError, match="rectgrad keeps a share 0.0 of the units"):
        crossing("rectgrad", 0.0, 200, 0)
