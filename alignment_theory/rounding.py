"""How far rounding can take the fast recursion from the explicit product: derived, not tuned.

With unit round-off u, ``γ_n = n u / (1 - n u)`` bounds the relative error of a sum of products of n
terms in any order (Higham 2002, lemma 3.1). The bounds are carried down layer by layer beside the
relevance: with A the matrix of magnitudes of all contributions to a crossing, r the magnitude of
the relevance above and e its error,

    e_below = A (e + (γ + δ) r),     r_below = A r,

where δ is the relative error of each denominator, ``γ Σ|contributions| / |denominator|``. Gates and
activations are those recorded by the forward run, so they add nothing. Underflow is not counted.
Exact fractions do not round.
"""

from math import prod
from typing import Any

import numpy as np

from alignment_theory.arrays import EXACT, Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Linear, Selection, Switch
from alignment_theory.network import Site, Trace
from alignment_theory.rules.base import Form, Rule, linear
from alignment_theory.rules.lrp import LinearRule, Pooling
from alignment_theory.rules.rectgrad import RectGrad

_OPERATIONS_PER_TERM = 8
"""Roundings of one contribution besides its sum: factor, weight, share, ratio, product."""


def gamma(terms: int, dtype: np.dtype[Any]) -> float:
    """Return ``γ_n`` for sums of `terms` products in a float type; 0 for exact fractions."""
    if dtype.kind == "O":
        return 0.0
    error = terms * float(np.finfo(dtype).eps) / 2
    return error / (1 - error) if error < 1 else np.inf


def relevance_bounds(attribution: Attribution) -> tuple[Array, ...]:
    """Return, for every position, a bound on |fast - explicit| for the relevance there.

    Both sides round, so each bound is twice the error of one side. Where a denominator's own
    rounding reaches half of it the bound is infinite: nothing can be said there.
    """
    if attribution.trace.dtype == EXACT:
        return tuple(np.zeros(values.shape) for values in attribution.batched)
    if attribution.runs:
        return _averaged_bounds(attribution)
    return tuple(2 * error for error in _carry(attribution)[0])


def contribution_bounds(attribution: Attribution) -> tuple[Array, ...]:
    """Return, for every position, the magnitude Σ|contributions| that the relevance there sums."""
    return tuple(_carry(attribution)[1])


def forward_bound(trace: Trace) -> Array:
    """Return a bound on |forward run - explicit linear piece| at the output, (batch, ...).

    Errors are carried up: ``e_above = |W| e + γ (|W| |a| + |b|)`` through the recorded masks; both
    sides round, hence the factor 2.
    """
    size = _magnitude(trace.sites[0].input)
    error, total = 0 * size, size
    for site in trace.sites:
        flat, flat_error = (v.reshape(len(size), -1) for v in (total, error))
        if isinstance(site.layer, Linear):
            weight = _magnitude(site.layer.matrix(site.input))
            step = gamma(weight.shape[1] + _OPERATIONS_PER_TERM, trace.dtype)
            flat = flat @ weight.T + _magnitude(site.layer.bias_vector(site.input))
            flat_error = flat_error @ weight.T + step * flat
        elif isinstance(site.layer, Switch):
            slopes = _magnitude(site.slopes).reshape(len(size), -1)
            step = gamma(1, trace.dtype) if site.layer.leak else 0.0
            flat_error = slopes * (flat_error + step * flat)
            flat = slopes * flat
        elif site.selected is not None:
            places = site.selected.reshape(len(size), -1)
            flat, flat_error = (np.take_along_axis(v, places, 1) for v in (flat, flat_error))
        total, error = (v.reshape(site.output.shape) for v in (flat, flat_error))
    return 2 * error


def ledger_bounds(attribution: Attribution) -> Array:
    """Return a bound on the rounding part of every residual of the ledger, (layers, batch)."""
    ledger, trace = attribution.ledger, attribution.trace
    if trace.dtype == EXACT:
        return np.zeros(ledger.scale.shape)
    _, magnitudes = _carry(attribution)
    signal = attribution.method.form is Form.SIGNAL
    rows = []
    for index, site in enumerate(trace.sites):
        above, below = magnitudes[index + 1], magnitudes[index]
        if signal:
            above = above * _magnitude(site.output)
            below = below * _magnitude(site.input)
        size = prod(site.input.shape[1:]) + prod(site.output.shape[1:]) + _OPERATIONS_PER_TERM
        sums = _per_sample(above) + _per_sample(below)
        if signal and isinstance(site.layer, Linear):
            bias = _magnitude(linear(site).bias_vector(site.input)[np.newaxis])
            sums = sums + 2 * _per_sample(magnitudes[index + 1].reshape(len(above), -1) * bias)
        condition = _denominator_error(attribution.rules[index], site)
        flat = magnitudes[index + 1].reshape(len(above), -1)
        conditioned = np.where(flat == 0, 0.0, condition) * flat
        rounding = gamma(size, trace.dtype) * (sums + _magnitude(ledger.scale[index]))
        rows.append(2 * rounding + 2 * _per_sample(conditioned))
    return np.array(rows)


def _carry(attribution: Attribution) -> tuple[list[Array], list[Array]]:
    """Return errors and magnitudes at every position, input first."""
    magnitude = _magnitude(attribution.top)
    errors, magnitudes = [0 * magnitude], [magnitude]
    for index in reversed(range(len(attribution.crossings))):
        site = attribution.trace.sites[index]
        flat_error = errors[0].reshape(len(errors[0]), -1)
        flat = magnitudes[0].reshape(len(errors[0]), -1)
        gates = attribution.crossings[index].gates
        if isinstance(site.layer, Linear | Selection):
            matrix, delta = _magnitudes(attribution.rules[index], site)
            step = gamma(flat.shape[1] + _OPERATIONS_PER_TERM, attribution.trace.dtype)
            added = np.where(flat == 0, 0.0, step + delta) * flat
            flat_error = _times(matrix, flat_error + added)
            flat = _times(matrix, flat)
        elif gates is not None:
            opened = _magnitude(gates).reshape(len(flat), -1)
            step = gamma(_OPERATIONS_PER_TERM, attribution.trace.dtype)
            error = np.where(opened == 0, 0.0, flat_error + step * flat)
            flat_error, flat = opened * error, opened * flat
        errors.insert(0, flat_error.reshape(site.input.shape))
        magnitudes.insert(0, flat.reshape(site.input.shape))
    return errors, magnitudes


def _magnitudes(rule: Rule, site: Site) -> tuple[Array, Array]:
    """Return A (batch, below, above) and the denominators' relative errors (batch, above)."""
    batch, dividing = len(site.input), _dividing(rule, site)
    if dividing is None:
        linear_site = isinstance(site.layer, Linear)
        matrix = rule.linear_matrix(site) if linear_site else rule.selection_matrix(site)
        return _magnitude(matrix), np.zeros((batch, matrix.shape[2]))
    matrix = np.zeros((batch, prod(site.input.shape[1:]), prod(site.output.shape[1:])))
    for contributions, share, _ in _parts(dividing, site):
        matrix = matrix + contributions * share[:, np.newaxis, :]
    return matrix, _denominator_error(rule, site)


def _dividing(rule: Rule, site: Site) -> LinearRule | None:
    """Return the rule by whose parts relevance crosses a layer, None where nothing is divided."""
    if isinstance(rule, RectGrad) and isinstance(site.layer, Selection):
        rule = rule.pooling_rule
    if not isinstance(rule, LinearRule):
        return None
    if isinstance(site.layer, Selection) and rule.pooling is not Pooling.WINNER:
        return rule
    return rule if isinstance(site.layer, Linear) else None


def _denominator_error(rule: Rule, site: Site) -> Array:
    flat = site.output.reshape(len(site.output), -1)
    delta, dividing = np.zeros(flat.shape), _dividing(rule, site)
    if dividing is not None:
        for _, _, relative in _parts(dividing, site):
            delta = np.maximum(delta, relative)
    return delta


def _parts(rule: LinearRule, site: Site) -> list[tuple[Array, Array, Array]]:
    """Return for each part |contributions|, |share / S| and the error of S relative to S."""
    batch, dtype = len(site.input), site.input.dtype
    layer, parts = rule.decomposition(site)
    result = []
    for part in parts:
        signed = [
            term.factor.reshape(batch, -1)[:, :, np.newaxis]
            * layer.matrix(site.input, term.weights).T
            for term in part.terms
        ]
        total = sum(term.sum(axis=1) for term in signed) + part.bias
        divisor = _magnitude(rule.stabiliser.apply(total, rule.epsilon))
        contributions = np.sum([_magnitude(term) for term in signed], axis=0)
        terms = len(signed) * prod(site.input.shape[1:]) + _OPERATIONS_PER_TERM
        spread = contributions.sum(axis=1) + _magnitude(part.bias) + float(rule.epsilon)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = gamma(terms, dtype) * spread / divisor
            share = _magnitude(part.share + 0 * total) / divisor
        empty = divisor == 0
        share = np.where(empty, np.where(spread == 0, 0.0, 1.0), share)
        relative = np.where(empty, np.where(spread == 0, 0.0, np.inf), relative)
        relative = np.where(relative < 0.5, relative / (1 - np.minimum(relative, 0.5)), np.inf)
        result.append((contributions, share, relative))
    return result


def _averaged_bounds(attribution: Attribution) -> tuple[Array, ...]:
    dtype = attribution.trace.dtype
    step = gamma(len(attribution.runs) + _OPERATIONS_PER_TERM, dtype)
    total = [np.zeros(values.shape) for values in attribution.batched]
    for weight, run in attribution.runs:
        errors, magnitudes = _carry(run)
        total = [
            t + 2 * abs(float(weight)) * (e + step * m)
            for t, e, m in zip(total, errors, magnitudes, strict=True)
        ]
    return tuple(total)


def _magnitude(values: Array) -> Array:
    return np.abs(values).astype(np.float64)


def _per_sample(values: Array) -> Array:
    sums: Array = values.reshape(len(values), -1).sum(axis=1)
    return sums


def _times(matrix: Array, vectors: Array) -> Array:
    """Return matrix-vector products per sample; an infinite error meets 0 as 0."""
    with np.errstate(invalid="ignore"):
        product = matrix * vectors[:, np.newaxis, :]
    product = np.where(matrix == 0, 0.0, product)
    summed: Array = product.sum(axis=2)
    return summed
