r"""Exact moments of coefficients given the pre-activation, in SymPy.

A neuron's normalised pre-activation is ``t ~ N(0, 1)``; its coefficient is ``c = h^e t^k 1[t > s]``
with h independent of t. All moments ``E[t^i c^k]`` follow from those of the truncated normal,
``m_i(s) = ∫_s^∞ t^i φ(t) dt``, by ``m_0 = Φ̄(s)``, ``m_1 = φ(s)`` and, integrating by parts,
``m_i = s^{i-1} φ(s) + (i - 1) m_{i-2}``. Behind max-pooling t is the greatest of p standard
normals, with moments ``∫ p t^i φ(t) Φ(t)^{p-1} dt`` that are evaluated by quadrature. No integral
is left to a computer algebra system.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

s = sp.Symbol("s", real=True)
"""The threshold on the normalised pre-activation."""

p = sp.Symbol("p", positive=True, integer=True)
"""How many neurons a pool chooses from."""

MAXIMUM_MOMENTS = sp.symbols("mu_1:5", real=True)
"""E[t^i], i = 1 to 4, of the greatest of p standard normals."""


def density(t: sp.Expr) -> sp.Expr:
    """Return the standard normal density φ."""
    return sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)


def tail(t: sp.Expr) -> sp.Expr:
    """Return the standard normal tail Φ̄(t) = P(T > t)."""
    return sp.erfc(t / sp.sqrt(2)) / 2


@cache
def truncated_moment(order: int, threshold: sp.Expr) -> sp.Expr:
    """Return ``E[t^order 1(t > threshold)]`` for standard normal t."""
    if order == 0:
        return tail(threshold)
    if order == 1:
        return density(threshold)
    boundary = threshold ** (order - 1) * density(threshold)
    return boundary + (order - 1) * truncated_moment(order - 2, threshold)


def maximum_moment(order: int) -> sp.Integral:
    """Return ``E[t^order]`` of the greatest t of p standard normals, as an integral."""
    t = sp.Symbol("t", real=True)
    integrand = p * t**order * density(t) * (1 - tail(t)) ** (p - 1)
    return sp.Integral(integrand, (t, -sp.oo, sp.oo))


@cache
def _quadrature(order: int) -> Callable[..., Any]:
    compiled: Callable[..., Any] = sp.lambdify(p, maximum_moment(order), "scipy")
    return compiled


@cache
def maximum_moments(pool: int) -> tuple[float, ...]:
    """Return the values of `MAXIMUM_MOMENTS` for pools of a given size."""
    orders = range(1, len(MAXIMUM_MOMENTS) + 1)
    return tuple(float(np.real(_quadrature(order)(pool))) for order in orders)


@dataclass(frozen=True)
class CoefficientLaw:
    """How the coefficient of an open neuron depends on its pre-activation and on what is above.

    ``c = h^relevance · t^power · 1[t > threshold]``, with ``h = max(e, 0)`` and e ~ N(0, 1)
    independent of t (`relevance` 1), or no such factor (0). A `pooled` neuron is the winner of a
    max-pool: t is the greatest of p, and no threshold applies.
    """

    name: str
    description: str
    power: int = 0
    relevance: int = 0
    threshold: sp.Expr = sp.Integer(0)
    pooled: bool = False

    def moment(self, i: int, k: int) -> sp.Expr:
        """Return ``E[t^i c^k]``, k >= 1."""
        above = truncated_moment(self.relevance * k, sp.Integer(0)) if self.relevance else 1
        return above * self._of_preactivation(i + self.power * k)

    def _of_preactivation(self, order: int) -> sp.Expr:
        if not self.pooled:
            return truncated_moment(order, self.threshold)
        return MAXIMUM_MOMENTS[order - 1] if order else sp.Integer(1)

    @property
    def live(self) -> sp.Expr:
        """``P(c ≠ 0)`` of one neuron."""
        return self._of_preactivation(0) / (2 if self.relevance else 1)

    @property
    def kappa(self) -> sp.Expr:
        """``κ = E[c²] / E[t c]²``, the constant of the alignment curve."""
        return sp.simplify(self.moment(0, 2) / self.moment(1, 1) ** 2)


LAWS = {
    law.name: law
    for law in (
        CoefficientLaw("active", "every active neuron counts 1"),
        CoefficientLaw("guided", "positive part of independent Gaussian relevance", relevance=1),
        CoefficientLaw("cascade", "c proportional to the activation", power=1),
        CoefficientLaw("top", "neurons with pre-activation above s σ‖x‖ count 1", threshold=s),
        CoefficientLaw("pool", "the winner of each max-pool counts 1", pooled=True),
        CoefficientLaw(
            "pool-deconvnet",
            "positive part of independent Gaussian relevance at the winner of each max-pool",
            relevance=1,
            pooled=True,
        ),
    )
}
