"""Switches: layers that are linear once their mask is fixed."""

from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array, require_flags, scalar_like
from alignment_theory.layers.base import Shape, Switch


@dataclass(frozen=True)
class Relu(Switch):
    """Rectified linear unit ``a = max(z, 0)`` with mask ``m = 1[z > 0]``.

    Parameters
    ----------
    active_at_zero : bool
        The tie rule: whether a unit with z exactly 0 counts as active. The function is the same
        either way; gradients and masks are not. False (the default) agrees with PyTorch and JAX.
    """

    active_at_zero: bool = False

    def __post_init__(self) -> None:
        """Check the tie rule."""
        require_flags(self, "active_at_zero")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample: that of the input."""
        return input_shape

    def forward(self, values: Array) -> Array:
        """Return ``max(z, 0)``."""
        output: Array = np.maximum(values, scalar_like(0, values))
        return output

    def mask(self, preactivation: Array) -> Array:
        """Return ``z > 0``, or ``z >= 0`` where ties count as active."""
        mask: Array = preactivation >= 0 if self.active_at_zero else preactivation > 0
        return mask
