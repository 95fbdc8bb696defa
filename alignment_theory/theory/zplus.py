r"""The law of z⁺ on random bias-free ReLU networks, with corrections of relative size 1/√d and 1/d.

Rows ``w_i ~ N(0, I_d)``, inputs a >= 0, ``â = a/‖a‖``, ``t_i = w_i·â``, relevance ``t_i⁺ c'_i``
above. Below, ``R = a ∘ c``, ``c_j = Σ_i t_i⁺ c'_i W⁺_ij / (W⁺a)_i``, ``cos²(R, a) = 1/(1 + V)``,
``V = var_p(c)/mean_p(c)²`` with weights p = â². V has two parts of one order: *noise* of
independent rows, and *tilt*: given t the mean of ``W⁺_ij`` rises with ``t_i â_j`` (Hermite
coefficients μ, 1/2, μ, 0 of relu), so ``E c_j = β₀ + β₁ â_j + β₂ â_j²`` and, one layer down,
``c' = 1 + κ₁t + κ₂t² + ξ``, ``v = E ξ²``. All are polynomials in ``λ = ‖a‖/Σa``,
``A_k = Σ â^(k+2)``, κ₁ (of size 1/√d) and A₂, κ₂ (of size 1/d), cut off beyond 1/d; ``M = √(2π)``.

At narrow layers the series says nothing. The noise of a level is proportional to 1 + v, and v ≈ V
of the level above: an error of 1 + V there doubles or cancels all of what lies below, and cos²
itself is no larger than its remainder. A prediction is refused where, at a level from the top down
to the one asked for, what is left out reaches 1 + V (at the top: what is predicted), or where the
terms kept make a variance negative. Of widths from 32 up none is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import pi, prod, sqrt
from typing import Any

import sympy as sp

from alignment_theory.theory.theorem import Prediction
from alignment_theory.theory.zplus_shapes import (
    Factors,
    Floats,
    Moment,
    Shape,
    half_moment,
    power_product,
    row_moment,
    shape_of,
    shape_of_law,
    uniform_moment,
)

_RING, _T, _M, _LAM, _A1, _A2, _K1, _K2, _V = sp.ring("t M lambda A1 A2 kappa1 kappa2 v", sp.QQ)
_SIZES = (0, 0, 1, 1, 2, 1, 2, 0)
Inputs = str | Floats


@dataclass(frozen=True)
class _Above:
    """The law of ``c'`` at the rows of a layer: at the top a row of ``W⁺``, scaled to mean 1."""

    k1: float = 0.0
    k2: float = 0.0
    v: float = pi - 1
    row: bool = True

    def moment(self, k: int) -> float:
        """Return ``E c'^k`` with the tilt left out."""
        return row_moment(k) if self.row else 1 + k * (k - 1) / 2 * self.v


@dataclass(frozen=True)
class _Level:
    """V and its bound, ``c'`` for the level below; what multiplies 1 - cos of two classes."""

    total: float
    tail: float
    below: _Above
    gain: float
    gain_tail: float


INPUTS: dict[str, Moment] = {"uniform": uniform_moment, "relu": half_moment}


def _size(powers: tuple[int, ...]) -> int:
    return sum(k * size for k, size in zip(powers, _SIZES, strict=True))


def _cut(polynomial: Any) -> Any:
    return _RING.from_dict({k: factor for k, factor in polynomial.items() if _size(k) <= 2})


def _inverse(polynomial: Any) -> Any:
    """Return ``1 / (1 + b)``, b small."""
    return _cut(2 - polynomial + _cut((polynomial - 1) ** 2))


def _mean(polynomial: Any) -> Any:
    """Return ``M E[polynomial(t) 1(t > 0)]``: ``M E[t^k 1(t > 0)]`` is (k-1)!! M/2, or (k-1)!!."""
    total = _RING.zero
    for (k, *rest), factor in polynomial.items():
        value = prod(range(k - 1, 0, -2)) * (_RING.one if k % 2 else _M / 2)
        total += _RING.from_dict({(0, *rest): factor}) * value
    return _cut(total)


@cache
def expansions() -> dict[str, tuple[sp.Expr, ...]]:
    """Return the terms of size 1, 1/√d, 1/d of the pieces of V, as SymPy expressions.

    "noise" is n times that part, "gain" its derivative in v; with ``H = mean_p(c)``, "slope" and
    "bend" are ``β₁/H`` and ``β₂/H``, "kappa" ``β₁/β₀``, "scale" ``H/β₀``.
    """
    square, half_pi = _T**2 - 1, _M**2 / 4
    inverse = _inverse(1 + _M / 2 * _LAM * _T + _LAM * _A1 * square / 2)
    share = (half_pi - 1) * _LAM**2  # variance of D given t, relative to E D
    mean = 1 + _M / 2 * _A1 * _T + _A2 * square / 2
    second = 2 * half_pi * (1 + _A2 * square) + 2 * _M * _A1 * _T
    variance = second - mean**2 - _A2 * (2 * half_pi - 1) + half_pi * _A1**2
    kernel = _cut(_cut(inverse**2) * _cut(variance * (1 + 3 * share) - 4 * _LAM * _A1))
    carried = 1 + _K1 * _T + _K2 * _T**2
    y = _cut(_T * carried * inverse)
    pull = _LAM * inverse * (half_pi - 1 - _M / 2 * _A1 * _T)
    beta0 = _mean(y * (1 + share))
    beta1 = _mean(_cut(y * (_M / 2 * _T * (1 + share) - pull)))
    beta2 = _mean(_cut(y * (square / 2 - _M / 2 * _LAM * _T * inverse)))
    centre = _cut(beta0 + _A1 * beta1 + _A2 * beta2)
    per_centre, per_beta0 = _inverse(centre), _inverse(beta0)
    noise = _cut(_M * _mean(_T**2 * _cut((carried**2 + _V) * kernel)) * _cut(per_centre**2))
    names = ("noise", "gain", "slope", "bend", "kappa", "scale")
    shift = (beta1 * per_centre, beta2 * per_centre, beta1 * per_beta0, centre * per_beta0)
    pieces = zip(names, (noise, noise.diff(_V), *shift), strict=True)
    return {name: tuple(_terms(piece)) for name, piece in pieces}


def _terms(piece: Any) -> list[sp.Expr]:
    bits = [{k: x for k, x in piece.items() if _size(k) == size} for size in range(3)]
    constant = {_RING.symbols[1]: sp.sqrt(2 * sp.pi)}
    return [_RING.from_dict(bit).as_expr().subs(constant) for bit in bits]


@cache
def _compiled() -> Callable[..., tuple[tuple[float, ...], ...]]:
    return sp.lambdify(_RING.symbols[2:], tuple(expansions().values()), "math")


def spread_formula() -> sp.Eq:
    """Return V of n rows at leading order: noise and tilt."""
    pieces, (big_v, a1, a2, n) = expansions(), sp.symbols("V A_1 A_2 n", positive=True)
    return sp.Eq(big_v, sp.factor(pieces["noise"][0]) / n + pieces["slope"][0] ** 2 * (a2 - a1**2))


def _tail(sizes: Floats) -> float:
    """Bound what follows three terms by twice a geometric series, at most by the last term."""
    ratio = max(sizes[1] / sizes[0], sizes[2] / sizes[1])
    return sizes[2] * min(1.0, 2 * ratio / max(1 - ratio, 1e-9))


@lru_cache(maxsize=1024)
def _drifts(above: _Above) -> tuple[float, float, float, float, float]:
    """Return n times the effect of random row sums on the parts of V, and ``n Var(Σy²/(Σy)²)``."""
    laws, y2, y, ty = (half_moment, above.moment), (2, 2), (1, 1), (2, 1)
    noise, third, fourth = power_product([y2, y], [1, -2], laws)
    variance = noise + power_product([y2, y], [-1, 2], laws)[0]
    tilt = power_product([ty, y], [2, -2], laws)[0] - 6 * above.moment(2)  # no row with itself
    gain = power_product([(2, 0), (1, 0)], [1, -2], laws)[0] + pi - 2
    if above.row:
        shared = power_product([(2, 1, 1), (1, 1, 0), (1, 0, 1)], [1, -1, -1], (*laws, row_moment))
        gain = (pi * noise - shared[0]) / (pi - 1)
    return noise, third + fourth, tilt, gain, variance


def _level(shape: Shape, d: int, n: int, above: _Above, order: int, upper_tail: float) -> _Level:
    a1, a2, a3, a4 = shape.means
    spread, mixed = a2 - a1**2, a3 - a1 * a2
    values = (shape.lam, a1, a2, above.k1, above.k2, above.v)
    piece = dict(zip(expansions(), _compiled()(*values), strict=True))
    noise_drift, noise_drift_2, tilt_drift, gain_drift, variance = (x / n for x in _drifts(above))
    (z0, z1, z2), (r0, r1, r2), (s0, s1, _) = (piece[k] for k in ("noise", "slope", "bend"))
    noise = [[z0 / n], [z1 / n], [z2 / n, z0 * noise_drift / n]]
    tilt = [[r0**2 * spread], [2 * r0 * r1 * spread + 2 * r0 * s0 * mixed]]
    later = [r0**2 * (shape.excess + spread * tilt_drift), (r1**2 + 2 * r0 * r2) * spread]
    tilt.append([*later, 2 * (r0 * s1 + r1 * s0) * mixed, s0**2 * (a4 - a2**2)])
    sizes = [sum(map(abs, (*a, *b))) for a, b in zip(noise, tilt, strict=True)]
    noisy = sum(map(sum, noise[: order + 1]))
    total = noisy + sum(map(sum, tilt[: order + 1]))
    curvature = total**2 * (variance + 2 * a2)
    total -= curvature / (1 + total) if order == 2 and total > 0 else 0.0  # E 1/(1 + V)
    sizes[2] += curvature + abs(z0 * noise_drift_2 / n**2)
    rise, bump = 4 * half_moment(1) * above.k1, 3 * above.k2  # mean_p(c') = 1 + rise + bump
    g0, g1, g2 = (g / n for g in piece["gain"])
    gains = [[g0], [g1 + 2 * g0 * rise], [g2 + 2 * g1 * rise + g0 * (rise**2 + 2 * bump)]]
    gains[2] += [g0 * gain_drift, spread * pi**2 * (pi / 4 - 0.5) / n]
    scale, kappa = (sum(piece[name][: order + 1]) for name in ("scale", "kappa"))
    below = _Above(kappa * sqrt(2 / d), s0 * 2 / d, noisy * scale**2, row=False)
    gain, gain_tail = sum(map(sum, gains[: order + 1])), _tail([sum(map(abs, g)) for g in gains])
    gain_tail = gain_tail / g0 + curvature / total
    return _Level(total, _tail(sizes) + g0 * upper_tail, below, gain, gain_tail)


def _refusal(level: int, told: str) -> ValueError:
    return ValueError(
        f"zplus-uniformity: too narrow at level {level} for an expansion in 1/√width: {told}; "
        f"make the layers from level {level} up wider (32 units are enough, or as many entries of "
        "like size in a given input)"
    )


def _refuse(level: int, widths: Sequence[int], orders: Sequence[_Level]) -> None:
    """Raise where the expansion of V has lost its meaning (see the module)."""
    first, half, one = orders
    kept = min(one.total, one.below.v, one.gain, 1 + half.total) > 0
    if kept and one.tail < 1 + one.total:
        return
    relative = [(b.total - a.total) / first.total for a, b in ((first, half), (half, one))]
    raise _refusal(
        level,
        f"with {widths[level]} units and {widths[level + 1]} above them, corrections of "
        f"{relative[0]:+.2g} and {relative[1]:+.2g} times its leading term make V {one.total:.2g}, "
        f"and up to {one.tail:.2g} is left out (V > 0 and less than 1 + V left out are needed)",
    )


def _descend(widths: Sequence[int], shapes: Sequence[Shape], level: int) -> list[list[_Level]]:
    """Return the levels from the given one to L-2, at the three orders; refuse narrow ones."""
    above, tails, found = [_Above()] * 3, [0.0] * 3, list[list[_Level]]()
    for k in range(len(widths) - 3, level - 1, -1):
        told = zip(above, range(3), tails, strict=True)
        found.insert(0, [_level(shapes[k], widths[k], widths[k + 1], *one) for one in told])
        _refuse(k, widths, found[0])
        above, tails = [one.below for one in found[0]], [one.tail for one in found[0]]
    return found


def _shapes(widths: Sequence[int], level: int, inputs: Inputs) -> list[Shape]:
    if len(widths) < 2 or min(widths) < 1 or not 0 <= level < len(widths) - 1:
        found = f"got widths {tuple(widths)} and level {level}"
        raise ValueError(f"z+: give widths d_0, ..., d_L >= 1 and a level from 0 to L-1, {found}")
    hidden = [shape_of_law(half_moment, d) for d in widths[1:-1]]
    if isinstance(inputs, str) and inputs in INPUTS:
        return [shape_of_law(INPUTS[inputs], widths[0]), *hidden]
    if isinstance(inputs, str) or len(inputs) != widths[0]:
        laws = " or ".join(INPUTS)
        raise ValueError(f"z+: inputs must be {laws}, or {widths[0]} numbers, got {inputs!r}")
    return [shape_of(inputs), *hidden]


def _top(shape: Shape, factors: Factors, powers: Floats) -> tuple[float, float]:
    """Return c, and a bound: a power product of p-means of rows has mean ``(1 + c)/π``."""
    p, q, r = power_product(factors, powers, [row_moment] * len(factors[0]))
    second = abs(q * shape.means[3] + r * shape.means[1] ** 2) + abs(p * shape.excess)
    return p * shape.means[1], second / pi


def _prediction(sums: tuple[Floats, float], widths: Sequence[int]) -> Prediction:
    (first, half, value), tail = sums
    terms = {"limit": first, "1/n term": value - first, "1/√d part of it": half - first}
    dead = sum(0.5**n for n in widths[1:-1]) + 0.75 ** widths[-2]  # such draws are undefined
    return Prediction(value, tail + min(1.0, dead), terms)


def _top_prediction(limit: float, value: float, tail: float, widths: Sequence[int]) -> Prediction:
    if tail >= value:
        raise _refusal(
            len(widths) - 2,
            f"with {widths[-2]} units the limit {limit:.2g} and a correction of "
            f"{value / limit - 1:+.2g} times it make {value:.2g}, and up to {tail:.2g} is left out",
        )
    return _prediction(([limit, limit, value], tail), widths)


def predict_zplus(widths: Sequence[int], level: int = 0, inputs: Inputs = "uniform") -> Prediction:
    """Return ``E cos²(R_level, a_level)`` of z⁺ for a fixed output of a random network.

    Level 0 is the input: i.i.d. by a law of `INPUTS`, or a vector.

    Raises
    ------
    ValueError
        For other levels or inputs, and where a layer from that level up is too narrow for the
        expansion to say anything; from width 32 up none is.
    """
    shapes = _shapes(widths, level, inputs)
    if level == len(shapes) - 1:
        correction, tail = _top(shapes[-1], [(1,), (2,)], [2, -1])
        return _top_prediction(1 / pi, (1 + correction) / pi, tail, widths)
    found = _descend(widths, shapes, level)[0]
    values = [1 / (1 + one.total) for one in found]
    return _prediction((values, found[2].tail * values[2] ** 2), widths)


def predict_zplus_classes(
    widths: Sequence[int], level: int = 0, inputs: Inputs = "uniform"
) -> Prediction:
    """Return ``E[1 - cos]`` of the z⁺ relevances of two outputs, seeded alike, at a level.

    Raises
    ------
    ValueError
        As `predict_zplus`.
    """
    shapes = _shapes(widths, level, inputs)
    if level == len(shapes) - 1:
        correction, tail = _top(shapes[-1], [(1, 1), (2, 0), (0, 2)], [1, -0.5, -0.5])
        return _top_prediction(1 - 1 / pi, 1 - (1 + correction) / pi, tail, widths)
    found = list(zip(*_descend(widths, shapes, level), strict=True))
    values = [(pi - 1) * prod(one.gain for one in levels) for levels in found]
    values[2] /= 1 + found[2][0].total
    return _prediction((values, values[2] * sum(one.gain_tail for one in found[2])), widths)
