"""Fully connected layers."""

from dataclasses import dataclass, field
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, is_exact
from alignment_theory.kernels.rows import combine
from alignment_theory.layers.base import Shape, Weights
from alignment_theory.layers.weighted import Weighted
from alignment_theory.threads import shares, side_by_side, useful

_ADDED_UP = 2**22
"""Weights that one thread adds up at a time, of a matrix of which it reads some rows."""


@dataclass(frozen=True, eq=False)
class Dense(Weighted):
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
        self._hold(weight, bias, ("outputs", "inputs"))

    def with_parameters(self, weight: ArrayLike, bias: ArrayLike | None) -> Self:
        """Return a dense layer with other numbers."""
        return type(self)(weight, bias)

    def __reduce__(self) -> tuple[type[Self], tuple[Array, Array | None]]:
        """Pickle and copy through the constructor, so that parameters stay read-only."""
        return type(self), (self.weight, self.bias)

    def __repr__(self) -> str:
        """Return the layer's sizes, not its numbers."""
        outputs, inputs = self.weight.shape
        return f"Dense({inputs} -> {outputs}, bias={self.bias is not None}, {self.dtype})"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        outputs, inputs = self.weight.shape
        if input_shape != (inputs,):
            hint = "; put Flatten() before it" if len(input_shape) > 1 else ""
            raise ValueError(f"Dense expects samples of shape ({inputs},), got {input_shape}{hint}")
        return (outputs,)

    def forward(self, values: Array) -> Array:
        """Return ``W a + b``."""
        output = self.apply(values)
        if self.bias is not None:
            output += self.bias
        return output

    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W) a``."""
        weight = self.modified(weights)
        found = np.empty((len(values), len(weight)), np.result_type(values, weight))

        def multiply(part: slice) -> None:
            np.matmul(values, weight[part].T, out=found[:, part])

        side_by_side(multiply, shares(len(weight), _sharing(weight, values)))
        return found

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W)ᵀ r``; rules block most of r, and rows that meet 0 need not be read."""
        del like
        weight = self.modified(weights)
        if not is_exact(weight) and 2 * np.count_nonzero(relevance) < len(weight):
            return _combined(relevance, weight)
        found = np.empty((len(relevance), weight.shape[1]), np.result_type(relevance, weight))

        def multiply(part: slice) -> None:
            np.matmul(relevance, weight[:, part], out=found[:, part])

        side_by_side(multiply, shares(weight.shape[1], _sharing(weight, relevance)))
        return found

    def matrix(self, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return f(W)."""
        del like
        return self.modified(weights)

    def bias_vector(self, like: Array) -> Array:
        """Return b, zeros where the layer has none."""
        del like
        return 0 * self.weight[:, 0] if self.bias is None else self.bias


def _sharing(weight: Array, batch: Array) -> int:
    """Return how many threads the product of a matrix and a batch is worth sharing among."""
    return useful(weight.size, weight.size * len(batch))


def _combined(factors: Array, rows: Array) -> Array:
    """Return ``factors @ rows`` without reading rows whose factor is 0.

    Several samples are shared among threads; for a single one, parts of the rows are.
    """
    several = len(factors) > 1
    samples = shares(len(factors), _sharing(rows, factors))
    parts = shares(len(rows), 1 if several else rows.size // _ADDED_UP + 1)
    totals = np.zeros((len(parts), len(factors), rows.shape[1]), rows.dtype)

    def add(item: tuple[int, slice]) -> None:
        k, part = item
        combine(factors[part, parts[k]], rows[parts[k]], totals[k, part])

    side_by_side(add, list(product(range(len(parts)), samples)))
    total: Array = totals.sum(axis=0)
    return total
