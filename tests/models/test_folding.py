"""Folding batch normalisation: where it goes, what stays, and that a wrong fold is caught."""

import numpy as np
import pytest

from alignment_theory import (
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    Network,
    Relu,
    Residual,
    fold_batch_norm,
)
from alignment_theory.models import folding
from alignment_theory.rounding import forward_bound

RNG = np.random.default_rng(3)


def norm(channels):
    return BatchNorm(RNG.uniform(-2, 2, channels), RNG.standard_normal(channels))


def conv(outputs, inputs, **settings):
    bias = RNG.standard_normal(outputs) if outputs % 2 else None
    return Conv2d(RNG.standard_normal((outputs, inputs, 2, 2)), bias, **settings)


def assert_alike(network, folded, images):
    """Each bound is of two versions, one of which is here: room to round the folded weights."""
    before, after = (one.forward(images) for one in (network, folded))
    bound = forward_bound(before) + forward_bound(after)
    assert (np.abs(before.output - after.output) <= bound).all()


CASES = {
    "after a convolution": ([conv(4, 2, padding=1), norm(4), Relu()], 2),
    "after a grouped convolution with bias": ([conv(3, 1, groups=3), norm(3)], 1),
    "before a convolution": ([norm(3), conv(4, 3), Relu()], 2),
    "before a grouped convolution": ([norm(3), conv(9, 1, groups=3)], 1),
    "before a padded convolution": ([norm(3), conv(4, 3, padding=1)], 2),
    "twice": ([norm(3), conv(4, 3), norm(4), norm(4), Relu(), norm(4)], 3),
    "alone": ([norm(3), Relu(), norm(3)], 3),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_function_is_the_same(name, dtype):
    layers, left = CASES[name]
    channels = 3 if name != "after a convolution" else 2
    network = Network(layers, (channels, 5, 4)).astype(dtype)
    folded = fold_batch_norm(network)
    assert len(folded.layers) == left and folded.dtype == dtype
    images = RNG.standard_normal((3, channels, 5, 4)).astype(dtype)
    assert_alike(network, folded, images)


def test_dense_layers_take_it_on_both_sides():
    dense = Dense(RNG.standard_normal((4, 3)), RNG.standard_normal(4))
    network = Network([norm(3), dense, norm(4), Relu(), Dense(RNG.standard_normal((2, 4)))], (3,))
    folded = fold_batch_norm(network)
    assert [type(layer) for layer in folded.layers] == [Dense, Relu, Dense]
    x = RNG.standard_normal((5, 3))
    assert_alike(network, folded, x)


def test_residuals_are_folded_inside():
    body = [conv(3, 3, padding=1), norm(3), Relu(), conv(3, 3), norm(3)]
    shortcut = [Conv2d(RNG.standard_normal((3, 3, 1, 1))), norm(3)]
    network = Network([Residual(body, shortcut)], (3, 4, 4))
    folded = fold_batch_norm(network)
    assert not any(isinstance(layer, BatchNorm) for layer in folded.all_layers)
    assert len(folded.layers[0].body) == 3 and len(folded.layers[0].shortcut) == 1


def test_networks_without_batch_normalisation_stay():
    network = Network([Flatten(), Dense(np.ones((2, 4)))], (1, 2, 2))
    assert repr(fold_batch_norm(network)) == repr(network)
    assert repr(fold_batch_norm(Network([Relu()], (2,)))) == repr(Network([Relu()], (2,)))


def test_exact_networks_are_refused():
    with pytest.raises(ValueError, match="network of floats"):
        fold_batch_norm(Network([Dense([[1]])]).astype(object))


@pytest.mark.parametrize("network", [None, [Relu()]])
def test_only_networks_are_folded(network):
    with pytest.raises(ValueError, match="fold_batch_norm: expected a Network, got"):
        fold_batch_norm(network)


def test_the_fold_of_another_library_is_caught(monkeypatch):
    """innvestigate leaves the scale out of the bias: b = shift - mean k / scale."""

    def without_scale(layer, batch_norm):
        scale = batch_norm.weight.reshape(-1, 1, 1, 1)
        return layer.with_parameters(layer.weight * scale, layer.bias + batch_norm.bias)

    monkeypatch.setattr(folding, "_after", without_scale)
    network = Network([conv(3, 2), norm(3)], (2, 5, 4))
    with pytest.raises(ValueError, match="outputs changed by"):
        fold_batch_norm(network)
