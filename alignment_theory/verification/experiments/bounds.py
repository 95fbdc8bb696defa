"""The inequalities on random networks and on the digits classifiers, and what refutes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.rules import AlphaBeta, Deconvnet, Gradient, GuidedBackprop, RectGrad
from alignment_theory.theory import Theorem
from alignment_theory.theory.bounds import (
    ALIGNMENT_FLOOR,
    CASCADE,
    NFR_SIGN,
    RANK_ONE_CONTRACTION,
    contracted,
    kantorovich,
    least_cosine,
)
from alignment_theory.theory.one_layer import OPTIMAL_FILTER, RECTGRAD_27
from alignment_theory.verification import alignment_floors, bounds, filters, planted, thresholds
from alignment_theory.verification.alignment_floors import active_rows
from alignment_theory.verification.bounds import Flipped
from alignment_theory.verification.checks import Check
from alignment_theory.verification.compared import Evidence, OnDigits, OnGiven, OnRandom
from alignment_theory.verification.computed import Computed
from alignment_theory.verification.contraction import rank_one_contraction
from alignment_theory.verification.planted import SquaredRelu, WithSwitch
from alignment_theory.verification.quadrature import Power, biased, exponential, uniform
from alignment_theory.verification.special_subjects import (
    blended,
    haar_subjects,
    kantorovich_subjects,
    symmetric_subjects,
)
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.variants import Operator, Variant

RANDOM, DIGITS = "random networks", "digits classifier"
HAAR, TWO_ROWS, SYMMETRIC = "orthogonal rows", "two rows with equal z", "two symmetric units"
SQUARED = WithSwitch(SquaredRelu())

KINDS: tuple[tuple[Theorem, Evidence, bool], ...] = (
    (NFR_SIGN, bounds.nfr_sign, True),
    (ALIGNMENT_FLOOR, alignment_floors.alignment_floor, True),
    (CASCADE, alignment_floors.cascade, True),
    (RANK_ONE_CONTRACTION, rank_one_contraction, False),
    (OPTIMAL_FILTER, filters.best_filter, False),
)
"""Theorem, evidence, and whether it is about bias-free networks only."""

FLOOR_ATTAINED = partial(alignment_floors.alignment_floor, attained=True)
CASCADE_ATTAINED = partial(alignment_floors.cascade, attained=True)
CONTRACTION_ATTAINED = partial(rank_one_contraction, attained=True)


def _checks() -> Iterator[Check]:
    for theorem, evidence, free in KINDS:
        yield OnRandom(theorem, RANDOM, evidence, free)
        yield OnRandom(theorem, f"{RANDOM}, signed inputs", evidence, free, signed=True)
        yield OnRandom(theorem, f"{RANDOM} of squared ReLUs", evidence, free, SQUARED)
        few = theorem in (ALIGNMENT_FLOOR, CASCADE)
        yield OnDigits(theorem, DIGITS, evidence, free, blended if few else None)
    yield OnGiven(ALIGNMENT_FLOOR, f"{HAAR}, equality", FLOOR_ATTAINED, make=haar_subjects)
    yield OnGiven(CASCADE, f"{HAAR}, equality", CASCADE_ATTAINED, make=haar_subjects)
    setting = f"{TWO_ROWS}, equality"
    yield OnGiven(CASCADE, setting, CASCADE_ATTAINED, make=kantorovich_subjects)
    setting = f"{SYMMETRIC}, equality"
    yield OnGiven(RANK_ONE_CONTRACTION, setting, CONTRACTION_ATTAINED, make=symmetric_subjects)
    yield Computed(OPTIMAL_FILTER, "random filters φ(t, h)", filters.filter_moments)
    yield Computed(RECTGRAD_27, "thresholds on one layer", thresholds.best_threshold)


CHECKS: tuple[Check, ...] = tuple(_checks())


def _on_random(theorem: Theorem, evidence: Evidence, *, free: bool = True) -> Check:
    return OnRandom(theorem, RANDOM, evidence, free)


def _biased(theorem: Theorem, evidence: Evidence) -> Variant:
    """Return the variant on random networks, half of them with large biases."""
    check = OnRandom(theorem, RANDOM, evidence, bias=3.0)
    return Variant(Operator.HYPOTHESIS, "with biases", check, "bias-free")


def _given(
    theorem: Theorem,
    setting: str,
    evidence: Evidence,
    make: Callable[..., list[Subject]],
) -> Check:
    return OnGiven(theorem, setting, evidence, make=make)


def _signs() -> Iterator[Variant]:
    for theorem, evidence in (
        (NFR_SIGN, bounds.nfr_sign),
        (ALIGNMENT_FLOOR, alignment_floors.alignment_floor),
    ):
        yield Variant(Operator.INEQUALITY, ">= → <=", _on_random(theorem, Flipped(evidence)))
        yield _biased(theorem, evidence)
        for rule in (Gradient(), Deconvnet()):
            check = _on_random(theorem, partial(evidence, rules=[rule]))
            error = f"{rule.name} does not filter"
            yield Variant(Operator.HYPOTHESIS, error, check, "negative-filtering")
        leaky = OnRandom(theorem, RANDOM, evidence, True, WithSwitch(planted.Leaky()))
        error = "a switch that is open at z < 0"
        yield Variant(Operator.HYPOTHESIS, error, leaky, "negative-filtering")
    unbiased = partial(bounds.nfr_sign, bias_share=0.0)
    check = OnRandom(NFR_SIGN, RANDOM, unbiased)
    yield Variant(Operator.TERM, "c·z for c·(z - b)", check)


def _floor() -> Iterator[Variant]:
    for error, factor in (("σ_max 1 % too small", 0.99), ("σ_max 1 % too large", 1.01)):
        size = partial(alignment_floors.times_largest, factor)
        check = _given(ALIGNMENT_FLOOR, HAAR, partial(FLOOR_ATTAINED, size=size), haar_subjects)
        yield Variant(Operator.CONSTANT, error, check)
    rough = partial(alignment_floors.alignment_floor, size=alignment_floors.square_of_largest)
    yield Variant(Operator.SQUARE, "σ_max → σ_max²", _on_random(ALIGNMENT_FLOOR, rough))
    straight = partial(alignment_floors.alignment_floor, angle=False)
    check = _on_random(ALIGNMENT_FLOOR, straight)
    yield Variant(Operator.TERM, "cos(z_A, c_A) dropped", check)


def kantorovich_times(factor: float, condition: Array) -> Array:
    """Return the floor with its constant wrong by a factor."""
    return factor * kantorovich(condition)


def kantorovich_of_root(condition: Array) -> Array:
    """Return the floor with √κ where κ belongs."""
    return kantorovich(np.sqrt(condition))


def _cascade() -> Iterator[Variant]:
    evidence, theorem = alignment_floors.cascade, CASCADE
    flipped = Flipped(evidence)
    yield Variant(Operator.INEQUALITY, ">= → <=", _on_random(theorem, flipped))
    for error, factor in (("2 → 2.02", 1.01), ("2 → 1.98", 0.99), ("2 dropped", 0.5)):
        wrong = partial(CASCADE_ATTAINED, floor=partial(kantorovich_times, factor))
        check = _given(theorem, TWO_ROWS, wrong, kantorovich_subjects)
        yield Variant(Operator.CONSTANT, error, check)
    root = partial(evidence, floor=kantorovich_of_root)
    check = _given(theorem, TWO_ROWS, root, kantorovich_subjects)
    yield Variant(Operator.SQUARE, "κ → √κ", check)
    whole = partial(evidence, projected=False)
    check = _given(theorem, HAAR, whole, haar_subjects)
    yield Variant(Operator.TERM, "‖P_A a‖/‖a‖ dropped", check)
    biased = partial(haar_subjects, bias=1.0)
    check = _given(theorem, f"{HAAR} with biases", evidence, biased)
    yield Variant(Operator.HYPOTHESIS, "with biases", check, "bias-free")
    for error, changed in (
        ("every active neuron counts 1", {"coefficients": active_rows}),
        ("c ∝ a²", {"coefficients": squared_activations}),
        ("RectGrad keeps half of them", {"rule": RectGrad(50)}),
    ):
        check = _given(theorem, HAAR, partial(evidence, **changed), haar_subjects)
        yield Variant(Operator.HYPOTHESIS, error, check, "proportional-coefficients")


def squared_activations(z: Array) -> Array:
    """Return ``max(z, 0)²``."""
    return np.asarray(np.maximum(z, 0) ** 2)


@dataclass(frozen=True)
class Contracting:
    """``Δ_top ∏ tanh(Δ/quarter)``, wrong for `quarter` other than 4, and with other groups."""

    quarter: float = 4.0
    skipped: int = 0
    top_too: bool = False
    power: int = 1

    def __call__(self, top: float, below: Array) -> float:
        """Return the wrong bound."""
        groups = np.append(below, top) if self.top_too else below
        kept = 4 / self.quarter * groups[: max(len(groups) - self.skipped, 0)]
        return contracted(top, np.repeat(kept, self.power))


def cosine_of(factor: float, distance: Array) -> Array:
    """Return ``1/cosh(factor · d/2)``."""
    return least_cosine(factor * distance)


def _contraction() -> Iterator[Variant]:
    evidence, theorem = rank_one_contraction, RANK_ONE_CONTRACTION
    yield Variant(Operator.INEQUALITY, "<= → >=", _on_random(theorem, Flipped(evidence)))
    wrong: tuple[tuple[Operator, str, Contracting], ...] = (
        (Operator.CONSTANT, "tanh(Δ/4) → tanh(Δ/8)", Contracting(8.0)),
        (Operator.CONSTANT, "tanh(Δ/4) → tanh(Δ/2)", Contracting(2.0)),
        (Operator.CONSTANT, "tanh(Δ/4) → tanh(Δ/4.1)", Contracting(4.1)),
        (Operator.TERM, "the lowest group left out", Contracting(skipped=1)),
        (Operator.LEVEL, "tanh(Δ/4) for the top group too", Contracting(top_too=True)),
        (Operator.SQUARE, "tanh → tanh²", Contracting(power=2)),
    )
    for operator, error, bounding in wrong:
        changed = partial(CONTRACTION_ATTAINED, bounding=bounding)
        yield Variant(operator, error, _given(theorem, SYMMETRIC, changed, symmetric_subjects))
    for error, factor in (("d_H/2 → d_H/4", 0.5), ("d_H/2 → d_H", 2.0)):
        changed = partial(CONTRACTION_ATTAINED, cosine=partial(cosine_of, factor))
        check = _given(theorem, SYMMETRIC, changed, symmetric_subjects)
        yield Variant(Operator.CONSTANT, error, check)
    for rule in (AlphaBeta(2.0, 1.0), GuidedBackprop()):
        check = _on_random(theorem, partial(evidence, rule=rule), free=False)
        yield Variant(Operator.HYPOTHESIS, rule.name, check, "nonnegative-operators")
    opposed = _on_random(theorem, partial(evidence, signs=(1, -1)), free=False)
    yield Variant(Operator.HYPOTHESIS, "seeds 1 and -1", opposed, "positive-seed")
    shifted = _on_random(theorem, partial(evidence, shift=1), free=False)
    yield Variant(Operator.HYPOTHESIS, "explanations of two inputs", shifted, "one-input")


def negated(z: Array) -> Array:
    """Return -z."""
    return -z


def itself(z: Array) -> Array:
    """Return z."""
    return z


def _filters() -> Iterator[Variant]:
    theorem, evidence = OPTIMAL_FILTER, filters.best_filter
    for error, factor in (("‖z_A‖ ‖c‖ 2 % too large", 1.02), ("2 % too small", 0.98)):
        check = _on_random(theorem, partial(evidence, factor=factor), free=False)
        yield Variant(Operator.CONSTANT, error, check)
    for error, moments in (
        ("2 → 2.1", partial(filters.filter_moments, least=2.1)),
        ("2 → 1.9", partial(filters.filter_moments, least=1.9)),
        ("t^k → t^{k + 1/10}", partial(filters.filter_moments, shift=0.1)),
    ):
        yield Variant(Operator.CONSTANT, error, Computed(theorem, "random filters", moments))
    for hypothesis, words, density in (
        ("gaussian-weights", "pre-activations with a skew law", exponential),
        ("bias-free", "pre-activations with a bias", biased),
    ):
        moments = partial(filters.filter_moments, density=density)
        check = Computed(theorem, "random filters", moments)
        yield Variant(Operator.HYPOTHESIS, words, check, hypothesis)
    name = "negative-filtering"
    everywhere = partial(filters.filter_moments, open_everywhere=True)
    check = Computed(theorem, "random filters", everywhere)
    yield Variant(Operator.HYPOTHESIS, "c = t^k for all t, signed", check, name)
    opened = partial(evidence, rule=planted.Open(), coefficients=itself)
    yield Variant(Operator.HYPOTHESIS, "c ∝ z on all rows", _on_random(theorem, opened), name)
    outside = partial(evidence, rule=Deconvnet(), coefficients=negated)
    check = _on_random(theorem, outside)
    yield Variant(Operator.HYPOTHESIS, "c ∝ -z on inactive rows", check, name)


def _thresholds() -> Iterator[Variant]:
    theorem, setting = RECTGRAD_27, "thresholds on one layer"
    errors: tuple[tuple[Operator, str, str, dict[str, object]], ...] = (
        (Operator.CONSTANT, "27 % → 25 %", "", {"kept": 0.25}),
        (Operator.CONSTANT, "2s → 2.1s", "", {"factor": 2.1}),
        (Operator.CONSTANT, "κ* → 2.4702", "", {"least": 2.4702}),
        (Operator.SQUARE, "φ² → φ", "", {"predict": thresholds.predicted_root}),
        (Operator.INEQUALITY, "κ* is the largest", "", {"side": -1.0}),
        (Operator.HYPOTHESIS, "c = t", "unit-coefficients", {"coefficients": Power(1)}),
        (Operator.HYPOTHESIS, "uniform t", "gaussian-weights", {"density": uniform}),
        (Operator.HYPOTHESIS, "skew t", "gaussian-weights", {"density": exponential}),
    )
    for operator, error, hypothesis, changes in errors:
        evidence = partial(thresholds.best_threshold, **changes)  # type: ignore[arg-type]
        yield Variant(operator, error, Computed(theorem, setting, evidence), hypothesis)


VARIANTS: tuple[Variant, ...] = (
    *_signs(),
    *_floor(),
    *_cascade(),
    *_contraction(),
    *_filters(),
    *_thresholds(),
)
