"""The gradient that training follows, against finite differences and by hand."""

import numpy as np
import pytest
from scipy.special import logsumexp

from alignment_theory import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    LeakyRelu,
    MaxPool2d,
    Network,
    Relu,
)
from alignment_theory.models.learner import Learner
from alignment_theory.models.mlp import random_mlp

STEP = 1e-6
ROUNDING = 1000 * float(np.finfo(float).eps)
"""Of sums of up to 24 products in a few layers, where logits are some ten times a loss."""


def flattened(rng):
    layers = random_mlp((6, 5, 4), rng=rng, bias=True).layers
    return Network([Flatten(), *layers, Flatten()], (2, 3))


def without_switch(rng):
    return Network([Dense(rng.standard_normal(shape)) for shape in ((5, 6), (3, 5), (4, 3))])


def convolutional(rng):
    layers = [
        Conv2d(rng.standard_normal((4, 1, 2, 3)), rng.standard_normal(4), padding=1, groups=2),
        LeakyRelu(0.1),
        MaxPool2d(2, 1),
        Conv2d(rng.standard_normal((3, 4, 2, 2)), stride=(1, 2), dilation=(1, 2)),
        Relu(),
        AvgPool2d(2, 1, padding=1),
        AdaptiveAvgPool2d((2, 1)),
        Flatten(),
        Dense(rng.standard_normal((4, 6)), rng.standard_normal(4)),
    ]
    return Network(layers, (2, 4, 6))


def half_biased(rng):
    first, second = rng.standard_normal((5, 6)), rng.standard_normal((4, 5))
    return Network([Dense(first), Relu(active_at_zero=True), Dense(second, np.ones(4))])


NETWORKS = {
    "bias": lambda rng: random_mlp((6, 5, 7, 4), rng=rng, bias=True),
    "no bias": lambda rng: random_mlp((6, 5, 7, 4), rng=rng),
    "one layer": lambda rng: random_mlp((6, 4), rng=rng, bias=True),
    "flatten": flattened,
    "dense after dense": without_switch,
    "bias in one layer": half_biased,
    "convolution": convolutional,
    "relu at both ends": lambda rng: Network(
        [Relu(), Dense(rng.random((4, 6)) + 0.1), Relu()], (6,)
    ),
}


def case(name, batch=5):
    rng = np.random.default_rng(12)
    network = NETWORKS[name](rng)
    inputs = rng.standard_normal((batch, *network.input_shape))
    return network, inputs, rng.integers(4, size=batch)


def mean_loss(network, inputs, labels):
    logits = network.forward(inputs).output
    return np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels])


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_agrees_with_finite_differences(name):
    network, inputs, labels = case(name)
    trace = network.forward(inputs)
    assert min(abs(z).min() for z in trace.preactivations or [np.ones(1)]) > 100 * STEP
    learner = Learner(network)
    learner.losses(inputs, labels)
    found = learner.gradient.copy()
    differences = np.empty_like(found)
    for i in range(found.size):
        sides = []
        for sign in (1, -1):
            moved = Learner(network)
            moved.parameters[i] += sign * STEP
            sides.append(mean_loss(moved.network(), inputs, labels))
        differences[i] = (sides[0] - sides[1]) / (2 * STEP)
    # Rounding eps / STEP and curvature STEP² |f'''|, with room for sums over the layers.
    np.testing.assert_allclose(found, differences, rtol=0, atol=1e-8)
    assert np.abs(found).max() > 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_are_those_of_the_network(name):
    network, inputs, labels = case(name)
    losses = Learner(network).losses(inputs, labels)
    assert losses.shape == labels.shape
    expected = mean_loss(network, inputs, labels)
    assert losses.mean() == pytest.approx(expected, rel=ROUNDING, abs=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_network_comes_back_as_it_went_in(name):
    network, _, _ = case(name)
    copy = Learner(network).network()
    assert repr(copy) == repr(network)
    for old, new in zip(network.layers, copy.layers, strict=True):
        if isinstance(old, Dense):
            assert new is not old
            np.testing.assert_array_equal(new.weight, old.weight)
            np.testing.assert_array_equal(new.bias, old.bias)


@pytest.mark.parametrize("active", [False, True])
def test_the_tie_rule_decides_the_gradient_at_zero(active):
    network = Network([Dense([[1.0]]), Relu(active_at_zero=active), Dense([[1.0], [-1.0]])])
    learner = Learner(network)
    learner.losses(np.array([[0.0]]), np.array([1]))
    np.testing.assert_array_equal(learner.gradient, [0, 0, 0])
    learner = Learner(Network([Dense([[1.0]], [0.0]), *network.layers[1:]]))
    learner.losses(np.array([[0.0]]), np.array([1]))
    # dL/dlogits = (1/2, -1/2), times (1, -1), through the mask: the bias is last.
    np.testing.assert_array_equal(learner.gradient, [0, 0, 0, 1.0 if active else 0.0])


def test_float32_gradient_is_float32_and_near():
    network, inputs, labels = case("bias")
    wide, narrow = Learner(network), Learner(network.astype(np.float32))
    wide.losses(inputs, labels)
    losses = narrow.losses(inputs.astype(np.float32), labels)
    assert losses.dtype == narrow.gradient.dtype == narrow.parameters.dtype == np.float32
    np.testing.assert_allclose(narrow.gradient, wide.gradient, atol=1e-5)


def test_weights_stand_before_biases():
    network, _, _ = case("bias")
    learner = Learner(network)
    biases = np.concatenate([layer.bias for layer in network.layers if isinstance(layer, Dense)])
    assert learner.weight_count == 6 * 5 + 5 * 7 + 7 * 4
    np.testing.assert_array_equal(learner.parameters[learner.weight_count :], biases)
