"""attribute(): seeds, targets, single samples, aliasing, overflow, bad input."""

from fractions import Fraction

import numpy as np
import pytest
from rule_table import ENTRIES, network_of

from alignment_theory import (
    LRP0,
    Deconvnet,
    DeepLift,
    Dense,
    ExcitationBackprop,
    Flatten,
    Gamma,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    IntegratedGradients,
    Network,
    RectGrad,
    Relu,
    SignalRule,
    SmoothGrad,
    ZPlus,
    attribute,
    combined_weight,
)

NET = Network.mlp([[[1, 1], [1, -1]], [[2, 3], [0, 1]]])
X = [[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]]  # logits (6, 0), (9, 1), (0, 0)


def test_the_default_target_is_the_largest_output_and_the_first_of_ties():
    result = attribute(NET, X, rule=Gradient())
    assert result.targets.tolist() == [0, 0, 0]
    assert attribute(NET, [0, 0], rule=Gradient()).targets.tolist() == [0]
    negative = Network([Dense([[-2, 0], [-1, 0]])])
    assert attribute(negative, [1, 1], rule=Gradient()).targets.tolist() == [1]


def test_seeds():
    for seed, top in (("unit", [1, 0]), ("logit", [6, 0])):
        result = attribute(NET, X, rule=LRP0(), seed=seed)
        assert result.relevances[-1][0].tolist() == top
    assert attribute(NET, X, rule=LRP0()).top[:, 0].tolist() == [6, 9, 0]
    assert attribute(NET, X, rule=Gradient()).top[:, 0].tolist() == [1, 1, 1]
    assert attribute(NET, X, rule=ExcitationBackprop()).top[:, 0].tolist() == [1, 1, 1]
    for seed in ([0.5, -1], [[0.5, -1]] * 3):
        result = attribute(NET, X, rule=Gradient(), seed=seed)
        assert result.targets.tolist() == [-1, -1, -1]
        assert result.top.tolist() == [[0.5, -1]] * 3
        # (1, 1)·(0.5·2) + (1, -1)·(0.5·3 - 1) where both units are active
        assert result.relevance[1].tolist() == [1.5, 0.5]


def test_targets():
    for target in (1, np.int8(1), np.array(1), [1, 1, 1], np.uint8([1, 1, 1])):
        result = attribute(NET, X, rule=Gradient(), target=target)
        assert result.targets.tolist() == [1, 1, 1]
        assert result.relevance.tolist() == [[0, 0], [1, -1], [0, 0]]
    mixed = attribute(NET, X, rule=Gradient(), target=[0, 1, 0])
    assert mixed.relevance.tolist() == [[2, 2], [1, -1], [0, 0]]
    single = attribute(NET, X[1], rule=Gradient(), target=[1])
    assert single.relevance.tolist() == [1, -1]


def test_outputs_with_axes_are_targeted_flat():
    net = Network([Relu()], (2, 2))
    result = attribute(net, [[-1, 2], [3, 4]], rule=InputTimesGradient(), target=2)
    assert result.relevance.tolist() == [[0, 0], [3, 0]]


def test_a_trace_can_be_explained_again():
    trace = NET.forward(X)
    for rule in (Gradient(), ZPlus(), RectGrad(50)):
        again = attribute(trace, rule=rule)
        assert again.trace is trace
        assert (again.relevance == attribute(NET, X, rule=rule).relevance).all()


@pytest.mark.parametrize("entry", ENTRIES)
def test_single_samples_come_back_unbatched(entry):
    net, samples = network_of("image", np.float64)
    result = attribute(net, samples[0], rule=ENTRIES[entry].method)
    assert result.relevance.shape == (2, 2)
    assert [v.shape for v in result.relevances] == [(2, 2), (4,), (3,), (3,), (2,)]
    assert all(gates.shape == (3,) for gates in result.gates)
    assert result.alignment().values.shape == result.alignment().reasons.shape == (2,)
    assert result.batched[0].shape == (1, 2, 2)


def test_alignment_by_hand():
    """g_0 = (2, 2) and x = (1, 2): 6 / (√8 √5); g_1 = (2, 3) and a_1 = (3, 0): 2 / √13."""
    result = attribute(NET, X, rule=Gradient())
    measured = result.alignment()
    assert measured.values.shape == (2, 3)
    assert measured.values[:, 0] == pytest.approx([6 / 40**0.5, 2 / 13**0.5], rel=1e-15)
    # the gradient of sample 2 is 0 (nothing is active), and so is its input
    assert measured.reasons[:, 2].tolist() == [
        "relevance and activations all zero",
        "activations all zero",
    ]
    assert np.isnan(measured.values[:, 2]).all()
    assert measured.undefined == {
        "relevance and activations all zero": 1,
        "activations all zero": 1,
    }
    assert measured.mean().shape == (2,)


def test_rule_table_names_every_layer():
    net, samples = network_of("chained", np.float64)
    table = attribute(net, samples, rule=RectGrad(90)).rule_table()
    lines = table.splitlines()
    assert len(lines) == len(net.layers) + 1
    assert "RectGrad(q=90)" in lines[1] and "passes" in lines[-1]


@pytest.mark.parametrize(
    "rule", [Gradient(), InputTimesGradient(), DeepLift(), IntegratedGradients(steps=2), ZPlus()]
)
def test_what_the_caller_does_to_the_input_later_changes_nothing(rule):
    buffer = np.array(X)
    result = attribute(NET, buffer, rule=rule)
    expected = attribute(NET, X, rule=rule)
    buffer[:] = 100
    assert (result.relevance == expected.relevance).all()
    assert (result.ledger.totals == expected.ledger.totals).all() if not result.runs else True


@pytest.mark.parametrize("rule", [ZPlus(), Gradient(), Deconvnet()])
def test_results_do_not_share_memory_with_the_trace_or_the_seed(rule):
    """Writing into a result, where NumPy allows it, must not change other results."""
    seed = np.array([[1.0, 2.0]] * 3)
    result = attribute(NET, X, rule=rule, seed=seed)
    masks = [mask.copy() for mask in result.trace.masks]
    for array in (*result.gates, *result.relevances):
        if array.flags.writeable:
            array[:] = 0
    assert (seed == [[1, 2]] * 3).all()
    assert all((a == b).all() for a, b in zip(masks, result.trace.masks, strict=True))
    expected = attribute(NET, X, rule=rule, seed=seed).relevance
    assert (attribute(result.trace, rule=rule, seed=seed).relevance == expected).all()


def test_read_only_and_strided_inputs():
    wide = np.array(X).repeat(2, axis=1)[:, ::2]
    for values in (wide, np.asfortranarray(X)):
        values.flags.writeable = False
        for rule in (Gradient(), RectGrad(50), ZPlus(), DeepLift(), SmoothGrad(samples=2)):
            expected = attribute(NET, X, rule=rule).relevance
            assert (attribute(NET, values, rule=rule).relevance == expected).all()


def test_the_method_asked_for_is_recorded():
    for rule in (Gradient(), DeepLift(), IntegratedGradients(steps=2), ExcitationBackprop()):
        result = attribute(NET, X, rule=rule)
        assert result.method.name == rule.name
        assert len(result.rules) == len(NET.layers)


def test_a_rule_of_ones_own():
    class Thresholded(SignalRule):
        def gate(self, signal, site):
            return site.mask & (signal > 2.5)

    result = attribute(NET, X, rule=Thresholded())
    assert result.relevance.tolist() == [[0, 0], [3, -3], [0, 0]]
    assert result.gates[0].tolist() == [[False, False], [False, True], [False, False]]

    class Misshapen(SignalRule):
        def gate(self, signal, site):
            return np.ones(5)

    with pytest.raises(ValueError, match=r"Misshapen.gate at layer 1: expected shape \(3, 2\)"):
        attribute(NET, X, rule=Misshapen())


def test_a_gate_of_another_element_type_does_not_widen_float32():
    class Halved(SignalRule):
        def gate(self, signal, site):
            return site.mask * 0.5

    result = attribute(NET.astype(np.float32), np.array(X, np.float32), rule=Halved())
    assert {values.dtype for values in result.relevances} == {np.dtype(np.float32)}
    assert combined_weight(result).dtype == np.float32
    exact = attribute(NET.astype(object), X, rule=Halved())
    assert {type(value) for value in exact.relevance.flat} == {Fraction}
    assert (exact.relevance == result.relevance).all()


BAD_CALLS = [
    ({"rule": Gradient}, "attribute: rule must be a rule object"),
    ({"rule": "gradient"}, "attribute: rule must be a rule object"),
    ({"target": 2}, "target: expected 0 to 1 .*got 2"),
    ({"target": -1}, "target: expected 0 to 1 .*got -1"),
    ({"target": [0, 1, 5]}, "target: .*got 5"),
    ({"target": 0.0}, "target: expected an integer.*float64"),
    ({"target": True}, "target: expected an integer.*bool"),
    ({"target": [0, 1]}, r"target: .*3 integers .*shape \(2,\)"),
    ({"target": [[0], [1], [1]]}, r"target: .*shape \(3, 1\)"),
    ({"target": [[0], [1, 0], [1]]}, "target: "),
    ({"target": []}, "target: "),
    ({"target": "0"}, "target: "),
    ({"seed": "Unit"}, "attribute: seed must be 'unit', 'logit' or an array, got 'Unit'"),
    ({"seed": [1.0, 0], "target": 0}, "attribute: give either a target or a seed array"),
    ({"seed": [1.0, 0, 0]}, r"attribute: seed must have the output's shape \(3, 2\), got \(3,\)"),
    ({"seed": 1.0}, "attribute: seed must have the output's shape"),
    ({"seed": [np.nan, 0]}, "seed: expected finite numbers, got nan"),
    ({"seed": [1j, 0]}, "seed: .*complex128"),
    ({"rule": IntegratedGradients(), "seed": "logit"}, "IntegratedGradients averages gradients"),
    ({"rule": IntegratedGradients([1, 2, 3])}, r"baseline: shape \(3,\) does not fit .* \(2,\)"),
    ({"inputs": None}, "attribute: inputs are missing"),
    ({"network": NET.forward(X)}, "attribute: a Trace has its input already"),
    ({"inputs": [[1.0, np.nan]]}, r"input: expected finite numbers, got nan at index \(0, 1\)"),
    ({"inputs": np.ones((0, 2))}, "input: .*empty batch"),
    ({"inputs": [[1.0, 2.0, 3.0]]}, "input: expected one sample"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_CALLS)
def test_bad_calls(changes, message):
    call = {"network": NET, "inputs": X, "rule": Gradient(), **changes}
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        attribute(call.pop("network"), call.pop("inputs"), **call)


def test_overflow_of_relevance_names_the_layer_and_the_rule():
    net = Network([Dense([[1, -1]]), Relu(), Dense([[1e200], [1]])])
    with pytest.raises(ValueError, match="layer 2: .*overflowed float64 under Gradient"):
        attribute(net, [1, 0], rule=Gradient(), seed=[1e200, 0])
    # both units of the lower layer all but cancel: 1 / 1e-300 times 1e100
    net = Network([Dense([[1e100, -1e100], [1e-300, 0]])])
    with pytest.raises(ValueError, match="layer 0: .*overflowed.*epsilon"):
        attribute(net, [1, 1], rule=LRP0(), seed=[0, 1e300])


def test_overflow_beyond_the_backward_pass_is_an_error_too():
    """z = 1, g_0 = (1e150, -1e150): finite, but times x = (1e200, 1e200) it is not."""
    net = Network.mlp([[[1, -1]], [[1e150]]], [[1], None])
    result = attribute(net, [1e200, 1e200], rule=Gradient())
    assert np.isfinite(result.relevance).all()
    with pytest.raises(ValueError, match="overflowed"):
        _ = attribute(net, [1e200, 1e200], rule=InputTimesGradient()).relevance
    with pytest.raises(ValueError, match="overflowed"):
        _ = result.ledger


def test_rectgrad_scores_that_overflow_are_an_error_not_a_closed_gate():
    """a∘g = (1e350, 2e350): with a = (1, 2) and g = 1 the larger of the two passes."""
    net = Network.mlp([[[1, 0], [0, 1]], [[1, 1]]])
    assert attribute(net, [1, 2], rule=RectGrad(50), seed=[1.0]).relevance.tolist() == [0, 1]
    with pytest.raises(ValueError, match="overflow"):
        attribute(net, [1e200, 2e200], rule=RectGrad(50), seed=[1e150])


def test_a_large_gamma_in_float32_is_the_limit_or_an_error():
    net = Network([Dense(np.array([[1, -1, 2]], np.float32))])
    limit = attribute(net, [1, 2, 3], rule=ZPlus()).relevance
    close = attribute(net, [1, 2, 3], rule=Gamma(1e30)).relevance
    np.testing.assert_allclose(close, limit, rtol=1e-6, atol=1e-20)
    with pytest.raises(ValueError, match="overflow|1e.39.*float32"):
        attribute(net, [1, 2, 3], rule=Gamma(1e39))


def test_subnormal_numbers_keep_their_relevance():
    net = Network([Dense([[1, 1]])])
    result = attribute(net, [1e-310, 3e-310], rule=ZPlus())
    np.testing.assert_allclose(result.relevance, [1e-310, 3e-310], rtol=1e-12)
    with pytest.raises(ValueError, match="overflowed"):
        attribute(net, [1e-310, 3e-310], rule=ZPlus(), seed="unit")


def test_networks_without_linear_layers():
    net = Network([Flatten(), Relu()], (2, 1))
    result = attribute(net, [[-1], [2]], rule=InputTimesGradient())
    assert result.relevance.tolist() == [[0], [2]]
    assert attribute(net, [[-1], [2]], rule=ZPlus()).relevance.tolist() == [[0], [2]]
    with pytest.raises(ValueError, match="ExcitationBackprop: the network has no linear layer"):
        attribute(net, [[-1], [2]], rule=ExcitationBackprop())


def test_exact_networks_stay_exact():
    net = NET.astype(object)
    for rule in (IntegratedGradients([0.1, 0.3], 3, "right"), DeepLift([0.1, 0.3]), ZPlus()):
        values = attribute(net, [1, 2], rule=rule).relevance
        assert {type(value) for value in values} == {Fraction}
    with pytest.raises(ValueError, match="SmoothGrad: Gaussian noise is not exact"):
        attribute(net, [1, 2], rule=SmoothGrad())


def test_guided_backprop_of_a_dead_output_relu_is_zero():
    net = Network([Dense([[-1, -1]]), Relu()])
    for rule in (Gradient(), GuidedBackprop()):
        assert attribute(net, [1, 1], rule=rule).relevance.tolist() == [0, 0]
    assert attribute(net, [1, 1], rule=Deconvnet()).relevance.tolist() == [-1, -1]
