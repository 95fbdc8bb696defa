"""The delta method against means that are known exactly at every size."""

from dataclasses import fields, replace
from math import exp, log

import numpy as np
import pytest

from alignment_theory.theory.fluctuations import Jet, PlugIn, Spread, jets, smooth_terms


def test_jets_are_exact_to_rounding():
    sine, power = jets(lambda x: np.array([np.sin(x), x**5]), 0.7)
    expected = (np.sin(0.7), np.cos(0.7), -np.sin(0.7), -np.cos(0.7))
    assert (sine.value, sine.first, sine.second, sine.third) == pytest.approx(expected, abs=1e-9)
    assert power.third == pytest.approx(60 * 0.7**2, abs=1e-9)
    assert power.rescaled(2.0).second == pytest.approx(80 * 0.7**3, abs=1e-9)


def sample_variance():
    """The mean of ``(X - X̄)²`` for exponential X: central moments 1, 2, 9 of orders 2, 3, 4."""
    return PlugIn(
        gradient=np.array([[0.0]]),
        curvature=np.array([[[2.0]]]),
        feedback=np.array([[-2.0]]),
        drift=np.array([0.0]),
        influence=np.array([[1.0]]),
        overlap=np.array([[2.0]]),
        covariance=np.array([[8.0]]),
    )


def test_sample_variance_has_its_bias_and_variance():
    """E = (1 - 1/n) σ²; n Var = μ₄ - σ⁴ + O(1/n)."""
    assert sample_variance().bias() == pytest.approx([-1.0])
    assert sample_variance().total_covariance() == pytest.approx(np.array([[8.0]]))


def largest(share):
    """The sum of the K = p n largest of n exponentials over n: ``Ψ(p) = p (1 - log p)``."""
    spread = share * (1 - share)
    second = share * (2 - 2 * log(share) + log(share) ** 2)
    mean = share * (1 - log(share))
    return PlugIn(
        gradient=np.array([[-log(share)]]),
        curvature=np.array([[[-1 / share]]]),
        feedback=np.array([[0.0]]),
        drift=np.array([0.0]),
        influence=np.array([[spread]]),
        overlap=np.array([[-mean * (1 - share)]]),
        covariance=np.array([[second - mean**2]]),
    )


def exact_largest(size, kept):
    """Return mean and variance of that sum over n, from Rényi's representation."""
    ranks = np.arange(1, size + 1)
    weights = np.minimum(ranks, kept) / ranks
    return weights.sum() / size, (weights**2).sum() / size**2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_estimated_quantile_has_its_bias_and_variance(share):
    errors = []
    for size in (100, 200):
        mean, variance = exact_largest(size, round(share * size))
        bias = size * (mean - share * (1 - log(share)))
        errors.append(bias - largest(share).bias()[0])
        assert abs(size * variance - largest(share).total_covariance()[0, 0]) < 20 / size
    assert abs(errors[0]) < 20 / 100
    assert errors[1] / errors[0] == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("field", [field.name for field in fields(PlugIn)])
def test_every_part_of_the_description_matters(field):
    """A planted error in any part changes bias or covariance of one of the two known cases."""
    changed = 0.0
    for known in (sample_variance(), largest(0.5)):
        wrong = replace(known, **{field: getattr(known, field) + 0.5})
        changed += abs(wrong.bias() - known.bias())[0]
        changed += abs(wrong.total_covariance() - known.total_covariance())[0, 0]
    assert changed > 0.1


def test_the_ratio_of_two_means():
    """``E X̄/√(Ȳ)`` for X = Y exponential is ``E √Ȳ`` = Γ(n + 1/2)/(Γ(n) √n) = 1 - 1/(8n) + ..."""
    gradient, hessian = np.array([1.0, -0.5]), np.array([[0.0, -0.5], [-0.5, 0.75]])
    terms, variance = smooth_terms(gradient, hessian, np.zeros(2), np.ones((2, 2)))
    assert terms.sum() == pytest.approx(-1 / 8)
    assert variance == pytest.approx(1 / 4)


def test_a_spread_through_an_exponential():
    """X ~ N(c, v): ``E e^X = e^{c + v/2}``, to second order in v."""
    spread = Spread(0.3, shift=0.002, variance=0.01, bound=0.002)
    total, bound = spread.mean_terms(Jet(*[exp(0.3)] * 4))
    assert total == pytest.approx(exp(0.3) * (exp(0.007) - 1), rel=1e-2)
    assert bound == pytest.approx(total)


def test_a_spread_keeps_the_third_moment():
    """X = c + s (E - 1), E exponential: ``E X³`` is exact with third moment 2 s³."""
    scale, centre = 0.1, 1.0
    spread = Spread(0.0, 0.0, 1.0, 2.0).rescaled(scale)
    spread = replace(spread, centre=centre)
    cube = Jet(1.0, 3.0, 6.0, 6.0)
    assert spread.mean_terms(cube)[0] == pytest.approx(3 * scale**2 + 2 * scale**3)


def test_spreads_compose():
    """Through f then g is through g(f), to the order kept; noise adds its mean and variance."""
    start = Spread(0.5, 0.001, 0.002, 1e-4, 0.001)
    square, wave = Jet(0.25, 1.0, 2.0, 0.0), Jet(*[exp(0.25)] * 4)
    both = Jet(exp(0.25), exp(0.25), 3 * exp(0.25), 7 * exp(0.25))
    none = np.zeros(1)
    stepwise = start.through(square, none, 0.0).through(wave, none, 0.0)
    at_once = start.through(both, none, 0.0)
    assert stepwise.shift == pytest.approx(at_once.shift, rel=0.01)
    assert stepwise.variance == pytest.approx(at_once.variance, rel=0.05)
    assert stepwise.third == pytest.approx(at_once.third)
    noisy = start.through(square, np.array([0.01, -0.02]), 0.003)
    quiet = start.through(square, none, 0.0)
    assert noisy.shift - quiet.shift == pytest.approx(-0.01)
    assert noisy.bound - quiet.bound == pytest.approx(0.03)
    assert noisy.variance - quiet.variance == pytest.approx(0.003)


def test_moving_a_spread_counts_towards_its_bound():
    moved = Spread(1.0, 0.1, bound=0.1).moved(-0.05)
    assert (moved.centre, moved.shift, moved.bound) == pytest.approx((1.0, 0.05, 0.15))
