"""Batch normalisation with fixed statistics: a linear layer with one weight and bias a channel."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from alignment_theory.arrays import Array, as_array, convert, readonly
from alignment_theory.layers.base import Linear, Shape, Weights


@dataclass(frozen=True, eq=False)
class BatchNorm(Linear):
    """Batch normalisation as it is after training: ``z = k a + b`` with one k and b a channel.

    ``k = scale / √(variance + epsilon)`` and ``b = shift - k mean``; see :meth:`of`. Samples are
    (channels,) or (channels, height, width).

    Parameters
    ----------
    weight, bias : arrays (channels,)
        k and b.

    Raises
    ------
    ValueError
        For arrays that are not vectors of one length and element type, and non-finite entries.
    """

    weight: Array
    bias: Array

    def __init__(self, weight: ArrayLike, bias: ArrayLike) -> None:
        vector = as_array(weight, "BatchNorm weight")
        offset = as_array(bias, "BatchNorm bias", vector.dtype)
        if vector.ndim != 1 or not len(vector) or offset.shape != vector.shape:
            raise ValueError(
                "BatchNorm: expected weight and bias of one shape (channels,), got "
                f"{vector.shape} and {offset.shape}"
            )
        object.__setattr__(self, "weight", readonly(vector))
        object.__setattr__(self, "bias", readonly(offset))

    @classmethod
    def of(
        cls,
        scale: ArrayLike,
        shift: ArrayLike,
        mean: ArrayLike,
        variance: ArrayLike,
        epsilon: float = 1e-5,
    ) -> Self:
        """Return the layer from what a trained model stores, worked out in float64.

        Raises
        ------
        ValueError
            For shapes that differ, and where ``variance + epsilon`` is not positive.
        """
        parts = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
        arrays = {name: as_array(part, f"BatchNorm {name}") for name, part in parts.items()}
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) > 1 or arrays["scale"].ndim != 1:
            found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            raise ValueError(f"BatchNorm: expected vectors of one length, got {found}")
        wide = {name: array.astype(np.float64) for name, array in arrays.items()}
        spread = wide["variance"] + epsilon
        if not (spread > 0).all():
            raise ValueError(
                f"BatchNorm: variance + epsilon must be positive, got {spread.min():g} at channel "
                f"{int(spread.argmin())}"
            )
        weight = wide["scale"] / np.sqrt(spread)
        bias = wide["shift"] - weight * wide["mean"]
        dtype = arrays["scale"].dtype
        return cls(weight.astype(dtype), bias.astype(dtype))

    def __reduce__(self) -> tuple[type[Self], tuple[Array, Array]]:
        """Pickle and copy through the constructor, so that parameters stay read-only."""
        return type(self), (self.weight, self.bias)

    def __repr__(self) -> str:
        """Return the number of channels, not the numbers."""
        return f"BatchNorm({len(self.weight)}, {self.dtype})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type of the parameters."""
        return self.weight.dtype

    @property
    def has_bias(self) -> bool:
        """Whether any bias differs from 0."""
        return bool((self.bias != 0).any())

    def astype(self, dtype: DTypeLike) -> Self:
        """Return the layer with its parameters in another element type."""
        return type(self)(
            convert(self.weight, "BatchNorm weight", dtype),
            convert(self.bias, "BatchNorm bias", dtype),
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample: that of the input."""
        if len(input_shape) not in (1, 3) or input_shape[0] != len(self.weight):
            raise ValueError(
                f"BatchNorm expects samples of shape ({len(self.weight)},) or "
                f"({len(self.weight)}, height, width), got {input_shape}"
            )
        return input_shape

    def forward(self, values: Array) -> Array:
        """Return ``k a + b``."""
        return self.apply(values) + _along(self.bias, values)

    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(k) a``."""
        return values * _along(weights.of(self.weight), values)

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(k) r``."""
        del like
        return self.apply(relevance, weights)

    def matrix(self, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return the diagonal matrix of f(k)."""
        diagonal = self._entries(weights.of(self.weight), like)
        matrix = np.zeros((len(diagonal), len(diagonal)), self.dtype)
        np.fill_diagonal(matrix, diagonal)
        return matrix

    def bias_vector(self, like: Array) -> Array:
        """Return b at every place."""
        return self._entries(self.bias, like)

    def _entries(self, vector: Array, like: Array) -> Array:
        return np.repeat(vector, like[0].size // len(vector))


def _along(vector: Array, values: Array) -> Array:
    """Return a vector over channels as it broadcasts with a batch."""
    return vector.reshape(-1, *(1,) * (values.ndim - 2))
