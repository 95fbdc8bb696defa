"""What linear layers with an array of weights and a bias for every output have in common."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from alignment_theory.arrays import Array, as_array, convert, readonly
from alignment_theory.layers.base import Linear, Weights


class Weighted(Linear):
    """A linear layer that holds a weight array, outputs first, and perhaps a bias."""

    weight: Array
    bias: Array | None
    _modified: dict[Weights, Array]

    @abstractmethod
    def with_parameters(self, weight: ArrayLike, bias: ArrayLike | None) -> Self:
        """Return the layer with other numbers and all else as it is."""

    def _hold(self, weight: ArrayLike, bias: ArrayLike | None, axes: tuple[str, ...]) -> None:
        """Keep checked, read-only copies; `axes` name the dimensions of the weight.

        Raises
        ------
        ValueError
            For a wrong number of dimensions, an empty weight, a bias of another length or dtype,
            and for non-finite entries.
        """
        name = type(self).__name__
        array = as_array(weight, f"{name} weight")
        if array.ndim != len(axes) or 0 in array.shape:
            kind = "matrix" if len(axes) == 2 else "array"
            raise ValueError(
                f"{name} weight: expected a non-empty {kind} ({', '.join(axes)}), got shape "
                f"{array.shape}"
            )
        object.__setattr__(self, "weight", readonly(array))
        object.__setattr__(self, "_modified", {})
        object.__setattr__(self, "bias", None)
        if bias is not None:
            vector = as_array(bias, f"{name} bias", array.dtype)
            if vector.shape != (len(array),):
                raise ValueError(
                    f"{name} bias: expected shape ({len(array)},) to match weight "
                    f"{array.shape}, got {vector.shape}"
                )
            object.__setattr__(self, "bias", readonly(vector))

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
        name = type(self).__name__
        bias = None if self.bias is None else convert(self.bias, f"{name} bias", dtype)
        return self.with_parameters(convert(self.weight, f"{name} weight", dtype), bias)

    def modified(self, weights: Weights) -> Array:
        """Return ``f(W)``, worked out once."""
        if weights is Weights.PLAIN:
            return self.weight
        if weights not in self._modified:
            self._modified[weights] = weights.of(self.weight)
        return self._modified[weights]
