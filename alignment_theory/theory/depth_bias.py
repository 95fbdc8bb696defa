r"""The layers of networks with one constant bias at every unit, by quadrature.

With ``b_l = b/(σ ‖a_{l-1}‖)`` the units of layer l are active where t > -b_l. Activations are
counted in their own scale, ``s = (t + b_l)₊/√A`` with ``A = E (t + b_l)₊²``; the relevance is
``h = ξ + x s``, x = τ/√n. Norms follow from ``‖a_l‖² = n σ² ‖a_{l-1}‖² A``, so that b_l falls as
activations grow.

A function of the units is a polynomial in ξ whose coefficients are given on a grid of t: an array
(order + 1, grid). Integrals over ξ are truncated normal moments, those over t sums over a grid even
in ``log(t + b)``, or in t where units with t < -b do not exist; exact to some 1e-13.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, pi, sqrt

import numpy as np

from alignment_theory.theory.depth_quadrature import GATES, Gate, truncated_moments
from alignment_theory.theory.fluctuations import FloatArray

LEAST_BIAS = -8.0
"""Least b_l: below it not one unit in 10^15 is active."""

LARGEST_BIAS = 1e150
"""Largest b_l, whose square float64 holds."""

_STEP = 0.05
_S = np.exp(np.arange(-38.0, 3.2, _STEP))
_T = np.arange(-9.0, 9.0, _STEP)
_ALL_ACTIVE = 9.0
_FULL = np.array([1.0, 0.0, 1.0, 0.0, 3.0])
_LOG_THRESHOLDS = (-30.0, 8.0)
_HALF_MEANS = np.array([1 / sqrt(2 * pi), 0.5, 2 / sqrt(2 * pi), 1.5])


@dataclass(frozen=True, eq=False)
class Units:
    """The active units of a layer with normalised bias `bias`.

    Attributes
    ----------
    t, s, weights : arrays (grid,)
        Pre-activations, activations in units of √A, and quadrature weights.
    square : float
        ``A = E (t + b)₊²``.
    """

    bias: float
    t: FloatArray
    s: FloatArray
    weights: FloatArray
    square: float

    @property
    def active(self) -> float:
        """The share of active units."""
        return float(self.weights.sum())

    @property
    def spread(self) -> float:
        """``Var s²``, where E s² = 1."""
        return float(self.weights @ self.s**4) - 1

    def inactive(self) -> tuple[FloatArray, FloatArray]:
        """Return mean and second moments of ψ = (t ξ, ξ²) on t < -b, ξ > 0: (2,), (2, 2)."""
        from scipy.special import ndtr

        share, first = float(ndtr(-self.bias)), -exp(-(self.bias**2) / 2) / sqrt(2 * pi)
        second = share - self.bias * first
        one, two, three, four = _HALF_MEANS
        mixed = first * three
        moments = np.array([[second * two, mixed], [mixed, share * four]])
        return np.array([first * one, share * two]), moments


def checked_bias(where: str, bias: float) -> float:
    """Return b.

    Raises
    ------
    ValueError
        For b below -8, where no unit is active, above 1e150, or not a number.
    """
    if not LEAST_BIAS <= bias <= LARGEST_BIAS:
        raise ValueError(
            f"{where}: b/(σ‖a‖) must be from {LEAST_BIAS:g} (no unit is active below) to "
            f"{LARGEST_BIAS:g}, got {bias:.4g}"
        )
    return bias


def units(bias: float) -> Units:
    """Return the units of a layer with normalised bias b, from about -8 to 1e150."""
    if bias > _ALL_ACTIVE:
        t, s, jacobian = _T, _T + bias, np.ones_like(_T)
    else:
        t, s, jacobian = _S - bias, _S, _S
    weights = _STEP * jacobian * np.exp(-(t**2) / 2) / sqrt(2 * pi)
    square = float(weights @ s**2)
    return Units(bias, t, s / sqrt(square), weights, square)


@dataclass(frozen=True, eq=False)
class Layer:
    """Units, the gate of a rule (unranked where the threshold is 0) and the share that is kept."""

    units: Units
    gate: Gate
    share: float

    def passed(self, x: float, threshold: float) -> FloatArray:
        """Return ``E[ξ^k; passed]`` at every t, shape (5, grid)."""
        if not self.gate.positive:
            return np.repeat(_FULL[:, np.newaxis], self.units.t.size, axis=1)
        return truncated_moments(self._edge(x, threshold))

    def integral(self, function: FloatArray, moments: FloatArray) -> float:
        """Return the mean of a function over active units, from the moments of ξ."""
        return float((function * moments[: len(function)]).sum(axis=0) @ self.units.weights)

    def edge(self, function: FloatArray, x: float, threshold: float, power: int) -> float:
        """Return ``∫ φ(t) φ(u) s^power f(t, u) dt`` along the edge ``u = T/s - x s``."""
        u = self._edge(x, threshold)
        density = np.exp(-(u**2) / 2) / sqrt(2 * pi)
        live = density > 0
        values = np.zeros(int(live.sum()))
        for coefficients in function[::-1, live]:
            values = values * u[live] + coefficients
        weights = self.units.weights * density
        return float((weights[live] * self.units.s[live] ** power) @ values)

    def means(self, x: float, threshold: float) -> FloatArray:
        """Return ``S = E[t c]`` and ``Q = E[c²]``."""
        moments = self.passed(x, threshold)
        found = np.array([self.integral(part, moments) for part in self.parts(x)])
        return found if self.gate.masked else found + self.units.inactive()[0]

    def parts(self, x: float) -> tuple[FloatArray, FloatArray]:
        """Return t h and h² as functions."""
        t, s = self.units.t, self.units.s
        return np.array([x * s * t, t]), np.array([(x * s) ** 2, 2 * x * s, np.ones_like(s)])

    def threshold(self, x: float) -> float:
        """Return the T above which s h of the share of units is; 0 where fewer are > 0."""
        from scipy.optimize import brentq

        def excess(logarithm: float) -> float:
            return self.share_above(x, exp(logarithm)) - self.share

        low, high = _LOG_THRESHOLDS
        if not self.gate.ranked or excess(low) <= 0:
            return 0.0
        return exp(brentq(excess, low, high, xtol=1e-15, rtol=1e-14))

    def share_above(self, x: float, threshold: float) -> float:
        """Return ``P(s > 0, s h > T)``."""
        from scipy.special import ndtr

        return float(self.units.weights @ ndtr(-self._edge(x, threshold)))

    def by_share(self, x: float, threshold: float) -> tuple[float, float]:
        """Return ∂S/∂p and ∂Q/∂p: what a unit at the edge adds."""
        one = np.ones((1, self.units.t.size))
        density = self.edge(one, x, threshold, -1)
        first = threshold * self.edge(one * self.units.t, x, threshold, -2) / density
        return first, threshold**2 * self.edge(one, x, threshold, -3) / density

    def _edge(self, x: float, threshold: float) -> FloatArray:
        return threshold / self.units.s - x * self.units.s


def biased_means(rule: str, x: float, bias: float, q: float = 0.0) -> tuple[float, float]:
    """Return ``S = E[t c]`` and ``Q = E[c²]`` of a layer with normalised bias b at ``x = τ/√n``.

    Parameters
    ----------
    rule : {"gradient", "deconvnet", "guided", "rectgrad"}
    q : float
        Percentile of RectGrad, floored at 0.

    Raises
    ------
    ValueError
        For an unknown rule, b not within -8 and 1e150, or a q of RectGrad not in [0, 100).
    """
    if rule not in GATES:
        raise ValueError(f"depth: rule must be one of {', '.join(GATES)}, got {rule!r}")
    if rule == "rectgrad" and not 0 <= q < 100:
        raise ValueError(f"depth: q must be a percentile in [0, 100), got {q}")
    layer = Layer(units(checked_bias("depth", bias)), GATES[rule], 1 - q / 100)
    overlap, square = map(float, layer.means(x, layer.threshold(x)))
    return overlap, square


@lru_cache(maxsize=4096)
def mean_square_activation(bias: float) -> float:
    """Return ``E (t + b)₊²``."""
    return units(bias).square


def product(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the product of two functions."""
    found = np.zeros((len(first) + len(second) - 1, first.shape[1]))
    for k, coefficients in enumerate(second):
        found[k : k + len(first)] += first * coefficients
    return found
