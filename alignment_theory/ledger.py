"""The conservation ledger: where relevance is kept and where it is lost, layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array, overflowed
from alignment_theory.rules.base import LEDGER_TERMS, sample_sums


@dataclass(frozen=True, eq=False)
class Ledger:
    """For every layer: the sum of relevance above it, below it, and every named loss between.

    ``above - below = Σ terms + residual``; the residual is rounding, and
    `alignment_theory.rounding.ledger_bounds` tells how much of it rounding can explain.

    Attributes
    ----------
    totals : array (layers + 1, batch)
        Sum of relevance at every position, ``Σ R`` or ``Σ a ∘ g``.
    terms : dict of str to array (layers, batch)
        Losses: "bias", "stabiliser", "empty denominator", "threshold", "pooling", "padding".
    scale : array (layers, batch)
        The magnitude that the sums' rounding is relative to.
    """

    totals: Array
    terms: dict[str, Array]
    scale: Array

    @classmethod
    def from_losses(
        cls, values: Sequence[Array], losses: Sequence[Mapping[str, Array]]
    ) -> "Ledger":
        """Add up relevance `values` at every position, with the losses of every layer by term.

        Raises
        ------
        ValueError
            Where a sum overflows.
        """
        totals = np.array([sample_sums(value) for value in values])
        none = 0 * totals[0]
        terms = {name: np.array([lost.get(name, none) for lost in losses]) for name in LEDGER_TERMS}
        magnitudes = np.array([sample_sums(np.abs(value)) for value in values])
        scale = magnitudes[:-1] + magnitudes[1:] + sum(np.abs(term) for term in terms.values())
        if overflowed(scale):
            raise ValueError(
                f"ledger: the sums of relevance overflowed {scale.dtype}; scale the network"
            )
        return cls(totals, terms, scale)

    @property
    def residual(self) -> Array:
        """What the named terms do not explain, (layers, batch)."""
        change: Array = self.totals[1:] - self.totals[:-1] - sum(self.terms.values())
        return change

    def __str__(self) -> str:
        """Return the ledger summed over the batch, output side first."""
        names = [name for name in LEDGER_TERMS if (self.terms[name] != 0).any()]
        heads = ["layer", "above", "below", *names, "residual"]
        lines = ["  ".join(f"{head:>17}" for head in heads)]
        for k in reversed(range(len(self.scale))):
            row = [self.totals[k + 1], self.totals[k], *(self.terms[n][k] for n in names)]
            cells = [f"{float(cell.sum()):.6g}" for cell in (*row, self.residual[k])]
            lines.append("  ".join(f"{cell:>17}" for cell in (str(k), *cells)))
        return "\n".join(lines)
