"""What a layer can be: a linear map, a switch that is linear once its mask is fixed, a reshape.

Arrays are batch first. A layer is immutable; what a forward run leaves behind is kept in the
:class:`~alignment_theory.network.Trace`, never in the layer.
"""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from alignment_theory.arrays import Array, scalar_like

Shape = tuple[int, ...]


class Weights(StrEnum):
    """Which function of its weights a linear layer is asked to apply."""

    PLAIN = "W"
    POSITIVE = "max(W, 0)"
    NEGATIVE = "min(W, 0)"
    SQUARED = "W²"
    ONES = "1"

    def of(self, weight: Array) -> Array:
        """Return this function of a weight array, elementwise."""
        match self:
            case Weights.PLAIN:
                return weight
            case Weights.POSITIVE:
                positive: Array = np.maximum(weight, scalar_like(0, weight))
                return positive
            case Weights.NEGATIVE:
                negative: Array = np.minimum(weight, scalar_like(0, weight))
                return negative
            case Weights.SQUARED:
                return weight * weight
            case Weights.ONES:
                return 0 * weight + 1


class Layer(ABC):
    """One step of a network."""

    @abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample; ValueError where the input does not fit."""

    @abstractmethod
    def forward(self, values: Array) -> Array:
        """Return the layer's output for a batch."""

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The element type of the parameters, None for a layer that has none."""
        return None

    def astype(self, dtype: DTypeLike) -> Self:
        """Return the layer with its parameters in another element type."""
        del dtype
        return self


class Linear(Layer):
    """A layer ``z = W a + b`` whose weights relevance rules may modify elementwise.

    The map is always named by a function of the weights (:class:`Weights`); the bias is apart, so
    that ``forward(a) == apply(a) + bias``.
    """

    @abstractmethod
    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W) a`` for a batch, without the bias."""

    @abstractmethod
    def pullback(self, relevance: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return the transpose ``f(W)ᵀ r`` for a batch."""

    @abstractmethod
    def matrix(self, input_shape: Shape) -> Array:
        """Return W as an explicit matrix (outputs, inputs) on flattened samples, in plain NumPy."""

    @abstractmethod
    def bias_vector(self, input_shape: Shape) -> Array:
        """Return b as one flat vector over the flattened outputs (zeros where there is none)."""

    @property
    @abstractmethod
    def has_bias(self) -> bool:
        """Whether any bias differs from 0."""


class Switch(Layer):
    """A layer that is linear once its mask is fixed: it only opens and closes."""

    @abstractmethod
    def mask(self, preactivation: Array) -> Array:
        """Return the boolean mask of open units for a batch of pre-activations."""


class Reshape(Layer):
    """A layer that moves entries and changes none: every rule passes through it."""

    def pullback(self, relevance: Array, input_shape: Shape) -> Array:
        """Return relevance in the shape of the layer's input."""
        return relevance.reshape(len(relevance), *input_shape)
