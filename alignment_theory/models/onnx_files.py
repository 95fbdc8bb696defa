"""Networks in ONNX files, compared with what ONNX itself makes of the file."""

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any, BinaryIO

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import Layer, Residual, Weighted
from alignment_theory.layers.base import Shape
from alignment_theory.models.building import cut_off, network_of
from alignment_theory.models.graph import Graph
from alignment_theory.models.onnx_graph import read_graph
from alignment_theory.models.onnx_layers import ELEMENTWISE, HEADS, KNOWN, require_over_outputs
from alignment_theory.network import Network

MOST_PRODUCTS = 3 * 10**8
"""Multiplications up to which the slow reference evaluator of the onnx package is run."""

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
"""Largest difference, relative to the largest output: what float32 loses in some ten layers."""


def read_onnx(file: BinaryIO, size: int) -> Network:
    """Return the network in an ONNX file of that size.

    A softmax at the end is cut off with a warning. The network is run beside the file, by ONNX
    Runtime where it is installed, else by the onnx package if the network is small enough for it; a
    warning says so where it was not.

    Raises
    ------
    ValueError
        For files that are no ONNX model of one input and one output, for operators that no layer
        has (all of them named, with their nodes), for a softmax at the end along another axis than
        that of the outputs, and where outputs differ.
    """
    try:
        import onnx
    except ImportError:
        raise ValueError("reading .onnx files needs the onnx package: pip install onnx") from None
    del onnx
    data = file.read(size)
    try:
        graph, heads = read_graph(data).headless(HEADS, ELEMENTWISE)
        network, _ = network_of(graph, KNOWN)
    except (TypeError, IndexError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(f"an attribute or a node has an unknown form ({error})") from None
    for head in heads:
        require_over_outputs(head, network.output_shape)
    if heads:
        warnings.warn(cut_off(heads[0]), stacklevel=4)
    _compare(network, graph, data)
    return network


def _compare(network: Network, graph: Graph, data: bytes) -> None:
    """Raise ValueError where a network and the file that it comes from give other logits."""
    model, kind = _cut(data, graph)
    shape = (kind.shape.dim[0].dim_value or 2, *network.input_shape)
    expected = None
    if prod(shape) <= MOST_PRODUCTS:
        inputs = np.random.default_rng(0).standard_normal(shape).astype(network.dtype)
        small = _products(network.layers, network.input_shape) * shape[0] <= MOST_PRODUCTS
        expected = _run(model, graph.input, inputs, small=small)
    if expected is None:
        warnings.warn(
            "the imported network was not compared with the file's own outputs: it is too large or "
            "too old for the onnx package to run, and onnxruntime is not installed",
            stacklevel=5,
        )
        return
    found = network.forward(inputs).output
    if found.shape != expected.shape:
        raise ValueError(f"outputs have shape {found.shape}, those of the file {expected.shape}")
    largest, change = np.abs(expected).max(), np.abs(found - expected).max()
    if not change <= TOLERANCE[str(network.dtype)] * largest:
        raise ValueError(
            f"the imported network's outputs differ from the file's by {change:.3g}, of "
            f"{largest:.3g} at most; please report the file"
        )


def _cut(data: bytes, graph: Graph) -> tuple[Any, Any]:
    """Return the model with the graph's output as its own, and the type of its input."""
    import onnx

    model = onnx.load_model_from_string(data)
    # Constants may be listed among the inputs, and before them.
    (kind,) = (one.type.tensor_type for one in model.graph.input if one.name == graph.input)
    del model.graph.output[:]
    output = onnx.helper.make_tensor_value_info(graph.output, kind.elem_type, None)
    model.graph.output.append(output)
    return model, kind


def _run(model: Any, name: str, inputs: Array, *, small: bool) -> Array | None:
    """Return what a model gives for inputs, None where nothing can run it in reasonable time."""
    try:
        import onnxruntime
    except ImportError:
        if not small:
            return None
        from onnx.reference import ReferenceEvaluator

        try:
            (output,) = ReferenceEvaluator(model).run(None, {name: inputs})
        except (RuntimeError, NotImplementedError):  # an operator of an old version
            return None
        return np.asarray(output)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (output,) = session.run(None, {name: inputs})
    return np.asarray(output)


def _products(layers: Sequence[Layer], shape: Shape) -> int:
    """Return about how many multiplications layers take for one sample of a shape."""
    total = 0
    for layer in layers:
        if isinstance(layer, Residual):
            total += sum(_products(branch, shape) for branch in layer.branches)
        shape = layer.output_shape(shape)
        weights = layer.weight.size if isinstance(layer, Weighted) else 1
        total += weights * prod(shape[1:])
    return total
