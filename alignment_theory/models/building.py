"""From a graph of operators to layers, with a table that says what each operator becomes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import BatchNorm, Layer, Residual, Weighted
from alignment_theory.layers.base import Shape
from alignment_theory.models.graph import ADD, Graph, Joined, Node, Step
from alignment_theory.network import Network

Given = list[Array | None]
"""The constant inputs of a node, None for the others."""

Maker = Callable[[Node, Given, Shape], list[Layer]]
"""What a node becomes, from its constants and the shape of a sample below it."""


@dataclass(frozen=True, eq=False)
class Part:
    """What became of one node, or of several that are one layer.

    Attributes
    ----------
    nodes : tuple of Node
        The last of them makes the tensor above.
    layers : tuple of Layer
    below, above : str
        The tensors that the layers take and make.
    shape : tuple of int
        Of a sample above.
    branches : tuple of tuple of Part
        What the two sides of a residual are made of; () elsewhere.
    """

    nodes: tuple[Node, ...]
    layers: tuple[Layer, ...]
    below: str
    above: str
    shape: Shape
    branches: tuple[tuple["Part", ...], ...] = ()

    def going_on(self, node: Node, layers: tuple[Layer, ...]) -> "Part":
        """Return the part with one more node, which makes these layers of it."""
        return replace(self, nodes=(*self.nodes, node), layers=layers, above=node.output)


def network_of(graph: Graph, known: Mapping[str, Maker]) -> tuple[Network, tuple[Part, ...]]:
    """Return the network that a graph, cut at its logits, describes, and its parts in order.

    Raises
    ------
    ValueError
        For operators and settings that no layer has, all operators named at once.
    """
    nodes = graph.reached()
    unknown = [node for node in nodes if node.operator not in (ADD, *known)]
    if unknown:
        raise ValueError(
            f"unsupported operators: {', '.join(map(str, unknown))}; supported are "
            f"{', '.join(sorted((ADD, *known)))}"
        )
    steps = replace(graph, nodes=nodes).steps()
    parts = _Builder(graph.constants, known).parts(steps, graph.input, graph.input_shape)
    return Network(_layers(parts), graph.input_shape), parts


def nothing(node: Node, given: Given, shape: Shape) -> list[Layer]:
    """Return no layers: for operators that do nothing when a network is used."""
    return []


def in_the_middle(node: Node, given: Given, shape: Shape) -> list[Layer]:
    """Refuse a head that was not cut off."""
    raise ValueError("is supported at the end only")


def cut_off(head: object) -> str:
    """Return the warning that a head was cut off."""
    return f"{head} at the end was cut off: the network's outputs are its logits"


def _layers(parts: Iterable[Part]) -> list[Layer]:
    return [layer for part in parts for layer in part.layers]


@dataclass(frozen=True, eq=False)
class _Builder:
    constants: Mapping[str, Array]
    known: Mapping[str, Maker]

    def parts(self, steps: Iterable[Step], below: str, shape: Shape) -> tuple[Part, ...]:
        """Return what steps above a tensor, of which a sample has that shape, become."""
        found: list[Part] = []
        for step in steps:
            if isinstance(step, Joined):
                part = self._residual(step, below, shape)
            else:
                try:
                    part = self._part(step, below, shape, found[-1] if found else None)
                except ValueError as error:
                    raise ValueError(f"{step}: {error}") from None
            if part.below != below:
                found.pop()
            found.append(part)
            below, shape = part.above, part.shape
        return tuple(found)

    def _residual(self, step: Joined, below: str, shape: Shape) -> Part:
        branches = [self.parts(branch, below, shape) for branch in step.branches]
        branches.sort(key=lambda parts: not _layers(parts))  # a body has layers
        try:
            if not _layers(branches[0]):
                raise ValueError("adds a tensor to itself")
            layer = Residual(*map(_layers, branches))
            shape = layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"{step.add}: {error}") from None
        return Part((step.add,), (layer,), below, step.add.output, shape, tuple(branches))

    def _part(self, node: Node, below: str, shape: Shape, last: Part | None) -> Part:
        """Return what a node becomes, or the last part where it goes on with the node."""
        given = [self.constants.get(name) for name in node.inputs]
        if node.operator == ADD:
            vector = _for_channels(next(one for one in given if one is not None), shape)
            weighted = last.layers[-1] if last is not None and last.layers else None
            if last is not None and isinstance(weighted, Weighted):
                bias = vector if weighted.bias is None else weighted.bias + vector
                changed = weighted.with_parameters(weighted.weight, bias)
                return last.going_on(node, (*last.layers[:-1], changed))
            layers: list[Layer] = [BatchNorm(np.ones_like(vector), vector)]
        else:
            layers = self.known[node.operator](node, given, shape)
            if last is not None and not layers:
                return last.going_on(node, last.layers)
        for layer in layers:
            shape = layer.output_shape(shape)
        return Part((node,), tuple(layers), below, node.output, shape)


def _for_channels(constant: Array, shape: Shape) -> Array:
    """Return a constant that is added to samples of a shape as one number a channel."""
    channels = shape[0]
    full = np.broadcast_shapes(constant.shape, (1, *shape))
    along = (channels, *(1,) * (len(shape) - 1))
    if (
        full != (1, *shape)
        or constant.size not in (1, channels)
        or (constant.size > 1 and np.broadcast_shapes(constant.shape, (1, *along)) != (1, *along))
    ):
        raise ValueError(f"a constant of shape {constant.shape} is no bias of {shape}")
    return np.broadcast_to(constant.ravel(), (channels,))
