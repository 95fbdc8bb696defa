r"""The alignment curve of one random layer, with its finite-size correction.

For n i.i.d. neurons the squared cosine is ``cos² = n S̄² / (n S̄² + (d - 1) Q̄ Y)`` in distribution,
with ``S̄ = mean(t c)``, ``Q̄ = mean(c²)`` and ``(d - 1) Y ~ χ²(d - 1)`` independent (theorem
`exact-law`). Expanding in ``S̄ = S(1 + α)``, ``Q̄ = Q(1 + β)``, ``Y = 1 + η`` to fourth order and
taking expectations gives the limit, the 1/n term and the 1/n² term: the prediction is the sum of
the first two, and twice the third is the stated remainder.
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.theory.moments import (
    LAWS,
    MAXIMUM_MOMENTS,
    CoefficientLaw,
    maximum_moments,
    s,
)
from alignment_theory.theory.theorem import Prediction

n, d, kappa = sp.symbols("n d kappa", positive=True)


def limit_formula() -> sp.Eq:
    """Return ``cos² → 1 / (1 + κ (d - 1) / n)`` as an equation."""
    return sp.Eq(sp.Function("cos²")(n, d), limit())


def limit() -> sp.Expr:
    """Return the limit of the mean squared cosine."""
    return 1 / (1 + kappa * (d - 1) / n)


@cache
def _taylor(order: int) -> dict[tuple[int, int, int], sp.Expr]:
    """Return the Taylor coefficients of cos² in (α, β, η), as functions of κ, n and d."""
    alpha, beta, eta, ratio = sp.symbols("alpha beta eta u")
    squared = 1 / (1 + ratio * (1 + beta) * (1 + eta) / (1 + alpha) ** 2)
    coefficients = {}
    for i, j, k in product(range(order + 1), repeat=3):
        if 0 < i + j + k <= order:
            term = squared
            for variable, times in ((alpha, i), (beta, j), (eta, k)):
                term = sp.diff(term, variable, times) if times else term
            at_zero = term.subs({alpha: 0, beta: 0, eta: 0})
            scale = sp.factorial(i) * sp.factorial(j) * sp.factorial(k)
            coefficients[i, j, k] = sp.factor(at_zero / scale).subs(ratio, kappa * (d - 1) / n)
    return coefficients


def _centred(law: CoefficientLaw, i: int, j: int) -> sp.Expr:
    """Return ``E[(tc/S - 1)^i (c²/Q - 1)^j]`` for one neuron."""
    mean_s, mean_q = law.moment(1, 1), law.moment(0, 2)
    total = sp.Integer(0)
    for p, q in product(range(i + 1), range(j + 1)):
        power = p + 2 * q
        raw = law.moment(p, power) if power else sp.Integer(1)
        sign = (-1) ** (i - p + j - q)
        total += sign * sp.binomial(i, p) * sp.binomial(j, q) * raw / mean_s**p / mean_q**q
    return total


def _mean_moment(law: CoefficientLaw, i: int, j: int) -> tuple[sp.Expr, sp.Expr]:
    """Return the 1/n and the 1/n² coefficient of ``E[α^i β^j]`` for means of n neurons."""
    zero = sp.Integer(0)
    match i + j:
        case 0 | 1:
            return zero, zero
        case 2:
            return _centred(law, i, j), zero
        case 3:
            return zero, _centred(law, i, j)
    labels = ["s"] * i + ["q"] * j
    total = zero
    for other in range(1, 4):
        pair, rest = (labels[0], labels[other]), [labels[k] for k in range(1, 4) if k != other]
        total += _covariance(law, *pair) * _covariance(law, *rest)
    return zero, total


def _covariance(law: CoefficientLaw, first: str, second: str) -> sp.Expr:
    powers = [first, second]
    return _centred(law, powers.count("s"), powers.count("q"))


def _eta_moment(order: int) -> tuple[sp.Expr, sp.Expr]:
    """Return the 1/(d-1) and 1/(d-1)² coefficients of the moments of ``χ²(d-1)/(d-1) - 1``."""
    return {
        0: (sp.Integer(0), sp.Integer(0)),
        1: (sp.Integer(0), sp.Integer(0)),
        2: (sp.Integer(2), sp.Integer(0)),
        3: (sp.Integer(0), sp.Integer(8)),
        4: (sp.Integer(0), sp.Integer(12)),
    }[order]


@cache
def corrections(name: str) -> tuple[sp.Expr, sp.Expr]:
    """Return the first- and the second-order correction to the limit for a coefficient law."""
    law = LAWS[name]
    first = second = sp.Integer(0)
    for (i, j, k), coefficient in _taylor(4).items():
        mean_1, mean_2 = _mean_moment(law, i, j)
        eta_1, eta_2 = _eta_moment(k)
        if k == 0:
            first += coefficient * mean_1 / n
            second += coefficient * mean_2 / n**2
        elif i + j == 0:
            first += coefficient * eta_1 / (d - 1)
            second += coefficient * eta_2 / (d - 1) ** 2
        else:
            second += coefficient * mean_1 * eta_1 / (n * (d - 1))
    return first, second


@cache
def _compiled(name: str) -> tuple[Callable[..., Any], ...]:
    law = LAWS[name]
    arguments = (n, d, s, *MAXIMUM_MOMENTS)
    return tuple(
        sp.lambdify(arguments, expression.subs(kappa, law.kappa), "scipy")
        for expression in (limit(), *corrections(name), (1 - law.live) ** n)
    )


def predict_curve(
    coefficients: str, n: float | Array, d: float | Array, s: float | Array = 0.0, p: int = 2
) -> Prediction:
    """Return E cos² of one layer with n neurons and d inputs, to first order beyond the limit.

    The remainder is twice the 1/n² term, and the probability that all coefficients are 0 (cos² is
    undefined then, and whether such draws are left out or counted as 0 changes the mean by less),
    at most 1. Where the first order leaves [0, 1], the value is the nearer end.
    For pooled laws n counts the pools and p the neurons of each.
    """
    if np.any(s) and coefficients != "top":
        raise ValueError(f'alignment-curve: s is the threshold of "top"; {coefficients} has none')
    moments = maximum_moments(p) if LAWS[coefficients].pooled else (0.0,) * len(MAXIMUM_MOMENTS)
    with np.errstate(all="ignore"):
        value, first, second, dead = (term(n, d, s, *moments) for term in _compiled(coefficients))
    parts = {"limit": value, "1/n term": first, "1/n² term": second, "P(all c = 0)": dead}
    remainder = np.minimum(2 * np.abs(second) + dead, 1.0)
    return Prediction(np.clip(value + first, 0.0, 1.0), remainder, parts)


def kappa_of(coefficients: str, s: float = 0.0, p: int = 2) -> float:
    """Return κ of a coefficient law (threshold s only for "top", pool size p where pooled)."""
    law = LAWS[coefficients]
    moments = dict(zip(MAXIMUM_MOMENTS, maximum_moments(p), strict=True)) if law.pooled else {}
    return float(law.kappa.subs({LAWS["top"].threshold: s, **moments}))
