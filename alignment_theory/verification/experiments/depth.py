"""Alignment through depth: Guided Backprop, RectGrad, gradient and DeconvNet, level by level."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles import Anisotropic
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.depth_laws import DEPTH_RECURSION
from alignment_theory.verification.checks import Check
from alignment_theory.verification.exact_laws import ExactLaw, SameLaw
from alignment_theory.verification.ladder import Column, Ladder, Rung, of_theorem
from alignment_theory.verification.reduced_depth import EngineChain, ReducedChain
from alignment_theory.verification.samplers import ReducedSampler, Sampler
from alignment_theory.verification.variants import (
    OddsTimes,
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Told,
    Variant,
)

SHAPES = {
    "even": (25, 25, 25, 25),
    "funnel": (98, 64, 32, 20),
    "widening": (20, 32, 64, 98),
    "bulging": (25, 50, 50, 25),
}
OUTPUTS = 10
SCALES = (2, 4, 8, 16)
ONLY_THOROUGH = (2, 8)
SCALE = 0.2
"""Magnitude that margins are relative to: squared cosines come in all sizes."""

SHARP = 4
LARGE = 128
"""Multiple of the even widths that is reached once, 3200 units a layer."""

SMALL: dict[str, Any] = {"widths": (9, 16, 12, 10, 4)}


def scaled(shape: Sequence[int], k: int) -> tuple[int, ...]:
    """Return widths k times as large, with the same outputs."""
    return (*(k * width for width in shape), OUTPUTS)


def ladder(rule: Method, name: str, shape: str, output: str = "fixed", q: float = 0.0) -> Ladder:
    """Return the check of a rule's alignment at all levels but the highest, whose law is exact."""
    told = {"output": output, "q": q}
    widths = SHAPES[shape]
    rungs = [Rung(EngineChain(rule), {"widths": scaled(widths, 2), **told}, 2)]
    for k in SCALES:
        sizes = {"widths": scaled(widths, k), **told}
        coarser = 1.5 if output == "argmax" and k > SHARP else 1.0
        rungs.append(Rung(ReducedChain(name), sizes, k, k in ONLY_THOROUGH, k == SHARP, coarser))
    if shape == "even":
        sizes = {"widths": scaled(widths, LARGE), **told}
        rungs.append(Rung(ReducedChain(name), sizes, LARGE, True, coarser=4.0))
    levels = range(len(widths) - 1)
    columns = tuple(
        Column(f"l = {level}", {"rule": name, "level": level}, SCALE, level) for level in levels
    )
    words = "largest logit" if output == "argmax" else "fixed row"
    setting = f"{rule.name}, {shape} widths, {words}"
    return Ladder(DEPTH_RECURSION, setting, "E cos²", tuple(rungs), columns)


def exact(rule: Method, name: str) -> Ladder:
    """Return the check that a rule without alignment has E cos² = 1/d at every level."""
    rungs = (
        Rung(EngineChain(rule), {"widths": (10, 20, 14, 4), "output": "fixed", "q": 0.0}),
        Rung(ReducedChain(name), {"widths": (10, 20, 14, 4), "output": "fixed", "q": 0.0}),
        Rung(ReducedChain(name), {"widths": (40, 80, 60, 4), "output": "fixed", "q": 0.0}),
    )
    columns = tuple(Column(f"l = {level}", {"rule": name, "level": level}) for level in range(3))
    setting = f"{rule.name}, fixed row"
    return Ladder(DEPTH_RECURSION, setting, "E cos²", rungs, columns, coarser=3.0)


GUIDED = ladder(GuidedBackprop(), "guided", "even")
BULGING = ladder(GuidedBackprop(), "guided", "bulging")
LARGEST = ladder(GuidedBackprop(), "guided", "widening", "argmax")
RECTGRAD = ladder(RectGrad(80), "rectgrad", "bulging", q=80.0)
GRADIENT = exact(Gradient(), "gradient")


@dataclass(frozen=True)
class BetaPValues(Sampler):
    """The probability integral transform of cos² under Beta(1/2, (d - 1)/2), at every level."""

    chain: Sampler

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return the p-values (count, levels)."""
        from scipy.stats import beta

        squares = self.chain.draw(rng, count, **parameters)
        sizes = np.array(parameters["widths"][:-1])
        return np.asarray(beta.cdf(squares, 0.5, (sizes - 1) / 2))


def _checks() -> Iterator[Check]:
    yield from (GUIDED, BULGING, LARGEST, RECTGRAD)
    yield ladder(GuidedBackprop(), "guided", "funnel")
    yield ladder(RectGrad(60), "rectgrad", "even", "argmax", q=60.0)
    yield GRADIENT
    yield exact(Deconvnet(), "deconvnet")
    sizes = {"widths": SMALL["widths"], "output": "fixed"}
    yield ExactLaw(
        DEPTH_RECURSION,
        "Gradient, fixed row, Beta law at every level",
        "p-values of cos²",
        BetaPValues(EngineChain(Gradient())),
        sizes,
    )
    rules: tuple[tuple[Method, str, float], ...] = (
        (GuidedBackprop(), "guided", 0.0),
        (RectGrad(60), "rectgrad", 60.0),
        (Gradient(), "gradient", 0.0),
        (Deconvnet(), "deconvnet", 0.0),
    )
    for (rule, name, q), output in zip(rules, ("fixed", "argmax") * 2, strict=True):
        sizes = {**SMALL, "output": output, "q": q}
        setting = f"{rule.name}, two gatherers"
        one, other = EngineChain(rule), ReducedChain(name)
        yield SameLaw(DEPTH_RECURSION, setting, "cos² at every level", one, other, sizes)


CHECKS: tuple[Check, ...] = tuple(_checks())


@dataclass(frozen=True)
class WidthsReversed:
    """Predict for the widths in the wrong order: n and d exchanged at every layer."""

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        *widths, outputs = parameters["widths"]
        return of_theorem(theorem, {**parameters, "widths": (*widths[::-1], outputs)})


@dataclass(frozen=True)
class WidthsShifted:
    """Predict with d + 1 inputs for d at every level, as d for d - 1 would."""

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        first, *rest = parameters["widths"]
        return of_theorem(theorem, {**parameters, "widths": (first + 1, *rest)})


def drawn_from(check: Ladder, engine: Sampler) -> Ladder:
    """Return the check on the rungs of one kind of sampler, drawn from another of that kind."""
    rungs = [
        replace(rung, sampler=engine)
        for rung in check.rungs
        if isinstance(rung.sampler, type(engine))
    ]
    return replace(check, rungs=tuple(rungs))


def reduced_only(check: Ladder) -> Ladder:
    """Return the check without the engine's rungs, which errors of a formula do not need."""
    rungs = tuple(rung for rung in check.rungs if isinstance(rung.sampler, ReducedSampler))
    return replace(check, rungs=rungs)


def _formula_errors() -> Iterator[Variant]:
    guided, bulging, rectgrad, largest = map(reduced_only, (GUIDED, BULGING, RECTGRAD, LARGEST))
    for check, factor in ((guided, 1.05), (bulging, 0.95), (rectgrad, 1.05), (largest, 1.04)):
        error = f"C² off by a factor {1 / factor:.3g}"
        yield Variant(Operator.CONSTANT, error, replace(check, predict=OddsTimes(factor)))
    for check in (guided, bulging, rectgrad, largest):
        yield Variant(Operator.SQUARE, "cos² → cos", replace(check, predict=SquareDropped()))
        shifted = replace(check, predict=Shifted("level", 1))
        yield Variant(Operator.LEVEL, "level l + 1 for l", shifted)
        halved = replace(check, predict=RemainderTimes(0.5))
        yield Variant(Operator.REMAINDER, "1/width term halved", halved)
        degrees = replace(check, predict=WidthsShifted(), columns=check.columns[:1])
        yield Variant(Operator.DEGREES, "d - 1 → d at the input", degrees)
    funnel = reduced_only(ladder(GuidedBackprop(), "guided", "funnel"))
    yield Variant(Operator.SWAP, "widths reversed", replace(funnel, predict=WidthsReversed()))
    swapped = replace(bulging, predict=Told("rule", "gradient"))
    yield Variant(Operator.TERM, "the gradient's C² for Guided Backprop", swapped)
    quantile = replace(rectgrad, predict=Told("q", 75.0))
    yield Variant(Operator.CONSTANT, "q = 75 for 80", quantile)


def _dropped_hypotheses() -> Iterator[Variant]:
    drops = (
        ("gaussian-weights", "anisotropic rows", EngineChain(law=Anisotropic(0.1))),
        ("bias-free", "biases of -0.5", EngineChain(bias=-0.5)),
        ("independent-layers", "W_2 = W_1ᵀ, W_3 = W_1ᵀ", EngineChain(mirror=True)),
    )
    for hypothesis, error, engine in drops:
        yield Variant(Operator.HYPOTHESIS, error, drawn_from(GUIDED, engine), hypothesis)
    other = replace(reduced_only(LARGEST), predict=Told("output", "fixed"))
    yield Variant(Operator.HYPOTHESIS, "largest logit taken for fixed", other, "stated-row")


def _engine_errors() -> Iterator[Variant]:
    for check, error, rule in (
        (BULGING, "Guided Backprop without forward mask", Deconvnet()),
        (BULGING, "Guided Backprop without sign gate", Gradient()),
        (RECTGRAD, "RectGrad with q = 95 for 80", RectGrad(95)),
        (RECTGRAD, "RectGrad's quantile of |a g|", RectGrad(80, magnitude=True)),
        (GRADIENT, "the gradient with a sign gate", GuidedBackprop()),
    ):
        yield Variant(Operator.ENGINE, error, drawn_from(check, EngineChain(rule)))
    unmasked = drawn_from(BULGING, ReducedChain("deconvnet"))
    yield Variant(Operator.GATE, "no mask in the reduced sampler", unmasked)


VARIANTS: tuple[Variant, ...] = (
    *_formula_errors(),
    *_dropped_hypotheses(),
    *_engine_errors(),
)
