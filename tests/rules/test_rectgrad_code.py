"""The code of RectGrad and its port in "When Explanations Lie", read and written again in NumPy."""

import numpy as np
import pytest

from alignment_theory import (
    Conv2d,
    Dense,
    Flatten,
    MaxPool2d,
    Network,
    RectGrad,
    Relu,
    attribute,
    dialect,
)
from alignment_theory.rounding import relevance_bounds

RNG = np.random.default_rng(5)
SIGNED = RNG.uniform(-1, 1, (3, 5))
LOWER, UPPER = RNG.normal(size=(12, 5)), RNG.normal(size=(4, 12))
SEEDS = RNG.normal(size=(3, 4))


def rectified(x, seeds, keep):
    """Return gradients at the input with what `keep(a ∘ g, z)` lets through at the ReLU."""
    z = x @ LOWER.T
    signal = seeds @ UPPER
    return (signal * keep(np.maximum(z, 0) * signal, z)) @ LOWER


def nearest(scores, q):
    """Return TensorFlow's percentile: it counts (n - 1) (1 - q / 100) from the largest, rounded."""
    place = round((scores.shape[1] - 1) * (1 - q / 100))
    return -np.sort(-scores, axis=1)[:, [place]]


RECTIFIED = {
    ("rectgrad", "RectGrad", 60): lambda s, z: s > nearest(s, 60),
    ("rectgrad", "RectGrad", 10): lambda s, z: s > nearest(s, 10),
    ("rectgrad", "RectGradMod", 60): lambda s, z: np.abs(s) > nearest(np.abs(s), 60),
    ("rectgrad", "RectGradConst", 0.0): lambda s, z: s > 0,
    ("rectgrad", "RectGradConst", 0.3): lambda s, z: s > 0.3,
    ("wel", "RectGrad", 80): lambda s, z: (s > nearest(s, 80)) & (z > 0),
}


@pytest.mark.parametrize("key", RECTIFIED, ids=lambda key: "-".join(map(str, key)))
def test_rectified_gradients_equal_the_formula_in_the_source(key):
    net = Network([Dense(LOWER), Relu(), Dense(UPPER)])
    run = attribute(net, SIGNED, rule=dialect(*key), seed=SEEDS)
    expected = rectified(SIGNED, SEEDS, RECTIFIED[key])
    wanted = expected * SIGNED if key[0] == "rectgrad" else expected
    assert (np.abs(run.relevance - wanted) <= relevance_bounds(run)[0]).all()
    assert expected.any(axis=1).sum() >= 2  # no score of the first sample is positive


def test_where_the_threshold_is_negative_the_port_keeps_active_units_that_ours_does_not():
    """a ∘ g = (0, -2, -0.2, 3), q = 0: τ = -2; the port keeps -0.2 and 3, ours 3."""
    z, signal = np.array([[-1.0, 1, 2, 3]]), np.array([[1.0, -2, -0.1, 1]])
    scores = np.maximum(z, 0) * signal
    port = (scores > nearest(scores, 0)) & (z > 0)
    ours = attribute(Network([Relu()], (4,)), z, rule=dialect("wel", "RectGrad", 0), seed=signal)
    assert port.tolist() == [[False, False, True, True]]
    assert ours.gates[0].tolist() == [[False, False, False, True]]


def test_proportional_redistribution_equals_the_formula_in_the_source():
    """a ∘ Pᵀ(g / (P a + 1e-10)): a = (1, 3), g = 4 at their maximum, so 4·(1, 3)/2 / 2."""
    net = Network([MaxPool2d((1, 2)), Flatten()], (1, 1, 2))
    rule = dialect("rectgrad", "RectGradPRR")
    found = attribute(net, [[[1.0, 3.0]]], rule=rule, seed=[4.0]).relevance.ravel()
    expected = np.array([1, 3]) * (4 / (2 + 1e-10)) / 2 * np.array([1, 3])  # times the input
    # at most four products and quotients, on either side
    assert found == pytest.approx(expected, rel=4 * float(np.finfo(np.float64).eps), abs=0)
    assert RectGrad.reference_code().pooling != dialect("rectgrad", "RectGradPRR").pooling


def test_at_exact_halves_the_nearest_of_tensorflow_is_the_larger_one():
    """Two scores, q = 50: place 1/2 from either end, rounded to 0, is the other end's 1."""
    scores = np.array([[1.0, 2.0]])
    assert nearest(scores, 50).tolist() == [[2]]
    rule = RectGrad(50, "nearest")
    ours = attribute(Network([Relu()], (2,)), scores, rule=rule, seed=[[1.0, 1.0]])
    assert ours.gates[0].tolist() == [[False, True]]  # τ = 1


@pytest.mark.parametrize(("size", "same"), [(1, False), (3, True), (5, False)])
def test_the_codes_padding_trick_is_one_pixel_whatever_the_window(size, same):
    """It sets the border of `SAME` convolutions to 0; ours what saw the padding."""
    kernel = np.zeros((1, 1, size, size))
    kernel[0, 0, size // 2, size // 2] = 1  # so that relevance stays where it is
    net = Network([Conv2d(kernel, padding=size // 2)], (1, 5, 5))
    ones = np.ones((1, 5, 5))
    theirs = np.pad(np.ones((3, 3)), 1)
    ours = attribute(net, ones, rule=RectGrad(padding_trick=True), seed=ones).relevance[0]
    assert (ours.tolist() == theirs.tolist()) is same
