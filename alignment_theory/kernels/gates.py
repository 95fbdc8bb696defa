"""One-pass steps across a switch: what a gated backward rule lets through."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel


@kernel
def gate(relevance: Any, mask: Any, use_mask: bool, only_positive: bool) -> Any:
    """Return ``(gates, gates * relevance)`` for flat arrays.

    A gate is open where the mask is (if `use_mask`) and the relevance is positive (if
    `only_positive`): gradient (True, False), Deconvnet (False, True), Guided Backprop both.
    A closed gate passes exactly 0, except that NaN is never hidden.
    """
    gates = np.empty(relevance.shape, np.bool_)
    passed = relevance.copy()
    for i in range(relevance.size):
        value = relevance[i]
        is_open = (mask[i] or not use_mask) and (value > 0 or not only_positive)
        gates[i] = is_open
        if not is_open and value == value:
            passed[i] = 0
    return gates, passed


@kernel
def row_quantiles(scores: Any, lower: int, weight: Any) -> Any:
    """Return for each row the value between its order statistics `lower` and `lower` + 1.

    ``(1 - weight) * s[lower] + weight * s[lower + 1]`` with s the sorted row, rounded as
    ``numpy.quantile`` rounds it; `weight` 0 reads one order statistic only.
    """
    thresholds = np.empty(scores.shape[0], scores.dtype)
    for row in range(scores.shape[0]):
        ordered = np.partition(scores[row], lower)
        below = ordered[lower]
        if weight == 0:
            thresholds[row] = below
            continue
        above = ordered[lower + 1 :].min()
        step = above - below
        rest = weight / weight - weight  # 1 - weight, in the type of weight
        if weight >= rest:
            thresholds[row] = above - step * rest
        else:
            thresholds[row] = below + step * weight
    return thresholds
