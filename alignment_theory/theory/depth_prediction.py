r"""E cos²(g_l, a_l) at every level of a random network, with its 1/width term.

The state is ``x̃_l = τ_l/√(d_l - 1)``, near the centre that the leading recursion gives it, with a
shift of its mean, a variance and a third moment. At a level ``cos² = x̃²/(x̃² + 1 + η)``, where
``(d - 1)(1 + η) ~ χ²(d - 1)``; crossing the layer gives ``τ_{l-1} = √n y`` (module
`depth_crossing`). A row chosen beforehand has τ ~ N(0, 1) at the top, so the recursion starts from
0; the row of the largest of K outputs has the law of the maximum of K normals, with mean e_K.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import numpy as np

from alignment_theory.theory.depth import fixed_point, strength_at
from alignment_theory.theory.depth_crossing import crossing
from alignment_theory.theory.depth_levels import (
    DepthState,
    chance_of_death,
    checked_levels,
    kept_units,
    predict_levels,
)
from alignment_theory.theory.fluctuations import FloatArray, Spread
from alignment_theory.theory.parameters import LARGEST_WIDTH
from alignment_theory.theory.theorem import Prediction

OUTPUTS = ("fixed", "argmax")
_GRID = np.arange(-12.0, 12.0, 0.01)


def maximum_density(count: int) -> FloatArray:
    """Return the density of the maximum of `count` normals times the step, on the grid."""
    from scipy.special import ndtr

    density = count * np.exp(-(_GRID**2) / 2) * ndtr(_GRID) ** (count - 1)
    return np.asarray(density / density.sum())


def maximum_moments(count: int) -> tuple[float, float, float]:
    """Return mean e_K, variance and third central moment of the maximum of K standard normals."""
    density = maximum_density(count)
    mean = float(density @ _GRID)
    centred = _GRID - mean
    return mean, float(density @ centred**2), float(density @ centred**3)


def predict_depth(
    rule: str,
    widths: Sequence[int],
    q: float = 0.0,
    output: str = "fixed",
    level: int | None = None,
) -> Prediction:
    """Return E cos²(g_l, a_l) of random bias-free Gaussian ReLU networks.

    The mean is over networks in which cos² is defined. For the gradient and DeconvNet of a fixed
    row (τ_l ~ N(0, 1) at every level), for the gradient of the larger of two outputs, and at the
    top level, the value is exact. Else the
    remainder is a majorant of what is left out, not a proved bound: what compounds
    (`depth_levels.DepthState.mean_square`, its noise being ``Var(Q̄)/Q²`` a layer and 2/(d - 1)),
    the chance of dead layers, and what changes if a RectGrad threshold that is 0 in the limit is
    not, or the other way round. The latter falls more slowly than 1/width² where q is at that
    boundary (q = 75 under the top level).

    Parameters
    ----------
    rule : {"gradient", "deconvnet", "guided", "rectgrad"}
    widths : sequence of int
        d_0, ..., d_L, input first, each but the last at least 2.
    q : float
        Percentile of RectGrad in [0, 100), floored at 0; other rules do not use it.
    output : {"fixed", "argmax"}
        The explained row of W_L: chosen beforehand (or any fixed combination), or that of the
        largest output.
    level : int, optional
        One level l; by default arrays over levels 0, ..., L-1.

    Returns
    -------
    Prediction
        Terms "limit" (the leading recursion) and "1/n term", whose sum is the value.

    Raises
    ------
    ValueError
        For an unknown rule or output, widths or a level out of range, and a q that keeps no unit.
    """
    where = "depth-recursion"
    if output not in OUTPUTS:
        raise ValueError(f"{where}: output must be one of {', '.join(OUTPUTS)}, got {output!r}")
    widths = checked_levels(where, rule, widths, q, level)
    return predict_levels(
        widths,
        _start(widths[-2], widths[-1], output),
        lambda state, units, inputs: _across(state, rule, units, inputs, q),
        lambda index: 2 / (widths[index] - 1),
        lambda index: _exact(rule, widths, output, index),
        level,
    )


def predict_fixed_point(rule: str, ratio: float, n: int, layers: int, q: float) -> Prediction:
    """Return the fixed point with the 1/width term.

    Widths go from n below the output down to n / ratio^layers at the input. What layers of infinite
    width leave of the way to the fixed point belongs to the remainder; d - 1 in place of d, to the
    1/width term.
    """
    least, greatest = sorted((n, n * ratio**-layers))
    if least < 2 or greatest > LARGEST_WIDTH:
        raise ValueError(
            f"depth-fixed-point: {layers} layers of ratio {ratio:g} from n = {n} have widths "
            f"from {least:.3g} to {greatest:.3g}, expected 2 to {LARGEST_WIDTH:g}; take fewer "
            "layers, or another n"
        )
    widths = [round(n * ratio ** (level - layers)) for level in range(layers + 1)]
    limit, reached = fixed_point(rule, ratio, q), 0.0
    for _ in range(layers):
        strength = ratio * strength_at(rule, reached, q)
        reached = strength / (strength + 1)
    found = predict_depth(rule, (*widths, 1), q, level=0)
    term, way = float(found.value) - reached, abs(reached - limit)
    terms = {"limit": limit, "1/n term": term, "way to go": way}
    return Prediction(limit + term, float(found.remainder) + way, terms)


def _start(width: int, outputs: int, output: str) -> DepthState:
    if output == "fixed":
        return DepthState(Spread(0.0, variance=1 / (width - 1)))
    mean, variance, third = maximum_moments(outputs)
    return DepthState(Spread(mean, 0.0, variance, third).rescaled((width - 1) ** -0.5))


def _exact(rule: str, widths: Sequence[int], output: str, level: int) -> float | None:
    """Return E cos² where it is known at every size, else None.

    τ ~ N(0, 1) makes h independent of t. Given c under DeconvNet, and given the activities under
    the gradient (whose c then has independent symmetric signs), ``t·c/‖c‖`` is N(0, 1) again; so
    τ is at every level, and cos² ~ Beta(1/2, (d - 1)/2). The largest of one output is a row chosen
    beforehand. |τ| of the larger of two has the law of |N(0, 1)|, which is all that the top level
    needs, and all levels under the gradient, whose sign does not matter.
    """
    width, outputs, top = widths[level], widths[-1], level == len(widths) - 2
    fixed = output == "fixed" or outputs == 1
    halved = fixed or outputs == 2
    if (halved and (top or rule == "gradient")) or (fixed and rule == "deconvnet"):
        return 1 / width
    return _exact_maximum(width, outputs) if top else None


def _exact_maximum(width: int, outputs: int) -> float:
    """Return ``E τ²/(τ² + χ²(d - 1))`` for τ the maximum of normals.

    The mean given τ has a kink at 0 and the density of χ²(1) a pole, so the sums are even in
    log |τ| and in log χ², in which everything is analytic.
    """
    from scipy.special import log_ndtr

    shape = (width - 1) / 2
    step, reach = 0.005, 40 / sqrt(shape)
    logs = np.arange(-reach - 45 / shape, reach, 0.1 / max(sqrt(shape), 1.0))
    logs += np.log(2 * shape)
    weights = shape * logs - np.exp(logs) / 2
    law = np.exp(weights - weights.max())
    sizes = np.exp(step * np.arange(-4000, 540))
    below = [np.exp((outputs - 1) * log_ndtr(sign * sizes)) for sign in (1, -1)]
    density = outputs * step * sizes * np.exp(-(sizes**2) / 2) / sqrt(2 * np.pi) * sum(below)
    odds = np.exp(logs)
    means = [float(law @ (square / (square + odds))) / law.sum() for square in sizes**2]
    return float(density @ means)


def _across(state: DepthState, rule: str, units: int, inputs: int, q: float) -> DepthState:
    """Return the state one level below a layer of `units` units."""
    centre = state.spread.centre
    layer = crossing(rule, centre, units, kept_units(units, q) if rule == "rectgrad" else 0)
    shrink = sqrt((units - 1) / units)
    spread = state.spread.rescaled(shrink)
    spread = replace(spread, centre=centre).moved(centre * (shrink - 1))
    scale = sqrt(units / (inputs - 1))
    return DepthState(
        spread.through(layer.strength, layer.bias_terms, layer.variance).rescaled(scale),
        state.noise + layer.noise,
        scale * (abs(layer.strength.first) * state.margin + layer.margin),
        state.dead + chance_of_death(rule, centre, units),
    )
