"""Cosine similarity convergence (CSC): how alike random starts become on their way down.

Several random relevances start at one layer and are handed down by the method itself. Where the
vectors of channels that arrive at a location are all parallel, the method has forgotten what
started above: its backward map has rank one there.

Source: Sixt 2020, section 4 and the authors' published code, whose definition this is: five
standard normal starts an image, the cosines over channels of all pairs at every location, their
magnitudes, and the percentiles below. Here vectors of zeros are counted and not only left out.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import Measured, directions
from alignment_theory.arrays import Array, as_array

PERCENTILES = (0, 1, 5, 10, 20, 50, 80, 95, 99, 100)


@dataclass(frozen=True, eq=False)
class Convergence:
    """What pairs of random starts look like at one layer.

    Attributes
    ----------
    divergence : Measured
        ``1 - |cos|``, of shape (pairs, samples, locations).
    """

    divergence: Measured

    @property
    def defined(self) -> Array:
        """All ``1 - |cos|`` that are defined, as one vector."""
        values = self.divergence.values
        found: Array = values[~np.isnan(values)]
        return found

    @property
    def undefined(self) -> dict[str, int]:
        """How many cosines are undefined, by reason."""
        return self.divergence.undefined

    def mean(self) -> float:
        """Return the mean |cos|, NaN where none is defined."""
        return float(1 - self.defined.mean()) if self.defined.size else np.nan

    def percentiles(self, which: ArrayLike = PERCENTILES) -> Array:
        """Return percentiles of |cos|, NaN where none is defined."""
        wanted = np.asarray(which, dtype=float)
        if not self.defined.size:
            return np.full(wanted.shape, np.nan)
        found: Array = 1 - np.percentile(self.defined, 100 - wanted)
        return found

    def sample_medians(self) -> Array:
        """Return the median ``1 - |cos|`` of every sample (samples,), NaN where none is defined."""
        rows = np.moveaxis(self.divergence.values, 1, 0)
        kept = (row[~np.isnan(row)] for row in rows)
        return np.array([np.median(row) if row.size else np.nan for row in kept])


def convergence(draws: ArrayLike) -> Convergence:
    """Return the convergence of what several starts became at one layer.

    ``1 - |cos(u, v)| = ‖u/‖u‖ ∓ v/‖v‖‖² / 2`` with the sign that makes it least, in float64: it
    loses no digits where the vectors are parallel. The absolute error is at most about
    ``e √(8 (1 - |cos|)) + e²`` with ``e = (channels + 8) 2**-53``, so that values down to about
    ``10 e²`` are resolved; what rounding did to the vectors before is not in it.

    Parameters
    ----------
    draws : array (draws, samples, channels, ...)
        Relevance at one layer; the axes after the channels are the locations.

    Raises
    ------
    ValueError
        For arrays that are not finite, or empty, with fewer than two draws or three axes.
    """
    values = as_array(draws, "draws")
    if values.ndim < 3 or values.size == 0 or len(values) < 2:
        raise ValueError(
            "convergence: expected at least two draws (draws, samples, channels, ...), got shape "
            f"{values.shape}"
        )
    count, samples, channels = values.shape[:3]
    rows = np.moveaxis(values.reshape(count, samples, channels, -1), 2, -1)
    units, zero = directions(rows.reshape(-1, channels))
    units, zero = units.reshape(rows.shape), zero.reshape(rows.shape[:-1])
    found = [_pair(units[i], units[j], zero[i], zero[j]) for i, j in combinations(range(count), 2)]
    return Convergence(Measured.stack(found))


def _pair(left: Array, right: Array, zero_left: Array, zero_right: Array) -> Measured:
    sign = np.where((left * right).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    gap = left - sign * right
    values = np.minimum((gap * gap).sum(axis=-1) / 2, 1)
    zeros = zero_left.astype(int) + zero_right
    reasons = np.array(["", "one vector all zero", "both vectors all zero"], dtype=object)[zeros]
    return Measured(np.where(zeros == 0, values, np.nan), reasons)
