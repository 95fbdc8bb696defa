"""Hilbert's projective metric on positive vectors, and what positive matrices do to it.

``d_H(x, y) = log max_i (x_i/y_i) - log min_i (x_i/y_i)`` does not see scale. A matrix G > 0 shrinks
it by the factor tanh(Δ(G)/4) or more, Δ(G) the largest distance between two of its columns
(Birkhoff 1957); any matrix >= 0 does not stretch it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array


def hilbert_distance(left: Array, right: Array) -> float:
    """Return d_H of two vectors; entries that are 0 in both are left out.

    Infinite where an entry is 0 in one of them only, or is negative; NaN where a vector is 0.
    """
    some = (left != 0) | (right != 0)
    if not (left.any() and right.any()):
        return np.nan
    left, right = left[some], right[some]
    if (left <= 0).any() or (right <= 0).any():
        return np.inf
    ratios = np.log(left) - np.log(right)
    return float(ratios.max() - ratios.min())


def projective_diameter(matrix: Array) -> float:
    """Return ``Δ = max log (G_ij G_kl)/(G_kj G_il)`` over rows i, k and columns j, l.

    Infinite where an entry is not positive.
    """
    if (matrix <= 0).any():
        return np.inf
    logs = np.log(matrix)
    highest = np.array([(logs[:, [j]] - logs).max(axis=0) for j in range(logs.shape[1])])
    return float((highest + highest.T).max())


@dataclass(frozen=True, eq=False)
class Group:
    """Consecutive operators whose product is positive between the units that relevance reaches.

    Attributes
    ----------
    diameter : float
        Δ of the product, infinite where no product down to the input was positive.
    factors : int
        How many operators it holds.
    magnitude : float
        The largest |log| of an entry of the product, which the rounding of Δ is relative to.
    """

    diameter: float
    factors: int
    magnitude: float = 0.0


def positive_groups(operators: Sequence[Array]) -> list[Group]:
    """Group matrices >= 0 (the one at the input first) from the last one down, greedily.

    A group ends as soon as its product is positive on rows that are not 0 throughout. Such rows,
    and the columns of the next operator that belong to them, are units that no relevance reaches.
    Columns that are 0 throughout pass nothing on and are left out: that does not stretch d_H.
    """
    groups: list[Group] = []
    product: Array | None = None
    reached = np.arange(operators[-1].shape[1])
    factors = 0
    for operator in reversed(operators):
        step = operator[:, reached]
        product = step if product is None else step @ product
        factors += 1
        reached = np.flatnonzero((product != 0).any(axis=1))
        product = product[reached]
        filled = product[:, (product != 0).any(axis=0)]
        if filled.size and (filled > 0).all():
            magnitude = float(np.abs(np.log(filled)).max())
            groups.append(Group(projective_diameter(filled), factors, magnitude))
            product, factors = None, 0
    return groups + [Group(np.inf, factors)] * (factors > 0)
