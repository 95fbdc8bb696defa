"""Layers that only rearrange."""

from dataclasses import dataclass
from math import prod

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers.base import Reshape, Shape


@dataclass(frozen=True)
class Flatten(Reshape):
    """Lay out each sample as one vector, in C order."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        return (prod(input_shape),)

    def forward(self, values: Array) -> Array:
        """Return the batch of vectors."""
        return values.reshape(len(values), -1)


@dataclass(frozen=True)
class Unflatten(Reshape):
    """Lay out each vector as a sample of some shape, in C order.

    Raises
    ------
    ValueError
        For a shape that is not one or several positive integers.
    """

    shape: Shape

    def __post_init__(self) -> None:
        """Check the shape and keep it as a tuple of int."""
        given = self.shape
        sizes = tuple(given) if isinstance(given, tuple | list) else ()
        whole = (isinstance(s, int | np.integer) and not isinstance(s, bool) for s in sizes)
        if not sizes or not all(whole) or min(sizes) < 1:
            raise ValueError(f"Unflatten: expected positive sizes such as (1, 8, 8), got {given!r}")
        object.__setattr__(self, "shape", tuple(map(int, sizes)))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample."""
        if input_shape != (prod(self.shape),):
            hint = "; put Flatten() before it" if len(input_shape) > 1 else ""
            raise ValueError(
                f"Unflatten to {self.shape} expects samples of shape ({prod(self.shape)},), got "
                f"{input_shape}{hint}"
            )
        return self.shape

    def forward(self, values: Array) -> Array:
        """Return the batch of samples."""
        return values.reshape(len(values), *self.shape)
