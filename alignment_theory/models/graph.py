"""Graphs of operators: which nodes make the output, in order, and where branches join.

What a graph was read from (an ONNX file, a PyTorch module) plays no part here.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alignment_theory.arrays import Array

ADD = "Add"
"""The operator that joins branches."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operator: its name, where it stands for messages, its inputs and attributes."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    place: str = "node"

    def __str__(self) -> str:
        """Return operator and place."""
        return f"{self.operator} ({self.place} {self.name!r})"


@dataclass(frozen=True, eq=False)
class Joined:
    """Two branches from one tensor that are added: the nodes of each, in order."""

    add: Node
    branches: tuple[tuple["Step", ...], tuple["Step", ...]]


Step = Node | Joined


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes that turn one input into one output.

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

    def headless(
        self, heads: Container[str], silent: Container[str]
    ) -> tuple["Graph", tuple[Node, ...]]:
        """Return the graph that ends at the logits, and the heads that were cut off, lowest first.

        `silent` are the operators that do nothing, which may stand above a head.
        """
        makers, name = {node.output: node for node in self.nodes}, self.output
        cut: list[Node] = []
        while name in makers and (
            makers[name].operator in heads or makers[name].operator in silent
        ):
            node = makers[name]
            if node.operator in heads:
                cut.append(node)
            name = node.inputs[0]
        return replace(self, output=name), tuple(reversed(cut))

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
        return node.operator == ADD and not any(name in self.constants for name in node.inputs)

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
                steps.append(Joined(node, (left, right)))
                name = forks[name]
            else:
                steps.append(node)
                name = self._source(node)
        return tuple(reversed(steps))
