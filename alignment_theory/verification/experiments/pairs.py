"""Pairs of attributions: layers re-drawn (randomisation), and other classes explained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignment_theory.ensembles import Anisotropic
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.depth_laws import CLASS_INSENSITIVITY, RANDOMISATION_LAW
from alignment_theory.verification.checks import Check
from alignment_theory.verification.exact_laws import SameLaw
from alignment_theory.verification.experiments.depth import OUTPUTS, drawn_from, reduced_only
from alignment_theory.verification.ladder import Column, Ignoring, Ladder, Rung
from alignment_theory.verification.pair_sampling import EnginePairs, ReducedPairs
from alignment_theory.verification.variants import (
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Times,
    Told,
    Variant,
)

SHAPE = (25, 40, 30, 30, 40)
"""Narrow and wide layers in turn, so that no layer can be taken for another."""

SCALES = (2, 4, 8, 16)
ONLY_THOROUGH = (2, 8)
SHARP = 4
COARSER = {8: 1.5, 16: 2.0}
"""Cosines of pairs vary much from network to network; wide ones are dear, so margins grow there."""

SCALE = 0.6
"""Magnitude that margins are relative to: cosines come in all sizes."""

RULES: dict[str, Method] = {"guided": GuidedBackprop(), "gradient": Gradient()}
SMALL = {"widths": (9, 14, 10, 12, 4)}


def widths(k: int) -> tuple[int, ...]:
    """Return the widths k times as large, with the same outputs."""
    return (*(k * width for width in SHAPE), OUTPUTS)


def rungs(rule: str, **told: Any) -> tuple[Rung, ...]:
    """Return one rung for the engine and the rest for the reduced sampler."""
    found = [Rung(EnginePairs(RULES[rule]), {"widths": widths(2), **told}, 2)]
    for k in SCALES:
        sizes = {"widths": widths(k), **told}
        coarser = COARSER.get(k, 1.0)
        found.append(
            Rung(
                ReducedPairs(rule),
                sizes,
                k,
                k in ONLY_THOROUGH,
                rule == "guided" and k == SHARP,
                coarser,
            )
        )
    return tuple(found)


def randomised(kind: str, layer: int, rule: str = "guided") -> Ladder:
    """Return the check of one kind of randomisation at one layer, at every level below the top."""
    levels = range(len(SHAPE) - 1)
    columns = tuple(
        Column(f"l = {level}", {"rule": rule, "level": level}, SCALE, level) for level in levels
    )
    setting = f"{kind} at layer {layer}, {RULES[rule].name}"
    found = rungs(rule, kind=kind, layer=layer)
    return Ladder(RANDOMISATION_LAW, setting, "E cos(R, R')", found, columns, low=-1.0)


def classes(rule: str) -> Ladder:
    """Return the check of two output rows of one network, at every level below the top."""
    check = randomised("cascading", 4, rule)
    setting = f"two outputs, {RULES[rule].name}"
    found = rungs(rule, kind="class")
    return replace(
        check,
        theorem=CLASS_INSENSITIVITY,
        setting=setting,
        rungs=found,
        predict=Ignoring("kind"),
        coarser=2.0 if rule == "gradient" else 1.0,
    )


TOP, MIDDLE = randomised("cascading", 4), randomised("cascading", 2)
ONE, BOTTOM = randomised("independent", 3), randomised("bottom-up", 2)
CLASSES = classes("guided")


def _checks() -> Iterator[Check]:
    yield from (TOP, MIDDLE, randomised("cascading", 1), ONE, BOTTOM)
    yield randomised("independent", 2, "gradient")
    yield from (CLASSES, classes("gradient"))
    for kind, layer in (("cascading", 2), ("independent", 3), ("bottom-up", 2)):
        sizes = {**SMALL, "kind": kind, "layer": layer}
        one, other, setting = EnginePairs(), ReducedPairs(), f"{kind}, two gatherers"
        yield SameLaw(RANDOMISATION_LAW, setting, "cos(R, R')", one, other, sizes)
    sizes = {**SMALL, "kind": "class"}
    one, other = EnginePairs(), ReducedPairs()
    yield SameLaw(CLASS_INSENSITIVITY, "two gatherers", "cos(R, R')", one, other, sizes)


CHECKS: tuple[Check, ...] = tuple(_checks())


@dataclass(frozen=True)
class ForClassesWrongly:
    """Predict for two classes from randomisation, or with a factor, or at another level."""

    factor: float = 1.0
    remainder: float = 1.0
    level: int = 0

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        shifted = {**parameters, "level": parameters["level"] + self.level}
        right = Ignoring("kind")(theorem, shifted)
        limit = right.terms["limit"]
        return replace(right, value=self.factor * (limit + self.remainder * (right.value - limit)))


TOO_SMALL = (
    "the stated remainder, a majorant, covers half of the 1/width term at the widths that can be "
    "resolved"
)


def _sharp_at(check: Ladder, scale: int) -> tuple[Rung, ...]:
    """Return the rungs, sharp at one scale: where the remainder at `SHARP` hides the term."""
    return tuple(replace(rung, sharp=rung.scale == scale) for rung in check.rungs)


def _formula_errors() -> Iterator[Variant]:
    top, middle, one, bottom, classes = map(reduced_only, (TOP, MIDDLE, ONE, BOTTOM, CLASSES))
    for check in (top, middle, one, bottom):
        yield Variant(Operator.CONSTANT, "5 % too large", replace(check, predict=Times(1.05)))
        shifted = replace(check, predict=Shifted("level", 1))
        yield Variant(Operator.LEVEL, "level l + 1 for l", shifted)
        telling = check.columns[3:] if check is bottom else check.columns[:2]
        dropped = replace(check, predict=RemainderTimes(0.0), columns=telling)
        if check is bottom:
            dropped = replace(dropped, rungs=_sharp_at(check, 2 * SHARP))
        yield Variant(Operator.REMAINDER, "1/width term dropped", dropped)
        halved = replace(check, predict=RemainderTimes(0.5))
        yield Variant(Operator.REMAINDER, "1/width term halved", halved, unresolved=TOO_SMALL)
    yield Variant(Operator.SQUARE, "root taken", replace(top, predict=SquareDropped()))
    other = replace(middle, predict=Shifted("layer", 1))
    yield Variant(Operator.LEVEL, "layer k + 1 for k", other)
    other = replace(one, predict=Told("kind", "cascading"))
    yield Variant(Operator.TERM, "the cascading law for one layer", other)
    for operator, error, wrong in (
        (Operator.CONSTANT, "5 % too large", ForClassesWrongly(factor=1.05)),
        (Operator.REMAINDER, "1/width term dropped", ForClassesWrongly(remainder=0.0)),
        (Operator.LEVEL, "level l + 1 for l", ForClassesWrongly(level=1)),
    ):
        yield Variant(operator, error, replace(classes, predict=wrong))
    forgetful = drawn_from(TOP, ReducedPairs(forget=True))
    yield Variant(Operator.TERM, "η = 0 at every layer", forgetful)


def _dropped_hypotheses() -> Iterator[Variant]:
    engines = (
        ("gaussian-weights", "anisotropic rows", EnginePairs(law=Anisotropic(0.1))),
        ("bias-free", "biases of -6", EnginePairs(bias=-6.0)),
    )
    for check in (MIDDLE, CLASSES):
        for hypothesis, error, engine in engines:
            changed = drawn_from(check, engine)
            yield Variant(Operator.HYPOTHESIS, error, changed, hypothesis)
        square = {**check.rungs[0].sizes, "widths": (60,) * 5 + (OUTPUTS,)}
        tied = replace(check, rungs=(Rung(EnginePairs(mirror=True), square),))
        words = "square layers, each the transpose of the last"
        yield Variant(Operator.HYPOTHESIS, words, tied, "independent-layers")
    chosen = drawn_from(CLASSES, EnginePairs(largest=True))
    words = "the rows of the two largest logits"
    yield Variant(Operator.HYPOTHESIS, words, chosen, "two-rows")
    other = replace(reduced_only(BOTTOM), predict=Told("layer", 1))
    yield Variant(Operator.HYPOTHESIS, "one layer more re-drawn", other, "stated-pair")


def _engine_errors() -> Iterator[Variant]:
    for error, rule in (
        ("Guided Backprop without forward mask", Deconvnet()),
        ("Guided Backprop without sign gate", Gradient()),
    ):
        for check in (TOP, CLASSES):
            changed = drawn_from(check, EnginePairs(rule))
            yield Variant(Operator.ENGINE, error, changed)
    unmasked = drawn_from(TOP, ReducedPairs(mask=False))
    yield Variant(Operator.GATE, "no mask in the reduced sampler", unmasked)


VARIANTS: tuple[Variant, ...] = (
    *_formula_errors(),
    *_dropped_hypotheses(),
    *_engine_errors(),
)
