"""Theorems on one random layer: how well filtered combinations of its weights align."""

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.sources import KIM_2019, NIE_2018, ZHENG_2025
from alignment_theory.theory import curves
from alignment_theory.theory.conditions import (
    BIAS_FREE,
    GAUSSIAN,
    INDEPENDENT,
    NEGATIVE_FILTERING,
    NONZERO,
    THROUGH_Z,
)
from alignment_theory.theory.moments import LAWS, density, maximum_moment, tail
from alignment_theory.theory.parameters import Choice, Number
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

N = Number("n", "number of neurons", 200, minimum=1, whole=True)
D = Number("d", "number of inputs", 200, minimum=2, whole=True)
ONE_ABOVE = Hypothesis("unit-coefficients", "the neurons that are kept all count 1")
CONSTANT_BIAS = Hypothesis("one-bias", "every neuron has the same bias, or none")
WINNER_ONLY = Hypothesis(
    "winner-only", "only the neuron that the switch of each max-pool chose passes relevance back"
)

_s, _beta, _kappa, _k = sp.symbols("s beta kappa power", real=True)

MOST_POOLED = 10_000
"""Largest pool: the quadrature of the greatest of p normals is checked up to here."""

BEST_THRESHOLD = 0.612003180962481
"""The root s* of 2s = φ(s)/Φ̄(s)."""

ALIGNMENT_CURVE = Theorem(
    "alignment-curve",
    "How well one random layer aligns",
    "cos²(g_0, x) → 1/(1 + κ (d-1)/n) with κ = E[c²]/E[t c]²: π where every active neuron counts "
    "1, π² for Guided Backprop's first step, 2 for c ∝ a (the best), Φ̄(s)/φ(s)² above a threshold "
    "s; the 1/n term is predicted too, and the remainder is O(1/n²) plus "
    "P(all c = 0).",
    (GAUSSIAN, BIAS_FREE, THROUGH_Z, INDEPENDENT, NONZERO),
    Claim.LIMIT,
    curves.limit_formula,
    (ZHENG_2025, NIE_2018),
    uses=("exact-law",),
    parameters=(
        Choice("coefficients", "law of the coefficients", "active", choices=tuple(LAWS)),
        N,
        D,
        Number("s", 'threshold of "top" on the normalised pre-activation', 0.0),
        Number(
            "p",
            'pool size of "pool" and "pool-deconvnet"',
            2,
            minimum=2,
            maximum=MOST_POOLED,
            whole=True,
            single=True,
        ),
    ),
    evaluate=curves.predict_curve,
)


def _optimal_formula() -> sp.Eq:
    """Return κ of ``c = t^power``, by ``E[t^m 1(t > 0)] = 2^{m/2 - 1} Γ((m+1)/2)/√π``."""

    def moment(order: sp.Expr) -> sp.Expr:
        return 2 ** (order / 2 - 1) * sp.gamma((order + 1) / 2) / sp.sqrt(sp.pi)

    return sp.Eq(_kappa, sp.powsimp(moment(2 * _k) / moment(_k + 1) ** 2), evaluate=False)


OPTIMAL_FILTER = Theorem(
    "optimal-filter",
    "No negative filtering rule aligns better than c ∝ a",
    "(z·c)² ≤ ‖z_A‖² ‖c‖² for coefficients c >= 0 on the active neurons A, with equality iff c ∝ a "
    "(Cauchy-Schwarz): so κ = E[c²]/E[t c]² >= 1/E[t² 1(t > 0)] = 2 for every negative filtering "
    "rule, and κ = 2 for c ∝ a. The formula is κ of c = t^power. Without sign and support "
    "conditions c ∝ z reaches κ = 1; with a bias c ∝ a does not reach 2.",
    (NEGATIVE_FILTERING, GAUSSIAN, BIAS_FREE),
    Claim.BOUND,
    _optimal_formula,
    (ZHENG_2025,),
    uses=("alignment-curve",),
    parameters=(Number("power", "c = t^power on active neurons", 1.0, minimum=0),),
)


def _best_threshold_formula() -> sp.Eq:
    return sp.Eq(2 * _s, density(_s) / tail(_s), evaluate=False)


def kappa_above(threshold: float | Array) -> Array:
    """Return κ(s) = Φ̄(s)/φ(s)² of coefficients 1 above a threshold s."""
    return np.asarray(_KAPPA_ABOVE(threshold))


_KAPPA_ABOVE = sp.lambdify(_s, tail(_s) / density(_s) ** 2, "scipy")
_KEPT = sp.lambdify(_s, tail(_s), "scipy")


def _predict_threshold(s: float | Array) -> Prediction:
    value = _KAPPA_ABOVE(s)
    return Prediction(value, terms={"kept fraction": _KEPT(s)})


RECTGRAD_27 = Theorem(
    "rectgrad-27-percent",
    "Keeping the 27 % most active neurons aligns best",
    "With coefficients 1 above a threshold s on t and 0 below, κ(s) = Φ̄(s)/φ(s)² is least where "
    "2s = φ(s)/Φ̄(s): s* = 0.6120, 27.03 % of the neurons kept (Kelley's rule), κ* = 2.4697. "
    "predict gives κ(s).",
    (GAUSSIAN, ONE_ABOVE),
    Claim.IDENTITY,
    _best_threshold_formula,
    (KIM_2019, ZHENG_2025),
    uses=("alignment-curve", "optimal-filter"),
    parameters=(Number("s", "threshold on the normalised pre-activation", BEST_THRESHOLD),),
    evaluate=_predict_threshold,
)


def _sparsity_formula() -> sp.Eq:
    return sp.Eq(_kappa, tail(-_beta) / density(_beta) ** 2, evaluate=False)


def _predict_sparsity(beta: float | Array, n: int | Array, d: int | Array) -> Prediction:
    return curves.predict_curve("top", n, d, -np.asarray(beta) if np.ndim(beta) else -beta)


SPARSITY_LAW = Theorem(
    "sparsity-law",
    "Sparser activation aligns better, up to the same 27 %",
    "With bias b on every neuron (β = b/(σ‖x‖)) and c = 1 on active ones, cos² → 1/(1 + κ (d-1)/n) "
    "with κ = Φ(β)/φ(β)²: the curve of a threshold at -β; 1/n term and remainder are those of "
    "`alignment-curve`.",
    (GAUSSIAN, CONSTANT_BIAS, THROUGH_Z, INDEPENDENT, NONZERO),
    Claim.LIMIT,
    _sparsity_formula,
    (ZHENG_2025,),
    uses=("alignment-curve", "rectgrad-27-percent"),
    parameters=(Number("beta", "b / (σ‖x‖)", 0.0), N, D),
    evaluate=_predict_sparsity,
)


def _pooling_formula() -> sp.Eq:
    p, e_p = sp.Symbol("p", positive=True), sp.Symbol("e_p", positive=True)
    return sp.And(
        sp.Eq(_kappa, sp.pi / e_p**2, evaluate=False),
        sp.Eq(e_p, maximum_moment(1), evaluate=False),
        sp.Eq(sp.Symbol("cos²(p=1)"), 1 / curves.d, evaluate=False),
        sp.Ge(p, 2, evaluate=False),
    )


def _predict_pooling(coefficients: str, n: int, d: int, p: int) -> Prediction:
    if p == 1:
        return Prediction(1 / d)
    return curves.predict_curve(coefficients, n, d, 0.0, p)


DECONVNET_NEEDS_A_GATE = Theorem(
    "deconvnet-needs-a-gate",
    "DeconvNet aligns only behind max-pooling",
    "DeconvNet's coefficients do not depend on the layer's pre-activations: E cos² = 1/d exactly, "
    "no alignment. Behind max-pooling over p neurons the switches are the gate: n pools give κ = "
    "1/e_p² where the winner counts 1 and π/e_p² for DeconvNet, e_p the mean of the greatest of p "
    "standard normals. p = 1 stands for no pooling.",
    (GAUSSIAN, CONSTANT_BIAS, THROUGH_Z, WINNER_ONLY),
    Claim.LIMIT,
    _pooling_formula,
    (ZHENG_2025, NIE_2018),
    uses=("exact-law", "alignment-curve"),
    parameters=(
        Choice(
            "coefficients",
            "what the winner gets: 1, or relevance under DeconvNet",
            "pool-deconvnet",
            choices=("pool", "pool-deconvnet"),
        ),
        Number("n", "number of pools", 200, minimum=1, whole=True),
        D,
        Number(
            "p",
            "neurons a pool chooses from, 1 for no pooling",
            2,
            minimum=1,
            maximum=MOST_POOLED,
            whole=True,
            single=True,
        ),
    ),
    evaluate=_predict_pooling,
)

ONE_LAYER = (
    ALIGNMENT_CURVE,
    OPTIMAL_FILTER,
    RECTGRAD_27,
    SPARSITY_LAW,
    DECONVNET_NEEDS_A_GATE,
)
