"""Moments and overlaps of shared filters: formulas against loops and draws."""

from itertools import product
from math import pi, sqrt

import numpy as np
import pytest

from alignment_theory.theory.filter_overlaps import (
    blob,
    filter_moments,
    mean_image,
    second_moment_along,
    second_moment_image,
    second_order,
)


def _images(coefficients, size, k, count):
    """Draw the images of single filters by explicit loops."""
    rng = np.random.default_rng([size, k])
    image, corner = blob(size), range(size - k + 1)
    total = np.zeros((count, size, size))
    weights = rng.standard_normal((count, k, k))
    for i, j in product(corner, repeat=2):
        z = (weights * image[i : i + k, j : j + k]).sum(axis=(1, 2))[:, None, None]
        c = np.maximum(z, 0) if coefficients == "cascade" else z > 0
        total[:, i : i + k, j : j + k] += c * weights
    return total


@pytest.mark.parametrize("coefficients", ["active", "cascade"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_filter_moments_by_drawing_filters(coefficients, k):
    """5.5 standard errors for each of 450 numbers in all: a false alarm in 60 000 runs."""
    found, count = filter_moments(6, k, coefficients), 40_000
    images = _images(coefficients, 6, k, count)
    unit = found.mean / np.linalg.norm(found.mean)
    along = (images * unit).sum(axis=(1, 2)) ** 2
    square = (images**2).sum(axis=(1, 2))
    exact_along = (found.along + 1) * (found.mean**2).sum()
    for draws, exact in (
        (images.reshape(count, -1), found.mean.ravel()),
        (along[:, None], np.array([exact_along])),
        (square[:, None], np.array([found.second.sum()])),
        (images.reshape(count, -1) ** 2, found.second.ravel()),
    ):
        error = draws.std(axis=0) / sqrt(count)
        assert (np.abs(draws.mean(axis=0) - exact) < 5.5 * error).all()


def test_second_moments_along_add_up_to_the_trace():
    """Over all unit images the moments along them sum to the trace: two sums over pairs."""
    image, size = blob(5), 5
    for coefficients in ("active", "cascade"):
        traced = second_moment_image(image, 3, coefficients)
        units = np.eye(size * size).reshape(-1, size, size)
        found = [second_moment_along(image, 3, coefficients, unit) for unit in units]
        assert found == pytest.approx(traced.ravel(), rel=1e-10)


def test_overlaps_at_border_and_inside():
    image = np.ones((6, 6))
    overlaps = 2 * mean_image(image, 3, "cascade")
    assert overlaps[0, 0] == 1 and overlaps[0, 3] == 3 and overlaps[3, 3] == 9
    local = mean_image(image, 3, "active")
    assert local == pytest.approx(overlaps / 3 / sqrt(2 * pi))
    assert not mean_image(np.zeros((6, 6)), 3, "active").any()


def test_black_patches_add_nothing():
    image = np.zeros((8, 8))
    image[1, 1] = 2.0
    found = second_moment_image(image, 2, "active")
    assert found[:3, :3].min() > 0 and not found[4:].any()


def test_second_order_terms_by_drawing_filters():
    """The quadrature of the remainder is good to a tenth."""
    next_order = second_order(6, 3, "active")
    found = filter_moments(6, 3, "active")
    images = _images("active", 6, 3, 60_000).reshape(60_000, -1) / np.linalg.norm(found.mean)
    unit = found.mean.ravel() / np.linalg.norm(found.mean)
    along = images @ unit
    across = images - np.outer(along, unit)
    square = (across**2).sum(axis=1)
    assert next_order.skew == pytest.approx(((along - 1) * square).mean() / found.noise, rel=0.1)
    tilt = ((along - 1)[:, None] * across).mean(axis=0)
    assert next_order.tilt == pytest.approx(tilt @ tilt / found.noise, rel=0.1)
    covariance = across.T @ across / len(across)
    assert next_order.spread == pytest.approx(
        (covariance**2).sum() / np.trace(covariance) ** 2, rel=0.1
    )
    assert next_order.scatter == pytest.approx(square.var() / square.mean() ** 2, rel=0.1)
