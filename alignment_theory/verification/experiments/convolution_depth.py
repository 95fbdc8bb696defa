"""Alignment through the depth of random convolutional networks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.ensembles import Anisotropic
from alignment_theory.rules import Deconvnet, Gradient, RectGrad
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.convolution_depth import CONVOLUTION_DEPTH
from alignment_theory.verification.checks import Check
from alignment_theory.verification.convolution_sampling import (
    RULES,
    EngineConvolutions,
    Passes,
)
from alignment_theory.verification.exact_laws import SameLaw
from alignment_theory.verification.ladder import Column, Ladder, Predict, Rung, of_theorem
from alignment_theory.verification.variants import Operator, Times, Variant
from alignment_theory.verification.verdict import Outcome

LEVELS = 3
LEAST_SCALE = 0.02
"""What the margin at the top level is relative to: cos² is 1/d there, too small to be resolved."""

SHARE = 0.75
"""Of the effort's trials that two gatherers are compared on."""

NETWORKS: tuple[dict[str, Any], ...] = (
    {"layout": (6, "pool", 12), "size": 6, "inputs": 3},
    {"layout": (24, "pool", 24), "size": 6, "inputs": 3},
)
DEEPER: dict[str, Any] = {"layout": (8, 8, "pool", 8, 8), "size": 6, "inputs": 2}


@dataclass(frozen=True)
class AtLevel:
    """Predict one level's value; `shift` (a planted error) takes it from another level."""

    change: Predict = of_theorem
    shift: int = 0

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        level = (parameters["level"] + self.shift) % LEVELS
        told = {name: value for name, value in parameters.items() if name != "level"}
        found = self.change(theorem, told)
        return Prediction(
            float(np.asarray(found.value)[level]), float(np.asarray(found.remainder)[level])
        )


def means(rule: str) -> Ladder:
    """Return the check of E cos² at every level, for two numbers of channels."""
    sampler = EngineConvolutions(RULES[rule])
    columns = tuple(
        Column(f"level {k}", {"rule": rule, "level": k}, LEAST_SCALE if k == LEVELS - 1 else None)
        for k in range(LEVELS)
    )
    rungs = tuple(Rung(sampler, sizes) for sizes in NETWORKS)
    return Ladder(
        CONVOLUTION_DEPTH,
        f"random convolutions, {RULES[rule].name}",
        "E cos²",
        rungs,
        columns,
        AtLevel(),
        coarser=2.0,
    )


def same(rule: str, sizes: Mapping[str, Any]) -> SameLaw:
    """Return the comparison of whole distributions at every level."""
    layers = sum(not isinstance(entry, str) for entry in sizes["layout"])
    setting = f"{layers} convolutions, {RULES[rule].name}, two gatherers"
    engine = EngineConvolutions(RULES[rule])
    return SameLaw(CONVOLUTION_DEPTH, setting, "cos²", engine, Passes(rule), sizes, SHARE)


GUIDED = means("guided")
CHECKS: tuple[Check, ...] = (
    GUIDED,
    *(same(rule, NETWORKS[0]) for rule in RULES),
    same("guided", DEEPER),
)


SMALL = replace(GUIDED, rungs=GUIDED.rungs[:1])
"""The check for few channels only: enough to refute what is far off."""


def _drawn_from(**changes: Any) -> Ladder:
    (rung,) = SMALL.rungs
    assert isinstance(rung.sampler, EngineConvolutions)
    changed = replace(rung, sampler=replace(rung.sampler, **changes))
    return replace(SMALL, rungs=(changed,))


def _variants() -> Iterator[Variant]:
    wrong = replace(SMALL, columns=SMALL.columns[:1], predict=AtLevel(Times(1.3)))
    yield Variant(Operator.CONSTANT, "cos² 30 % too large", wrong)
    yield Variant(Operator.LEVEL, "the level above", replace(SMALL, predict=AtLevel(shift=1)))
    yield Variant(Operator.GATE, "no forward mask", _drawn_from(rule=Deconvnet()))
    yield Variant(Operator.ENGINE, "no sign gate", _drawn_from(rule=Gradient()))
    comparison = same("rectgrad", NETWORKS[0])
    other = replace(comparison, first=EngineConvolutions(RectGrad(98)))
    yield Variant(Operator.ENGINE, "percentile 98 for 80", other)
    sizes = {"layout": (8, 3, 8, 3), "size": 6, "inputs": 3}
    mirrored = replace(same("guided", sizes), first=EngineConvolutions(mirrored=True))
    error = "filters are transposes of those below"
    yield Variant(Operator.HYPOTHESIS, error, mirrored, "independent-layers")
    for hypothesis, error, changes in (
        ("gaussian-filters", "anisotropic filters", {"law": Anisotropic(0.05)}),
        ("bias-free", "a bias of √D/2", {"bias": 0.5}),
        ("fixed-row", "the largest of ten logits", {"target": "largest"}),
        ("gaussian-row", "a row of ones", {"even_row": True}),
        ("uniform-image", "four lit pixels", {"lit": 4}),
    ):
        yield Variant(Operator.HYPOTHESIS, error, _drawn_from(**changes), hypothesis)
    dead = replace(_drawn_from(rule=RectGrad(100)), columns=SMALL.columns[:1])
    name = "some-coefficient"
    yield Variant(Operator.HYPOTHESIS, "nothing passes", dead, name, Outcome.VACUOUS)


VARIANTS: tuple[Variant, ...] = tuple(_variants())
