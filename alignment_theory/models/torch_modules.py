"""Networks from PyTorch modules, compared with what PyTorch makes of them, layer by layer.

torch is imported when a module is given, never before.
"""

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from os import PathLike
from typing import Any

import numpy as np

from alignment_theory.layers.base import Shape
from alignment_theory.models.building import cut_off, network_of
from alignment_theory.models.graph import Graph
from alignment_theory.models.torch_compared import compare
from alignment_theory.models.torch_graph import Run, graph_of, run_of
from alignment_theory.models.torch_layers import HEADS, KNOWN, SILENT
from alignment_theory.network import Network

_BUILT_FROM, _COMPARED_ON = 3, 2
"""Batch sizes; they differ, so that nothing can depend on the size."""

_WRAPPERS = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}
"""Modules that only hold another one, and the name under which they do."""


def from_torch(module: Any, input_shape: Shape | None = None) -> Network:
    """Return the network that a PyTorch module is when it is evaluated.

    The module is taken apart by torch.fx: containers, modules with a forward of their own,
    functions in it and additions of branches, which become residuals. A softmax or sigmoid at the
    end is cut off with a warning. Parameters are copied and keep their element type, the module
    itself is not changed; on whatever device it is, its copy is on the CPU. A module in training
    mode is read as after ``.eval()``, and a warning says so where that matters.

    Each layer is compared with PyTorch in float64 on random inputs, and must be within the rounding
    error of its sums; then the network as a whole. What these inputs do not reach is not compared.

    Parameters
    ----------
    module : torch.nn.Module
        An instance with its parameters in float32 or float64, all in one of them.
    input_shape : tuple of int, optional
        Shape of one sample, without the batch; inferred where the first layer is Linear.

    Raises
    ------
    ValueError
        For what is no such module, where torch is not installed, for a forward that torch.fx
        cannot follow, for modules and functions that no layer is (all of them named), settings
        that no layer has, other element types, a shape that does not fit, and where outputs differ.
    """
    try:
        source = _module(module)
        dtype = _dtype(source)
        traced, evaluated = _traced(source)
        shape = _input_shape(traced, input_shape)
        whole = graph_of(traced, _run(traced, shape, _BUILT_FROM))
        graph, heads = whole.headless(HEADS, SILENT)
        network, parts = network_of(graph, KNOWN)
        compare(network, parts, _run(traced, shape, _COMPARED_ON), evaluated)
        found = network if dtype is None else network.astype(dtype)
    except ValueError as error:
        raise ValueError(f"from_torch: {error}") from error.__cause__
    _warn(graph, heads, training=any(one.training for one in source.modules()))
    return found


def _module(given: Any) -> Any:
    """Return a module, without what only wraps it; ValueError for anything else."""
    what, advice = f"an object of type {type(given).__name__}", "pass an instance of nn.Module"
    if isinstance(given, type):
        what, advice = f"the class {given.__name__}", f"make a module of it: {given.__name__}(...)"
    elif isinstance(given, str | PathLike):
        what = f"the path {str(given)!r}"
        advice = (
            "build the module, give it the file's parameters with load_state_dict(torch.load(path, "
            "weights_only=True)) and pass the module; load() reads .npz, .safetensors and .onnx"
        )
    elif isinstance(given, Mapping):
        what = "a mapping such as a state_dict, which has parameters but no layers"
        advice = "build the module, call load_state_dict on it and pass the module"
    elif isinstance(given, list | tuple):
        what, advice = f"a {type(given).__name__}", "put its modules into nn.Sequential(...)"
    elif type(given).__module__.startswith("sklearn."):
        advice = "pass it to from_sklearn"
    else:
        try:
            import torch
        except ImportError:
            raise ValueError(
                "PyTorch, whose modules this reads, is not installed: pip install torch"
            ) from None
        if isinstance(given, torch.jit.ScriptModule):
            what, advice = "a TorchScript module", "pass the nn.Module that it was made from"
        elif isinstance(given, torch.nn.Module):
            inner = _WRAPPERS.get(type(given).__name__)
            return given if inner is None else _module(getattr(given, inner))
    raise ValueError(f"expected a torch.nn.Module, got {what}; {advice}")


def _dtype(module: Any) -> np.dtype[Any] | None:
    """Return the one element type of all parameters, None where there are none."""
    import torch

    found: dict[Any, str] = {}
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
            raise ValueError(f"the parameter {name!r} has no shape yet; run the module once")
        if tensor.is_meta:
            raise ValueError(f"{name!r} is on the meta device, without numbers")
        if tensor.is_floating_point() or tensor.is_complex():
            found.setdefault(tensor.dtype, name)
    places = ", ".join(f"{dtype} of {name!r}" for dtype, name in found.items())
    if set(found) - {torch.float32, torch.float64}:
        raise ValueError(
            f"networks are computed in float32 or float64, got {places}; convert a "
            "copy of the module: copy.deepcopy(module).float()"
        )
    if len(found) > 1:
        raise ValueError(
            f"all parameters must have one element type, got {places}; convert a copy "
            "of the module with .float() or .double()"
        )
    if not found:
        return None
    return np.dtype(np.float32 if torch.float32 in found else np.float64)


def _traced(module: Any) -> tuple[Any, Any]:
    """Return what torch.fx makes of a copy of a module in float64, and the copy, to be evaluated.

    The copy is on the CPU and in evaluation mode.
    """
    import torch

    try:
        evaluated = deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"the module cannot be copied ({error}); hooks such as the old weight_norm "
            "and spectral_norm must be removed first, or taken from torch.nn.utils.parametrizations"
        ) from None
    evaluated = evaluated.to("cpu", torch.float64).eval().requires_grad_(False)
    tracer = torch.fx.Tracer()
    if tracer.is_leaf_module(evaluated, ""):
        evaluated = torch.nn.Sequential(evaluated).eval()
    try:
        graph = tracer.trace(evaluated)
    except Exception as error:  # whatever a forward does with a stand-in for its input
        raise ValueError(
            f"torch.fx cannot follow {type(module).__name__}.forward ({error}); it "
            "must do the same for every input. An .onnx file of the module can be loaded instead"
        ) from error
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    used = [node.target for node in inputs if node.users or not node.args]
    if len(used) != 1 or used[0] != inputs[0].target or used[0].startswith("*"):
        shown = ", ".join(used) or "none"
        raise ValueError(f"expected a forward with one input, got {shown}")
    return torch.fx.GraphModule(evaluated, graph, type(module).__name__), evaluated


def _input_shape(traced: Any, given: Shape | None) -> Shape:
    """Return the shape of one sample, that of a Linear at the beginning where none is given."""
    if given is None:
        entry = next(iter(traced.graph.nodes))
        firsts = [node for node in entry.users if node.op == "call_module"]
        modules = [traced.get_submodule(node.target) for node in firsts]
        sizes = [one.in_features for one in modules if hasattr(one, "in_features")]
        if len(set(sizes)) != 1 or len(sizes) != len(entry.users):
            raise ValueError(
                "input_shape can be inferred only where the first layer is Linear; "
                "pass that of one sample, such as from_torch(module, (3, 32, 32))"
            )
        return (int(sizes[0]),)
    sizes_given = tuple(given) if isinstance(given, tuple | list) else ()
    if not sizes_given or not all(
        isinstance(s, int | np.integer) and not isinstance(s, bool) and s > 0 for s in sizes_given
    ):
        raise ValueError(
            f"input_shape must be positive sizes of one sample such as (3, 32, 32), got {given!r}"
        )
    return tuple(map(int, sizes_given))


def _run(traced: Any, shape: Shape, samples: int) -> Run:
    import torch

    inputs = np.random.default_rng(samples).standard_normal((samples, *shape))
    try:
        with torch.no_grad():
            return run_of(traced, inputs)
    except Exception as error:  # whatever a forward raises for the shape
        raise ValueError(
            f"the module does not take {samples} samples of shape {shape} in float64 "
            f"({str(error).strip()}); input_shape is that of one sample, without the batch, and "
            "tensors of the module must be parameters or buffers"
        ) from error


def _warn(graph: Graph, heads: Sequence[object], *, training: bool) -> None:
    """Say what was cut off, and that a module was read as it is after training."""
    if heads:
        warnings.warn(cut_off(heads[0]), stacklevel=3)
    kinds = {"batch_norm": "batch normalisation", "dropout": "dropout"}
    found = [kinds[key] for key in kinds if key in {node.operator for node in graph.reached()}]
    if training and found:
        warnings.warn(
            f"the module is in training mode, but its {' and '.join(found)} became what they are "
            "after .eval(): running statistics, nothing dropped",
            stacklevel=3,
        )
