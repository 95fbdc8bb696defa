"""The fitted rate and constant of an approach to a limit."""

import numpy as np
import pytest

from alignment_theory.verification.rates import fit_rate

SIZES = np.array([25.0, 50, 100, 200])


def deviations(rate, constant, error, seed=0):
    noise = error * np.random.default_rng(seed).standard_normal(SIZES.size)
    return constant / SIZES**rate + noise, np.full(SIZES.size, error)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_rate_and_constant_are_found_within_five_errors(rate, seed):
    dev, err = deviations(rate, -0.3, 0.3 / 200**rate / 20, seed)
    found = fit_rate(SIZES, dev, err, -0.3 / SIZES**rate, rate)
    assert abs(found.rate - rate) < 5 * found.rate_error
    assert abs(found.constant + 0.3) < 5 * found.constant_error
    assert found.derived == pytest.approx(-0.3) and found.rungs == 4
    assert found.predicted == pytest.approx(rate)


def test_a_wrong_rate_and_a_wrong_constant_show():
    dev, err = deviations(1.0, 0.3, 1e-5)
    found = fit_rate(SIZES, dev, err, 0.15 / SIZES)
    assert abs(found.rate - 2) > 100 * found.rate_error
    assert abs(found.constant - found.derived) > 100 * found.constant_error


def test_nothing_is_fitted_to_noise():
    dev, err = deviations(1.0, 0.0, 1e-3)
    assert fit_rate(SIZES, dev, err, 0 * SIZES) is None
    assert fit_rate(SIZES, [1, -1, 1, -1], [0.01] * 4, 0 * SIZES) is None


def test_the_fit_is_told_in_one_line():
    dev, err = deviations(1.0, 0.3, 1e-5)
    text = str(fit_rate(SIZES, dev, err, 0.3 / SIZES, label="E cos²"))
    assert text.startswith("E cos²: observed - limit ~ size^-1.00 (±")
    assert "predicted -1.00 here and -1 far out" in text and "derived 0.3" in text


def test_higher_terms_show_in_the_predicted_rate():
    """0.3/n - 4/n² falls off more slowly than 1/n at these sizes, and so does what is predicted."""
    terms = 0.3 / SIZES - 4 / SIZES**2
    found = fit_rate(SIZES, terms, np.full(4, 1e-6), terms)
    assert found.rate == pytest.approx(found.predicted) and found.predicted < 0.9
    assert found.power == 1.0


def test_a_prediction_without_finite_size_terms_has_no_rate():
    dev, err = deviations(1.0, 0.3, 1e-5)
    assert np.isnan(fit_rate(SIZES, dev, err, 0 * SIZES).predicted)
