"""Magnitudes of what crosses a layer, worked out without explicit matrices.

``|f(W)| a`` and ``|f(W)|ᵀ r`` for a, r >= 0 come from the positive and the negative part of the
weights, so that layers of any size have rounding bounds. A rule of the user's own, of which only
its explicit matrix is known, is asked for that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import Linear, Selection
from alignment_theory.layers.base import Weights
from alignment_theory.rules.base import Rule, SignalRule
from alignment_theory.rules.lrp import LinearRule, Pooling, Term
from alignment_theory.rules.rectgrad import RectGrad
from alignment_theory.trace import Site

OPERATIONS_PER_TERM = 8
"""Roundings of one contribution besides its sum: factor, weight, share, ratio, product."""


def gamma(terms: int, dtype: np.dtype[Any]) -> float:
    """Return ``γ_n`` for sums of `terms` products in a float type; 0 for exact fractions."""
    if dtype.kind == "O":
        return 0.0
    error = terms * float(np.finfo(dtype).eps) / 2
    return error / (1 - error) if error < 1 else np.inf


def magnitude(values: Array) -> Array:
    """Return absolute values in float64."""
    return np.abs(values).astype(np.float64)


def applied(layer: Linear, values: Array, weights: Weights = Weights.PLAIN) -> Array:
    """Return ``|f(W)| a`` for a batch of values a >= 0."""
    if weights is not Weights.PLAIN:
        return np.abs(layer.apply(values, weights))
    return layer.apply(values, Weights.POSITIVE) - layer.apply(values, Weights.NEGATIVE)


def pulled_back(
    layer: Linear, relevance: Array, like: Array, weights: Weights = Weights.PLAIN
) -> Array:
    """Return ``|f(W)|ᵀ r`` for a batch of relevance r >= 0; an infinite one meets 0 as 0."""

    def transposed(values: Array) -> Array:
        if weights is not Weights.PLAIN:
            return np.abs(layer.pullback(values, like, weights))
        positive, negative = (
            layer.pullback(values, like, part) for part in (Weights.POSITIVE, Weights.NEGATIVE)
        )
        return positive - negative

    infinite = np.isinf(relevance)
    if not infinite.any():
        return transposed(relevance)
    below = transposed(np.where(infinite, 0.0, relevance))
    return np.where(transposed(1.0 * infinite) > 0, np.inf, below)


@dataclass(frozen=True, eq=False)
class PartMagnitudes:
    """One part of a relevance rule at one layer.

    Attributes
    ----------
    layer : Linear
        What relevance crosses: for a max pooling the average pooling with its windows.
    terms : sequence of Term
    shares : array (batch, above)
        ``|share / S|``, 1 where S is 0 and something contributes.
    relative : array (batch, above)
        Bound on the relative error of S, infinite where its rounding reaches half of it.
    """

    layer: Linear
    terms: Sequence[Term]
    shares: Array
    relative: Array


def dividing(rule: Rule, site: Site) -> LinearRule | None:
    """Return the rule by whose parts relevance crosses a layer, None where nothing is divided."""
    if isinstance(rule, RectGrad) and isinstance(site.layer, Selection):
        rule = rule.pooling_rule
    if not isinstance(rule, LinearRule):
        return None
    if isinstance(site.layer, Selection) and rule.pooling is not Pooling.WINNER:
        return rule
    return rule if isinstance(site.layer, Linear) else None


def parts_of(rule: LinearRule, site: Site) -> list[PartMagnitudes]:
    """Return the magnitudes of every part of a relevance rule at a layer."""
    batch, dtype = len(site.input), site.input.dtype
    layer, parts = rule.decomposition(site)
    result = []
    for part in parts:
        shaped, spread = 0 * site.output, magnitude(0 * site.output)
        for term in part.terms:
            shaped = shaped + layer.apply(term.factor, term.weights)
            spread = spread + applied(layer, magnitude(term.factor), term.weights)
        total = shaped.reshape(batch, -1) + part.bias
        spread = spread.reshape(batch, -1) + magnitude(part.bias) + float(rule.epsilon)
        divisor = magnitude(rule.stabiliser.apply(total, rule.epsilon))
        count = len(part.terms) * prod(site.input.shape[1:]) + OPERATIONS_PER_TERM
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = gamma(count, dtype) * spread / divisor
            shares = magnitude(part.share + 0 * total) / divisor
        empty = divisor == 0
        shares = np.where(empty, np.where(spread == 0, 0.0, 1.0), shares)
        relative = np.where(empty, np.where(spread == 0, 0.0, np.inf), relative)
        relative = np.where(relative < 0.5, relative / (1 - np.minimum(relative, 0.5)), np.inf)
        result.append(PartMagnitudes(layer, part.terms, shares, relative))
    return result


def _largest_error(site: Site, parts: Sequence[PartMagnitudes]) -> Array:
    delta = np.zeros((len(site.output), prod(site.output.shape[1:])))
    for part in parts:
        delta = np.maximum(delta, part.relative)
    return delta


def crossing_magnitudes(rule: Rule, site: Site) -> tuple[Callable[[Array], Array], Array]:
    """Return what a crossing's matrix of magnitudes does, and its denominators' relative errors.

    The former takes flat magnitudes above to flat magnitudes below.
    """
    by = dividing(rule, site)
    if by is not None:
        parts = parts_of(by, site)
        return lambda above: _handed_down(site, parts, above), _largest_error(site, parts)
    none = _largest_error(site, [])
    if _transposes(rule, site):
        return lambda above: _transposed(site, above), none
    matrix = (
        rule.linear_matrix(site) if isinstance(site.layer, Linear) else rule.selection_matrix(site)
    )
    return lambda above: _times(magnitude(matrix), above), none


def _transposes(rule: Rule, site: Site) -> bool:
    """Tell whether a rule is known to cross a layer by its transpose."""
    if isinstance(rule, RectGrad) and rule.padding_trick:
        return False
    if isinstance(site.layer, Selection):
        return type(rule).selection_matrix in (
            Rule.selection_matrix,
            RectGrad.selection_matrix,
            LinearRule.selection_matrix,
        )
    return type(rule).linear_matrix in (SignalRule.linear_matrix, RectGrad.linear_matrix)


def _transposed(site: Site, above: Array) -> Array:
    shaped = above.reshape(site.output.shape)
    if isinstance(site.layer, Linear):
        below = pulled_back(site.layer, shaped, site.input)
    else:
        assert site.selected is not None
        below = Selection.pullback(shaped, site.selected, site.input.shape[1:])
    return below.reshape(len(above), -1)


def _handed_down(site: Site, parts: Sequence[PartMagnitudes], above: Array) -> Array:
    below = np.zeros((len(above), prod(site.input.shape[1:])))
    for part in parts:
        with np.errstate(invalid="ignore"):
            shared = np.where(part.shares == 0, 0.0, part.shares * above)
        shared = shared.reshape(site.output.shape)
        for term in part.terms:
            factor = magnitude(term.factor)
            arriving = pulled_back(part.layer, shared, site.input, term.weights)
            with np.errstate(invalid="ignore"):
                met = np.where(factor == 0, 0.0, factor * arriving)
            below += met.reshape(below.shape)
    return below


def _times(matrix: Array, vectors: Array) -> Array:
    """Return matrix-vector products per sample; an infinite error meets 0 as 0."""
    with np.errstate(invalid="ignore"):
        product = matrix * vectors[:, np.newaxis, :]
    product = np.where(matrix == 0, 0.0, product)
    summed: Array = product.sum(axis=2)
    return summed
