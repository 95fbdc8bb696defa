"""The graph of an ONNX file: which nodes make the output, in order, and where branches join.

A file is read as data only: nothing in it is executed, and data kept in other files is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array

ELEMENTWISE = ("Identity", "Dropout")
"""Operators that do nothing when a network is used."""

HEADS = ("Softmax", "LogSoftmax")
"""Operators that turn logits into probabilities; at the end they are cut off."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operator: its name for messages, its inputs and attributes."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return operator and name."""
        return f"{self.operator} (node {self.name!r})"


@dataclass(frozen=True, eq=False)
class Joined:
    """Two branches from one tensor that are added: the nodes of each, in order."""

    add: Node
    branches: tuple[tuple["Step", ...], tuple["Step", ...]]


Step = Node | Joined


@dataclass(frozen=True, eq=False)
class Graph:
    """What a file holds.

    Attributes
    ----------
    nodes : tuple of Node
        In an order in which every node comes after those it needs.
    constants : mapping of arrays
    input, output : str
        Names of the one input that is no constant, and of the one output.
    input_shape : tuple of int
        Of one sample.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    input: str
    output: str
    input_shape: tuple[int, ...]

    def reached(self) -> tuple[Node, ...]:
        """Return the nodes that the output needs."""
        needed, found = {self.output}, list[Node]()
        for node in reversed(self.nodes):
            if node.output in needed:
                found.append(node)
                needed.update(node.inputs)
        return tuple(reversed(found))

    def headless(self) -> tuple["Graph", Node | None]:
        """Return the graph that ends at the logits, and the head that was cut off."""
        makers, name, head = {node.output: node for node in self.nodes}, self.output, None
        while name in makers and makers[name].operator in (*HEADS, *ELEMENTWISE):
            node = makers[name]
            head = node if node.operator in HEADS else head
            name = node.inputs[0]
        return replace(self, output=name), head

    def steps(self) -> tuple[Step, ...]:
        """Return what leads from the input to the output.

        Raises
        ------
        ValueError
            Where branches are joined by anything but an addition, cross each other, or come from
            nowhere.
        """
        makers = {node.output: node for node in self.nodes}
        forks: dict[str, str] = {}
        for node in self.nodes:
            if self._joins(node):
                left, right = (self._spine(name, makers, forks) for name in node.inputs)
                common = [name for name in left if name in set(right)]
                if not common:
                    raise ValueError(f"{node} adds tensors that do not come from one")
                forks[node.output] = common[0]
        return self._between(self.input, self.output, makers, forks, set())

    def _joins(self, node: Node) -> bool:
        return node.operator == "Add" and not any(name in self.constants for name in node.inputs)

    def _source(self, node: Node) -> str:
        """Return the one input of a node that is no constant."""
        found = [name for name in node.inputs if name and name not in self.constants]
        if len(found) != 1:
            raise ValueError(f"{node} expected one input that is no constant, got {len(found)}")
        return found[0]

    def _spine(self, name: str, makers: Mapping[str, Node], forks: Mapping[str, str]) -> list[str]:
        """Return the tensors that all of a tensor comes through, itself first."""
        found = [name]
        while name != self.input:
            if name not in makers:
                raise ValueError(f"nothing makes the tensor {name!r}")
            name = forks[name] if name in forks else self._source(makers[name])
            found.append(name)
        return found

    def _between(
        self,
        start: str,
        end: str,
        makers: Mapping[str, Node],
        forks: Mapping[str, str],
        used: set[str],
    ) -> tuple[Step, ...]:
        """Return what leads from one tensor to another; `used` are the tensors made on the way."""
        steps, name = list[Step](), end
        while name != start:
            if name not in makers:
                raise ValueError(f"nothing makes the tensor {name!r}")
            node = makers[name]
            if name in used:
                raise ValueError(f"{node} is in two branches: they may not cross each other")
            used.add(name)
            if name in forks:
                left, right = (
                    self._between(forks[name], one, makers, forks, used) for one in node.inputs
                )
                if not left and not right:
                    raise ValueError(f"{node} adds a tensor to itself")
                steps.append(Joined(node, (left, right) if left else (right, left)))
                name = forks[name]
            else:
                steps.append(node)
                name = self._source(node)
        return tuple(reversed(steps))


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
