"""Attribution rules: how relevance crosses a switch and a linear layer."""

from alignment_theory.rules.base import Crossing, Form, Method, Rule, SignalRule
from alignment_theory.rules.composite import (
    Composite,
    DeepTaylor,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
)
from alignment_theory.rules.gates import (
    BetaSmooth,
    Deconvnet,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    RectGrad,
)
from alignment_theory.rules.lrp import Bias, LinearRule, Part, Stabiliser, Term
from alignment_theory.rules.reference import DeepLift, IntegratedGradients, SmoothGrad
from alignment_theory.rules.relevance import (
    LRP0,
    AlphaBeta,
    Epsilon,
    Flat,
    Gamma,
    WSquare,
    ZBox,
    ZPlus,
)

__all__ = [
    "LRP0",
    "AlphaBeta",
    "BetaSmooth",
    "Bias",
    "Composite",
    "Crossing",
    "Deconvnet",
    "DeepLift",
    "DeepTaylor",
    "Epsilon",
    "EpsilonAlpha2Beta1",
    "EpsilonGammaBox",
    "EpsilonPlus",
    "ExcitationBackprop",
    "Flat",
    "Form",
    "Gamma",
    "Gradient",
    "GuidedBackprop",
    "InputTimesGradient",
    "IntegratedGradients",
    "LinearRule",
    "Method",
    "Part",
    "RectGrad",
    "Rule",
    "SignalRule",
    "SmoothGrad",
    "Stabiliser",
    "Term",
    "WSquare",
    "ZBox",
    "ZPlus",
]
