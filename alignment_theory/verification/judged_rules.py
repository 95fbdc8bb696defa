"""The rules that statements about any rule are judged for."""

from alignment_theory.rules import (
    LRP0,
    AlphaBeta,
    Deconvnet,
    DeepLift,
    DeepTaylor,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Gamma,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    IntegratedGradients,
    Method,
    RectGrad,
    SmoothGrad,
    WSquare,
    ZPlus,
)

SIGNAL_RULES: tuple[Method, ...] = (Gradient(), Deconvnet(), GuidedBackprop(), RectGrad(80))
_RELEVANCE_RULES: tuple[Method, ...] = (
    LRP0(),
    Epsilon(0.01),
    Gamma(),
    Gamma(generalised=True),
    ZPlus(),
    AlphaBeta(2.0, 1.0),
    WSquare(),
    Flat(),
    DeepTaylor(0.0, 1.0),
)
ALL_RULES: tuple[Method, ...] = (
    *SIGNAL_RULES,
    InputTimesGradient(),
    RectGrad.reference_code(90),
    *_RELEVANCE_RULES,
    DeepTaylor(),
    ExcitationBackprop(),
    EpsilonPlus(),
    EpsilonAlpha2Beta1(),
    EpsilonGammaBox(0.0, 1.0),
    DeepLift(0.1),
    IntegratedGradients(steps=4),
    SmoothGrad(samples=4),
)
CONSERVING: tuple[Method, ...] = (
    ZPlus(),
    AlphaBeta(2.0, 1.0),
    Gamma(),
    DeepTaylor(0.0, 1.0),
    WSquare(),
    Flat(),
)
"""Rules that keep ΣR on bias-free layers; DeepTaylor brings z^B."""

LAYER_RULES: tuple[Method, ...] = (*SIGNAL_RULES, DeepLift(0.1), *_RELEVANCE_RULES)
"""What a layer can be crossed by: composites only say which layer gets which of these, and averages
are of gradients. DeepTaylor brings z^B."""
