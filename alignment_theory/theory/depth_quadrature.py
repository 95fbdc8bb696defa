r"""Integrals over the units of a random layer whose relevance passes, by quadrature.

A unit has a normalised pre-activation t and relevance ``h = ξ + β t₊``, t and ξ independent
N(0, 1). On the active half, t > 0, a rule passes h where ``ξ > u = T/t - β t`` (RectGrad; T = 0 is
Guided Backprop) or everywhere (gradient). Integrals over ξ are truncated normal moments; those over
t are sums over a grid even in log t, which converge geometrically since the integrands are
analytic in log t. Everything is exact to some 1e-13.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import atan, exp, pi

import numpy as np

from alignment_theory.theory.fluctuations import FloatArray

_STEP = 0.1
_T = np.exp(np.arange(-38.0, 2.65, _STEP))
_WEIGHT = _STEP * _T * np.exp(-(_T**2) / 2) / np.sqrt(2 * np.pi)
_ORDERS = 5
_FULL = np.array([1.0, 0.0, 1.0, 0.0, 3.0])
_LOG_THRESHOLDS = (-30.0, 8.0)


@dataclass(frozen=True)
class Gate:
    """The region of units whose relevance passes: by activity, by sign, by rank of ``t h``."""

    masked: bool
    positive: bool
    ranked: bool = False


GATES = {
    "gradient": Gate(masked=True, positive=False),
    "deconvnet": Gate(masked=False, positive=True),
    "guided": Gate(masked=True, positive=True),
    "rectgrad": Gate(masked=True, positive=True, ranked=True),
}


def truncated_moments(u: FloatArray) -> FloatArray:
    """Return ``E[ξ^k 1(ξ > u)]`` of standard normal ξ for k = 0, ..., 4, shape (5, *u.shape)."""
    from scipy.special import ndtr

    density = _density(u)
    found = [ndtr(-u), density]
    for k in range(2, _ORDERS):
        found.append(u ** (k - 1) * density + (k - 1) * found[k - 2])
    return np.array(found)


def area_moments(beta: float, threshold: float, gate: Gate) -> FloatArray:
    """Return ``E[t^a ξ^b; t > 0, passed]`` at [a, b], shape (5, 5)."""
    if gate.positive:
        inner = truncated_moments(threshold / _T - beta * _T)
    else:
        inner = np.repeat(_FULL[:, np.newaxis], _T.size, axis=1)
    powers = _T ** np.arange(_ORDERS)[:, np.newaxis]
    return np.asarray((powers * _WEIGHT) @ inner.T)


def inactive_moments() -> FloatArray:
    """Return ``E[ψ ψ']`` for ψ = (t ξ, ξ²) on t < 0 < ξ, where nothing masks such units: (2, 2)."""
    m = truncated_moments(np.array(0.0))
    return np.array([[m[2] * m[2], -m[1] * m[3]], [-m[1] * m[3], m[0] * m[4]]])


def edge(function: FloatArray, beta: float, threshold: float, power: int) -> float:
    """Return ``∫ φ(t) φ(u) t^power f(t, u) dt`` along the edge ``u = T/t - β t`` of the region.

    `function` holds the coefficient of ``t^a ξ^b`` in f at [a, b].
    """
    u = threshold / _T - beta * _T
    density = _density(u)
    live = density > 0
    values = np.polynomial.polynomial.polyval2d(_T[live], u[live], function)
    return float((_WEIGHT * density * _T**power)[live] @ values)


def polynomial(**terms: float) -> FloatArray:
    """Return the coefficients [a, b] of ``t^a ξ^b`` from names such as ``t2x1=-2.0``."""
    found = np.zeros((_ORDERS, _ORDERS))
    for name, value in terms.items():
        found[int(name[1]), int(name[3])] = value
    return found


def product(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the product of two polynomials in (t, ξ) whose degrees add up to at most 4 in each."""
    found = np.zeros((_ORDERS, _ORDERS))
    for a, b in zip(*np.nonzero(first), strict=True):
        found[a:, b:] += first[a, b] * second[: _ORDERS - a, : _ORDERS - b]
    return found


def positive_share(beta: float) -> float:
    """Return ``P(t > 0, h > 0) = 1/4 + arctan(β)/(2π)``."""
    return 0.25 + atan(beta) / (2 * pi)


def share_above(beta: float, threshold: float) -> float:
    """Return ``P(t > 0, t h > T)``."""
    return float(area_moments(beta, threshold, GATES["rectgrad"])[0, 0])


@lru_cache(maxsize=4096)
def threshold_for(beta: float, share: float) -> float:
    """Return the T above which ``t h`` of a given share of the units is; 0 where fewer are > 0.

    ValueError for a share that is not positive.
    """
    from scipy.optimize import brentq

    if share <= 0:
        raise ValueError(f"the kept share of units must be > 0, got {share}; choose a smaller q")
    low, high = _LOG_THRESHOLDS
    if share_above(beta, exp(low)) <= share:
        return 0.0
    root = brentq(lambda s: share_above(beta, exp(s)) - share, low, high, xtol=1e-15, rtol=1e-14)
    return exp(root)


def layer_means(beta: float, threshold: float, gate: Gate) -> tuple[float, float]:
    """Return ``S = E[t c]`` and ``Q = E[c²]``."""
    m = area_moments(beta, threshold, gate)
    overlap = m[1, 1] + beta * m[2, 0]
    square = m[0, 2] + 2 * beta * m[1, 1] + beta**2 * m[2, 0]
    if not gate.masked:
        overlap, square = overlap - 1 / (2 * pi), square + 1 / 4
    return float(overlap), float(square)


def share_derivatives(beta: float, threshold: float) -> tuple[float, float]:
    """Return ``∂S/∂p = T`` and ``∂Q/∂p = E[h² | t h = T]``: what a unit at the edge adds."""
    one = polynomial(t0x0=1.0)
    square = threshold**2 * edge(one, beta, threshold, -3) / edge(one, beta, threshold, -1)
    return threshold, square


def _density(u: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi))
