"""The comparison of a network with the PyTorch module that it comes from.

Every layer is given what PyTorch gave its own version of it, so that errors do not add up: the
difference has a bound however deep the network is. With γ of a sum of n terms and |terms| added,

    |ours - theirs| <= 3 γ (|W| |a| + |b| + |what the nodes of the layer make|),

one γ for each side, and one since a constant may be added to a sum before or after, of which the
sizes are not seen in the layer. What cancels in the bias of a batch normalisation is counted too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import BatchNorm
from alignment_theory.models.building import Part
from alignment_theory.models.compared import magnitude, relative_error
from alignment_theory.models.torch_graph import Run
from alignment_theory.models.torch_layers import taken_away
from alignment_theory.network import Network

SAME = 1e-10
"""Largest difference of whole networks in float64, relative to the largest sum of sizes in a layer.

Layers are compared to the last bits before, so this need only tell wrong connections from rounding,
which begins at 1e-16 of these sums and grows with depth.
"""

_NOT_FOLLOWED = (
    "hooks, tensors that are changed in place under another name, and numbers that depend on the "
    "batch cannot be followed; if the module has none of these, please report it"
)

_LEAST = np.finfo(np.float64).tiny
"""What underflow may take."""

Tensors = Mapping[str, Array | None]


def compare(network: Network, parts: tuple[Part, ...], run: Run, module: Any) -> None:
    """Raise ValueError where a network, or a part of it, differs from what PyTorch computes.

    `run` is of what torch.fx found in the module, in float64; the module itself is run too.
    """
    import torch

    largest = _compare_parts(parts, run.tensors)
    first, *_, last = run.tensors
    inputs, output = _tensor(run.tensors, first), _tensor(run.tensors, last)
    logits = _tensor(run.tensors, parts[-1].above)
    _require_same(network.forward(inputs).output, logits, largest, "network")
    with torch.no_grad():
        given = module(torch.from_numpy(inputs.copy())).numpy()
    _require_same(given, output, largest, "module")


def _require_same(found: Array, expected: Array, largest: float, what: str) -> None:
    change = np.abs(found - expected).max()
    if not change <= SAME * largest:
        raise ValueError(
            f"the {what}'s output differs from that of the module's own functions by {change:.3g}, "
            f"where layers add up {largest:.3g} at most; {_NOT_FOLLOWED}"
        )


def _compare_parts(parts: tuple[Part, ...], tensors: Tensors) -> float:
    """Return the largest sum of sizes in a layer; ValueError where a layer differs."""
    inner = [_compare_parts(branch, tensors) for part in parts for branch in part.branches]
    return max([0.0, *inner, *(_compare_part(part, tensors) for part in parts)])


def _compare_part(part: Part, tensors: Tensors) -> float:
    below, above = _tensor(tensors, part.below), _tensor(tensors, part.above)
    found, change = _ours(part, below, tensors), np.array(np.inf)
    if found.shape == above.shape:
        change, size = np.abs(found - above), _size(part, below, tensors)
        if (change <= _step(part, below) * size + _LEAST).all():
            return float(size.max())
    shown = ", ".join(map(repr, part.layers)) or "nothing"
    raise ValueError(
        f"{part.nodes[-1]} became {shown}, whose output differs from PyTorch's by "
        f"{change.max():.3g}, more than rounding can do; {_NOT_FOLLOWED}"
    )


def _ours(part: Part, below: Array, tensors: Tensors) -> Array:
    """Return what a part makes of a tensor; of branches, which are compared before, the sum."""
    if part.branches:
        ends = [_tensor(tensors, one[-1].above if one else part.below) for one in part.branches]
        return ends[0] + ends[1]
    for layer in part.layers:
        below = layer.forward(below)
    return below


def _step(part: Part, below: Array) -> float:
    """Return 3 γ of a part: only its first layer rounds, and sums of branches are the same."""
    return 3 * relative_error(part.layers[0], below) if part.layers else 0.0


def _size(part: Part, below: Array, tensors: Tensors) -> Array:
    """Return the sizes of all that is added up in a part."""
    made = [np.abs(_tensor(tensors, node.output)) for node in part.nodes]
    size: Array = np.asarray(sum(made))
    first = part.layers[0] if part.layers else None
    if first is None or not relative_error(first, below):
        return size
    size = size + magnitude(first, below).reshape(size.shape)
    if isinstance(first, BatchNorm):
        cancelled = np.asarray(sum(taken_away(node, first.weight) for node in part.nodes))
        size = size + cancelled.reshape(-1, *(1,) * (size.ndim - 2))
    return size


def _tensor(tensors: Tensors, name: str) -> Array:
    tensor = tensors[name]
    assert tensor is not None
    return tensor
