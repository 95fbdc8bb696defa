r"""E cos²(g_l, a_l) in random networks with one bias at every unit, with its 1/width term.

Forward, ``w_l = log ‖a_l‖`` is a chain with fluctuations of order 1/√width, and sets the biases
``b_{l+1} = b e^{-w_l}/σ`` above. Backward, given w_l the layers above l know nothing of those
below; so x̃_l has a centre that is a function of w_l, and fluctuations about it. To first order in
1/width the centre's first two derivatives are all that is needed of it: they carry the share of a
layer in the norms through the crossing of that layer (module `bias_crossing`), and the variance of
w_l into cos² at level l.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, sqrt

import numpy as np

from alignment_theory.theory.bias_crossing import crossing, layer_at, rank_margin, strength
from alignment_theory.theory.bias_norms import Norms, forward, growths
from alignment_theory.theory.depth_bias import Layer, units
from alignment_theory.theory.depth_levels import (
    DepthState,
    checked_levels,
    kept_units,
    predict_levels,
)
from alignment_theory.theory.depth_prediction import predict_depth
from alignment_theory.theory.depth_quadrature import GATES
from alignment_theory.theory.fluctuations import FloatArray, Jet, Spread, jets
from alignment_theory.theory.theorem import Prediction

_WHERE = "sparsity-through-depth"
_FLAT = Jet(0.0, 0.0, 0.0, 0.0)
_NOTHING = np.zeros(1)


@dataclass(frozen=True)
class BiasedState(DepthState):
    """The state at one level, with what depends on the activations' norm there.

    Attributes
    ----------
    by_norm : Jet
        The centre of x̃ as a function of ``log ‖a‖``.
    log_norm : Spread
        Of ``log ‖a‖`` at this level.
    level : int
    """

    by_norm: Jet = _FLAT
    log_norm: Spread = Spread(0.0)  # noqa: RUF009
    level: int = 0

    def mean_square(self, chi2: float = 0.0) -> tuple[float, float, float]:
        """Return limit, 1/n term and remainder of E cos², over the norms too."""
        moved = self.log_norm.through(self.by_norm, _NOTHING, 0.0)
        spread = replace(
            self.spread,
            shift=self.spread.shift + moved.shift,
            variance=self.spread.variance + moved.variance,
            bound=self.spread.bound + moved.bound,
        )
        excess = 3 * max(0.0, spread.variance - chi2 / 2)
        plain = DepthState(spread, self.noise + excess, self.margin, self.dead)
        limit, term, remainder = plain.mean_square(chi2)
        return limit, max(term, -limit), remainder


def predict_biased(
    rule: str, widths: Sequence[int], bias: float, sigma: float, q: float, level: int | None
) -> Prediction:
    """Return E cos²(g_l, a_l) of random Gaussian ReLU networks with bias b at every unit, ‖x‖ = 1.

    A row of W_L chosen beforehand is explained; the mean is over networks in which cos² is defined.
    Without a bias this is `depth_prediction.predict_depth`. With one, the top level is exact, and
    DeconvNet at every level, since its c sees no activation. Else the remainder is a majorant of
    what is left out, not a proved bound: as there, where the noise that compounds now has
    ``(d log A/d log ‖a‖)² Var log ‖a‖`` of every layer, heavy tail included, and three times the
    variance of x̃ above ``1/(d - 1)``; and the chance of dark layers.

    Parameters
    ----------
    rule : {"gradient", "deconvnet", "guided", "rectgrad"}
    widths : sequence of int
        d_0, ..., d_L, input first.
    bias, sigma : float
        b of every unit and the standard deviation of a weight; they matter together only.
    q : float
        Percentile of RectGrad.
    level : int or None
        One level l, or all of 0, ..., L-1.

    Returns
    -------
    Prediction
        Terms "limit" (the leading recursion) and "1/n term", whose sum is the value.

    Raises
    ------
    ValueError
        As `predict_depth`, and where fewer than one unit of a layer is expected to be active.
    """
    widths = checked_levels(_WHERE, rule, widths, q, level)
    if bias == 0:
        return predict_depth(rule, widths, q, level=level)
    layers, dark = forward(_WHERE, widths, bias, sigma)
    top = len(widths) - 2
    log_norm = layers[-1].above if layers else Spread(0.0)
    start = BiasedState(
        Spread(0.0, variance=1 / (widths[top] - 1)), dead=dark, log_norm=log_norm, level=top
    )
    return predict_levels(
        widths,
        start,
        lambda state, _, inputs: _across(state, layers, rule, inputs, q),
        lambda index: 2 / (widths[index] - 1),
        lambda index: 1 / widths[index] if index == top or rule == "deconvnet" else None,
        level,
    )


def _across(
    state: DepthState, layers: Sequence[Norms], rule: str, inputs: int, q: float
) -> DepthState:
    """Return the state one level below a layer."""
    assert isinstance(state, BiasedState)
    norms, centre = layers[state.level - 1], state.spread.centre
    count = norms.units
    kept = kept_units(count, q) if rule == "rectgrad" else 0
    layer, radius = layer_at(rule, units(norms.bias), centre, kept / count)
    found = crossing(layer, radius, centre, state.by_norm, count)
    margin = rank_margin(layer, centre, count, kept) if rule == "rectgrad" else 0.0
    shrink, scale = sqrt((count - 1) / count), sqrt(count / (inputs - 1))
    spread = state.spread.rescaled(shrink)
    spread = replace(spread, centre=centre).moved(centre * (shrink - 1))
    both = layer.gate.masked and layer.gate.positive
    passed = Layer(layer.units, GATES["guided"], 1.0).share_above(centre, 0.0) if both else 0.5
    if layer.gate.masked and not both:
        passed = layer.units.active
    step = 4 * norms.growth.first**2 * norms.reach
    return BiasedState(
        spread.through(found.strength, found.bias_terms, found.variance).rescaled(scale),
        state.noise + found.noise + step,
        scale * (abs(found.strength.first) * state.margin + margin),
        state.dead + (1 - passed) ** count,
        _norm_jet(state, norms, layer, scale),
        norms.below,
        state.level - 1,
    )


def _norm_jet(state: BiasedState, norms: Norms, layer: Layer, scale: float) -> Jet:
    """Return the centre of x̃ below a layer as a function of ``log ‖a‖`` there."""
    at, centre, start = state.by_norm, state.spread.centre, norms.growth.value

    def strengths(moves: FloatArray) -> FloatArray:
        logs = moves + growths(norms.bias, moves) - start
        found = []
        for move, shift in zip(map(float, moves), map(float, logs), strict=True):
            x = centre + at.first * shift + at.second * shift**2 / 2
            moved = Layer(units(norms.bias * exp(-move)), layer.gate, layer.share)
            found.append(scale * strength(moved, x))
        return np.array(found)

    (jet,) = jets(strengths, 0.0, norms.radius)
    return jet
