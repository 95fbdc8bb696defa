"""Convolutions as products of matrices: the weights times what the windows see, laid out.

Only some windows are laid out at a time, so that what they see stays in the cache.
"""

from itertools import product
from math import prod

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers.base import Shape
from alignment_theory.layers.windows import Pair, Windows, blocks, image_shape
from alignment_theory.threads import shares, side_by_side, useful

_MOST_SEEN = 2**19
"""Numbers that are laid out at a time for the windows of a batch; more may not fit the cache."""

_FEWEST_WINDOWS = 2**10
"""Windows that are laid out at a time at least; fewer make BLAS read the weights too often."""


def convolved(values: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """Return the convolution of a batch: a matrix a group times what the windows see.

    weight is (outputs, inputs / groups, height, width).
    """
    size = windows.output_size("Conv2d", (values.shape[2], values.shape[3]))
    found = np.empty((len(values), len(weight), *size), values.dtype)
    matrices, framed = _matrices(weight, groups), windows.pad(values)

    def cross(item: tuple[slice, slice]) -> None:
        part, rows = item
        entering, above = _images(framed[part]), _grouped(found[part, :, rows], groups)
        places = (*windows.kernel, rows.stop - rows.start, size[1])
        seen = np.empty((len(entering), *places), values.dtype)
        columns = seen.reshape(*above.shape[:2], -1, above.shape[3])

        def unfold(images: slice) -> None:
            windows.unfold(entering[images], rows.start, seen[images])

        def multiply(outputs: slice) -> None:
            np.matmul(matrices[:, outputs], columns, out=above[:, :, outputs])

        side_by_side(unfold, shares(len(seen), useful(seen.size)))
        threads = useful(seen.size, seen.size * matrices.shape[1])
        side_by_side(multiply, shares(matrices.shape[1], threads))

    samples, bands = _cut(len(values), matrices.shape[2], size)
    side_by_side(cross, list(product(samples, bands)))
    return found


def transposed(
    relevance: Array, input_shape: Shape, weight: Array, windows: Windows, groups: int
) -> Array:
    """Return the transpose of `convolved`, for inputs of a shape (channels, height, width)."""
    channels, image = image_shape("Conv2d", input_shape)
    size = (relevance.shape[2], relevance.shape[3])
    found = np.empty((len(relevance), channels, *image), relevance.dtype)
    matrices = weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
    samples, bands = _cut(len(relevance), prod(weight.shape[1:]), size)

    def cross(item: tuple[slice, slice]) -> None:
        part, inputs = item
        below = found[part, inputs]
        framed = windows.frame(below.shape[:2], image, below.dtype)
        back = matrices[:, :, inputs].reshape(*matrices.shape[:2], -1).transpose(0, 2, 1)
        for rows in bands:
            seen = back @ _grouped(relevance[part, :, rows], groups)
            places = (*windows.kernel, rows.stop - rows.start, size[1])
            windows.fold(seen.reshape(-1, *places), rows.start, _images(framed))
        below[...] = windows.crop(framed, image)

    count = len(relevance) * prod(size)
    parts = -(-useful(weight.size, weight.size * count) // len(samples))
    inputs = shares(channels, parts if groups == 1 else 1)
    side_by_side(cross, list(product(samples, inputs)))
    return found


def weight_gradient(
    slope: Array, values: Array, shape: Shape, windows: Windows, groups: int
) -> Array:
    """Return the gradient of ``Σ slope ∘ convolved(values, W)`` with respect to W of that shape."""
    size = (slope.shape[2], slope.shape[3])
    total = _matrices(np.zeros(shape, slope.dtype), groups)
    framed = windows.pad(values)
    for part, rows in product(*_cut(len(slope), total.shape[2], size)):
        entering, above = _images(framed[part]), _grouped(slope[part, :, rows], groups)
        places = (*windows.kernel, rows.stop - rows.start, size[1])
        seen = np.empty((len(entering), *places), values.dtype)
        windows.unfold(entering, rows.start, seen)
        columns = seen.reshape(*above.shape[:2], -1, above.shape[3])
        total += (above @ columns.swapaxes(2, 3)).sum(axis=0)
    return total.reshape(shape)


def _matrices(weight: Array, groups: int) -> Array:
    """Return one matrix a group, (groups, outputs, inputs · height · width)."""
    return weight.reshape(groups, len(weight) // groups, -1)


def _grouped(images: Array, groups: int) -> Array:
    """Return a view of (batch, channels, ..., y, x) as one matrix a group, windows as columns."""
    return images.reshape(len(images), groups, -1, images.shape[-2] * images.shape[-1])


def _images(batch: Array) -> Array:
    """Return the channels of all samples as images of their own, a view."""
    return batch.reshape(-1, *batch.shape[2:])


def _cut(count: int, inputs: int, size: Pair) -> tuple[list[slice], list[slice]]:
    """Return the samples and the rows of windows to lay out at a time; each sees so many inputs."""
    return blocks(count, size, max(_FEWEST_WINDOWS, _MOST_SEEN // inputs))
