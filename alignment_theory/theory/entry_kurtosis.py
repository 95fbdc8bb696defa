r"""One layer of i.i.d. symmetric entries that need not be Gaussian, c = 1 on active neurons.

For ‖x‖ = 1 and z = w·x let ``m = E[w 1(z > 0)] = ½ ∇_x E|w·x|`` and ``S = m·x``. To leading order

    cos² → 1 / (1 + μ + κ (d - 1)/n),    κ = 1/(2 S²),    μ = ‖m‖²/S² - 1:

the law of the entries enters through m alone. Edgeworth's series in ``ι = Σ x⁴`` gives
``m_j = x_j/√(2π) [1 + γ_2 (ι/8 - x_j²/6)]``, so ``κ = π (1 + γ_2 ι/12) + O(ι^{3/2})`` and
``μ = γ_2² (Σ x⁶ - ι²)/36``: of second order. For x on few coordinates m is exact.
Entries ±1 give z atoms. Where x is close to a lattice of span h (each x_j an odd multiple of h/2,
so that ``h² ≤ 4 min x_j² ≤ 4 ι``) E|z| is off by up to ``h² φ(0)/6``, and the atoms at z = 0, of
weight ``h φ(0)``, turn m out of the direction of x by up to ``h φ(0)²``: both are in the remainder.
"""

from fractions import Fraction
from itertools import product
from math import factorial, prod, sqrt

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory.curves import predict_curve
from alignment_theory.theory.expansions import Independent, MeansOf, OneNumber, Series, Weighted
from alignment_theory.theory.theorem import Prediction

KURTOSIS = {"gaussian": 0.0, "uniform": -6 / 5, "rademacher": -2.0}
"""Excess kurtosis γ_2 of the entries."""

SIXTH = {"gaussian": 0.0, "uniform": 48 / 7, "rademacher": 16.0}
"""Sixth cumulant of entries of variance 1."""

MOST_COORDINATES = 4
_GRID, _MOST_NODES = 8000, 400


def edgeworth_slack(entries: str, iota: float, iota_6: float) -> float:
    """Return the size of the second-order terms of S, relative: Edgeworth's κ_6 and γ_2² terms."""
    first = abs(SIXTH[entries]) * min(iota_6, iota**1.5) / 240
    return first + 15 * (KURTOSIS[entries] * iota) ** 2 / 1152


def atom_slack(entries: str, iota: float) -> tuple[float, float]:
    """Return what atoms of z can change S by, relatively, and what they can add to μ."""
    return (iota / 3, 2 * iota / np.pi) if entries == "rademacher" else (0.0, 0.0)


def predict_half_mean(entries: str, iota: float, iota_6: float) -> Prediction:
    """Return ``S = E[z 1(z > 0)] = (1 - γ_2 ι/24)/√(2π)`` for ‖x‖ = 1 and entries of variance 1."""
    scale = 1 / sqrt(2 * np.pi)
    first = -scale * KURTOSIS[entries] * iota / 24
    terms = {"limit": scale, "kurtosis term": first}
    slack = 2 * edgeworth_slack(entries, iota, iota_6) + atom_slack(entries, iota)[0]
    return Prediction(scale + first, scale * slack, terms)


def predict_spread_out(entries: str, n: int, d: int, iota: float, iota_6: float) -> Prediction:
    """Return E cos² for x with ``Σ x⁴ = iota`` spread over many coordinates.

    The Gaussian prediction with ``κ = π (1 + γ_2 ι/12)``. Remainder: twice the Gaussian 1/n² term,
    the second order in ι with ``Σ x⁶ <= ι^{3/2}``, the atoms of z, and the terms of order γ_2/(n d)
    (the kurtosis in the fluctuations of ‖R‖² and in their covariance with z·c).
    """
    gaussian = predict_curve("active", n, d)
    gamma_2 = KURTOSIS[entries]
    limit, first = _leading(np.pi, n, d)
    changed = sum(_leading(np.pi * (1 + gamma_2 * iota / 12), n, d))
    ratio = np.pi * (d - 1) / n
    slope = 1 / (1 + ratio) ** 2
    relative = 2 * edgeworth_slack(entries, iota, iota_6) + 3 * (gamma_2 * iota / 24) ** 2
    second = slope * (ratio * relative + gamma_2**2 * min(iota_6, iota**1.5) / 36)
    small = abs(gamma_2) / n * slope * ratio * (2 * ratio / d + 4 / (d - 1))
    by_overlap, aside = atom_slack(entries, iota)
    atoms = slope * (2 * ratio * by_overlap + aside)
    terms = {
        "limit": limit,
        "1/n term": first,
        "kurtosis term": changed - limit - first,
        "left out, order ι²": second,
        "left out, order 1/(n d)": small,
        "left out, atoms": atoms,
    }
    return Prediction(changed, float(gaussian.remainder) + 2 * second + small + atoms, terms)


def _leading(kappa: float, n: int, d: int) -> tuple[float, float]:
    """Return limit and 1/n term: α has variance (κ - 1)/n, β 1/n, covariance 1/n, ε 2/(d - 1)."""
    ratio = kappa * (d - 1) / n
    whole = 1 + ratio
    bent_along = ratio / whole**2 - 4 * ratio / whole**3
    bent_both = 2 * (2 / whole**3 - 1 / whole**2)
    across = ratio**2 * (1 / n + 2 / (d - 1))
    first = bent_along * (kappa - 1) / n + bent_both * ratio / n + across / whole**3
    return 1 / whole, first


def mean_of_active(entries: str, x: Array) -> Array:
    """Return ``m = E[w 1(w·x > 0)]`` exactly for entries of variance 1, x on few coordinates.

    Gaussian: ``x/(√(2π) ‖x‖)``. Rademacher: by enumeration. Uniform, w_j = √3 u_j: ``√3/2`` times
    the gradient in x of ``E|x·u| = (2^k Π x)^{-1} Σ_s (Π s) (s·x)^k |s·x|/(k + 1)!`` over signs s;
    in fractions, since the sum cancels to the order of Π x.
    """
    if entries == "gaussian":
        return np.asarray(x / (sqrt(2 * np.pi) * np.linalg.norm(x)))
    signs = np.array(list(product((-1.0, 1.0), repeat=len(x))))
    if entries == "rademacher":
        return np.asarray(((signs @ x > 0)[:, np.newaxis] * signs).mean(axis=0))
    exact, k = [Fraction(float(value)) for value in x], len(x)
    absolute, slopes = Fraction(0), [Fraction(0)] * k
    for choice in product((-1, 1), repeat=k):
        total = sum((s * value for s, value in zip(choice, exact, strict=True)), Fraction(0))
        power = prod(choice) * total ** (k - 1) * abs(total)
        absolute += power * total
        slopes = [slope + s * power for slope, s in zip(slopes, choice, strict=True)]
    scale = 2**k * prod(exact) * factorial(k)
    means = [
        (slope - absolute / ((k + 1) * value)) / scale
        for slope, value in zip(slopes, exact, strict=True)
    ]
    return sqrt(3) / 2 * np.array([float(mean) for mean in means])


def predict_concentrated(entries: str, n: int, d: int, x: Array) -> Prediction:
    """Return E cos² for x on at most 4 coordinates, the other d - len(x) being 0.

    With s̄ the mean of w c over the neurons, on these coordinates, and β̄ the mean of c,
    ``cos² = (s̄·x)² / (‖s̄‖² + (d - k) β̄ (1 + ε)/n)`` for ‖x‖ = 1. Value: limit and 1/n term;
    remainder: the size of the 1/n² term (uniform entries: its third moments from a grid), the
    kurtosis of the sums on the other coordinates, and P(all c = 0).
    """
    x = x / np.abs(x).max()
    x = x / np.linalg.norm(x)
    if entries == "gaussian":
        curve = predict_curve("active", n, d)
        return Prediction(curve.value, curve.remainder, {**curve.terms, "non-Gaussian term": 0.0})
    points, weights = _points(entries, x)
    mean = np.append(mean_of_active(entries, x), weights @ points[:, -1])
    own = MeansOf(n, Weighted(points, weights, mean))
    rest = OneNumber(2 / (d - len(x)), 8 / (d - len(x)) ** 2)
    moments = Independent(((len(mean), own), (1, rest)))
    limit, first, second, size = _series(x, mean, n, d).mean(moments)
    universal = 1 / (1 + np.pi * (d - 1) / n)
    dead = (1 - float(mean[-1])) ** n
    small = abs(KURTOSIS[entries]) * 2 / (n * (d - len(x)))
    terms = {
        "limit": universal,
        "1/n term": first,
        "non-Gaussian term": limit - universal,
        "1/n² term": second,
    }
    return Prediction(limit + first, size + dead + small, terms)


def _points(entries: str, x: Array) -> tuple[Array, Array]:
    """Return points (w c, c) and their weights: all of them, or the nodes of a Gauss grid.

    The grid is symmetric without 0, so that c has mean ½ and ``E[w wᵀ c] = ½ I`` exactly.
    """
    line, share = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    if entries != "rademacher":
        size = 2 * round(min(_GRID ** (1 / len(x)), _MOST_NODES) / 2)
        nodes, share = np.polynomial.legendre.leggauss(size)
        line, share = sqrt(3) * nodes, share / 2
    w = np.stack(np.meshgrid(*[line] * len(x)), axis=-1).reshape(-1, len(x))
    weights = np.stack(np.meshgrid(*[share] * len(x)), axis=-1).reshape(-1, len(x)).prod(axis=1)
    c = (w @ x > 0).astype(float)[:, np.newaxis]
    return np.hstack([w * c, c]), weights


def _series(x: Array, mean: Array, n: int, d: int) -> Series:
    """Return the series of cos² in the deviations of s̄, β̄ and ε."""
    size = len(mean) + 1
    own = [Series.linear(float(m), np.eye(size)[k].tolist()) for k, m in enumerate(mean)]
    one_more = Series.linear(1.0, np.eye(size)[-1].tolist())
    along = Series.linear(0.0, [0.0] * size)
    bottom = own[-1] * one_more * ((d - len(x)) / n)
    for weight, part in zip(x, own, strict=False):
        along, bottom = along + part * float(weight), bottom + part * part
    return along * along * bottom.power(-1)


def input_moments(x: Array) -> tuple[float, float]:
    """Return ``ι = Σ x⁴/‖x‖⁴`` and ``Σ x⁶/‖x‖⁶``: of order 1/d and 1/d² for delocalised x."""
    square = x @ x
    return float((x**4).sum() / square**2), float((x**6).sum() / square**3)
