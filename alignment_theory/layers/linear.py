"""Linear layers with weights."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from alignment_theory.arrays import Array, as_array, convert, readonly
from alignment_theory.layers.base import Linear, Shape, Weights


@dataclass(frozen=True, eq=False)
class Dense(Linear):
    """Fully connected layer ``z = W a + b``.

    Parameters
    ----------
    weight : array (outputs, inputs)
        W, in float32, float64 or exact fractions.
    bias : array (outputs,), optional
        b; no bias where it is left out.

    Raises
    ------
    ValueError
        For a wrong number of dimensions, an empty weight, a bias of another length or dtype, and
        for non-finite entries.
    """

    weight: Array
    bias: Array | None = None
    _modified: dict[Weights, Array] = field(default_factory=dict, init=False, repr=False)

    def __init__(self, weight: ArrayLike, bias: ArrayLike | None = None) -> None:
        matrix = as_array(weight, "Dense weight")
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise ValueError(
                f"Dense weight: expected a non-empty matrix (outputs, inputs), got shape "
                f"{matrix.shape}"
            )
        object.__setattr__(self, "weight", readonly(matrix))
        object.__setattr__(self, "_modified", {})
        object.__setattr__(self, "bias", None)
        if bias is not None:
            vector = as_array(bias, "Dense bias", matrix.dtype)
            if vector.shape != (len(matrix),):
                raise ValueError(
                    f"Dense bias: expected shape ({len(matrix)},) to match weight "
                    f"{matrix.shape}, got {vector.shape}"
                )
            object.__setattr__(self, "bias", readonly(vector))

    def __reduce__(self) -> tuple[type[Self], tuple[Array, Array | None]]:
        """Pickle and copy through the constructor, so that parameters stay read-only."""
        return type(self), (self.weight, self.bias)

    def __repr__(self) -> str:
        """Return the layer's sizes, not its numbers."""
        outputs, inputs = self.weight.shape
        return f"Dense({inputs} -> {outputs}, bias={self.bias is not None}, {self.dtype})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type of the parameters."""
        return self.weight.dtype

    @property
    def has_bias(self) -> bool:
        """Whether any bias differs from 0."""
        return self.bias is not None and bool((self.bias != 0).any())

    def astype(self, dtype: DTypeLike) -> Self:
        """Return the layer with its parameters in another element type."""
        bias = None if self.bias is None else convert(self.bias, "Dense bias", dtype)
        return type(self)(convert(self.weight, "Dense weight", dtype), bias)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        outputs, inputs = self.weight.shape
        if input_shape != (inputs,):
            hint = "; put Flatten() before it" if len(input_shape) > 1 else ""
            raise ValueError(f"Dense expects samples of shape ({inputs},), got {input_shape}{hint}")
        return (outputs,)

    def forward(self, values: Array) -> Array:
        """Return ``W a + b``."""
        output = values @ self.weight.T
        if self.bias is not None:
            output += self.bias
        return output

    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W) a``."""
        product: Array = values @ self._weight(weights).T
        return product

    def pullback(self, relevance: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W)ᵀ r``."""
        product: Array = relevance @ self._weight(weights)
        return product

    def matrix(self, input_shape: Shape) -> Array:
        """Return W."""
        del input_shape
        return self.weight

    def bias_vector(self, input_shape: Shape) -> Array:
        """Return b, zeros where the layer has none."""
        del input_shape
        return 0 * self.weight[:, 0] if self.bias is None else self.bias

    def _weight(self, weights: Weights) -> Array:
        if weights is Weights.PLAIN:
            return self.weight
        if weights not in self._modified:
            self._modified[weights] = weights.of(self.weight)
        return self._modified[weights]
