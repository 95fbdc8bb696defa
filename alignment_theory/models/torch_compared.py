"""The comparison of a network with the PyTorch module that it comes from.

Every layer is given what PyTorch gave its own version of it, so that errors do not add up: the
difference has a bound however deep the network is. With γ of a sum of n terms and |terms| added,

    |ours - theirs| <= 3 γ (|W| |a| + |b| + |what the nodes of the layer make|),

one γ for each side, and one since a constant may be added to a sum before or after, of which the
sizes are not seen in the layer. What cancels in the bias of a batch normalisation is counted too.
"""

from collections.abc import Iterable, Mapping
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
"""Largest difference, in float64 and relative to the largest output, of whole networks.

Layers are compared to the last bits before, so this need only tell wrong connections from rounding.
"""

_NOT_FOLLOWED = (
    "hooks, tensors that are changed in place under another name, and numbers that depend on the "
    "batch cannot be followed; if the module has none of these, please report it"
)

Tensors = Mapping[str, Array | None]


def compare(network: Network, parts: tuple[Part, ...], run: Run, module: Any) -> None:
    """Raise ValueError where a network, or a part of it, differs from what PyTorch computes.

    `run` is of what torch.fx found in the module, in float64; the module itself is run too.
    """
    import torch

    _compare_parts(parts, run.tensors)
    first, *_, last = run.tensors
    inputs, output = _tensor(run.tensors, first), _tensor(run.tensors, last)
    _require_same(network.forward(inputs).output, _tensor(run.tensors, parts[-1].above), "network")
    with torch.no_grad():
        given = module(torch.from_numpy(inputs.copy())).numpy()
    _require_same(given, output, "module")


def _require_same(found: Array, expected: Array, what: str) -> None:
    change, largest = np.abs(found - expected).max(), np.abs(expected).max()
    if not change <= SAME * largest:
        raise ValueError(
            f"the {what}'s output differs from that of the module's own functions by {change:.3g}, "
            f"of {largest:.3g} at most; {_NOT_FOLLOWED}"
        )


def _compare_parts(parts: Iterable[Part], tensors: Tensors) -> None:
    for part in parts:
        for branch in part.branches:
            _compare_parts(branch, tensors)
        below, above = _tensor(tensors, part.below), _tensor(tensors, part.above)
        found = _ours(part, below, tensors)
        same = found.shape == above.shape
        change = np.abs(found - above) if same else np.array(np.inf)
        if not same or not (change <= _allowed(part, below, tensors)).all():
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


def _allowed(part: Part, below: Array, tensors: Tensors) -> Array | float:
    """Return how far rounding may take both sides from each other.

    Only the first layer of a part rounds, and a sum of two numbers is the same on both sides.
    """
    first = part.layers[0] if part.layers else None
    step = 0.0 if first is None else relative_error(first, below)
    if first is None or not step:
        return 0.0
    above = [np.abs(_tensor(tensors, node.output)) for node in part.nodes]
    size = magnitude(first, below).reshape(above[-1].shape) + sum(above)
    if isinstance(first, BatchNorm):
        cancelled = np.asarray(sum(taken_away(node, first.weight) for node in part.nodes))
        size = size + cancelled.reshape(-1, *(1,) * (size.ndim - 2))
    allowed: Array = 3 * step * size + np.finfo(np.float64).tiny
    return allowed


def _tensor(tensors: Tensors, name: str) -> Array:
    tensor = tensors[name]
    assert tensor is not None
    return tensor
