"""Predictions for rows N(0, Σ): within [0, 1], and no remainder excludes what is drawn."""

from math import exp, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from alignment_theory.theory.other_laws import ANISOTROPY
from alignment_theory.verification.covariance_checks import lone_variances, second_axis

TOWARD = ("cos² with Σx", "cos² with x")


def drawn(coefficients, n, variances, x, trials, rng):
    """Return mean and standard error of both cos² with n rows drawn for every trial."""
    found = []
    for _ in range(trials):
        w = rng.standard_normal((n, len(x))) * np.sqrt(variances)
        z = w @ x
        r = (np.maximum(z, 0) if coefficients == "cascade" else (z > 0).astype(float)) @ w
        if r.any():
            found.append([(r @ u) ** 2 / ((r @ r) * (u @ u)) for u in (variances * x, x)])
    return np.mean(found, axis=0), np.std(found, axis=0) / sqrt(len(found))


def limit_on_one_axis(kappa):
    """Return ``E 1/(1 + κ ξ²)``, ξ ~ N(0, 1): what Σ = diag(n, 1) and x = e_2 lead to."""
    end = 12.0
    density = quad(lambda s: exp(-s * s / 2) / (1 + kappa * s * s), -end, end)[0]
    return density / sqrt(2 * pi)


@pytest.mark.parametrize("quantity", TOWARD)
@pytest.mark.parametrize(
    ("coefficients", "n", "variances", "x", "mean"),
    [
        ("cascade", 10**6, (10**6, 1), (0, 1), limit_on_one_axis(2)),
        ("cascade", 200, (200, 1), (0, 1), 0.546),
        ("active", 10**6, (10**6, 1), (0, 1), limit_on_one_axis(pi)),
        ("active", 200, (200, 1), (0, 1), 0.4751),
        ("active", 300, (1e4, 1, 1, 1), (0, 1, 1, 0), 0.113),
        ("cascade", 50, (100, *[1] * 20), (0.01, *[1] * 20), 0.304),
    ],
)
def test_noise_on_one_axis_is_not_excluded(quantity, coefficients, n, variances, x, mean):
    found = ANISOTROPY.predict(
        quantity=quantity, coefficients=coefficients, n=n, variances=variances, x=x
    )
    assert 0 <= found.value <= 1 and 0 <= found.remainder <= 1
    assert abs(found.value - mean) < found.remainder


def test_limit_on_one_axis_is_no_function_of_the_effective_dimension():
    assert limit_on_one_axis(2) == pytest.approx(0.54564, abs=1e-5)
    d = 30
    sizes = {"n": 60, "x": second_axis(d)}
    lone = ANISOTROPY.predict(variances=lone_variances(d), **sizes)
    even = ANISOTROPY.predict(variances=np.ones(d), **sizes)
    for term in ("effective dimension", "limit"):
        assert lone.terms[term] == pytest.approx(even.terms[term], rel=1e-12)
    assert lone.remainder > 0.5 and even.remainder < 0.01


@pytest.mark.parametrize("coefficients", ["active", "cascade"])
@pytest.mark.parametrize(
    ("variances", "x"),
    [
        ((1, 0), (1, 1)),
        ((1, 0, 0), (1, 0, 0)),
        ((1e-300, 1), (0, 1)),
        ((1e-300, 1), (1, 1)),
        ((1e300, 1), (1, 1)),
    ],
)
def test_without_noise_the_attribution_is_in_the_direction(coefficients, variances, x):
    told = {"coefficients": coefficients, "n": 100, "variances": variances, "x": x}
    found = ANISOTROPY.predict(**told)
    assert found.value == 1 and found.remainder < 1e-12
    with_x = ANISOTROPY.predict(quantity="cos² with x", **told)
    assert with_x.value == pytest.approx(1 / np.count_nonzero(x), abs=1e-12)


def test_more_noise_than_floats_hold_is_refused():
    for variances, x in (((1e300, 1), (0, 1)), ((1, 1e-320), (0, 1))):
        with pytest.raises(ValueError, match="noise is more than"):
            ANISOTROPY.predict(variances=variances, x=x)


def spectrum(rng, d):
    """Return variances of one of several kinds, equal to very uneven."""
    variances = np.ones(d)
    match rng.integers(4):
        case 0:
            variances[: rng.integers(1, d)] = 10 ** rng.uniform(-3, 5)
        case 1:
            variances = np.exp(rng.normal(size=d) * rng.choice([0.3, 1, 3]))
        case 2:
            variances = (np.arange(d) + 1.0) ** -rng.uniform(0, 4)
    return variances


@pytest.mark.parametrize("seed", range(40))
def test_no_remainder_excludes_what_is_drawn(seed):
    """5 standard errors for each of 80 means: a false alarm in 20 000 runs."""
    rng = np.random.default_rng([5, seed])
    d, n = int(rng.choice([2, 3, 6, 12, 30])), int(rng.choice([1, 2, 4, 8, 15, 30, 60]))
    variances = spectrum(rng, d)
    x = (rng.normal(size=d), np.eye(d)[rng.integers(d)], 1 / variances)[rng.integers(3)]
    coefficients = ("active", "cascade")[seed % 2]
    means, errors = drawn(coefficients, n, variances, x, 1500, rng)
    for quantity, mean, error in zip(TOWARD, means, errors, strict=True):
        found = ANISOTROPY.predict(
            quantity=quantity, coefficients=coefficients, n=n, variances=variances, x=x
        )
        assert abs(found.value - mean) < found.remainder + 5 * error + 1e-12


NUMBERS = st.floats(-1e3, 1e3) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.integers(1, 10**6),
    st.lists(st.tuples(NUMBERS.map(abs), NUMBERS), min_size=2, max_size=6),
    st.sampled_from(["active", "cascade"]),
    st.sampled_from(TOWARD),
)
def test_predictions_are_means_of_squared_cosines_or_refused(n, pairs, coefficients, quantity):
    variances, x = zip(*pairs, strict=True)
    try:
        found = ANISOTROPY.predict(
            quantity=quantity, coefficients=coefficients, n=n, variances=variances, x=x
        )
    except ValueError as error:
        assert "anisotropy: " in str(error)
        return
    assert 0 <= found.value <= 1
    assert 0 <= found.remainder <= 1
