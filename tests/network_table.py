"""The small networks and samples that the rule table is run on: every kind of layer, every edge.

All weights and samples are dyadic, and so are the sizes of windows that are averaged over, so that
forward runs are exact in every element type.
"""

import numpy as np

from alignment_theory import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    LeakyRelu,
    MaxPool2d,
    Network,
    Relu,
    Residual,
    Unflatten,
)

_THREE = [[0.5, -1.0, 2.0], [1.0, 2.5, 0.0], [0.0, 0.0, 0.0]]
_UPPER = Dense([[1, -0.5, 2], [-1.5, 1, 0.5]], [0.5, -1])
_HALVED = Dense([[0, 0.5, 0], [0.5, 0, -0.5], [1, 0, 0]])
_LOWER = [[1, 0.5, 0], [-1, 2, -0.5], [0.5, -0.5, 1.5]]


def _networks():
    yield "one layer", Network([Dense([[1, -1, 0.5], [2, 0.5, -1]], [0.5, -0.5])]), _THREE
    weights = [
        [[1, -2, 0.5], [0.5, 0.5, 1], [-1, 1, -0.5], [0, 1.5, -1]],
        [[1, 0.5, -1, 2], [-0.5, 1, 0, 1], [0.5, -2, 1, 0.5]],
        [[1, -1, 0.5], [0.5, 1, -2]],
    ]
    yield "bias-free", Network.mlp(weights), _THREE
    yield "biased", Network([Dense(_LOWER, [-0.5, 1, 0]), Relu(), _UPPER]), _THREE
    # For the first sample unit 0 has z = 0 and unit 1 is dead; for the second, unit 1 has z = 0.
    tied = Dense([[2, 1, 0], [-1, -1, -0.5], [0.5, 0.5, 1]], [0, 3.5, 1])
    yield "ties", Network([tied, Relu(), _UPPER]), [[0.5, -1, 8], [1, 2.5, 0], [0, 0, 0]]
    both = [tied, Relu(active_at_zero=True), _UPPER]
    yield "ties active", Network(both), [[0.5, -1, 8], [1, 2.5, 0], [0, 0, 0]]
    closed = Dense([[-1, -0.5, 0], [-0.5, 0, -2], [0, -1, 0]], [-0.5, 0, -1])
    yield "dead layer", Network([closed, Relu(), _UPPER]), [[0.5, 1, 2], [1, 2.5, 0], [0, 0, 0]]
    yield "one unit", Network.mlp([[[2]], [[-0.5]], [[1.5]]], [[0.5], [2], None]), [[1], [0.5], [0]]
    image = [Flatten(), Dense(np.array(_LOWER) @ [[1, -1, 0, 2], [0, 1, 1, 0], [0.5, 0, -1, 1]])]
    samples = [[[1, 0.5], [-1, 2]], [[0.5, 2], [1, 0]], [[0, 0], [0, 0]]]
    yield "image", Network([*image, Relu(), _UPPER], (2, 2)), samples
    outer = [Relu(), Dense(_LOWER, [-0.5, 1, 0]), Relu(), _UPPER, Relu()]
    yield "outer ReLU", Network(outer, (3,)), _THREE
    chained = [Dense(_LOWER), Dense(_LOWER, [1, 0, 0.5]), Relu(), Relu(), _UPPER, Flatten()]
    yield "chained", Network(chained), _THREE
    pooled = [Dense(_LOWER), Unflatten((1, 1, 3)), MaxPool2d((1, 2), 1), Relu(), Flatten()]
    yield "unflattened", Network([*pooled, Dense([[1, -0.5], [-2, 1.5]])]), _THREE
    yield "convolution", *_convolutional()
    yield "normalised", *_normalised()
    yield "residual", *_residual()


def _halves(*shape, seed):
    """Return small multiples of 1/2, some of them 0."""
    return np.random.default_rng(seed).integers(-3, 4, size=shape) / 2


def _convolutional():
    """Return a network of every layer with windows, and images; the windows' sizes are dyadic."""
    layers = [
        Conv2d(_halves(2, 2, 3, 3, seed=1), [0.5, -1], padding=1),
        Relu(),
        MaxPool2d(2, 1, padding=((0, 1), (1, 0))),
        Conv2d(_halves(4, 1, 2, 2, seed=2), stride=(1, 2), dilation=(1, 2), groups=2),
        Relu(),
        AvgPool2d(2, 1, padding=1, count_padding=False),
        MaxPool2d((2, 1), ties="last"),
        Flatten(),
        Dense(_halves(2, 8, seed=3), [0.5, 0]),
    ]
    images = _halves(3, 2, 3, 3, seed=4)
    images[2] = 0
    return Network(layers, (2, 3, 3)), images


def _residual():
    """Return a network with an identity shortcut inside another residual, and a branched one."""
    inner = Residual([Dense(_halves(3, 3, seed=8), [0.5, 0, -0.5])])
    body = [Dense(_halves(3, 3, seed=9)), Relu(), inner, Relu()]
    outer = Residual(body, [Dense(_halves(3, 3, seed=10), [0, 1, 0])])
    layers = [outer, Relu(), Residual([Relu(), _HALVED]), _UPPER]
    return Network(layers, (3,)), _THREE


def _normalised():
    """Return a network with batch normalisation, leaky ReLUs and average pooling, and images."""
    layers = [
        Conv2d(_halves(3, 2, 2, 2, seed=5), [0.5, 0, -0.5]),
        BatchNorm([0.5, -2, 1], [1, 0.5, 0]),
        LeakyRelu(0.25),
        AvgPool2d(2, 1, padding=((1, 0), (1, 0))),
        BatchNorm([1, -1, 2], [0, 0, 0]),
        Relu(),
        AdaptiveAvgPool2d((2, 1)),
        Flatten(),
        Dense(_halves(2, 6, seed=6)),
    ]
    return Network(layers, (2, 4, 2)), _halves(3, 2, 4, 2, seed=7)


NETWORKS = {name: (net, np.array(samples, float)) for name, net, samples in _networks()}
