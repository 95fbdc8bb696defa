"""Residual connections: what a body makes of the input is added to the input, or to a shortcut."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from alignment_theory.arrays import Array, scalar_like
from alignment_theory.layers.base import Algorithm, Layer, Linear, Shape, Weights


@dataclass(frozen=True)
class Sum(Linear):
    """The sum of what several branches hand over: samples are (branches, ...)."""

    @property
    def has_bias(self) -> bool:
        """False: sums have no bias."""
        return False

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        return input_shape[1:]

    def forward(self, values: Array) -> Array:
        """Return the sums."""
        return self.apply(values)

    def apply(self, values: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(1) Σ a``."""
        summed: Array = values.sum(axis=1)
        return _of_one(weights, values) * summed

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(1) r`` for every branch."""
        return np.broadcast_to(_of_one(weights, like) * relevance[:, np.newaxis], like.shape)

    def matrix(self, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return one diagonal matrix of f(1) beside the other."""
        branches, size = like.shape[1], like[0, 0].size
        one = np.zeros((size, size), like.dtype)
        np.fill_diagonal(one, _of_one(weights, like))
        return np.tile(one, (1, branches))

    def bias_vector(self, like: Array) -> Array:
        """Return zeros."""
        return np.zeros(like[0, 0].size, like.dtype)


def _of_one(weights: Weights, like: Array) -> Array:
    one: Array = weights.of(np.array([scalar_like(1, like)], like.dtype))[0]
    return one


@dataclass(frozen=True, init=False)
class Residual(Layer):
    """``a + body(a)``, or ``shortcut(a) + body(a)``.

    Parameters
    ----------
    body : sequence of Layer
    shortcut : sequence of Layer, optional
        Empty for the identity.

    Raises
    ------
    ValueError
        For an empty body, and for what is no layer.
    """

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...]

    def __init__(self, body: Sequence[Layer], shortcut: Sequence[Layer] = ()) -> None:
        for name, layers in (("body", body), ("shortcut", shortcut)):
            several = isinstance(layers, Iterable) and not isinstance(layers, Layer)
            found = tuple(layers) if several else ()
            if not several or not all(isinstance(layer, Layer) for layer in found):
                raise ValueError(f"Residual: {name} must be a list of layers, got {layers!r}")
            object.__setattr__(self, name, found)
        if not self.body:
            raise ValueError("Residual: the body must have at least one layer, got none")

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """The body and the shortcut."""
        return self.body, self.shortcut

    def __repr__(self) -> str:
        """Return how many layers there are on each side; a network lists them."""
        shortcut = f"{len(self.shortcut)} layers" if self.shortcut else "identity"
        return f"Residual(body of {len(self.body)} layers, shortcut: {shortcut})"

    def astype(self, dtype: DTypeLike) -> Self:
        """Return the layer with all parameters in another element type."""
        return type(self)(*([layer.astype(dtype) for layer in branch] for branch in self.branches))

    def with_algorithm(self, algorithm: Algorithm) -> Self:
        """Return the layer with all convolutions computed by another algorithm."""
        inner = ([layer.with_algorithm(algorithm) for layer in branch] for branch in self.branches)
        return type(self)(*inner)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample; ValueError where the two sides differ."""
        shapes = []
        for name, branch in zip(("body", "shortcut"), self.branches, strict=True):
            shape = input_shape
            for index, layer in enumerate(branch):
                try:
                    shape = layer.output_shape(shape)
                except ValueError as error:
                    raise ValueError(f"Residual {name}, layer {index}: {error}") from None
            shapes.append(shape)
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"Residual: the body makes samples of shape {shapes[0]} and the shortcut of shape "
                f"{shapes[1]}; they must agree"
            )
        return shapes[0]

    def forward(self, values: Array) -> Array:
        """Return the sum of both sides."""
        sides = []
        for branch in self.branches:
            side = values
            for layer in branch:
                side = layer.forward(side)
            sides.append(side)
        total: Array = sides[0] + sides[1]
        return total


def in_order(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return layers in the order of their numbers: those inside a residual follow it."""
    found: list[Layer] = []
    for layer in layers:
        found.append(layer)
        if isinstance(layer, Residual):
            found += in_order((*layer.body, *layer.shortcut))
    return tuple(found)
