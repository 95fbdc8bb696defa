"""Networks from ONNX files: every operator, branches, heads, and what is refused."""

import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from alignment_theory import BatchNorm, Conv2d, Dense, Flatten, MaxPool2d, Relu, Residual, load
from alignment_theory.models import onnx_files, onnx_layers

RNG = np.random.default_rng(0)
FLOAT = {np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE}


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def model(nodes, shape, constants, *, output="y", batch="N", opset=17):
    """An ONNX model with one input x; nodes are (operator, inputs, output, attributes)."""
    made = [
        helper.make_node(operator, inputs.split(), outputs.split(), f"{operator}_{k}", **attributes)
        for k, (operator, inputs, outputs, attributes) in enumerate(nodes)
    ]
    kind = FLOAT[
        next((a.dtype.type for a in constants.values() if a.dtype.kind == "f"), np.float32)
    ]
    graph = helper.make_graph(
        made,
        "test",
        [helper.make_tensor_value_info("x", kind, [batch, *shape])],
        [helper.make_tensor_value_info(output, kind, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    found.ir_version = 8
    return found


def imported(found, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(found.SerializeToString())
    return load(path)


def assert_alike(found, network, shape, batch=3):
    x = RNG.standard_normal((batch, *shape)).astype(network.dtype)
    (expected,) = ReferenceEvaluator(found).run(None, {"x": x})
    ours = network.forward(x).output
    assert ours.shape == expected.shape
    # some hundred products of size 1 in float32
    assert np.abs(ours - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


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


def test_a_fixed_batch_is_no_obstacle(tmp_path):
    found = model([("Relu", "x", "y", {})], (3,), {}, batch=1)
    assert imported(found, tmp_path).forward(np.ones((4, 3), np.float32)).output.shape == (4, 3)


def test_constants_may_be_nodes(tmp_path):
    found = model([("MatMul", "x w", "y", {})], (3,), {})
    value = numpy_helper.from_array(normal(3, 2))
    found.graph.node.insert(0, helper.make_node("Constant", [], ["w"], "c", value=value))
    assert_alike(found, imported(found, tmp_path), (3,))


SQUARE = {"w": normal(3, 3)}
# n_k = relu(n_{k-1}) + relu(n_{k-2}): every tensor is in two branches, and the paths are too many
CROSSING = [("Relu", "x", "n1", {})] + [
    step
    for k in range(2, 60)
    for step in (
        ("Relu", f"n{k - 1}", f"a{k}", {}),
        ("Relu", f"n{k - 2}" if k > 2 else "x", f"b{k}", {}),
        ("Add", f"a{k} b{k}", f"n{k}" if k < 59 else "y", {}),
    )
]


def test_constants_may_be_lists(tmp_path):
    found = model([("Relu", "x", "h", {}), ("Reshape", "h s", "y", {})], (2, 3), {})
    found.graph.node.insert(0, helper.make_node("Constant", [], ["s"], "c", value_ints=[-1, 6]))
    assert_alike(found, imported(found, tmp_path), (2, 3))


REFUSED = {
    "unknown operators, all of them": (
        [("Sigmoid", "x", "a", {}), ("Relu", "a", "b", {}), ("Tanh", "b", "y", {})],
        (3,),
        {},
        r"unsupported operators: Sigmoid \(node 'Sigmoid_0'\), Tanh \(node 'Tanh_2'\); supported",
    ),
    "a weight that is no constant": (
        [("Relu", "x", "a", {}), ("MatMul", "x a", "y", {})],
        (3,),
        {},
        r"MatMul \(node 'MatMul_1'\) expected one input that is no constant, got 2",
    ),
    "a tensor added to itself": (
        [("Relu", "x", "a", {}), ("Add", "a a", "y", {})],
        (3,),
        {},
        r"Add \(node 'Add_1'\) adds a tensor to itself",
    ),
    "branches that cross": (CROSSING, (3,), {}, "is in two branches: they may not cross"),
    "a softmax in the middle": (
        [("Softmax", "x", "a", {}), ("Relu", "a", "y", {})],
        (3,),
        {},
        r"Softmax \(node 'Softmax_0'\): is supported at the end only",
    ),
    "a transposed input": (
        [("Gemm", "x w", "y", {"transA": 1})],
        (3,),
        SQUARE,
        r"Gemm_0'\): transA is not supported",
    ),
    "a bias for every sample": (
        [("Gemm", "x w b", "y", {})],
        (3,),
        SQUARE | {"b": normal(4, 1)},
        r"a bias of shape \(4, 1\) is not one number an output",
    ),
    "two numbers of padding": (
        [("Conv", "x w", "y", {"pads": [1, 1]})],
        (1, 3, 3),
        {"w": normal(1, 1, 1, 1)},
        r"pads: expected 4 numbers, got \[1, 1\]",
    ),
    "a volume": (
        [("Conv", "x w", "y", {})],
        (2, 3, 3, 3),
        {"w": normal(1, 2, 1, 1, 1)},
        "only two-dimensional convolutions",
    ),
    "windows that do not fit": (
        [("MaxPool", "x", "y", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})],
        (1, 3, 4),
        {},
        "ceil_mode is not supported where",
    ),
    "training": (
        [("BatchNormalization", "x w w w w", "y", {"training_mode": 1})],
        (3, 2, 2),
        {"w": np.ones(3, np.float32)},
        "export the model for inference",
    ),
    "another reshape": (
        [("Reshape", "x s", "y", {})],
        (2, 3),
        {"s": np.array([-1, 3, 2], np.int64)},
        r"only a reshape to vectors is supported, got \[-1, 3, 2\]",
    ),
    "a constant that is no bias": (
        [("Add", "x w", "y", {})],
        (2, 3, 3),
        {"w": normal(3)},
        r"a constant of shape \(3,\) is no bias of \(2, 3, 3\)",
    ),
    "layers that do not fit": (
        [("MatMul", "x w", "y", {})],
        (4,),
        SQUARE,
        r"Dense expects samples of shape \(3,\), got \(4,\)",
    ),
    "weights that are not finite": (
        [("MatMul", "x w", "y", {})],
        (3,),
        {"w": np.full((3, 3), np.nan, np.float32)},
        "Dense weight: expected finite numbers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_layer_does_is_refused(name, tmp_path):
    nodes, shape, constants, message = REFUSED[name]
    with pytest.raises(ValueError, match=rf"(?s)model\.onnx.*{message}"):
        imported(model(nodes, shape, constants), tmp_path)


def edited(edit):
    found = model([("MatMul", "x w", "y", {})], (3,), SQUARE)
    edit(found)
    return found.SerializeToString()


def external(found):
    tensor = found.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


HOSTILE = {
    "nothing": (b"", "at least one node"),
    "text": (b"import os\n" * 20, "not an ONNX model"),
    "half a file": (edited(lambda found: None)[:-40], ""),
    "data elsewhere": (edited(external), "'w' is kept in another file"),
    "too few numbers": (
        edited(lambda found: found.graph.initializer[0].dims.append(100)),
        "'w' is damaged",
    ),
    "a cycle": (
        edited(lambda found: found.graph.node[0].input.__setitem__(0, "y")),
        "needs 'y', made later",
    ),
    "no such output": (
        edited(lambda found: setattr(found.graph.output[0], "name", "q")),
        "nothing makes the tensor 'q'",
    ),
    "two outputs": (
        edited(lambda found: found.graph.output.add(name="x")),
        "expected one input and one output",
    ),
    "a stride of 0": (
        model(
            [("MaxPool", "x", "y", {"kernel_shape": [2, 2], "strides": [0, 0], "ceil_mode": 1})],
            (1, 4, 4),
            {},
        ).SerializeToString(),
        "an attribute or a node has an unknown form",
    ),
    "a number for a kernel": (
        model([("MaxPool", "x", "y", {"kernel_shape": 2})], (1, 4, 4), {}).SerializeToString(),
        "an attribute or a node has an unknown form",
    ),
    "a tensor made twice": (
        model(
            [("Relu", "x", "h", {}), ("Relu", "h", "h", {}), ("Relu", "h", "y", {})], (3,), {}
        ).SerializeToString(),
        "makes 'h' a second time",
    ),
    "an output that makes itself": (
        model([("Relu", "x", "y", {}), ("Identity", "y", "y", {})], (3,), {}).SerializeToString(),
        "makes 'y' a second time",
    ),
    "an open size": (
        edited(
            lambda found: setattr(
                found.graph.input[0].type.tensor_type.shape.dim[1], "dim_param", "D"
            )
        ),
        "must have a fixed size apart from the batch",
    ),
    "another domain": (
        edited(lambda found: setattr(found.graph.node[0], "domain", "evil")),
        r"unsupported operators: evil.MatMul",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_and_hostile_files(name, tmp_path):
    data, message = HOSTILE[name]
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"(?s)model\.onnx.*{message}"):
        load(path)


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
        imported(model([("MatMul", "x w", "y", {})], (3,), SQUARE), tmp_path)


def test_the_size_of_a_network_counts_what_is_inside_residuals():
    conv = Conv2d(np.ones((4, 4, 3, 3)), padding=1)
    inside = onnx_files._products([Residual([conv, Relu(), conv])], (4, 8, 8))
    assert 2 * 144 * 64 <= inside <= 2 * 144 * 64 + 2 * 64


def test_a_huge_batch_is_not_run(tmp_path):
    found = model([("MatMul", "x w", "y", {})], (3,), SQUARE, batch=10**9)
    with pytest.warns(UserWarning, match="was not compared"):
        imported(found, tmp_path)


def test_max_pooling_keeps_its_ties(tmp_path):
    found = model([("MaxPool", "x", "y", {"kernel_shape": [2, 2]})], (1, 2, 2), {})
    (pool,) = imported(found, tmp_path).layers
    assert pool == MaxPool2d(2, 1) and pool.ties == "first"
