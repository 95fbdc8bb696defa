"""The chain of directions in a network with orthogonal layers, without any weight matrix.

Where weights are orthogonal the backward pass is a Markov chain in the ratio of the relevance
along the activations to that across them. From it and fresh normals (t, ξ) of a level the
coefficients follow, and from their angle to t and one Beta variate a layer the ratio below (module
`theory.orthogonal_depth`). :class:`OrthogonalChain` draws that chain; `EngineChain` with the law
`Orthogonal` draws the weights and runs the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.verification.reduced_depth import CHAIN_RULES, coefficients
from alignment_theory.verification.samplers import ReducedSampler


@dataclass(frozen=True)
class OrthogonalChain(ReducedSampler):
    """cos²(g_l, a_l) at every level, layers being orthogonal and the row chosen beforehand.

    `rule` is "gradient", "deconvnet", "guided" or "rectgrad" (percentile q, floored at 0);
    ValueError for another. Without `projects` the Beta variate is left out, as if every layer were
    square (a planted error).
    """

    rule: str
    projects: bool = True

    def __post_init__(self) -> None:
        """Check the rule."""
        if self.rule not in CHAIN_RULES:
            raise ValueError(
                f"OrthogonalChain: rule must be one of {', '.join(CHAIN_RULES)}, got {self.rule!r}"
            )

    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds at a time."""
        return 4 * int(max(parameters["widths"][1:-1]))

    def draw(  # type: ignore[override]
        self, rng: np.random.Generator, count: int, *, widths: Sequence[int], q: float = 0.0
    ) -> Array:
        """Return cos² at levels 0, ..., L-1 (input first), shape (count, levels).

        NaN where all coefficients above, or all activations from that level up, are 0.

        Parameters
        ----------
        widths : sequence of int
            d_0, ..., d_L, input first, each but the last at least 2.
        q : float
            Percentile of RectGrad, which other rules do not use.
        """
        top = widths[-2]
        ratio = rng.standard_normal(count) / np.sqrt(rng.chisquare(top - 1, count))
        squares = np.empty((count, len(widths) - 1))
        for level in range(len(widths) - 2, 0, -1):
            squares[:, level] = ratio**2 / (1 + ratio**2)
            t = rng.standard_normal((count, widths[level]))
            h, dark = _relevances(rng, t, ratio)
            squares[dark, level:] = np.nan
            c = coefficients(self.rule, t, h, q)
            size = np.sqrt(_products(c, c) * _products(t, t))
            size[size == 0] = np.nan
            overlap = _products(t, c) / size
            ratio = self._below(rng, overlap, widths[level], widths[level - 1])
        squares[:, 0] = ratio**2 / (1 + ratio**2)
        return squares

    def _below(self, rng: np.random.Generator, overlap: Array, units: int, inputs: int) -> Array:
        """Return the ratio below a layer from the cosine of c and t above it."""
        along, across = overlap**2, 1 - overlap**2
        if self.projects and units > inputs:
            across = across * rng.beta((inputs - 1) / 2, (units - inputs) / 2, len(overlap))
        elif self.projects and units < inputs:
            along = along * rng.beta(units / 2, (inputs - units) / 2, len(overlap))
            across = 1 - along
        below: Array = np.sign(overlap) * np.sqrt(along / across)
        return below


def _relevances(rng: np.random.Generator, t: Array, ratio: Array) -> tuple[Array, Array]:
    """Return ``ξ_⊥ + ‖ξ_⊥‖ w â`` for a = t₊, and where a is 0 (there â is taken as 0)."""
    xi = rng.standard_normal(t.shape)
    a = np.maximum(t, 0.0)
    norm = np.sqrt(_products(a, a))
    dark = norm == 0
    a /= np.where(dark, 1.0, norm)[:, np.newaxis]
    along = _products(a, xi)
    across = np.sqrt(np.maximum(_products(xi, xi) - along**2, 0.0))
    xi += a * (ratio * across - along)[:, np.newaxis]
    return xi, dark


def _products(one: Array, other: Array) -> Array:
    """Return the inner products of rows."""
    return np.einsum("ij,ij->i", one, other)
