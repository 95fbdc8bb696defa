"""Switches: layers that are linear once their mask is fixed."""

from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array, require_flags, require_numbers, scalar_like
from alignment_theory.layers.base import Shape, Switch
from alignment_theory.threads import by_parts


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
        zero, output = scalar_like(0, values), np.empty(values.shape, values.dtype)
        by_parts(lambda z, a: np.maximum(z, zero, out=a), values, output)
        return output

    def mask(self, preactivation: Array) -> Array:
        """Return ``z > 0``, or ``z >= 0`` where ties count as active."""
        compare = np.greater_equal if self.active_at_zero else np.greater
        mask = np.empty(preactivation.shape, np.bool_)
        by_parts(lambda z, m: compare(z, 0, out=m), preactivation, mask)
        return mask


@dataclass(frozen=True)
class LeakyRelu(Switch):
    """Leaky rectified linear unit: ``a = z`` where z > 0, else ``leak z``; mask ``m = 1[z > 0]``.

    Parameters
    ----------
    leak : float
        The slope below 0, in [0, 1).

    Raises
    ------
    ValueError
        For a leak out of range.
    """

    leak: float = 0.01

    def __post_init__(self) -> None:
        """Check the slope."""
        require_numbers(self, "leak")
        if not 0 <= self.leak < 1:
            raise ValueError(f"LeakyRelu: leak must be in [0, 1), got {self.leak}")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample: that of the input."""
        return input_shape

    def forward(self, values: Array) -> Array:
        """Return z or ``leak z``."""
        output: Array = np.where(values > 0, values, scalar_like(self.leak, values) * values)
        return output

    def mask(self, preactivation: Array) -> Array:
        """Return ``z > 0``."""
        mask: Array = preactivation > 0
        return mask
