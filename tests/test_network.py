"""Networks and traces: shapes, element types, the linear piece, checks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_table import NETWORKS, assert_within, network_of

from alignment_theory import (
    DeepTaylor,
    Dense,
    Flatten,
    Gradient,
    GuidedBackprop,
    Network,
    Relu,
    ZPlus,
    attribute,
)
from alignment_theory.arrays import as_array
from alignment_theory.rounding import forward_bound
from alignment_theory.testing.strategies import inputs, live_cases, networks, tie_cases

HAND = Network.mlp([[[1, 1], [1, -1]], [[2, 3], [0, 1]]], [[0, 2], [1, 0]])


def test_forward_by_hand():
    trace = HAND.forward([[1, 2], [3, 1]])
    assert trace.preactivations[0].tolist() == [[3, 1], [4, 4]]
    assert trace.masks[0].tolist() == [[True, True], [True, True]]
    assert trace.output.tolist() == [[10, 1], [21, 4]]
    assert [a.shape for a in trace.activations] == [(2, 2)] * 4
    assert trace.batch_size == 2


def test_weight_product_and_bias_by_hand():
    """For x = (1, 5): z = (6, -2), so W_eff = (2; 0)(1 1) and b_eff = (1, 0)."""
    trace = HAND.forward([1, 5])
    assert trace.masks[0].tolist() == [True, False]
    assert trace.weight_product().tolist() == [[2, 2], [0, 0]]
    assert trace.effective_bias().tolist() == [1, 0]
    assert trace.weight_product(top=1).tolist() == [[1, 1], [1, -1]]
    assert trace.effective_bias(top=1).tolist() == [0, 2]
    assert trace.weight_product(top=2).tolist() == [[1, 1], [0, 0]]
    assert trace.effective_bias(top=2).tolist() == [0, 0]
    assert trace.weight_product(bottom=2).tolist() == [[2, 3], [0, 1]]
    assert trace.weight_product(top=1, bottom=1).tolist() == [[1, 0], [0, 1]]


cases = st.one_of(
    live_cases(), tie_cases(), networks().flatmap(lambda n: st.tuples(st.just(n), inputs(n)))
)


@given(case=cases, data=st.data())
def test_the_linear_piece_reproduces_the_activations_exactly(case, data):
    """On the dyadic lattice every element type is exact."""
    network, samples = case
    trace = network.forward(samples)
    last = len(network.layers)
    bottom = data.draw(st.integers(0, last))
    top = data.draw(st.integers(bottom, last))
    product, bias = trace.weight_product(top, bottom), trace.effective_bias(top, bottom)
    below = trace.activations[bottom].reshape(len(samples), -1, 1)
    above = trace.activations[top].reshape(len(samples), -1)
    assert ((product @ below)[:, :, 0] + bias == above).all()
    assert product.shape == (len(samples), above.shape[1], below.shape[1])
    if bottom == 0 and top == last:
        assert (forward_bound(trace) >= 0).all()
        for target in range(above.shape[1]):
            gradient = attribute(trace, rule=Gradient(), target=target).relevance
            assert (gradient.reshape(len(samples), -1) == product[:, target]).all()


@given(case=cases)
def test_element_types_run_the_same_on_the_lattice(case):
    network, samples = case
    outputs = [
        network.astype(dtype).forward(samples.astype(float)).output
        for dtype in (np.float64, object)
    ]
    outputs.append(network.astype(np.float32).forward(samples.astype(np.float32)).output)
    assert (outputs[0] == outputs[1]).all()
    assert (outputs[0] == outputs[2]).all()
    assert outputs[2].dtype == np.float32


def test_the_linear_piece_to_rounding_on_random_networks():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        weights = [rng.normal(size=s).astype(dtype) for s in ((30, 20), (25, 30), (4, 25))]
        biases = [rng.normal(size=len(w)).astype(dtype) for w in weights]
        trace = Network.mlp(weights, biases).forward(rng.normal(size=(5, 20)).astype(dtype))
        explicit = np.einsum("bij,bj->bi", trace.weight_product(), trace.activations[0])
        explicit += trace.effective_bias()
        assert_within(trace.output, explicit, forward_bound(trace))
        assert (forward_bound(trace) < 2**12 * np.finfo(dtype).eps * np.abs(explicit).max()).all()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_single_samples_come_back_unbatched(name, dtype):
    network, samples = network_of(name, dtype)
    batch, single = network.forward(samples), network(samples[0])
    assert single.single and not batch.single
    for one, many in zip(single.activations, batch.activations, strict=True):
        assert one.shape == many.shape[1:]
        assert (one == many[0]).all()
    for part in ("preactivations", "masks"):
        for one, many in zip(getattr(single, part), getattr(batch, part), strict=True):
            assert one.shape == many.shape[1:]
    assert single.output.shape == network.output_shape
    assert single.weight_product().shape == batch.weight_product().shape[1:]
    assert single.effective_bias().shape == batch.effective_bias().shape[1:]


def test_levels_are_the_input_and_what_leaves_hidden_switches():
    assert NETWORKS["biased"][0].levels == (0, 2)
    assert NETWORKS["one layer"][0].levels == (0,)
    assert NETWORKS["image"][0].levels == (0, 3)
    assert NETWORKS["outer ReLU"][0].levels == (0, 1, 3)
    assert NETWORKS["chained"][0].levels == (0, 3, 4)


def test_properties():
    assert not NETWORKS["bias-free"][0].has_bias
    assert NETWORKS["biased"][0].has_bias
    assert not Network([Dense([[1]], [0])]).has_bias
    net = NETWORKS["image"][0]
    assert (net.input_shape, net.output_shape) == ((2, 2), (2,))
    assert "0: Flatten()" in repr(net) and "Dense(4 -> 3" in repr(net)


@pytest.mark.parametrize("dtype", [np.float32, object])
def test_a_network_without_parameters_can_have_any_element_type(dtype):
    net = Network([Flatten(), Relu()], (2, 1)).astype(dtype)
    values = as_array([[-1], [0.5]], "values", dtype)
    assert net.forward(values).output.dtype == dtype
    assert net.forward(values).output.tolist() == [0, 0.5]


def test_input_memory_layout_does_not_matter():
    net, samples = network_of("image", np.float64)
    expected = net.forward(samples).output
    doubled = np.repeat(samples, 2, axis=2)[:, :, ::2]
    for layout in (np.asfortranarray(samples), doubled, samples.tolist()):
        if isinstance(layout, np.ndarray):
            layout.flags.writeable = False
        assert (net.forward(layout).output == expected).all()


def test_a_trace_does_not_share_memory_with_the_callers_input():
    """A buffer that is filled anew, as in a loop over samples, must not change a past run."""
    buffer = np.array([[1.0, 2.0]])
    for net in (HAND, Network([Relu()], (2,)), Network([Flatten()], (2,))):
        trace = net.forward(buffer)
        before = trace.output.copy()
        buffer[:] = -7
        assert trace.activations[0].tolist() == [[1, 2]]
        assert (trace.output == before).all()
        buffer[:] = [[1, 2]]


def test_integers_and_lists_are_accepted():
    assert (HAND.forward([1, 5]).output == HAND.forward(np.array([1, 5])).output).all()
    exact = HAND.astype(object).forward([Fraction(1, 3), 1]).output
    assert exact.tolist() == [Fraction(23, 3), Fraction(4, 3)]


BAD_NETWORKS = [
    ([], None, "Network: expected at least one layer"),
    ([Relu], (2,), "Network: layer 0 is <class.*expected a Layer"),
    ([Dense([[1]]), "relu"], None, "Network: layer 1 is 'relu'"),
    ([Relu()], None, r"Network: input_shape can be inferred only.*layer 0 is Relu"),
    ([Relu()], (2, 0), r"Network: input_shape must be positive sizes.* got \(2, 0\)"),
    ([Relu()], (2.7,), "Network: input_shape"),
    ([Relu()], 3, "Network: input_shape"),
    ([Dense([[1, 2]]), Dense([[1, 2]])], None, r"Network: layer 1: Dense expects .*\(2,\).*\(1,\)"),
    ([Dense([[1, 2]])], (3,), r"Network: layer 0: Dense expects samples of shape \(2,\)"),
    ([Relu(), Dense([[1, 2]])], (1, 2), "Network: layer 1: .*put Flatten"),
    (
        [Dense([[1.0]]), Relu(), Dense(np.ones((1, 1), np.float32))],
        None,
        "Network: all parameters must have one dtype, got float64 at layer 0, float32 at layer 2",
    ),
]


@pytest.mark.parametrize(("layers", "shape", "message"), BAD_NETWORKS)
def test_bad_networks(layers, shape, message):
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        Network(layers, shape)


def test_bad_mlp():
    with pytest.raises(ValueError, match="Network.mlp: got 1 weights but 2 biases"):
        Network.mlp([[[1]]], [None, None])
    with pytest.raises(ValueError, match="at least one layer"):
        Network.mlp([])


BAD_INPUTS = [
    ([1, 2, 3], r"input: expected one sample \(2,\) or a batch \(n, 2\), got shape \(.*3"),
    ([[[1, 2]]], r"input: .*got shape \(1, 1, 2\)"),
    (3.0, r"input: .*got shape"),
    (np.ones((0, 2)), "input: expected at least one sample, got an empty batch"),
    ([], "input: "),
    ([1, np.nan], r"input: expected finite numbers, got nan at index \(1,\)"),
    ([[1, 2], [np.inf, 0]], r"input: .*inf at index \(1, 0\)"),
    (["a", "b"], "input: .*<U1"),
    (np.array(["a", "b"], object), "input: .*object"),
    ([1j, 2], "input: .*complex128"),
    ([[1, 2], [1]], "input: expected a rectangular array"),
    (None, "input: "),
    ([Fraction(1), 2], "input: got dtype object where the computation is in float64"),
    ([1e200, 1e200], r"layer 2 \(Dense.*overflowed float64"),
]


@pytest.mark.parametrize(("values", "message"), BAD_INPUTS)
def test_bad_inputs(values, message):
    net = Network.mlp([[[1, 1], [1, -1]], [[1e200, 3]]])
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        net.forward(values)


def test_float64_input_to_a_float32_network_is_refused_and_the_converse_is_exact():
    net = HAND.astype(np.float32)
    with pytest.raises(ValueError, match="input: got float64 where the computation is in float32"):
        net.forward(np.ones(2))
    assert HAND.forward(np.ones(2, np.float32)).output.dtype == np.float64
    with pytest.raises(ValueError, match="input: .*(inf|1e.300)"):
        net.forward([1e300, 0])


@pytest.mark.parametrize(("top", "bottom"), [(4, 0), (1, 2), (None, -1), (-1, 0)])
def test_bad_positions(top, bottom):
    with pytest.raises(ValueError, match="positions: expected 0 <= bottom <= top <= 3"):
        HAND.forward([1, 2]).weight_product(top, bottom)


@pytest.mark.parametrize("rule", [Gradient(), GuidedBackprop(), ZPlus(), DeepTaylor()])
def test_a_pass_can_start_at_an_inner_position(rule):
    """What arrives below a position does not depend on how it arrived there."""
    net = Network.mlp(np.random.default_rng(0).normal(size=(4, 5, 5)))
    trace = net.forward(np.random.default_rng(1).normal(size=(3, 5)))
    whole = attribute(trace, rule=rule)
    for position in range(1, 8):
        below = trace.until(position)
        assert below.network.layers == net.layers[:position]
        part = attribute(below, rule=rule, seed=whole.relevances[position])
        for one, other in zip(part.relevances, whole.relevances, strict=False):
            np.testing.assert_array_equal(one, other)
        assert part.rules == whole.rules[:position]
    single = net.forward(np.ones(5)).until(2)
    assert attribute(single, rule=rule, seed=np.ones(5)).relevance.shape == (5,)


@pytest.mark.parametrize("position", [0, -1, 4])
def test_until_refuses_other_positions(position):
    with pytest.raises(ValueError, match=f"until: expected a position from 1 to 3, got {position}"):
        HAND.forward([1, 2]).until(position)
