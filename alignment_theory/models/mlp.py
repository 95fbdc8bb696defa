"""Random multi-layer perceptrons, the start of training and the subject of randomised theorems."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import DTypeLike

from alignment_theory.arrays import float_dtype
from alignment_theory.ensembles.base import checked_generator, checked_sizes
from alignment_theory.network import Network

BIAS_DEVIATION = 0.01


def random_mlp(
    widths: Sequence[int],
    *,
    rng: np.random.Generator,
    bias: bool = False,
    dtype: DTypeLike = np.float64,
) -> Network:
    """Return a ReLU network with independent He-normal weights.

    ``W_ij ~ N(0, 2 / fan_in)``; biases are absent, or ``b_i ~ N(0, 0.01²)``. Everything is drawn
    in float64, weight before bias and input side first, and then rounded to `dtype`.

    Parameters
    ----------
    widths : sequence of int
        Sizes of the input, of each hidden layer and of the output, e.g. (64, 256, 256, 10).
    rng : numpy.random.Generator
        Source of the draws.
    bias : bool
        Whether the layers have a bias.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        For fewer than two widths, a width that is not a positive integer, another dtype, or an
        `rng` that is no generator.

    Source: He, Zhang, Ren, Sun (2015), arXiv:1502.01852, equation 10.
    """
    what = "at least an input and an output width"
    sizes = checked_sizes(widths, "random_mlp: widths", what)
    if len(sizes) < 2:
        raise ValueError(f"random_mlp: widths: expected {what}, got {sizes}")
    wanted, generator = float_dtype(dtype, "random_mlp"), checked_generator(rng)
    weights, biases = [], []
    for inputs, outputs in pairwise(sizes):
        weight = sqrt(2 / inputs) * generator.standard_normal((outputs, inputs))
        weights.append(weight.astype(wanted))
        if bias:
            biases.append((BIAS_DEVIATION * generator.standard_normal(outputs)).astype(wanted))
    return Network.mlp(weights, biases or None)
