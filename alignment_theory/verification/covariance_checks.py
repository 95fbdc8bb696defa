"""Checks and planted errors of the theorem `anisotropy`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles import Anisotropic, HeavyTailed
from alignment_theory.rules import Deconvnet
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.other_laws import ANISOTROPY
from alignment_theory.verification.checks import Check
from alignment_theory.verification.exact_laws import SameLaw
from alignment_theory.verification.families import Family
from alignment_theory.verification.ladder import Column, Ladder, Rung, of_theorem
from alignment_theory.verification.other_sampling import (
    GivenLayer,
    GivenMean,
    ReducedAnisotropic,
    Reweighted,
    always,
    even_variances,
    nothing,
    wave,
)
from alignment_theory.verification.samplers import Sampler
from alignment_theory.verification.variants import (
    OddsTimes,
    Operator,
    RemainderTimes,
    SquareDropped,
    Variant,
)
from alignment_theory.verification.verdict import Outcome

SCALES = (25, 50, 100, 200, 400, 1600)
ONLY_THOROUGH = (25, 100, 400)
SHARP = 50
SIZES = {"n": 100, "d": 50}


def image(d: int) -> Array:
    """Return Σx."""
    return even_variances(d) * wave(d)


def off_image(d: int) -> Array:
    """Return the part of x across Σx."""
    x, aim = wave(d), image(d)
    return np.asarray(x - aim * (x @ aim) / (aim @ aim))


def unit_wave(d: int) -> Array:
    """Return x scaled to ``xᵀΣx = 1``."""
    return np.asarray(wave(d) / np.sqrt(wave(d) @ image(d)))


def given(d: int) -> Anisotropic:
    """Return rows N(0, Σ)."""
    return Anisotropic(variances=tuple(even_variances(d)))


def on_wave(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the theorem's arguments for d inputs."""
    told = {name: value for name, value in parameters.items() if name != "d"}
    return {**told, "variances": even_variances(parameters["d"]), "x": wave(parameters["d"])}


def lone_variances(d: int) -> Array:
    """Return variances (d - 1, 1, 0, ..., 0): where x = e_2 all noise is along e_1, and D = d."""
    return np.concatenate([[d - 1.0, 1.0], np.zeros(d - 2)])


def second_axis(d: int) -> Array:
    """Return e_2."""
    return np.eye(d)[1]


def of_same_dimension(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arguments whose D is that of `lone_variances` too, with the noise spread out."""
    return {**without_sigma(parameters), "x": second_axis(parameters["d"])}


def without_sigma(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arguments that take all variances as 1."""
    return {**on_wave(parameters), "variances": np.ones(parameters["d"])}


@dataclass(frozen=True)
class PartOfMean:
    """Predict ``⟨E R, u⟩/(n s_u)``, with what clipping to [-1, 1] can move as slack.

    ``E(X - B)⁺ <= (27/256) E(X - μ)⁴/(B - μ)³``, the fourth central moment of a mean of n at most
    ``E Y⁴/n³ + 3 (E Y²)²/n²`` and ``μ⁴/n³`` more; one neuron's moments are those of Gaussian rows.
    """

    factor: float = 1.0

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        n, d, name = parameters["n"], parameters["d"], parameters["coefficients"]
        u, variances = parameters["aim"](d), even_variances(d)
        mean = theorem.predict(
            quantity="mean", coefficients=name, n=1, variances=variances, x=unit_wave(d)
        )
        value = float(mean.value @ u) / np.sqrt(u**2 @ variances)
        second, fourth = (0.5, 1.5) if name == "active" else (1.5, 52.5)
        central = (fourth + value**4) / n**3 + 3 * second**2 / n**2
        slack = 2 * 27 / 256 * central / (1 - abs(value)) ** 3
        return Prediction(self.factor * value, slack)


def _mean(name: str) -> Ladder:
    layer = GivenLayer(given, unit_wave, (image, off_image), name)
    sizes = {"n": 400, "d": 30}
    told = {"coefficients": name}
    scale = float(PartOfMean()(ANISOTROPY, {**sizes, **told, "aim": image}).value)
    columns = (
        Column("along Σx", {**told, "aim": image}, scale),
        Column("across Σx, along x", {**told, "aim": off_image}, scale),
    )
    rung = Rung(GivenMean(layer, even_variances), sizes)
    setting = f"mean attribution, {'c = 1' if name == 'active' else 'c = a'}"
    return Ladder(ANISOTROPY, setting, "E⟨R, u⟩/n", (rung,), columns, PartOfMean(), low=-1.0)


def _directions(name: str) -> Ladder:
    reduced = ReducedAnisotropic(even_variances, coefficients=name)
    rungs = [Rung(GivenLayer(given, wave, (image, wave), name), SIZES, 50)]
    for k in SCALES:
        sharp = k == SHARP and name == "active"
        rungs.append(Rung(reduced, {"n": 2 * k, "d": k}, k, k in ONLY_THOROUGH, sharp))
    told = {"coefficients": name}
    columns = tuple(Column(q, {**told, "quantity": q}) for q in ("cos² with Σx", "cos² with x"))
    setting = f"even variances, {'c = 1' if name == 'active' else 'c = a'}"
    return Ladder(ANISOTROPY, setting, "E cos²", tuple(rungs), columns, Family(on_wave))


@dataclass(frozen=True)
class DimensionTimes:
    """Predict cos²(R, Σx) with a wrong D - 1: D, or d - 1 as for equal variances."""

    wrong: str

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        right = of_theorem(theorem, parameters)
        effective = float(right.terms["effective dimension"])
        count = effective if self.wrong == "D" else len(parameters["x"]) - 1
        return OddsTimes(count / (effective - 1))(theorem, parameters)


DIRECTIONS = {name: _directions(name) for name in ("active", "cascade")}
AVERAGES = {name: _mean(name) for name in ("active", "cascade")}
COVARIANCE_CHECKS: tuple[Check, ...] = (
    *DIRECTIONS.values(),
    *AVERAGES.values(),
    SameLaw(
        ANISOTROPY,
        "even variances, two gatherers",
        "cos² with Σx and with x",
        GivenLayer(given, wave, (image, wave)),
        ReducedAnisotropic(even_variances),
        {"n": 40, "d": 20},
    ),
)


def heavy(d: int) -> Reweighted:
    """Return elliptical rows with covariance Σ and heavy tails."""
    del d
    return Reweighted(HeavyTailed(2.5), even_variances)


def _variants() -> Iterator[Variant]:
    both = DIRECTIONS["active"]
    toward = replace(both, columns=both.columns[:1])
    toward = replace(toward, rungs=tuple(replace(r, sampler=_first(r)) for r in both.rungs))
    for operator, error, family in (
        (Operator.CONSTANT, "π → 3.3", Family(on_wave, OddsTimes(3.3 / np.pi))),
        (Operator.DEGREES, "D - 1 → D", Family(on_wave, DimensionTimes("D"))),
        (Operator.TERM, "the effective dimension → d", Family(on_wave, DimensionTimes("d"))),
        (Operator.SWAP, "n ↔ d", Family(on_wave, swapped=("n", "d"))),
        (Operator.SQUARE, "cos² → cos", Family(on_wave, SquareDropped())),
        (Operator.REMAINDER, "1/n term halved", Family(on_wave, RemainderTimes(0.5))),
        (Operator.TERM, "Σ forgotten", Family(without_sigma)),
    ):
        yield Variant(operator, error, replace(toward, predict=family))
    for name, error, factor in (("active", "1/√(2π) → 0.43", 1.08), ("cascade", "½ → 0.54", 1.08)):
        wrong = replace(AVERAGES[name], predict=PartOfMean(factor))
        yield Variant(Operator.CONSTANT, error, wrong)
    isotropic = GivenLayer(partial(always, Anisotropic(1.0)), unit_wave, (image, off_image))
    yield Variant(Operator.TERM, "Σ = I where Σ is stated", _mean_of(isotropic, "active"))
    yield from _dropped_hypotheses()
    yield Variant(Operator.GATE, "no forward mask", _engine_rung(rule=Deconvnet()))


def _first(rung: Rung) -> Sampler:
    """Return the rung's sampler for its first column alone."""
    if isinstance(rung.sampler, GivenLayer):
        return replace(rung.sampler, aims=rung.sampler.aims[:1])
    assert isinstance(rung.sampler, ReducedAnisotropic)
    return replace(rung.sampler, aims=1)


def _engine_rung(**changes: Any) -> Ladder:
    """Return the check on the engine's rung alone, drawn otherwise."""
    check = DIRECTIONS["active"]
    sampler = check.rungs[0].sampler
    assert isinstance(sampler, GivenLayer)
    return replace(check, rungs=(Rung(replace(sampler, **changes), SIZES),))


def _mean_of(layer: GivenLayer, name: str) -> Ladder:
    check = AVERAGES[name]
    sampler = GivenMean(layer, even_variances)
    return replace(check, rungs=(replace(check.rungs[0], sampler=sampler),))


def _dropped_hypotheses() -> Iterator[Variant]:
    drops: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("normal-rows", "elliptical rows with heavy tails", {"law": heavy}),
        ("iid-neurons", "every row twice", {"repeats": 2}),
        ("bias-free", "a bias of -‖x‖", {"bias": -1.0}),
        ("sees-z-only", "coefficients read the weights", {"coefficients": "peeking"}),
    )
    for hypothesis, error, changes in drops:
        yield Variant(Operator.HYPOTHESIS, error, _engine_rung(**changes), hypothesis)
    lone = ReducedAnisotropic(lone_variances, second_axis)
    spread = DIRECTIONS["active"]
    rungs = tuple(
        replace(rung, sampler=lone)
        for rung in spread.rungs
        if isinstance(rung.sampler, ReducedAnisotropic)
    )
    concentrated = replace(spread, rungs=rungs, predict=Family(of_same_dimension))
    error = "all noise along one axis, D the same"
    yield Variant(Operator.HYPOTHESIS, error, concentrated, "spread-noise")
    layer = GivenLayer(heavy, unit_wave, (image, off_image))
    yield Variant(
        Operator.HYPOTHESIS,
        "elliptical rows with heavy tails, on the mean",
        _mean_of(layer, "active"),
        "normal-rows",
    )
    dead = _engine_rung(inputs=nothing)
    yield Variant(Operator.HYPOTHESIS, "x = 0", dead, "nonzero-image", Outcome.VACUOUS)


COVARIANCE_VARIANTS: tuple[Variant, ...] = tuple(_variants())
