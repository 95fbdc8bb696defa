"""A small network and separable classes to train it on."""

import numpy as np

from alignment_theory.models import random_mlp
from alignment_theory.models.learner import Learner


def blobs(samples=90, dtype=np.float64):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=samples)
    inputs = np.eye(3)[labels] @ (3 * rng.standard_normal((3, 4)))
    return (inputs + 0.1 * rng.standard_normal(inputs.shape)).astype(dtype), labels


def network(*, bias=True, dtype=np.float64):
    return random_mlp((4, 16, 3), rng=np.random.default_rng(1), bias=bias, dtype=dtype)


def settings(**changes):
    return {"epochs": 3, "rng": np.random.default_rng(2), "batch_size": 16} | changes


def parameters(net):
    return Learner(net).parameters
