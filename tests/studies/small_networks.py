"""Generators, and a small network with every kind of layer that convergence is measured at."""

import numpy as np

from alignment_theory import BatchNorm, Conv2d, Dense, Flatten, MaxPool2d, Network, Relu, Residual


def rng(seed=0):
    return np.random.default_rng(seed)


def convolutional(seed=0):
    """Return a small network of convolutions with batch normalisation, pooling and a residual."""
    draw = rng(seed)
    body = [Conv2d(draw.normal(0, 0.2, (6, 6, 3, 3)), padding=1), Relu()]
    layers = [
        Conv2d(draw.normal(0, 0.4, (6, 3, 3, 3)), padding=1),
        BatchNorm(draw.uniform(0.5, 1.5, 6), draw.normal(0, 0.1, 6)),
        Relu(),
        Residual(body),
        MaxPool2d(2),
        Conv2d(draw.normal(0, 0.3, (8, 6, 3, 3)), padding=1),
        Relu(),
        Flatten(),
        Dense(draw.normal(0, 0.2, (10, 32))),
    ]
    return Network(layers, (3, 4, 4)), draw.standard_normal((7, 3, 4, 4))
