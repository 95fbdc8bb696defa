"""One-pass steps across a switch: what a gated backward rule lets through."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel


@kernel
def gate(
    relevance: Any, mask: Any, gates: Any, passed: Any, use_mask: bool, only_positive: bool
) -> None:
    """Set `gates`, and `passed` to ``gates * relevance``; all arrays are flat.

    A gate is open where the mask is (if `use_mask`) and the relevance is positive (if
    `only_positive`): gradient (True, False), Deconvnet (False, True), Guided Backprop both.
    A closed gate passes exactly 0, except that NaN is never hidden.
    """
    for i in range(relevance.size):
        value = relevance[i]
        is_open = (mask[i] | (not use_mask)) & ((value > 0) | (not only_positive))
        gates[i] = is_open
        if is_open | (value != value):
            passed[i] = value
        else:
            passed[i] = 0


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
