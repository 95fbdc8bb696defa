"""Which rule layers get inside the branches of residuals."""

import numpy as np
import pytest

from alignment_theory import (
    BatchNorm,
    Conv2d,
    Epsilon,
    EpsilonPlus,
    Network,
    Relu,
    Residual,
    ZPlus,
)


def conv():
    return Conv2d(np.ones((1, 1, 1, 1)))


def shift():
    return BatchNorm([1.0], [0.0])


BODIES = {
    "longer": [conv(), Relu(), conv(), Relu()],
    "nested": [Residual([conv(), Relu()], [conv()]), Relu()],
}


@pytest.mark.parametrize("name", BODIES)
def test_each_layer_goes_with_the_linear_layer_of_its_own_branch(name):
    """ε at the BatchNorm and the sum, z⁺ at convolutions, and a ReLU has the rule below it."""
    network = Network([conv(), Residual(BODIES[name], [shift(), Relu()]), Relu()], (1, 1, 1))
    rules = EpsilonPlus(0.5).assign(network)
    layers = network.all_layers
    for layer, rule in zip(layers, rules, strict=True):
        if isinstance(layer, Conv2d):
            assert rule == ZPlus()
    assert isinstance(layers[-3], BatchNorm)
    assert rules[-3:] == (Epsilon(0.5),) * 3
