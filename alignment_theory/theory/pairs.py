r"""How alike two attributions of one input are: randomisation of layers, and other classes.

In both networks, or for both classes, the relevances above a level are what
:mod:`pair_recursion` makes of them; their cosines are predicted to order 1/width, derived.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory.pair_moments import RULES
from alignment_theory.theory.pair_recursion import (
    Pair,
    activation_cosines,
    cosine_noises,
    similarity_formula,
)
from alignment_theory.theory.theorem import Prediction

KINDS = ("cascading", "independent", "bottom-up", "class")

__all__ = ["KINDS", "RULES", "predict_randomisation", "redrawn_layers", "similarity_formula"]


def redrawn_layers(kind: str, layer: int | None, depth: int) -> frozenset[int]:
    """Return which of the layers 1, ..., `depth` differ between both networks.

    Raises
    ------
    ValueError
        For an unknown kind, and a layer that is missing or outside the network.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "class":
        return frozenset()
    low, high = (0, depth - 1) if kind == "cascading" else (1, depth)
    if layer is None or not low <= layer <= high:
        raise ValueError(
            f"layer: expected {low} to {high} for {kind} randomisation of {depth} layers (or kind "
            f"class, which takes none), got {layer}"
        )
    chosen = {
        "cascading": range(layer + 1, depth + 1),
        "independent": range(layer, layer + 1),
        "bottom-up": range(1, layer + 1),
    }
    return frozenset(chosen[kind])


def _checked_depth(widths: Sequence[int], rule: str, kind: str) -> int:
    depth = len(widths) - 1
    if depth < 2 or min(widths[:-1]) < 3:
        raise ValueError(
            f"widths: expected d_0, ..., d_L with a hidden layer and all of d_0, ..., d_(L-1) at "
            f"least 3, got {tuple(widths)}"
        )
    if kind == "class" and widths[-1] < 2:
        raise ValueError(
            f"widths: expected at least 2 outputs d_L, since two of them are explained, got "
            f"{tuple(widths)}"
        )
    if rule not in RULES:
        raise ValueError(f"rule: expected one of {', '.join(RULES)}, got {rule!r}")
    return depth


def predict_randomisation(
    widths: Sequence[int],
    kind: str = "cascading",
    layer: int | None = None,
    rule: str = "guided",
    level: int | None = None,
) -> Prediction:
    """Return E cos(R, R') of two attributions of one input to order 1/width, at every level.

    Networks are without bias, their weights Gaussian; the outputs explained are fixed beforehand
    (the largest logit is not: its row is aligned with the activations from the start).

    Parameters
    ----------
    widths : sequence of int
        d_0, ..., d_L, input first; at least one hidden layer.
    kind : {"cascading", "independent", "bottom-up", "class"}
        Re-drawn are the layers above `layer`, `layer` only, or layers 1 to `layer`; or nothing,
        and R' explains another output.
    rule : {"guided", "gradient"}
    level : int, optional
        One level 0, ..., L-1 instead of all, input first.

    Returns
    -------
    Prediction
        The value lies in [-1, 1]. The remainder is a majorant of what is left out, not a proved
        bound: ``(|1/n term| + Var cos)`` times relative variances of the means that cosines are
        made of, since terms of order 1/n² are curvature or variance of order 1/n times one more
        fluctuation of such a mean. These are ``Σ v_l/n_l``, with v_l that of c² in the layers
        crossed, and half of what `_noise_at` adds for the level itself (with r the relative noise,
        what compounds is ``(e^r - 1 - r)/r``, about r/2). To this is added twice the probability
        that one of the relevances dies; no remainder exceeds ``1 + |value|``, all of the range.

    Raises
    ------
    ValueError
        For unknown kinds and rules, layers and levels outside the network, widths below 3, and
        one output where two are explained.
    """
    depth = _checked_depth(widths, rule, kind)
    redrawn = redrawn_layers(kind, layer, depth)
    if level is not None and not 0 <= level < depth:
        raise ValueError(f"level: expected 0 to {depth - 1} for {depth} layers, got {level}")
    rows = _levels(tuple(widths), redrawn, kind == "class", rule)
    limit, term, remainder = (rows.T if level is None else rows[level]).copy()
    return Prediction(limit + term, remainder, {"limit": limit, "1/n term": term})


def _noise_at(rule: str, cosine_noise: float, inputs: int) -> float:
    """Return the relative variances of what varies at a level of the given width.

    That is the cosine of the activations where they differ and, for the gradient, the size of what
    lies across them, 2/(d - 1): its part along them is chance and no larger than that.
    """
    return cosine_noise + (2 / (inputs - 1) if rule == "gradient" else 0.0)


@lru_cache(maxsize=256)
def _levels(widths: tuple[int, ...], redrawn: frozenset[int], classes: bool, rule: str) -> Array:
    """Return limit, 1/n term and remainder at every level, (L, 3)."""
    depth = len(widths) - 1
    cosines, noises = activation_cosines(widths, redrawn), cosine_noises(widths, redrawn)
    apart = classes or depth in redrawn
    pair = Pair.start(widths[-2], None if apart else float(cosines[-1].limit[0]))
    alive = 3 / 4 if rule == "guided" else 1 / 2
    rows, dead = [], 0.0
    for level in range(depth - 1, -1, -1):
        found = pair.similarity(cosines[level], widths[level])
        limit, term = float(found.limit[0]), float(found.bias[0])
        value = min(max(limit + term, -1.0), 1.0)
        noise = pair.spread
        # Otherwise the mean is 0: the sign of one of the rows is free.
        if not (apart and (rule == "gradient" or level == depth - 1)):
            noise += _noise_at(rule, noises[level], widths[level]) / 2
        scale = abs(term) + float(found.covariance[0, 0])
        rest = scale * noise + pair.lost + 2 * dead
        rows.append((limit, value - limit, min(rest, 1 + abs(value))))
        if level:
            below = float(cosines[level - 1].limit[0])
            pair = pair.below(rule, widths[level], widths[level - 1], below, level in redrawn)
            dead += 2 * alive ** widths[level]
    return np.array(rows[::-1])
