"""The backward map of a method at single locations, and what it says of random starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.convergence import convergence
from alignment_theory.explicit import layer_matrix
from alignment_theory.rules import Method
from alignment_theory.theory.bounds import contracted
from alignment_theory.theory.convergence import (
    convergence_law,
    greatest_rest,
    rank_one_median,
    rank_one_rest,
)
from alignment_theory.theory.projective import positive_groups
from alignment_theory.trace import Trace

Places = Mapping[int, Array]
"""Locations looked at, by position."""

LARGEST_MATRIX = 2**22
"""Entries of the largest explicit matrix that Birkhoff's bound is worked out from."""

_REFERENCES = 40
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the backward map of one image predicts at one position.

    Attributes
    ----------
    singular_values : array (locations, k)
        Of the maps from the start to the channels at each location.
    law : array (draws, locations)
        Draws of ``1 - |cos|`` from the exact law; NaN at locations that nothing reaches.
    ranks : array (pairs,)
        Where independent pairs of starts, handed down by the method, fall among draws of the law:
        the mean of ``(rank + 1/2)/(draws + 1)`` over locations. The expectation is 1/2 exactly
        where the law is right, though not only there; at a single location the ranks are then
        uniform too (over several they are means of ranks that depend on each other). Locations that
        nothing reaches are left out.
    bound : array (locations,)
        What Birkhoff's theorem allows `rank_one_rest` to be; NaN where no bound was worked out.
    """

    singular_values: Array
    law: Array
    ranks: Array
    bound: Array

    @property
    def rank_one(self) -> Array:
        """The median of ``1 - |cos|`` to leading order in σ_2/σ_1, (locations,)."""
        return rank_one_median(self.singular_values)

    @property
    def rest(self) -> Array:
        """``Σ_{i>1} (σ_i/σ_1)²``, (locations,)."""
        return rank_one_rest(self.singular_values)


def predict(
    trace: Trace, rule: Method, places: Places, *, pairs: int, rng: np.random.Generator
) -> dict[int, Predicted]:
    """Return the predictions for one image at some positions.

    The map to a location is found column by column, by as many backward passes as the start has
    units, and its law sampled from its singular values.

    Parameters
    ----------
    trace : Trace
        Of one sample; the pass starts at its output (`Trace.until`).
    rule : Method
        Linear in the relevance that starts (`is_additive`).
    places : mapping of position to array (locations,)
        Flat indices into height times width, 0 where samples have one axis.
    pairs : int
        Independent pairs of starts that are compared with the law.
    """
    several = repeated(trace)
    units = prod(trace.sites[-1].output.shape[1:])
    columns = handed_down(several, rule, np.eye(units, dtype=trace.dtype), places)
    starts = rng.standard_normal((2 * pairs, units)).astype(trace.dtype)
    arrived = handed_down(several, rule, starts, places)
    bounds = birkhoff_bounds(trace, rule, places)
    found = {}
    for position in places:
        maps = columns[position].astype(np.float64).transpose(2, 1, 0)
        values = np.linalg.svd(maps, compute_uv=False)
        law = convergence_law(values, pairs * _REFERENCES, rng=rng)
        both = arrived[position].reshape(2, pairs, *arrived[position].shape[1:])
        seen = convergence(both).divergence.values[0]
        ranks = _ranks(seen, law.reshape(pairs, _REFERENCES, -1))
        found[position] = Predicted(values, law, ranks, bounds[position])
    return found


def _ranks(seen: Array, law: Array) -> Array:
    """Return the mean rank over locations of values (pairs, locations) among draws of their own."""
    live = ~np.isnan(law[0, 0])
    if not live.any():
        return np.empty(0)
    seen, law = seen[:, live], law[:, :, live]
    below = (law < seen[:, np.newaxis]).sum(axis=1) + (law == seen[:, np.newaxis]).sum(axis=1) / 2
    found: Array = ((below + 0.5) / (law.shape[1] + 1)).mean(axis=1)
    return found


def repeated(trace: Trace) -> Trace:
    """Return the run of one sample as a run of several equal ones."""
    image = trace.sites[0].input[:1]
    return trace.network.forward(np.repeat(image, _BATCH, axis=0))


def handed_down(trace: Trace, rule: Method, starts: Array, places: Places) -> dict[int, Array]:
    """Return what each start becomes at some places: (starts, channels, locations) a position.

    starts is (starts, units); the trace is of equal samples (`repeated`).
    """
    shape = trace.sites[-1].output.shape
    kept: dict[int, list[Array]] = {position: [] for position in places}
    for first in range(0, len(starts), shape[0]):
        part = starts[first : first + shape[0]]
        seeds = np.zeros((shape[0], starts.shape[1]), trace.dtype)
        seeds[: len(part)] = part
        relevance = attribute(trace, rule=rule, seed=seeds.reshape(shape)).batched
        for position, chosen in places.items():
            rows = relevance[position][: len(part)]
            kept[position].append(by_location(rows)[:, :, chosen])
    return {position: np.concatenate(parts) for position, parts in kept.items()}


def by_location(relevance: Array) -> Array:
    """Return a batch as (samples, channels, locations)."""
    return relevance.reshape(*relevance.shape[:2], -1)


def is_additive(trace: Trace, rule: Method, *, rng: np.random.Generator) -> bool:
    """Tell whether what three starts that add up to 0 become adds up to 0, in every sample.

    Where gates depend on the relevance (Guided Backprop, DeconvNet, RectGrad) the sum is of the
    size of the relevance itself, else it is rounding; the limit lies at the square root of the
    unit of rounding, sample by sample and position by position. Of three such numbers some are
    positive and some negative, so that a single live unit with a gate on the sign is seen. Where
    nothing arrives (below the ReLUs of a black image without biases) nothing is said.
    """
    shape = trace.sites[-1].output.shape
    first, second = (rng.standard_normal(shape).astype(trace.dtype) for _ in range(2))
    starts = (first, second, -first - second)
    passes = [attribute(trace, rule=rule, seed=start).batched for start in starts]
    limit = np.sqrt(np.finfo(trace.dtype).eps)
    for arrived in zip(*passes, strict=True):
        rows = np.stack(arrived).reshape(len(starts), len(first), -1)
        scale = np.abs(rows).max(axis=2).sum(axis=0)
        if (np.abs(rows.sum(axis=0)).max(axis=1) > limit * scale).any():
            return False
    return True


def birkhoff_bounds(trace: Trace, rule: Method, places: Places) -> dict[int, Array]:
    """Return what `rank_one_rest` cannot exceed at some places, by Birkhoff's theorem.

    It needs explicit matrices >= 0 of all layers crossed. NaN where one has a negative entry or
    more than `LARGEST_MATRIX` entries; infinite where no product of them is positive.
    """
    unknown = {position: np.full(len(chosen), np.nan) for position, chosen in places.items()}
    sizes = [prod(shape) for shape in trace.network.shapes]
    if max(below * above for below, above in pairwise(sizes)) > LARGEST_MATRIX:
        return unknown
    attribution = attribute(trace, rule=rule)
    matrices = [layer_matrix(attribution, k)[0].astype(np.float64) for k in range(len(trace.sites))]
    found = {}
    for position, chosen in places.items():
        crossed = matrices[position:]
        if any((matrix < 0).any() for matrix in crossed):
            found[position] = unknown[position]
            continue
        channels = trace.network.shapes[position][0]
        rows = np.arange(sizes[position]).reshape(channels, -1)
        found[position] = np.array([_bound(crossed, rows[:, place]) for place in chosen])
    return found


def _bound(operators: Sequence[Array], rows: Array) -> float:
    """Return the bound for the product of operators, of which only some rows count."""
    if not operators[0][rows].any():
        return np.nan
    groups = positive_groups([operators[0][rows], *operators[1:]])
    distance = contracted(groups[0].diameter, np.array([group.diameter for group in groups[1:]]))
    return float(greatest_rest(distance))
