r"""Random filters behind max pooling: the mean image that the winners' weights add up to.

A filter w ~ N(0, I) meets the patches x_1, ..., x_p of a pool, and only the place i of the winner
passes relevance back. For vectors y_1, ..., y_c, by Gaussian integration by parts,

    E[w 1(w·y_j > 0 for all j)] = Σ_j φ(0) y_j/‖y_j‖ · P(w·y_k > 0 for all k ≠ j | w·y_j = 0),

where y = x_i - x_j for the other patches makes place i the winner and y = x_i makes it active. Up
to three conditions are left, whose orthant probabilities are closed: 1, 1/2, 1/4 + α_12/(2π) and
1/8 + (α_12 + α_13 + α_23)/(4π), α the arc sines of the correlations (Sheppard; David 1953).
"""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.sources import NIE_2018, ZHENG_2025
from alignment_theory.theory.conditions import BIAS_FREE, GAUSSIAN_FILTERS
from alignment_theory.theory.filter_overlaps import blob
from alignment_theory.theory.one_layer import WINNER_ONLY
from alignment_theory.theory.other_laws import SHARED
from alignment_theory.theory.parameters import Choice, Number
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

POOL = 2
"""Side of a pool; more than four places leave orthants that are not closed."""

PARALLEL = 1e-9
"""Sine of the angle below which two differences are taken for parallel."""

GATES = ("winner", "active winner", "winner or first")
FREE_RELEVANCE = Hypothesis(
    "free-relevance", "the relevance of a pool is independent of the filters"
)
NO_EQUAL_PATCHES = Hypothesis("no-equal-patches", "no two patches of a pool are equal")


def pooled_mean_image(image: Array, k: int, gate: str) -> Array:
    """Return E r of one filter of unit variance whose pools all have relevance 1.

    Pools are 2 x 2 places with stride 2. `gate` is "winner", "active winner", or "winner or first":
    that where no place of a pool is active, its first place passes relevance back.
    """
    size, m = len(image), len(image) - k + 1
    patches = np.lib.stride_tricks.sliding_window_view(image, (k, k)).reshape(m, m, k * k)
    places = list(product(range(POOL), repeat=2))
    end = m // POOL * POOL
    pools = np.stack([patches[a:end:POOL, b:end:POOL].reshape(-1, k * k) for a, b in places])
    total = np.zeros((size, size))
    for i, (a, b) in enumerate(places):
        normals = [pools[i] - other for j, other in enumerate(pools) if j != i]
        if gate != "winner":
            normals.append(pools[i])
        added = _half_spaces(normals)
        if gate == "winner or first" and i == 0:
            added = added + _half_spaces(list(-pools))
        laid = added.reshape(end // POOL, end // POOL, k, k)
        for row, column in product(range(k), repeat=2):
            rows = slice(a + row, a + row + end, POOL)
            columns = slice(b + column, b + column + end, POOL)
            total[rows, columns] += laid[:, :, row, column]
    return total


def _half_spaces(normals: Sequence[Array]) -> Array:
    """Return ``E[w 1(w·y > 0 for all y)]`` for batches of normals y, (pools, k²) each.

    Of normals in one direction the first counts for all of them; in opposite ones, nothing does.
    """
    units = [y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-300) for y in normals]
    total = np.zeros_like(units[0])
    for j, unit in enumerate(units):
        others, share = [], np.ones(len(unit))
        for k, other in enumerate(units):
            if k == j:
                continue
            along = (other * unit).sum(axis=1)
            rest = other - along[:, np.newaxis] * unit
            parallel = (np.linalg.norm(rest, axis=1) < PARALLEL) & (along != 0)
            # A condition that is another one is left out: a vector of 0 halves the orthant.
            share *= np.where(parallel, 2.0 * (along > 0) * (k > j), 1.0)
            others.append(np.where(parallel[:, np.newaxis], 0.0, rest))
        total += unit * (share * _orthant(others))[:, np.newaxis]
    return np.asarray(total / np.sqrt(2 * np.pi))


def _orthant(vectors: Sequence[Array]) -> Array:
    """Return P(w·v > 0 for all v) for batches of up to three vectors."""
    count = len(vectors)
    angles = np.zeros(len(vectors[0]))
    for u, v in combinations(vectors, 2):
        norms = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
        angles += np.arcsin(np.clip((u * v).sum(axis=1) / np.maximum(norms, 1e-300), -1, 1))
    return np.asarray(0.5**count + angles / (2 ** (count - 1) * np.pi))


def _formula() -> sp.Eq:
    filters, sigma, mean = sp.symbols("F sigma E[h]", positive=True)
    added = sp.Symbol("Σ_p Σ_j P_{pj} u_{pj}")
    right = filters * sigma * mean / sp.sqrt(2 * sp.pi) * added
    return sp.Eq(sp.Symbol("E R"), right, evaluate=False)


def _predict(
    gate: str, relevance: str, size: int, k: int, filters: int, sigma: float
) -> Prediction:
    if k > size - POOL + 1:
        raise ValueError(
            f"pooled-convolution: no pool of {POOL} x {POOL} places fits k = {k} and size = {size}"
            f"; k can be at most size - {POOL - 1}"
        )
    mean = 1.0 if relevance == "one" else 1 / np.sqrt(2 * np.pi)
    return Prediction(filters * sigma * mean * pooled_mean_image(blob(size), k, gate))


POOLED_CONVOLUTION = Theorem(
    "pooled-convolution",
    "Behind max pooling, random filters show what tells neighbouring patches apart",
    "The winner of a pool of overlapping patches is chosen by the differences between them. With "
    "relevance h of the pools, F filters give E R = F σ E[h]/√(2π) times the sum of u_pj "
    "P_pj laid on every patch p, over its rivals j: u_pj = (x_p - x_j)/‖x_p - x_j‖, and P_pj is "
    "the chance that p beats the others where it ties with j: a picture of edges, and all that "
    "DeconvNet shows (gate 'winner', h = the positive part of the relevance). Guided Backprop "
    "adds the condition that the winner is active (rival 0), and with it the locally "
    "contrast-normalised image. Of winners ⟨E R, x⟩ = F E[h] Σ E[max over a pool of z], above 0: "
    "the switches are the gate. Where a ReLU comes before the pooling and no place is active, "
    "DeconvNet goes to the first place and loses alignment (gate 'winner or first'). For pools of "
    "2 x 2; predict takes a Gaussian blob.",
    (GAUSSIAN_FILTERS, SHARED, BIAS_FREE, FREE_RELEVANCE, WINNER_ONLY, NO_EQUAL_PATCHES),
    Claim.MEAN,
    _formula,
    (ZHENG_2025, NIE_2018),
    uses=("convolution", "deconvnet-needs-a-gate"),
    parameters=(
        Choice("gate", "which place of a pool passes relevance back", "winner", choices=GATES),
        Choice(
            "relevance",
            "of a pool: 1, or the positive part of a standard normal",
            "positive part",
            choices=("one", "positive part"),
        ),
        Number("size", "side of the image", 20, minimum=3, maximum=64, whole=True),
        Number("k", "side of a filter", 3, minimum=2, maximum=7, whole=True),
        Number("filters", "number of filters F", 64, minimum=1, whole=True),
        Number("sigma", "standard deviation of a weight", 1.0, minimum=1e-150),
    ),
    evaluate=_predict,
)
