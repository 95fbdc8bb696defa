"""Deep networks layer by layer, along random directions.

Through L layers a bound on rounding grows like the product of what |W| does beyond W, about
√(2/π · fan-in) a layer for Gaussian weights. At the sixteen layers of VGG16 it exceeds the
attribution, and explicit matrices are out of reach as well. A product of matrices is what it should
be if every factor is, so each layer is compared by itself, with its own rounding only.

The factor M of a layer is compared along a random direction v (Freivalds 1979): <R_below, v> with
<R_above, Mᵀ v>, where ``Mᵀ v`` is pushed *forward* through the layer with gates, winners and
denominators frozen, by the forward map of the layer and not by its transpose. v is standard normal,
so an error E of M shows as <E R, v> ~ N(0, ‖E R‖²): less than 1/t of ‖E R‖ is seen with probability
below 0.8/t.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from alignment_theory.arrays import Array, divide
from alignment_theory.attribution import attribute
from alignment_theory.layers import Linear, Selection, Switch
from alignment_theory.magnitudes import (
    OPERATIONS_PER_TERM,
    applied,
    dividing,
    gamma,
    parts_of,
)
from alignment_theory.rules import Gradient, Method
from alignment_theory.rules.lrp import LinearRule
from alignment_theory.trace import Site
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.judged_rules import LAYER_RULES
from alignment_theory.verification.passages import Passage, passages
from alignment_theory.verification.subjects import Subject

DIRECTIONS = 1979
"""Seed of the directions: they depend on no network that they are tried on."""


def pushed(passage: Passage, direction: Array) -> tuple[Array, Array]:
    """Return ``Mᵀ v`` for a layer's matrix M, ``R_below = M R_above``, and its magnitude.

    Both in the shape of the layer's output. The magnitude counts a denominator's relative error in
    units of that of a sum over the layer.
    """
    site, size = passage.site, np.abs(direction)
    rule = dividing(passage.rule, site)
    if rule is not None:
        return _pushed_by_parts(rule, site, direction)
    if isinstance(site.layer, Linear):
        return site.layer.apply(direction), applied(site.layer, size)
    if isinstance(site.layer, Switch):
        gates = passage.crossing.gates
        assert gates is not None
        return gates * direction, np.abs(gates) * size
    if site.selected is not None:
        return Selection.take(direction, site.selected), Selection.take(size, site.selected)
    return direction.reshape(site.output.shape), size.reshape(site.output.shape)


def _pushed_by_parts(rule: LinearRule, site: Site, direction: Array) -> tuple[Array, Array]:
    layer, parts = rule.decomposition(site)
    batch, shape = len(direction), site.output.shape
    found, size = np.zeros(shape), np.zeros(shape)
    for part, magnitudes in zip(parts, parts_of(rule, site), strict=True):
        total, along, wide = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for term in part.terms:
            total += layer.apply(term.factor, term.weights)
            along += layer.apply(term.factor * direction, term.weights)
            wide += applied(layer, np.abs(term.factor * direction), term.weights)
        divisor = rule.stabiliser.apply(total.reshape(batch, -1) + part.bias, rule.epsilon)
        found += divide(part.share * along.reshape(batch, -1), divisor).reshape(shape)
        error = magnitudes.shares * (1 + magnitudes.relative / _unit(site))
        size += np.where(wide > 0, error.reshape(shape) * wide, 0)
    return found, size


def _unit(site: Site) -> float:
    """Return ``γ_n`` for sums over the layer's inputs and outputs."""
    terms = site.input[0].size + site.output[0].size + OPERATIONS_PER_TERM
    return gamma(terms, site.input.dtype)


def _dot(left: Array, right: Array) -> Array:
    """Return inner products, one a sample; an infinite size meets 0 as 0."""
    batch = len(left)
    with np.errstate(invalid="ignore"):
        products = np.where((left == 0) | (right == 0), 0, left * right)
    return np.asarray(products.reshape(batch, -1).sum(axis=1))


def products(
    subjects: Sequence[Subject], *, rules: Sequence[Method] = LAYER_RULES
) -> Iterator[Comparison]:
    """Compare ``<R_below, v>`` with ``<R_above, Mᵀ v>`` at every layer, for every rule.

    Differences are relative to ‖R_below‖, the deviation of either side over directions.
    """
    rng = np.random.default_rng(DIRECTIONS)
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        for rule in rules:
            for passage in passages(attribute(trace, rule=rule)):
                direction = rng.standard_normal(passage.below.shape)
                found, size = pushed(passage, direction)
                left, right = _dot(passage.below, direction), _dot(passage.above, found)
                bound = 4 * _unit(passage.site) * _dot(np.abs(passage.above), size)
                scale = np.sqrt(_dot(passage.below, passage.below))
                place = f"layer {passage.site.index} ({passage.site.layer!r})"
                yield Comparison(f"{subject.name}: {rule.name}, {place}", left, right, bound, scale)


def pieces(subjects: Sequence[Subject]) -> Iterator[Comparison]:
    """Compare every layer with its linear piece along a direction, and the gradient likewise.

    ``<z - b, w>`` with ``<a, Wᵀ w>``; at a switch W is the diagonal matrix of its slopes, at a max
    pooling that of zeros and ones of its winners. Then `products` of the gradient.
    """
    rng = np.random.default_rng(DIRECTIONS)
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        for passage in passages(attribute(trace, rule=Gradient())):
            site = passage.site
            direction = rng.standard_normal(site.output.shape)
            bias = _bias(site)
            left = _dot(site.output - bias, direction)
            right = _dot(site.input, _piece_transposed(site, direction))
            size = _piece_magnitude(site) + np.abs(bias)
            bound = 4 * _unit(site) * _dot(size, np.abs(direction))
            scale = np.sqrt(_dot(site.output - bias, site.output - bias))
            label = f"{subject.name}: values of layer {site.index} ({site.layer!r})"
            yield Comparison(label, left, right, bound, scale)
    yield from products(subjects, rules=[Gradient()])


def _bias(site: Site) -> Array:
    if not isinstance(site.layer, Linear):
        return np.zeros(site.output.shape[1:])
    return site.layer.bias_vector(site.input).reshape(site.output.shape[1:])


def _piece_transposed(site: Site, direction: Array) -> Array:
    if isinstance(site.layer, Linear):
        return site.layer.pullback(direction, site.input)
    if isinstance(site.layer, Switch):
        return site.slopes * direction
    if site.selected is not None:
        return Selection.pullback(direction, site.selected, site.input.shape[1:])
    return direction.reshape(site.input.shape)


def _piece_magnitude(site: Site) -> Array:
    size = np.abs(site.input)
    if isinstance(site.layer, Linear):
        return applied(site.layer, size)
    if isinstance(site.layer, Switch):
        return np.abs(site.slopes * size)
    if site.selected is not None:
        return Selection.take(size, site.selected)
    return size.reshape(site.output.shape)
