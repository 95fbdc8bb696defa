"""Rules at leaky ReLUs, and boxes with one bound a channel: by hand."""

import numpy as np
import pytest

from alignment_theory import (
    LRP0,
    BetaSmooth,
    Conv2d,
    Deconvnet,
    DeepLift,
    Dense,
    Gradient,
    GuidedBackprop,
    IntegratedGradients,
    LeakyRelu,
    Network,
    RectGrad,
    Relu,
    ZBox,
    ZPlus,
    attribute,
)

# x = 2: z = (2, -2), a = (2, -1/2)
UPPER = {"mixed": [1, -3], "opposed": [-1, 3]}


def explained(rule, upper):
    layers = [Dense([[1.0], [-1.0]]), LeakyRelu(0.25), Dense([UPPER[upper]])]
    return attribute(Network(layers), [2.0], rule=rule)


@pytest.mark.parametrize(
    ("rule", "upper", "coefficients"),
    [
        (Gradient(), "mixed", [1, -0.75]),
        (Gradient(), "opposed", [-1, 0.75]),
        (GuidedBackprop(), "mixed", [1, 0]),
        (GuidedBackprop(), "opposed", [0, 0.75]),
        (Deconvnet(), "mixed", [1, 0]),
        (Deconvnet(), "opposed", [0, 3]),
        # a ∘ g = (2, 1.5): both are above 0, and one is above the least of them
        (RectGrad(threshold=0.0), "mixed", [1, -0.75]),
        (RectGrad(0), "mixed", [1, 0]),
        (RectGrad(0), "opposed", [0, 0]),
        # against the reference 0 a leaky unit rescales by its own slope
        (DeepLift(), "mixed", [1, -0.75]),
    ],
)
def test_coefficients_of_a_leaky_layer(rule, upper, coefficients):
    result = explained(rule, upper)
    assert result.relevances[1].tolist() == coefficients
    assert result.relevances[0].tolist() == [coefficients[0] - coefficients[1]]


def test_the_smooth_gate_has_both_slopes_in_the_limit():
    assert explained(BetaSmooth(1e3), "mixed").relevances[1].tolist() == [1, -0.75]
    middle = attribute(
        Network([LeakyRelu(0.25), Dense([[1.0]])], (1,)), [0.0], rule=BetaSmooth(1.0)
    )
    assert middle.relevance.tolist() == [0.625]  # (1 + 1/4) / 2


def test_no_unit_of_a_leaky_layer_is_dead():
    """R = (2, 1.5) at the units; all of it goes on, though the second has z < 0."""
    result = explained(LRP0(), "mixed")
    assert result.relevances[1].tolist() == [2, 1.5]
    assert result.relevance.tolist() == [3.5]
    assert [gate.tolist() for gate in result.gates] == [[True, True]]
    assert explained(ZPlus(), "mixed").relevances[1].tolist() == [2, 1.5]


def test_a_vector_of_bounds_is_one_for_each_channel():
    """As many columns as channels: broadcasting as NumPy does would take them for columns."""
    images = np.array([[[0.5, -1], [1, 0]], [[-2, 3], [0, 1]]])
    network, seed = Network([Conv2d([[[[1.0]], [[-2.0]]]])], (2, 2, 2)), np.ones((1, 2, 2))
    found, full = (
        attribute(network, images, rule=ZBox(low, high), seed=seed).relevance
        for low, high in (
            ([-1, -2], [1, 3]),
            (np.array([-1, -2]).reshape(2, 1, 1), np.array([1, 3]).reshape(2, 1, 1)),
        )
    )
    assert (found == full).all()
    with pytest.raises(ValueError, match=r"entry \(0, 0, 0, 0\) is 0.5"):
        attribute(network, images, rule=ZBox([0.75, -2], [1, 3]), seed=seed)


@pytest.mark.parametrize("method", [DeepLift, IntegratedGradients])
def test_a_vector_as_baseline_is_one_number_for_each_channel(method):
    images = np.array([[[0.5, -1], [1, 0]], [[-2, 3], [0, 1]]])
    network, seed = Network([Conv2d([[[[1.0]], [[-2.0]]]]), Relu()], (2, 2, 2)), np.ones((1, 2, 2))
    found, full = (
        attribute(network, images, rule=method(baseline), seed=seed).relevance
        for baseline in ([1, -1], np.array([1, -1]).reshape(2, 1, 1))
    )
    assert (found == full).all() and found.any()
