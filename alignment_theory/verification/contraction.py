"""How far two z⁺ explanations of different outputs can differ, and how far they do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, divide
from alignment_theory.attribution import attribute
from alignment_theory.layers import Linear, Selection
from alignment_theory.network import Network
from alignment_theory.rounding import gamma
from alignment_theory.rules import Method, ZPlus
from alignment_theory.theory.bounds import contracted, least_cosine
from alignment_theory.theory.projective import Group, hilbert_distance, positive_groups
from alignment_theory.trace import Site, Trace
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.subjects import Subject

Bound = Callable[[float, Array], float]
"""From Δ of the top group and those below to the largest distance."""


@dataclass(frozen=True, eq=False)
class Contraction:
    """Bound and measured distance of the z⁺ explanations of one input, for all pairs of outputs.

    Attributes
    ----------
    groups : tuple of Group
        Layers whose operators have a positive product, output side first.
    pairs : array (pairs, 2)
        The outputs compared.
    distances : array (pairs,)
        Hilbert's d_H(R, R'); NaN where an explanation is 0 throughout, infinite where their
        supports or signs differ.
    cosines : array (pairs,)
        cos(R, R'), NaN likewise.
    rounding : float
        Bound on what rounding does to a distance, a diameter, or twice a cosine.
    """

    groups: tuple[Group, ...]
    pairs: Array
    distances: Array
    cosines: Array
    rounding: float

    @property
    def top(self) -> float:
        """Δ of the group at the output."""
        return self.groups[0].diameter

    @property
    def below(self) -> Array:
        """Δ of the other groups."""
        return np.array([group.diameter for group in self.groups[1:]])

    @property
    def bound(self) -> float:
        """What no distance exceeds: ``Δ_top ∏ tanh(Δ/4)`` (Birkhoff)."""
        return contracted(self.top, self.below)

    @property
    def least_cosine(self) -> float:
        """What no cosine is below: ``1/cosh(bound/2)`` (Pólya-Szegő)."""
        return float(least_cosine(self.bound))


def zplus_operators(trace: Trace, sample: int, *, most: float = np.inf) -> list[Array]:
    """Return ``diag(a) W^{+T} diag(1/(W⁺ a))`` of every linear layer, input side first.

    Plain NumPy; signed inputs give ``a⁺ W⁺ + a⁻ W⁻``. Columns without positive contribution are 0.
    A max pooling has the matrix of zeros and ones that takes relevance to its winners, and a
    residual the sum of the products of its sides: matrices >= 0, too. Only operators above the
    highest matrix of more than `most` entries are returned: what is below stretches no distance.
    """
    kept: list[Site] = []
    for site in reversed(trace.sites):
        if any(inner.input[0].size * inner.output[0].size > most for inner in _inner(site)):
            break
        kept.insert(0, site)
    return _operators(kept, sample)


def _inner(site: Site) -> list[Site]:
    """Return the sites that have a matrix: of a residual its sum and those of its sides."""
    if site.branches:
        return [site.sum, *(one for branch in site.branches for s in branch for one in _inner(s))]
    return [site] if isinstance(site.layer, Linear) or site.selected is not None else []


def _operators(sites: Sequence[Site], sample: int) -> list[Array]:
    found = []
    for site in sites:
        if site.branches:
            shares = np.split(_operator(site.sum, sample), len(site.branches))
            sides = [
                reduce(np.matmul, [*_operators(branch, sample), share])
                for branch, share in zip(site.branches, shares, strict=True)
            ]
            found.append(np.asarray(sum(sides[1:], sides[0])))
        elif isinstance(site.layer, Linear):
            found.append(_operator(site, sample))
        elif site.selected is not None:
            chosen = Selection.matrix(site.selected[[sample]], site.input.shape[1:])[0]
            found.append(chosen.T.astype(np.float64))
    return found


def _operator(site: Site, sample: int) -> Array:
    assert isinstance(site.layer, Linear)
    a = site.input[sample].reshape(-1).astype(np.float64)
    weight = site.layer.matrix(site.input).T
    positive = np.maximum(a, 0)[:, np.newaxis] * np.maximum(weight, 0)
    negative = np.minimum(a, 0)[:, np.newaxis] * np.minimum(weight, 0)
    contributions = positive + negative
    return divide(contributions, contributions.sum(axis=0))


def contraction(
    network: Network | Trace,
    inputs: ArrayLike | None = None,
    *,
    rule: Method = ZPlus(),  # noqa: B008
    signs: tuple[int, int] = (1, 1),
    shift: int = 0,
    most: float = np.inf,
) -> list[Contraction]:
    """Return bound and measured distances for every sample.

    Parameters
    ----------
    network : Network or Trace
        With a Trace, `inputs` is left out.
    inputs : array (batch, ...)
    rule : Method
        Whose explanations are measured; the bound is about z⁺.
    signs : (int, int)
        Signs of the seeds of the two outputs of a pair.
    shift : int
        How many samples further the second explanation of a pair is of (0: one input).
    most : float
        Of the layers, only those above the highest matrix of more entries contribute to the bound.

    Raises
    ------
    ValueError
        Where a network comes without inputs, or a trace with them.
    """
    if isinstance(network, Trace) == (inputs is not None):
        raise ValueError("contraction: give a Network with inputs, or a Trace without")
    trace = network if isinstance(network, Trace) else network.forward(np.asarray(inputs))
    first, second = (_explanations(trace, rule, sign) for sign in signs)
    second = np.roll(second, shift, axis=1)
    pairs = np.array(list(combinations(range(len(first)), 2)), dtype=int).reshape(-1, 2)
    return [
        _of_sample(trace, k, pairs, first[pairs[:, 0], k], second[pairs[:, 1], k], most)
        for k in range(trace.batch_size)
    ]


def _explanations(trace: Trace, rule: Method, sign: int) -> Array:
    """Return the explanations (outputs, batch, inputs) of all outputs, seeded with 1 or -1."""
    above = trace.sites[-1].output
    found = []
    for k in range(above.reshape(len(above), -1).shape[1]):
        seed = np.zeros((len(above), above[0].size), trace.dtype)
        seed[:, k] = sign
        relevance = attribute(trace, rule=rule, seed=seed.reshape(above.shape)).relevance
        found.append(relevance.reshape(len(above), -1).astype(np.float64))
    return np.array(found)


def _of_sample(
    trace: Trace, sample: int, pairs: Array, first: Array, second: Array, most: float
) -> Contraction:
    groups = tuple(positive_groups(zplus_operators(trace, sample, most=most)))
    distances = np.array([hilbert_distance(*both) for both in zip(first, second, strict=True)])
    sizes = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    cosines = np.where(sizes > 0, products / np.where(sizes > 0, sizes, 1), np.nan)
    some = np.abs(np.concatenate([first, second]))
    logs = np.abs(np.log(some[some > 0])) if some.any() else np.zeros(1)
    magnitude = max(float(logs.max()), *(group.magnitude for group in groups))
    return Contraction(groups, pairs, distances, cosines, _rounding(trace, magnitude))


def _rounding(trace: Trace, magnitude: float) -> float:
    """Return a bound on the rounding of a distance between vectors or columns.

    All terms are >= 0, so every entry has a relative error below ``γ_N``, N the operations between
    the output and the input; d_H adds four logarithms, each off by that and by a unit of itself.
    """
    terms = sum(
        int(np.prod(site.input.shape[1:]) + np.prod(site.output.shape[1:])) + 12
        for outer in trace.sites
        for site in _inner(outer)
    )
    return 8 * gamma(terms, trace.dtype) * (1 + magnitude)


def rank_one_contraction(
    subjects: Sequence[Subject],
    *,
    rule: Method = ZPlus(),  # noqa: B008
    signs: tuple[int, int] = (1, 1),
    shift: int = 0,
    attained: bool = False,
    most: float = np.inf,
    bounding: Bound = contracted,
    cosine: Callable[[Array], Array] = least_cosine,
) -> Iterator[Comparison]:
    """Compare distances of z⁺ explanations with their bound, and cosines with theirs.

    Where it is `attained` (operators of two symmetric units) cosine and distance must agree with
    their bounds, the distance up to ``Δ_top²/48`` of it a group (`symmetric_subjects`). `most` is
    that of `contraction`. Planted errors: `rule`, `signs`, `shift`, and other formulas for the
    bounds.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        found = contraction(trace, rule=rule, signs=signs, shift=shift, most=most)
        for k, one in enumerate(found):
            label = f"{subject.name}, sample {k}, pairs of outputs"
            yield from _compare(label, one, attained, bounding(one.top, one.below), cosine)


def _compare(
    label: str,
    one: Contraction,
    attained: bool,
    bound: float,
    cosine: Callable[[Array], Array],
) -> Iterator[Comparison]:
    live = ~np.isnan(one.distances) & np.isfinite(bound)
    top = one.top if np.isfinite(one.top) else 0.0
    shown = np.where(live, bound, 0)
    rounding = one.rounding * (2 + top * len(one.below) / 4)
    slack = rounding + attained * len(one.below) * top**2 / 48 * shown
    distances = np.where(live, one.distances, 0)
    yield Comparison(
        f"{label}, bound on d_H", shown, distances, slack, shown, low_only=not attained
    )
    cosines = np.where(live, one.cosines, 1)
    whence = {"their d_H": (distances, one.rounding)}
    if not attained:
        whence["the bound on d_H"] = (shown, rounding)
    for name, (distance, error) in whence.items():
        floor = cosine(distance)
        above = f"{label}, cosine and what follows from {name}"
        scale = np.where(live, floor, 0)
        yield Comparison(above, cosines, floor, error + 0 * floor, scale, low_only=not attained)
