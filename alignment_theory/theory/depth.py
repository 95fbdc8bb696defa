r"""How alignment builds up through a random ReLU network, layer by layer.

Between layers everything goes through ρ² = cos²(g_l, a_l). With t the normalised pre-activation of
a neuron and h = β t + ε its normalised relevance (``β = √(2ρ²/(1-ρ²))`` gives the pair the right
correlation), the coefficients of the next layer down have ``C² = S²/Q``, ``S = E[t c]``,
``Q = E[c²]``, and ``ρ_{l-1}² = n C² / (n C² + d - 1)`` with n = d_l neurons and d = d_{l-1} inputs.
"""

from collections.abc import Callable, Sequence
from functools import cache

import sympy as sp

rho2, n, d = sp.symbols("rho2 n d", positive=True)
Step = Callable[[float], float]


def next_alignment() -> sp.Expr:
    """Return ρ² one layer below from C², n and d."""
    c2 = sp.Symbol("C2", positive=True)
    return n * c2 / (n * c2 + d - 1)


def gradient_strength() -> sp.Expr:
    """Return C² of the gradient, ``ρ²/(1 + ρ²)``."""
    return rho2 / (1 + rho2)


def guided_strength() -> sp.Expr:
    """Return C² of Guided Backprop: arc-cosine moments of the positive quadrant.

    ``cos θ = √(2ρ²/(1+ρ²))`` and ``C² = (sin θ + (π-θ) cos θ)² / (2π (π - θ + sin θ cos θ))``.
    """
    cosine = sp.sqrt(2 * rho2 / (1 + rho2))
    angle, sine = sp.acos(cosine), sp.sqrt(1 - cosine**2)
    overlap = (sine + (sp.pi - angle) * cosine) ** 2
    return overlap / (2 * sp.pi * (sp.pi - angle + sine * cosine))


@cache
def _step(rule: str) -> Step:
    expression = {"gradient": gradient_strength, "guided": guided_strength}[rule]()
    compiled = sp.lambdify(rho2, expression, "math")
    return lambda value: float(compiled(min(value, 1.0)))


def rectgrad_strength(value: float, q: float) -> float:
    """Return C² of RectGrad(q) (quantile floored at 0) at alignment ρ² = `value`.

    With ``u = τ/t - β t``: ``kept(τ) = ∫ φ(t) Φ̄(u) dt``, ``S = ∫ φ t [β t Φ̄(u) + φ(u)] dt`` and
    ``Q = ∫ φ [(β² t² + 1) Φ̄(u) + (β t + τ/t) φ(u)] dt`` over t > 0; τ solves ``kept = 1 - q/100``
    or is 0 where fewer units than that have a positive product.
    """
    from math import inf, sqrt

    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.stats import norm

    beta = sqrt(2 * value / (1 - value)) if value < 1 else inf
    pdf, sf = norm.pdf, norm.sf

    def integral(function: Callable[[float, float], float], tau: float) -> float:
        return float(quad(lambda t: pdf(t) * function(t, tau / t - beta * t), 0, 12, limit=200)[0])

    def kept(tau: float) -> float:
        return integral(lambda t, u: sf(u), tau)

    share = 1 - q / 100
    if share <= 0:
        return 0.0
    tau = 0.0 if kept(0.0) <= share else float(brentq(lambda x: kept(x) - share, 0.0, 200.0))
    overlap = integral(lambda t, u: t * (beta * t * sf(u) + pdf(u)), tau)
    second = integral(
        lambda t, u: (beta**2 * t**2 + 1) * sf(u) + (beta * t + tau / t) * pdf(u), tau
    )
    return overlap**2 / second


def alignment_profile(widths: Sequence[int], step: Step, *, even: bool = False) -> list[float]:
    """Return the predicted ρ² = cos²(g_l, a_l) at levels 0, ..., L-1, input first.

    `widths` are (d_0, ..., d_L); the explained output row is independent of the activations, so
    ρ² = 1/d at the level below the output, with either sign. A rule that filters by sign does not
    treat both alike, and to leading order the signs cancel: its recursion starts from 0; that of
    a rule whose C² is `even` in ρ starts from 1/d. Leading order in 1/width throughout.
    """
    profile = [1 / widths[-2]]
    for inputs, neurons in zip(widths[-3::-1], widths[-2:0:-1], strict=True):
        strength = step(profile[0] if even or len(profile) > 1 else 0.0)
        profile.insert(0, neurons * strength / (neurons * strength + inputs - 1))
    return profile


def gradient_profile(widths: Sequence[int]) -> list[float]:
    """Return the profile of the gradient."""
    return alignment_profile(widths, _step("gradient"), even=True)


def guided_profile(widths: Sequence[int]) -> list[float]:
    """Return the profile of Guided Backprop."""
    return alignment_profile(widths, _step("guided"))


def rectgrad_profile(widths: Sequence[int], q: float) -> list[float]:
    """Return the profile of RectGrad(q)."""
    return alignment_profile(widths, lambda value: rectgrad_strength(value, q))


def deconvnet_profile(widths: Sequence[int]) -> list[float]:
    """Return the profile of DeconvNet: without a gate, no alignment (ρ² = 1/d at every level)."""
    return [1 / width for width in widths[:-1]]


def zplus_profile(widths: Sequence[int]) -> list[float]:
    """Return the profile of z⁺: ``R = a ∘ c`` with c nearly uniform, ``cos² = 1/(1 + CV²)``.

    ``CV² = (π - 1) Σs²/(Σs)²``; above the input ``s ∝ a ∘ c``, and ``Σs²/(Σs)²`` is
    ``π (1 + CV²)/n``, to leading order in 1/n.
    """
    pi = float(sp.pi)
    spread = pi - 1
    profile = [1 / (1 + spread)]
    for neurons in widths[-2:0:-1]:
        spread = (pi - 1) * pi * (1 + spread) / neurons
        profile.insert(0, 1 / (1 + spread))
    return profile
