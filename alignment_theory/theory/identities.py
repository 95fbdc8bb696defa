"""Identities: true of every network, trained or not, up to a derived rounding bound."""

import sympy as sp

from alignment_theory.sources import (
    ANCONA_2018,
    BACH_2015,
    MONTAVON_2017,
    MONTAVON_2019,
    SHRIKUMAR_2017,
    ZHANG_2018,
    ZHENG_2025,
)
from alignment_theory.theory.conditions import (
    BIAS_FREE,
    MONOTONE,
    NONZERO_DENOMINATORS,
    POSITIVE_PART,
    POSITIVE_SEED,
    RELU,
)
from alignment_theory.theory.theorem import Claim, Hypothesis, Theorem

GATED = Hypothesis(
    "gated", "a rule passes on multiples of what arrives, unit by unit: c_l = 0 where g_l = 0"
)
UNSTABILISED = Hypothesis("unstabilised", "denominators are left as they are, ε = 0")
NONNEGATIVE_ACTIVATIONS = Hypothesis(
    "nonnegative-activations",
    "what enters a linear layer is >= 0, the input included (average poolings, batch "
    "normalisations and the sums of residuals are linear layers)",
)


def _matrix(name: str) -> sp.MatrixSymbol:
    size = sp.Symbol("d", integer=True, positive=True)
    return sp.MatrixSymbol(name, size, size)


def _vector(name: str) -> sp.MatrixSymbol:
    return sp.MatrixSymbol(name, sp.Symbol("d", integer=True, positive=True), 1)


def _piecewise_linear() -> sp.Eq:
    w1, d1, w2 = _matrix("W_1"), _matrix("D_1"), _matrix("W_2")
    return sp.Eq(_vector("z_2"), w2 * d1 * w1 * _vector("x") + _vector("b_eff"), evaluate=False)


def _combined_weight() -> sp.Eq:
    product = _matrix("W_1").T * _matrix("G_1") * _matrix("W_2").T * _vector("e_k")
    return sp.Eq(_vector("g_0"), product, evaluate=False)


def _hadamard_gradient() -> sp.Eq:
    gradient = _matrix("W_1").T * _matrix("D_1") * _matrix("W_2").T * _vector("e_k")
    return sp.Eq(_vector("R_0"), sp.HadamardProduct(_vector("x"), gradient), evaluate=False)


def _conservation() -> sp.Eq:
    above, below = sp.Function("S")(sp.Symbol("R_l")), sp.Function("S")(sp.Symbol("R_{l-1}"))
    losses = sp.symbols("bias stabiliser empty threshold padding")
    return sp.Eq(above - below, sp.Add(*losses))


def _homogeneity() -> sp.Eq:
    scale, x, r = sp.Symbol("s", positive=True), sp.Symbol("x"), sp.Function("g_0")
    return sp.Eq(r(scale * x), r(x))


def _zplus_family() -> sp.Eq:
    rule, gamma = sp.Function("R"), sp.Symbol("gamma")
    limit = sp.Limit(rule(gamma), gamma, sp.oo)
    return sp.Eq(sp.Symbol("R_z+"), limit, evaluate=False)


def _monotone() -> sp.Eq:
    return sp.Eq(sp.Symbol("GuidedBackprop"), sp.Symbol("Gradient"))


PIECEWISE_LINEAR = Theorem(
    "piecewise-linear",
    "A ReLU network is linear once its masks are fixed",
    "logits = W_eff(x) x + b_eff(x) with W_eff = W_L D_{L-1} W_{L-1} ... D_1 W_1, D_l = "
    "diag(m_l) (the slopes of a leaky ReLU; a max pooling is the matrix of zeros and ones of its "
    "winners, a residual the sum of the products of its sides); the gradient of logit k is row k "
    "of W_eff (at a pre-activation of exactly 0, where there is none, the one-sided derivative "
    "that the masks stand for).",
    (RELU,),
    Claim.IDENTITY,
    _piecewise_linear,
    (ZHENG_2025,),
)
COMBINED_WEIGHT = Theorem(
    "combined-weight",
    "Every attribution is a masked product of weights",
    "g_0 = W_1ᵀ G_1 W_2ᵀ G_2 ... W_Lᵀ e_k with the gates G_l = diag(c_l / g_l) frozen at this "
    "input (0 where nothing arrives), whatever the switches; for relevance rules the rule's own "
    "matrix stands for W_lᵀ. Convolutions, batch normalisations and poolings are such matrices, a "
    "residual the sum of the products of its sides.",
    (GATED,),
    Claim.IDENTITY,
    _combined_weight,
    (ZHENG_2025,),
    uses=("piecewise-linear",),
)
LRP0_IS_GRADIENT_TIMES_INPUT = Theorem(
    "lrp0-is-gradient-times-input",
    "LRP-0 is input times gradient",
    "In bias-free ReLU networks LRP-0 (seeded with the logit) equals x ∘ gradient; ε-LRP tends "
    "to it as ε → 0; DeepLIFT-rescale with baseline 0 equals it.",
    (RELU, BIAS_FREE, NONZERO_DENOMINATORS),
    Claim.IDENTITY,
    _hadamard_gradient,
    (BACH_2015, SHRIKUMAR_2017, ANCONA_2018),
    uses=("piecewise-linear",),
)
CONSERVATION = Theorem(
    "conservation",
    "Relevance is kept, and every leak has a name",
    "The sum of relevance above a layer minus the sum below it is bias + stabiliser + empty "
    "denominators + threshold + padding, in any network. Without biases, stabilisers and padding "
    "z⁺, αβ (α - β = 1), γ and, at the input, z^B lose relevance only to empty denominators; w², "
    "flat and z^B elsewhere also to dead units (threshold).",
    (BIAS_FREE, UNSTABILISED),
    Claim.IDENTITY,
    _conservation,
    (BACH_2015, MONTAVON_2017, MONTAVON_2019),
)
HOMOGENEITY = Theorem(
    "homogeneity",
    "Attributions do not see the input's scale",
    "Bias-free: gradient, DeconvNet, Guided Backprop and RectGrad do not change when x is scaled "
    "by s > 0; LRP-0, z⁺, αβ, γ, w² and flat (no stabiliser) seeded with the logit scale by s, "
    "seeded with 1 they do not change.",
    (RELU, BIAS_FREE),
    Claim.IDENTITY,
    _homogeneity,
    (ZHENG_2025,),
    uses=("piecewise-linear",),
)
ZPLUS_FAMILY = Theorem(
    "zplus-family",
    "One rule under four names",
    "Where all activations are >= 0 and no layer has a bias, z⁺ = αβ(1, 0) = excitation backprop "
    "(times its seed) = the limit of the γ rule as γ → ∞.",
    (BIAS_FREE, NONNEGATIVE_ACTIVATIONS, POSITIVE_PART),
    Claim.IDENTITY,
    _zplus_family,
    (BACH_2015, MONTAVON_2017, ZHANG_2018, MONTAVON_2019),
)
MONOTONE_NET = Theorem(
    "monotone-net",
    "Without negative weights Guided Backprop filters nothing",
    "If all weights above layer 1 and the relevance at the output are >= 0, no negative relevance "
    "meets a switch and Guided Backprop equals the gradient.",
    (MONOTONE, POSITIVE_SEED),
    Claim.IDENTITY,
    _monotone,
    (ZHENG_2025,),
)

IDENTITIES = (
    PIECEWISE_LINEAR,
    COMBINED_WEIGHT,
    LRP0_IS_GRADIENT_TIMES_INPUT,
    CONSERVATION,
    HOMOGENEITY,
    ZPLUS_FAMILY,
    MONOTONE_NET,
)
