"""Theorems on whole random networks: alignment through depth, randomisation, other classes, z⁺."""

from typing import Any

import sympy as sp

from alignment_theory.sources import (
    ADEBAYO_2018,
    CHO_2009,
    KIM_2019,
    MONTAVON_2017,
    NIE_2018,
    SIXT_2020,
    ZHENG_2025,
)
from alignment_theory.theory import depth, pairs, zplus
from alignment_theory.theory.bias_prediction import predict_biased
from alignment_theory.theory.conditions import BIAS_FREE, FRESH_LAYERS, GAUSSIAN, NONNEGATIVE_INPUT
from alignment_theory.theory.depth_prediction import OUTPUTS, predict_depth, predict_fixed_point
from alignment_theory.theory.moments import density
from alignment_theory.theory.one_layer import CONSTANT_BIAS
from alignment_theory.theory.parameters import LARGEST_WIDTH, Choice, Level, Number, Widths
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

STATED_ROW = Hypothesis(
    "stated-row",
    "the explained row of W_L is chosen as stated: beforehand, or by the largest logit",
)
FIXED_ROW = Hypothesis("fixed-row", "the explained row of W_L is chosen beforehand")
STATED_PAIR = Hypothesis(
    "stated-pair",
    "the two networks share exactly the layers not said to be re-drawn, and explain one row chosen "
    "beforehand",
)
TWO_ROWS = Hypothesis("two-rows", "the two rows of W_L explained differ and are chosen beforehand")
ONE_RATIO = Hypothesis("one-ratio", "all layers have the aspect ratio n/d that is stated")
RULE = Choice(
    "rule", "backward rule", "guided", choices=("gradient", "deconvnet", "guided", "rectgrad")
)
Q = Number("q", "percentile of RectGrad", 0.0, minimum=0, maximum=100, single=True)
WIDTHS = Widths("widths", "layer widths d_0, ..., d_L", (200, 200, 200, 200), smallest=2)
LEVEL = Level("level", "level l of g_l and a_l, 0 for the input")
STRENGTH = sp.Symbol("C²", positive=True)


def recursion_formula(crossed: sp.Expr) -> sp.And:
    """Return ``ρ²_{l-1} = crossed``, an expression in `STRENGTH`, n and d, and C² of the rules."""
    angle, cosine = sp.symbols("theta cosθ", positive=True)
    below = sp.Symbol("ρ²_{l-1}", positive=True)
    gradient, guided = sp.symbols("C²_gradient C²_guided", positive=True)
    return sp.And(
        sp.Eq(below, crossed, evaluate=False),
        sp.Eq(gradient, depth.gradient_strength(), evaluate=False),
        sp.Eq(guided, depth.guided_strength(angle), evaluate=False),
        sp.Eq(cosine, depth.correlation(), evaluate=False),
    )


def _depth_formula() -> sp.And:
    return recursion_formula(depth.n * STRENGTH / (depth.n * STRENGTH + depth.d - 1))


DEPTH_RECURSION = Theorem(
    "depth-recursion",
    "Guided Backprop builds up alignment layer by layer, the gradient does not",
    "With ρ_l² = cos²(g_l, a_l), n = d_l neurons and d = d_{l-1} inputs: ρ_{l-1}² → n C²/(n C² + d "
    "- 1), where C² = ρ²/(1+ρ²) for the gradient, arc-cosine moments for Guided Backprop and a "
    "quadrature for RectGrad(q); it starts from ρ = 0 for a row chosen beforehand and from the "
    "mean of the greatest of d_L normals for the largest logit. From a row chosen beforehand the "
    "gradient and DeconvNet stay at cos² ~ Beta(1/2, (d_l - 1)/2), mean 1/d_l, at every level and "
    "size. The 1/width term is predicted too; means are over networks where cos² is defined.",
    (GAUSSIAN, BIAS_FREE, FRESH_LAYERS, STATED_ROW),
    Claim.LIMIT,
    _depth_formula,
    (ZHENG_2025, NIE_2018, KIM_2019, CHO_2009),
    uses=("exact-law", "alignment-curve"),
    parameters=(
        RULE,
        WIDTHS,
        Q,
        Choice("output", "explained row", "fixed", choices=OUTPUTS),
        LEVEL,
    ),
    evaluate=predict_depth,
)


def _fixed_point_formula() -> sp.And:
    ratio, angle, cosine = sp.symbols("ratio theta cosθ", positive=True)
    strength = sp.Symbol("C²", positive=True)
    return sp.And(
        sp.Eq(depth.rho2, ratio * strength / (ratio * strength + 1), evaluate=False),
        sp.Eq(strength, depth.guided_strength(angle), evaluate=False),
        sp.Eq(cosine, depth.correlation(), evaluate=False),
    )


DEPTH_FIXED_POINT = Theorem(
    "depth-fixed-point",
    "The alignment that depth leads to depends on the aspect ratio only",
    "In layers of one aspect ratio r = n/d the recursion of Guided Backprop and of RectGrad climbs "
    "from 0 to the solution of ρ² = r C²(ρ²)/(r C²(ρ²) + 1): .208 for square layers, .039 for r = "
    "1/4 and .618 for r = 4 (Guided Backprop). Widening towards the input hurts.",
    (GAUSSIAN, BIAS_FREE, FRESH_LAYERS, ONE_RATIO),
    Claim.LIMIT,
    _fixed_point_formula,
    (ZHENG_2025,),
    uses=("depth-recursion",),
    parameters=(
        Choice("rule", "backward rule", "guided", choices=("guided", "rectgrad")),
        Number("ratio", "n/d of every layer", 1.0, minimum=1e-3, maximum=1e3, single=True),
        Number(
            "n",
            "width of the highest hidden layer",
            800,
            minimum=2,
            maximum=LARGEST_WIDTH,
            whole=True,
            single=True,
        ),
        Number(
            "layers",
            "hidden layers crossed",
            8,
            minimum=1,
            maximum=1000,
            whole=True,
            single=True,
        ),
        Q,
    ),
    evaluate=predict_fixed_point,
)


def _biased_formula() -> sp.And:
    bias, t, norm, below = sp.symbols("b_l t ‖a_{l-1}‖² ‖a_l‖²", real=True)
    n, sigma, b = sp.symbols("n sigma b", positive=True)
    active = sp.Integral(density(t) * (t + bias) ** 2, (t, -bias, sp.oo))
    return sp.And(
        sp.Eq(bias, b / (sigma * sp.sqrt(norm)), evaluate=False),
        sp.Eq(below, n * sigma**2 * norm * active, evaluate=False),
    )


SPARSITY_THROUGH_DEPTH = Theorem(
    "sparsity-through-depth",
    "With a bias at every unit, alignment builds up at another rate",
    "With one bias b at every unit the units of layer l are active where t > -b_l, b_l = b/(σ‖a‖), "
    "and ‖a_l‖² → n σ² ‖a_{l-1}‖² E (t + b_l)₊²; the recursion holds with C² of those, for ‖x‖ = 1 "
    "and a row chosen beforehand. The 1/width term is predicted too; it is all there is for the "
    "gradient and DeconvNet, whose recursion stays at 0. At the top level, and for DeconvNet at "
    "every level, E cos² is exactly 1/d.",
    (GAUSSIAN, CONSTANT_BIAS, FRESH_LAYERS, FIXED_ROW),
    Claim.LIMIT,
    _biased_formula,
    (ZHENG_2025,),
    uses=("depth-recursion", "sparsity-law"),
    parameters=(
        RULE,
        WIDTHS,
        Number("bias", "b of every unit", 0.0, single=True),
        Number("sigma", "standard deviation of a weight", 1.0, minimum=1e-150, single=True),
        Q,
        LEVEL,
    ),
    evaluate=predict_biased,
)

RANDOMISATION_LAW = Theorem(
    "randomisation-law",
    "Why Guided Backprop passes for insensitive to randomisation",
    "Re-draw some layers and compare both attributions: below a level with n neurons, d inputs and "
    "overlap X = E[c c'] the mean cosine tends to (n S² + (d-1) X)/(n S² + (d-1) Q), and η ← X/Q "
    "is the correlation of what is not aligned. Cascading (layers above k), independent (layer k) "
    "and bottom-up (layers 1 to k); the 1/width term is predicted too.",
    (GAUSSIAN, BIAS_FREE, FRESH_LAYERS, STATED_PAIR),
    Claim.LIMIT,
    pairs.similarity_formula,
    (ADEBAYO_2018, SIXT_2020, ZHENG_2025),
    uses=("depth-recursion",),
    parameters=(
        WIDTHS,
        Choice(
            "kind",
            "which layers are re-drawn, relative to `layer`",
            "cascading",
            choices=("cascading", "independent", "bottom-up"),
        ),
        Number(
            "layer",
            "k, from 0 (cascading) or 1 to the number of layers",
            2,
            whole=True,
            single=True,
        ),
        Choice("rule", "backward rule", "guided", choices=tuple(pairs.RULES)),
        LEVEL,
    ),
    evaluate=pairs.predict_randomisation,
)


def _predict_classes(**parameters: Any) -> Prediction:
    return pairs.predict_randomisation(kind="class", **parameters)


CLASS_INSENSITIVITY = Theorem(
    "class-insensitivity",
    "Why Guided Backprop explains every class alike",
    "The law of randomised layers for two output rows of one network: both relevances start "
    "independent, align with the same activations, and overlap more at every layer down.",
    (GAUSSIAN, BIAS_FREE, FRESH_LAYERS, TWO_ROWS),
    Claim.LIMIT,
    pairs.similarity_formula,
    (SIXT_2020, NIE_2018, ZHENG_2025),
    uses=("randomisation-law",),
    parameters=(
        WIDTHS,
        Choice("rule", "backward rule", "guided", choices=tuple(pairs.RULES)),
        LEVEL,
    ),
    evaluate=_predict_classes,
)


def _predict_zplus(widths: tuple[int, ...], quantity: str, level: int, inputs: str) -> Prediction:
    if quantity == "alignment":
        return zplus.predict_zplus(widths, level, inputs)
    return zplus.predict_zplus_classes(widths, level, inputs)


ZPLUS_UNIFORMITY = Theorem(
    "zplus-uniformity",
    "z⁺ gives back the input, whatever is explained",
    "On x >= 0 z⁺ attributes x ∘ c with nearly constant c: cos²(R, a) = 1/(1 + V), V the relative "
    "variance of c under weights a², to leading order (π-1) Σs²/(Σs)² plus a tilt towards large "
    "activations; corrections of relative size 1/√d and 1/d are predicted too, and 1 - cos of two "
    "classes' explanations. It is that of αβ(1, 0) and excitation backprop as well.",
    (GAUSSIAN, BIAS_FREE, FRESH_LAYERS, NONNEGATIVE_INPUT),
    Claim.LIMIT,
    zplus.spread_formula,
    (MONTAVON_2017, SIXT_2020, ZHENG_2025),
    uses=("zplus-family", "conservation"),
    parameters=(
        WIDTHS,
        Choice(
            "quantity",
            "E cos²(R, a), or E[1 - cos] of two classes",
            "alignment",
            choices=("alignment", "classes"),
        ),
        Number("level", "level, 0 for the input", 0, minimum=0, whole=True, single=True),
        Choice("inputs", "law of the input's entries", "uniform", choices=tuple(zplus.INPUTS)),
    ),
    evaluate=_predict_zplus,
)

DEPTH_LAWS = (
    DEPTH_RECURSION,
    DEPTH_FIXED_POINT,
    SPARSITY_THROUGH_DEPTH,
    RANDOMISATION_LAW,
    CLASS_INSENSITIVITY,
    ZPLUS_UNIFORMITY,
)
