"""Residuals: by hand, their sites and masks, the linear piece, and layers that do not fit."""

from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import (
    LRP0,
    AdaptiveAvgPool2d,
    Conv2d,
    Dense,
    EpsilonPlus,
    Gradient,
    GuidedBackprop,
    Network,
    Relu,
    Residual,
    attribute,
    combined_weight,
)
from alignment_theory.layers.base import Weights
from alignment_theory.layers.residual import Sum

# x = (1, 2): the body makes relu(3, -1) = (3, 0), then (3, 6); with the shortcut (4, 8).
BODY = [Dense([[1, 1], [1, -1]]), Relu(), Dense([[1, 5], [2, 7]])]
NETWORK = Network([Residual(BODY), Relu(), Dense([[1, -1]])], (2,))


def test_forward_by_hand():
    trace = NETWORK.forward([1, 2])
    assert [values.tolist() for values in trace.activations] == [[1, 2], [4, 8], [4, 8], [-4]]
    assert [mask.tolist() for mask in trace.masks] == [[True, False], [True, True]]
    assert [site.index for site in trace.all_sites] == list(range(6))
    assert NETWORK.levels == (0, 2)
    assert "\n  2: Relu" in repr(NETWORK) and "\n  5: Dense" in repr(NETWORK)


def test_the_linear_piece_and_the_gradient_by_hand():
    """W_eff = (1 -1) (I + W_2 D W_1) with W_2 D W_1 = (1 2)ᵀ (1 1)."""
    trace = NETWORK.forward([1, 2])
    assert trace.weight_product(top=1).tolist() == [[2, 1], [2, 3]]
    assert trace.weight_product().tolist() == [[0, -2]]
    result = attribute(trace, rule=Gradient(), target=0)
    assert result.relevance.tolist() == [0, -2]
    assert combined_weight(result).tolist() == [[0], [-2]]
    assert [gate.tolist() for gate in result.gates] == [[True, False], [True, True]]


def test_guided_backprop_filters_inside():
    """g = (1, -1), filtered (1, 0); W_2ᵀ g = (1, 5), masked (1, 0); W_1ᵀ of it (1, 1)."""
    result = attribute(NETWORK, [1, 2], rule=GuidedBackprop(), target=0)
    assert result.relevance.tolist() == [1 + 1, 0 + 1]


def test_lrp_splits_the_sum_in_proportion():
    """R = (4, -8) at (4, 8): the body, (3, 6), gets three quarters; the rest is the shortcut's."""
    network = NETWORK.astype(object)
    result = attribute(network, [1, 2], rule=LRP0(), target=0)
    assert result.relevances[1].tolist() == [4, -8]
    # body: (3, -6) to the active unit, -3 in all, one third of it to x_1 = 1, two thirds to x_2 = 2
    assert result.relevance.tolist() == [Fraction(1) - 1, Fraction(-2) - 2]
    assert (result.ledger.residual == 0).all()
    assert result.rules[0] is result.rules[5]


def test_composites_give_the_sum_a_rule_and_find_the_first_layer_inside():
    layers = [Residual([Conv2d(np.ones((1, 1, 1, 1)))], [Conv2d(np.ones((1, 1, 1, 1)))])]
    network = Network([*layers, Relu(), AdaptiveAvgPool2d(1)], (1, 2, 2))
    table = attribute(network, np.ones((1, 2, 2)), rule=EpsilonPlus(0.5, flat_first=True))
    names = [rule.name for rule in table.rules]
    epsilon = "Epsilon(epsilon=0.5)"
    assert names == [epsilon, "Flat", "ZPlus", epsilon, epsilon]
    assert len(table.rule_table().splitlines()) == 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_the_sum_is_a_linear_layer(dtype):
    values = np.arange(12).reshape(2, 2, 3).astype(dtype)
    layer, relevance = Sum(), values[:, 0]
    for weights in Weights:
        matrix = layer.matrix(values, weights)
        assert matrix.dtype == dtype and matrix.shape == (3, 6)
        flat = values.reshape(2, -1)
        assert (layer.apply(values, weights) == flat @ matrix.T).all()
        below = layer.pullback(relevance, values, weights).reshape(2, -1)
        assert (below == relevance @ matrix).all()
    assert not layer.bias_vector(values).any()


BAD = [
    (lambda: Residual([]), "the body must have at least one layer"),
    (lambda: Residual(Relu()), "body must be a list of layers"),
    (lambda: Residual([Relu()], ["relu"]), "shortcut must be a list of layers"),
    (
        lambda: Network([Residual([Dense([[1, 2]])])], (2,)),
        r"layer 0: Residual: the body makes .* shape \(1,\) and the shortcut of shape \(2,\)",
    ),
    (
        lambda: Network([Residual([Relu(), Dense([[1, 2]])])], (3,)),
        "layer 0: Residual body, layer 1: Dense expects",
    ),
    (
        lambda: Network([Residual([Dense(np.ones((1, 1), np.float32))]), Dense([[1]])], (1,)),
        "one dtype, got float32 at layer 1, float64 at layer 2",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_residuals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_overflow_inside_names_the_layer():
    network = Network([Residual([Dense([[1e200]]), Dense([[1e200]])])], (1,))
    with pytest.raises(ValueError, match="layer 2 .*overflowed"):
        network.forward([1e10])
