"""The exact law of one backward step through a convolution."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from alignment_theory.ensembles import Anisotropic
from alignment_theory.layers import Conv2d, Relu
from alignment_theory.network import Network
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.theory.shared_weights import SHARED_WEIGHTS_LAW
from alignment_theory.verification.checks import Check
from alignment_theory.verification.compared import OnGiven
from alignment_theory.verification.exact_laws import ExactLaw
from alignment_theory.verification.shared_sampling import ConvolutionPValues, determined
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.variants import Operator, Variant
from alignment_theory.verification.verdict import Outcome

SIZES = {"channels": 6, "filters": 6, "size": 6}
"""36 patches of 54 inputs at the first convolution, 9 of 54 at the second."""

STRIDED = {"channels": 6, "filters": 6, "size": 9}
SPANNED = {"channels": 1, "filters": 6, "size": 6}
RULES: tuple[Method, ...] = (GuidedBackprop(), RectGrad(80), Gradient(), Deconvnet())
SHARE = 0.85
"""Of the effort's networks: one has three p-values and costs some ten dense ones."""


def law(sampler: ConvolutionPValues, setting: str, **sizes: int) -> ExactLaw:
    """Return the check that p-values, or differences of adjacent ones, are uniform."""
    quantity = "p-values of relevance along random images"
    if len(sampler.signs) > 1:
        quantity = "differences mod 1 of adjacent p-values"
    share = SHARE * (1.5 if len(sampler.signs) > 1 else 1.0)
    told = {**SIZES, **sizes}
    return ExactLaw(SHARED_WEIGHTS_LAW, setting, quantity, sampler, told, share)


def one_channel(rng: np.random.Generator, *, bias: float = 0.0) -> list[Subject]:
    """Return networks of one convolution on images of one channel, whose patches span 3 x 3."""
    subjects = []
    for index in range(6):
        weight = rng.standard_normal((4, 1, 3, 3))
        layers = [Conv2d(weight, bias * rng.standard_normal(4)), Relu()]
        inputs = rng.standard_normal((4, 1, 7, 7))
        subjects.append(Subject(f"one channel {index}", Network(layers, (1, 7, 7)), inputs))
    return subjects


PLAIN = law(ConvolutionPValues(), "random convolutions, GuidedBackprop")
DETERMINED = OnGiven(
    SHARED_WEIGHTS_LAW,
    "patches that span all inputs: z determines g",
    determined,
    make=partial(one_channel, bias=0.5),
)


def _checks() -> Iterator[Check]:
    yield PLAIN
    for rule in RULES[1:]:
        yield law(ConvolutionPValues(rule), f"random convolutions, {rule.name}")
    strided = ConvolutionPValues(bias=0.5, stride=2, target="largest")
    setting = "stride 2, biases, GuidedBackprop of the top logit"
    yield law(strided, setting, **STRIDED)
    yield law(ConvolutionPValues(signs=(1, -1)), "random convolutions, layers jointly (1, -1)")
    yield DETERMINED


CHECKS: tuple[Check, ...] = tuple(_checks())


def _changed(share: float = 0.4, **changes: Any) -> ExactLaw:
    """Return the check with an error in it; fewer networks show most of them."""
    assert isinstance(PLAIN.sampler, ConvolutionPValues)
    sampler = replace(PLAIN.sampler, **changes)
    return replace(PLAIN, sampler=sampler, trials_factor=share)


def _variants() -> Iterator[Variant]:
    yield Variant(Operator.DEGREES, "χ²(J) → χ²(J + 1)", _changed(degrees=1))
    yield Variant(Operator.CONSTANT, "σ 5 % too large", _changed(sigma=1.05))
    yield Variant(Operator.TERM, "I - P_X dropped", _changed(projected=False))
    yield Variant(Operator.TERM, "the mean dropped", _changed(centred=False))
    biased = replace(DETERMINED, evidence=partial(determined, unbiased=False))
    yield Variant(Operator.TERM, "Z for Z - b", biased)
    for hypothesis, error, changes in (
        ("gaussian-filters", "anisotropic filters", {"law": Anisotropic(0.1), "share": SHARE}),
        (
            "independent-layers",
            "filters are transposes of those above",
            {"mirrored": True, "rule": Gradient(), "layer": 0, "share": SHARE},
        ),
        ("sees-z-only", "the row with the largest weights", {"target": "heaviest row"}),
        ("fixed-probes", "the relevance as a probe", {"chosen": True}),
    ):
        yield Variant(Operator.HYPOTHESIS, error, _changed(**changes), hypothesis)
    spanned = replace(_changed(layer=0), sizes=SPANNED)
    dead = replace(_changed(rule=RectGrad(100), layer=0), sizes=SIZES)
    for hypothesis, error, check in (
        ("unspanned", "images of one channel", spanned),
        ("some-coefficient", "nothing passes", dead),
    ):
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis, Outcome.VACUOUS)


VARIANTS: tuple[Variant, ...] = tuple(_variants())
