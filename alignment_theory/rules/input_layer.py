"""The LRP rules made for the layer nearest the input, where contributions say little."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import frozen_parameter, parameter_like
from alignment_theory.layers import Linear
from alignment_theory.layers.base import Weights
from alignment_theory.rules.lrp import (
    Bias,
    LinearRule,
    Part,
    Pooling,
    Stabiliser,
    Term,
    denominator_bias,
)
from alignment_theory.sources import BACH_2015, MONTAVON_2017, MONTAVON_2019
from alignment_theory.trace import Site


@dataclass(frozen=True)
class WSquare(LinearRule):
    """w²: contributions ``W_ji²``, whatever the input; no bias in the denominator.

    Source: Montavon 2017, section 4.1.
    """

    epsilon: float = 0.0
    bias: Bias = Bias.NONE
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (MONTAVON_2017,)

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the one part."""
        bias = denominator_bias(site, layer, self.bias, Weights.SQUARED)
        return [Part([Term(0 * site.input + 1, Weights.SQUARED)], bias)]


@dataclass(frozen=True)
class Flat(LinearRule):
    """Flat: the same contribution from every input a unit is connected to, whatever the weights.

    Source: Bach 2015, section "Pixel-wise decomposition"; named in Montavon 2019, table 10.1.
    """

    epsilon: float = 0.0
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (BACH_2015, MONTAVON_2019)

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the one part."""
        bias = denominator_bias(site, layer, Bias.NONE, Weights.PLAIN)
        return [Part([Term(0 * site.input + 1, Weights.ONES)], bias)]


@dataclass(frozen=True, eq=False)
class ZBox(LinearRule):
    """z^B: contributions ``x W - low W⁺ - high W⁻`` for inputs in the box [low, high].

    Parameters
    ----------
    low, high : float or array broadcastable to one input sample
        The box; every input entry must lie in it. For images a vector of as many numbers as there
        are channels gives each channel its own.

    Raises
    ------
    ValueError
        For low > high somewhere, and when it is applied to an input outside the box.

    Source: Montavon 2017, section 4.1.
    """

    low: ArrayLike = 0.0
    high: ArrayLike = 1.0
    epsilon: float = 0.0
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (MONTAVON_2017,)

    def __post_init__(self) -> None:
        """Check the box."""
        super().__post_init__()
        low = frozen_parameter(self.low, "ZBox low")
        high = frozen_parameter(self.high, "ZBox high")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if np.ndim(low) and np.ndim(high) and np.shape(low) != np.shape(high):
            raise ValueError(
                f"ZBox: low of shape {np.shape(low)} and high of shape {np.shape(high)} differ"
            )
        if (np.asarray(low) > np.asarray(high)).any():
            raise ValueError(f"ZBox: low must not exceed high, got low={low}, high={high}")

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the one part."""
        x = site.input
        low, high = (
            parameter_like(bound, x, f"ZBox: {name}")
            for name, bound in (("low", self.low), ("high", self.high))
        )
        outside = (x < low) | (x > high)
        if outside.any():
            index = tuple(int(i) for i in np.argwhere(outside)[0])
            raise ValueError(
                f"ZBox: the input of layer {site.index} must lie in the box, but entry {index} is "
                f"{x[index]}, outside [{low[index]}, {high[index]}]; widen low and high"
            )
        terms = [
            Term(x, Weights.PLAIN),
            Term(-low, Weights.POSITIVE),
            Term(-high, Weights.NEGATIVE),
        ]
        return [Part(terms, denominator_bias(site, layer, Bias.NONE, Weights.PLAIN))]
