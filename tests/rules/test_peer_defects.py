"""Defects found in other libraries, each kept out of ours."""

from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import (
    LRP0,
    AlphaBeta,
    Dense,
    Epsilon,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Flatten,
    Gamma,
    Gradient,
    GuidedBackprop,
    Network,
    RectGrad,
    Relu,
    WSquare,
    ZBox,
    ZPlus,
    attribute,
    dialect,
)
from alignment_theory.magnitudes import gamma


@pytest.mark.parametrize(
    ("rule", "weight", "below"),
    [
        (AlphaBeta(), [[2, 1]], 2),  # no negative part: zennit gives 2.0 without a word
        (AlphaBeta(), [[-2, -1]], -1),  # no positive part
        (ZPlus(), [[-2, -1]], 0),
    ],
)
def test_a_conservation_failure_is_named_by_the_ledger(rule, weight, below):
    result = attribute(Network([Dense(weight)]), [1, 2], rule=rule, seed=[1.0])
    assert result.relevance.sum() == below
    named = {name: term.sum() for name, term in result.ledger.terms.items() if term.any()}
    assert named == {"empty denominator": 1 - below}
    assert result.ledger.residual.tolist() == [[0]]


def test_zplus_and_gamma_on_signed_inputs_follow_the_signed_definition():
    """captum does not split x: for x = (-1, 2), W = (-3, 1) the contributions are 3 and 2."""
    net = Network([Dense([[-3, 1]])]).astype(object)
    ours = attribute(net, [-1, 2], rule=ZPlus(), seed=[1]).relevance
    assert ours.tolist() == [Fraction(3, 5), Fraction(2, 5)]
    theirs = attribute(net, [-1, 2], rule=dialect("captum", "ZPlus"), seed=[1]).relevance
    assert theirs[0] == 0
    # γ = 1, z = 5 > 0: 3 + 3 and 2 + 2; without the split 3 and 2 + 2
    general = attribute(net, [-1, 2], rule=Gamma(1, generalised=True), seed=[10]).relevance
    assert general.tolist() == [6, 4]
    plain = attribute(net, [-1, 2], rule=Gamma(1), seed=[7]).relevance
    assert plain.tolist() == [3, 4]


def test_amplification_by_epsilon_is_in_the_ledger():
    """W = (1, -1), ε = 1e-6: x = (1, 1) gives R = ±1e6, of which the sum 0 shows nothing."""
    net = Network([Dense([[1, -1]])])
    for second, size in ((1.0, 1e6), (1 + 1e-7, 9.09e5)):
        result = attribute(net, [1.0, second], rule=Epsilon(1e-6), seed=[1.0])
        assert abs(result.relevance[0]) == pytest.approx(size, rel=1e-3)
        ledger = result.ledger
        assert ledger.scale[0, 0] == pytest.approx(2 * size, rel=1e-3)
        lost = ledger.terms["stabiliser"][0, 0]
        assert lost == pytest.approx(1 - result.relevance.sum(), rel=1e-6)
        assert lost > 0.9


def test_excitation_backprop_does_not_leak_through_biases():
    """zennit keeps b⁺ in the denominators: on every sample a tenth or more is lost to it."""
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=s) for s in ((8, 5), (6, 8), (3, 6))]
    net = Network.mlp(weights, [np.abs(rng.normal(size=len(w))) for w in weights])
    samples = rng.random((4, 5))
    ours = attribute(net, samples, rule=ExcitationBackprop())
    # shares of positive terms, at most 8 to a sum, in three layers and at the input
    assert ours.relevance.sum(axis=1) == pytest.approx(1, abs=gamma(64, samples.dtype))
    theirs = attribute(net, samples, rule=dialect("zennit", "ExcitationBackprop"), seed="unit")
    assert (theirs.relevance.sum(axis=1) < 0.9).all()
    assert (theirs.ledger.terms["bias"].sum(axis=0) > 0.1).all()


@pytest.mark.parametrize("rule", [Epsilon(0.5), Gamma(0.5), RectGrad(50), EpsilonPlus(0.5)])
def test_rules_stay_after_a_call_and_for_the_next(rule):
    """captum deletes a user's rules in attribute(); the second call silently uses ε."""
    net = Network.mlp([[[1, -2], [0.5, 1]], [[1, 1]]], [[0.5, 0], None])
    first = attribute(net, [1, 2], rule=rule)
    between = attribute(net, [2, 1], rule=LRP0())
    second = attribute(net, [1, 2], rule=rule)
    assert first.rules == second.rules
    assert (first.relevance == second.relevance).all()
    assert between.rules[0] != first.rules[0]


def test_layers_may_be_reused_subclassed_and_reshaped():
    """captum refuses Flatten, subclasses (``type(x) in dict``) and a module used twice."""

    class OwnDense(Dense):
        pass

    class OwnRelu(Relu):
        pass

    shared, relu = OwnDense([[1, -1], [2, 0.5]]), OwnRelu()
    net = Network([Flatten(), shared, relu, shared, relu, Flatten()], (1, 2))
    plain = Dense([[1, -1], [2, 0.5]])
    same = Network([Flatten(), plain, Relu(), plain, Relu(), Flatten()], (1, 2))
    for rule in (LRP0(), GuidedBackprop(), ZPlus(), EpsilonPlus(0.5)):
        expected = attribute(same, [[2, 1]], rule=rule).relevance
        assert (attribute(net, [[2, 1]], rule=rule).relevance == expected).all()


@pytest.mark.parametrize("upper", [Flat(), WSquare()])
def test_dead_units_that_a_rule_feeds_pass_nothing_on(upper):
    """x = (1, 2): z = (3, -1). The dead unit's share of flat or w² is a named loss."""
    net = Network.mlp([[[1, 1], [1, -1]], [[2, 3]]])
    result = attribute(net, [1, 2], rule=upper)
    assert result.relevances[2][1] > 0
    assert result.relevances[1][1] == 0
    assert result.ledger.terms["threshold"][1, 0] == result.relevances[2][1]


def test_a_box_around_hidden_activations_also_feeds_dead_units():
    """ZBox(-1, 9) at a = (3, 0), W = (2, 3): (3 + 1)·2 = 8 and (0 + 1)·3 = 3 of 11."""
    net = Network.mlp([[[1, 1], [1, -1]], [[2, 3]]])
    result = attribute(net, [1, 2], rule=ZBox(-1, 9), seed=[11.0])
    assert result.relevances[2].tolist() == [8, 3]
    assert result.ledger.terms["threshold"][1].tolist() == [3]


def test_a_negative_threshold_opens_dead_units_and_the_floor_keeps_them_closed():
    """a = (0, 0, 1, 2), R = (3, -1, -1, 1), q = 10: a∘R = (0, 0, -1, 2), τ = -0.7."""
    net = Network([Relu()], (4,))
    sample, seed = [-1.0, -2, 1, 2], [3.0, -1, -1, 1]
    opened = attribute(net, sample, rule=RectGrad(10, floor=False), seed=seed)
    assert opened.gates[0].tolist() == [True, True, False, True]
    floored = attribute(net, sample, rule=RectGrad(10), seed=seed)
    assert floored.gates[0].tolist() == [False, False, False, True]
    for interpolation, kept in (("nearest", 0), ("linear", 1)):
        rule = RectGrad(90, interpolation, floor=False)
        assert attribute(net, sample, rule=rule, seed=seed).gates[0].sum() == kept


def test_wsquare_keeps_relevance_where_a_bias_would_take_it():
    """W = (1, 1), b = 2: zennit's b² leaves 1/3."""
    net = Network([Dense([[1, 1]], [2])]).astype(object)
    assert attribute(net, [1, 1], rule=WSquare(), seed=[1]).relevance.sum() == 1
    leak = attribute(net, [1, 1], rule=WSquare(bias="modified"), seed=[1])
    assert leak.relevance.sum() == Fraction(1, 3)
    assert leak.ledger.terms["bias"].sum() == Fraction(2, 3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_input_is_an_error_not_a_silent_nan(bad):
    net = Network.mlp([[[1, 1]], [[1]]])
    for rule in (Gradient(), ZPlus()):
        with pytest.raises(ValueError, match="input: expected finite numbers"):
            attribute(net, [bad, 1], rule=rule)


def test_an_input_of_zeros_loses_its_relevance_in_the_open():
    """zennit's z⁺ gives all zeros at x = 0, with no warning; ours names where it went."""
    net = Network.mlp([[[1, 1]], [[1]]], [[1], None])
    result = attribute(net, [0, 0], rule=ZPlus())
    assert result.relevance.tolist() == [0, 0]
    assert result.ledger.terms["empty denominator"].sum() == 1
