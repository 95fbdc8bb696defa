"""The picture that random filters draw of any image: the image, locally contrast-normalised."""

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, as_array


def contrast_normalised(image: ArrayLike, kernel: int = 3, padding: int = 1) -> Array:
    """Return ``P[c, i] = x[c, i] Σ_{p∋i} 1/‖x_p‖``: every pixel by the contrast around it.

    The sum runs over the patches p that hold pixel i, kernel × kernel places on all channels at
    stride 1. Let F filters with i.i.d. N(0, σ²) entries meet the patches, and let the coefficient
    of filter f at patch p be ``c = v 1[w_f·x_p > 0]``, each v of mean μ and independent of its
    filter. From ``E[w 1(w·u > 0)] = σ u/(√(2π) ‖u‖)`` the combined weight
    ``R = Σ_f Σ_p c w_f``, laid on the patches, has exactly

        E R = F μ σ/√(2π) P.

    v = 1 is the theorem `convolution`. Guided Backprop through one convolution and a ReLU, from a
    relevance t at the top that does not depend on the filters, has v = max(t, 0): μ = 1 from ones,
    and ``μ = τ/√(2π)`` from the random row of an output, whose entries are N(0, τ²). Through more
    layers v depends on the filters, and nothing is proved.

    Parameters
    ----------
    image : array (channels, height, width)
        Any finite numbers. The result has its shape, in float64.
    kernel : int
        Side of the filters.
    padding : int
        Rows and columns of zeros on every side, which patches at the border hold. A patch that is
        all 0 activates no filter and adds nothing.

    Raises
    ------
    ValueError
        For an image of another number of dimensions, empty, or not finite; for a kernel below 1 or
        larger than the padded image, and a padding below 0.

    Source: Nie 2018 for the image as the weights' mean; Zheng 2025 for its reach over rules.
    """
    x = as_array(image, "contrast_normalised: image").astype(np.float64)
    if x.ndim != 3 or x.size == 0:
        raise ValueError(
            "contrast_normalised: expected an image (channels, height, width), got shape "
            f"{x.shape}; a grey one needs an axis of one channel"
        )
    for name, value, least in (("kernel", kernel, 1), ("padding", padding, 0)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(
                f"contrast_normalised: {name} must be a whole number from {least}, got {value!r}"
            )
    height, width = x.shape[1:]
    if kernel > min(height, width) + 2 * padding:
        raise ValueError(
            f"contrast_normalised: a kernel of {kernel} x {kernel} does not fit an image of "
            f"{height} x {width} with padding {padding}; use a smaller kernel or more padding"
        )
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    total = _sum_of_directions(padded, kernel)
    return np.ascontiguousarray(total[:, padding : padding + height, padding : padding + width])


def _sum_of_directions(image: Array, kernel: int) -> Array:
    """Add up x_p/‖x_p‖ on the patches, each scaled by its peak so that no square underflows."""
    patches = sliding_window_view(image, (kernel, kernel), axis=(1, 2))
    peaks = np.abs(patches).max(axis=(0, 3, 4))
    scale = np.where(peaks > 0, peaks, 1)
    lengths = sum(
        ((patches[..., a, b] / scale) ** 2).sum(axis=0) for a, b in product(range(kernel), repeat=2)
    )
    norms = np.sqrt(np.where(peaks > 0, lengths, 1))
    total = np.zeros(image.shape)
    rows, columns = peaks.shape
    for a, b in product(range(kernel), repeat=2):
        total[:, a : a + rows, b : b + columns] += patches[..., a, b] / scale / norms
    return total
