"""Rules that differ at the linear layers: layer-wise relevance propagation (LRP).

Every rule here is a sum of parts. A part takes a share of the relevance and hands it down in
proportion to the contributions ``u_i f(W)_ji``, where u is a function of the layer's input:

    R_i = Σ_parts Σ_terms u_i Σ_j f(W)_ji s_j,   s_j = share_j R_j / S(Σ_terms (f(W) u)_j + bias_j)

A ratio with S = 0 is 0, and the ledger names what was lost there, to the bias and to S.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

import numpy as np

from alignment_theory.arrays import (
    Array,
    divide,
    is_exact,
    require_flags,
    require_numbers,
    scalar_like,
)
from alignment_theory.kernels import ratios as kernels
from alignment_theory.layers import Linear, MaxPool2d, Switch
from alignment_theory.layers.base import Weights
from alignment_theory.rules.base import Crossing, Form, Rule, sample_sums
from alignment_theory.trace import Site


class Stabiliser(StrEnum):
    """How a denominator z is kept away from 0, with the rule's epsilon.

    SIGN: ``z + ε sgn(z)``, sgn(0) = +1. CLIP: ``sgn(z) max(|z|, ε)``. EXACT_ZEROS: ε where z = 0,
    else z. ADD: ``z + ε``. All are z itself for ε = 0.
    """

    SIGN = "sign"
    CLIP = "clip"
    EXACT_ZEROS = "exact zeros"
    ADD = "add"

    @property
    def code(self) -> int:
        """The number by which the kernel knows it."""
        return list(Stabiliser).index(self)

    def apply(self, total: Array, epsilon: float) -> Array:
        """Return the stabilised denominators, in plain NumPy."""
        step = scalar_like(epsilon, total)
        signed = np.where(total >= 0, step, -step)
        match self:
            case Stabiliser.SIGN:
                return total + signed
            case Stabiliser.CLIP:
                return np.where(np.abs(total) < step, signed, total)
            case Stabiliser.EXACT_ZEROS:
                return np.where(total == 0, step, total)
            case Stabiliser.ADD:
                return total + step


class Bias(StrEnum):
    """Which bias counts in a denominator: none, b itself, or b modified as the weights are."""

    NONE = "none"
    PLAIN = "plain"
    MODIFIED = "modified"


class Pooling(StrEnum):
    """How relevance crosses a max pooling down.

    WINNER: to the input that was chosen, as the gradient does; the default of every library.
    PROPORTIONAL: to all that the window sees, in proportion to their values, as an average pooling
    would under LRP-0 (Kim 2019's code calls it proportional redistribution). UNIFORM: in equal
    shares to all that the window sees.
    """

    WINNER = "winner"
    PROPORTIONAL = "proportional"
    UNIFORM = "uniform"


@dataclass(frozen=True, eq=False)
class Term:
    """Contributions ``factor_i f(W)_ji``, with f one of `Weights`."""

    factor: Array
    weights: Weights


@dataclass(frozen=True, eq=False)
class Part:
    """Terms that share one denominator; `share` multiplies the relevance they receive."""

    terms: Sequence[Term]
    bias: Array
    share: Array | float = 1


def member(rule: str, name: str, kind: type[StrEnum], value: object) -> StrEnum:
    """Return the member with this value; ValueError, naming all, where there is none."""
    try:
        return kind(str(value))
    except ValueError as error:
        known = ", ".join(repr(str(member)) for member in kind)
        raise ValueError(f"{rule}: {name}: {error}; it is one of {known}") from None


class LinearRule(Rule):
    """A relevance rule given by its parts; subclasses write `parts` and nothing else.

    ``epsilon`` and ``stabiliser`` form S. ``block_dead`` keeps relevance that a rule gave to a
    dead unit (only w², flat and z^B above the input can) from going on; the ledger names it
    "threshold". Without it every ReLU passes everything, as in zennit.
    """

    epsilon: float = 0.0
    stabiliser: Stabiliser = Stabiliser.SIGN
    block_dead: bool = True
    pooling: Pooling = Pooling.WINNER

    def __post_init__(self) -> None:
        """Check the parameters; members of an enumeration may be given as plain strings."""
        require_numbers(self, "epsilon")
        require_flags(self, "block_dead")
        for name, kind in (("stabiliser", Stabiliser), ("bias", Bias), ("pooling", Pooling)):
            value = getattr(self, name, None)
            if value is not None:
                object.__setattr__(self, name, member(type(self).__name__, name, kind, value))
        if not (np.isfinite(float(self.epsilon)) and self.epsilon >= 0):
            raise ValueError(
                f"{type(self).__name__}: epsilon must be finite and >= 0, got {self.epsilon}"
            )

    @property
    def form(self) -> Form:
        """Relevance travels."""
        return Form.RELEVANCE

    @abstractmethod
    def parts(self, site: Site, layer: Linear) -> Sequence[Part]:
        """Return the parts of the rule at one linear layer."""

    def cross_switch(self, relevance: Array, site: Site) -> Crossing:
        """Pass relevance on unchanged, except at dead units where `block_dead` says so.

        A unit of a leaky ReLU is never dead.
        """
        assert site.mask is not None and isinstance(site.layer, Switch)
        blocks = self.block_dead and not site.layer.leak
        gates = site.mask.copy() if blocks else np.ones_like(site.mask)
        passed = np.where(gates, relevance, scalar_like(0, relevance))
        return Crossing(passed, gates, {"threshold": sample_sums(relevance - passed)})

    def cross_linear(self, relevance: Array, site: Site) -> Crossing:
        """Hand relevance down in proportion to the contributions."""
        return self._hand_down(relevance, site)

    def linear_matrix(self, site: Site) -> Array:
        """Return the matrices M with ``R_below = M R`` for every sample, in plain NumPy."""
        return self._matrix(site)

    def cross_selection(self, relevance: Array, site: Site) -> Crossing:
        """Hand relevance to what was chosen, or to all that the windows see, as `pooling` says."""
        if self.pooling is Pooling.WINNER:
            return super().cross_selection(relevance, site)
        return self._hand_down(relevance, site)

    def selection_matrix(self, site: Site) -> Array:
        """Return the explicit matrices of `cross_selection`."""
        if self.pooling is Pooling.WINNER:
            return super().selection_matrix(site)
        return self._matrix(site)

    def decomposition(self, site: Site) -> tuple[Linear, Sequence[Part]]:
        """Return the linear layer that relevance crosses at a site, and the parts it goes by.

        For a max pooling it is the average pooling with the same windows.

        Raises
        ------
        ValueError
            For a selection that has no windows.
        """
        if isinstance(site.layer, Linear):
            return site.layer, self.parts(site, site.layer)
        if not isinstance(site.layer, MaxPool2d):
            raise ValueError(f"layer {site.index} ({site.layer!r}): only a MaxPool2d has windows")
        average = site.layer.average
        factor = site.input if self.pooling is Pooling.PROPORTIONAL else 0 * site.input + 1
        return average, [Part([Term(factor, Weights.PLAIN)], average.bias_vector(site.input))]

    def _hand_down(self, relevance: Array, site: Site) -> Crossing:
        batch = len(relevance)
        layer, parts = self.decomposition(site)
        flat = np.ascontiguousarray(relevance.reshape(batch, -1))
        below = np.zeros_like(site.input)
        lost = np.zeros((3, batch), dtype=flat.dtype)
        for part in parts:
            terms = [term for term in part.terms if (term.factor != 0).any()]
            total = np.zeros_like(site.output)
            for term in terms:
                total += layer.apply(term.factor, term.weights)
            ratio, *losses = kernels.ratios(
                np.ascontiguousarray(part.share * flat),
                np.ascontiguousarray(total.reshape(batch, -1)),
                np.array(part.bias),
                scalar_like(self.epsilon, flat),
                self.stabiliser.code,
            )
            lost += losses
            shaped = ratio.reshape(site.output.shape)
            for term in terms:
                below += term.factor * layer.pullback(shaped, site.input, term.weights)
        unassigned = _unassigned([part.share for part in parts], flat)
        if np.any(unassigned):
            lost[2] += sample_sums(flat * unassigned)
        return Crossing(
            below, losses={"bias": lost[0], "stabiliser": lost[1], "empty denominator": lost[2]}
        )

    def _matrix(self, site: Site) -> Array:
        batch = len(site.input)
        layer, parts = self.decomposition(site)
        size = (batch, prod(site.input.shape[1:]), prod(site.output.shape[1:]))
        matrix = np.zeros(size, dtype=site.input.dtype)
        for part in parts:
            contributions = sum(
                (
                    term.factor.reshape(batch, -1)[:, :, np.newaxis]
                    * layer.matrix(site.input, term.weights).T
                    for term in part.terms
                ),
                0 * matrix,
            )
            total = contributions.sum(axis=1) + part.bias
            divisor = self.stabiliser.apply(total, self.epsilon)
            shared = contributions * (part.share + 0 * divisor)[:, np.newaxis, :]
            matrix = matrix + divide(shared, divisor[:, np.newaxis, :])
        return matrix


def _unassigned(shares: Sequence[Array | float], like: Array) -> Array:
    """Return what no part gets of the relevance, 1 - Σ shares, with rounding taken off."""
    left = np.asarray(1 - sum(shares))
    if is_exact(like):
        return left
    rounding = 4 * np.finfo(like.dtype).eps * sum(np.abs(share) for share in shares)
    return np.where(np.abs(left) <= rounding, 0, left).astype(like.dtype)


def positive(values: Array) -> Array:
    """Return ``max(values, 0)``."""
    return Weights.POSITIVE.of(values)


def positive_contributions(a: Array) -> list[Term]:
    """Return the terms ``a⁺ W⁺ + a⁻ W⁻``."""
    return [Term(positive(a), Weights.POSITIVE), Term(negative(a), Weights.NEGATIVE)]


def negative(values: Array) -> Array:
    """Return ``min(values, 0)``."""
    return Weights.NEGATIVE.of(values)


def denominator_bias(site: Site, layer: Linear, policy: Bias, modified: Weights) -> Array:
    """Return the flat bias that counts in a denominator; `modified` is f where the policy asks."""
    bias = layer.bias_vector(site.input)
    match policy:
        case Bias.NONE:
            return 0 * bias
        case Bias.PLAIN:
            return bias
        case Bias.MODIFIED:
            return modified.of(bias)
