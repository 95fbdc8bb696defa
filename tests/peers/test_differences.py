"""Where ours differs on purpose from zennit and captum: by how much, and what our ledger says.

Numbers of theirs are read from the stored records. E is zennit's stabiliser. On the `edges`
network (`peer_networks.py`) every number is worked by hand; targets are named by their unit: 0
cancels to z = 0, 1 has no negative part, 2 no positive part, 4 has z = x_0 + x_1 + 2.
"""

from dataclasses import dataclass, field

import numpy as np
import ours
import pytest

from alignment_theory import (
    DIALECTS,
    LRP0,
    AlphaBeta,
    Deconvnet,
    DeepLift,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Gamma,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    IntegratedGradients,
    Method,
    WSquare,
    ZBox,
    ZPlus,
    attribute,
    dialect,
)
from alignment_theory.magnitudes import gamma

E = 1e-6
NETWORKS, RECORDS = ours.stored()


@dataclass(frozen=True)
class Case:
    """A sample of a record, our default, and one number of both: a unit's relevance, or the sum.

    `theirs_lost` and `ours_lost` are what the ledger names, for their formula and for our default.
    """

    record: str
    sample: int
    default: Method
    theirs: float
    ours: float
    theirs_lost: dict = field(default_factory=dict)
    ours_lost: dict = field(default_factory=dict)
    unit: int | None = None

    def number(self, relevance):
        row = np.asarray(relevance)[self.sample]
        return row.sum() if self.unit is None else row[self.unit]


def zennit(rule, where, settings=""):
    return f"zennit:{rule}-{settings}stabilizer=1e-06-zero_params=None-{where}-one_hot"


def captum(rule, where):
    return f"captum:{rule}-{where}-logit"


LEAKS = "EpsilonPlusFlat-epsilon=1e-06-zero_params=None-stabilizer=1e-06-dead-nonnegative-one_hot"
BOX = "epsilon=1e-06-zero_params=None-gamma=0.25-stabilizer=1e-06-shallow-signed-one_hot"
A2B1 = "epsilon=1e-06-zero_params=None-stabilizer=1e-06-shallow-signed-one_hot"
EDGES, SIGNED = "edges-nonnegative", "edges-signed"

CASES = {
    # The stabiliser alone.
    ("zennit", "LRP0", "cancels"): Case(
        "zennit:Epsilon-epsilon=1e-06-zero_params=None-edges-nonnegative-one_hot",
        *(0, LRP0(), 1 / E, 0.0),
        *({"stabiliser": 1}, {"empty denominator": 1}),
        unit=0,
    ),
    ("captum", "Epsilon", ""): Case(
        captum("EpsilonRule-epsilon=1e-09", SIGNED),
        *(0, Epsilon(), -(1.5**2) / (1.5 + 1e-9), -(1.5**2) / (1.5 + 1e-6)),
        *({"stabiliser": -1.5e-9 / (1.5 + 1e-9)}, {"stabiliser": -1.5e-6 / (1.5 + 1e-6)}),
    ),
    ("zennit", "Flat", ""): Case(
        zennit("Flat", EDGES), 4, Flat(), 4 / (4 + E), 1.0, {"stabiliser": E / (4 + E)}
    ),
    ("zennit", "ZBox", ""): Case(
        "zennit:Epsilon-epsilon=1e-06-zero_params=None-first=ZBox-edges-nonnegative-one_hot",
        *(0, ZBox(0, 1), 1 / (1 + E), 1.0, {"stabiliser": E / (1 + E)}),
    ),
    # The bias in the denominators.
    ("zennit", "ZPlus", "bias"): Case(
        *(zennit("ZPlus", EDGES), 4, ZPlus(), 2 / (4 + E), 1.0),
        {"bias": 2 / (4 + E), "stabiliser": E / (4 + E)},
    ),
    ("captum", "ZPlus", "bias"): Case(
        captum("Alpha1_Beta0_Rule-set_bias_to_zero=False", EDGES),
        *(4, ZPlus(), 8 / (4 + 1e-9), 4.0),
        {"bias": 8 / (4 + 1e-9), "stabiliser": 1e-9},
    ),
    ("captum", "Gamma", "bias"): Case(
        captum("GammaRule-gamma=0.25-set_bias_to_zero=False", EDGES),
        *(4, Gamma(), 10 / (4.5 + 1e-9), 2.0),
        *({"bias": 8 / (4.5 + 1e-9), "stabiliser": 4e-9 / 4.5}, {"bias": 2}),
    ),
    ("zennit", "AlphaBeta", "bias"): Case(
        zennit("AlphaBeta", SIGNED, "alpha=2.0-beta=1.0-"),
        *(4, AlphaBeta(), 1 / (2.5 + E) - 1 / (1 + E), 1.0),
        {"bias": 4 / (2.5 + E), "stabiliser": 2 * E / (2.5 + E) - E / (1 + E)},
    ),
    ("zennit", "WSquare", "bias"): Case(
        *(zennit("WSquare", EDGES), 4, WSquare(), 2 / (6 + E), 1.0),
        {"bias": 4 / (6 + E), "stabiliser": E / (6 + E)},
    ),
    ("zennit", "ExcitationBackprop", "bias"): Case(
        zennit("ExcitationBackprop", "biased-nonnegative"),
        *(0, ExcitationBackprop(), 0.7893099459782, 1.0),
        {"bias": 0.2106866087370, "stabiliser": 3.445284774e-6},
    ),
    ("zennit", "ExcitationBackprop", "bias and dead"): Case(
        zennit("ExcitationBackprop", "dead-nonnegative"),
        *(2, ExcitationBackprop(), 0.002092090005862, 0.8998666036784),
        {"bias": 0.9979048440378, "stabiliser": 3.065956383e-6},
        {"empty denominator": 0.1001333963216},
    ),
    # Inputs split by sign, and the two forms of γ.
    ("captum", "ZPlus", "sign"): Case(
        captum("Alpha1_Beta0_Rule-set_bias_to_zero=True", SIGNED),
        *(0, ZPlus(), -1.5 / (1 + 1e-9), 0.0),
        *({"stabiliser": -1.5e-9}, {"empty denominator": -1.5}),
        unit=0,
    ),
    ("zennit", "Gamma", "sign"): Case(
        zennit("Gamma", SIGNED, "gamma=0.25-"),
        *(1, Gamma(), -1 / (0.875 + E), -2.0, {"stabiliser": E / (0.875 + E)}),
        unit=0,
    ),
    ("zennit", "Gamma", "cancels"): Case(
        zennit("Gamma", EDGES, "gamma=0.25-"),
        *(0, Gamma(), 0.0, 5.0, {"empty denominator": 1}),
        unit=0,
    ),
    # Dead units: theirs hands them relevance and takes it further down.
    ("zennit", "Flat", "dead"): Case(
        zennit("Flat", "dead-nonnegative"),
        *(1, Flat(), 0.9999993000003273, 0.1),
        *({"stabiliser": 6.999996726e-7}, {"threshold": 0.9}),
    ),
    ("zennit", "WSquare", "dead"): Case(
        zennit("WSquare", "dead-nonnegative"),
        *(0, WSquare(), 0.6887132651844, 0.0),
        *({"bias": 0.3112848744723, "stabiliser": 1.860343293e-6}, {"threshold": 1}),
    ),
    # Composites.
    ("zennit", "EpsilonPlusFlat", ""): Case(
        f"zennit:{LEAKS}",
        *(1, EpsilonPlus(flat_first=True), -0.4351839887293, -0.4351840975253),
        {"bias": 1.435141577358, "stabiliser": 4.241137164e-5},
        {"bias": 1.435141577358, "stabiliser": 4.252016764e-5},
    ),
    ("zennit", "EpsilonAlpha2Beta1Flat", ""): Case(
        f"zennit:EpsilonAlpha2Beta1Flat-{A2B1}",
        *(1, EpsilonAlpha2Beta1(flat_first=True), 0.2341455680010, 0.2341456148302),
        {"bias": 0.7658506493130, "stabiliser": 3.782685939e-6},
        {"bias": 0.7658506493130, "stabiliser": 3.735856826e-6},
    ),
    ("zennit", "EpsilonGammaBox", "dense first layer"): Case(
        f"zennit:EpsilonGammaBox-low=-1.0-high=1.0-{BOX}",
        *(1, EpsilonGammaBox(-1, 1), 0.08273861269194, 0.2341456148302),
        {"bias": 0.9172570948099, "stabiliser": 4.292498170e-6},
        {"bias": 0.7658506493130, "stabiliser": 3.735856826e-6},
    ),
    # Quadratures.
    ("zennit", "IntegratedGradients", ""): Case(
        "zennit:IntegratedGradients-n_iter=20-baseline=zero-dead-nonnegative-one_hot",
        *(0, IntegratedGradients(), 0.1568910122304, 0.1790474224483),
    ),
    ("captum", "IntegratedGradients", "float32 weights"): Case(
        "captum:IntegratedGradients-method=riemann_right-n_steps=20-baseline=shifted-"
        "edges-nonnegative-one_hot",
        *(4, IntegratedGradients(0.25), 1.5 * np.float64(np.float32(0.05)) / 0.05, 1.5),
    ),
}

SAME = {
    ("zennit", "Gradient"): Gradient(),
    ("zennit", "GuidedBackprop"): GuidedBackprop(),
    ("zennit", "Deconvnet"): Deconvnet(),
    ("zennit", "Epsilon"): Epsilon(),
    ("zennit", "EpsilonPlus"): EpsilonPlus(),  # on dense layers; convolutions get z⁺
    ("zennit", "EpsilonAlpha2Beta1"): EpsilonAlpha2Beta1(),  # likewise
    ("captum", "Gradient"): Gradient(),
    ("captum", "GuidedBackprop"): GuidedBackprop(),
    ("captum", "Deconvnet"): Deconvnet(),
    ("captum", "InputTimesGradient"): InputTimesGradient(),
    ("captum", "DeepLift"): DeepLift(),
}


@pytest.mark.parametrize("key", CASES, ids="-".join)
def test_default_differs_by_the_stated_number(key):
    case = CASES[key]
    record = RECORDS[case.record]
    mine = ours.attribution_of(record, NETWORKS[record["network"]], case.default)
    assert case.number(record["relevance"][0]) == pytest.approx(case.theirs, rel=1e-11, abs=0)
    assert case.number(mine.relevance) == pytest.approx(case.ours, rel=1e-11, abs=1e-15)
    assert abs(case.theirs - case.ours) > 100 * 1e-11 * abs(case.ours)


@pytest.mark.parametrize("whose", ["theirs", "ours"])
@pytest.mark.parametrize("key", [key for key in CASES if key[1] != "IntegratedGradients"])
def test_the_ledger_closes_and_names_what_was_lost(key, whose):
    case = CASES[key]
    record = RECORDS[case.record]
    stored = NETWORKS[record["network"]]
    method = ours.method_of(record, stored) if whose == "theirs" else case.default
    attribution = ours.attribution_of(record, stored, method)
    check_ledger(
        attribution, case.sample, case.theirs_lost if whose == "theirs" else case.ours_lost
    )


def check_ledger(attribution, sample, lost):
    """Assert that a ledger closes to 1e-12 of its scale and has the stated losses and no others."""
    ledger = attribution.ledger
    assert (np.abs(ledger.residual) <= 1e-12 * ledger.scale).all()
    kept, given = attribution.relevance[sample].sum(), attribution.top[sample].sum()
    assert given - kept == pytest.approx(sum(lost.values()), rel=1e-9, abs=1e-11)
    for name, amounts in ledger.terms.items():
        total = amounts[:, sample].sum()
        assert total == pytest.approx(lost.get(name, 0), rel=1e-9, abs=1e-12), name


EMPTY = {
    "no negative part": (zennit("AlphaBeta", EDGES, "alpha=2.0-beta=1.0-"), 1, AlphaBeta(), 2, -1),
    "no positive part": (zennit("AlphaBeta", EDGES, "alpha=2.0-beta=1.0-"), 2, AlphaBeta(), -1, 2),
    "z⁺ is 0": (zennit("ZPlus", EDGES), 2, ZPlus(), 0, 1),
    "all weights 0": (zennit("WSquare", EDGES), 3, WSquare(), 0, 1),
}
"""Record, sample, our default, Σ of relevance at the input for 1 at the output, what is lost."""


@pytest.mark.parametrize("key", EMPTY)
def test_empty_denominators_lose_the_same_but_ours_says_so(key):
    name, sample, default, kept, lost = EMPTY[key]
    record = RECORDS[name]
    assert np.sum(record["relevance"][0][sample]) == pytest.approx(kept, rel=1e-6)
    mine = ours.attribution_of(record, NETWORKS["edges"], default)
    assert mine.relevance[sample].sum() == pytest.approx(
        kept, rel=gamma(64, np.dtype(float)), abs=0
    )
    check_ledger(mine, sample, {"empty denominator": lost})


@pytest.mark.parametrize("key", SAME, ids=":".join)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_rule_gives_the_same_bits(key, name):
    network, inputs = ours.network_of(NETWORKS[name]), NETWORKS[name]["inputs"]["signed"]
    mine, theirs = (attribute(network, inputs, rule=rule) for rule in (SAME[key], dialect(*key)))
    for one, other in zip(mine.relevances, theirs.relevances, strict=True):
        assert np.array_equal(one, other)
    assert DIALECTS[key].difference.startswith("the same")


def test_every_dialect_of_the_two_libraries_differs_here_or_is_the_same():
    keys = {key for key in DIALECTS if key[0] in ("zennit", "captum")}
    assert {key[:2] for key in CASES} - {("zennit", "LRP0")} | set(SAME) == keys
    assert not {key[:2] for key in CASES} & set(SAME)


def test_innvestigates_alpha_beta_turns_the_sign_of_an_opposing_input():
    """By hand, no record: contributions -1 and 0.5, b = 2 in both denominators, so -1 / (2 - 1)."""
    network, x = ours.network_of(NETWORKS["edges"]), NETWORKS["edges"]["inputs"]["signed"]
    rules = (dialect("innvestigate", "AlphaBeta"), dialect("zennit", "AlphaBeta"), AlphaBeta())
    found = [attribute(network, x, rule=r, target=4, seed="unit").relevance[4] for r in rules]
    wanted = [[1, 2 * 0.5 / 2.5], [-1 / (1 + E), 2 * 0.5 / (2.5 + E)], [-1, 2]]
    assert np.array(found)[:, :2] == pytest.approx(np.array(wanted), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("zennit:Epsilon-epsilon=1e-06-zero_params=None-biased-signed-logit", Epsilon()),
        ("captum:GuidedBackprop-biased-signed-one_hot", GuidedBackprop()),
        (zennit("ExcitationBackprop", "biased-signed"), dialect("zennit", "ExcitationBackprop")),
    ],
)
def test_what_starts_the_pass_where_the_caller_does_not_say(name, default):
    """The logit for relevance, as in captum; 1 for a signal and for excitation backprop."""
    record = RECORDS[name]
    stored = NETWORKS[record["network"]]
    inputs = stored["inputs"][record["input"]]
    mine = attribute(ours.network_of(stored), inputs, rule=default, target=record["targets"])
    found = ours.relevances_of(record, stored, mine)
    assert (ours.relative_errors(found, record["relevance"]) <= ours.RELATIVE).all()
