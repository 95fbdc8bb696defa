"""Bound and measured distance of z⁺ explanations."""

import numpy as np
import pytest

from alignment_theory import Network, ZPlus, attribute
from alignment_theory.explicit import combined_weight
from alignment_theory.verification.comparisons import judge_comparisons
from alignment_theory.verification.contraction import (
    contraction,
    rank_one_contraction,
    zplus_operators,
)
from alignment_theory.verification.special_subjects import symmetric_subjects
from alignment_theory.verification.subjects import Subject, random_subjects
from alignment_theory.verification.verdict import Outcome

TOP, T = 0.7, 0.25
LAYERS = [[[1, T], [T, 1]], [[np.exp(TOP), 1], [1, np.exp(TOP)]]]


def test_two_units_by_hand():
    """Δ of the top is 2u, of the group below it 2 log 1/t; R = (e^v, 1) up to scale."""
    (found,) = contraction(Network.mlp(LAYERS), np.ones((1, 2)))
    assert [group.factors for group in found.groups] == [1, 1]
    assert found.top == pytest.approx(2 * TOP, rel=1e-13)
    assert found.below == pytest.approx([2 * np.log(1 / T)], rel=1e-13)
    assert found.bound == pytest.approx(2 * TOP * 0.6, rel=1e-13)  # tanh(log 2) = 3/5
    v = np.log((np.exp(TOP) + T) / (T * np.exp(TOP) + 1))
    assert found.distances == pytest.approx([2 * v], rel=1e-13)
    assert found.cosines == pytest.approx([1 / np.cosh(v)], rel=1e-13)
    assert found.distances[0] < found.bound and found.cosines[0] > found.least_cosine
    assert (found.pairs == [[0, 1]]).all()


@pytest.mark.parametrize("signed", [False, True])
def test_operators_are_those_of_the_engine(signed):
    for subject in random_subjects(np.random.default_rng(1), signed=signed, bias=0.3):
        trace = subject.network.forward(subject.inputs)
        product = combined_weight(attribute(trace, rule=ZPlus(), seed="unit"))
        for sample in range(trace.batch_size):
            ours = np.linalg.multi_dot(zplus_operators(trace, sample))
            assert np.allclose(ours, product[sample], rtol=1e-12, atol=0)


def test_a_trace_serves_as_well_as_a_network_and_inputs():
    subject = random_subjects(np.random.default_rng(2), count=2)[1]
    ones = contraction(subject.network, subject.inputs)
    others = contraction(subject.network.forward(subject.inputs))
    for one, other in zip(ones, others, strict=True):
        assert one.groups == other.groups or one.bound == other.bound
        assert np.array_equal(one.distances, other.distances, equal_nan=True)
    assert len(ones[0].pairs) == 10


def test_a_dead_network_has_no_distance():
    network = Network.mlp([[[-1.0, -1.0]] * 2, np.eye(2)])
    (found,) = contraction(network, np.ones((1, 2)))
    assert np.isnan(found.distances).all() and np.isnan(found.cosines).all()
    comparisons = rank_one_contraction([Subject("dead", network, np.ones((60, 2)))])
    assert judge_comparisons("", "", comparisons).outcome is Outcome.VACUOUS


def test_products_that_are_not_positive_say_nothing():
    network = Network.mlp([np.eye(2), np.eye(2)])
    (found,) = contraction(network, np.ones((1, 2)))
    assert found.bound == np.inf and found.least_cosine == 0
    assert found.distances == [np.inf] and found.cosines == [0]


def test_one_output_has_no_pairs():
    (found,) = contraction(Network.mlp([np.eye(2), np.ones((1, 2))]), np.ones((1, 2)))
    assert found.distances.shape == found.cosines.shape == (0,)


def test_the_bound_is_attained_by_symmetric_units_only():
    rng = np.random.default_rng(3)
    attained = rank_one_contraction(symmetric_subjects(rng), attained=True)
    assert judge_comparisons("", "", attained).outcome is Outcome.HOLDS
    loose = rank_one_contraction(random_subjects(rng), attained=True)
    assert judge_comparisons("", "", loose).outcome is Outcome.FAILS


def test_inputs_are_given_once():
    network = Network.mlp(LAYERS)
    for arguments in ((network,), (network.forward(np.ones((1, 2))), np.ones((1, 2)))):
        with pytest.raises(ValueError, match="a Network with inputs, or a Trace without"):
            contraction(*arguments)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_the_scale_of_weights_does_not_matter(scale):
    subject = random_subjects(np.random.default_rng(4), count=1)[0]
    weights = [layer.weight for layer in subject.network.layers[::2]]
    scaled = Network.mlp([scale * weight for weight in weights])
    ones, others = (contraction(n, subject.inputs) for n in (subject.network, scaled))
    for one, other in zip(ones, others, strict=True):
        assert np.allclose(one.bound, other.bound, rtol=1e-10)
        assert np.allclose(one.distances, other.distances, rtol=1e-9, equal_nan=True)


def test_float32_networks_stay_within_their_rounding():
    for subject in random_subjects(np.random.default_rng(5)):
        single = Subject("", subject.network.astype(np.float32), subject.inputs.astype(np.float32))
        ones = contraction(single.network, single.inputs)
        assert all(one.distances.dtype == np.float64 for one in ones)
        verdict = judge_comparisons("", "", rank_one_contraction([single]))
        assert not verdict.witness
