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
)
from alignment_theory.rules.input_layer import Flat, WSquare, ZBox
from alignment_theory.rules.lrp import Bias, LinearRule, Part, Pooling, Stabiliser, Term
from alignment_theory.rules.rectgrad import RectGrad
from alignment_theory.rules.reference import DeepLift, IntegratedGradients, SmoothGrad
from alignment_theory.rules.relevance import LRP0, AlphaBeta, Epsilon, Gamma, ZPlus

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
    "Pooling",
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
