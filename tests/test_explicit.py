"""Explicit matrices: by hand, element types, positions, averages, subnormal numbers."""

from fractions import Fraction

import numpy as np
import pytest
from rule_table import FLOATS, assert_within, attribution_of, network_of, table, times

from alignment_theory import (
    LRP0,
    Deconvnet,
    Dense,
    Gradient,
    GuidedBackprop,
    IntegratedGradients,
    Network,
    Relu,
    SmoothGrad,
    ZPlus,
    attribute,
    combined_weight,
    layer_matrix,
)
from alignment_theory.rounding import relevance_bounds

# x = (1, 2): z = (3, -1), a = (3, 0), logit 6
SMALL = Network.mlp([[[1, 1], [1, -1]], [[2, 3]]])


def test_layer_matrices_by_hand():
    result = attribute(SMALL, [1, 2], rule=Gradient())
    assert layer_matrix(result, 2).tolist() == [[[2], [3]]]
    assert layer_matrix(result, 1).tolist() == [[[1, 0], [0, 0]]]
    assert layer_matrix(result, 0).tolist() == [[[1, 1], [1, -1]]]
    assert combined_weight(result).tolist() == [[2], [2]]
    assert combined_weight(result, top=2).tolist() == [[1, 0], [1, 0]]
    assert combined_weight(result, bottom=1).tolist() == [[2], [0]]
    assert combined_weight(result, top=1, bottom=1).tolist() == [[1, 0], [0, 1]]
    # the gates are frozen as they were: both units are open for deconvnet
    assert combined_weight(attribute(SMALL, [1, 2], rule=Deconvnet())).tolist() == [[5], [-1]]
    # a_i w_ji / z_j: (1/3 -1/1·-1; ...)
    lower = layer_matrix(attribute(SMALL, [1, 2], rule=LRP0()), 0)[0]
    assert lower.tolist() == [[1 / 3, -1], [2 / 3, 2]]


def test_guided_backprop_gates_depend_on_the_seed():
    net = Network.mlp([[[1, 1]], [[-2]]])
    assert combined_weight(attribute(net, [1, 2], rule=GuidedBackprop())).tolist() == [[0], [0]]
    result = attribute(net, [1, 2], rule=GuidedBackprop(), seed=[-1.0])
    assert combined_weight(result).tolist() == [[-2], [-2]]
    assert result.relevance.tolist() == [2, 2]


@pytest.mark.parametrize("entry", ["gradient", "gamma 0", "deeplift", "integrated gradients gauss"])
def test_every_pair_of_positions(entry):
    for label, _, dtype, result in table(entry, (np.float64, object)):
        last = len(result.crossings)
        for bottom in range(last + 1):
            for top in range(bottom, last + 1):
                matrices = combined_weight(result, top, bottom)
                fast = result.batched[bottom].reshape(result.trace.batch_size, -1)
                assert matrices.shape[1] == fast.shape[1]
                if result.runs and top != last:
                    continue  # a mean of products is not the product of means
                explicit = times(matrices, result.batched[top])
                bound = relevance_bounds(result)[bottom].reshape(fast.shape)
                assert_within(fast, explicit, bound if dtype is not object else 0, label)


@pytest.mark.parametrize(
    "entry", ["gradient", "lrp0", "deeplift", "deep taylor", "smoothgrad", "excitation backprop"]
)
def test_element_types_are_kept(entry):
    for label, _, dtype, result in table(entry, (*FLOATS, object)):
        assert combined_weight(result).dtype == dtype, label
        assert combined_weight(result, bottom=1).dtype == dtype, label
        for run in [run for _, run in result.runs] or [result]:
            for index in range(len(run.crossings)):
                product = layer_matrix(run, index) * np.ones(1, dtype)
                assert product.dtype == dtype, label


def test_single_samples_come_back_unbatched():
    net, samples = network_of("image", np.float64)
    for rule in (Gradient(), IntegratedGradients(steps=2)):
        single = attribute(net, samples[1], rule=rule)
        batch = attribute(net, samples, rule=rule)
        assert combined_weight(single).shape == (4, 2)
        assert combined_weight(batch).shape == (3, 4, 2)
        assert (combined_weight(single) == combined_weight(batch)[1]).all()


@pytest.mark.parametrize("rule", [IntegratedGradients(steps=2), SmoothGrad(samples=2)])
def test_layer_matrices_of_averages_are_refused(rule):
    result = attribute(SMALL, [1, 2], rule=rule)
    with pytest.raises(ValueError, match="runs"):
        layer_matrix(result, 1)


def test_bad_positions():
    result = attribution_of("gradient", "biased", np.float64)
    for top, bottom in ((4, 0), (1, 2), (None, -1)):
        with pytest.raises(ValueError, match="positions: expected 0 <= bottom <= top <= 3"):
            combined_weight(result, top, bottom)
    for index in (3, -1):
        with pytest.raises(ValueError, match="layer"):
            layer_matrix(result, index)


def test_the_mean_of_runs_by_hand():
    """Path (2, 0) to (1, 2): gradient (5, -1) at t = 1/2, (2, 2) at t = 1."""
    result = attribute(SMALL.astype(object), [1, 2], rule=IntegratedGradients([2, 0], 2, "right"))
    assert combined_weight(result).tolist() == [[Fraction(7, 2)], [Fraction(1, 2)]]
    assert result.relevances[0].tolist() == [Fraction(7, 2), Fraction(1, 2)]
    assert result.relevance.tolist() == [Fraction(-7, 2), 1]


def test_subnormal_denominators_have_explicit_matrices():
    """The matrix holds a_i w_ji / z_j, about 1/2, though 1 / z_j overflows."""
    result = attribute(Network([Dense([[1, 1]])]), [2e-310, 2e-310], rule=ZPlus())
    assert combined_weight(result)[:, 0] == pytest.approx([0.5, 0.5], rel=1e-12)


def test_relevance_of_0_over_a_tiny_denominator():
    """A dead unit with z = -5e-310 receives nothing, and hands nothing down."""
    net = Network([Dense([[-1], [1]]), Relu(), Dense([[1, 1]])])
    result = attribute(net, [5e-310], rule=LRP0())
    assert times(combined_weight(result)[np.newaxis], result.top).tolist() == [[5e-310]]
