"""Which layer gets which rule."""

import numpy as np
import pytest

from alignment_theory import (
    AlphaBeta,
    AvgPool2d,
    BatchNorm,
    Composite,
    Conv2d,
    DeepTaylor,
    Dense,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Flatten,
    Gamma,
    Network,
    Relu,
    Residual,
    WSquare,
    ZBox,
    ZPlus,
    attribute,
)

WIDE = Network(
    [Flatten(), Relu(), Dense([[1, 2]]), Relu(), Flatten(), Dense([[3]]), Relu()], (1, 2)
)

DENSE = [
    (EpsilonPlus(0.5), Epsilon(0.5), Epsilon(0.5)),
    (EpsilonPlus(0.5, flat_first=True), Flat(), Epsilon(0.5)),
    (EpsilonAlpha2Beta1(0.5), Epsilon(0.5), Epsilon(0.5)),
    (EpsilonAlpha2Beta1(0.5, flat_first=True), Flat(), Epsilon(0.5)),
    (ExcitationBackprop(), ZPlus(), ZPlus()),
    (DeepTaylor(), WSquare(), ZPlus()),
]


@pytest.mark.parametrize(("composite", "first", "other"), DENSE)
def test_rules_of_dense_networks(composite, first, other):
    """A switch or reshape goes with the linear layer below it; at the input, with the one above."""
    assert composite.assign(WIDE) == (first, first, first, first, first, other, other)
    assert attribute(WIDE, [[1, 2]], rule=composite).rules == composite.assign(WIDE)


def test_boxes_are_for_the_first_layer_only():
    for composite in (DeepTaylor(-1, 3), EpsilonGammaBox(-1, 3, 0.5)):
        rules = composite.assign(WIDE)
        assert [type(rule) for rule in rules[:5]] == [ZBox] * 5
        assert (rules[0].low, rules[0].high) == (-1, 3)
    assert DeepTaylor(-1, 3).assign(WIDE)[5] == ZPlus()
    assert EpsilonGammaBox(-1, 3, 0.5).assign(WIDE)[5] == Epsilon(0.5)
    assert EpsilonGammaBox(-1, 3, 0.5, box_dense=False).assign(WIDE)[2] == Epsilon(0.5)


def test_rules_of_linear_layers_that_are_not_dense():
    layer = Conv2d(np.ones((1, 1, 2, 2)))
    assert EpsilonPlus(0.5).rule_for(layer, first=False) == ZPlus()
    assert EpsilonPlus(0.5, True).rule_for(layer, first=True) == Flat()
    assert EpsilonAlpha2Beta1(0.5).rule_for(layer, first=True) == AlphaBeta(2, 1)
    assert EpsilonGammaBox(0, 1, 0.5, 2.0).rule_for(layer, first=False) == Gamma(2.0)
    for box_dense in (True, False):
        first = EpsilonGammaBox(0, 1, box_dense=box_dense).rule_for(layer, first=True)
        assert isinstance(first, ZBox)
    for other in (AvgPool2d(2), BatchNorm([1], [0])):
        assert EpsilonPlus(0.5).rule_for(other, first=False) == Epsilon(0.5)


def test_the_first_layer_is_the_first_with_a_weight_array():
    layers = [BatchNorm([2], [0]), AvgPool2d(2), Conv2d(np.ones((1, 1, 1, 1))), Flatten()]
    rules = DeepTaylor(-1, 3).assign(Network(layers, (1, 2, 2)))
    assert [type(rule) for rule in rules] == [ZPlus, ZPlus, ZBox, ZBox]


def test_what_stands_above_a_residual_gets_the_rule_of_its_sum():
    conv = Conv2d(np.ones((1, 1, 1, 1)))
    layers = [conv, Residual([Relu(), conv], [Relu(), conv]), Relu(), Flatten()]
    rules = EpsilonPlus(0.5, flat_first=True).assign(Network(layers, (1, 1, 1)))
    kinds = [type(rule) for rule in rules]
    assert kinds == [Flat, Epsilon, Flat, ZPlus, Flat, ZPlus, Epsilon, Epsilon]


def test_defaults_of_seed_and_form():
    assert ExcitationBackprop().seed == "unit"
    assert DeepTaylor().seed == EpsilonPlus().seed == "logit"


def test_a_composite_of_ones_own():
    class FirstZPlus(Composite):
        def rule_for(self, layer, *, first):
            return ZPlus() if first else Epsilon(0.5)

    assert FirstZPlus().name == "FirstZPlus"
    rules = attribute(WIDE, [[1, 2]], rule=FirstZPlus()).rules
    assert rules[2] == ZPlus() and rules[5] == Epsilon(0.5)
