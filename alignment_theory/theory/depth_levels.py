"""What Gaussian and orthogonal layers share: the state at a level, and the mean of cos² there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import expm1, sqrt

import numpy as np

from alignment_theory.theory.depth_quadrature import GATES, positive_share
from alignment_theory.theory.fluctuations import Jet, Spread
from alignment_theory.theory.theorem import Prediction


@dataclass(frozen=True)
class DepthState:
    """The state at one level.

    Attributes
    ----------
    spread : Spread
        Of x̃, the component of the relevance along the activations over that across them.
    noise : float
        The relative variances, added up, of what was divided by above.
    margin : float
        What the margins of ranked layers can change x̃ by.
    dead : float
        The chance that no coefficient is left.
    """

    spread: Spread
    noise: float = 0.0
    margin: float = 0.0
    dead: float = 0.0

    def mean_square(self, chi2: float = 0.0) -> tuple[float, float, float]:
        """Return limit, 1/n term and remainder of ``E x̃²/(x̃² + 1 + η)``; Var η is `chi2`.

        With A the sum of the magnitudes of all 1/width contributions and r the ratio of successive
        orders, effects that compound leave out ``A (e^r - 1 - r)/r``, about A r/2. r is taken as A
        over the value, or as the relative noise of all that was divided by, whichever is less.
        """
        jet = squared_cosine(self.spread.centre)
        by_chi2 = chi2 * jet.value * (1 - jet.value) ** 2
        term, bound = self.spread.mean_terms(jet)
        term, bound = min(term + by_chi2, 1 - jet.value), bound + by_chi2
        value, noise = jet.value + term, self.noise + chi2
        ratio = min(bound / value, noise) if value > 0 else noise
        slope = abs(jet.first) + sqrt(self.spread.variance) * abs(jet.second)
        compounded = bound * (expm1(ratio) - ratio) / ratio
        return jet.value, term, min(1.0, compounded + slope * self.margin + self.dead)


def squared_cosine(x: float) -> Jet:
    """Return the jet of ``x²/(x² + 1)``."""
    size = 1 + x**2
    return Jet(
        x**2 / size, 2 * x / size**2, (2 - 6 * x**2) / size**3, 24 * x * (x**2 - 1) / size**4
    )


def kept_units(units: int, q: float) -> int:
    """Return K, how many of `units` values are above their q-th percentile, barring ties.

    With linear interpolation ``K = n - 1 - floor((n - 1) q / 100)``.
    """
    return units - 1 - int((units - 1) * Fraction(q) / 100)


def chance_of_death(rule: str, x: float, units: int) -> float:
    """Return the chance that a rule passes on none of `units` units."""
    both = GATES[rule].masked and GATES[rule].positive
    return float((1 - (positive_share(sqrt(2) * x) if both else 0.5)) ** units)


def checked_levels(
    where: str, rule: str, widths: Sequence[int], q: float, level: int | None
) -> tuple[int, ...]:
    """Return the widths as ints.

    Raises
    ------
    ValueError
        For an unknown rule, widths or a level out of range, and a q that keeps no unit.
    """
    if rule not in GATES:
        raise ValueError(f"{where}: rule must be one of {', '.join(GATES)}, got {rule!r}")
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


def predict_levels(
    widths: Sequence[int],
    start: DepthState,
    across: Callable[[DepthState, int, int], DepthState],
    chi2: Callable[[int], float],
    exact: Callable[[int], float | None],
    level: int | None,
) -> Prediction:
    """Return E cos² at one level, or arrays over all of them.

    Parameters
    ----------
    widths : sequence of int
    start : DepthState
        At the level below the output.
    across : callable
        From the state above a layer, its number of units and of inputs to the state below it.
    chi2 : callable
        From a level to Var η there, the relative variance of what x̃ is not divided by yet.
    exact : callable
        From a level to the exact value where it is known, else None.
    level : int, optional
    """
    state, rows = start, list[tuple[float, float, float]]()
    for index in range(len(widths) - 2, -1, -1):
        limit, term, remainder = state.mean_square(chi2(index))
        known = exact(index)
        rows.insert(0, (limit, term, remainder) if known is None else (limit, known - limit, 0.0))
        if index:
            state = across(state, widths[index], widths[index - 1])
    found = np.array(rows).T
    limits, terms, remainders = found if level is None else map(float, found[:, level])
    return Prediction(limits + terms, remainders, {"limit": limits, "1/n term": terms})
