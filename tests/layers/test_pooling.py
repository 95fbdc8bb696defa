"""Pooling and batch normalisation: by hand, window by window, and against their matrices."""

import copy
import pickle
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory import AdaptiveAvgPool2d, AvgPool2d, BatchNorm, LeakyRelu, MaxPool2d
from alignment_theory.layers import Selection
from alignment_theory.layers.base import Weights

EPS = float(np.finfo(float).eps)


def exact(values):
    """Return an array of fractions."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values))


@st.composite
def windows(draw):
    """Kernel, stride, padding and the size of an image that they fit."""
    kernel, stride = ((draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2))
    padding = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in kernel)
    size = tuple(
        draw(st.integers(max(1, k - sum(p)), k + 3)) for k, p in zip(kernel, padding, strict=True)
    )
    return kernel, stride, padding, size


def seen(layer, image):
    """Yield (y, x) and the pixels that each window sees, with the window's size in the padding."""
    height, width = image
    (top, _), (left, _) = layer.windows.padding
    _, rows, columns = layer.output_shape((1, height, width))
    for y, x in product(range(rows), range(columns)):
        first = (y * layer.windows.stride[0] - top, x * layer.windows.stride[1] - left)
        kernel = layer.windows.kernel
        places = product(
            *(range(start, start + size) for start, size in zip(first, kernel, strict=True))
        )
        yield y, x, [(i, j) for i, j in places if 0 <= i < height and 0 <= j < width]


@given(windows(), st.booleans(), st.integers(0, 2**32))
def test_average_pooling_window_by_window(case, count_padding, seed):
    kernel, stride, padding, size = case
    layer = AvgPool2d(kernel, stride, padding, count_padding=count_padding)
    images = exact(np.random.default_rng(seed).integers(-3, 4, (2, 2, *size)))
    found = layer.forward(images)
    for y, x, pixels in seen(layer, size):
        divisor = kernel[0] * kernel[1] if count_padding else len(pixels)
        mean = sum(images[..., i, j] for i, j in pixels) / Fraction(divisor)
        assert (found[..., y, x] == mean).all()
    relevance = exact(np.random.default_rng(seed + 1).integers(-3, 4, found.shape))
    for weights in Weights:
        matrix = layer.matrix(images, weights)
        applied = images.reshape(2, -1) @ matrix.T
        assert (applied.reshape(found.shape) == layer.apply(images, weights)).all()
        below = layer.pullback(relevance, images, weights)
        assert ((relevance.reshape(2, -1) @ matrix).reshape(images.shape) == below).all()
    assert not layer.has_bias and not layer.bias_vector(images).any()


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))
def test_adaptive_pooling_covers_the_image(height, width, rows, columns):
    layer, images = AdaptiveAvgPool2d((rows, columns)), exact(np.ones((1, 1, height, width)))
    assert layer.output_shape((1, height, width)) == (1, rows, columns)
    assert (layer.forward(images) == 1).all()
    assert (layer.apply(images, Weights.ONES) >= 1).all()
    assert (layer.pullback(layer.forward(images), images) > 0).all()
    flat = images.reshape(1, -1) @ layer.matrix(images).T
    assert (flat == 1).all()


def test_adaptive_pooling_by_hand():
    images = np.arange(10.0).reshape(1, 1, 2, 5)
    assert AdaptiveAvgPool2d(1).forward(images).tolist() == [[[[4.5]]]]
    # of 5 columns, windows 0 to 2: 0-1, 1-3, 3-4
    assert AdaptiveAvgPool2d((2, 3)).forward(images).tolist() == [[[[0.5, 2, 3.5], [5.5, 7, 8.5]]]]


@given(windows(), st.sampled_from(["first", "last"]), st.integers(0, 2**32))
def test_max_pooling_window_by_window(case, ties, seed):
    kernel, stride, padding, size = case
    layer = MaxPool2d(kernel, stride, padding, ties=ties)
    images = np.random.default_rng(seed).integers(-2, 2, (2, 2, *size)).astype(float)
    selected, found = layer.select(images), layer.forward(images)
    for sample, channel in product(range(2), range(2)):
        for y, x, pixels in seen(layer, size):
            values = [images[sample, channel, i, j] for i, j in pixels]
            order = range(len(values)) if ties == "first" else reversed(range(len(values)))
            winner = next(k for k in order if values[k] == max(values))
            i, j = pixels[winner]
            assert found[sample, channel, y, x] == max(values)
            assert selected[sample, channel, y, x] == (channel * size[0] + i) * size[1] + j
    matrices = Selection.matrix(selected, images.shape[1:])
    assert ((matrices @ images.reshape(2, -1, 1)).reshape(found.shape) == found).all()
    relevance = np.random.default_rng(seed + 1).integers(-3, 4, found.shape).astype(float)
    below = Selection.pullback(relevance, selected, images.shape[1:])
    explicit = matrices.transpose(0, 2, 1) @ relevance.reshape(2, -1, 1)
    assert (below == explicit.reshape(images.shape)).all()
    assert (layer.select(exact(images)) == selected).all()


def test_max_pooling_with_ties_by_hand():
    images = np.array([[[[1.0, 1], [0, 1]]]])
    assert MaxPool2d(2).select(images).tolist() == [[[[0]]]]
    assert MaxPool2d(2, ties="last").select(images).tolist() == [[[[3]]]]
    assert MaxPool2d(2).forward(-images - 1).tolist() == [[[[-1]]]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
@pytest.mark.parametrize(
    "layer", [AvgPool2d(2), AdaptiveAvgPool2d(2), MaxPool2d(2), LeakyRelu(0.25)], ids=repr
)
def test_element_types_are_kept(layer, dtype):
    images = exact(np.arange(16).reshape(1, 1, 4, 4)).astype(dtype)
    assert layer.forward(images).dtype == dtype
    assert layer.dtype is None
    if not isinstance(layer, MaxPool2d | LeakyRelu):
        assert layer.matrix(images).dtype == layer.bias_vector(images).dtype == dtype
    for copied in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert copied == layer and (copied.forward(images) == layer.forward(images)).all()


def test_the_stride_is_the_kernel_where_it_is_left_out():
    assert MaxPool2d(2) == MaxPool2d(2, 2) != MaxPool2d(2, 1)
    assert AvgPool2d((2, 3)).windows.stride == (2, 3)
    assert repr(MaxPool2d(2)) == "MaxPool2d(2x2, stride=(2, 2))"
    assert repr(AdaptiveAvgPool2d(3)) == "AdaptiveAvgPool2d(size=(3, 3))"


BAD = [
    (lambda: MaxPool2d(0), "MaxPool2d: kernel must be a whole number >= 1, got 0"),
    (lambda: MaxPool2d(2, 0), "MaxPool2d: stride must be a whole number >= 1, got 0"),
    (lambda: MaxPool2d(2, padding=2), "MaxPool2d: padding must be less than the window"),
    (lambda: MaxPool2d(2, ties="both"), "MaxPool2d: ties must be 'first' or 'last', got 'both'"),
    (lambda: AvgPool2d(2, padding=(0, 2)), "AvgPool2d: padding must be less than the window"),
    (lambda: AvgPool2d(2, count_padding=1), "AvgPool2d: count_padding must be True or False"),
    (lambda: AdaptiveAvgPool2d(0), "AdaptiveAvgPool2d: size must be a whole number >= 1, got 0"),
    (lambda: MaxPool2d(3).output_shape((1, 2, 4)), "MaxPool2d: a window of 3 does not fit"),
    (lambda: AvgPool2d(2).output_shape((4,)), "AvgPool2d expects samples of shape"),
    (lambda: LeakyRelu(1), r"LeakyRelu: leak must be in \[0, 1\), got 1"),
    (lambda: LeakyRelu(-0.1), r"LeakyRelu: leak must be in \[0, 1\), got -0.1"),
    (lambda: LeakyRelu("a"), "LeakyRelu: leak must be a number"),
    (lambda: BatchNorm([1, 2], [0]), r"BatchNorm: expected weight and bias of one shape"),
    (lambda: BatchNorm([[1]], [[0]]), r"BatchNorm: expected weight and bias of one shape"),
    (lambda: BatchNorm.of([1], [0], [0], [-1]), r"BatchNorm: variance \+ epsilon must be positive"),
    (lambda: BatchNorm.of([1], [0], [0, 1], [1]), "BatchNorm: expected vectors of one length"),
    (lambda: BatchNorm([1, 2], [0, 0]).output_shape((3, 2, 2)), r"BatchNorm expects samples"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_batch_normalisation_by_its_definition():
    """The k and b of peers' defects: γ = 1.5, variance 4, mean 1, β = .5 give .75 and -.25."""
    layer = BatchNorm.of([1.5], [0.5], [1], [4], epsilon=0)
    assert layer.weight.tolist() == [0.75] and layer.bias.tolist() == [-0.25]
    rng = np.random.default_rng(0)
    scale, shift, mean, variance = rng.uniform(0.5, 2, (4, 3))
    images = rng.standard_normal((2, 3, 4, 5))
    found = BatchNorm.of(scale, shift, mean, variance, epsilon=1e-3).forward(images)
    for channel in range(3):
        normal = (images[:, channel] - mean[channel]) / np.sqrt(variance[channel] + 1e-3)
        expected = scale[channel] * normal + shift[channel]
        size = np.abs(scale[channel] * normal).max() + abs(scale[channel] * mean[channel]) + 4
        assert np.abs(found[:, channel] - expected).max() <= 16 * EPS * size


@pytest.mark.parametrize("shape", [(2,), (2, 3, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_batch_normalisation_is_a_diagonal_matrix(shape, dtype):
    layer = BatchNorm([2, -0.5], [1, 0]).astype(dtype)
    values = exact(np.arange(2 * np.prod(shape)).reshape(2, *shape)).astype(dtype)
    for weights in Weights:
        matrix = layer.matrix(values, weights)
        assert matrix.dtype == dtype and (matrix[~np.eye(len(matrix), dtype=bool)] == 0).all()
        applied = values.reshape(2, -1) @ matrix.T
        assert (applied == layer.apply(values, weights).reshape(2, -1)).all()
        assert (applied == layer.pullback(values, values, weights).reshape(2, -1)).all()
    bias = layer.bias_vector(values).reshape(shape)
    assert (layer.forward(values) == layer.apply(values) + bias).all()
    copied = pickle.loads(pickle.dumps(layer))
    assert (copied.weight == layer.weight).all() and repr(copied) == repr(layer)


def test_leaky_units_have_two_slopes():
    layer, z = LeakyRelu(0.25), np.array([[-4.0, 0, 2]])
    assert layer.forward(z).tolist() == [[-1, 0, 2]]
    mask = layer.mask(z)
    assert mask.tolist() == [[False, False, True]]
    assert layer.slopes(mask, z).tolist() == [[0.25, 0.25, 1]]
    assert (layer.slopes(mask, z) * z == layer.forward(z)).all()
    assert LeakyRelu(0).slopes(mask, z) is mask
