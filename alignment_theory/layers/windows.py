"""Where a window looks: the geometry that convolution and pooling share.

Samples are images (channels, height, width). Output place (y, x) sees the input rows
``stride_y y - top + dilation_y i``, i = 0, ..., kernel_y - 1, and columns likewise; rows and
columns outside the image are padding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from alignment_theory.arrays import Array, readonly
from alignment_theory.kernels.windows import add_up, lay_out
from alignment_theory.layers.base import Shape
from alignment_theory.threads import shares

Pair = tuple[int, int]
Slices = tuple[slice, slice]

_NARROW = 32
"""Columns of windows below which slices are too short to be worth their overhead."""


@dataclass(frozen=True)
class Windows:
    """Kernel size, stride, dilation and padding ((top, bottom), (left, right)) of sliding windows.

    Raises
    ------
    ValueError
        For sizes that are not whole numbers, or too small.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    @classmethod
    def of(
        cls, where: str, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> "Windows":
        """Return windows from numbers or pairs, the padding also from two pairs."""
        found = {
            name: pair_of(f"{where}: {name}", value, 1)
            for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
        }
        return cls(padding=_paddings(f"{where}: padding", padding), **found)

    @property
    def padded(self) -> bool:
        """Whether windows may reach outside the image."""
        return any(map(any, self.padding))

    @property
    def words(self) -> str:
        """Kernel, and what of stride, padding and dilation is not as simple as can be."""
        shown = [f"{self.kernel[0]}x{self.kernel[1]}"]
        plain = Windows(self.kernel)
        for name in ("stride", "padding", "dilation"):
            if getattr(self, name) != getattr(plain, name):
                shown.append(f"{name}={getattr(self, name)}")
        return ", ".join(shown)

    def require_pixels(self, where: str) -> None:
        """Raise ValueError where a whole window may lie in the padding."""
        if any(max(sides) >= size for size, sides in zip(self.kernel, self.padding, strict=True)):
            raise ValueError(
                f"{where}: padding must be less than the window {self.kernel}, got {self.padding}"
            )

    def output_size(self, where: str, image: Pair) -> Pair:
        """Return how many windows fit, in rows and columns.

        Raises
        ------
        ValueError
            Where the window is larger than the padded image.
        """
        sizes = []
        for size, kernel, stride, (before, after), dilation in zip(
            image, self.kernel, self.stride, self.padding, self.dilation, strict=True
        ):
            reach = dilation * (kernel - 1) + 1
            if reach > size + before + after:
                raise ValueError(
                    f"{where}: a window of {reach} does not fit an image {image[0]} x {image[1]} "
                    f"with padding {self.padding}"
                )
            sizes.append((size + before + after - reach) // stride + 1)
        return sizes[0], sizes[1]

    def padded_size(self, image: Pair) -> Pair:
        """Return the size of the image with its padding."""
        (top, bottom), (left, right) = self.padding
        return image[0] + top + bottom, image[1] + left + right

    def pad(self, values: Array, fill: Any = 0) -> Array:
        """Return images (..., height, width) with their padding."""
        if not self.padded:
            return values
        framed = self.frame(values.shape[:-2], _image(values), values.dtype)
        if fill != 0:
            framed.fill(fill)
        self.crop(framed, _image(values))[...] = values
        return framed

    def frame(self, leading: Shape, image: Pair, dtype: np.dtype[Any]) -> Array:
        """Return zeros (*leading, height, width) for images with their padding."""
        return np.zeros((*leading, *self.padded_size(image)), dtype)

    def crop(self, framed: Array, image: Pair) -> Array:
        """Return padded images without their padding."""
        (top, _), (left, _) = self.padding
        return framed[..., top : top + image[0], left : left + image[1]]

    def offsets(self, output: Pair) -> Iterator[tuple[int, int, Slices]]:
        """Yield every place (i, j) of the kernel with the rows and columns of the padded image.

        They are what the place sees in all windows: slices of length `output`.
        """
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                starts = (i * self.dilation[0], j * self.dilation[1])
                rows, columns = (
                    slice(start, start + stride * (count - 1) + 1, stride)
                    for start, stride, count in zip(starts, self.stride, output, strict=True)
                )
                yield i, j, (rows, columns)

    def unfold(self, framed: Array, first: int, seen: Array) -> None:
        """Set what rows of windows, from the row `first` on, see of padded images.

        The images are (images, height, width), and `seen` is (images, i, j, y, x), C-ordered.
        """
        above, size = first * self.stride[0], _image(seen)
        if size[1] < _NARROW:
            width = framed.shape[2]
            places = _places(self, width, size)
            lay_out(_flat(framed), places, above * width, _flat(seen))
            return
        for i, j, (rows, columns) in self.offsets(size):
            seen[:, i, j] = framed[:, above:][:, rows, columns]

    def fold(self, seen: Array, first: int, framed: Array) -> None:
        """Do the transpose of `unfold`: add every entry to the padded images where it was seen."""
        above, size = first * self.stride[0], _image(seen)
        if size[1] < _NARROW:
            width = framed.shape[2]
            places = _places(self, width, size)
            add_up(_flat(seen), places, above * width, _flat(framed))
            return
        for i, j, (rows, columns) in self.offsets(size):
            framed[:, above:][:, rows, columns] += seen[:, i, j]

    def inside(self, image: Pair, output: Pair) -> Array:
        """Return which windows lie in the image as a whole, (y, x)."""
        whole = np.zeros(output, dtype=np.intp)
        for _, _, windows, _ in self.pairs(image, output):
            whole.ravel()[windows] += 1
        return whole == self.kernel[0] * self.kernel[1]

    def pairs(self, image: Pair, output: Pair) -> Iterator[tuple[int, int, Array, Array]]:
        """Yield every place (i, j) with the windows that see the image there and what they see.

        Both as flat indices: of outputs, and of pixels. This is what explicit matrices are made of.
        """
        rows, columns = np.indices(output)
        (top, _), (left, _) = self.padding
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                y = rows * self.stride[0] + i * self.dilation[0] - top
                x = columns * self.stride[1] + j * self.dilation[1] - left
                inside = (y >= 0) & (y < image[0]) & (x >= 0) & (x < image[1])
                windows = (rows * output[1] + columns)[inside]
                yield i, j, windows, (y * image[1] + x)[inside]


def blocks(count: int, size: Pair, windows: int) -> tuple[list[slice], list[slice]]:
    """Return how to cut a batch and the rows of windows, so that a part has as many as wanted.

    About as many; several samples are taken at a time only where they fit as a whole.
    """
    most = min(size[0], max(1, windows // size[1]))
    bands = shares(size[0], -(-size[0] // most))
    step = max(1, windows // (size[0] * size[1]))
    return [slice(sample, sample + step) for sample in range(0, count, step)], bands


@lru_cache(maxsize=256)
def _places(windows: Windows, width: int, output: Pair) -> Array:
    """Return what the first windows see, (i, j, y, x) in a row: flat indices of pixels.

    `width` is that of the padded image.
    """
    i, j, y, x = np.indices((*windows.kernel, *output))
    rows = y * windows.stride[0] + i * windows.dilation[0]
    return readonly((rows * width + x * windows.stride[1] + j * windows.dilation[1]).ravel())


def _flat(images: Array) -> Array:
    """Return images with their pixels in a row; a view, they are C-ordered."""
    return images.reshape(len(images), -1)


def _image(values: Array) -> Pair:
    """Return the size of images (..., height, width)."""
    return values.shape[-2], values.shape[-1]


def image_shape(where: str, shape: Shape, channels: int | None = None) -> tuple[int, Pair]:
    """Return channels and image size of a sample's shape.

    Raises
    ------
    ValueError
        For samples that are not (channels, height, width), or have other channels than wanted.
    """
    wanted = "channels" if channels is None else channels
    if len(shape) != 3 or (channels is not None and shape[0] != channels):
        raise ValueError(f"{where} expects samples of shape ({wanted}, height, width), got {shape}")
    return shape[0], (shape[1], shape[2])


def _whole(where: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{where} must be a whole number >= {least}, got {value!r}")
    return int(value)


def pair_of(where: str, value: Any, least: int = 1) -> Pair:
    """Return one number twice, or a pair as it is."""
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{where} must be a number or a pair (height, width), got {value!r}")
    return _whole(where, values[0], least), _whole(where, values[1], least)


def _paddings(where: str, value: Any) -> tuple[Pair, Pair]:
    """Return padding of rows and of columns, each before and after."""
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise ValueError(
            f"{where} must be a number, a pair (height, width), or two pairs ((top, bottom), "
            f"(left, right)), got {value!r}"
        )
    return pair_of(where, values[0], 0), pair_of(where, values[1], 0)
