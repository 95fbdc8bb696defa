"""The identities on random networks and on the digits classifiers, and what refutes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from alignment_theory.rules import (
    AlphaBeta,
    Deconvnet,
    Epsilon,
    Gamma,
    Gradient,
    GuidedBackprop,
    RectGrad,
    ZPlus,
)
from alignment_theory.rules.base import LEDGER_TERMS
from alignment_theory.theory import Theorem
from alignment_theory.theory.identities import (
    COMBINED_WEIGHT,
    CONSERVATION,
    HOMOGENEITY,
    LRP0_IS_GRADIENT_TIMES_INPUT,
    MONOTONE_NET,
    PIECEWISE_LINEAR,
    ZPLUS_FAMILY,
)
from alignment_theory.verification import identities, planted, special_subjects
from alignment_theory.verification.checks import Check
from alignment_theory.verification.compared import Change, Evidence, OnDigits, OnGiven, OnRandom
from alignment_theory.verification.planted import Leaky, SquaredRelu, WithSwitch
from alignment_theory.verification.subjects import Subject, with_nonnegative_upper_weights
from alignment_theory.verification.variants import Operator, Variant

RANDOM, DIGITS = "random networks", "digits classifier"
SQUARED = WithSwitch(SquaredRelu())
BIAS = 0.3


@dataclass(frozen=True)
class Kind:
    """How one identity is judged: the evidence, on which networks, and after what change."""

    theorem: Theorem
    evidence: Evidence
    bias_free: bool
    any_switch: bool
    change: Change | None = None
    changed: str = ""


KINDS = (
    Kind(PIECEWISE_LINEAR, identities.piecewise_linear, False, False),
    Kind(COMBINED_WEIGHT, identities.combined_weights, False, True),
    Kind(LRP0_IS_GRADIENT_TIMES_INPUT, identities.lrp0, True, False),
    Kind(CONSERVATION, identities.conservation, False, True),
    Kind(HOMOGENEITY, identities.homogeneity, True, False),
    Kind(ZPLUS_FAMILY, identities.zplus_family, True, True),
    Kind(
        MONOTONE_NET,
        identities.monotone_net,
        False,
        True,
        with_nonnegative_upper_weights,
        ", |W| above layer 1",
    ),
)


@dataclass(frozen=True)
class Both:
    """One change of subjects after another."""

    first: Change
    second: Change

    def __call__(self, subject: Subject) -> Subject:
        """Return the changed subject."""
        return self.second(self.first(subject))


def _checks() -> Iterator[Check]:
    for kind in KINDS:
        parts = (kind.evidence, kind.bias_free, kind.change)
        yield OnRandom(kind.theorem, f"{RANDOM}{kind.changed}", *parts)
        yield OnDigits(kind.theorem, f"{DIGITS}{kind.changed}", *parts)
    for kind in KINDS:
        if kind.any_switch:
            change = SQUARED if kind.change is None else Both(kind.change, SQUARED)
            setting = f"{RANDOM} of squared ReLUs{kind.changed}"
            yield OnRandom(kind.theorem, setting, kind.evidence, kind.bias_free, change)


CHECKS: tuple[Check, ...] = tuple(_checks())

WITHOUT_RELU = "max(z, 0)² for the ReLU"


def _on_random(
    theorem: Theorem, evidence: Evidence, *, free: bool = True, change: Change | None = None
) -> Check:
    return OnRandom(theorem, RANDOM, evidence, free, change, bias=BIAS)


def _biased(theorem: Theorem, evidence: Evidence) -> Variant:
    """Return the variant on networks with and without bias."""
    check = _on_random(theorem, evidence, free=False)
    return Variant(Operator.HYPOTHESIS, "with biases", check, "bias-free")


def _piecewise() -> Iterator[Variant]:
    theorem, evidence = PIECEWISE_LINEAR, identities.piecewise_linear
    shifted = partial(evidence, product=planted.masks_shifted)
    yield Variant(Operator.GATE, "masks shifted by one unit", _on_random(theorem, shifted))
    short = partial(evidence, product=planted.without_bias)
    check = _on_random(theorem, short, free=False)
    yield Variant(Operator.TERM, "effective bias dropped", check)
    check = _on_random(theorem, evidence, change=SQUARED)
    yield Variant(Operator.HYPOTHESIS, WITHOUT_RELU, check, "relu")


def _combined() -> Iterator[Variant]:
    theorem, guided = COMBINED_WEIGHT, [GuidedBackprop()]
    for error, rule in (
        ("Guided Backprop without forward mask", Deconvnet()),
        ("Guided Backprop without sign gate", Gradient()),
        ("Guided Backprop with RectGrad's gate", RectGrad(60)),
    ):
        evidence = partial(
            identities.combined_weights, rules=guided, explicit=planted.OfOtherRule(rule)
        )
        yield Variant(Operator.ENGINE, error, _on_random(theorem, evidence))
    opened = partial(identities.combined_weights, rules=guided, explicit=planted.lowest_gates_open)
    yield Variant(Operator.GATE, "no gates at the lowest switch", _on_random(theorem, opened))
    spreading = partial(identities.combined_weights, rules=[planted.Spreading()])
    check = _on_random(theorem, spreading, change=planted.with_output_relu)
    yield Variant(Operator.HYPOTHESIS, "every open unit gets the mean", check, "gated")


def _lrp0() -> Iterator[Variant]:
    theorem, evidence = LRP0_IS_GRADIENT_TIMES_INPUT, identities.lrp0
    unmultiplied = partial(evidence, expected_by=Gradient())
    yield Variant(Operator.TERM, "not times the input", _on_random(theorem, unmultiplied))
    other = partial(evidence, found_by=Gamma())
    yield Variant(Operator.ENGINE, "γ = 1/4 for LRP-0", _on_random(theorem, other))
    yield _biased(theorem, evidence)
    check = _on_random(theorem, evidence, change=SQUARED)
    yield Variant(Operator.HYPOTHESIS, WITHOUT_RELU, check, "relu")
    zero = OnGiven(theorem, "logits of 0", evidence, make=special_subjects.zero_logit_subjects)
    yield Variant(Operator.HYPOTHESIS, "a logit of exactly 0", zero, "nonzero-denominators")


def _conservation() -> Iterator[Variant]:
    theorem, evidence = CONSERVATION, identities.conservation
    for term in ("bias", "stabiliser", "empty denominator", "threshold"):
        left = [known for known in LEDGER_TERMS if known != term]
        check = _on_random(theorem, partial(evidence, terms=left), free=False)
        yield Variant(Operator.TERM, f"the ledger leaves out {term}", check)
    wrong = partial(evidence, rules=(), conserving=[Epsilon(0.01)])
    yield Variant(Operator.ENGINE, "ε-LRP among those that keep all", _on_random(theorem, wrong))
    unbiased = partial(evidence, rules=(), free_only=False)
    yield _biased(theorem, unbiased)
    stabilised = partial(evidence, rules=(), conserving=[ZPlus(epsilon=0.01)])
    check = _on_random(theorem, stabilised)
    yield Variant(Operator.HYPOTHESIS, "z⁺ with ε = 0.01", check, "unstabilised")


def _homogeneity() -> Iterator[Variant]:
    theorem, evidence = HOMOGENEITY, identities.homogeneity
    squared = partial(evidence, degree=2)
    yield Variant(Operator.SQUARE, "s² for s", _on_random(theorem, squared))
    constant = partial(evidence, rules=[RectGrad(threshold=0.1)])
    error = "a threshold that does not scale"
    yield Variant(Operator.ENGINE, error, _on_random(theorem, constant))
    yield _biased(theorem, evidence)
    check = _on_random(theorem, evidence, change=SQUARED)
    yield Variant(Operator.HYPOTHESIS, WITHOUT_RELU, check, "relu")


def _zplus_family() -> Iterator[Variant]:
    theorem, evidence = ZPLUS_FAMILY, identities.zplus_family
    other = partial(evidence, alpha_beta=AlphaBeta(2.0, 1.0))
    yield Variant(Operator.ENGINE, "αβ(2,1)", _on_random(theorem, other))
    small = partial(evidence, large=1.0)
    yield Variant(Operator.CONSTANT, "γ → ∞ → γ = 1", _on_random(theorem, small))
    unseeded = partial(evidence, excitation_seed=False)
    yield Variant(
        Operator.TERM, "excitation backprop's seed dropped", _on_random(theorem, unseeded)
    )
    yield _biased(theorem, evidence)
    name = "nonnegative-activations"
    signed = OnRandom(theorem, f"{RANDOM}, signed inputs", evidence, True, signed=True)
    yield Variant(Operator.HYPOTHESIS, "inputs of any sign", signed, name)
    leaky = _on_random(theorem, evidence, change=WithSwitch(Leaky()))
    yield Variant(Operator.HYPOTHESIS, "a switch that lets negative values through", leaky, name)
    kept = partial(evidence, keep_all=True)
    setting = "a layer of negative weights"
    check = OnGiven(theorem, setting, kept, make=special_subjects.negative_subjects)
    yield Variant(Operator.HYPOTHESIS, "no positive contribution", check, "positive-contributions")


def _monotone_net() -> Iterator[Variant]:
    theorem, evidence = MONOTONE_NET, identities.monotone_net
    change = with_nonnegative_upper_weights
    yield Variant(
        Operator.HYPOTHESIS,
        "weights of any sign",
        _on_random(theorem, evidence),
        "nonnegative-upper-weights",
    )
    negative = _on_random(theorem, partial(evidence, seed=-1.0), change=change)
    yield Variant(Operator.HYPOTHESIS, "a seed of -1", negative, "positive-seed")
    other = _on_random(theorem, partial(evidence, rule=Deconvnet()), change=change)
    yield Variant(Operator.ENGINE, "DeconvNet for Guided Backprop", other)


VARIANTS: tuple[Variant, ...] = (
    *_piecewise(),
    *_combined(),
    *_lrp0(),
    *_conservation(),
    *_homogeneity(),
    *_zplus_family(),
    *_monotone_net(),
)
