"""Inequalities: true of every network, trained or not."""

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.sources import (
    BIRKHOFF_1957,
    KANTOROVICH_1948,
    POLYA_1925,
    SIXT_2020,
    ZHENG_2025,
)
from alignment_theory.theory.conditions import BIAS_FREE, NEGATIVE_FILTERING, POSITIVE_SEED
from alignment_theory.theory.parameters import Number
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

PROPORTIONAL = Hypothesis(
    "proportional-coefficients",
    "c_l is a positive multiple of z_l on the active rows and 0 elsewhere (a ReLU's activations)",
)
NONNEGATIVE_OPERATORS = Hypothesis(
    "nonnegative-operators", "what a linear layer hands down is W⁺ only: its matrix is >= 0"
)
ONE_INPUT = Hypothesis("one-input", "both explanations are of one input of one network")

_kappa, _share, _top, _below = sp.symbols("kappa share top below", nonnegative=True)
_groups = sp.Symbol("groups", integer=True, nonnegative=True)
_cosine = sp.Symbol("cos(g_{l-1}, a_{l-1})", real=True)

KANTOROVICH = 2 * sp.sqrt(_kappa) / (1 + _kappa)
"""Least ``‖z‖²/(‖z‖_B ‖z‖_{B⁻¹})`` of vectors z, for matrices B > 0 of condition number κ."""

BIRKHOFF = sp.tanh(_top / 4)
"""What is left of a Hilbert distance, at most, under G > 0 of diameter Δ (here `top`)."""

POLYA_SZEGO = 1 / sp.cosh(_top / 2)
"""Least cosine of positive vectors at Hilbert distance d (here `top`)."""

_kantorovich = sp.lambdify(_kappa, KANTOROVICH, "numpy")
_birkhoff = sp.lambdify(_top, BIRKHOFF, "numpy")
_polya_szego = sp.lambdify(_top, POLYA_SZEGO, "numpy")


def kantorovich(condition: float | Array) -> Array:
    """Return ``2√κ/(1 + κ)`` for condition numbers κ."""
    return np.asarray(_kantorovich(np.asarray(condition, dtype=float)))


def contracted(top: float, below: Array) -> float:
    """Return ``Δ_top ∏ tanh(Δ/4)`` over the diameters Δ of the groups below; infinite ones count 1.

    A top group that is not positive (Δ infinite) says nothing, whatever is below it.
    """
    return float(top * np.prod(_birkhoff(below))) if np.isfinite(top) else np.inf


def least_cosine(distance: float | Array) -> Array:
    """Return ``1/cosh(d/2)`` for Hilbert distances d, 0 for infinite ones."""
    with np.errstate(over="ignore"):
        return np.asarray(_polya_szego(np.asarray(distance, dtype=float)))


def _nfr_sign() -> sp.And:
    index = sp.Symbol("j", integer=True)
    c, z, b = (sp.IndexedBase(name)[index] for name in "czb")
    total = sp.Sum(c * (z - b), (index, 1, sp.Symbol("d_l", integer=True)))
    inner = sp.Symbol("⟨g, a⟩", real=True)
    return sp.And(sp.Eq(inner, total, evaluate=False), sp.Ge(inner, 0, evaluate=False))


def _alignment_floor() -> sp.Ge:
    angle, z = sp.Symbol("cos(z_A, c_A)", nonnegative=True), sp.Symbol("‖z_A‖", positive=True)
    a, sigma = sp.Symbol("‖a_{l-1}‖", positive=True), sp.Symbol("σ_max(W_A)", positive=True)
    return sp.Ge(_cosine, angle * z / (a * sigma), evaluate=False)


def _cascade() -> sp.Ge:
    return sp.Ge(_cosine, KANTOROVICH * _share, evaluate=False)


def _predict_cascade(kappa: float | Array, share: float | Array) -> Prediction:
    floor = kantorovich(kappa) * share
    return Prediction(floor if floor.ndim else float(floor))


def _contraction() -> sp.And:
    distance, cosine = sp.Symbol("d_H(R, R')", nonnegative=True), sp.Symbol("cos(R, R')", real=True)
    bound = _top * BIRKHOFF.subs(_top, _below) ** _groups
    floor = POLYA_SZEGO.subs(_top, distance)
    return sp.And(sp.Le(distance, bound, evaluate=False), sp.Ge(cosine, floor, evaluate=False))


def _predict_contraction(top: float, below: float, groups: int) -> Prediction:
    bound = float(top * _birkhoff(below) ** groups)
    return Prediction(bound, terms={"least cosine": float(least_cosine(bound))})


NFR_SIGN = Theorem(
    "nfr-sign",
    "A negative filtering rule never points away from the input",
    "<g_{l-1}, a_{l-1}> = c_l · (z_l - b_l); bias-free and under the negative filtering rule it "
    "is >= 0 at every layer, and (active neurons being those with z > 0) > 0 unless c_l = 0. Layer "
    "l may be dense, a convolution, a batch normalisation or the sum that ends a residual, and a "
    "max pooling crossed to its winner may follow it; linear layers below it have the same inner "
    "product. A residual as a whole is no such layer.",
    (BIAS_FREE, NEGATIVE_FILTERING),
    Claim.BOUND,
    _nfr_sign,
    (ZHENG_2025, SIXT_2020),
    uses=("combined-weight",),
)
ALIGNMENT_FLOOR = Theorem(
    "alignment-floor",
    "Filtered combinations of active weights align at least so much",
    "cos(g_{l-1}, a_{l-1}) >= cos(z_A, c_A) ‖z_A‖ / (‖a_{l-1}‖ σ_max(W_A)) with A the active rows "
    "(z > 0), bias-free and under the negative filtering rule: ‖g‖ <= σ_max(W_A) ‖c‖. Equality "
    "for orthogonal active rows of one norm. The layers are those of nfr-sign.",
    (BIAS_FREE, NEGATIVE_FILTERING),
    Claim.BOUND,
    _alignment_floor,
    (ZHENG_2025,),
    uses=("nfr-sign",),
)
CASCADE = Theorem(
    "cascade",
    "Alignment is handed down, up to the conditioning of the active rows",
    "If c_l is proportional to z_l on the active rows A and κ is the condition number of the "
    "non-zero part of W_A W_Aᵀ: cos(g_{l-1}, a_{l-1}) >= 2√κ/(1 + κ) · ‖P_A a‖/‖a‖, P_A the "
    "projection on the span of the active rows (Kantorovich). Orthogonal active rows of one norm "
    "have κ = 1 and reach it, and so do two orthogonal rows with equal z at any κ. The layer is "
    "directly below the switch: a max pooling between would pass on its winners only.",
    (BIAS_FREE, PROPORTIONAL),
    Claim.BOUND,
    _cascade,
    (ZHENG_2025, KANTOROVICH_1948),
    uses=("nfr-sign",),
    parameters=(
        Number("kappa", "condition number of the non-zero part of W_A W_Aᵀ", minimum=1),
        Number("share", "‖P_A a‖/‖a‖", 1.0, minimum=0, maximum=1),
    ),
    evaluate=_predict_cascade,
)
RANK_ONE_CONTRACTION = Theorem(
    "rank-one-contraction",
    "z⁺ explanations of different outputs draw together",
    "The z⁺ operators M_l = diag(a_{l-1}) W_l^{+T} diag(1/(W_l⁺ a_{l-1})) between active units are "
    ">= 0. Where consecutive ones, grouped from the output down, have positive products G, two "
    "explanations of different outputs satisfy d_H(R, R') <= Δ(G_top) ∏ tanh(Δ(G)/4) over the "
    "other groups (Birkhoff), d_H Hilbert's metric and Δ(G) = max log (G_ij G_kl)/(G_kj G_il); "
    "and cos(R, R') >= 1/cosh(d_H/2) (Pólya-Szegő). The formula has groups of one diameter below. "
    "Winners of max poolings and residuals have matrices >= 0, too.",
    (NONNEGATIVE_OPERATORS, POSITIVE_SEED, ONE_INPUT),
    Claim.BOUND,
    _contraction,
    (SIXT_2020, BIRKHOFF_1957, POLYA_1925),
    parameters=(
        Number("top", "Δ of the group at the output", minimum=0, single=True),
        Number("below", "Δ of each group below it", 0.0, minimum=0, single=True),
        Number("groups", "number of groups below it", 0, minimum=0, whole=True, single=True),
    ),
    evaluate=_predict_contraction,
)

BOUNDS = (NFR_SIGN, ALIGNMENT_FLOOR, CASCADE, RANK_ONE_CONTRACTION)
