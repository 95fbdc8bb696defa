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

import numpy as np

from alignment_theory.arrays import EXACT, Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Conv2d, Linear, Selection, Switch
from alignment_theory.magnitudes import (
    OPERATIONS_PER_TERM,
    applied,
    crossing_magnitudes,
    gamma,
    magnitude,
)
from alignment_theory.rules.base import Crossing, Form, Rule
from alignment_theory.trace import Site, Trace

__all__ = [
    "contribution_bounds",
    "forward_bound",
    "gamma",
    "ledger_bounds",
    "relevance_bounds",
]


def relevance_bounds(attribution: Attribution) -> tuple[Array, ...]:
    """Return, for every position, a bound on |fast - explicit| for the relevance there.

    Both sides round, so each bound is twice the error of one side. Where a denominator's own
    rounding reaches half of it the bound is infinite: nothing can be said there.

    Raises
    ------
    ValueError
        Where a convolution is computed by another algorithm than direct sums.
    """
    if attribution.trace.dtype == EXACT:
        return tuple(np.zeros(values.shape) for values in attribution.batched)
    if attribution.runs:
        return _averaged_bounds(attribution)
    return tuple(2 * error for error in _carry(attribution)[0])


def contribution_bounds(attribution: Attribution) -> tuple[Array, ...]:
    """Return, for every position, the magnitude Σ|contributions| that the relevance there sums.

    Raises
    ------
    ValueError
        Where a convolution is computed by another algorithm than direct sums.
    """
    return tuple(_carry(attribution)[1])


def forward_bound(trace: Trace) -> Array:
    """Return a bound on |forward run - explicit linear piece| at the output, (batch, ...).

    Errors are carried up: ``e_above = |W| e + γ (|W| |a| + |b|)`` through the recorded masks; both
    sides round, hence the factor 2.

    Raises
    ------
    ValueError
        Where a convolution is computed by another algorithm than direct sums.
    """
    _require_direct(trace)
    size = magnitude(trace.sites[0].input)
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
            step = gamma(flat.shape[1] + OPERATIONS_PER_TERM, dtype)
            flat, flat_error = (
                applied(site.layer, v).reshape(len(total), -1) for v in (total, error)
            )
            flat = flat + magnitude(site.layer.bias_vector(site.input))
            flat_error = flat_error + step * flat
        elif isinstance(site.layer, Switch):
            slopes = magnitude(site.slopes).reshape(len(total), -1)
            step = gamma(1, dtype) if site.layer.leak else 0.0
            flat_error = slopes * (flat_error + step * flat)
            flat = slopes * flat
        elif site.selected is not None:
            places = site.selected.reshape(len(total), -1)
            flat, flat_error = (np.take_along_axis(v, places, 1) for v in (flat, flat_error))
        total, error = (v.reshape(site.output.shape) for v in (flat, flat_error))
    return error, total


def ledger_bounds(attribution: Attribution) -> Array:
    """Return a bound on the rounding part of every residual of the ledger, (layers, batch).

    A residual compares what a layer was given with what it made of that: no rounding above counts.

    Raises
    ------
    ValueError
        Where a convolution is computed by another algorithm than direct sums.
    """
    ledger, trace = attribution.ledger, attribution.trace
    _require_direct(trace)
    if trace.dtype == EXACT:
        return np.zeros(ledger.scale.shape)
    signal = attribution.method.form is Form.SIGNAL
    rows = []
    for index, site in enumerate(trace.sites):
        above = magnitude(attribution.batched[index + 1])
        bound = _closing(attribution.rules, site, attribution.crossings[index], above, signal)
        adding = gamma(_terms(site), trace.dtype) * magnitude(ledger.scale[index])
        rows.append(bound + 2 * adding)
    return np.array(rows)


def _terms(site: Site) -> int:
    return prod(site.input.shape[1:]) + prod(site.output.shape[1:]) + OPERATIONS_PER_TERM


def _closing(
    rules: Sequence[Rule], site: Site, crossing: Crossing, above: Array, signal: bool
) -> Array:
    """Return how far rounding keeps the losses of a layer from closing its ledger, per sample.

    The losses themselves are sums of at most four times what is above and below together:
    thresholds take no more than is above, a stabiliser neither, and the bias the rest.
    """
    if crossing.shared is not None:
        bound = _closing(rules, site.sum, crossing.shared, above, signal)
        for k, (sites, crossings) in enumerate(zip(site.branches, crossing.branches, strict=True)):
            arriving = magnitude(crossing.shared.relevance[:, k])
            for inner, crossed in reversed(list(zip(sites, crossings, strict=True))):
                bound = bound + _closing(rules, inner, crossed, arriving, signal)
                arriving = magnitude(crossed.relevance)
        return bound
    batch = len(above)
    flat, delta = above.reshape(batch, -1), np.zeros((batch, 1))
    if isinstance(site.layer, Linear | Selection):
        down, delta = crossing_magnitudes(rules[site.index], site)
        below = down(flat).reshape(site.input.shape)
    else:
        _, below = _downward(rules, site, crossing, 0 * above, above)
    if signal:
        above, below = above * magnitude(site.output), below * magnitude(site.input)
    sums = _per_sample(above) + _per_sample(below)
    if signal and isinstance(site.layer, Linear):
        bias = magnitude(site.layer.bias_vector(site.input)[np.newaxis])
        sums = sums + 2 * _per_sample(flat * bias)
    conditioned = np.where(flat == 0, 0.0, delta) * flat
    return 2 * gamma(_terms(site), site.input.dtype) * 5 * sums + 2 * _per_sample(conditioned)


def _carry(attribution: Attribution) -> tuple[list[Array], list[Array]]:
    """Return errors and magnitudes at every position, input first."""
    _require_direct(attribution.trace)
    size = magnitude(attribution.top)
    errors, sizes = [0 * size], [size]
    crossed = zip(attribution.trace.sites, attribution.crossings, strict=True)
    for site, crossing in reversed(list(crossed)):
        error, size = _downward(attribution.rules, site, crossing, errors[0], sizes[0])
        errors.insert(0, error)
        sizes.insert(0, size)
    return errors, sizes


def _downward(
    rules: Sequence[Rule], site: Site, crossing: Crossing, error: Array, size: Array
) -> tuple[Array, Array]:
    """Return error and magnitude below a site from those above it."""
    dtype = site.input.dtype
    if crossing.shared is not None:
        error, size = _downward(rules, site.sum, crossing.shared, error, size)
        sides = []
        for k, (sites, crossings) in enumerate(zip(site.branches, crossing.branches, strict=True)):
            side = error[:, k], size[:, k]
            for inner, crossed in reversed(list(zip(sites, crossings, strict=True))):
                side = _downward(rules, inner, crossed, *side)
            sides.append(side)
        total = sides[0][1] + sides[1][1]
        return sides[0][0] + sides[1][0] + gamma(1, dtype) * total, total
    flat_error, flat = (v.reshape(len(error), -1) for v in (error, size))
    if isinstance(site.layer, Linear | Selection):
        down, delta = crossing_magnitudes(rules[site.index], site)
        step = gamma(flat.shape[1] + OPERATIONS_PER_TERM, dtype)
        added = np.where(flat == 0, 0.0, step + delta) * flat
        flat_error, flat = down(flat_error + added), down(flat)
    elif crossing.gates is not None:
        opened = magnitude(crossing.gates).reshape(len(flat), -1)
        step = gamma(OPERATIONS_PER_TERM, dtype)
        added = np.where(opened == 0, 0.0, flat_error + step * flat)
        flat_error, flat = opened * added, opened * flat
    return flat_error.reshape(site.input.shape), flat.reshape(site.input.shape)


def _averaged_bounds(attribution: Attribution) -> tuple[Array, ...]:
    dtype = attribution.trace.dtype
    step = gamma(len(attribution.runs) + OPERATIONS_PER_TERM, dtype)
    total = [np.zeros(values.shape) for values in attribution.batched]
    for weight, run in attribution.runs:
        errors, magnitudes = _carry(run)
        total = [
            t + 2 * abs(float(weight)) * (e + step * m)
            for t, e, m in zip(total, errors, magnitudes, strict=True)
        ]
    return tuple(total)


def _per_sample(values: Array) -> Array:
    sums: Array = values.reshape(len(values), -1).sum(axis=1)
    return sums
