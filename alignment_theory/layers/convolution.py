"""Convolutions: linear layers that share their weights over the image."""

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array
from alignment_theory.layers import direct, winograd
from alignment_theory.layers.base import Algorithm, Shape, Weights, known_algorithm
from alignment_theory.layers.weighted import Weighted
from alignment_theory.layers.windows import Pair, Windows, image_shape


@dataclass(frozen=True, eq=False)
class Conv2d(Weighted):
    """Two-dimensional convolution (cross-correlation, as in every deep-learning library).

    ``z[o, y, x] = b[o] + Σ_{c, i, j} W[o, c, i, j] a[c, s y - p + d i, s x - p + d j]`` with stride
    s, padding p (with zeros) and dilation d. With g groups the channels of input and output are
    split into g blocks, and each block of outputs sees its own block of inputs.

    Parameters
    ----------
    weight : array (outputs, inputs / groups, height, width)
    bias : array (outputs,), optional
    stride, dilation : int or pair (height, width)
    padding : int, pair (height, width), or two pairs ((top, bottom), (left, right))
    groups : int
    algorithm : {"direct", "winograd"}
        How the layer itself is computed, forward and transposed. "winograd" is faster where it
        can be used (3 x 3, stride and dilation 1, no groups, images and channels not too few) and
        rounds more, so that it may flip ReLUs whose z is nearly 0, and overflows earlier; see
        `alignment_theory.layers.winograd`. It holds the weights of the transpose too, and both four
        times as large where they are transformed. What has other weights (:class:`Weights`) and
        `apply`, by which rules divide, are always direct: what is exactly 0 there must stay 0.

    Raises
    ------
    ValueError
        For a wrong number of dimensions, an empty weight, groups that do not divide the outputs, a
        bias of another length or dtype, sizes out of range, non-finite entries,
        and an unknown algorithm.
    """

    weight: Array
    bias: Array | None = None
    windows: Windows = Windows((1, 1))
    groups: int = 1
    algorithm: Algorithm = "direct"
    _modified: dict[Weights, Array] = field(default_factory=dict, init=False, repr=False)

    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: int | Pair = 1,
        padding: int | Pair | tuple[Pair, Pair] = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        algorithm: Algorithm = "direct",
    ) -> None:
        self._hold(weight, bias, ("outputs", "inputs / groups", "height", "width"))
        whole = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
        if not whole or groups < 1 or len(self.weight) % groups:
            raise ValueError(
                "Conv2d: groups must be a whole number that divides the "
                f"{len(self.weight)} outputs, got {groups!r}"
            )
        windows = Windows.of("Conv2d", self.weight.shape[2:], stride, padding, dilation)
        object.__setattr__(self, "windows", windows)
        object.__setattr__(self, "groups", int(groups))
        object.__setattr__(self, "algorithm", known_algorithm("Conv2d", algorithm))

    def with_parameters(self, weight: ArrayLike, bias: ArrayLike | None) -> Self:
        """Return a convolution with the same windows and groups and other numbers."""
        return self._like(weight, bias)

    def with_algorithm(self, algorithm: Algorithm) -> Self:
        """Return the same convolution, computed by another algorithm."""
        return partial(self._like, algorithm=algorithm)(self.weight, self.bias)

    @property
    def _like(self) -> partial[Self]:
        """The constructor, but for weight and bias."""
        windows = self.windows
        return partial(
            type(self),
            stride=windows.stride,
            padding=windows.padding,
            dilation=windows.dilation,
            groups=self.groups,
            algorithm=self.algorithm,
        )

    def __reduce__(self) -> tuple[partial[Self], tuple[Array, Array | None]]:
        """Pickle and copy through the constructor, so that parameters stay read-only."""
        return self._like, (self.weight, self.bias)

    def __repr__(self) -> str:
        """Return the layer's sizes, not its numbers."""
        outputs, inputs = self.weight.shape[:2]
        words = [f"{inputs * self.groups} -> {outputs}", self.windows.words]
        if self.groups > 1:
            words.append(f"groups={self.groups}")
        if self.algorithm != "direct":
            words.append(self.algorithm)
        return f"Conv2d({', '.join(words)}, bias={self.bias is not None}, {self.dtype})"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        channels = self.weight.shape[1] * self.groups
        _, image = image_shape("Conv2d", input_shape, channels)
        return (len(self.weight), *self.windows.output_size("Conv2d", image))

    def forward(self, values: Array) -> Array:
        """Return ``W a + b``."""
        output = self._applied(values)
        if self.bias is not None:
            output += self.bias[:, np.newaxis, np.newaxis]
        return output

    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W) a``."""
        return direct.convolved(values, self.modified(weights), self.windows, self.groups)

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W)ᵀ r``."""
        if weights is Weights.PLAIN and self._transpose is not None:
            return self._transpose._applied(relevance)
        weight = self.modified(weights)
        return direct.transposed(relevance, like.shape[1:], weight, self.windows, self.groups)

    def _applied(self, values: Array) -> Array:
        """Return ``W a`` by the layer's algorithm where that suits samples of such a shape."""
        size = self.output_shape(values.shape[1:])[1:]
        if self.algorithm == "winograd" and winograd.suits(
            self.weight, self.windows, self.groups, (size[0], size[1])
        ):
            return winograd.convolved(values, self._transformed, self.windows)
        return self.apply(values)

    @cached_property
    def _transformed(self) -> Array:
        """The weights as Winograd's algorithm uses them, worked out once."""
        return winograd.transformed(self.weight)

    @cached_property
    def _transpose(self) -> Self | None:
        """The transpose as a convolution, whose weights are rotated by half a turn.

        None where it is none, and where weights are not to be kept twice.
        """
        padding = [
            (size - 1 - before, size - 1 - after)
            for size, (before, after) in zip(self.windows.kernel, self.windows.padding, strict=True)
        ]
        plain = self.groups == 1 and self.windows.stride == self.windows.dilation == (1, 1)
        if self.algorithm == "direct" or not plain or min(map(min, padding)) < 0:
            return None
        return type(self)(
            self.weight[..., ::-1, ::-1].swapaxes(0, 1),
            padding=(padding[0], padding[1]),
            algorithm=self.algorithm,
        )

    def matrix(self, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return f(W) as a matrix: every weight at all places where a window sees a pixel."""
        channels, image = image_shape("Conv2d", like.shape[1:])
        outputs, *size = self.output_shape(like.shape[1:])
        weight = self.modified(weights)
        matrix = np.zeros((outputs, size[0] * size[1], channels, image[0] * image[1]), weight.dtype)
        block, members = outputs // self.groups, self.weight.shape[1]
        for i, j, windows, pixels in self.windows.pairs(image, (size[0], size[1])):
            for output in range(outputs):
                first = output // block * members
                for member in range(members):
                    entry = weight[output, member, i, j]
                    matrix[output, windows, first + member, pixels] = entry
        return matrix.reshape(outputs * size[0] * size[1], -1)

    def bias_vector(self, like: Array) -> Array:
        """Return b at every place of the output, zeros where the layer has none."""
        _, height, width = self.output_shape(like.shape[1:])
        bias = 0 * self.weight[:, 0, 0, 0] if self.bias is None else self.bias
        return np.repeat(bias, height * width)
