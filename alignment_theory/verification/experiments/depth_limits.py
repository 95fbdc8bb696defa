"""Alignment after many layers of one aspect ratio, and with a bias at every unit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles import Anisotropic
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.theory.depth_laws import DEPTH_FIXED_POINT, SPARSITY_THROUGH_DEPTH
from alignment_theory.verification.checks import Check
from alignment_theory.verification.experiments.depth import (
    OUTPUTS,
    SCALE,
    SHAPES,
    drawn_from,
    reduced_only,
    scaled,
)
from alignment_theory.verification.ladder import Column, Ignoring, Ladder, Rung
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


def biased_sizes(k: int) -> dict[str, Any]:
    """Return sizes at which activations keep their scale from layer to layer."""
    widths = scaled(SHAPES["even"], k)
    sigma = (2 / widths[0]) ** 0.5
    return {"widths": widths, "sigma": sigma, "bias": -0.3 * sigma}


def biased(
    rule: Method, name: str, scales: tuple[int, ...], scale: float | None, coarser: float
) -> Ladder:
    """Return the check of a rule's alignment with a bias at all levels but the highest."""
    rungs = (
        Rung(EngineChain(rule), biased_sizes(4), 4),
        *(Rung(ReducedChain(name), biased_sizes(k), k, k == scales[0]) for k in scales),
    )
    columns = tuple(
        Column(f"l = {level}", {"rule": name, "level": level}, scale) for level in range(3)
    )
    setting = f"{rule.name}, even widths, b = -0.3 σ"
    return Ladder(SPARSITY_THROUGH_DEPTH, setting, "E cos²", rungs, columns, coarser=coarser)


BIASED = biased(GuidedBackprop(), "guided", (4, 8, 16), SCALE, 1.0)
BIASED_GRADIENT = biased(Gradient(), "gradient", (2, 4, 8), None, 6.0)


def widths_of(n: int, ratio: float, layers: int) -> tuple[int, ...]:
    """Return widths that grow by the ratio from layer to layer up to n, and the outputs."""
    return (*(round(n * ratio ** (level - layers)) for level in range(layers + 1)), OUTPUTS)


@dataclass(frozen=True)
class EngineAtInput(Sampler):
    """cos² at the input alone, of real networks."""

    chain: EngineChain

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return (count, 1) for the widest layer n, the ratio n/d and the number of layers."""
        return self.chain.draw(rng, count, widths=widths_of(**parameters))[:, :1]


@dataclass(frozen=True)
class AtInput(ReducedSampler):
    """cos² at the input alone, from the chain without weights."""

    rule: str
    q: float = 0.0

    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds at a time."""
        return ReducedChain(self.rule).size(widths=widths_of(**parameters))

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return (count, 1) for the widest layer n, the ratio n/d and the number of layers."""
        chain = ReducedChain(self.rule)
        return chain.draw(rng, count, widths=widths_of(**parameters), q=self.q)[:, :1]


def fixed_point(rule: Method, name: str, ratio: float, layers: int, q: float = 0.0) -> Ladder:
    """Return the check that alignment at the input is the fixed point of the aspect ratio."""

    def sizes(inputs: int) -> dict[str, Any]:
        return {"n": round(inputs * ratio**layers), "ratio": ratio, "layers": layers}

    rungs = [Rung(EngineAtInput(EngineChain(rule)), sizes(40), 40)]
    for inputs in (50, 100, 200, 400):
        thorough = inputs in (50, 200)
        rungs.append(
            Rung(AtInput(name, q), sizes(inputs), inputs, thorough, ratio == 1 and inputs == 200)
        )
    columns = (Column("", {"rule": name, "q": q}),)
    setting = f"{rule.name}, n/d = {ratio:g}"
    return Ladder(DEPTH_FIXED_POINT, setting, "E cos² at the input", tuple(rungs), columns)


SQUARE = fixed_point(GuidedBackprop(), "guided", 1.0, 8)
CHECKS: tuple[Check, ...] = (
    SQUARE,
    fixed_point(GuidedBackprop(), "guided", 1.5, 5),
    fixed_point(RectGrad(90), "rectgrad", 1.0, 8, q=90.0),
    BIASED,
    BIASED_GRADIENT,
)


def _formula_errors() -> Iterator[Variant]:
    square, guided = map(reduced_only, (SQUARE, BIASED))
    for check in (square, guided):
        for factor in (1.04, 0.96):
            wrong = replace(check, predict=OddsTimes(factor))
            yield Variant(Operator.CONSTANT, f"C² off by a factor {1 / factor:.3g}", wrong)
        yield Variant(Operator.SQUARE, "cos² → cos", replace(check, predict=SquareDropped()))
    halved = replace(square, predict=RemainderTimes(0.5))
    yield Variant(Operator.REMAINDER, "1/width term halved", halved)
    halved = replace(reduced_only(BIASED_GRADIENT), predict=RemainderTimes(0.5))
    yield Variant(Operator.REMAINDER, "1/width term halved", halved)
    free = replace(reduced_only(BIASED_GRADIENT), predict=Told("bias", 0.0))
    yield Variant(Operator.TERM, "1/d at every level, as without a bias", free)
    shifted = replace(guided, predict=Shifted("level", 1))
    yield Variant(Operator.LEVEL, "level l + 1 for l", shifted)
    unbiased = replace(guided, predict=Told("bias", 0.0))
    yield Variant(Operator.TERM, "the bias left out", unbiased)
    opposite = replace(guided, predict=Told("bias", 0.02))
    yield Variant(Operator.INEQUALITY, "a bias of the other sign", opposite)


def _dropped_hypotheses() -> Iterator[Variant]:
    drops: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("gaussian-weights", "anisotropic rows", {"law": Anisotropic(0.1)}),
        ("bias-free", "biases of -0.5", {"bias": -0.5}),
        ("independent-layers", "each layer a transpose", {"mirror": True}),
        ("one-bias", "biases of many sizes", {"spread": 0.3}),
    )
    for hypothesis, error, changes in drops:
        chain = replace(EngineChain(), **changes)
        if hypothesis != "one-bias":
            changed = drawn_from(SQUARE, EngineAtInput(chain))
            yield Variant(Operator.HYPOTHESIS, error, changed, hypothesis)
        if hypothesis != "bias-free":
            yield Variant(Operator.HYPOTHESIS, error, drawn_from(BIASED, chain), hypothesis)
    other = replace(reduced_only(SQUARE), predict=Told("ratio", 1.1))
    yield Variant(Operator.HYPOTHESIS, "square layers taken for n/d = 1.1", other, "one-ratio")
    rungs = tuple(
        replace(rung, sizes={**rung.sizes, "output": "argmax"})
        for rung in reduced_only(BIASED).rungs
    )
    largest = replace(BIASED, rungs=rungs, predict=Ignoring("output"))
    yield Variant(Operator.HYPOTHESIS, "the largest logit's row", largest, "fixed-row")


def _engine_errors() -> Iterator[Variant]:
    for check, chain in ((SQUARE, EngineAtInput), (BIASED, None)):
        wrong = EngineChain(Deconvnet())
        changed = drawn_from(check, chain(wrong) if chain else wrong)
        yield Variant(Operator.ENGINE, "Guided Backprop without forward mask", changed)
    unmasked = drawn_from(SQUARE, AtInput("deconvnet"))
    yield Variant(Operator.GATE, "no mask in the reduced sampler", unmasked)


VARIANTS: tuple[Variant, ...] = (
    *_formula_errors(),
    *_dropped_hypotheses(),
    *_engine_errors(),
)
