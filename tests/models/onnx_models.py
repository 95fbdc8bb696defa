"""ONNX models made in a few words, and what they are compared with."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from alignment_theory import load
from alignment_theory.rounding import forward_bound

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
    trace = network.forward(x)
    assert trace.output.shape == expected.shape
    assert (np.abs(trace.output - expected) <= forward_bound(trace)).all()
