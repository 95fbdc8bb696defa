"""Networks from ONNX files: every operator, branches, heads, and the comparison with ONNX."""

import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_models import RNG, assert_alike, imported, model, normal

from alignment_theory import (
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    MaxPool2d,
    Relu,
    Residual,
    Unflatten,
)
from alignment_theory.models import onnx_files, onnx_layers

OPERATORS = {
    "Gemm": (
        [("Gemm", "x w b", "y", {"alpha": 0.5, "beta": 2.0})],
        (5,),
        (normal(5, 3), normal(3)),
    ),
    "Gemm transposed": (
        [("Gemm", "x w b", "y", {"transB": 1})],
        (5,),
        (normal(3, 5), normal(1, 3)),
    ),
    "Gemm without bias": ([("Gemm", "x w", "y", {})], (5,), (normal(5, 3),)),
    "MatMul": ([("MatMul", "x w", "y", {})], (5,), (normal(5, 3),)),
    "MatMul and bias": (
        [("MatMul", "x w", "z", {}), ("Add", "b z", "y", {})],
        (5,),
        (normal(5, 3), normal(3)),
    ),
    "Conv": (
        [("Conv", "x w b", "y", {"pads": [0, 1, 2, 3], "strides": [1, 2], "dilations": [2, 1]})],
        (2, 7, 6),
        (normal(4, 2, 3, 3), normal(4)),
    ),
    "Conv in groups": ([("Conv", "x w", "y", {"group": 2})], (2, 5, 5), (normal(4, 1, 3, 3),)),
    "Conv and bias": (
        [("Conv", "x w", "z", {}), ("Add", "z b", "y", {})],
        (2, 5, 5),
        (normal(4, 2, 3, 3), normal(4, 1, 1)),
    ),
    "BatchNormalization": (
        [("BatchNormalization", "x w b m v", "y", {"epsilon": 1e-3})],
        (2, 3, 3),
        (normal(2), normal(2), normal(2), normal(2) ** 2),
    ),
    "MaxPool": (
        [("MaxPool", "x", "y", {"kernel_shape": [2, 3], "strides": [2, 1], "pads": [1, 0, 0, 1]})],
        (2, 5, 6),
        (),
    ),
    "AveragePool": (
        [("AveragePool", "x", "y", {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]})],
        (2, 5, 6),
        (),
    ),
    "AveragePool with padding counted": (
        [
            (
                "AveragePool",
                "x",
                "y",
                {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0], "count_include_pad": 1},
            )
        ],
        (2, 5, 6),
        (),
    ),
    "GlobalAveragePool": ([("GlobalAveragePool", "x", "y", {})], (2, 3, 4), ()),
    "Flatten": ([("Flatten", "x", "y", {})], (2, 3, 4), ()),
    "Relu": ([("Relu", "x", "y", {})], (4,), ()),
    "LeakyRelu": ([("LeakyRelu", "x", "y", {"alpha": 0.2})], (4,), ()),
    "Identity and Dropout": ([("Identity", "x", "z", {}), ("Dropout", "z", "y", {})], (4,), ()),
    "Add a number": ([("Add", "x w", "y", {})], (4,), (normal(1),)),
    "SAME": (
        [("Conv", "x w", "y", {"auto_pad": "SAME_UPPER", "strides": [2, 2]})],
        (2, 6, 5),
        (normal(4, 2, 3, 2),),
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, tmp_path):
    nodes, shape, arrays = OPERATORS[name]
    if name == "Identity and Dropout":
        nodes = [*nodes[:-1], ("Dropout", "z", "d", {}), ("Relu", "d", "y", {})]
    found = model(nodes, shape, dict(zip("wbmv", arrays, strict=False)))
    assert_alike(found, imported(found, tmp_path), shape)


def test_a_network_in_float64_with_a_reshape_and_a_head(tmp_path):
    constants = {
        "w": RNG.standard_normal((3, 1, 2, 2)),
        "b": RNG.standard_normal(3),
        "s": np.array([-1, 12], dtype=np.int64),
        "u": RNG.standard_normal((12, 4)),
        "c": RNG.standard_normal(4),
    }
    nodes = [
        ("Conv", "x w b", "z", {}),
        ("Relu", "z", "a", {}),
        ("Reshape", "a s", "f", {}),
        ("MatMul", "f u", "m", {}),
        ("Add", "m c", "l", {}),
        ("Softmax", "l", "y", {}),
    ]
    found = model(nodes, (1, 3, 3), constants)
    with pytest.warns(UserWarning, match=r"Softmax \(node 'Softmax_5'\) at the end was cut off"):
        network = imported(found, tmp_path)
    assert [type(layer) for layer in network.layers] == [Conv2d, Relu, Flatten, Dense]
    assert network.dtype == np.float64
    x = RNG.standard_normal((2, 1, 3, 3))
    (expected,) = ReferenceEvaluator(found).run(None, {"x": x})
    logits = network.forward(x).output
    ours = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.abs(ours - expected).max() < 1e-13


def test_branches_become_residuals(tmp_path):
    """An identity shortcut, then a convolution as shortcut, one inside the other."""
    constants = {
        "w": normal(2, 2, 3, 3),
        "u": normal(2, 2, 3, 3),
        "v": normal(2, 2, 1, 1),
    }
    nodes = [
        ("Conv", "x w", "p", {"pads": [1, 1, 1, 1]}),
        ("Relu", "p", "q", {}),
        ("Add", "q x", "r", {}),
        ("Relu", "r", "s", {}),
        ("Conv", "s u", "t", {"pads": [1, 1, 1, 1]}),
        ("Add", "s t", "o", {}),
        ("Conv", "x v", "k", {}),
        ("Add", "o k", "y", {}),
    ]
    found = model(nodes, (2, 4, 4), constants)
    network = imported(found, tmp_path)
    assert_alike(found, network, (2, 4, 4))
    (outer,) = network.layers
    assert [type(layer) for layer in outer.body] == [Residual, Relu, Residual]
    assert [type(layer) for layer in outer.shortcut] == [Conv2d]
    assert outer.body[0].shortcut == () and outer.body[2].shortcut == ()


def test_the_side_of_a_sum_without_layers_is_the_shortcut(tmp_path):
    nodes = [
        ("Identity", "x", "p", {}),
        ("MatMul", "x w", "q", {}),
        ("Add", "p q", "y", {}),
    ]
    found = model(nodes, (3,), {"w": normal(3, 3)})
    network = imported(found, tmp_path)
    assert_alike(found, network, (3,))
    (residual,) = network.layers
    assert [type(layer) for layer in residual.body] == [Dense] and residual.shortcut == ()


def test_a_fixed_batch_is_no_obstacle(tmp_path):
    found = model([("Relu", "x", "y", {})], (3,), {}, batch=1)
    assert imported(found, tmp_path).forward(np.ones((4, 3), np.float32)).output.shape == (4, 3)


def test_constants_may_be_listed_before_the_input(tmp_path):
    found = model(
        [("Relu", "x", "h", {}), ("Add", "h b", "y", {})], (3,), {"b": np.array(0.5, np.float32)}
    )
    found.graph.input.insert(0, helper.make_tensor_value_info("b", TensorProto.FLOAT, []))
    assert_alike(found, imported(found, tmp_path), (3,))


def test_constants_may_be_nodes(tmp_path):
    found = model([("MatMul", "x w", "y", {})], (3,), {})
    value = numpy_helper.from_array(normal(3, 2))
    found.graph.node.insert(0, helper.make_node("Constant", [], ["w"], "c", value=value))
    assert_alike(found, imported(found, tmp_path), (3,))


def test_constants_may_be_lists(tmp_path):
    found = model([("Relu", "x", "h", {}), ("Reshape", "h s", "y", {})], (2, 3), {})
    found.graph.node.insert(0, helper.make_node("Constant", [], ["s"], "c", value_ints=[-1, 6]))
    assert_alike(found, imported(found, tmp_path), (2, 3))


def test_vectors_become_images(tmp_path):
    nodes = [("Reshape", "x s", "h", {}), ("GlobalAveragePool", "h", "y", {})]
    found = model(nodes, (12,), {"s": np.array([-1, 2, 3, 2], dtype=np.int64)})
    network = imported(found, tmp_path)
    assert network.layers[0] == Unflatten((2, 3, 2))
    assert_alike(found, network, (12,))


def test_a_wrong_import_is_caught(tmp_path, monkeypatch):
    """Without the epsilon of batch normalisation, as another library leaves it out."""

    def without_epsilon(node, given, shape):
        return [BatchNorm.of(*given[1:], 0.0)]

    nodes, shape, arrays = OPERATORS["BatchNormalization"]
    found = model(nodes, shape, dict(zip("wbmv", arrays, strict=False)))
    monkeypatch.setitem(onnx_layers.KNOWN, "BatchNormalization", without_epsilon)
    with pytest.raises(ValueError, match="outputs differ from the file's by"):
        imported(found, tmp_path)


def test_a_network_too_large_to_compare_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_files, "MOST_PRODUCTS", 1)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.warns(UserWarning, match="was not compared"):
        imported(model([("MatMul", "x w", "y", {})], (3,), {"w": normal(3, 3)}), tmp_path)


def test_the_size_of_a_network_counts_what_is_inside_residuals():
    conv = Conv2d(np.ones((4, 4, 3, 3)), padding=1)
    inside = onnx_files._products([Residual([conv, Relu(), conv])], (4, 8, 8))
    assert 2 * 144 * 64 <= inside <= 2 * 144 * 64 + 2 * 64


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3,), None), ((3,), 1), ((3,), -1), ((3, 2, 2), 1), ((3, 2, 2), -3)],
)
def test_heads_over_the_outputs_are_cut_off(shape, axis, tmp_path):
    settings = {} if axis is None else {"axis": axis}
    nodes = [("Relu", "x", "z", {}), ("Softmax", "z", "a", settings), ("Dropout", "a", "y", {})]
    with pytest.warns(UserWarning, match=r"Softmax \(node 'Softmax_1'\) at the end was cut off"):
        network = imported(model(nodes, shape, {}), tmp_path)
    assert network.layers == (Relu(),)


def test_a_huge_batch_is_not_run(tmp_path):
    found = model([("MatMul", "x w", "y", {})], (3,), {"w": normal(3, 3)}, batch=10**9)
    with pytest.warns(UserWarning, match="was not compared"):
        imported(found, tmp_path)


def test_max_pooling_keeps_its_ties(tmp_path):
    found = model([("MaxPool", "x", "y", {"kernel_shape": [2, 2]})], (1, 2, 2), {})
    (pool,) = imported(found, tmp_path).layers
    assert pool == MaxPool2d(2, 1) and pool.ties == "first"
