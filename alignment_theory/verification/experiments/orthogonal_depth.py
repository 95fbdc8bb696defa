"""Alignment through networks with orthogonal layers, level by level."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignment_theory.ensembles import Orthogonal
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.depth_laws import DEPTH_RECURSION
from alignment_theory.theory.orthogonal_depth import ORTHOGONAL_DEPTH
from alignment_theory.verification.checks import Check
from alignment_theory.verification.exact_laws import SameLaw
from alignment_theory.verification.experiments.depth import (
    SCALE,
    SCALES,
    SHAPES,
    WidthsReversed,
    drawn_from,
    reduced_only,
    scaled,
)
from alignment_theory.verification.ladder import Column, Ignoring, Ladder, Rung, of_theorem
from alignment_theory.verification.orthogonal_sampling import OrthogonalChain
from alignment_theory.verification.reduced_depth import EngineChain
from alignment_theory.verification.variants import (
    OddsTimes,
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Told,
    Variant,
)

ONLY_THOROUGH = (2, 16)
SHARP = {"even": 4, "bulging": 8}
"""Multiples of the widths at which the remainder leaves the 1/width term to be resolved."""

ONLY_SMALL = 4
"""Multiple of the widths up to which errors are planted in the formula."""

COARSER = {8: 1.5, 16: 2.0}
"""Factors on the margins in widening networks, where cos² is up to twice the scale."""

SMALL = {"widths": (9, 16, 12, 4)}
"""Layers of both kinds: from 9 to 16 neurons orthonormal columns, from 16 to 12 rows."""


def engine(rule: Method) -> EngineChain:
    """Return the sampler of real networks with orthogonal layers."""
    return EngineChain(rule, law=Orthogonal())


def ladder(
    name: str, shape: str, *, q: float = 0.0, words: str = "", rule: Method | None = None
) -> Ladder:
    """Return the check of a rule at all levels but the highest; where `rule` is given, it runs."""
    widths = SHAPES[shape]
    rungs = []
    if rule is not None:
        sizes = {"widths": scaled(widths, 2), "q": q}
        rungs.append(Rung(engine(rule), sizes, 2, coarser=2.5))
    for k in SCALES:
        sizes = {"widths": scaled(widths, k), "q": q}
        sharp = k == SHARP.get(shape)
        coarser = COARSER.get(k, 1.0) if shape == "widening" else 1.0
        rungs.append(Rung(OrthogonalChain(name), sizes, k, k in ONLY_THOROUGH, sharp, coarser))
    columns = tuple(
        Column(f"l = {level}", {"rule": name, "level": level}, SCALE, level)
        for level in range(len(widths) - 1)
    )
    setting = f"{words}, {shape} widths"
    return Ladder(ORTHOGONAL_DEPTH, setting, "E cos²", tuple(rungs), columns)


GUIDED = ladder("guided", "even", words="GuidedBackprop", rule=GuidedBackprop())
FUNNEL = ladder("guided", "funnel", words="GuidedBackprop")
WIDENING = ladder("guided", "widening", words="GuidedBackprop")
RECTGRAD = ladder("rectgrad", "bulging", q=80.0, words="RectGrad(80)", rule=RectGrad(80))


def _gradient() -> Ladder:
    small, large = (10, 20, 14, 4), (40, 80, 60, 4)
    rungs = (
        Rung(engine(Gradient()), {"widths": small}, coarser=2.0),
        Rung(OrthogonalChain("gradient"), {"widths": small}),
        Rung(OrthogonalChain("gradient"), {"widths": large}),
    )
    columns = tuple(Column(f"l = {k}", {"rule": "gradient", "level": k}) for k in range(3))
    return Ladder(ORTHOGONAL_DEPTH, "Gradient", "E cos²", rungs, columns, coarser=5.0)


GRADIENT = _gradient()


def _checks() -> Iterator[Check]:
    yield from (GUIDED, FUNNEL, WIDENING, RECTGRAD, GRADIENT)
    yield SameLaw(
        ORTHOGONAL_DEPTH,
        "GuidedBackprop, two gatherers",
        "cos² at every level",
        engine(GuidedBackprop()),
        OrthogonalChain("guided"),
        SMALL,
        trials_factor=0.75,
    )


CHECKS: tuple[Check, ...] = tuple(_checks())


@dataclass(frozen=True)
class GaussianLayers:
    """Predict for Gaussian layers of these widths."""

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        del theorem
        return of_theorem(DEPTH_RECURSION, parameters)


def _telling(check: Ladder) -> Ladder:
    """Return the check where errors show early: far below the output, in the smaller networks."""
    small = tuple(rung for rung in reduced_only(check).rungs if rung.scale <= ONLY_SMALL)
    return replace(check, rungs=small, columns=check.columns[:2])


def _formula_errors() -> Iterator[Variant]:
    checks = tuple(map(_telling, (GUIDED, FUNNEL, WIDENING, RECTGRAD)))
    _, funnel, widening, rectgrad = checks
    for check, factor in zip(checks, (1.04, 0.95, 1.05, 0.96), strict=True):
        error = f"C² off by a factor {1 / factor:.3g}"
        yield Variant(Operator.CONSTANT, error, replace(check, predict=OddsTimes(factor)))
        yield Variant(Operator.SQUARE, "cos² → cos", replace(check, predict=SquareDropped()))
        shifted = replace(check, predict=Shifted("level", 1))
        yield Variant(Operator.LEVEL, "level l + 1 for l", shifted)
        gaussian = replace(check, predict=GaussianLayers())
        yield Variant(Operator.TERM, "the recursion of Gaussian layers", gaussian)
    for check in (GUIDED, RECTGRAD):
        sharp = tuple(rung for rung in check.rungs if rung.sharp)
        near = replace(check, rungs=sharp, columns=check.columns[-1:])
        halved = replace(near, predict=RemainderTimes(0.5))
        yield Variant(Operator.REMAINDER, "1/width term halved", halved)
    yield Variant(Operator.SWAP, "widths reversed", replace(funnel, predict=WidthsReversed()))
    swapped = replace(widening, predict=Told("rule", "gradient"))
    yield Variant(Operator.TERM, "the gradient's C² for Guided Backprop", swapped)
    quantile = replace(rectgrad, predict=Told("q", 75.0))
    yield Variant(Operator.CONSTANT, "q = 75 for 80", quantile)


def _dropped_hypotheses() -> Iterator[Variant]:
    """Yield what a dropped hypothesis changes, each at the level where it shows most."""
    orthogonal = engine(GuidedBackprop())
    drops = (
        ("orthogonal-layers", "Gaussian weights", EngineChain(), 0),
        ("bias-free", "biases of -0.5", replace(orthogonal, bias=-0.5), 0),
        ("independent-layers", "W_2 = W_1ᵀ, W_3 = W_1ᵀ", replace(orthogonal, mirror=True), 1),
    )
    for hypothesis, error, sampler, level in drops:
        changed = replace(drawn_from(GUIDED, sampler), columns=(GUIDED.columns[level],))
        yield Variant(Operator.HYPOTHESIS, error, changed, hypothesis)
    rungs = tuple(
        replace(rung, sizes={**rung.sizes, "output": "argmax"})
        for rung in drawn_from(GUIDED, orthogonal).rungs
    )
    largest = replace(GUIDED, rungs=rungs, columns=GUIDED.columns[-1:], predict=Ignoring("output"))
    yield Variant(Operator.HYPOTHESIS, "the largest logit's row", largest, "fixed-row")


def _engine_errors() -> Iterator[Variant]:
    lowest = replace(RECTGRAD, columns=RECTGRAD.columns[:1])
    for check, error, rule in (
        (GUIDED, "Guided Backprop without forward mask", Deconvnet()),
        (GUIDED, "Guided Backprop without sign gate", Gradient()),
        (lowest, "RectGrad with q = 95 for 80", RectGrad(95)),
        (GRADIENT, "the gradient with a sign gate", GuidedBackprop()),
    ):
        yield Variant(Operator.ENGINE, error, drawn_from(check, engine(rule)))
    unmasked = drawn_from(_telling(GUIDED), OrthogonalChain("deconvnet"))
    yield Variant(Operator.GATE, "no mask in the reduced sampler", unmasked)
    for check in map(_telling, (FUNNEL, WIDENING)):
        unprojected = drawn_from(check, OrthogonalChain("guided", projects=False))
        yield Variant(Operator.TERM, "the Beta factor left out", unprojected)


VARIANTS: tuple[Variant, ...] = (
    *_formula_errors(),
    *_dropped_hypotheses(),
    *_engine_errors(),
)
