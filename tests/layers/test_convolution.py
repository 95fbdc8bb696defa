"""Convolution against an unrolled sum, SciPy, its explicit matrix and its transpose."""

import copy
import pickle
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate

from alignment_theory import Conv2d
from alignment_theory.layers import direct
from alignment_theory.layers.base import Weights
from alignment_theory.layers.direct import weight_gradient


def unrolled(layer, images, weight):
    """``Σ W[o, c, i, j] a[c, s y - p + d i, s x - p + d j]``, one product at a time."""
    (top, bottom), (left, right) = layer.windows.padding
    padded = np.pad(images, ((0, 0), (0, 0), (top, bottom), (left, right)))
    outputs, members, height, width = weight.shape
    channels, rows, columns = layer.output_shape(images.shape[1:])
    found = np.zeros((len(images), channels, rows, columns), images.dtype)
    block = outputs // layer.groups
    for o, c, i, j in product(range(outputs), range(members), range(height), range(width)):
        for y, x in product(range(rows), range(columns)):
            row = y * layer.windows.stride[0] + i * layer.windows.dilation[0]
            column = x * layer.windows.stride[1] + j * layer.windows.dilation[1]
            seen = padded[:, o // block * members + c, row, column]
            found[:, o, y, x] += weight[o, c, i, j] * seen
    return found


@st.composite
def cases(draw, dtype=np.float64):
    """A convolution of any settings, images and relevance, all small multiples of 1/2."""
    groups, members, block = (draw(st.integers(1, 2)) for _ in range(3))
    kernel, stride, dilation = (
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(3)
    )
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
    size = [
        draw(st.integers(max(1, d * (k - 1) + 1 - sum(p)), d * (k - 1) + 4))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def halves(*shape):
        return (rng.integers(-3, 4, size=shape) / 2).astype(dtype)

    layer = Conv2d(
        halves(groups * block, members, *kernel),
        halves(groups * block) if draw(st.booleans()) else None,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    images = halves(2, groups * members, *size)
    return layer, images, halves(2, *layer.output_shape(images.shape[1:]))


@given(cases())
def test_every_function_of_the_weights_is_the_unrolled_sum(case):
    layer, images, relevance = case
    for weights in Weights:
        applied = layer.apply(images, weights)
        assert (applied == unrolled(layer, images, weights.of(layer.weight))).all()
        flat = images.reshape(len(images), -1)
        matrix = layer.matrix(images, weights)
        assert (flat @ matrix.T == applied.reshape(len(images), -1)).all()
        below = layer.pullback(relevance, images, weights)
        assert below.shape == images.shape
        assert (relevance.reshape(2, -1) @ matrix == below.reshape(2, -1)).all()
        by_other_weights = layer.with_algorithm("winograd").pullback(relevance, images, weights)
        assert (by_other_weights == below).all()  # those of the transpose, where it is one
    bias = layer.bias_vector(images).reshape(relevance.shape[1:])
    assert (layer.forward(images) == layer.apply(images) + bias).all()
    assert layer.has_bias == bool((bias != 0).any())


@given(cases(), st.sampled_from([1, 3, 9, 40]), st.sampled_from([1, 60]))
def test_nothing_depends_on_how_much_is_laid_out_at_a_time(case, fewest, most):
    layer, images, relevance = case
    images, relevance = (np.concatenate([v, 2 * v, -v]) for v in (images, relevance))
    shape = layer.weight.shape

    def found():
        gradient = weight_gradient(relevance, images, shape, layer.windows, layer.groups)
        return layer.apply(images), layer.pullback(relevance, images), gradient

    at_once = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "_FEWEST_WINDOWS", fewest)
        patch.setattr(direct, "_MOST_SEEN", most)
        in_parts = found()
    for one, other in zip(at_once, in_parts, strict=True):
        assert one.shape == other.shape and (one == other).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_element_types_are_kept(dtype):
    layer = Conv2d([[[[1, -2]], [[0.5, 3]]]], [0.25], padding=1).astype(dtype)
    images = np.array([[[[1, 2, 3]], [[0, -1, 0.5]]]])
    if dtype is object:
        images = np.vectorize(Fraction, otypes=[object])(images)
    images = images.astype(dtype)
    for values in (
        layer.forward(images),
        layer.apply(images, Weights.SQUARED),
        layer.matrix(images),
        layer.bias_vector(images),
        layer.pullback(layer.forward(images), images),
    ):
        assert values.dtype == dtype
    # row 1 holds the image: 0 1 2 3 0 and 0 0 -1 .5 0 under (1 -2) and (.5 3)
    assert layer.forward(images)[0, 0, 1].tolist() == [-1.75, -5.75, -2.75, 3.5]


def test_scipy_correlates_alike():
    rng = np.random.default_rng(0)
    weight, image = rng.standard_normal((1, 3, 4, 5)), rng.standard_normal((3, 12, 11))
    ours = Conv2d(weight).forward(image[np.newaxis])[0, 0]
    theirs = correlate(image, weight[0], mode="valid", method="direct")[0]
    # 60 products, each rounded, their sum in another order
    bound = 64 * np.finfo(float).eps * correlate(np.abs(image), np.abs(weight[0]), mode="valid")[0]
    assert (np.abs(ours - theirs) <= bound).all()


def test_padding_is_zeros_and_may_differ_on_every_side():
    layer = Conv2d(np.ones((1, 1, 2, 2)), padding=((1, 0), (0, 2)))
    found = layer.forward(np.ones((1, 1, 2, 2)))[0, 0]
    assert found.tolist() == [[2, 1, 0], [4, 2, 0]]


def test_parameters_are_copied_frozen_and_travel():
    weight = np.ones((2, 1, 1, 1))
    layer = Conv2d(weight, [0, 1], stride=2, padding=(1, 0), groups=1)
    weight[:] = 9
    assert (layer.weight == 1).all()
    for copied in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert repr(copied) == repr(layer) and copied.windows == layer.windows
        assert (copied.weight == layer.weight).all() and (copied.bias == layer.bias).all()
        with pytest.raises(ValueError, match="read-only"):
            copied.weight[0] = 3
    single = layer.astype(np.float32)
    assert single.windows == layer.windows and single.dtype == np.float32


def test_repr_shows_what_is_not_plain():
    plain = Conv2d(np.ones((4, 3, 3, 3)))
    assert repr(plain) == "Conv2d(3 -> 4, 3x3, bias=False, float64)"
    other = Conv2d(np.ones((4, 1, 3, 1)), np.ones(4), stride=(2, 1), padding=1, groups=2)
    assert repr(other) == (
        "Conv2d(2 -> 4, 3x1, stride=(2, 1), padding=((1, 1), (1, 1)), groups=2, bias=True, float64)"
    )


ONE = np.ones((2, 1, 2, 2))
BAD = [
    ((np.ones((2, 2)),), {}, r"Conv2d weight: expected a non-empty array .* got shape \(2, 2\)"),
    ((np.ones((2, 0, 1, 1)),), {}, r"Conv2d weight: .* \(2, 0, 1, 1\)"),
    ((ONE, [1]), {}, r"Conv2d bias: expected shape \(2,\)"),
    ((ONE * np.nan,), {}, "Conv2d weight: expected finite"),
    ((ONE,), {"stride": 0}, "Conv2d: stride must be a whole number >= 1, got 0"),
    ((ONE,), {"stride": (1, 2, 3)}, "Conv2d: stride must be a number or a pair"),
    ((ONE,), {"padding": -1}, "Conv2d: padding must be a whole number >= 0, got -1"),
    ((ONE,), {"padding": ((1, 2), 3)}, None),
    ((ONE,), {"padding": "same"}, "Conv2d: padding must be a whole number >= 0, got 'same'"),
    ((ONE,), {"dilation": 1.5}, "Conv2d: dilation must be a whole number >= 1, got 1.5"),
    ((ONE,), {"groups": 3}, "Conv2d: groups must be a whole number that divides the 2 outputs"),
    ((ONE,), {"groups": True}, "Conv2d: groups must be a whole number"),
]


@pytest.mark.parametrize(("arguments", "settings", "message"), BAD)
def test_bad_settings(arguments, settings, message):
    if message is None:
        assert Conv2d(*arguments, **settings).windows.padding == ((1, 2), (3, 3))
        return
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        Conv2d(*arguments, **settings)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4,), r"Conv2d expects samples of shape \(1, height, width\), got \(4,\)"),
        ((2, 4, 4), r"Conv2d expects samples of shape \(1, height, width\), got \(2, 4, 4\)"),
        ((1, 1, 4), "Conv2d: a window of 2 does not fit an image 1 x 4"),
    ],
)
def test_images_that_do_not_fit(shape, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(ONE).output_shape(shape)
