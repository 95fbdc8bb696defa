"""Identities and inequalities on convolutional networks, and the engine's errors there.

Small networks of every kind of layer are compared whole, against explicit matrices. So are the
digits CNNs. VGG16 is compared layer by layer where a bound through all layers would say nothing
(`layerwise`), and without matrices: only those of at most `MOST` entries are written down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from alignment_theory.layers import BatchNorm, Conv2d
from alignment_theory.theory import Theorem
from alignment_theory.theory.bounds import (
    ALIGNMENT_FLOOR,
    CASCADE,
    NFR_SIGN,
    RANK_ONE_CONTRACTION,
)
from alignment_theory.theory.identities import (
    COMBINED_WEIGHT,
    CONSERVATION,
    HOMOGENEITY,
    LRP0_IS_GRADIENT_TIMES_INPUT,
    MONOTONE_NET,
    PIECEWISE_LINEAR,
    ZPLUS_FAMILY,
)
from alignment_theory.theory.one_layer import OPTIMAL_FILTER
from alignment_theory.verification import (
    alignment_floors,
    bounds,
    filters,
    identities,
    layerwise,
)
from alignment_theory.verification.checks import Check
from alignment_theory.verification.compared import (
    Change,
    Evidence,
    OnConvolutional,
    OnDigits,
    OnVgg16,
)
from alignment_theory.verification.contraction import rank_one_contraction
from alignment_theory.verification.judged_rules import LAYER_RULES
from alignment_theory.verification.planted_layers import (
    NoShortcut,
    WithLayers,
    WrongWinner,
    shifted_conv,
    unscaled_norm,
)
from alignment_theory.verification.special_subjects import blended, first_input
from alignment_theory.verification.subjects import with_nonnegative_upper_weights
from alignment_theory.verification.variants import Operator, Variant

SMALL, DIGITS, VGG = "small CNNs", "digits CNN", "random VGG16"
MOST = 2**19
"""Entries of the largest matrix that is written down for the digits CNN and VGG16."""

UP_TO_MOST = ", matrices of at most 2^19 entries"
BY_LAYER, ALONG = ", layer by layer", ", layer by layer along random directions"
MISSED = " (times t: missed with probability < 0.8/t)"
NONNEGATIVE = ", |W| above layer 1"


@dataclass(frozen=True)
class Kind:
    """How one theorem is judged on convolutional networks.

    Attributes
    ----------
    theorem : Theorem
    evidence, large : callable
        For networks with explicit matrices, and for VGG16.
    bias_free, leaky, nonnegative : bool
        Which networks meet the hypotheses, as in `convolutional_subjects`.
    signed : bool
        Whether it is judged on inputs of both signs, too.
    words, large_words, missed : str
        What is to be said of the settings, and of VGG16's resolution.
    change, digits_change : callable, optional
        Applied to all subjects, and to the digits CNN.
    images : int
        Inputs of VGG16: enough for 50 comparisons.
    digits_evidence : callable, optional
        For the digits CNN where its matrices are too large for `evidence`.
    """

    theorem: Theorem
    evidence: Evidence
    large: Evidence
    bias_free: bool = False
    leaky: bool = False
    nonnegative: bool = False
    signed: bool = False
    words: str = ""
    large_words: str = ""
    missed: str = ""
    change: Change | None = None
    digits_change: Change | None = None
    images: int = 1
    digits_evidence: Evidence | None = None


FLOOR = partial(alignment_floors.alignment_floor, most=MOST)
KANTOROVICH = partial(alignment_floors.cascade, most=MOST)

HALFWAY = partial(blended, shares=(0.5,))
"""8 inputs become 36."""

KINDS = (
    Kind(
        PIECEWISE_LINEAR,
        identities.piecewise_linear,
        layerwise.pieces,
        leaky=True,
        large_words=ALONG,
        missed=MISSED,
    ),
    Kind(
        COMBINED_WEIGHT,
        identities.combined_weights,
        layerwise.products,
        leaky=True,
        large_words=ALONG,
        missed=MISSED,
        digits_change=first_input,
    ),
    Kind(
        LRP0_IS_GRADIENT_TIMES_INPUT,
        identities.lrp0,
        partial(identities.lrp0, by_layer=True),
        bias_free=True,
        leaky=True,
        signed=True,
        large_words=BY_LAYER,
    ),
    Kind(
        CONSERVATION,
        identities.conservation,
        partial(identities.conservation, rules=LAYER_RULES),
        leaky=True,
    ),
    Kind(HOMOGENEITY, identities.homogeneity, identities.homogeneity, bias_free=True, leaky=True),
    Kind(
        ZPLUS_FAMILY,
        identities.zplus_family,
        identities.zplus_family,
        bias_free=True,
        nonnegative=True,
    ),
    Kind(
        MONOTONE_NET,
        identities.monotone_net,
        identities.monotone_net,
        leaky=True,
        words=NONNEGATIVE,
        change=with_nonnegative_upper_weights,
    ),
    Kind(NFR_SIGN, bounds.nfr_sign, bounds.nfr_sign, bias_free=True, signed=True),
    Kind(
        ALIGNMENT_FLOOR,
        alignment_floors.alignment_floor,
        FLOOR,
        bias_free=True,
        signed=True,
        large_words=UP_TO_MOST,
        digits_change=HALFWAY,
        images=10,
        digits_evidence=FLOOR,
    ),
    Kind(
        CASCADE,
        alignment_floors.cascade,
        KANTOROVICH,
        bias_free=True,
        signed=True,
        large_words=UP_TO_MOST,
        digits_change=HALFWAY,
        images=30,
        digits_evidence=KANTOROVICH,
    ),
    Kind(
        RANK_ONE_CONTRACTION,
        rank_one_contraction,
        partial(rank_one_contraction, most=MOST),
        leaky=True,
        signed=True,
        large_words=UP_TO_MOST,
    ),
    Kind(OPTIMAL_FILTER, filters.best_filter, filters.best_filter, signed=True),
)


def _small(kind: Kind, evidence: Evidence, words: str, *, signed: bool = False) -> Check:
    return OnConvolutional(
        kind.theorem,
        f"{SMALL}{kind.words}{words}",
        evidence,
        kind.bias_free,
        kind.change,
        signed=signed,
        leaky=kind.leaky,
        nonnegative=kind.nonnegative,
    )


def _checks() -> Iterator[Check]:
    for kind in KINDS:
        yield _small(kind, kind.evidence, "")
        if kind.signed:
            yield _small(kind, kind.evidence, ", signed inputs", signed=True)
        if kind.large_words == ALONG:
            yield _small(kind, kind.large, ALONG)
        on_digits = kind.digits_evidence or kind.evidence
        yield OnDigits(
            kind.theorem,
            f"{DIGITS}{kind.words}{UP_TO_MOST if kind.digits_evidence else ''}",
            on_digits,
            kind.bias_free,
            kind.change or kind.digits_change,
            convolutional=True,
        )
        yield OnVgg16(
            kind.theorem,
            f"{VGG}{kind.words}{kind.large_words}",
            kind.large,
            kind.bias_free,
            kind.change,
            kind.images,
            kind.missed,
        )


CHECKS: tuple[Check, ...] = tuple(_checks())

SHIFTED = "a convolution's transpose is off by one column", WithLayers(Conv2d, shifted_conv)
UNSCALED = "a batch normalisation's transpose has no factors", WithLayers(BatchNorm, unscaled_norm)


def _wrong_layers() -> Iterator[Variant]:
    """Plant errors in transposes, for every theorem but those whose two sides share them."""
    evidences: tuple[tuple[Theorem, Evidence, bool], ...] = (
        (PIECEWISE_LINEAR, identities.piecewise_linear, False),
        (PIECEWISE_LINEAR, layerwise.pieces, False),
        (COMBINED_WEIGHT, identities.combined_weights, False),
        (COMBINED_WEIGHT, layerwise.products, False),
        (CONSERVATION, identities.conservation, False),
        (NFR_SIGN, bounds.nfr_sign, True),
    )
    for theorem, evidence, free in evidences:
        setting = f"{SMALL}{ALONG if evidence in (layerwise.pieces, layerwise.products) else ''}"
        for error, change in (SHIFTED, UNSCALED):
            check = OnConvolutional(theorem, setting, evidence, free, change)
            yield Variant(Operator.ENGINE, error, check)


def _wrong_crossings() -> Iterator[Variant]:
    for error, rule in (
        ("the pixel after the winner gets it", WrongWinner()),
        ("the shortcut of a residual gets nothing", NoShortcut()),
    ):
        kept = partial(identities.conservation, rules=[rule], conserving=())
        evidences: tuple[tuple[Theorem, str, Evidence], ...] = (
            (COMBINED_WEIGHT, "", partial(identities.combined_weights, rules=[rule])),
            (COMBINED_WEIGHT, ALONG, partial(layerwise.products, rules=[rule])),
            (CONSERVATION, "", kept),
        )
        for theorem, words, evidence in evidences:
            check = OnConvolutional(theorem, f"{SMALL}{words}", evidence)
            yield Variant(Operator.ENGINE, error, check)
    unshared = partial(bounds.nfr_sign, rules=[NoShortcut()])
    check = OnConvolutional(NFR_SIGN, SMALL, unshared, True)
    yield Variant(Operator.ENGINE, "the shortcut of a residual gets nothing", check)


def _dropped() -> Iterator[Variant]:
    check = OnConvolutional(ZPLUS_FAMILY, SMALL, identities.zplus_family, True)
    error = "a batch normalisation and sums are given values of any sign"
    yield Variant(Operator.HYPOTHESIS, error, check, "nonnegative-activations")
    for theorem, evidence in (
        (NFR_SIGN, bounds.nfr_sign),
        (ALIGNMENT_FLOOR, alignment_floors.alignment_floor),
    ):
        check = OnConvolutional(theorem, SMALL, evidence, bias=3.0)
        yield Variant(Operator.HYPOTHESIS, "with biases", check, "bias-free")
        leaky = OnConvolutional(theorem, SMALL, evidence, True, leaky=True)
        error = "leaky ReLUs"
        yield Variant(Operator.HYPOTHESIS, error, leaky, "negative-filtering")


VARIANTS: tuple[Variant, ...] = (*_wrong_layers(), *_wrong_crossings(), *_dropped())
