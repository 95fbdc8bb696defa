"""ONNX files that no network of ours is: operators, settings, damaged and hostile files."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx_models import imported, model, normal

from alignment_theory import load

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
        r"Add \(node 'Add_1'\): adds a tensor to itself",
    ),
    "a tensor added to what it is": (
        [("Relu", "x", "a", {}), ("Identity", "a", "b", {}), ("Add", "a b", "y", {})],
        (3,),
        {},
        r"Add \(node 'Add_2'\): adds a tensor to itself",
    ),
    "branches that cross": (CROSSING, (3,), {}, "is in two branches: they may not cross"),
    "a softmax in the middle": (
        [("Softmax", "x", "a", {}), ("Relu", "a", "y", {})],
        (3,),
        {},
        r"Softmax \(node 'Softmax_0'\): is supported at the end only",
    ),
    "a softmax over the samples": (
        [("MatMul", "x w", "z", {}), ("Softmax", "z", "y", {"axis": 0})],
        (3,),
        SQUARE,
        r"Softmax \(node 'Softmax_1'\): only a softmax along axis 1, .*got axis 0 for samples",
    ),
    "the same from the end, below another": (
        [
            ("MatMul", "x w", "z", {}),
            ("LogSoftmax", "z", "a", {"axis": -2}),
            ("Identity", "a", "b", {}),
            ("Softmax", "b", "y", {"axis": 1}),
        ],
        (3,),
        SQUARE,
        r"LogSoftmax \(node 'LogSoftmax_1'\): only .*got axis -2",
    ),
    "the same above another": (
        [
            ("MatMul", "x w", "z", {}),
            ("Softmax", "z", "a", {}),
            ("LogSoftmax", "a", "y", {"axis": 0}),
        ],
        (3,),
        SQUARE,
        r"LogSoftmax \(node 'LogSoftmax_2'\): only .*got axis 0",
    ),
    "a softmax over the width of images": (
        [("Relu", "x", "z", {}), ("Softmax", "z", "y", {})],
        (3, 4, 5),
        {},
        r"Softmax \(node 'Softmax_1'\): only .*got axis -1 for samples of shape \(3, 4, 5\)",
    ),
    "an axis that is not there": (
        [("MatMul", "x w", "z", {}), ("Softmax", "z", "y", {"axis": 3})],
        (3,),
        SQUARE,
        "got axis 3",
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
        r"only a reshape to vectors, or of vectors .*, got \[-1, 3, 2\] for samples",
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
