"""Layers that only rearrange."""

from dataclasses import dataclass
from math import prod

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
