"""Errors of layers and of how they are crossed, for the wrong variants on convolutional networks.

What is wrong is the fast recursion only; explicit matrices stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import BatchNorm, Conv2d, Layer, Selection
from alignment_theory.layers.base import Weights
from alignment_theory.layers.residual import Sum
from alignment_theory.network import Network
from alignment_theory.rules import Crossing, GuidedBackprop
from alignment_theory.trace import Site
from alignment_theory.verification.planted import replaced
from alignment_theory.verification.subjects import Subject


class ShiftedConv(Conv2d):
    """A convolution whose transpose puts everything one column to the right."""

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return ``f(W)ᵀ r``, shifted."""
        below: Array = np.roll(super().pullback(relevance, like, weights), 1, axis=-1)
        return below


class UnscaledNorm(BatchNorm):
    """A batch normalisation whose transpose forgets the factors."""

    def pullback(self, relevance: Array, like: Array, weights: Weights = Weights.PLAIN) -> Array:
        """Return r."""
        del like, weights
        return relevance


def shifted_conv(layer: Conv2d) -> Layer:
    """Return the convolution with a shifted transpose."""
    windows = layer.windows
    return ShiftedConv(
        layer.weight,
        layer.bias,
        stride=windows.stride,
        padding=windows.padding,
        dilation=windows.dilation,
        groups=layer.groups,
    )


def unscaled_norm(layer: BatchNorm) -> Layer:
    """Return the batch normalisation with a transpose without factors."""
    return UnscaledNorm(layer.weight, layer.bias)


@dataclass(frozen=True)
class WithLayers:
    """A change of subjects: another layer for every one of a kind."""

    kind: type[Layer]
    make: Callable[[Any], Layer]

    def __call__(self, subject: Subject) -> Subject:
        """Return the changed subject."""
        layers = replaced(subject.network.layers, self.kind, self.make)
        network = Network(layers, subject.network.input_shape)
        return Subject(f"{subject.name}, {self.make.__name__}", network, subject.inputs)


@dataclass(frozen=True)
class WrongWinner(GuidedBackprop):
    """Guided Backprop that hands what a max pooling was given to the pixel after the winner."""

    def cross_selection(self, relevance: Array, site: Site) -> Crossing:
        """Return the crossing with another winner."""
        assert site.selected is not None
        other = (site.selected + 1) % site.input[0].size
        return Crossing(Selection.pullback(relevance, other, site.input.shape[1:]))


@dataclass(frozen=True)
class NoShortcut(GuidedBackprop):
    """Guided Backprop that hands the shortcut of a residual nothing."""

    def cross_linear(self, relevance: Array, site: Site) -> Crossing:
        """Return the crossing, of a sum that to the body only."""
        crossing = super().cross_linear(relevance, site)
        if not isinstance(site.layer, Sum):
            return crossing
        shared = np.array(crossing.relevance)
        shared[:, 1] = 0
        return replace(crossing, relevance=shared)
