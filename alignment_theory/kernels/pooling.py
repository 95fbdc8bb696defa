"""Where the largest value of every window of an image is."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel


@kernel
def largest(images: Any, window: Any, stride: Any, before: Any, size: Any, last: bool) -> Any:
    """Return for each window the flat index, in its sample, of the largest value it sees.

    `images` is (batch, channels, height, width), finite. Windows of `window` rows and columns start
    `before` rows and columns outside the image and move by `stride`; there are `size` of them, and
    each sees a pixel. Of several largest values the first counts, row by row, or the `last`.
    """
    batch, channels, height, width = images.shape
    chosen = np.empty((batch, channels, size[0], size[1]), np.intp)
    for n in range(batch):
        for c in range(channels):
            for y in range(size[0]):
                top = y * stride[0] - before[0]
                for x in range(size[1]):
                    left = x * stride[1] - before[1]
                    row, column = max(top, 0), max(left, 0)
                    best, place = images[n, c, row, column], row * width + column
                    for i in range(row, min(top + window[0], height)):
                        for j in range(column, min(left + window[1], width)):
                            value = images[n, c, i, j]
                            better = value >= best if last else value > best
                            best = value if better else best  # no branch that may be mispredicted
                            place = i * width + j if better else place
                    chosen[n, c, y, x] = c * height * width + place
    return chosen
