"""The leading recursion with bias against real networks."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from alignment_theory import Deconvnet, Gradient, GuidedBackprop, RectGrad
from alignment_theory.ensembles import Gaussian
from alignment_theory.theory import depth
from alignment_theory.theory.depth_bias import (
    biased_means,
    biased_profile,
    mean_square_activation,
)
from alignment_theory.verification.betting import confidence_interval
from alignment_theory.verification.reduced_depth import EngineChain
from alignment_theory.verification.samplers import gather

WIDTHS = (80, 100, 100, 80, 10)
SIGMA, BIAS, Q = 0.2, -0.1, 85.0
RULES = {
    "gradient": Gradient(),
    "deconvnet": Deconvnet(),
    "guided": GuidedBackprop(),
    "rectgrad": RectGrad(Q),
}


@pytest.fixture(scope="module")
def squares():
    """cos² at every level of real networks with bias."""
    found = {}
    for index, (name, rule) in enumerate(RULES.items()):
        chain = EngineChain(rule, Gaussian(SIGMA), BIAS)
        found[name] = gather(chain, np.random.SeedSequence([index, 31]), 1000, widths=WIDTHS)
    return found


def agrees(draws, value):
    """Leading order: off by a few times 1/80, relatively, as without bias."""
    low, high = confidence_interval(draws[~np.isnan(draws)], alpha=1e-6, low=0.0, high=1.0)
    slack = 6 / min(WIDTHS[:-1]) * value
    return low - slack <= value <= high + slack


@pytest.mark.parametrize("name", ["guided", "rectgrad"])
def test_profile_agrees_with_networks(name, squares):
    predicted = biased_profile(name, WIDTHS, BIAS, Q, SIGMA)
    assert all(agrees(x, value) for x, value in zip(squares[name].T, predicted, strict=True))


@pytest.mark.parametrize("name", ["gradient", "deconvnet"])
def test_unfiltered_relevance_does_not_align(name, squares):
    """The recursion stays at 0: what there is, is of order 1/d."""
    assert biased_profile(name, WIDTHS, BIAS, Q, SIGMA)[0] < 1e-20
    assert (np.nanmean(squares[name], axis=0) < 4 / np.array(WIDTHS[:-1])).all()


@pytest.mark.parametrize("name", ["guided", "rectgrad"])
@pytest.mark.parametrize("bias", [0.0, -BIAS])
def test_another_bias_is_refuted(name, bias, squares):
    predicted = biased_profile(name, WIDTHS, bias, Q, SIGMA)
    assert not all(agrees(x, value) for x, value in zip(squares[name].T, predicted, strict=True))


@pytest.mark.parametrize("name", RULES)
def test_without_bias_it_is_the_plain_recursion(name):
    for x in (0.0, 0.3, 1.0):
        overlap, square = biased_means(name, x, 0.0, Q)
        expected = depth.strength_at(name, x**2 / (1 + x**2), Q)
        assert overlap**2 / square == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bias", [-2.0, 0.7])
def test_means_equal_quadrature(bias):
    beta = 0.4 / np.sqrt(mean_square_activation(bias))

    def integral(f):
        return quad(lambda t: norm.pdf(t) * f(t, beta * (t + bias)), -bias, 12)[0]

    overlap, square = biased_means("guided", 0.4, bias)
    assert overlap == pytest.approx(integral(lambda t, m: t * (m * norm.cdf(m) + norm.pdf(m))))
    assert square == pytest.approx(
        integral(lambda t, m: (m * m + 1) * norm.cdf(m) + m * norm.pdf(m))
    )
    assert mean_square_activation(bias) == pytest.approx(integral(lambda t, m: (t + bias) ** 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biased_means("lrp", 0.0, 0.0), "rule must be one of gradient"),
        (lambda: biased_means("guided", 0.0, 9.0), "must be within ±8, got 9.0"),
        (lambda: biased_means("rectgrad", 0.0, 0.0, 100.0), r"percentile in \[0, 100\), got 100"),
        (lambda: biased_profile("guided", WIDTHS, 0.0, sigma=0.0), "sigma and norm must be"),
    ],
)
def test_bad_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
