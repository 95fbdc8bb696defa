"""Where the fast algorithm is used, what keeps it, and what refuses it."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import (
    Conv2d,
    Dense,
    Flatten,
    GuidedBackprop,
    Network,
    Relu,
    ZPlus,
    attribute,
)
from alignment_theory.layers import Residual, winograd
from alignment_theory.layers.base import Weights
from alignment_theory.models import load, save
from alignment_theory.rounding import forward_bound, relevance_bounds

ROOMY = np.ones((16, 16, 3, 3))


@pytest.fixture
def any_size(monkeypatch):
    """Use the algorithm for small images and few channels too."""
    monkeypatch.setattr(winograd, "_LEAST_SIDE", 1)
    monkeypatch.setattr(winograd, "_FEWEST_CHANNELS", 1)


@pytest.fixture
def never(monkeypatch):
    """Make the algorithm raise."""

    def refuse(*arguments):
        raise AssertionError("winograd was used")

    monkeypatch.setattr(winograd, "convolved", refuse)


def exact(values):
    return np.vectorize(Fraction, otypes=[object])(values)


def test_overflow_is_refused():
    net = Network([Conv2d(1e30 * ROOMY.astype(np.float32), padding=1)], (16, 12, 12))
    with pytest.raises(ValueError, match="layer 0 .*winograd.* overflowed float32.*with_algorithm"):
        net.with_algorithm("winograd").forward(np.full((16, 12, 12), 1e30, np.float32))


def test_attributions_of_exact_networks_are_equal(any_size):
    rng = np.random.default_rng(3)

    def whole(*shape):
        return rng.integers(-2, 3, size=shape)

    layers = [
        Conv2d(whole(2, 1, 3, 3), whole(2), padding=1),
        Relu(),
        Residual([Conv2d(whole(2, 2, 3, 3), padding=1), Relu()]),
        Flatten(),
        Dense(whole(3, 50)),
    ]
    direct = Network(layers, (1, 5, 5)).astype(object)
    fast = direct.with_algorithm("winograd")
    x = exact(whole(2, 1, 5, 5) / 2)
    for rule in (GuidedBackprop(), ZPlus()):
        one, other = (attribute(net, x, rule=rule, target=1) for net in (direct, fast))
        for level, same in zip(one.relevances, other.relevances, strict=True):
            assert (level == same).all()
    assert "winograd" in repr(fast.layers[0]) and "winograd" in repr(fast.layers[2].body[0])


def test_only_what_gains_is_computed_so(never):
    for settings, shape in [
        ({"stride": 2}, (16, 24, 24)),
        ({"dilation": 2}, (16, 24, 24)),
        ({"padding": 0}, (16, 11, 24)),  # 9 rows of outputs
    ]:
        layer = Conv2d(ROOMY, algorithm="winograd", **settings)
        images = np.ones((1, *shape))
        layer.pullback(layer.forward(images), images)
    for weight, groups in [(ROOMY, 2), (ROOMY[:15], 1), (ROOMY[:, :15], 1), (ROOMY[..., :2], 1)]:
        layer = Conv2d(weight, groups=groups, algorithm="winograd")
        images = np.ones((1, weight.shape[1] * groups, 20, 20))
        layer.pullback(layer.forward(images), images)
    suited, images = Conv2d(ROOMY, algorithm="winograd"), np.ones((1, 16, 14, 14))
    with pytest.raises(AssertionError, match="winograd was used"):
        suited.forward(images)
    with pytest.raises(AssertionError, match="winograd was used"):
        suited.pullback(images[..., :12, :12], images)


def test_what_rules_divide_by_is_direct(never):
    layer = Conv2d(ROOMY, algorithm="winograd")
    images = np.zeros((1, 16, 14, 14))
    images[..., 0, 0] = 1
    for weights in Weights:
        layer.apply(images, weights)
        if weights is not Weights.PLAIN:
            layer.pullback(images[..., :12, :12], images, weights)


def test_the_default_is_direct(never):
    layer = Conv2d(ROOMY)
    images = np.ones((1, 16, 14, 14))
    layer.pullback(layer.forward(images), images)
    assert "winograd" not in repr(layer)


def test_the_algorithm_is_kept_by_copies_and_not_by_files(tmp_path):
    layer = Conv2d(ROOMY, np.ones(16), padding=1, algorithm="winograd")
    assert repr(layer) == (
        "Conv2d(16 -> 16, 3x3, padding=((1, 1), (1, 1)), winograd, bias=True, float64)"
    )
    for kept in (
        layer.astype(np.float32),
        layer.with_parameters(2 * ROOMY, None),
        pickle.loads(pickle.dumps(layer)),
        copy.deepcopy(layer),
    ):
        assert kept.algorithm == "winograd"
    assert layer.with_algorithm("direct").algorithm == "direct"
    net = Network([layer], (16, 12, 12))
    assert net.astype(np.float32).layers[0].algorithm == "winograd"
    save(net, tmp_path / "net.npz")
    assert load(tmp_path / "net.npz").layers[0].algorithm == "direct"


def test_unknown_algorithms_are_refused():
    message = "algorithm must be 'direct' or 'winograd', got 'fft'"
    with pytest.raises(ValueError, match=f"^Conv2d: {message}"):
        Conv2d(ROOMY, algorithm="fft")
    with pytest.raises(ValueError, match=f"^Network.with_algorithm: {message}"):
        Network([Dense([[1.0]])]).with_algorithm("fft")


def test_rounding_bounds_are_refused_that_are_derived_for_direct_sums():
    net = Network([Residual([Conv2d(ROOMY, padding=1)])], (16, 12, 12)).with_algorithm("winograd")
    attribution = attribute(net, np.ones((16, 12, 12)), rule=GuidedBackprop(), target=0)
    for bound in (lambda: forward_bound(attribution.trace), lambda: relevance_bounds(attribution)):
        with pytest.raises(ValueError, match="layer 1 .*network.with_algorithm"):
            bound()
