r"""How alignment builds up through a random ReLU network, layer by layer.

Between layers everything goes through ρ² = cos²(g_l, a_l). With t the normalised pre-activation of
a neuron and h = β t + ε its normalised relevance (``β = √(2ρ²/(1-ρ²))`` gives the pair the right
correlation), the coefficients of the next layer down have ``C² = S²/Q``, ``S = E[t c]``,
``Q = E[c²]``, and ``ρ_{l-1}² = n C² / (n C² + d - 1)`` with n = d_l neurons and d = d_{l-1} inputs.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import sqrt

import sympy as sp

from alignment_theory.theory.depth_quadrature import GATES, layer_means, threshold_for

_NEARLY_ONE = 1 - 1e-9

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


def deconvnet_strength() -> sp.Expr:
    """Return C² of DeconvNet: Guided Backprop's moments and those of the inactive half.

    With θ as for Guided Backprop, and S and Q scaled by ``√(1-ρ²)`` and ``1-ρ²``:
    ``S = (√(1+ρ²) (sin θ + (π-θ) cos θ) - √(1-ρ²)) / 2π``,
    ``Q = (1+ρ²) (π - θ + sin θ cos θ) / 2π + (1-ρ²)/4``.
    """
    cosine = sp.sqrt(2 * rho2 / (1 + rho2))
    angle, sine = sp.acos(cosine), sp.sqrt(1 - cosine**2)
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
    expressions = {
        "gradient": gradient_strength,
        "deconvnet": deconvnet_strength,
        "guided": guided_strength,
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


def alignment_profile(widths: Sequence[int], step: Step, *, even: bool = False) -> list[float]:
    """Return the predicted ρ² = cos²(g_l, a_l) at levels 0, ..., L-1, input first.

    `widths` are (d_0, ..., d_L); the explained output row is independent of the activations, so
    ρ² = 1/d at the level below the output, with either sign. A rule that filters by sign does not
    treat both alike, and to leading order the signs cancel: its recursion starts from 0; that of
    a rule whose C² is `even` in ρ starts from 1/d. Leading order in 1/width throughout; the 1/n
    term is in `depth_prediction`.
    """
    profile = [1 / widths[-2]]
    for inputs, neurons in zip(widths[-3::-1], widths[-2:0:-1], strict=True):
        strength = step(profile[0] if even or len(profile) > 1 else 0.0)
        profile.insert(0, neurons * strength / (neurons * strength + inputs - 1))
    return profile


def gradient_profile(widths: Sequence[int]) -> list[float]:
    """Return the profile of the gradient by the leading recursion, 1/ρ² + 2 a square layer.

    That is right for alignments of order 1. From a fixed output row, E cos² is exactly 1/d_l at
    every level (`depth_prediction.predict_depth`), which this meets to relative order 1/d.
    """
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
