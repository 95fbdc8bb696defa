"""The graph of operators that torch.fx finds in a PyTorch module, and runs of it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers.base import Shape
from alignment_theory.models.graph import ADD, Graph, Node
from alignment_theory.models.torch_layers import FUNCTIONS, MODULES, PARAMETERS, operator_of


@dataclass(frozen=True, eq=False)
class Run:
    """What a run of a traced module on one batch has left behind.

    Attributes
    ----------
    tensors : mapping of arrays
        What depends on the input, as it was before anything changed it in place. None for values
        that are no tensors but hold some.
    constants : mapping
        All other values.
    """

    tensors: Mapping[str, Array | None]
    constants: Mapping[str, Any]

    def sample_shape(self, node: Any) -> Shape | None:
        """Return the shape of one sample of a node's tensor, None where there are no samples."""
        tensor, (first, *_) = self.tensors[node.name], self.tensors.values()
        assert first is not None
        kept = tensor is not None and tensor.shape[:1] == first.shape[:1]
        return tensor.shape[1:] if tensor is not None and kept else None


def run_of(traced: Any, inputs: Array) -> Run:
    """Return what a traced module makes of a batch, node by node."""
    import torch

    interpreter = torch.fx.Interpreter(traced)
    interpreter.args_iter = iter((torch.from_numpy(inputs.copy()),))
    tensors, constants = dict[str, Array | None](), dict[str, Any]()
    for node in traced.graph.nodes:
        value = interpreter.run_node(node)
        interpreter.env[node] = value
        for done in interpreter.user_to_last_uses.get(node, ()):
            del interpreter.env[done]
        follows = not tensors or any(one.name in tensors for one in node.all_input_nodes)
        if follows and isinstance(value, torch.Tensor):
            tensors[node.name] = value.numpy().copy()
        elif follows and _holds_tensors(value):
            tensors[node.name] = None
        else:
            constants[node.name] = value
    return Run(tensors, constants)


def _holds_tensors(value: Any) -> bool:
    import torch

    if isinstance(value, Mapping):
        return any(map(_holds_tensors, value.values()))
    if isinstance(value, tuple | list):
        return any(map(_holds_tensors, value))
    return isinstance(value, torch.Tensor)


def graph_of(traced: Any, run: Run) -> Graph:
    """Return the graph of a traced module that takes samples as those of a run.

    Raises
    ------
    ValueError
        For an output that is no tensor.
    """
    names, nodes, constants = dict[Any, str](), list[Node](), dict[str, Array]()
    entry, *_, end = traced.graph.nodes
    names[entry] = entry.name
    for node in traced.graph.nodes:
        if node.name not in run.tensors or node in (entry, end):
            continue
        made = _node(traced, node, run, names)
        if made.operator == ADD:
            added = (*node.args, *map(node.kwargs.get, ("input", "other")))
            operands = [one for one in added if one is not None][:2]
            given = (_operand(node, one, names, run, constants) for one in operands)
            made = replace(made, inputs=tuple(given))
        nodes.append(made)
        names[node] = node.name
        if made.attributes.get("inplace", False):
            names[_entered(node)] = node.name
    (output,) = end.args
    shape = run.sample_shape(entry)
    if shape is None or not isinstance(output, Hashable) or output not in names:
        raise ValueError(
            "expected a module that returns one tensor, which depends on its input; its forward "
            f"returns {output!r}"
        )
    return Graph(tuple(nodes), constants, entry.name, names[output], shape)


def _node(traced: Any, node: Any, run: Run, names: Mapping[Any, str]) -> Node:
    """Return the operator that a node of torch.fx is, with its settings by name."""
    if node.op == "call_module":
        module, place, name = traced.get_submodule(node.target), "module", node.target
        known = (one.__name__ for one in type(module).__mro__ if _of_torch(one))
        shown = next((one for one in known if one in MODULES), type(module).__name__)
        operator = MODULES.get(shown, shown)
        found = {one: getattr(module, one, None) for one in PARAMETERS.get(operator, ())}
    else:
        called = node.target if isinstance(node.target, str) else node.target.__name__
        place = "method in" if node.op == "call_method" else "function in"
        name = _owner(traced, node)
        operator = called.removesuffix("_")
        operator = FUNCTIONS.get(operator, operator)
        arguments = dict(zip(("input", *PARAMETERS.get(operator, ())), node.args, strict=False))
        found = {one: value for one, value in (arguments | node.kwargs).items() if one != "input"}
        found["inplace"] = found.get("inplace", False) or called.endswith("_") or called == "iadd"
    entered = _entered(node)
    if operator in PARAMETERS and operator != ADD:
        if entered not in names:
            operator = f"{operator} of a constant"
        elif any(isinstance(one, Hashable) and one in names for one in found.values()):
            operator = f"{operator} of two tensors"
    settings = {one: _array_or(value, run) for one, value in found.items() if value is not None}
    tensor = run.tensors.get(getattr(entered, "name", ""))
    operator = operator_of(operator, settings, 2 if tensor is None else tensor.ndim)
    settings["output_shape"] = run.sample_shape(node)
    inputs = tuple(names[one] for one in node.all_input_nodes if one in names)
    return Node(operator, name, inputs, node.name, settings, place)


def _entered(node: Any) -> Any:
    """Return the first operand of a node, None where it has none."""
    return node.args[0] if node.args else node.kwargs.get("input")


def _of_torch(kind: type) -> bool:
    return kind.__module__.startswith("torch.nn.")


def _owner(traced: Any, node: Any) -> str:
    """Return the name of the module whose forward calls a function."""
    path = next(reversed(node.meta.get("nn_module_stack") or {"": None}))
    return path or type(traced).__name__


def _array_or(value: Any, run: Run) -> Any:
    """Return a setting, tensors as float64 arrays and constant nodes as what they were."""
    import torch

    found = torch.fx.node.map_arg(value, lambda one: run.constants.get(one.name, one))
    return found.detach().double().numpy() if isinstance(found, torch.Tensor) else found


def _operand(
    node: Any, operand: Any, names: Mapping[Any, str], run: Run, constants: dict[str, Array]
) -> str:
    """Return the name of what is added: a tensor's, or that of a constant which it adds to them."""
    if operand in names:
        return names[operand]
    name = f"constant of {node.name}"
    constants[name] = np.asarray(_array_or(operand, run))
    return name
