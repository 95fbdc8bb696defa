"""How far rounding can take a layer from another library's version of it."""

from math import prod

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import BatchNorm, Layer, LeakyRelu, Weighted
from alignment_theory.layers.pooling import AveragePooling
from alignment_theory.rounding import gamma

_OPERATIONS_PER_TERM = 8
"""Roundings of one term besides its sum: products, quotients, the root of a variance."""


def magnitude(layer: Layer, values: Array) -> Array:
    """Return ``Σ |terms|`` of everything that a layer sums: ``|W| |a| + |b|``."""
    size = np.abs(values)
    if isinstance(layer, BatchNorm):
        return BatchNorm(np.abs(layer.weight), np.abs(layer.bias)).forward(size)
    if isinstance(layer, Weighted):
        bias = None if layer.bias is None else np.abs(layer.bias)
        return layer.with_parameters(np.abs(layer.weight), bias).forward(size)
    return layer.forward(size) if isinstance(layer, AveragePooling) else size


def relative_error(layer: Layer, values: Array) -> float:
    """Return γ of a layer, 0 where nothing rounds: its error is below ``γ Σ |terms|``.

    γ_n bounds the error of a sum of n products in any order (Higham 2002, lemma 3.1).
    """
    if isinstance(layer, Weighted):
        terms = prod(layer.weight.shape[1:])
    elif isinstance(layer, AveragePooling):
        terms = values.shape[-2] * values.shape[-1]
    elif isinstance(layer, BatchNorm | LeakyRelu):
        terms = 1
    else:
        return 0.0
    return gamma(terms + _OPERATIONS_PER_TERM, values.dtype)
