r"""Exact moments of coefficients given the pre-activation, in SymPy.

A neuron's normalised pre-activation is ``t ~ N(0, 1)``; its coefficient is ``c = h^e t^p 1[t > s]``
with h independent of t. All moments ``E[t^i c^k]`` follow from those of the truncated normal,
``m_i(s) = ∫_s^∞ t^i φ(t) dt``, by ``m_0 = Φ̄(s)``, ``m_1 = φ(s)`` and, integrating by parts,
``m_i = s^{i-1} φ(s) + (i - 1) m_{i-2}``. No integral is left to a computer algebra system.
"""

from dataclasses import dataclass
from functools import cache

import sympy as sp

s = sp.Symbol("s", real=True)
"""The threshold on the normalised pre-activation."""


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


@dataclass(frozen=True)
class CoefficientLaw:
    """How the coefficient of an active neuron depends on its pre-activation and on what is above.

    ``c = h^relevance · t^power · 1[t > threshold]``, with ``h = max(e, 0)`` and e ~ N(0, 1)
    independent of t (`relevance` 1), or no such factor (0).
    """

    name: str
    description: str
    power: int = 0
    relevance: int = 0
    threshold: sp.Expr = sp.Integer(0)

    def moment(self, i: int, k: int) -> sp.Expr:
        """Return ``E[t^i c^k]``, k >= 1."""
        above = truncated_moment(self.relevance * k, sp.Integer(0)) if self.relevance else 1
        return above * truncated_moment(i + self.power * k, self.threshold)

    @property
    def live(self) -> sp.Expr:
        """``P(c ≠ 0)`` of one neuron."""
        return truncated_moment(0, self.threshold) / (2 if self.relevance else 1)

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
    )
}
