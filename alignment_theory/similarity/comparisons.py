"""Comparisons of prepared maps, sample by sample, and why they say nothing where they do not."""

from typing import Any

import numpy as np

from alignment_theory.alignment import Measured, cosine
from alignment_theory.arrays import Array

NAMES = ("left map", "right map")
OUT_OF_RANGE = "beyond the range of float64"

ORIENTATIONS, BLOCK = 9, 3
"""Of the histograms of oriented gradients: scikit-image's defaults, which Adebayo's code uses."""


def pearson(left: Array, right: Array, names: tuple[str, str] = NAMES) -> Measured:
    """Return the correlation over all entries; undefined for constant maps."""
    reasons = constancy(left, right, names)
    live = (reasons == "")[:, np.newaxis]
    first, second = (maps.reshape(len(maps), -1) for maps in (left, right))
    first, second = (np.where(live, m - m.mean(axis=1, keepdims=True), 0) for m in (first, second))
    return Measured(cosine(first, second, names).values, reasons)


def spearman(left: Array, right: Array, names: tuple[str, str] = NAMES) -> Measured:
    """Return the correlation of ranks, ties with their mean rank; undefined for constant maps."""
    from scipy.stats import rankdata

    first, second = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (left, right))
    return pearson(first, second, names)


def oriented_gradients(left: Array, right: Array, cell: int) -> Measured:
    """Return Spearman of histograms of oriented gradients; undefined for constant maps."""
    reasons = constancy(left, right, NAMES)
    names = ("gradients of left map", "gradients of right map")
    with np.errstate(over="ignore", invalid="ignore"):
        first, second = _histograms(left, cell), _histograms(right, cell)
    finite: Array = np.isfinite(np.stack([first, second])).all(axis=(0, 2))
    first, second = (np.where(finite[:, np.newaxis], rows, 0) for rows in (first, second))
    found = spearman(first, second, names)
    why = np.where(finite, found.reasons, OUT_OF_RANGE)
    why = np.where(reasons == "", why, reasons)
    return Measured(np.where(why == "", found.values, np.nan), why)


def _histograms(maps: Array, cell: int) -> Array:
    from skimage.feature import hog

    images = np.moveaxis(maps.reshape(len(maps), -1, *maps.shape[-2:]), 1, -1)
    features = [
        hog(
            image,
            orientations=ORIENTATIONS,
            pixels_per_cell=(cell, cell),
            cells_per_block=(BLOCK, BLOCK),
            channel_axis=-1,
        )
        for image in images
    ]
    return np.stack(features)


def structure(left: Array, right: Array, window: int | None, data_range: float) -> Measured:
    """Return the SSIM of images, Gaussian windows for None; undefined for constant maps.

    For a constant map the constants K1 and K2 alone would decide.
    """
    from skimage.metrics import structural_similarity

    compare: Any = structural_similarity
    reasons = constancy(left, right, NAMES)
    values = np.full(len(left), np.nan)
    for k in np.flatnonzero(reasons == ""):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            values[k] = compare(
                left[k],
                right[k],
                win_size=window or 11,
                gaussian_weights=window is None,
                sigma=1.5,
                K1=0.01,
                K2=0.03,
                data_range=data_range,
                channel_axis=0 if left.ndim == 4 else None,
            )
    lost = (reasons == "") & ~np.isfinite(values)
    return Measured(np.where(lost, np.nan, values), np.where(lost, OUT_OF_RANGE, reasons))


def constancy(left: Array, right: Array, names: tuple[str, str]) -> Array:
    """Return why maps cannot be compared, one reason a sample: one or both are constant."""
    one, other = (np.ptp(maps.reshape(len(maps), -1), axis=1) == 0 for maps in (left, right))
    words = ["", f"{names[0]} constant", f"{names[1]} constant", " and ".join(names) + " constant"]
    reasons: Array = np.array(words, dtype=object)[one + 2 * other.astype(int)]
    return reasons
