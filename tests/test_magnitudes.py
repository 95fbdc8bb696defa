"""Magnitudes without explicit matrices are those of the matrices, infinite errors included."""

import numpy as np
import pytest

from alignment_theory import (
    AlphaBeta,
    Gamma,
    GuidedBackprop,
    Network,
    RectGrad,
    ZPlus,
    attribute,
)
from alignment_theory.explicit import layer_matrix
from alignment_theory.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    MaxPool2d,
)
from alignment_theory.layers.base import Weights
from alignment_theory.layers.residual import Sum
from alignment_theory.magnitudes import (
    OPERATIONS_PER_TERM,
    applied,
    crossing_magnitudes,
    gamma,
    pulled_back,
)

RNG = np.random.default_rng(0)
LAYERS = [
    (Dense(RNG.standard_normal((4, 7))), (7,)),
    (Conv2d(RNG.standard_normal((4, 1, 3, 2)), stride=2, padding=1, groups=2), (2, 5, 5)),
    (AvgPool2d(3, 2, padding=1), (2, 5, 5)),
    (BatchNorm(RNG.standard_normal(2), np.zeros(2)), (2, 3, 3)),
    (Sum(), (2, 3, 2, 2)),
]


@pytest.mark.parametrize("weights", Weights)
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda x: type(x).__name__)
def test_magnitudes_of_weights(layer, shape, weights):
    rng = np.random.default_rng(1)
    a = rng.uniform(size=(3, *shape))
    matrix = np.abs(layer.matrix(a, weights))
    above = applied(layer, a, weights)
    same = {"rtol": 2 * gamma(sum(matrix.shape[-2:]) + OPERATIONS_PER_TERM, a.dtype), "atol": 0}
    np.testing.assert_allclose(above.reshape(3, -1), a.reshape(3, -1) @ matrix.T, **same)
    below = pulled_back(layer, above, a, weights)
    np.testing.assert_allclose(below.reshape(3, -1), above.reshape(3, -1) @ matrix, **same)


def test_an_infinite_error_stays_where_it_has_weights():
    layer, a = Conv2d(np.ones((1, 1, 1, 2))), np.ones((1, 1, 1, 4))
    below = pulled_back(layer, np.array([[[[1.0, np.inf, 2.0]]]]), a)
    assert below.tolist() == [[[[1, np.inf, np.inf, 2]]]]


RULES = [GuidedBackprop(), RectGrad(50, padding_trick=True), ZPlus(), AlphaBeta(), Gamma()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_magnitudes_of_crossings_are_at_least_those_of_the_matrices(rule):
    """Equal where one term makes an entry; terms of both signs can only cancel."""
    rng = np.random.default_rng(2)
    conv = Conv2d(rng.standard_normal((3, 2, 3, 3)), padding=1)
    net = Network([conv, MaxPool2d(2, 1)], (2, 4, 4))
    run = attribute(net, rng.uniform(-1, 1, (2, 2, 4, 4)), rule=rule, seed=np.ones((3, 3, 3)))
    for index, site in enumerate(run.trace.sites):
        down, delta = crossing_magnitudes(run.rules[index], site)
        above = rng.uniform(size=(2, site.output[0].size))
        expected = (np.abs(layer_matrix(run, index)) @ above[:, :, np.newaxis])[:, :, 0]
        found = down(above)
        terms = site.input[0].size + site.output[0].size + OPERATIONS_PER_TERM
        # on both sides sums of numbers of one sign, over denominators that are wrong by delta
        rounded = 2 * (gamma(terms, found.dtype) + np.max(delta))
        assert rounded < 1e-9
        assert (found >= expected * (1 - rounded)).all()
        if not isinstance(rule, Gamma):
            np.testing.assert_allclose(found, expected, rtol=rounded, atol=0)
