"""z⁺ on random networks: what it gives back, and how little the explained class matters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignment_theory.ensembles import Anisotropic
from alignment_theory.rules import AlphaBeta, ExcitationBackprop, Flat, Method
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.depth_laws import ZPLUS_UNIFORMITY
from alignment_theory.verification.checks import Check
from alignment_theory.verification.experiments.depth import OUTPUTS, drawn_from
from alignment_theory.verification.ladder import Column, Ladder, Rung, of_theorem
from alignment_theory.verification.samplers import Sampler
from alignment_theory.verification.variants import (
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Variant,
)
from alignment_theory.verification.zplus_sampling import (
    ZPlusAlignment,
    ZPlusClasses,
)

SHAPE = (16, 12, 16)
SHALLOW_SHAPE = (20, 20)
SCALES = (2, 3, 4, 6, 8)
ONLY_THOROUGH = (2, 3, 8)


def widths(k: int, shape: tuple[int, ...] = SHAPE) -> tuple[int, ...]:
    """Return the widths k times as large, with the same outputs."""
    return (*(k * width for width in shape), OUTPUTS)


def spread(level: int, quantity: str, inputs: str, shape: tuple[int, ...]) -> float:
    """Return the predicted distance from 1 in the middle of the ladder, for margins."""
    told = {"widths": widths(4, shape), "quantity": quantity, "level": level, "inputs": inputs}
    value = float(ZPLUS_UNIFORMITY.predict(**told))
    return 1 - value if quantity == "alignment" else value


def power(level: int, quantity: str, shape: tuple[int, ...]) -> float:
    """Return the rate at which limits are approached.

    Their leading terms are 1/n for V and a product of one 1/n a layer for two classes, and what
    follows is smaller by 1/√d; but at the top it is by 1/d.
    """
    layers = len(shape) - 1 - level
    return 1.0 if not layers else 0.5 + (1 if quantity == "alignment" else layers)


def ladder(
    sampler: Sampler,
    quantity: str,
    words: str,
    inputs: str = "uniform",
    shape: tuple[int, ...] = SHAPE,
) -> Ladder:
    """Return a check at every level; margins are relative to the distance from 1."""
    rungs = tuple(
        Rung(sampler, {"widths": widths(k, shape)}, k, k in ONLY_THOROUGH) for k in SCALES
    )
    columns = tuple(
        Column(
            f"l = {level}",
            {"quantity": quantity, "level": level, "inputs": inputs},
            spread(level, quantity, inputs, shape),
            power=power(level, quantity, shape),
        )
        for level in range(len(shape))
    )
    name = "E cos²(R, a)" if quantity == "alignment" else "E[1 - cos(R, R')]"
    return Ladder(ZPLUS_UNIFORMITY, words, name, rungs, columns, coarser=3.0)


ALIGNED = ladder(ZPlusAlignment(), "alignment", "ZPlus, uniform inputs")
SHALLOW = replace(
    ladder(ZPlusAlignment(), "alignment", "ZPlus, one hidden layer", shape=SHALLOW_SHAPE),
    coarser=0.5,
)
CLASSES = replace(ladder(ZPlusClasses(), "classes", "ZPlus, two outputs"), coarser=5.0)


def _checks() -> Iterator[Check]:
    yield from (ALIGNED, SHALLOW, CLASSES)
    for rule in (AlphaBeta(1.0, 0.0), ExcitationBackprop()):
        words = f"{rule.name}, rectified normal inputs"
        sampler = ZPlusAlignment(rule, inputs="relu")
        yield ladder(sampler, "alignment", words, "relu")


CHECKS: tuple[Check, ...] = tuple(_checks())


@dataclass(frozen=True)
class SpreadTimes:
    """Predict the distance from 1 wrong by a factor."""

    factor: float

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        right = of_theorem(theorem, parameters)
        if parameters["quantity"] == "classes":
            return replace(right, value=self.factor * right.value)
        return replace(right, value=1 - self.factor * (1 - right.value))


TOO_SMALL = (
    "below the top the stated remainder, a majorant, covers half of the corrections at the widths "
    "that real networks can be drawn at often enough"
)


def _formula_errors() -> Iterator[Variant]:
    pi = 3.141592653589793
    for check in (ALIGNED, CLASSES):
        wrong = replace(check, predict=SpreadTimes(pi / (pi - 1)))
        yield Variant(Operator.CONSTANT, "π - 1 → π", wrong)
        halved = replace(check, predict=RemainderTimes(0.5))
        reason = TOO_SMALL if check is ALIGNED else ""
        yield Variant(Operator.REMAINDER, "correction halved", halved, unresolved=reason)
        dropped = replace(check, predict=RemainderTimes(0.0))
        yield Variant(Operator.TERM, "tilt and corrections dropped", dropped)
        shifted = replace(check, predict=Shifted("level", 1), columns=check.columns[:-1])
        yield Variant(Operator.LEVEL, "level l + 1 for l", shifted)
    yield Variant(Operator.SQUARE, "cos² → cos", replace(ALIGNED, predict=SquareDropped()))
    other = drawn_from(SHALLOW, ZPlusAlignment(inputs="relu"))
    other = replace(other, rungs=other.rungs[-1:], columns=other.columns[:1], coarser=0.25)
    yield Variant(Operator.CONSTANT, "moments of another input law", other)


def _dropped_hypotheses() -> Iterator[Variant]:
    drops: tuple[tuple[str, str, Ladder, Sampler], ...] = (
        ("gaussian-weights", "anisotropic rows", ALIGNED, ZPlusAlignment(law=Anisotropic(0.1))),
        ("bias-free", "biases of 0.5", ALIGNED, ZPlusAlignment(bias=0.5)),
        ("independent-layers", "W_2 = W_1ᵀ", CLASSES, ZPlusClasses(mirror=True)),
        ("nonnegative-input", "inputs of both signs", ALIGNED, ZPlusAlignment(inputs="signed")),
    )
    for hypothesis, error, check, sampler in drops:
        yield Variant(Operator.HYPOTHESIS, error, drawn_from(check, sampler), hypothesis)


def _engine_errors() -> Iterator[Variant]:
    rules: tuple[tuple[str, Method], ...] = (
        ("z⁺ without sign split: αβ(2, 1)", AlphaBeta(2.0, 1.0)),
        ("z⁺ without weights: flat", Flat()),
    )
    for error, rule in rules:
        yield Variant(Operator.ENGINE, error, drawn_from(ALIGNED, ZPlusAlignment(rule)))


VARIANTS: tuple[Variant, ...] = (
    *_formula_errors(),
    *_dropped_hypotheses(),
    *_engine_errors(),
)
