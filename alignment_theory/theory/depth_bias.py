r"""The depth recursion of networks with one constant bias at every unit, to leading order.

With ``b_l = b/(σ ‖a_{l-1}‖)`` the units of layer l are active where t > -b_l, with activations
``a ∝ s = t + b_l``; the relevance is ``h = ξ + β s₊``, ``β = x/√E s₊²``. Norms follow from
``‖a_l‖² = n σ² ‖a_{l-1}‖² E s₊²``, so that b_l falls as activations grow.
"""

from collections.abc import Sequence
from math import exp, pi, sqrt

import numpy as np

from alignment_theory.theory.depth_quadrature import GATES, truncated_moments
from alignment_theory.theory.fluctuations import FloatArray

_STEP = 0.1
_S = np.exp(np.arange(-38.0, 3.2, _STEP))
LARGEST_BIAS = 8.0
"""Largest |b_l| for which the quadrature is exact."""


def mean_square_activation(bias: float) -> float:
    """Return ``E (t + b)₊²``."""
    return float(_weights(bias) @ _S**2)


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
        For an unknown rule, ``|b| > 8``, or a q of RectGrad not in [0, 100).
    """
    if rule not in GATES:
        raise ValueError(f"depth: rule must be one of {', '.join(GATES)}, got {rule!r}")
    if not abs(bias) <= LARGEST_BIAS:
        raise ValueError(f"depth: b/(σ‖a‖) must be within ±{LARGEST_BIAS:g}, got {bias}")
    gate, weights = GATES[rule], _weights(bias)
    beta = x / sqrt(mean_square_activation(bias))
    lowest = _threshold(beta, weights, q) / _S - beta * _S if gate.ranked else -beta * _S
    m = truncated_moments(lowest)[:3]
    if not gate.positive:
        m = np.array([[1.0], [0.0], [1.0]]) * np.ones_like(_S)
    overlap = float((weights * (_S - bias)) @ (m[1] + beta * _S * m[0]))
    square = float(weights @ (m[2] + 2 * beta * _S * m[1] + (beta * _S) ** 2 * m[0]))
    if not gate.masked:
        inactive = float(truncated_moments(np.array(bias))[0])
        overlap -= exp(-(bias**2) / 2) / (2 * pi)
        square += inactive / 2
    return overlap, square


def biased_profile(
    rule: str,
    widths: Sequence[int],
    bias: float,
    q: float = 0.0,
    sigma: float = 1.0,
    norm: float = 1.0,
) -> list[float]:
    """Return ρ² = cos²(g_l, a_l) at levels 0, ..., L-1, input first, to leading order in 1/width.

    Parameters
    ----------
    widths : sequence of int
        d_0, ..., d_L, input first; the explained output row is fixed beforehand.
    bias, sigma, norm : float
        b of every unit, standard deviation of a weight, ‖x‖.

    Raises
    ------
    ValueError
        As :func:`biased_means`, and for σ or ‖x‖ not positive.
    """
    if not (sigma > 0 and norm > 0):
        raise ValueError(f"depth: sigma and norm must be positive, got {sigma} and {norm}")
    biases = []
    for units in widths[1:-1]:
        biases.append(bias / (sigma * norm))
        norm *= sigma * sqrt(units * mean_square_activation(biases[-1]))
    profile, x = [1 / widths[-2]], 0.0
    layers = zip(widths[-3::-1], widths[-2:0:-1], reversed(biases), strict=True)
    for inputs, units, normalised in layers:
        overlap, square = biased_means(rule, x, normalised, q)
        x = sqrt(units / (inputs - 1)) * overlap / sqrt(square)
        profile.insert(0, x**2 / (1 + x**2))
    return profile


def _weights(bias: float) -> FloatArray:
    """Return the weights of ``∫_0^∞ φ(s - b) f(s) ds`` on the grid."""
    return np.asarray(_STEP * _S * np.exp(-((_S - bias) ** 2) / 2) / np.sqrt(2 * np.pi))


def _threshold(beta: float, weights: FloatArray, q: float) -> float:
    """Return the q-th percentile of ``s h``, or 0 where it is not positive."""
    from scipy.optimize import brentq

    if not 0 <= q < 100:
        raise ValueError(f"depth: q must be a percentile in [0, 100), got {q}")

    def excess(logarithm: float) -> float:
        kept = truncated_moments(exp(logarithm) / _S - beta * _S)[0]
        return float(weights @ kept) - (1 - q / 100)

    low, high = -30.0, 10.0
    return exp(brentq(excess, low, high, xtol=1e-13)) if excess(low) > 0 else 0.0
