r"""Alignment through random networks with orthogonal layers, with its 1/width term.

The state is w_l, the signed component of the relevance along the activations over the length of
what is across them: ``cos²(g_l, a_l) = w²/(1 + w²)``. A row chosen beforehand starts it as
``τ/χ(d - 1)``, cos² ~ Beta(1/2, (d - 1)/2). Only directions matter from there on.

The n units of a layer have ``t ~ N(0, I)``, whose direction is that of their pre-activations, and
relevances proportional to ``h = ξ_⊥ + ‖ξ_⊥‖ w â``, for ``a = t₊``, â its direction and ξ_⊥ a
normal vector across it. The coefficients c that the rule makes of them have
``C = t·c/(‖t‖‖c‖)``. What W then makes of c in its d inputs is decided by one independent B:

- Orthonormal columns (n >= d) keep ``C ‖c‖`` along a_{l-1} and project what c has across t on
  d - 1 of n - 1 dimensions: ``w_{l-1} = C/√((1 - C²) B)``, ``B ~ Beta((d-1)/2, (n-d)/2)``, B = 1
  for n = d.
- Orthonormal rows (n < d) keep ‖c‖, and ``W â_{l-1}`` has the length √B only:
  ``cos² = C² B``, ``B ~ Beta(n/2, (d-n)/2)``.

Where C² ~ Beta(1/2, (n-1)/2), both give cos² ~ Beta(1/2, (d-1)/2) (a Dirichlet law). So it is
under DeconvNet, whose c does not depend on t if h does not, and under the gradient, whose c then
has independent symmetric signs: for these the law holds at every level and size.

For the other rules module `depth_crossing` gives bias and variance of ``y = t·c/(√n ‖c‖)`` at a
fixed ``τ = √n x``. At a fixed w they are others, because y depends on h through ``τ/‖ξ_⊥‖`` alone:
at a fixed τ this ratio varies, with mean ``τ/√(n-1) (1 + 3/(4n))`` and variance ``w²/(2n)``. So at
fixed w the bias is less by ``y' w 3/(4n) + y'' w²/(4n)`` and the variance by ``y'² w²/(2n)``; and
``x = w √((n-1)/n)`` adds ``-y' w/(2n)`` to the bias. Last, ``y = C R`` with ``R = ‖t‖/√n``
independent of C, ``E R = 1 - 1/(4n)`` and ``Var R = 1/(2n)``: ``E C = E y (1 + 1/(4n))`` and
``Var C = Var y - y²/(2n)``. The factor B enters by its mean b and relative variance v:
``E B^{-1/2} = b^{-1/2} (1 + 3v/8)``, ``E B^{1/2} = b^{1/2} (1 - v/8)``.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import numpy as np
import sympy as sp

from alignment_theory.sources import CHO_2009, NIE_2018, SAXE_2014, ZHENG_2025
from alignment_theory.theory import depth
from alignment_theory.theory.conditions import BIAS_FREE, FRESH_LAYERS
from alignment_theory.theory.depth_crossing import crossing
from alignment_theory.theory.depth_laws import (
    FIXED_ROW,
    LEVEL,
    RULE,
    STRENGTH,
    WIDTHS,
    Q,
    recursion_formula,
)
from alignment_theory.theory.depth_levels import (
    DepthState,
    chance_of_death,
    checked_levels,
    kept_units,
    predict_levels,
)
from alignment_theory.theory.fluctuations import Jet, Spread
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

ORTHOGONAL_LAYERS = Hypothesis(
    "orthogonal-layers",
    "each W_l is uniform among the matrices with orthogonal rows or columns of one norm",
)
_NONE = np.empty(0)


def predict_orthogonal(
    rule: str, widths: Sequence[int], q: float = 0.0, level: int | None = None
) -> Prediction:
    """Return E cos²(g_l, a_l) of random bias-free ReLU networks with orthogonal layers.

    Layers have orthonormal columns where units are at least as many as inputs, else orthonormal
    rows, times any scale. The mean is over networks in which cos² is defined. For the gradient and
    DeconvNet, and at the top level, the value is exact. Else the remainder is a majorant of what
    is left out, not a proved bound, made up as that of `depth_prediction.predict_depth`; B and R
    of the module docstring add their relative variances to the noise.

    Parameters
    ----------
    rule : {"gradient", "deconvnet", "guided", "rectgrad"}
    widths : sequence of int
        d_0, ..., d_L, input first, each but the last at least 2.
    q : float
        Percentile of RectGrad in [0, 100), floored at 0; other rules do not use it.
    level : int, optional
        One level l; by default arrays over levels 0, ..., L-1.

    Returns
    -------
    Prediction
        Terms "limit" (the leading recursion) and "1/n term", whose sum is the value.

    Raises
    ------
    ValueError
        For an unknown rule, widths or a level out of range, and a q that keeps no unit.
    """
    widths = checked_levels("orthogonal-depth", rule, widths, q, level)
    top = len(widths) - 2
    exact = rule in ("gradient", "deconvnet")
    across = widths[top] - 1
    return predict_levels(
        widths,
        DepthState(Spread(0.0, variance=1 / across), noise=2 / across),
        lambda state, units, inputs: _across(state, rule, units, inputs, q),
        lambda index: 0.0,
        lambda index: 1 / widths[index] if exact or index == top else None,
        level,
    )


def _across(state: DepthState, rule: str, units: int, inputs: int, q: float) -> DepthState:
    """Return the state one level below a layer of `units` units."""
    w = state.spread.centre
    layer = crossing(rule, w, units, kept_units(units, q) if rule == "rectgrad" else 0)
    y, slope, curved = layer.strength.value, layer.strength.first, layer.strength.second
    terms = np.array([-1.25 * slope * w, -0.25 * curved * w**2, 0.25 * y]) / units
    excess = ((slope * w) ** 2 + y**2) / (2 * units)
    overlap = state.spread.through(
        layer.strength, np.append(layer.bias_terms, terms), layer.variance - excess
    )
    if units >= inputs:
        mean, relative = (inputs - 1) / (units - 1), 2 * (units - inputs) / (inputs - 1)
        relative /= units + 1
        tangent = _tangent(overlap.centre)
        spread = _times_power(overlap.through(tangent, _NONE, 0.0), mean, relative, -0.5)
        steep = tangent.first / sqrt(mean)
    else:
        mean, relative = units / inputs, 2 * (inputs - units) / (units * (inputs + 2))
        shorter = _times_power(overlap, mean, relative, 0.5)
        tangent = _tangent(shorter.centre)
        spread = shorter.through(tangent, _NONE, 0.0)
        steep = tangent.first * sqrt(mean)
    return DepthState(
        spread,
        state.noise + layer.noise + relative + 2 / units,
        steep * (abs(slope) * state.margin + layer.margin),
        state.dead + chance_of_death(rule, w, units),
    )


def _tangent(cosine: float) -> Jet:
    """Return the jet of ``C/√(1 - C²)``."""
    rest = 1 - cosine**2
    return Jet(
        cosine * rest**-0.5,
        rest**-1.5,
        3 * cosine * rest**-2.5,
        (3 + 12 * cosine**2) * rest**-3.5,
    )


def _times_power(spread: Spread, mean: float, relative: float, power: float) -> Spread:
    """Return the spread of ``X B^power``, B independent with that mean and relative variance."""
    scaled = spread.rescaled(mean**power)
    moved = scaled.moved(scaled.centre * power * (power - 1) / 2 * relative)
    variance = moved.variance + (scaled.centre * power) ** 2 * relative
    return replace(moved, variance=variance)


def _orthogonal_formula() -> sp.And:
    n, d = depth.n, depth.d
    columns = (n - 1) * STRENGTH / ((n - 1) * STRENGTH + (d - 1) * (1 - STRENGTH))
    return recursion_formula(sp.Piecewise((columns, sp.Ge(n, d)), (n / d * STRENGTH, True)))


ORTHOGONAL_DEPTH = Theorem(
    "orthogonal-depth",
    "Orthogonal layers align better than Gaussian ones",
    "With ρ_l² = cos²(g_l, a_l), n = d_l neurons and d = d_{l-1} inputs: ρ_{l-1}² → (n-1) C²/((n-1)"
    " C² + (d-1)(1 - C²)) for orthonormal columns (n >= d) and (n/d) C² for orthonormal rows (n < "
    "d), where C² < 1/2 at ρ² is that of Gaussian layers (`depth-recursion`). Both are above the "
    "Gaussian n C²/(n C² + d - 1) wherever n C² > 1: orthogonal layers align better, since what c "
    "has along the pre-activations does not go across the activations too. Square layers lead to "
    "ρ² = C²(ρ²): .302 for Guided Backprop, where Gaussian ones lead to .208. For a row chosen "
    "beforehand, from which the gradient and DeconvNet stay at cos² ~ Beta(1/2, (d_l - 1)/2), mean "
    "1/d_l, at every level and size. The 1/width term is predicted too.",
    (ORTHOGONAL_LAYERS, BIAS_FREE, FRESH_LAYERS, FIXED_ROW),
    Claim.LIMIT,
    _orthogonal_formula,
    (SAXE_2014, ZHENG_2025, NIE_2018, CHO_2009),
    uses=("depth-recursion", "haar-law"),
    parameters=(RULE, WIDTHS, Q, LEVEL),
    evaluate=predict_orthogonal,
)

ORTHOGONAL_LAWS = (ORTHOGONAL_DEPTH,)
