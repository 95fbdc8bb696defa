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

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from alignment_theory.arrays import EXACT, Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Conv2d, Linear, Selection, Switch
from alignment_theory.rules.base import Crossing, Form, Rule
from alignment_theory.rules.lrp import LinearRule, Pooling
from alignment_theory.rules.rectgrad import RectGrad
from alignment_theory.trace import Site, Trace

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
    _require_direct(trace)
    size = _magnitude(trace.sites[0].input)
    error, _ = _upward(trace.sites, 0 * size, size)
    return 2 * error


def _require_direct(trace: Trace) -> None:
    """Raise ValueError where a layer is computed by an algorithm that rounds otherwise."""
    for site in trace.all_sites:
        if isinstance(site.layer, Conv2d) and site.layer.algorithm != "direct":
            raise ValueError(
                f"rounding: the bounds are those of direct sums, which layer {site.index} "
                f"({site.layer!r}) is not; use network.with_algorithm('direct')"
            )


def _upward(sites: Sequence[Site], error: Array, total: Array) -> tuple[Array, Array]:
    """Return error and magnitude above some sites from those below them."""
    for site in sites:
        dtype = site.input.dtype
        flat, flat_error = (v.reshape(len(total), -1) for v in (total, error))
        if site.branches:
            sides = [_upward(branch, error, total) for branch in site.branches]
            flat = sides[0][1] + sides[1][1]
            flat_error = sides[0][0] + sides[1][0] + gamma(1, dtype) * flat
        elif isinstance(site.layer, Linear):
            weight = _magnitude(site.layer.matrix(site.input))
            step = gamma(weight.shape[1] + _OPERATIONS_PER_TERM, dtype)
            flat = flat @ weight.T + _magnitude(site.layer.bias_vector(site.input))
            flat_error = flat_error @ weight.T + step * flat
        elif isinstance(site.layer, Switch):
            slopes = _magnitude(site.slopes).reshape(len(total), -1)
            step = gamma(1, dtype) if site.layer.leak else 0.0
            flat_error = slopes * (flat_error + step * flat)
            flat = slopes * flat
        elif site.selected is not None:
            places = site.selected.reshape(len(total), -1)
            flat, flat_error = (np.take_along_axis(v, places, 1) for v in (flat, flat_error))
        total, error = (v.reshape(site.output.shape) for v in (flat, flat_error))
    return error, total


def ledger_bounds(attribution: Attribution) -> Array:
    """Return a bound on the rounding part of every residual of the ledger, (layers, batch)."""
    ledger, trace = attribution.ledger, attribution.trace
    if trace.dtype == EXACT:
        return np.zeros(ledger.scale.shape)
    signal = attribution.method.form is Form.SIGNAL
    _, magnitudes = _carry(attribution)
    rows = []
    for index, site in enumerate(trace.sites):
        above = magnitudes[index + 1]
        bound = _closing(attribution.rules, site, attribution.crossings[index], above, signal)
        adding = gamma(_terms(site), trace.dtype) * _magnitude(ledger.scale[index])
        rows.append(bound + 2 * adding)
    return np.array(rows)


def _terms(site: Site) -> int:
    return prod(site.input.shape[1:]) + prod(site.output.shape[1:]) + _OPERATIONS_PER_TERM


def _closing(
    rules: Sequence[Rule], site: Site, crossing: Crossing, above: Array, signal: bool
) -> Array:
    """Return how far rounding keeps the losses of a layer from closing its ledger, per sample.

    The losses themselves are sums of at most four times what is above and below together:
    thresholds take no more than is above, a stabiliser neither, and the bias the rest.
    """
    if crossing.shared is not None:
        bound = _closing(rules, site.sum, crossing.shared, above, signal)
        _, shared = _downward(rules, site.sum, crossing.shared, 0 * above, above)
        for k, (sites, crossings) in enumerate(zip(site.branches, crossing.branches, strict=True)):
            arriving = shared[:, k]
            for inner, crossed in reversed(list(zip(sites, crossings, strict=True))):
                bound = bound + _closing(rules, inner, crossed, arriving, signal)
                _, arriving = _downward(rules, inner, crossed, 0 * arriving, arriving)
        return bound
    rule = rules[site.index]
    _, below = _downward(rules, site, crossing, 0 * above, above)
    flat = above.reshape(len(above), -1)
    if signal:
        above, below = above * _magnitude(site.output), below * _magnitude(site.input)
    sums = _per_sample(above) + _per_sample(below)
    if signal and isinstance(site.layer, Linear):
        bias = _magnitude(site.layer.bias_vector(site.input)[np.newaxis])
        sums = sums + 2 * _per_sample(flat * bias)
    conditioned = np.where(flat == 0, 0.0, _denominator_error(rule, site)) * flat
    return 2 * gamma(_terms(site), site.input.dtype) * 5 * sums + 2 * _per_sample(conditioned)


def _carry(attribution: Attribution) -> tuple[list[Array], list[Array]]:
    """Return errors and magnitudes at every position, input first."""
    _require_direct(attribution.trace)
    magnitude = _magnitude(attribution.top)
    errors, magnitudes = [0 * magnitude], [magnitude]
    crossed = zip(attribution.trace.sites, attribution.crossings, strict=True)
    for site, crossing in reversed(list(crossed)):
        error, magnitude = _downward(attribution.rules, site, crossing, errors[0], magnitudes[0])
        errors.insert(0, error)
        magnitudes.insert(0, magnitude)
    return errors, magnitudes


def _downward(
    rules: Sequence[Rule], site: Site, crossing: Crossing, error: Array, magnitude: Array
) -> tuple[Array, Array]:
    """Return error and magnitude below a site from those above it."""
    dtype = site.input.dtype
    if crossing.shared is not None:
        error, magnitude = _downward(rules, site.sum, crossing.shared, error, magnitude)
        sides = []
        for k, (sites, crossings) in enumerate(zip(site.branches, crossing.branches, strict=True)):
            side = error[:, k], magnitude[:, k]
            for inner, crossed in reversed(list(zip(sites, crossings, strict=True))):
                side = _downward(rules, inner, crossed, *side)
            sides.append(side)
        total = sides[0][1] + sides[1][1]
        return sides[0][0] + sides[1][0] + gamma(1, dtype) * total, total
    flat_error, flat = (v.reshape(len(error), -1) for v in (error, magnitude))
    if isinstance(site.layer, Linear | Selection):
        matrix, delta = _magnitudes(rules[site.index], site)
        step = gamma(flat.shape[1] + _OPERATIONS_PER_TERM, dtype)
        added = np.where(flat == 0, 0.0, step + delta) * flat
        flat_error = _times(matrix, flat_error + added)
        flat = _times(matrix, flat)
    elif crossing.gates is not None:
        opened = _magnitude(crossing.gates).reshape(len(flat), -1)
        step = gamma(_OPERATIONS_PER_TERM, dtype)
        added = np.where(opened == 0, 0.0, flat_error + step * flat)
        flat_error, flat = opened * added, opened * flat
    return flat_error.reshape(site.input.shape), flat.reshape(site.input.shape)


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
