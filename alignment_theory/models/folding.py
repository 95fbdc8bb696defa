"""Merging batch normalisation into the layer beside it, with a check that nothing has changed."""

import numpy as np

from alignment_theory.arrays import Array, is_exact
from alignment_theory.layers import BatchNorm, Conv2d, Dense, Layer, Residual, Weighted
from alignment_theory.network import Network

LARGEST_CHANGE = 1e-10
"""By how much the output may change, relative to its largest entry, in float64."""

_SAMPLES = 4


def fold_batch_norm(network: Network) -> Network:
    """Return a network of the same function with batch normalisation merged where it can be.

    A BatchNorm right after a Dense or Conv2d goes into it; one right before a Dense, or before a
    Conv2d without padding, goes into that; inside residuals too. Others stay as they are: they are
    linear layers, which every rule knows. The merging is done in float64, and the function checked
    there on normal inputs, before parameters are rounded to the network's element type.

    Raises
    ------
    ValueError
        For what is no Network, networks of exact fractions, and where the outputs differ by more
        than 1e-10 of the largest.
    """
    if not isinstance(network, Network):
        raise ValueError(f"fold_batch_norm: expected a Network, got {network!r}")
    if is_exact(np.empty(0, network.dtype)):
        raise ValueError(
            "fold_batch_norm: expected a network of floats; convert it with "
            "network.astype(numpy.float64)"
        )
    wide = network.astype(np.float64) if network.has_parameters else network
    folded = Network(_merged(wide.layers), network.input_shape)
    inputs = np.random.default_rng(0).standard_normal((_SAMPLES, *network.input_shape))
    before, after = (one.forward(inputs).output for one in (wide, folded))
    change = np.abs(after - before).max()
    if change > LARGEST_CHANGE * np.abs(before).max():
        raise ValueError(
            f"fold_batch_norm: outputs changed by {change:.3g}, of {np.abs(before).max():.3g} at "
            "most; the network is ill-conditioned, use it unfolded"
        )
    return folded.astype(network.dtype) if network.has_parameters else folded


def _merged(layers: tuple[Layer, ...]) -> list[Layer]:
    found: list[Layer] = []
    for outer in layers:
        layer = Residual(*map(_merged, outer.branches)) if isinstance(outer, Residual) else outer
        last = found[-1] if found else None
        if isinstance(layer, BatchNorm) and isinstance(last, Weighted):
            found[-1] = _after(last, layer)
        elif isinstance(last, BatchNorm) and _takes(layer):
            assert isinstance(layer, Weighted)
            found[-1] = _before(last, layer)
        else:
            found.append(layer)
    return found


def _takes(layer: Layer) -> bool:
    """Tell whether what is added to all inputs of a layer can go into its bias."""
    return isinstance(layer, Dense) or (isinstance(layer, Conv2d) and not layer.windows.padded)


def _after(layer: Weighted, norm: BatchNorm) -> Weighted:
    """Return the layer ``k (W a + b) + c``."""
    bias = norm.bias if layer.bias is None else norm.weight * layer.bias + norm.bias
    return layer.with_parameters(layer.weight * _along_outputs(norm.weight, layer.weight), bias)


def _before(norm: BatchNorm, layer: Weighted) -> Weighted:
    """Return the layer ``W (k a + c) + b``."""
    scale, shift = (_along_inputs(vector, layer) for vector in (norm.weight, norm.bias))
    added = (layer.weight * shift).reshape(len(layer.weight), -1).sum(axis=1)
    bias = added if layer.bias is None else layer.bias + added
    return layer.with_parameters(layer.weight * scale, bias)


def _along_outputs(vector: Array, weight: Array) -> Array:
    return vector.reshape(-1, *(1,) * (weight.ndim - 1))


def _along_inputs(vector: Array, layer: Weighted) -> Array:
    """Return a vector over the input channels as it broadcasts with the weight."""
    if not isinstance(layer, Conv2d):
        return vector[np.newaxis]
    blocks = vector.reshape(layer.groups, 1, -1)
    rows = np.repeat(blocks, len(layer.weight) // layer.groups, axis=1)
    return rows.reshape(*layer.weight.shape[:2], 1, 1)
