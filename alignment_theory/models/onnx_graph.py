"""The graph in an ONNX file.

A file is read as data only: nothing in it is executed, and data kept in other files is refused.
"""

from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.models.graph import Graph, Node


def read_graph(data: bytes) -> Graph:
    """Return the graph in the bytes of an ONNX file.

    Raises
    ------
    ValueError
        For bytes that are no ONNX model, external data, several inputs or outputs, an input whose
        size is not fixed, and nodes in no order.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ValueError(f"not an ONNX model ({error})") from None
    graph = model.graph
    if not graph.node:
        raise ValueError("expected an ONNX model with at least one node, got none")
    constants = {tensor.name: _array(tensor) for tensor in graph.initializer}
    if graph.sparse_initializer:
        raise ValueError("sparse initializers are not supported")
    nodes, made = list[Node](), set(constants) | {value.name for value in graph.input} | {""}
    for index, entry in enumerate(graph.node):
        name = entry.name or f"number {index}"
        missing = [one for one in entry.input if one not in made]
        if missing:
            raise ValueError(f"{entry.op_type} (node {name!r}) needs {missing[0]!r}, made later")
        twice = [one for one in entry.output if one and one in made]
        if twice:
            raise ValueError(f"{entry.op_type} (node {name!r}) makes {twice[0]!r} a second time")
        made.update(entry.output)
        attributes = {one.name: _attribute(one) for one in entry.attribute}
        if entry.op_type == "Constant" and len(attributes) == 1:
            constants[entry.output[0]] = np.asarray(*attributes.values())
            continue
        domain = f"{entry.domain}." if entry.domain not in ("", "ai.onnx") else ""
        nodes.append(
            Node(
                domain + entry.op_type,
                name,
                tuple(entry.input),
                entry.output[0] if entry.output else "",
                attributes,
            )
        )
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ValueError(
            f"expected one input and one output, got {[value.name for value in inputs]} and "
            f"{[value.name for value in graph.output]}"
        )
    return Graph(
        tuple(nodes), constants, inputs[0].name, graph.output[0].name, _sample_shape(inputs[0])
    )


def _sample_shape(value: Any) -> tuple[int, ...]:
    """Return the shape of one sample of an input; the first dimension is the batch."""
    dimensions = [size.dim_value for size in value.type.tensor_type.shape.dim]
    if len(dimensions) < 2 or min(dimensions[1:]) < 1:
        shown = [size.dim_value or size.dim_param for size in value.type.tensor_type.shape.dim]
        raise ValueError(
            f"the input {value.name!r} must have a fixed size apart from the batch, got {shown}"
        )
    return tuple(dimensions[1:])


def _array(tensor: Any) -> Array:
    import onnx

    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(
            f"the tensor {tensor.name!r} is kept in another file; save the model with its data"
        )
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"the tensor {tensor.name!r} is damaged ({error})") from None


def _attribute(attribute: Any) -> Any:
    import onnx

    if attribute.type == onnx.AttributeProto.TENSOR:
        return _array(attribute.t)
    value = onnx.helper.get_attribute_value(attribute)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
