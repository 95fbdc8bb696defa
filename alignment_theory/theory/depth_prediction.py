r"""E cos²(g_l, a_l) at every level of a random network, with its 1/width term.

The state is ``x̃_l = τ_l/√(d_l - 1)``, near the centre that the leading recursion gives it, with a
shift of its mean, a variance and a third moment. At a level ``cos² = x̃²/(x̃² + 1 + η)``, where
``(d - 1)(1 + η) ~ χ²(d - 1)``; crossing the layer gives ``τ_{l-1} = √n y`` (module
`depth_crossing`). A row chosen beforehand has τ ~ N(0, 1) at the top, so the recursion starts from
0; the row of the largest of K outputs has the law of the maximum of K normals, with mean e_K.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import expm1, sqrt

import numpy as np

from alignment_theory.theory.depth_crossing import crossing
from alignment_theory.theory.depth_quadrature import GATES, positive_share
from alignment_theory.theory.fluctuations import FloatArray, Jet, Spread
from alignment_theory.theory.theorem import Prediction

OUTPUTS = ("fixed", "argmax")
_GRID = np.arange(-12.0, 12.0, 0.01)


@dataclass(frozen=True)
class _Level:
    """The state at one level.

    ``noise`` adds up the relative variances of what was divided by above, ``margin`` what the
    margins of ranked layers can change x̃ by, ``dead`` the chance that no coefficient is left.
    """

    spread: Spread
    noise: float = 0.0
    margin: float = 0.0
    dead: float = 0.0


def kept_units(units: int, q: float) -> int:
    """Return K, how many of `units` values are above their q-th percentile, barring ties.

    With linear interpolation ``K = n - 1 - floor((n - 1) q / 100)``.
    """
    return units - 1 - int((units - 1) * Fraction(q) / 100)


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


def squared_cosine(x: float) -> Jet:
    """Return the jet of ``x²/(x² + 1)``."""
    size = 1 + x**2
    return Jet(
        x**2 / size, 2 * x / size**2, (2 - 6 * x**2) / size**3, 24 * x * (x**2 - 1) / size**4
    )


def predict_depth(
    rule: str,
    widths: Sequence[int],
    q: float = 0.0,
    output: str = "fixed",
    level: int | None = None,
) -> Prediction:
    """Return E cos²(g_l, a_l) of random bias-free Gaussian ReLU networks.

    The mean is over networks in which cos² is defined. For the gradient and DeconvNet of a fixed
    row (τ_l ~ N(0, 1) at every level), and at the top level, the value is exact. Else the
    remainder is a majorant of what is left out, not a proved bound. With A the sum of the
    magnitudes of all 1/width contributions and r the ratio of successive orders, effects that
    compound leave out ``A (e^r - 1 - r)/r``, about A r/2. r is taken as A over the value, or as
    the relative noise of all that was divided by (``Var(Q̄)/Q²`` a layer and 2/(d - 1)), whichever
    is less; both are of order 1/width. Added are the chance of dead layers and what changes if a
    RectGrad threshold that is 0 in the limit is not, or the other way round. The latter falls
    more slowly than 1/width² where q is at that boundary (q = 75 under the top level).

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
    widths = _checked(rule, widths, q, output, level)
    state = _start(widths[-2], widths[-1], output)
    rows: list[tuple[float, float, float]] = []
    for index in range(len(widths) - 2, -1, -1):
        limit, term, remainder = _squared(state, widths[index])
        exact = _exact(rule, widths, output, index)
        rows.insert(0, (limit, term, remainder) if exact is None else (limit, exact - limit, 0.0))
        if index:
            state = _next(state, rule, widths[index], widths[index - 1], q)
    found = np.array(rows).T
    limits, terms, remainders = found if level is None else map(float, found[:, level])
    return Prediction(limits + terms, remainders, {"limit": limits, "1/n term": terms})


def _checked(
    rule: str, widths: Sequence[int], q: float, output: str, level: int | None
) -> tuple[int, ...]:
    where = "depth-recursion"
    for name, value, choices in (("rule", rule, tuple(GATES)), ("output", output, OUTPUTS)):
        if value not in choices:
            raise ValueError(f"{where}: {name} must be one of {', '.join(choices)}, got {value!r}")
    found = tuple(int(width) for width in widths)
    if found != tuple(widths) or len(found) < 2 or min(found[:-1]) < 2 or found[-1] < 1:
        raise ValueError(
            f"{where}: widths must be whole numbers, input first, at least 2 (the last at least "
            f"1), got {tuple(widths)}"
        )
    if level is not None and not 0 <= level < len(found) - 1:
        raise ValueError(f"{where}: level must be in 0, ..., {len(found) - 2}, got {level}")
    if rule == "rectgrad":
        if not 0 <= q <= 100:
            raise ValueError(f"{where}: q must be a percentile in [0, 100), got {q}")
        for units in found[1:-1]:
            if kept_units(units, q) < 1:
                raise ValueError(f"{where}: q = {q} keeps none of {units} units; lower it")
    return found


def _start(width: int, outputs: int, output: str) -> _Level:
    if output == "fixed":
        return _Level(Spread(0.0, variance=1 / (width - 1)))
    mean, variance, third = maximum_moments(outputs)
    return _Level(Spread(mean, 0.0, variance, third).rescaled((width - 1) ** -0.5))


def _exact(rule: str, widths: Sequence[int], output: str, level: int) -> float | None:
    """Return E cos² where it is known at every size, else None.

    τ ~ N(0, 1) makes h independent of t. Given c under DeconvNet, and given the activities under
    the gradient (whose c then has independent symmetric signs), ``t·c/‖c‖`` is N(0, 1) again; so
    τ is at every level, and cos² ~ Beta(1/2, (d - 1)/2).
    """
    top = level == len(widths) - 2
    if output == "fixed":
        return 1 / widths[level] if top or rule in ("gradient", "deconvnet") else None
    return _exact_maximum(widths[level], widths[-1]) if top else None


def _exact_maximum(width: int, outputs: int) -> float:
    """Return ``E τ²/(τ² + χ²(d - 1))`` for τ the maximum of normals."""
    from scipy.special import gammaln

    shape = (width - 1) / 2
    logs = np.arange(-40.0, 40.0, 0.02) / sqrt(shape) + np.log(2 * shape)
    weights = shape * logs - np.exp(logs) / 2 - gammaln(shape) - shape * np.log(2)
    law = np.exp(weights - weights.max())
    squares = _GRID[:, np.newaxis] ** 2
    means = (squares / (squares + np.exp(logs))) @ (law / law.sum())
    return float(maximum_density(outputs) @ means)


def _squared(state: _Level, width: int) -> tuple[float, float, float]:
    """Return limit, 1/n term and remainder of E cos² at a level."""
    jet = squared_cosine(state.spread.centre)
    chi2 = 2 / (width - 1)
    by_chi2 = chi2 * jet.value * (1 - jet.value) ** 2
    term, bound = state.spread.mean_terms(jet)
    term, bound = term + by_chi2, bound + by_chi2
    value, noise = jet.value + term, state.noise + chi2
    ratio = min(bound / value, noise) if value > 0 else noise
    slope = abs(jet.first) + sqrt(state.spread.variance) * abs(jet.second)
    compounded = bound * (expm1(ratio) - ratio) / ratio
    return jet.value, term, min(1.0, compounded + slope * state.margin + state.dead)


def _next(state: _Level, rule: str, units: int, inputs: int, q: float) -> _Level:
    """Return the state one level below a layer of `units` units."""
    centre = state.spread.centre
    kept = kept_units(units, q) if rule == "rectgrad" else 0
    layer = crossing(rule, centre, units, kept)
    alive = positive_share(sqrt(2) * centre) if GATES[rule].masked and GATES[rule].positive else 0.5
    shrink = sqrt((units - 1) / units)
    spread = state.spread.rescaled(shrink)
    spread = replace(spread, centre=centre).moved(centre * (shrink - 1))
    scale = sqrt(units / (inputs - 1))
    return _Level(
        spread.through(layer.strength, layer.bias_terms, layer.variance).rescaled(scale),
        state.noise + layer.noise,
        scale * (abs(layer.strength.first) * state.margin + layer.margin),
        state.dead + float((1 - alive) ** units),
    )
