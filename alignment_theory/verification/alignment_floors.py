"""Evidence for the floors under the alignment of one step: any filter, and c ∝ z."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.layers import Linear, Residual, Switch
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.theory.bounds import kantorovich
from alignment_theory.trace import Site
from alignment_theory.verification.bounds import FILTERING, Step, filtered_steps, norms
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.passages import linear_passages
from alignment_theory.verification.spectra import Spectrum
from alignment_theory.verification.subjects import Subject

Coefficients = Callable[[Array], Array]
"""From the pre-activations of a layer to what its neurons are given."""

Floor = Callable[[Array], Array]
"""From condition numbers to the share of ‖P_A a‖/‖a‖ that the cosine keeps at least."""


def activations(z: Array) -> Array:
    """Return ``max(z, 0)``."""
    return np.maximum(z, 0)


def active_rows(z: Array) -> Array:
    """Return which neurons are active, z > 0."""
    return np.asarray(z > 0)


def largest(spectrum: Spectrum) -> float:
    """Return σ_max."""
    return spectrum.largest


def times_largest(factor: float, spectrum: Spectrum) -> float:
    """Return a multiple of σ_max: a planted error, for σ_max."""
    return factor * spectrum.largest


def square_of_largest(spectrum: Spectrum) -> float:
    """Return σ_max²: a planted error, for σ_max."""
    return spectrum.largest**2


def alignment_floor(
    subjects: Sequence[Subject],
    *,
    rules: Sequence[Method] = FILTERING,
    attained: bool = False,
    most: float = np.inf,
    size: Callable[[Spectrum], float] = largest,
    angle: bool = True,
) -> Iterator[Comparison]:
    """Compare the cosine with ``cos(z_A, c_A) ‖z_A‖/(‖a‖ σ_max(W_A))`` below every switch.

    Where it is `attained` (orthogonal rows of one norm) both sides must agree. Matrices with more
    than `most` entries are left out. Planted errors: a `size` in place of σ_max, and no `angle` in
    the floor.
    """
    spectra = _Spectra()
    for step in filtered_steps(subjects, rules):
        if step.entries > most:
            continue
        found = spectra.of(step)
        sigma = np.array([1.0 if one is None else size(one) for one in found])
        error = np.array([0.0 if one is None else one.error / one.largest for one in found])
        z = np.where(active_rows(step.z), step.z, 0)
        c = np.where(active_rows(step.z), step.c, 0)
        above = (z * c).sum(axis=1) / _safe(norms(c)) if angle else norms(z)
        right = above / _safe(norms(step.a) * sigma)
        lost = step.rounding / _safe(norms(c) * norms(step.a) * sigma)
        lost = lost + np.abs(right) * (2 * error + 4 * step.unit)
        yield _compare(step, right, lost, attained)


def proportional_steps(
    subjects: Sequence[Subject],
    rule: Method = GuidedBackprop(),  # noqa: B008
    coefficients: Coefficients = activations,
    most: float = np.inf,
) -> Iterator[Step]:
    """Return the step below every switch of a pass that starts there with given coefficients.

    Only of linear layers directly below one: a max pooling between hands the coefficients of the
    winners down, which are in no proportion to what the others are. Matrices with more than `most`
    entries are left out.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        for site, switch in _below_switches(trace.sites):
            linear = site.sum if site.branches else site
            if linear.input[0].size * linear.output[0].size > most:
                continue
            pair = Network([site.layer, switch], site.input.shape[1:]).forward(site.input)
            seed = coefficients(pair.sites[-1].input)
            passage = next(linear_passages(attribute(pair, rule=rule, seed=seed)))
            step = Step.at("", passage)
            label = f"{subject.name}: {rule.name}, below layer {site.index}"
            yield replace(step, label=label)


def _below_switches(sites: Sequence[Site]) -> Iterator[tuple[Site, Switch]]:
    """Yield the linear layers and sums directly below a switch, inside residuals too, with it."""
    for site, above in pairwise(sites):
        if isinstance(site.layer, Linear | Residual) and isinstance(above.layer, Switch):
            yield site, above.layer
    for site in sites:
        for branch in site.branches:
            yield from _below_switches(branch)


def cascade(
    subjects: Sequence[Subject],
    *,
    rule: Method = GuidedBackprop(),  # noqa: B008
    coefficients: Coefficients = activations,
    attained: bool = False,
    most: float = np.inf,
    floor: Floor = kantorovich,
    projected: bool = True,
) -> Iterator[Comparison]:
    """Compare the cosine of a pass started with the activations with its floor, and below.

    ``2√κ/(1 + κ) ‖P_A a‖/‖a‖``; where it is `attained` both sides must agree. Matrices with more
    than `most` entries are left out. Planted errors: other `coefficients`, another `floor`, and no
    projection in it.
    """
    spectra = _Spectra()
    for step in proportional_steps(subjects, rule, coefficients, most):
        found = spectra.of(step)
        right, lost = np.zeros(len(step.a)), np.full(len(step.a), np.inf)
        for k, one in enumerate(found):
            if one is None or not np.isfinite(one.condition):
                continue
            share = one.projected(step.a[k]) / _safe(norms(step.a[[k]]))[0] if projected else 1.0
            kept = float(floor(np.array(one.condition)))
            right[k] = kept * share
            lost[k] = kept * (2 * one.condition_error + one.basis_error + 4 * step.unit)
        yield _compare(step, right, lost, attained)


_Key = tuple[int, tuple[int, ...]]
"""The id of a layer and the shape of its inputs, which make its matrix."""


class _Spectra:
    """The spectra of the active rows of every sample, worked out once a layer and set of rows."""

    def __init__(self) -> None:
        self._known: dict[tuple[_Key, bytes], Spectrum] = {}
        self._weights: dict[_Key, tuple[Linear, Array]] = {}

    def of(self, step: Step) -> list[Spectrum | None]:
        """Return one spectrum a sample, None where no row is active."""
        return [self._one(step, row) for row in active_rows(step.z)]

    def _one(self, step: Step, rows: Array) -> Spectrum | None:
        if not rows.any():
            return None
        key = id(step.layer), step.like.shape[1:]
        if key not in self._weights:  # kept with its layer, so that the id stays the layer's own
            self._weights[key] = step.layer, step.weight
        if (key, rows.tobytes()) not in self._known:
            weight = self._weights[key][1]
            self._known[key, rows.tobytes()] = Spectrum.of(weight[rows])
        return self._known[key, rows.tobytes()]


def _compare(step: Step, right: Array, lost: Array, attained: bool) -> Comparison:
    """Compare cos(g, a) with a floor whose own error is `lost`."""
    left = step.inner / _safe(step.scale)
    relative = 2 * step.unit * norms(step.spread) / _safe(norms(step.g))
    bound = step.rounding / _safe(step.scale) + np.abs(left) * (relative + 4 * step.unit)
    some = (norms(step.g) > 0) & (relative < 0.5)
    bound = np.where(some, 2 * (bound + lost), np.inf)
    scale = np.where(some, np.abs(right), 0)
    label = f"{step.label}, cos(g, a) and its floor"
    left, right = np.where(some, left, 0), np.where(some, right, 0)
    return Comparison(label, left, right, bound, scale, low_only=not attained)


def _safe(values: Array) -> Array:
    return np.where(values > 0, values, 1)
