"""The same attribution as a product of explicit matrices, in plain NumPy.

Nothing here uses a kernel. With exact networks (fractions) every entry is exact.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Linear, Reshape, Selection, Switch
from alignment_theory.rules.base import Crossing, Rule
from alignment_theory.trace import Site


def layer_matrix(attribution: Attribution, index: int) -> Array:
    """Return the matrices (batch, size below, size above) by which one layer was crossed.

    ``relevances[index] = layer_matrix @ relevances[index + 1]`` with the gates frozen as they
    were recorded.

    Raises
    ------
    ValueError
        For a layer that the network does not have, and for averages (see ``.runs``).
    """
    if attribution.runs:
        raise ValueError(f"{attribution.method.name} averages several passes; see .runs for theirs")
    if not 0 <= index < len(attribution.crossings):
        last = len(attribution.crossings) - 1
        raise ValueError(f"layer_matrix: expected a layer from 0 to {last}, got {index}")
    return _matrix(attribution.rules, attribution.trace.sites[index], attribution.crossings[index])


def _matrix(rules: Sequence[Rule], site: Site, crossing: Crossing) -> Array:
    rule = rules[site.index]
    if crossing.shared is not None:
        above = np.split(rule.linear_matrix(site.sum), len(site.branches), axis=1)
        for k, (sites, crossings) in enumerate(zip(site.branches, crossing.branches, strict=True)):
            for inner, crossed in reversed(list(zip(sites, crossings, strict=True))):
                above[k] = _matrix(rules, inner, crossed) @ above[k]
        return np.asarray(above[0] + above[1])
    if isinstance(site.layer, Switch):
        assert crossing.gates is not None
        return rule.switch_matrix(crossing.gates)
    if isinstance(site.layer, Linear):
        return rule.linear_matrix(site)
    if isinstance(site.layer, Selection):
        return rule.selection_matrix(site)
    assert isinstance(site.layer, Reshape)
    size = prod(site.input.shape[1:])
    return np.broadcast_to(np.eye(size, dtype=bool), (len(site.input), size, size))


def combined_weight(attribution: Attribution, top: int | None = None, bottom: int = 0) -> Array:
    """Return the combined weight between two positions: the product of explicit matrices.

    ``g_0 = W_1ᵀ G_1 W_2ᵀ G_2 ... W_Lᵀ e_k`` with the gates ``G = diag(gates)`` frozen at this
    input; in relevance form the matrices of the rule stand for ``W ᵀ``. Multiplied with the
    relevance at `top` (flattened) it gives the relevance at `bottom`. For methods that average
    several passes it is the weighted mean of their combined weights.

    Returns
    -------
    array (batch, size at bottom, size at top), without batch axis for a single sample
    """
    top, bottom = attribution.trace.positions(top, bottom)
    if attribution.runs:
        stack = [weight * _product(run, top, bottom) for weight, run in attribution.runs]
        return attribution.trace.unbatched(sum(stack[1:], stack[0]))
    return attribution.trace.unbatched(_product(attribution, top, bottom))


def _product(attribution: Attribution, top: int, bottom: int) -> Array:
    trace = attribution.trace
    size = prod(trace.network.shapes[bottom])
    product = np.broadcast_to(np.eye(size, dtype=trace.dtype), (trace.batch_size, size, size))
    for index in range(bottom, top):
        product = product @ layer_matrix(attribution, index)
    return product
