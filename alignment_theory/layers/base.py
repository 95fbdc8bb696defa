"""What a layer can be: a linear map, a switch that is linear once its mask is fixed, a reshape.

Arrays are batch first. A layer is immutable; what a forward run leaves behind is kept in the
:class:`~alignment_theory.network.Trace`, never in the layer.
"""

from abc import ABC, abstractmethod
from enum import StrEnum
from math import prod
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import DTypeLike

from alignment_theory.arrays import Array, scalar_like
from alignment_theory.kernels.pooling import put, taken

Shape = tuple[int, ...]
Algorithm = Literal["direct", "winograd"]


def known_algorithm(where: str, algorithm: str) -> Algorithm:
    """Return an algorithm's name; ValueError where it is none."""
    for known in get_args(Algorithm):
        if algorithm == known:
            return known
    raise ValueError(f"{where}: algorithm must be 'direct' or 'winograd', got {algorithm!r}")


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

    def with_algorithm(self, algorithm: Algorithm) -> Self:
        """Return the layer computed by another algorithm, where it has a choice."""
        del algorithm
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
    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return the transpose ``f(W)ᵀ r`` for a batch, in the shape of the inputs `like`."""

    @abstractmethod
    def matrix(self, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return f(W) as an explicit matrix (outputs, inputs) on flattened samples, plain NumPy.

        `like` is a batch of the layer's inputs, of which shape and element type count. f acts on
        the weights: where the layer connects nothing, the matrix is 0 whatever f is.
        """

    @abstractmethod
    def bias_vector(self, like: Array) -> Array:
        """Return b as one flat vector over the flattened outputs (zeros where there is none)."""

    @property
    @abstractmethod
    def has_bias(self) -> bool:
        """Whether any bias differs from 0."""


class Switch(Layer):
    """A layer that multiplies every unit by one of two slopes, which its mask says.

    The slope is 1 where the mask is open and `leak` elsewhere.
    """

    leak: float = 0.0

    @abstractmethod
    def mask(self, preactivation: Array) -> Array:
        """Return the boolean mask of open units for a batch of pre-activations."""

    def slopes(self, mask: Array, like: Array) -> Array:
        """Return the slopes in the element type of `like`; the mask itself where nothing leaks."""
        if not self.leak:
            return mask
        return np.where(mask, scalar_like(1, like), scalar_like(self.leak, like))


class Selection(Layer):
    """A layer that passes on some of its inputs, which the values choose; then it is linear.

    What it has chosen are flat indices into the input sample, one for every output.
    """

    @abstractmethod
    def select(self, values: Array) -> Array:
        """Return the indices of the chosen inputs for a batch, in the shape of the output."""

    def forward(self, values: Array) -> Array:
        """Return the chosen inputs of a batch."""
        return self.take(values, self.select(values))

    @staticmethod
    def take(values: Array, selected: Array) -> Array:
        """Return the inputs with these indices."""
        flat, places = (array.reshape(len(values), -1) for array in (values, selected))
        return np.asarray(taken(flat, places)).reshape(selected.shape)

    @staticmethod
    def pullback(relevance: Array, selected: Array, input_shape: Shape) -> Array:
        """Return the transpose: relevance goes where its value came from."""
        flat, places = (array.reshape(len(relevance), -1) for array in (relevance, selected))
        below = np.asarray(put(flat, places, prod(input_shape)))
        return below.reshape(len(relevance), *input_shape)

    @staticmethod
    def matrix(selected: Array, input_shape: Shape) -> Array:
        """Return the explicit matrices (batch, outputs, inputs) of zeros and ones."""
        places = selected.reshape(len(selected), -1, 1)
        return np.asarray(places == np.arange(prod(input_shape)))


class Reshape(Layer):
    """A layer that moves entries and changes none: every rule passes through it."""

    def pullback(self, relevance: Array, input_shape: Shape) -> Array:
        """Return relevance in the shape of the layer's input."""
        return relevance.reshape(len(relevance), *input_shape)
