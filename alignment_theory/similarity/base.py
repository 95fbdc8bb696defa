"""What a similarity of attribution maps is: how a map is prepared, and what is compared."""

from dataclasses import dataclass, fields
from enum import StrEnum
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import Measured, cosine
from alignment_theory.arrays import (
    Array,
    as_array,
    require_flags,
    require_numbers,
    whole_number,
)
from alignment_theory.layers.base import Shape
from alignment_theory.rules.lrp import member
from alignment_theory.similarity.comparisons import (
    BLOCK,
    NAMES,
    oriented_gradients,
    pearson,
    spearman,
    structure,
)


class Channels(StrEnum):
    """How the channels of an image become one: kept apart, or joined pixel by pixel."""

    KEEP = "keep"
    SUM = "sum"
    MEAN = "mean"
    SUM_OF_MAGNITUDES = "sum of magnitudes"
    LARGEST_MAGNITUDE = "largest magnitude"

    def joined(self, maps: Array) -> Array:
        """Return maps (samples, channels, ...) with their channels joined."""
        match self:
            case Channels.KEEP:
                return maps
            case Channels.SUM:
                return np.asarray(maps.sum(axis=1))
            case Channels.MEAN:
                return np.asarray(maps.mean(axis=1))
            case Channels.SUM_OF_MAGNITUDES:
                return np.asarray(np.abs(maps).sum(axis=1))
            case Channels.LARGEST_MAGNITUDE:
                return np.asarray(np.abs(maps).max(axis=1))


class Scaling(StrEnum):
    """What a map is divided by, sample by sample, with P(q) the percentile q of its values.

    LARGEST: its largest magnitude. PERCENTILE: ``(x - min)/(P(q) - min)``, cut at 1. BETWEEN:
    ``(x - P(100 - q))/(P(q) - P(100 - q))``, cut at 0 and 1. COMPLEMENT: 1 minus that.
    """

    NONE = "none"
    LARGEST = "largest"
    PERCENTILE = "percentile"
    BETWEEN = "between"
    COMPLEMENT = "complement"


class Comparison(StrEnum):
    """What is computed of two prepared maps."""

    COSINE = "cosine"
    PEARSON = "pearson"
    SPEARMAN = "spearman"
    SSIM = "ssim"
    HOG = "hog"


@dataclass(frozen=True)
class Similarity:
    """A named similarity of two attribution maps, from -1 (or 0) to 1.

    Channels are joined, magnitudes taken if asked for, the map scaled, then compared:

    - cosine, Pearson and Spearman (ties get mean ranks) over all entries;
    - SSIM (Wang 2004) of images, the mean over windows that lie inside, with K1 = 0.01, K2 = 0.03
      and the stated `data_range`; windows are `window` pixels wide and uniform, or Gaussian with
      σ = 1.5 (then of 11 pixels), with the sample covariance as scikit-image has it by default;
    - HOG: Spearman of histograms of oriented gradients over cells of `cell` pixels, 9
      orientations, blocks of 3 x 3 cells.

    SSIM adds constants to what it divides by (of `data_range`; HOG 1e-5), so that of maps that are
    not scaled the size counts. All else is the same for any positive multiple of a map.

    Parameters
    ----------
    name : str
    comparison, channels, scaling : Comparison, Channels, Scaling
    magnitude : bool
        Whether magnitudes are taken of what the channels have become.
    percentile : float
        q of the scaling.
    data_range : float, optional
        Largest minus smallest value that a map can have; SSIM needs it.
    window : int, optional
        Odd width of SSIM's uniform windows, None for Gaussian ones.
    flipped : bool
        Whether the second map's sign is free: the larger value of both signs counts.
    cell : int
        Width of a cell of HOG.

    Raises
    ------
    ValueError
        For parameters of another type, SSIM without a data range, one that is not positive and
        finite, an even window, or a percentile not in (50, 100].
    """

    name: str
    comparison: Comparison
    channels: Channels = Channels.KEEP
    magnitude: bool = False
    scaling: Scaling = Scaling.NONE
    percentile: float = 100.0
    data_range: float | None = None
    window: int | None = None
    flipped: bool = False
    cell: int = 16

    def __post_init__(self) -> None:
        """Check the parameters; members of an enumeration may be given as plain strings."""
        if not isinstance(self.name, str):
            raise ValueError(f"Similarity: name must be a string, got {self.name!r}")
        for field, kind in (
            ("comparison", Comparison),
            ("channels", Channels),
            ("scaling", Scaling),
        ):
            value = member(self.name, field, kind, getattr(self, field))
            object.__setattr__(self, field, value)
        require_flags(self, "magnitude", "flipped")
        whole_number(self.cell, f"{self.name}: cell", 1)
        self._check_percentile()
        self._check_structure()

    def _check_percentile(self) -> None:
        require_numbers(self, "percentile")
        if not 50 < self.percentile <= 100:
            raise ValueError(
                f"{self.name}: percentile must be above 50 and at most 100, got {self.percentile}"
            )

    def _check_structure(self) -> None:
        if (
            self.window is not None
            and whole_number(self.window, f"{self.name}: window", 3) % 2 == 0
        ):
            raise ValueError(f"{self.name}: window must be odd and at least 3, got {self.window}")
        if self.data_range is not None:
            require_numbers(self, "data_range")
        if self.data_range is None and self.comparison is not Comparison.SSIM:
            return
        if self.data_range is None or not 0 < self.data_range < inf:
            raise ValueError(
                f"{self.name}: SSIM needs data_range, the largest minus the smallest value that a "
                f"map can have, positive and finite, got {self.data_range}"
            )

    @property
    def least_side(self) -> int:
        """How many pixels an image must have on each side; 0 where maps need not be images."""
        if self.comparison is Comparison.SSIM:
            return self.window or 11
        return BLOCK * self.cell if self.comparison is Comparison.HOG else 0

    def fits(self, shape: Shape) -> bool:
        """Tell whether maps of this shape (one sample) can be compared."""
        return not self.least_side or (len(shape) in (2, 3) and min(shape[-2:]) >= self.least_side)

    def settings(self) -> dict[str, object]:
        """Return the parameters by name, for a table."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __call__(self, left: ArrayLike, right: ArrayLike) -> Measured:
        """Return the similarity of each sample of two batches.

        Batches are (samples, channels, height, width), or of one channel (samples, height, width)
        or (samples, features). Of flat vectors there is no SSIM or HOG: those are of images. A
        single image needs its batch axis, ``x[np.newaxis]``: three axes are grey images, so that
        (3, 16, 16) is three of them and not the three channels of one.

        Raises
        ------
        ValueError
            For batches that differ in shape, have other axes, are empty or not finite, and where
            `fits` says no.
        """
        first, second = as_array(left, "left maps"), as_array(right, "right maps")
        if first.shape != second.shape or first.ndim not in (2, 3, 4) or first.size == 0:
            raise ValueError(
                f"{self.name}: expected two batches of one shape, (samples, features), (samples, "
                f"height, width) or (samples, channels, height, width), got {first.shape} and "
                f"{second.shape}"
            )
        if not self.fits(first.shape[1:]):
            raise ValueError(
                f"{self.name}: expected images (channels, height, width) of at least "
                f"{self.least_side} x {self.least_side} pixels, got samples of shape "
                f"{first.shape[1:]}"
            )
        found = self._compared(first, second)
        if self.flipped:
            other = self._compared(first, -second)
            values = np.fmax(found.values, other.values)
            found = Measured(values, np.where(np.isnan(values), found.reasons, ""))
        return found

    def _compared(self, left: Array, right: Array) -> Measured:
        first, second = (self._prepared(maps.astype(np.float64)) for maps in (left, right))
        match self.comparison:
            case Comparison.COSINE:
                return cosine(first, second, NAMES)
            case Comparison.PEARSON:
                return pearson(first, second)
            case Comparison.SPEARMAN:
                return spearman(first, second)
            case Comparison.HOG:
                return oriented_gradients(first, second, self.cell)
            case Comparison.SSIM:
                assert self.data_range is not None
                return structure(first, second, self.window, self.data_range)

    @property
    def _scale_free(self) -> bool:
        """Whether a positive factor changes nothing: not where unscaled maps meet a constant."""
        absolute = (Comparison.SSIM, Comparison.HOG)
        return self.scaling is not Scaling.NONE or self.comparison not in absolute

    def _prepared(self, maps: Array) -> Array:
        """Return maps with channels joined and scaled; those that are constant stay so."""
        if self._scale_free:
            maps = _of_size_one(maps)
        maps = self.channels.joined(maps if maps.ndim == 4 else maps[:, np.newaxis])
        if self.magnitude:
            maps = np.abs(maps)
        flat = maps.reshape(len(maps), -1)
        return self._scaled(flat).reshape(maps.shape)

    def _scaled(self, rows: Array) -> Array:
        if self.scaling is Scaling.NONE:
            return rows
        if self.scaling is Scaling.LARGEST:
            return _divided(rows, 0 * rows[:, :1], np.abs(rows).max(axis=1, keepdims=True))
        high = np.percentile(rows, self.percentile, axis=1, keepdims=True)
        share = 0 if self.scaling is Scaling.PERCENTILE else 100 - self.percentile
        low = np.percentile(rows, share, axis=1, keepdims=True)
        scaled = np.clip(_divided(rows, low, high), 0, 1)
        return 1 - scaled if self.scaling is Scaling.COMPLEMENT else scaled


def _of_size_one(maps: Array) -> Array:
    """Return maps divided by a power of two each, so that none overflows or vanishes on the way.

    That is exact, so sums over channels that are equal stay equal; a division by the largest
    magnitude itself would round them apart, and with them ties and constant maps.
    """
    peak = np.abs(maps).reshape(len(maps), -1).max(axis=1)
    exponent = np.frexp(peak)[1].reshape(-1, *(1,) * (maps.ndim - 1))
    found: Array = np.ldexp(maps, -exponent)
    return found


def _divided(rows: Array, low: Array, high: Array) -> Array:
    width = high - low
    return np.where(width > 0, (rows - low) / np.where(width > 0, width, 1), 0)
