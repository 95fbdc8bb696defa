"""Theorem 1 on the mean attribution, and the exact law of one backward step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from alignment_theory.ensembles import Anisotropic, Gaussian, Sphere, Uniform
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.theory.laws import EXACT_LAW, ISOTROPIC_ALIGNMENT
from alignment_theory.verification.bounds import parallel_part
from alignment_theory.verification.chains import StepPValues
from alignment_theory.verification.checks import Check
from alignment_theory.verification.compared import OnDigits, OnRandom
from alignment_theory.verification.exact_laws import ExactLaw
from alignment_theory.verification.ladder import Column, Ladder, Rung
from alignment_theory.verification.row_sampling import RandomRows, Side, clipping_slack
from alignment_theory.verification.shared_sampling import ConvolutionPValues
from alignment_theory.verification.variants import Operator, Variant
from alignment_theory.verification.verdict import Outcome

LAWS = {"gaussian": Gaussian(), "sphere": Sphere()}
SIDES: tuple[Side, ...] = ("along x", "across x")
SIZES = ({"n": 100, "d": 12}, {"n": 400, "d": 30})
WIDTHS = (20, 15, 12, 10, 5)
RULES: tuple[Method, ...] = (GuidedBackprop(), RectGrad(50), Gradient(), Deconvnet())


@dataclass(frozen=True)
class MeanOfOne:
    """Predict κ (along x) or 0 (across) for one neuron, with what clipping can change as slack."""

    side: Side
    factor: float = 1.0

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        n = parameters["n"]
        kappa = float(theorem.predict(**{**parameters, "n": 1}))
        slack = clipping_slack(str(parameters["coefficients"]), self.side, kappa, n)
        return Prediction(self.factor * kappa if self.side == "along x" else 0.0, slack)


def isotropic(rows: str, coefficients: str, side: Side) -> Ladder:
    """Return the check of the mean attribution for one law of rows, one φ and one direction."""
    rungs = []
    for sizes in SIZES:
        told = {"rows": rows, "coefficients": coefficients, "d": sizes["d"]}
        kappa = float(ISOTROPIC_ALIGNMENT.predict(n=1, **told))
        low, high = (0.0, 2 * kappa) if side == "along x" else (-kappa, kappa)
        rungs.append(Rung(RandomRows(low, high, coefficients, side, LAWS[rows]), sizes))
    phi = "1" if coefficients == "one" else "t"
    return Ladder(
        ISOTROPIC_ALIGNMENT,
        f"{rows} rows, φ = {phi}, {side}",
        "E⟨g, x⟩/(n‖x‖)" if side == "along x" else "E⟨g, u⟩/n, u ⊥ x",
        tuple(rungs),
        (Column("", {"rows": rows, "coefficients": coefficients}, kappa),),
        MeanOfOne(side),
        low=low,
        high=high,
    )


def exact(sampler: StepPValues, setting: str) -> ExactLaw:
    """Return the check that p-values, or sums of adjacent ones, are uniform."""
    quantity = "p-values of ‖g⊥‖²"
    if len(sampler.signs) > 1:
        terms = "".join("+-"[sign < 0] + "p" for sign in sampler.signs).lstrip("+")
        quantity = f"{terms} mod 1 of adjacent layers"
    return ExactLaw(EXACT_LAW, setting, quantity, sampler, {"widths": WIDTHS})


PLAIN = exact(StepPValues(), "random networks, GuidedBackprop")


def _checks() -> Iterator[Check]:
    for rows, coefficients, side in product(LAWS, ("one", "activation"), SIDES):
        yield isotropic(rows, coefficients, side)
    for rule in RULES:
        yield exact(StepPValues(rule), f"random networks, {rule.name}")
    yield exact(StepPValues(bias=0.5), "random networks with bias, GuidedBackprop")
    yield exact(StepPValues(target="largest"), "random networks, GuidedBackprop of the top logit")
    for signs in ((1, 1), (1, -1), (1, -1, 1, -1)):
        joint = exact(StepPValues(signs=signs), f"random networks, layers jointly {signs}")
        yield replace(joint, trials_factor=4 / (len(WIDTHS) - len(signs)))
    yield OnRandom(EXACT_LAW, "random networks, along a", parallel_part)
    yield OnDigits(EXACT_LAW, "digits classifier, along a", parallel_part)


CHECKS: tuple[Check, ...] = tuple(_checks())


def _drawn_from(check: Ladder, **changes: Any) -> Ladder:
    rungs = []
    for rung in check.rungs:
        assert isinstance(rung.sampler, RandomRows)
        rungs.append(replace(rung, sampler=replace(rung.sampler, **changes)))
    return replace(check, rungs=tuple(rungs))


def _isotropic_variants() -> Iterator[Variant]:
    along, across = (isotropic("gaussian", "one", side) for side in SIDES)
    squared = isotropic("gaussian", "activation", "along x")
    for check, error, factor in (
        (along, "1/√(2π) → 0.42", 0.42 * 2.5066),
        (along, "κ halved", 0.5),
        (squared, "1/2 → 0.53", 1.06),
    ):
        wrong = replace(check, predict=MeanOfOne("along x", factor))
        yield Variant(Operator.CONSTANT, error, wrong)
    drops: tuple[tuple[str, str, Ladder, dict[str, Any]], ...] = (
        ("isotropic-rows", "anisotropic rows", across, {"law": Anisotropic(0.02)}),
        ("bias-free", "a bias of -σ‖x‖/2", along, {"bias": -0.5}),
        ("active-rows", "inactive rows count too", along, {"rule": Deconvnet()}),
    )
    for hypothesis, error, check, changes in drops:
        changed = _drawn_from(check, **changes)
        yield Variant(Operator.HYPOTHESIS, error, changed, hypothesis)
    nothing = _drawn_from(along, zero_input=True)
    yield Variant(Operator.HYPOTHESIS, "x = 0", nothing, "nonzero-input", Outcome.VACUOUS)


def _exact_variants() -> Iterator[Variant]:
    def changed(**changes: Any) -> ExactLaw:
        assert isinstance(PLAIN.sampler, StepPValues)
        return replace(PLAIN, sampler=replace(PLAIN.sampler, **changes))

    yield Variant(Operator.DEGREES, "χ²(d - 1) → χ²(d)", changed(degrees=1))
    yield Variant(Operator.DEGREES, "χ²(d - 1) → χ²(d - 2)", changed(degrees=-1))
    yield Variant(Operator.CONSTANT, "σ 5 % too large", changed(sigma=1.05))
    small = replace(changed(law=Uniform()), sizes={"widths": (4, 15, 3, 5)})
    tied = replace(changed(tied=True, signs=(1, -1)), sizes={"widths": (6, 6, 6, 6, 3)})
    convolutions = ConvolutionPValues(as_dense=True)
    sizes = {"channels": 6, "filters": 6, "size": 6}
    shared = replace(PLAIN, sampler=convolutions, sizes=sizes)
    for hypothesis, error, check in (
        ("gaussian-weights", "one matrix in all layers", tied),
        ("gaussian-weights", "anisotropic weights", changed(law=Anisotropic(0.3))),
        ("gaussian-weights", "uniform weights", small),
        ("gaussian-weights", "weights that a convolution shares", shared),
        ("sees-z-only", "the row with the largest weights", changed(target="heaviest row")),
    ):
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis)
    dead = replace(changed(rule=RectGrad(100)), sizes={"widths": (5,) * 8})
    for hypothesis, error, check in (
        ("nonzero-activations", "x = 0", changed(zero_input=True)),
        ("some-coefficient", "nothing passes", dead),
    ):
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis, Outcome.VACUOUS)


VARIANTS: tuple[Variant, ...] = (*_isotropic_variants(), *_exact_variants())
