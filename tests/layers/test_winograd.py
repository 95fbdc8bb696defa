"""Winograd's algorithm against exact fractions, the direct sum and its own rounding bound."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory import (
    Conv2d,
    threads,
)
from alignment_theory.kernels.tiles import MOST
from alignment_theory.layers import winograd
from alignment_theory.rounding import gamma


def exact(values):
    return np.vectorize(Fraction, otypes=[object])(values)


def test_the_matrices_are_those_of_a_correlation_of_three_with_six():
    a, g, b = winograd.matrices()
    found = np.einsum("ik,kl,km->ilm", a, g, b)
    for i, j, m in product(range(4), range(3), range(6)):
        assert found[i, j, m] == (m == i + j)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_constants_are_exact_in_binary(dtype):
    """Those of A and B as they stand in `tiles`: the points, their powers, and sums of those."""
    (a, b), one = (abs(p) for p in winograd.POINTS[1::2]), Fraction(1)
    aa, bb = a * a, b * b
    constants = [a, b, aa, bb, aa * bb, aa + bb, aa * a, bb * b, one]
    assert all(Fraction(float(dtype(c))) == c for c in constants)
    for matrix in (winograd.matrices()[0], winograd.matrices()[2]):
        assert (exact(matrix.astype(dtype).astype(float)) == matrix).all()


def test_the_stated_amplification_is_reached_and_smaller_than_with_whole_points(monkeypatch):
    a, g, b = (np.abs(m.astype(float)) for m in winograd.matrices())
    ones = a @ ((g @ np.ones((3, 3)) @ g.T) * (b @ np.ones((6, 6)) @ b.T)) @ a.T
    depth = gamma(2 * (6 * 6 + 3 * 3 + 6 * 6), np.dtype(float))  # sums of positive terms, twice
    assert winograd.amplification() == pytest.approx(ones.max() / 9, rel=depth, abs=0)
    assert f"= {winograd.amplification():.0f} times" in winograd.__doc__.replace("\n", " ")
    monkeypatch.setattr(winograd, "POINTS", tuple(map(Fraction, (0, 1, -1, 2, -2))))
    assert f"({winograd.amplification():.0f} times" in winograd.__doc__


@st.composite
def cases(draw):
    """A convolution that it can do, images and relevance, all small multiples of 1/2, exact."""
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
    size = [draw(st.integers(max(1, 3 - sum(p)), 11)) for p in padding]
    outputs, channels, batch = (draw(st.integers(1, 2)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def halves(*shape):
        return exact(rng.integers(-3, 4, size=shape) / 2)

    layer = Conv2d(halves(outputs, channels, 3, 3), padding=padding)
    images = halves(batch, channels, *size)
    return layer, images, halves(batch, *layer.output_shape(images.shape[1:]))


@given(cases(), st.sampled_from([1, 3, 128]))
def test_exact_fractions_are_those_of_the_direct_sum_and_of_its_transpose(case, tiles):
    layer, images, relevance = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "MOST", tiles)
        found, below = both(layer, images, relevance)
    assert found.shape == relevance.shape and (found == layer.apply(images)).all()
    assert below.shape == images.shape and (below == layer.pullback(relevance, images)).all()


def both(layer, images, relevance):
    """Return the convolution of images and the transpose of relevance by the algorithm."""
    back = layer.with_algorithm("winograd")._transpose
    return tuple(
        winograd.convolved(values, winograd.transformed(used.weight), used.windows)
        for used, values in ((layer, images), (back, relevance))
    )


def turned(weight):
    """Return the weights of the transpose: rotated by half a turn, outputs and inputs exchanged."""
    return np.rot90(weight, 2, axes=(2, 3)).swapaxes(0, 1)


def magnitudes(weight, images):
    """Return |A| ((|G| |w| |Gᵀ|) ∘ (|B| |d| |Bᵀ|)) |Aᵀ| summed over channels, padding 1."""
    a, g, b = (np.abs(m.astype(float)) for m in winograd.matrices())
    products = np.einsum("kp,ocpq,lq->ockl", g, np.abs(weight), g)
    height, width = images.shape[2:]
    framed = np.pad(np.abs(images), ((0, 0), (0, 0), (1, 8), (1, 8)))
    found = np.zeros((len(images), len(weight), height + 3, width + 3))
    for y, x in product(range(0, height, 4), range(0, width, 4)):
        tile = np.einsum("kp,ncpq,lq->nckl", b, framed[..., y : y + 6, x : x + 6], b)
        made = np.einsum("ockl,nckl->nokl", products, tile)
        found[..., y : y + 4, x : x + 4] = np.einsum("ik,nokl,jl->noij", a, made, a)
    return found[..., :height, :width]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_within_the_stated_bound_and_a_wrong_point_is_not(dtype):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((5, 7, 3, 3)).astype(dtype)
    images = np.maximum(rng.standard_normal((2, 7, 9, 14)), 0).astype(dtype)
    layer, products = Conv2d(exact(weight.astype(float)), padding=1), winograd.transformed(weight)
    bound = gamma(7 + 27, np.dtype(dtype)) * magnitudes(weight, images.astype(float))
    truth = layer.apply(exact(images.astype(float)))

    def error():
        found = winograd.convolved(images, products, layer.windows)
        return np.abs(exact(found.astype(float)) - truth).astype(float)

    assert (error() <= bound).all()
    with pytest.MonkeyPatch.context() as patch:
        off = Fraction(1 + 2**12 * float(np.finfo(dtype).eps)) * winograd.POINTS[1]
        patch.setattr(winograd, "POINTS", (0, off, -off, *winograd.POINTS[3:]))
        assert (error() > bound).any()


@pytest.mark.parametrize("number", [2, 3])
def test_several_threads_are_within_the_bound(monkeypatch, number):
    monkeypatch.setattr(threads, "_blas_threads", lambda: number)
    monkeypatch.setattr(threads, "_FEWEST_NUMBERS", 1)
    rng = np.random.default_rng(2)
    weight = rng.integers(-2, 3, (65, 7, 3, 3)).astype(float)
    for shape in ((1, 7, 5, 6), (3, 7, 40, 80)):
        images = rng.integers(-2, 3, shape).astype(float)
        layer = Conv2d(weight, padding=1)
        found = winograd.convolved(images, winograd.transformed(weight), layer.windows)
        bound = gamma(7 + 27, np.dtype(float)) * magnitudes(weight, images)
        assert (np.abs(found - layer.apply(images)) <= bound).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_of_the_transpose_is_within_the_stated_bound(dtype):
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((5, 7, 3, 3)).astype(dtype)
    relevance = rng.standard_normal((2, 5, 9, 14)).astype(dtype)
    images = np.zeros((2, 7, 9, 14), dtype)
    _, found = both(Conv2d(weight, padding=1), images, relevance)
    layer = Conv2d(exact(weight.astype(float)), padding=1)
    truth = layer.pullback(exact(relevance.astype(float)), exact(images))
    error = np.abs(exact(found.astype(float)) - truth).astype(float)
    size = magnitudes(turned(weight), relevance.astype(float))
    assert (error <= gamma(5 + 27, np.dtype(dtype)) * size).all()


def test_nan_is_seen_by_every_window_that_sees_it():
    weight = np.random.default_rng(0).standard_normal((1, 1, 3, 3))
    weight[0, 0, 1] = 0  # 0 · NaN is NaN
    layer = Conv2d(weight, padding=1)
    for y, x in np.ndindex(9, 9):
        images = np.ones((1, 1, 9, 9))
        images[0, 0, y, x] = np.nan
        up, down = both(layer, images, images)
        assert (np.isnan(up) >= np.isnan(layer.apply(images))).all()
        assert (np.isnan(down) >= np.isnan(layer.pullback(images, images))).all()


def test_images_wider_than_the_tiles_at_a_time_are_cut():
    rng = np.random.default_rng(0)
    layer = Conv2d(rng.integers(-2, 3, (16, 16, 3, 3)).astype(float), padding=1)
    images = rng.integers(-2, 3, (1, 16, 12, 4 * MOST + 34)).astype(float)
    fast, back = both(layer, images, images)
    direct = layer.apply(images), layer.pullback(images, images)
    for ours, theirs, weight in zip(
        (fast, back), direct, (layer.weight, turned(layer.weight)), strict=True
    ):
        bound = gamma(16 + 27, np.dtype(float)) * magnitudes(weight, images)
        assert (np.abs(ours - theirs) <= bound).all()  # the direct sum of whole numbers is exact
