"""E[1 - cos²] of the image of random filters: within [0, 1], and what is drawn is not excluded."""

from functools import cache
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_theory.theory.curves import predict_curve
from alignment_theory.theory.filter_overlaps import blob, mean_image
from alignment_theory.theory.other_laws import CONVOLUTION


def drawn(size, k, filters, coefficients, trials, rng):
    """Return mean and standard error of 1 - cos², patches visited one by one."""
    image, m = blob(size), mean_image(blob(size), k, coefficients).ravel()
    unit, r = m / np.linalg.norm(m), np.zeros((trials, size, size))
    w = rng.standard_normal((trials, filters, k, k))
    for i, j in np.ndindex(size - k + 1, size - k + 1):
        z = np.einsum("tfab,ab->tf", w, image[i : i + k, j : j + k])
        c = np.maximum(z, 0) if coefficients == "cascade" else (z > 0).astype(float)
        r[:, i : i + k, j : j + k] += np.einsum("tf,tfab->tab", c, w)
    r = r.reshape(trials, -1)[r.any(axis=(1, 2))]
    rest = r - np.outer(r @ unit, unit)
    found = (rest**2).sum(axis=1) / (r**2).sum(axis=1)
    return found.mean(), found.std() / sqrt(len(found))


@pytest.mark.parametrize(
    ("size", "k", "filters", "coefficients", "mean"),
    [
        (7, 7, 10, "active", 0.9310),
        (7, 7, 64, "active", 0.6976),
        (7, 7, 200, "active", 0.4280),
        (7, 7, 64, "cascade", 0.6015),
        (7, 7, 200, "cascade", 0.3251),
        (6, 5, 10, "active", 0.6360),
        (8, 3, 1, "active", 0.6875),
    ],
)
def test_few_filters_are_not_excluded(size, k, filters, coefficients, mean):
    found = CONVOLUTION.predict(size=size, k=k, filters=filters, coefficients=coefficients)
    assert 0 <= found.value <= 1 and 0 <= found.remainder <= 1
    assert abs(found.value - mean) < min(found.remainder, 0.015 if filters > 1 else 0.1)


@pytest.mark.parametrize("coefficients", ["active", "cascade"])
@pytest.mark.parametrize("filters", [20, 64, 500])
@pytest.mark.parametrize("k", [3, 5, 7])
def test_one_patch_gives_the_alignment_curve(coefficients, filters, k):
    """Another derivation; the difference is the quadrature's."""
    found = CONVOLUTION.predict(size=k, k=k, filters=filters, coefficients=coefficients)
    curve = predict_curve(coefficients, filters, k * k)
    assert found.value == pytest.approx(1 - float(curve.value), abs=0.16 / filters)


@pytest.mark.parametrize("coefficients", ["active", "cascade"])
@pytest.mark.parametrize("size", [2, 3, 4, 9])
def test_filters_of_one_weight_give_the_mean_image(coefficients, size):
    found = CONVOLUTION.predict(size=size, k=1, filters=30, coefficients=coefficients)
    assert found.value == 0 and found.remainder < 1e-8


def test_value_expands_into_the_terms():
    for coefficients in ("active", "cascade"):
        found = CONVOLUTION.predict(size=6, k=3, filters=10**4, coefficients=coefficients)
        first, second = found.terms["1/F term"], found.terms["1/F² term"]
        assert found.value - first == pytest.approx(second, rel=0.01)
        assert found.remainder < 0.25 * abs(first)


@pytest.mark.parametrize("seed", range(40))
def test_no_remainder_excludes_what_is_drawn(seed):
    """5 standard errors for each of 40 means: a false alarm in 40 000 runs."""
    rng = np.random.default_rng([6, seed])
    size = int(rng.integers(2, 10))
    k = int(rng.integers(1, min(size, 7) + 1))
    filters = int(rng.choice([1, 2, 5, 12, 30, 80, 200]))
    coefficients = ("active", "cascade")[seed % 2]
    mean, error = drawn(size, k, filters, coefficients, 300, rng)
    found = CONVOLUTION.predict(size=size, k=k, filters=filters, coefficients=coefficients)
    assert abs(found.value - mean) < found.remainder + 5 * error + 1e-12


@cache
def predicted(size, k, filters, coefficients):
    return CONVOLUTION.predict(size=size, k=k, filters=filters, coefficients=coefficients)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(2, 7).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))),
    st.integers(1, 300) | st.integers(1, 10**9),
    st.sampled_from(["active", "cascade"]),
)
def test_predictions_are_means_of_squared_sines(sizes, filters, coefficients):
    found = predicted(*sizes, filters, coefficients)
    assert 0 <= found.value <= 1
    assert 0 <= found.remainder <= 1
