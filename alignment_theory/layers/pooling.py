"""Pooling: means over windows are linear layers, maxima select."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any, Literal

import numpy as np

from alignment_theory.arrays import EXACT, Array, readonly, require_flags
from alignment_theory.kernels.pooling import largest
from alignment_theory.layers.base import Linear, Selection, Shape, Weights
from alignment_theory.layers.windows import Pair, Windows, image_shape, pair_of
from alignment_theory.threads import shares, side_by_side, useful

Seen = Sequence[tuple[range, int]]
"""For every window along one side of the image, the pixels it sees and the number it divides by."""


class AveragePooling(Linear):
    """Means over windows, channel by channel: ``z = P a Qᵀ``, P shares of rows, Q of columns.

    Every weight is a product of two shares; where a window sees a pixel f acts on it.
    """

    @abstractmethod
    def seen(self, image: Pair) -> tuple[Seen, Seen]:
        """Return what windows see of the rows and of the columns of an image."""

    @abstractmethod
    def output_size(self, image: Pair) -> Pair:
        """Return how many rows and columns of windows there are."""

    @property
    def has_bias(self) -> bool:
        """False: means have no bias."""
        return False

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        channels, image = image_shape(type(self).__name__, input_shape)
        return (channels, *self.output_size(image))

    def forward(self, values: Array) -> Array:
        """Return the means."""
        return self.apply(values)

    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(P) a f(Q)ᵀ``."""
        rows, columns = _shares(self, _image(values), weights, values.dtype)
        found: Array = rows @ values @ columns.T
        return found

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(P)ᵀ r f(Q)``."""
        rows, columns = _shares(self, _image(like), weights, like.dtype)
        found: Array = rows.T @ relevance @ columns
        return found

    def matrix(self, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return f(W), written down window by window."""
        channels, (height, width) = image_shape(type(self).__name__, like.shape[1:])
        rows, columns = self.seen((height, width))
        matrix = np.zeros((channels, len(rows), len(columns), channels, height, width), like.dtype)
        for y, (ys, down) in enumerate(rows):
            for x, (xs, across) in enumerate(columns):
                share = weights.of(np.array([Fraction(1, down * across)], EXACT)).astype(like.dtype)
                for channel in range(channels):
                    window = np.ix_([channel], [y], [x], [channel], ys, xs)
                    matrix[window] = share
        return matrix.reshape(channels * len(rows) * len(columns), -1)

    def bias_vector(self, like: Array) -> Array:
        """Return zeros."""
        channels, rows, columns = self.output_shape(like.shape[1:])
        return np.zeros(channels * rows * columns, like.dtype)


def _image(values: Array) -> Pair:
    """Return the size of a batch of images."""
    return values.shape[-2], values.shape[-1]


@lru_cache(maxsize=256)
def _shares(
    layer: AveragePooling, image: Pair, weights: Weights, dtype: np.dtype[Any]
) -> tuple[Array, Array]:
    """Return f(P) and f(Q): shares are positive, so f of a product is that of its factors."""
    rows, columns = (
        readonly(_share_matrix(seen, size, weights).astype(dtype))
        for seen, size in zip(layer.seen(image), image, strict=True)
    )
    return rows, columns


def _share_matrix(seen: Seen, size: int, weights: Weights) -> Array:
    """Return f of the shares (windows, pixels), exact; 0 where nothing is seen."""
    shares = np.full((len(seen), size), Fraction(0), EXACT)
    for row, (pixels, divisor) in zip(shares, seen, strict=True):
        row[pixels.start : pixels.stop] = weights.of(np.array([Fraction(1, divisor)], EXACT))
    return shares


@dataclass(frozen=True, init=False, repr=False)
class AvgPool2d(AveragePooling):
    """Average pooling.

    Parameters
    ----------
    kernel : int or pair (height, width)
    stride : int or pair, optional
        That of the kernel where it is left out.
    padding : int, pair, or two pairs ((top, bottom), (left, right))
    count_padding : bool
        Whether a window that reaches outside the image divides by its size, padding counted, or by
        the number of pixels in it.

    Raises
    ------
    ValueError
        For sizes out of range, and padding in which a whole window fits.
    """

    windows: Windows
    count_padding: bool = True

    def __init__(
        self,
        kernel: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair | tuple[Pair, Pair] = 0,
        *,
        count_padding: bool = True,
    ) -> None:
        windows = Windows.of("AvgPool2d", kernel, kernel if stride is None else stride, padding)
        windows.require_pixels("AvgPool2d")
        object.__setattr__(self, "windows", windows)
        object.__setattr__(self, "count_padding", count_padding)
        require_flags(self, "count_padding")

    def __repr__(self) -> str:
        """Return the layer as it is constructed."""
        return f"AvgPool2d({self.windows.words})"

    def output_size(self, image: Pair) -> Pair:
        """Return how many rows and columns of windows there are."""
        return self.windows.output_size("AvgPool2d", image)

    def seen(self, image: Pair) -> tuple[Seen, Seen]:
        """Return what windows see of the rows and of the columns of an image."""
        found = []
        for axis, (size, count) in enumerate(zip(image, self.output_size(image), strict=True)):
            kernel, stride = self.windows.kernel[axis], self.windows.stride[axis]
            before, after = self.windows.padding[axis]
            side = []
            for window in range(count):
                start = window * stride - before
                stop = min(start + kernel, size + after)
                pixels = range(max(start, 0), min(stop, size))
                side.append((pixels, stop - start if self.count_padding else len(pixels)))
            found.append(side)
        return found[0], found[1]


@dataclass(frozen=True)
class AdaptiveAvgPool2d(AveragePooling):
    """Average pooling to a given size; of H rows, window y sees ``⌊yH/h⌋`` to ``⌈(y+1)H/h⌉ - 1``.

    Parameters
    ----------
    size : int or pair (height, width)
        Of the output. 1 is global average pooling.
    """

    size: int | Pair = 1

    def __post_init__(self) -> None:
        """Check the size."""
        size = pair_of("AdaptiveAvgPool2d: size", self.size)
        object.__setattr__(self, "size", size)

    def output_size(self, image: Pair) -> Pair:
        """Return the size, whatever that of the image."""
        del image
        return pair_of("size", self.size)

    def seen(self, image: Pair) -> tuple[Seen, Seen]:
        """Return what windows see of the rows and of the columns of an image."""
        found = []
        for size, count in zip(image, self.output_size(image), strict=True):
            side = []
            for window in range(count):
                pixels = range(window * size // count, -(-(window + 1) * size // count))
                side.append((pixels, len(pixels)))
            found.append(side)
        return found[0], found[1]


@dataclass(frozen=True, init=False, repr=False)
class MaxPool2d(Selection):
    """Max pooling: the largest value of every window; padding never wins.

    Parameters
    ----------
    kernel : int or pair (height, width)
    stride : int or pair, optional
        That of the kernel where it is left out.
    padding : int, pair, or two pairs ((top, bottom), (left, right))
    ties : {"first", "last"}
        Which of several largest values is chosen, row by row. "first" agrees with PyTorch and JAX.

    Raises
    ------
    ValueError
        For sizes out of range, padding in which a whole window fits, and an unknown tie rule.
    """

    windows: Windows
    ties: Literal["first", "last"] = "first"

    def __init__(
        self,
        kernel: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair | tuple[Pair, Pair] = 0,
        *,
        ties: Literal["first", "last"] = "first",
    ) -> None:
        windows = Windows.of("MaxPool2d", kernel, kernel if stride is None else stride, padding)
        windows.require_pixels("MaxPool2d")
        object.__setattr__(self, "windows", windows)
        object.__setattr__(self, "ties", ties)
        if ties not in ("first", "last"):
            raise ValueError(f"MaxPool2d: ties must be 'first' or 'last', got {ties!r}")

    def __repr__(self) -> str:
        """Return the layer as it is constructed."""
        return f"MaxPool2d({self.windows.words})"

    @property
    def average(self) -> AvgPool2d:
        """The average pooling with these windows, which divides by the pixels in each."""
        windows = self.windows
        return AvgPool2d(windows.kernel, windows.stride, windows.padding, count_padding=False)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        channels, image = image_shape("MaxPool2d", input_shape)
        return (channels, *self.windows.output_size("MaxPool2d", image))

    def select(self, values: Array) -> Array:
        """Return where the largest value of every window is, as flat indices into the sample."""
        shape, windows = self.output_shape(values.shape[1:]), self.windows
        before, last = (windows.padding[0][0], windows.padding[1][0]), self.ties == "last"
        height, width = _image(values)
        chosen = np.empty((len(values), *shape), np.intp)
        images, found = values.reshape(-1, height, width), chosen.reshape(-1, *shape[1:])

        def choose(part: slice) -> None:
            largest(images[part], windows.kernel, windows.stride, before, last, found[part])

        comparisons = chosen.size * prod(windows.kernel)  # each takes as long as some four numbers
        side_by_side(choose, shares(len(images), useful(4 * comparisons)))
        chosen += height * width * np.arange(shape[0])[:, np.newaxis, np.newaxis]
        return chosen
