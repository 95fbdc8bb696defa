"""Layers: forward, explicit matrix, transpose, masks, shapes and checks."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory import Dense, Flatten, Relu, Unflatten
from alignment_theory.arrays import as_array
from alignment_theory.layers.base import Weights
from alignment_theory.testing.strategies import networks

DTYPES = (np.float32, np.float64, object)


def dense(dtype, bias=True):
    weight = [[1, -2, 0.5], [0, 3, -1.5]]
    return Dense(weight, [0.5, -1] if bias else None).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_by_hand(dtype):
    layer = dense(dtype)
    values = as_array([[2, 1, 4], [0, 0, 0]], "values", dtype)
    assert layer.forward(values).tolist() == [[2.5, -4], [0.5, -1]]
    assert layer.apply(values).tolist() == [[2, -3], [0, 0]]
    assert layer.apply(values, Weights.POSITIVE).tolist() == [[4, 3], [0, 0]]
    assert layer.apply(values, Weights.NEGATIVE).tolist() == [[-2, -6], [0, 0]]
    assert layer.apply(values, Weights.SQUARED).tolist() == [[7, 18], [0, 0]]
    assert layer.apply(values, Weights.ONES).tolist() == [[7, 7], [0, 0]]
    relevance = as_array([[2, 4]], "relevance", dtype)
    assert layer.pullback(relevance, values).tolist() == [[2, 8, -5]]
    assert layer.pullback(relevance, values, Weights.POSITIVE).tolist() == [[2, 12, 1]]
    assert layer.pullback(relevance, values, Weights.NEGATIVE).tolist() == [[0, -4, -6]]
    assert layer.pullback(relevance, values, Weights.SQUARED).tolist() == [[2, 44, 9.5]]
    assert layer.pullback(relevance, values, Weights.ONES).tolist() == [[6, 6, 6]]
    assert layer.matrix(values).tolist() == [[1, -2, 0.5], [0, 3, -1.5]]
    assert layer.bias_vector(values).tolist() == [0.5, -1]
    assert layer.dtype == dtype
    for weights in Weights:
        assert layer.apply(values, weights).dtype == dtype
        assert layer.pullback(relevance, values, weights).dtype == dtype


def test_forward_leaves_its_input_alone_and_can_be_repeated():
    layer, values = dense(np.float64), np.ones((2, 3))
    first = layer.forward(values)
    second = layer.forward(values)
    assert (values == 1).all()
    assert (first == second).all()
    assert layer.bias.tolist() == [0.5, -1]


@given(network=networks(depth=(1, 1), image=False, outer_relu=False), data=st.data())
def test_pullback_is_the_transpose_for_every_function_of_the_weights(network, data):
    (layer,) = network.layers
    outputs, inputs = layer.weight.shape
    halves = st.integers(-6, 6).map(lambda n: Fraction(n, 2))
    draw = [data.draw(st.lists(halves, min_size=n, max_size=n)) for n in (inputs, outputs)]
    a, r = (np.array([v], object).astype(network.dtype) for v in draw)
    for weights in Weights:
        modified = weights.of(layer.matrix(a))
        assert (layer.matrix(a, weights) == modified).all()
        assert (layer.apply(a, weights) == a @ modified.T).all()
        assert (layer.pullback(r, a, weights) == r @ modified).all()
        assert (r * layer.apply(a, weights)).sum() == (layer.pullback(r, a, weights) * a).sum()
    assert (layer.forward(a) == layer.apply(a) + layer.bias_vector(a)).all()
    parts = Weights.POSITIVE.of(layer.weight) + Weights.NEGATIVE.of(layer.weight)
    assert (parts == layer.weight).all()


def test_parameters_are_copied_and_frozen():
    weight, bias = np.ones((2, 3)), np.ones(2)
    layer = Dense(weight, bias)
    weight[:], bias[:] = 9, 9
    assert (layer.weight == 1).all()
    assert (layer.bias == 1).all()
    like = np.ones((1, 3))
    for array in (layer.weight, layer.bias, layer.matrix(like), layer.bias_vector(like)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5


def test_parameters_stay_frozen_when_a_layer_travels_to_another_process():
    layer = dense(np.float64)
    for copied in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert (copied.weight == layer.weight).all() and (copied.bias == layer.bias).all()
        for array in (copied.weight, copied.bias):
            assert not array.flags.writeable


def test_has_bias_is_about_values():
    assert not Dense([[1]]).has_bias
    assert not Dense([[1]], [0]).has_bias
    assert Dense([[1], [2]], [0, -1]).has_bias
    assert Dense([[1], [2]]).bias_vector(np.ones((1, 1))).tolist() == [0, 0]


def test_repr_shows_sizes():
    assert repr(dense(np.float32)) == "Dense(3 -> 2, bias=True, float32)"


def test_element_types_of_parameters():
    assert Dense([[1, 2]]).dtype == np.float64
    assert Dense(np.ones((1, 2), np.float32), [0.1]).bias.dtype == np.float32
    assert Dense(np.ones((1, 2)), np.ones(1, np.float32)).bias.dtype == np.float64
    assert Dense([[Fraction(1, 3)]], [1]).bias.tolist() == [Fraction(1)]
    third = Dense([[Fraction(1, 3)]]).astype(np.float32)
    assert third.weight[0, 0] == np.float32(1 / 3)
    assert Dense([[0.1]]).astype(object).weight[0, 0] == Fraction(0.1)


BAD_DENSE = [
    ([1, 2], None, r"Dense weight: expected a non-empty matrix .* got shape \(2,\)"),
    (np.ones((0, 2)), None, r"Dense weight: .* \(0, 2\)"),
    (np.ones((2, 0)), None, r"Dense weight: .* \(2, 0\)"),
    (np.ones((1, 2, 2)), None, r"Dense weight: .* \(1, 2, 2\)"),
    ([[1, np.nan]], None, r"Dense weight: expected finite .* nan at index \(0, 1\)"),
    ([["a"]], None, "Dense weight: .*<U1"),
    ([[1, 2], [3]], None, "Dense weight: expected a rectangular array"),
    ([[1j]], None, "Dense weight: .*complex128"),
    ([[1, 2]], [1, 2], r"Dense bias: expected shape \(1,\) .* got \(2,\)"),
    ([[1, 2]], [[1]], r"Dense bias: expected shape \(1,\) .* got \(1, 1\)"),
    ([[1, 2]], 1, r"Dense bias: expected shape \(1,\) .* got \(\)"),
    ([[1, 2]], [np.inf], "Dense bias: expected finite .* inf"),
    (np.ones((1, 1), np.float32), np.ones(1), "Dense bias: got float64 .* float32"),
    (np.ones((1, 1)), [Fraction(1)], "Dense bias: .*object.*float64"),
]


@pytest.mark.parametrize(("weight", "bias", "message"), BAD_DENSE)
def test_bad_dense(weight, bias, message):
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        Dense(weight, bias)


@pytest.mark.parametrize("dtype", [int, "int8", bool, np.complex128, np.float16, "U3"])
def test_parameters_are_never_cast_to_anything_but_float32_float64_or_fractions(dtype):
    with pytest.raises(ValueError, match="float32"):
        Dense([[1.5, 2.7]]).astype(dtype)


def test_a_cast_that_overflows_is_an_error():
    with pytest.raises(ValueError, match="Dense weight"):
        Dense([[1e300]]).astype(np.float32)
    with pytest.raises(ValueError, match="Dense weight|parameter"):
        Dense([[Fraction(10**400)]]).astype(np.float64)


def test_a_dense_layer_after_an_image_hints_at_flatten():
    with pytest.raises(ValueError, match=r"samples of shape \(3,\), got \(1, 3\); put Flatten"):
        Dense([[1, 2, 3]]).output_shape((1, 3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_and_its_tie_rule(dtype):
    z = np.array([[-1, 0, 2]]).astype(dtype)
    for active, mask in ((False, [False, False, True]), (True, [False, True, True])):
        relu = Relu(active_at_zero=active)
        assert relu.forward(z).tolist() == [[0, 0, 2]]
        assert relu.forward(z).dtype == dtype
        assert relu.mask(z).tolist() == [mask]
        assert relu.mask(z).dtype == bool
        assert relu.output_shape((2, 3)) == (2, 3)
    assert Relu().mask(np.array([[-0.0, 5e-324]])).tolist() == [[False, True]]


def test_flatten_is_in_c_order_and_back():
    layer = Flatten()
    values = np.arange(24.0).reshape(2, 3, 4)
    assert layer.output_shape((3, 4)) == (12,)
    assert layer.output_shape((5,)) == (5,)
    assert layer.output_shape(()) == (1,)
    flat = layer.forward(values)
    assert flat[1].tolist() == list(range(12, 24))
    assert (layer.pullback(flat, (3, 4)) == values).all()
    fortran = np.asfortranarray(values)
    assert (layer.forward(fortran) == flat).all()


def test_unflatten_is_the_inverse_of_flatten():
    layer, values = Unflatten([2, 1, 3]), np.arange(12.0).reshape(2, 6)
    assert layer.output_shape((6,)) == (2, 1, 3)
    assert layer.forward(values)[1].tolist() == [[[6, 7, 8]], [[9, 10, 11]]]
    assert (Flatten().forward(layer.forward(values)) == values).all()
    with pytest.raises(ValueError, match=r"expects samples of shape \(6,\), got \(5,"):
        layer.output_shape((5,))
    with pytest.raises(ValueError, match=r"got \(2, 3\); put Flatten\(\) before it"):
        layer.output_shape((2, 3))


@pytest.mark.parametrize("shape", [(), 3, (0, 2), (2, -1), (2.0, 1), (True, 2), "12"])
def test_unflatten_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="Unflatten: expected positive sizes"):
        Unflatten(shape)
