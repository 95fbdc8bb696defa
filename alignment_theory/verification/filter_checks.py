"""Checks and planted errors of the theorem `convolution`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles import Gaussian, Rademacher
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.filter_overlaps import (
    blob,
    filter_moments,
    second_moment_along,
    second_order,
)
from alignment_theory.theory.other_laws import CONVOLUTION
from alignment_theory.verification.checks import Check
from alignment_theory.verification.filter_sampling import RandomFilters, across
from alignment_theory.verification.ladder import Column, Ladder, Predict, Rung, of_theorem
from alignment_theory.verification.other_sampling import nothing_square
from alignment_theory.verification.variants import Operator, RemainderTimes, Times, Variant
from alignment_theory.verification.verdict import Outcome

SIZE, K = 16, 3
FILTERS = (64, 128, 256, 512)
ONLY_THOROUGH = (64, 256)
ROOM = 8.0
"""Multiple of C that F (1 - cos²) is clipped to."""

WORDS = {"active": "c = 1", "cascade": "c = a"}
PARTS = ("along E R", "across E R, along x", "edge pixel", "middle pixel")


def predicted_image(size: int, k: int, coefficients: str) -> Array:
    """Return what the theorem predicts for the mean image of one filter."""
    found = CONVOLUTION.predict(
        quantity="mean", size=size, k=k, coefficients=coefficients, filters=1
    )
    return np.asarray(found.value)


def input_image(size: int, k: int, coefficients: str) -> Array:
    """Return the image itself: the wrong prediction for c = 1."""
    del k, coefficients
    return blob(size)


def interior_image(size: int, k: int, coefficients: str) -> Array:
    """Return the image times k²: the wrong prediction at the border for c = a."""
    del coefficients
    return blob(size) * k * k / 2


def image_of_ones(size: int, k: int, coefficients: str) -> Array:
    """Return what the theorem predicts for c = 1, whatever the coefficients."""
    del coefficients
    return predicted_image(size, k, "active")


@dataclass(frozen=True)
class ScaledNoise:
    """Predict F times the mean of 1 - cos², with what clipping can move as slack.

    ``E(X - B)⁺ <= Var X/(4 (B - E X))``, and to leading order the relative variance of X is
    ``2 tr(Cov²)/tr(Cov)²`` across, and 4 Var y/F from the part along; taken twice.
    """

    change: Predict = of_theorem

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        right = self.change(theorem, parameters)
        size, k, name, filters = (
            parameters[key] for key in ("size", "k", "coefficients", "filters")
        )
        found = filter_moments(size, k, name)
        spread = 2 * second_order(size, k, name).spread + 4 * found.along / filters
        clipped = 2 * found.noise * spread / (4 * (ROOM - 1))
        return Prediction(
            filters * float(right.value),
            filters * float(right.remainder) + clipped,
            {"limit": filters * float(right.terms["1/F term"])},
        )


@dataclass(frozen=True)
class MeanPart:
    """Predict 1 or 0 for the parts of the mean, with what clipping to [-1, 3] can move as slack.

    ``E(X - B)⁺ <= Var X/(4 (B - E X))`` at both ends, the variances exactly.
    """

    factor: float = 1.0

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        del theorem
        size, k, name, filters = (
            parameters[key] for key in ("size", "k", "coefficients", "filters")
        )
        found = filter_moments(size, k, name)
        square = float((found.mean**2).sum())
        part = parameters["part"]
        if part == PARTS[0]:
            variance = found.along
        elif part == PARTS[1]:
            direction = across(blob(size), found.mean)
            variance = second_moment_along(blob(size), k, name, direction) / square
        else:
            pixel = (0 if part == PARTS[2] else size // 2, size // 2)
            variance = float(found.second[pixel] / found.mean[pixel] ** 2 - 1)
        value = 0.0 if part == PARTS[1] else self.factor
        return Prediction(value, variance / filters * (1 / 4 if value else 1 / 3))


def noise(name: str) -> Ladder:
    """Return the check of 1 - cos² for one kind of coefficients."""
    high = ROOM * filter_moments(SIZE, K, name).noise
    sampler = plain(name, ceiling=high)
    rungs = tuple(
        Rung(sampler, {"size": SIZE, "k": K, "filters": count}, count, count in ONLY_THOROUGH)
        for count in FILTERS
    )
    return Ladder(
        CONVOLUTION,
        f"noise of the image, {WORDS[name]}",
        "F E[1 - cos²]",
        rungs,
        (Column("", {"coefficients": name}),),
        ScaledNoise(),
        high=high,
        coarser=2.0,
    )


def means(name: str, sampler: RandomFilters) -> Ladder:
    """Return the check of the mean image for one kind of coefficients."""
    columns = tuple(Column(part, {"coefficients": name, "part": part}, 1.0) for part in PARTS)
    rung = Rung(sampler, {"size": SIZE, "k": K, "filters": 400})
    setting = f"mean image, {WORDS[name]}"
    return Ladder(
        CONVOLUTION, setting, "E R/F", (rung,), columns, MeanPart(), low=-1.0, high=3.0, coarser=1.5
    )


def plain(name: str, **changes: Any) -> RandomFilters:
    """Return the sampler for one kind of coefficients."""
    return RandomFilters(blob, predicted_image, name, **changes)


NOISE = {name: noise(name) for name in WORDS}
MEANS = {name: means(name, plain(name, means=True)) for name in WORDS}
FILTER_CHECKS: tuple[Check, ...] = (*NOISE.values(), *MEANS.values())


def _drawn_from(check: Ladder, **changes: Any) -> Ladder:
    rungs = []
    for rung in check.rungs:
        assert isinstance(rung.sampler, RandomFilters)
        rungs.append(replace(rung, sampler=replace(rung.sampler, **changes)))
    return replace(check, rungs=tuple(rungs))


def _variants() -> Iterator[Variant]:
    ones, activations = NOISE["active"], NOISE["cascade"]
    mean, mean_of_a = MEANS["active"], MEANS["cascade"]
    for check in (ones, activations):
        check = replace(check, rungs=check.rungs[-1:])
        wrong = replace(check, predict=ScaledNoise(Times(1.2)))
        yield Variant(Operator.CONSTANT, "C 20 % too large", wrong)
        halved = replace(check, predict=ScaledNoise(RemainderTimes(0.5)))
        yield Variant(Operator.REMAINDER, "C/F halved", halved)
    found = filter_moments(SIZE, K, "active")
    whole = Times((found.noise + found.along) / found.noise)
    kept = replace(ones, predict=ScaledNoise(whole))
    yield Variant(Operator.TERM, "the part of the noise along E R kept", kept)
    yield Variant(Operator.CONSTANT, "1/√(2π) → 0.43", replace(mean, predict=MeanPart(1.08)))
    yield Variant(Operator.CONSTANT, "σ²/2 → σ²", replace(mean_of_a, predict=MeanPart(2.0)))
    local = _drawn_from(mean, predicted=input_image)
    yield Variant(Operator.TERM, "the image in place of the normalised one", local)
    border = _drawn_from(mean_of_a, predicted=interior_image)
    yield Variant(Operator.TERM, "k² overlaps at the border too", border)
    ungated = _drawn_from(mean, gated=False)
    yield Variant(Operator.GATE, "inactive neurons count too", ungated)
    yield from _dropped_hypotheses()
    doubled = _drawn_from(mean, law=Gaussian(1.3))
    yield Variant(Operator.CONSTANT, "σ 30 % larger than stated", doubled)


def _dropped_hypotheses() -> Iterator[Variant]:
    ones, mean, mean_of_a = NOISE["active"], MEANS["active"], MEANS["cascade"]
    drops: tuple[tuple[str, str, Ladder, dict[str, Any]], ...] = (
        ("gaussian-filters", "entries ±1", ones, {"law": Rademacher()}),
        ("gaussian-filters", "every filter twice", ones, {"repeats": 2}),
        ("shared-filters", "a filter of its own for every patch", ones, {"shared": False}),
        ("stride-one", "stride 2", mean_of_a, {"stride": 2}),
        ("bias-free", "a bias of 1", mean, {"bias": 1.0}),
        (
            "one-or-activation",
            "c = a where c = 1 is predicted",
            mean,
            {"coefficients": "cascade", "predicted": image_of_ones},
        ),
    )
    for hypothesis, error, check, changes in drops:
        changed = _drawn_from(check, **changes)
        yield Variant(Operator.HYPOTHESIS, error, changed, hypothesis)
    nothing = _drawn_from(mean, image=nothing_square)
    yield Variant(Operator.HYPOTHESIS, "a black image", nothing, "nonzero-input", Outcome.VACUOUS)


FILTER_VARIANTS: tuple[Variant, ...] = tuple(_variants())
