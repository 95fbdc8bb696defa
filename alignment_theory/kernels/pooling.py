"""Where the largest value of every window of an image is, and what goes through such places."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel


@kernel
def largest(images: Any, window: Any, stride: Any, before: Any, last: bool, chosen: Any) -> None:
    """Set `chosen` to the flat index, in its image, of the largest value that each window sees.

    `images` is (images, height, width), finite, and `chosen` (images, rows, columns). Windows have
    `window` rows and columns, start `before` rows and columns outside the image and move by
    `stride`; each sees a pixel. Of several largest values the first counts, row by row, or the
    `last`.
    """
    height, width = images.shape[1:]
    rows, columns = chosen.shape[1:]
    best = np.empty(columns, images.dtype)
    for n in range(len(images)):
        for y in range(rows):
            place = chosen[n, y]
            for x in range(columns):
                best[x], place[x] = -np.inf, 0
            top = y * stride[0] - before[0]
            for row in range(max(top, 0), min(top + window[0], height)):
                for j in range(window[1]):
                    shift = j - before[1]
                    start = max(0, -(shift // stride[1]))
                    stop = min((width - 1 - shift) // stride[1] + 1, columns)
                    for x in range(start, stop):
                        column = stride[1] * x + shift
                        value = images[n, row, column]
                        better = (value > best[x]) | (last & (value == best[x]))
                        best[x] = max(best[x], value)  # no branch that may be mispredicted
                        place[x] += (row * width + column - place[x]) * better


@kernel
def taken(values: Any, places: Any) -> Any:
    """Return for every sample the values at its places, (samples, places)."""
    found = np.empty(places.shape, values.dtype)
    for n in range(places.shape[0]):
        for i in range(places.shape[1]):
            found[n, i] = values[n, places[n, i]]
    return found


@kernel
def put(values: Any, places: Any, size: int) -> Any:
    """Return the transpose of `taken`: values summed where they belong, (samples, size)."""
    found = np.zeros((values.shape[0], size), values.dtype)
    for n in range(places.shape[0]):
        for i in range(places.shape[1]):
            found[n, places[n, i]] += values[n, i]
    return found
