"""Random filters behind max pooling: the mean image and its part along the input."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles import Anisotropic, Gaussian
from alignment_theory.rules import Gradient
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.filter_overlaps import blob, mean_image
from alignment_theory.theory.pooled_filters import (
    GATES,
    POOLED_CONVOLUTION,
    pooled_mean_image,
)
from alignment_theory.verification.checks import Check
from alignment_theory.verification.filter_sampling import across
from alignment_theory.verification.ladder import Column, Ladder, Rung
from alignment_theory.verification.pooled_sampling import HIGH, LOW, PooledFilters
from alignment_theory.verification.variants import Operator, Variant

SIZES = {"size": 12, "k": 3, "filters": 1000}
PARTS = ("along E R", "across E R, along x")
WORDS = {
    "winner": "DeconvNet, pooling below the ReLU",
    "active winner": "Guided Backprop",
    "winner or first": "DeconvNet, pooling above the ReLU",
}


def predicted_image(size: int, k: int, gate: str, relevance: str) -> Array:
    """Return what the theorem predicts for the mean image of one filter."""
    told = {"gate": gate, "relevance": relevance, "size": size, "k": k, "filters": 1}
    return np.asarray(POOLED_CONVOLUTION.predict(**told).value)


def normalised_image(size: int, k: int, gate: str, relevance: str) -> Array:
    """Return the contrast-normalised image as large as what is right (a planted error)."""
    right = predicted_image(size, k, gate, relevance)
    image = mean_image(blob(size), k, "active")
    return np.asarray(image * np.linalg.norm(right) / np.linalg.norm(image))


def other_gate(size: int, k: int, gate: str, relevance: str) -> Array:
    """Return what the theorem predicts for the next gate (a planted error)."""
    other = GATES[(GATES.index(gate) + 1) % len(GATES)]
    return predicted_image(size, k, other, relevance)


def of_random_relevance(size: int, k: int, gate: str, relevance: str) -> Array:
    """Return what the theorem predicts for random relevance, whatever it is."""
    del relevance
    return predicted_image(size, k, gate, "positive part")


def even(size: int) -> Array:
    """Return the image of ones: all patches are equal."""
    return np.ones((size, size))


def even_image(size: int, k: int, gate: str, relevance: str) -> Array:
    """Return what the formula gives for `even`, differences of equal patches being 0."""
    del relevance
    return pooled_mean_image(even(size), k, gate) / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class MeanPart:
    """Predict 1 or 0 for the parts of the mean, with what clipping can move as slack.

    ``E(X - B)⁺ <= Var X/(4 (B - E X))`` at both ends. One filter adds ``⟨r, u⟩ = w·Σ h u_p`` over
    the winners' patches, so ``E⟨r, u⟩² <= k² E[h²] (Σ over pools of the largest ‖u_p‖)²``.
    """

    factor: float = 1.0

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        del theorem
        size, k, gate, relevance, filters = (
            parameters[key] for key in ("size", "k", "gate", "relevance", "filters")
        )
        m = predicted_image(size, k, gate, relevance)
        along = parameters["part"] == PARTS[0]
        direction = m / np.linalg.norm(m) if along else across(blob(size), m)
        seen = np.lib.stride_tricks.sliding_window_view(direction, (k, k))
        norms = np.sqrt((seen**2).sum(axis=(2, 3)))
        end = len(norms) // 2 * 2
        largest = norms[:end, :end].reshape(end // 2, 2, end // 2, 2).max(axis=(1, 3)).sum()
        square = 1.0 if relevance == "one" else 0.5
        variance = k * k * square * largest**2 / (filters * (m**2).sum())
        value = self.factor if along else 0.0
        return Prediction(value, variance / 4 * (1 / (HIGH - value) + 1 / (value - LOW)))


def mean(gate: str, relevance: str) -> Ladder:
    """Return the check of the mean image for one gate and one law of relevance."""
    sampler = PooledFilters(blob, predicted_image, gate, relevance)
    columns = tuple(
        Column(part, {"gate": gate, "relevance": relevance, "part": part}, 1.0) for part in PARTS
    )
    setting = f"{WORDS[gate]}, relevance {'1' if relevance == 'one' else 'random'}"
    rung = Rung(sampler, SIZES)
    return Ladder(
        POOLED_CONVOLUTION,
        setting,
        "E R/F",
        (rung,),
        columns,
        MeanPart(),
        low=LOW,
        high=HIGH,
        coarser=1.5,
    )


MEANS = {
    (gate, relevance): mean(gate, relevance)
    for gate, relevance in (
        ("winner", "one"),
        ("winner", "positive part"),
        ("active winner", "positive part"),
        ("winner or first", "one"),
    )
}
CHECKS: tuple[Check, ...] = tuple(MEANS.values())


def _drawn_from(check: Ladder, **changes: Any) -> Ladder:
    (rung,) = check.rungs
    assert isinstance(rung.sampler, PooledFilters)
    return replace(check, rungs=(replace(rung, sampler=replace(rung.sampler, **changes)),))


def _variants() -> Iterator[Variant]:
    plain, guided = MEANS["winner", "one"], MEANS["active winner", "positive part"]
    wrong = replace(plain, predict=MeanPart(1.15))
    yield Variant(Operator.CONSTANT, "√(2π) 15 % too small", wrong)
    yield Variant(
        Operator.CONSTANT, "σ 30 % larger than stated", _drawn_from(plain, law=Gaussian(1.3))
    )
    for check in (plain, guided):
        local = _drawn_from(check, predicted=normalised_image)
        yield Variant(Operator.TERM, "the normalised image in place of the edges", local)
        yield Variant(Operator.GATE, "another gate", _drawn_from(check, predicted=other_gate))
    unfiltered = _drawn_from(guided, rule=Gradient())
    yield Variant(Operator.ENGINE, "Guided Backprop without sign gate", unfiltered)
    drops: tuple[tuple[str, str, Ladder, dict[str, Any]], ...] = (
        ("gaussian-filters", "anisotropic filters", plain, {"law": Anisotropic(0.1)}),
        ("shared-filters", "a filter of its own for every patch", plain, {"shared": False}),
        ("bias-free", "a bias of 1", guided, {"bias": 1.0}),
        (
            "free-relevance",
            "relevance is the output",
            guided,
            {"relevance": "output", "predicted": of_random_relevance},
        ),
        ("winner-only", "the mean of a pool", plain, {"averaged": True}),
    )
    for hypothesis, error, check, changes in drops:
        changed = _drawn_from(check, **changes)
        yield Variant(Operator.HYPOTHESIS, error, changed, hypothesis)
    equal = _drawn_from(guided, image=even, predicted=even_image)
    yield Variant(Operator.HYPOTHESIS, "an image of one grey", equal, "no-equal-patches")


VARIANTS: tuple[Variant, ...] = tuple(_variants())
