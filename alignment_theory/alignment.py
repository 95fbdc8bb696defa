"""Measures on arrays: how far two directions agree, and where that is undefined."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, as_array, is_exact


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured values with the reason for each that is undefined.

    Attributes
    ----------
    values : array of float
        NaN where undefined.
    reasons : array of str
        The empty string where the value is defined.
    """

    values: Array
    reasons: Array

    @classmethod
    def stack(cls, rows: Sequence["Measured"]) -> "Measured":
        """Stack measurements along a new first axis."""
        values, reasons = [row.values for row in rows], [row.reasons for row in rows]
        return cls(np.stack(values), np.array(reasons, dtype=object))

    @property
    def undefined(self) -> dict[str, int]:
        """How many values are undefined, by reason."""
        return dict(Counter(str(reason) for reason in self.reasons.flat if reason))

    def mean(self) -> Array:
        """Return the mean over the last axis of the values that are defined (NaN if none is)."""
        defined = self.reasons == ""
        counts = defined.sum(axis=-1)
        sums = np.where(defined, self.values, 0).sum(axis=-1)
        mean: Array = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return mean


def cosine(
    left: ArrayLike, right: ArrayLike, names: tuple[str, str] = ("left vector", "right vector")
) -> Measured:
    """Return the cosine of each sample of two batches, in float64 and within [-1, 1].

    Each vector is scaled by its largest magnitude first, so that neither overflow nor underflow
    can spoil the result. A vector that is all 0 has no direction: NaN, with the reason.

    Raises
    ------
    ValueError
        For arrays that are not finite, that differ in shape, or that are no batch (samples, ...).
    """
    left, right = as_array(left, names[0]), as_array(right, names[1])
    if left.shape != right.shape:
        raise ValueError(
            f"cosine: expected two arrays of one shape, got {left.shape} and {right.shape}"
        )
    if left.ndim < 2 or left.size == 0:
        raise ValueError(f"cosine: expected a batch (samples, ...), got shape {left.shape}")
    a, zero_a = directions(left)
    b, zero_b = directions(right)
    values = np.clip((a * b).sum(axis=1), -1, 1)
    reasons = np.select(
        [zero_a & zero_b, zero_a, zero_b],
        [f"{names[0]} and {names[1]} all zero", f"{names[0]} all zero", f"{names[1]} all zero"],
        "",
    )
    return Measured(np.where(reasons == "", values, np.nan), reasons.astype(object))


def directions(batch: Array) -> tuple[Array, Array]:
    """Return the unit vector of each sample, flat and in float64, and which samples are all 0."""
    flat = batch.reshape(len(batch), -1)
    peak = np.abs(flat).max(axis=1, keepdims=True)
    zero = (peak == 0).ravel()
    if not is_exact(flat):
        flat, peak = flat.astype(np.float64), peak.astype(np.float64)
    scaled = (flat / np.where(peak == 0, 1, peak)).astype(np.float64)
    norms = np.sqrt((scaled * scaled).sum(axis=1, keepdims=True))
    return scaled / np.where(norms == 0, 1, norms), zero
