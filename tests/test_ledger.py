"""The conservation ledger: what it names, how it adds up, how it reads."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from rule_table import ENTRIES, NETWORKS, assert_within, attribution_of

from alignment_theory import (
    LRP0,
    AlphaBeta,
    Deconvnet,
    Dense,
    Epsilon,
    Flat,
    Gamma,
    Gradient,
    IntegratedGradients,
    Ledger,
    LinearRule,
    Network,
    Part,
    RectGrad,
    Relu,
    WSquare,
    ZPlus,
    attribute,
)
from alignment_theory.rounding import ledger_bounds
from alignment_theory.rules.base import LEDGER_TERMS
from alignment_theory.testing.strategies import live_cases

CONSERVING = [ZPlus(), AlphaBeta(), AlphaBeta(1, 0), Gamma(0.5), WSquare(), Flat(), LRP0()]


def test_shapes_and_terms():
    result = attribution_of("epsilon sign", "biased", np.float64)
    ledger = result.ledger
    assert ledger.totals.shape == (4, 3)
    assert set(ledger.terms) == set(LEDGER_TERMS)
    assert all(term.shape == (3, 3) for term in ledger.terms.values())
    assert ledger.residual.shape == ledger.scale.shape == (3, 3)
    for k, values in enumerate(result.batched):
        assert ledger.totals[k] == pytest.approx(values.sum(axis=1), rel=1e-14)


def test_signals_enter_as_activation_times_signal():
    """Bias-free and by the gradient, Σ a∘g is the logit at every position."""
    net, samples = NETWORKS["bias-free"]
    result = attribute(net, samples, rule=Gradient())
    logits = result.trace.output[np.arange(3), result.targets]
    assert (result.ledger.totals == logits).all()


@pytest.mark.parametrize("rule", CONSERVING)
@given(case=live_cases(bias=False, dtype=object, signed=False))
def test_bias_free_rules_lose_relevance_only_at_empty_denominators_and_gates(rule, case):
    network, samples = case
    ledger = attribute(network, samples, rule=rule).ledger
    for name in ("bias", "stabiliser", "padding"):
        assert (ledger.terms[name] == 0).all()
    if not isinstance(rule, WSquare | Flat):
        assert (ledger.terms["threshold"] == 0).all()
    kept = (ledger.terms["empty denominator"] == 0).all() & (ledger.terms["threshold"] == 0).all()
    if kept:
        assert (ledger.totals == ledger.totals[-1]).all()


def test_each_cause_is_named():
    """One layer, one cause each: (rule, weight, bias, term, lost of R = 8)."""
    causes = [
        (LRP0(), [[1, 1]], [2], "bias", 4),  # 2 of z = 4
        (Epsilon(6), [[1, 1]], None, "stabiliser", 6),  # 6 of 2 + 6
        (LRP0(), [[1, -1]], None, "empty denominator", 8),
        (ZPlus(), [[-1, -1]], None, "empty denominator", 8),
    ]
    for rule, weight, bias, term, lost in causes:
        ledger = attribute(Network([Dense(weight, bias)]), [1, 1], rule=rule, seed=[8.0]).ledger
        assert {k: v.sum() for k, v in ledger.terms.items() if v.any()} == {term: lost}
    net = Network([Dense([[1, 1], [-1, -1]]), Relu()])
    ledger = attribute(net, [1, 1], rule=ZPlus(), seed=[8.0, 3.0]).ledger
    assert ledger.terms["threshold"].tolist() == [[0], [3]]
    # deconvnet: c = g = 3 at z = -2 hands a loss of 0·3 - (-2)·3 down
    ledger = attribute(net, [1, 1], rule=Deconvnet(), seed=[8.0, 3.0]).ledger
    assert ledger.terms["threshold"].tolist() == [[0], [6]]


def test_rectgrad_loses_what_it_thresholds():
    """a = (2, 1), g = (1, 1): the median 1.5 closes unit 1, which carried 1 of 3."""
    net = Network([Relu(), Dense([[1, 1]])], (2,))
    ledger = attribute(net, [2, 1], rule=RectGrad(50)).ledger
    assert ledger.totals[:, 0].tolist() == [2, 3, 3]
    assert ledger.terms["threshold"][:, 0].tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_a_rule_of_ones_own_that_gives_out_half_is_accounted_for(dtype):
    """share = 1/2 at z⁺: the other half is lost, and the ledger says so."""

    class Half(LinearRule):
        def parts(self, site, layer):
            (part,) = ZPlus().parts(site, layer)
            return [Part(part.terms, part.bias, Fraction(1, 2) if dtype is object else dtype(0.5))]

    net = Network([Dense([[1, 3]])]).astype(dtype)
    result = attribute(net, [1, 1], rule=Half(), seed=[8])
    assert result.relevance.tolist() == [1, 3]
    assert result.ledger.residual.tolist() == [[0]]
    assert sum(term.sum() for term in result.ledger.terms.values()) == 4


def test_a_missing_term_would_be_seen():
    """Dropping any term that is not 0 leaves a residual above the rounding bound."""
    seen = set()
    for entry in ENTRIES:
        for network in ("biased", "ties", "convolution"):
            result = attribution_of(entry, network, np.float64)
            if result.runs:
                continue
            ledger, bounds = result.ledger, ledger_bounds(result)
            for name, term in ledger.terms.items():
                large = np.isfinite(bounds) & (np.abs(term) > 1e-6)
                if large.any():
                    seen.add(name)
                    dropped = np.abs(ledger.residual + term)[large]
                    assert (dropped > bounds[large]).all(), (entry, network, name)
    assert seen == set(LEDGER_TERMS)


def test_reading():
    result = attribute(Network([Dense([[1, 1]], [2])]), [1, 1], rule=LRP0(), seed=[8.0])
    lines = str(result.ledger).splitlines()
    assert lines[0].split() == ["layer", "above", "below", "bias", "residual"]
    assert lines[1].split() == ["0", "8", "4", "4", "0"]


def test_exact_ledgers_read_alike():
    net = Network([Dense([[1, 1]], [2])]).astype(object)
    result = attribute(net, [1, 1], rule=LRP0(), seed=[8])
    assert str(result.ledger).splitlines()[1].split() == ["0", "8", "4", "4", "0"]


def test_averages_have_no_ledger_of_their_own():
    net, samples = NETWORKS["biased"]
    result = attribute(net, samples, rule=IntegratedGradients(steps=3))
    with pytest.raises(ValueError, match="IntegratedGradients.*averages several passes; see .runs"):
        _ = result.ledger
    for _, run in result.runs:
        assert_within(run.ledger.residual, 0, ledger_bounds(run))


def test_the_documented_attributes_exist():
    """Every name in backticks in the class's docstring is an attribute or a term."""
    words = [word for word in Ledger.__doc__.split("`")[1::2] if word.isidentifier()]
    for word in words:
        assert hasattr(Ledger, word) or word in Ledger.__dataclass_fields__, word
