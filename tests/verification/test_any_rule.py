"""What `verify_rule` says of rules that are known, and of one that is wrong."""

import numpy as np
import pytest

from alignment_theory import (
    AlphaBeta,
    Deconvnet,
    DeepTaylor,
    Epsilon,
    ExcitationBackprop,
    Gradient,
    GuidedBackprop,
    IntegratedGradients,
    Outcome,
    RectGrad,
    SignalRule,
    ZPlus,
    verify_rule,
)

FILTERING = [
    GuidedBackprop(),
    RectGrad(80),
    ZPlus(),
    AlphaBeta(1.0, 0.0),
    DeepTaylor(0, 1),
    ExcitationBackprop(),
]
OTHERS = [Gradient(), Deconvnet(), RectGrad.reference_code(20), AlphaBeta(2.0, 1.0), Epsilon()]


def outcomes(rule):
    return {verdict.theorem: verdict for verdict in verify_rule(rule)}


@pytest.mark.parametrize("rule", FILTERING, ids=lambda rule: rule.name)
def test_filtering_rules_obey_and_nothing_is_refuted(rule):
    assert {verdict.outcome for verdict in verify_rule(rule)} == {Outcome.HOLDS}


@pytest.mark.parametrize("rule", OTHERS, ids=lambda rule: rule.name)
def test_other_rules_are_refuted_with_a_witness(rule):
    found = outcomes(rule)
    assert found["negative filtering rule"].outcome is Outcome.FAILS
    assert found["negative filtering rule"].witness
    assert found["combined-weight"].outcome is Outcome.HOLDS
    assert found["ledger closes"].outcome is Outcome.HOLDS


class WrongMatrix(SignalRule):
    """A rule whose explicit matrix is not what it does."""

    def gate(self, signal, site):
        return site.mask & (signal > 0)

    def switch_matrix(self, gates):
        return super().switch_matrix(np.ones_like(gates))


def test_rule_that_contradicts_its_own_matrix_is_refuted():
    assert outcomes(WrongMatrix())["combined-weight"].outcome is Outcome.FAILS


def test_averaging_methods_are_refused():
    with pytest.raises(ValueError, match="averages several passes"):
        verify_rule(IntegratedGradients())
