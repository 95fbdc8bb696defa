"""The LRP rules by name: each is one choice of parts.

Notation: u⁺ = max(u, 0), u⁻ = min(u, 0); a is the layer's input, z = W a + b its output.
Where libraries differ (bias in the denominator, splitting of inputs by sign, stabiliser) the
default is the definition written here, and `alignment_theory.rules.dialects` names the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import (
    Array,
    require_flags,
    require_numbers,
    scalar_like,
)
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
    negative,
    positive,
    positive_contributions,
)
from alignment_theory.sources import ANDEOL_2021, BACH_2015, MONTAVON_2017, MONTAVON_2019
from alignment_theory.trace import Site


@dataclass(frozen=True)
class Epsilon(LinearRule):
    """ε-LRP: contributions ``a_i W_ji`` over ``S(z_j)``, the bias included by default.

    LRP-0 is ``Epsilon(0)``. Source: Bach 2015, equations 56 and 58.
    """

    epsilon: float = 1e-6
    bias: Bias = Bias.PLAIN
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (BACH_2015,)

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the one part."""
        bias = denominator_bias(site, layer, self.bias, Weights.PLAIN)
        return [Part([Term(site.input, Weights.PLAIN)], bias)]


def LRP0() -> Epsilon:  # noqa: N802
    """Return LRP-0, the ε rule without stabiliser."""
    return Epsilon(0.0)


@dataclass(frozen=True)
class Gamma(LinearRule):
    """γ-LRP: contributions of ``W + γ W⁺``, bias ``b + γ b⁺``; `generalised` for signed inputs.

    Plain: ``a_i (W + γ W⁺)_ji`` over their sum with the bias (meant for a >= 0). Generalised, for
    z > 0: ``a⁺ (W + γ W⁺) + a⁻ (W + γ W⁻)`` with ``b + γ b⁺``; for z < 0: ``a⁺ (W + γ W⁻) +
    a⁻ (W + γ W⁺)`` with ``b + γ b⁻``; relevance that arrives at z = 0 is not passed on.

    Raises
    ------
    ValueError
        For a negative or non-finite γ.

    Sources: Montavon 2019, section 10.2; the generalised form Andéol 2021, appendix.
    """

    gamma: float = 0.25
    generalised: bool = False
    epsilon: float = 0.0
    bias: Bias = Bias.MODIFIED
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (MONTAVON_2019, ANDEOL_2021)

    def __post_init__(self) -> None:
        """Check γ."""
        super().__post_init__()
        require_numbers(self, "gamma")
        require_flags(self, "generalised")
        if not (np.isfinite(float(self.gamma)) and self.gamma >= 0):
            raise ValueError(f"Gamma: gamma must be finite and >= 0, got {self.gamma}")

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return one part, or one for each sign of z."""
        gamma = scalar_like(self.gamma, site.input)
        a = site.input
        if not self.generalised:
            favoured = Term(gamma * a, Weights.POSITIVE)
            bias = self._bias(site, layer, Weights.POSITIVE)
            return [Part([Term(a, Weights.PLAIN), favoured], bias)]
        z = site.output.reshape(len(site.output), -1)
        parts = []
        for gate, same, other in (
            (z > 0, Weights.POSITIVE, Weights.NEGATIVE),
            (z < 0, Weights.NEGATIVE, Weights.POSITIVE),
        ):
            terms = [
                Term(a, Weights.PLAIN),
                Term(gamma * positive(a), same),
                Term(gamma * negative(a), other),
            ]
            share = gate * scalar_like(1, z)
            parts.append(Part(terms, self._bias(site, layer, same), share))
        return parts

    def _bias(self, site: Site, layer: Linear, favoured: Weights) -> Array:
        plain = denominator_bias(site, layer, self.bias, Weights.PLAIN)
        if self.bias is not Bias.MODIFIED:
            return plain
        return plain + scalar_like(self.gamma, plain) * favoured.of(plain)


@dataclass(frozen=True)
class ZPlus(LinearRule):
    """z⁺: only positive contributions, ``a⁺ W⁺ + a⁻ W⁻``; no bias in the denominator.

    For a >= 0 this is ``a_i W⁺_ji / Σ_i a_i W⁺_ji``. `split_input` False keeps ``a W⁺`` for
    signed inputs too. Source: Montavon 2017, section 4; signed inputs Bach 2015, equation 60.
    """

    epsilon: float = 0.0
    bias: Bias = Bias.NONE
    stabiliser: Stabiliser = Stabiliser.SIGN
    split_input: bool = True
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (MONTAVON_2017, BACH_2015)

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the part of positive contributions."""
        bias = denominator_bias(site, layer, self.bias, Weights.POSITIVE)
        if not self.split_input:
            return [Part([Term(site.input, Weights.POSITIVE)], bias)]
        return [Part(positive_contributions(site.input), bias)]


@dataclass(frozen=True)
class AlphaBeta(LinearRule):
    """αβ-LRP: share α to positive contributions, -β to negative ones; no bias by default.

    Raises
    ------
    ValueError
        For negative α or β, or α - β other than 1 (up to rounding).

    Source: Bach 2015, equation 60.
    """

    alpha: float = 2.0
    beta: float = 1.0
    epsilon: float = 0.0
    bias: Bias = Bias.NONE
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    sources = (BACH_2015,)

    def __post_init__(self) -> None:
        """Check α and β."""
        super().__post_init__()
        require_numbers(self, "alpha", "beta")
        if not (self.alpha >= 0 and self.beta >= 0):
            raise ValueError(
                f"AlphaBeta: alpha and beta must be >= 0, got alpha={self.alpha}, beta={self.beta}"
            )
        rounding = 4 * np.finfo(float).eps * max(1.0, float(self.alpha))
        if not abs(self.alpha - self.beta - 1) <= min(rounding, 1e-6):
            raise ValueError(
                f"AlphaBeta: relevance is kept only for alpha - beta = 1, got alpha={self.alpha}, "
                f"beta={self.beta} (difference {self.alpha - self.beta})"
            )

    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the parts of positive and of negative contributions."""
        a = site.input
        supporting = Part(
            positive_contributions(a),
            denominator_bias(site, layer, self.bias, Weights.POSITIVE),
            1 + scalar_like(self.beta, a),
        )
        opposing = Part(
            [Term(positive(a), Weights.NEGATIVE), Term(negative(a), Weights.POSITIVE)],
            denominator_bias(site, layer, self.bias, Weights.NEGATIVE),
            -scalar_like(self.beta, a),
        )
        return [supporting, opposing] if self.beta else [supporting]
