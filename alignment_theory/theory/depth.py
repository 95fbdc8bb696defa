r"""How alignment builds up through a random ReLU network, layer by layer.

Between layers everything goes through ρ² = cos²(g_l, a_l). With t the normalised pre-activation of
a neuron and h = β t + ε its normalised relevance (``β = √(2ρ²/(1-ρ²))`` gives the pair the right
correlation), the coefficients of the next layer down have ``C² = S²/Q``, ``S = E[t c]``,
``Q = E[c²]``, and ``ρ_{l-1}² = n C² / (n C² + d - 1)`` with n = d_l neurons and d = d_{l-1} inputs.
"""

from collections.abc import Callable
from functools import cache
from math import sqrt

import sympy as sp

from alignment_theory.theory.depth_quadrature import GATES, layer_means, threshold_for

_NEARLY_ONE = 1 - 1e-9

rho2, n, d = sp.symbols("ρ² n d", positive=True)
Step = Callable[[float], float]


def gradient_strength() -> sp.Expr:
    """Return C² of the gradient, ``ρ²/(1 + ρ²)``."""
    return rho2 / (1 + rho2)


def correlation() -> sp.Expr:
    """Return ``cos θ = √(2ρ²/(1+ρ²))``, the correlation of pre-activation and relevance."""
    return sp.sqrt(2 * rho2 / (1 + rho2))


def guided_strength(angle: sp.Expr) -> sp.Expr:
    """Return C² of Guided Backprop: arc-cosine moments of the positive quadrant.

    ``C² = (sin θ + (π-θ) cos θ)² / (2π (π - θ + sin θ cos θ))``.
    """
    cosine, sine = sp.cos(angle), sp.sin(angle)
    overlap = (sine + (sp.pi - angle) * cosine) ** 2
    return overlap / (2 * sp.pi * (sp.pi - angle + sine * cosine))


def deconvnet_strength() -> sp.Expr:
    """Return C² of DeconvNet: Guided Backprop's moments and those of the inactive half.

    With θ as for Guided Backprop, and S and Q scaled by ``√(1-ρ²)`` and ``1-ρ²``:
    ``S = (√(1+ρ²) (sin θ + (π-θ) cos θ) - √(1-ρ²)) / 2π``,
    ``Q = (1+ρ²) (π - θ + sin θ cos θ) / 2π + (1-ρ²)/4``.
    """
    angle = sp.acos(correlation())
    cosine, sine = sp.cos(angle), sp.sin(angle)
    active = sp.sqrt(1 + rho2) * (sine + (sp.pi - angle) * cosine)
    overlap = (active - sp.sqrt(1 - rho2)) / (2 * sp.pi)
    square = (1 + rho2) * (sp.pi - angle + sine * cosine) / (2 * sp.pi) + (1 - rho2) / 4
    return overlap**2 / square


def expected_maximum(count: int | sp.Expr) -> sp.Expr:
    """Return ``e_p = E max(t_1, ..., t_p) = p ∫ t φ(t) Φ(t)^(p-1) dt`` of standard normals.

    Left as an integral, since SymPy's `integrate` gives wrong closed forms for p = 4 and 5 (and
    `evalf` takes a minute); `depth_prediction.maximum_moments` has the numbers.
    """
    t = sp.Symbol("t", real=True)
    density = sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)
    below = (1 + sp.erf(t / sp.sqrt(2))) / 2
    return count * sp.Integral(t * density * below ** (count - 1), (t, -sp.oo, sp.oo))


@cache
def _step(rule: str) -> Step:
    expressions: dict[str, Callable[[], sp.Expr]] = {
        "gradient": gradient_strength,
        "deconvnet": deconvnet_strength,
        "guided": lambda: guided_strength(sp.acos(correlation())),
    }
    compiled = sp.lambdify(rho2, expressions[rule](), "math")
    return lambda value: float(compiled(min(value, 1.0)))


def strength_at(rule: str, value: float, q: float = 0.0) -> float:
    """Return C² of a rule at alignment ρ² = `value`; ValueError for a rule not in the list."""
    if rule == "rectgrad":
        return rectgrad_strength(value, q)
    if rule not in ("gradient", "deconvnet", "guided"):
        raise ValueError(
            f"strength_at: rule must be gradient, deconvnet, guided or rectgrad, got {rule!r}"
        )
    return _step(rule)(value)


def fixed_point(rule: str, ratio: float, q: float = 0.0) -> float:
    """Return the ρ² that alignments grow to in layers of one aspect ratio n/d, from near 0.

    ``ρ² = r C²(ρ²) / (r C²(ρ²) + 1)`` with r = n/d, in the limit of wide layers; since C² < 1/2
    (theorem `optimal-filter`, and ``E t c ≤ E t₊ c`` for c ≥ 0), ρ² < r/(r + 2). Guided Backprop
    and RectGrad climb to it from 0. For the gradient it is ``(r - 1)/(r + 1)`` where r > 1. 0 is
    returned where small alignments decay: the gradient up to r = 1, DeconvNet below r = 4.

    Raises
    ------
    ValueError
        For an unknown rule or a ratio that is not positive.
    """
    from scipy.optimize import brentq

    if not 0 < ratio < float("inf"):
        raise ValueError(f"fixed_point: ratio n/d must be positive and finite, got {ratio}")

    def excess(value: float) -> float:
        strength = ratio * strength_at(rule, value, q)
        return strength / (strength + 1) - value

    low, high = 1e-6, ratio / (ratio + 2)
    return float(brentq(excess, low, high, xtol=1e-14)) if excess(low) > 0 else 0.0


def rectgrad_strength(value: float, q: float) -> float:
    """Return C² of RectGrad(q) (quantile floored at 0) at alignment ρ² = `value`.

    With ``u = τ/t - β t``: ``kept(τ) = ∫ φ(t) Φ̄(u) dt``, ``S = ∫ φ t [β t Φ̄(u) + φ(u)] dt`` and
    ``Q = ∫ φ [(β² t² + 1) Φ̄(u) + (β t + τ/t) φ(u)] dt`` over t > 0; τ solves ``kept = 1 - q/100``
    or is 0 where fewer units than that have a positive product.
    """
    value = min(value, _NEARLY_ONE)
    beta, share = sqrt(2 * value / (1 - value)), 1 - q / 100
    if share <= 0:
        return 0.0
    overlap, square = layer_means(beta, threshold_for(beta, share), GATES["rectgrad"])
    return overlap**2 / square
