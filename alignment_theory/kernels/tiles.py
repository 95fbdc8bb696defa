"""Tiles of images on their way into and out of Winograd's algorithm.

They overlap: each has 6 x 6 pixels, and the next begins 4 further. With them go polynomials given
by their values at the points 0, a, -a, b, -b and infinity; see `alignment_theory.layers.winograd`
for the matrices A and B. The tiles of one channel are held as ``tiles[row, column, tile]``, so that
a step is taken for many tiles at once; each pass turns them, ``[column, row, tile]``, which makes
the passes along columns and along rows the same.
"""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel

STEP = 4

MOST = 128
"""Tiles at a time at most; those of one channel then fit the fastest cache."""


@kernel
def entered(images: Any, points: Any, origin: Any, columns: int, channels: Any, found: Any) -> None:
    """Set `found` to ``B d Bᵀ`` of tiles d of images, in the channels from one to before another.

    `images` is (samples, channels, height, width), with zeros around it, and `found`
    (36, channels, samples, tiles), with so many `columns` of tiles. The first tile starts at the
    row and column `origin`, which may lie outside the image. `points` is (a, b).
    """
    samples, _, height, width = images.shape
    places = found.shape[3]
    tiles, turned = np.empty((6, 6, MOST), images.dtype), np.empty((6, 6, MOST), images.dtype)
    line = np.zeros(STEP * columns + 2, images.dtype)
    top, left = origin
    start, stop = max(0, -left), min(width - left, len(line))
    a, b = points
    aa, bb = a * a, b * b
    both, sums = aa * bb, aa + bb

    def evaluate(source: Any, target: Any) -> None:
        for k in range(6):
            for p in range(places):
                d0, d1, d2 = source[0, k, p], source[1, k, p], source[2, k, p]
                d3, d4, d5 = source[3, k, p], source[4, k, p], source[5, k, p]
                even_a, odd_a = d4 - bb * d2, a * (d3 - bb * d1)
                even_b, odd_b = d4 - aa * d2, b * (d3 - aa * d1)
                target[k, 0, p] = both * d0 - sums * d2 + d4
                target[k, 1, p] = even_a + odd_a
                target[k, 2, p] = even_a - odd_a
                target[k, 3, p] = even_b + odd_b
                target[k, 4, p] = even_b - odd_b
                target[k, 5, p] = both * d1 - sums * d3 + d5

    for c in range(channels[0], channels[1]):
        for n in range(samples):
            for y in range(places // columns):
                for i in range(6):
                    row = top + STEP * y + i
                    if 0 <= row < height:
                        for x in range(start, stop):
                            line[x] = images[n, c, row, left + x]
                    else:
                        line[:] = 0
                    at = y * columns
                    for x in range(columns):
                        tiles[i, 0, at + x] = line[STEP * x]
                        tiles[i, 1, at + x] = line[STEP * x + 1]
                        tiles[i, 2, at + x] = line[STEP * x + 2]
                        tiles[i, 3, at + x] = line[STEP * x + 3]
                        tiles[i, 4, at + x] = line[STEP * x + 4]
                        tiles[i, 5, at + x] = line[STEP * x + 5]
            evaluate(tiles, turned)
            evaluate(turned, tiles)
            for i in range(6):
                for j in range(6):
                    for p in range(places):
                        found[6 * i + j, c, n, p] = tiles[i, j, p]


@kernel
def leave(values: Any, points: Any, origin: Any, columns: int, channel: int, images: Any) -> None:
    """Set the 4 x 4 pixels that each tile stands for to ``A m Aᵀ``.

    The values m are (36, channels, samples, tiles), with so many `columns` of tiles. They belong in
    the images from a channel and the row and column `origin` on.
    """
    height, width = images.shape[2:]
    _, channels, samples, places = values.shape
    tiles, turned = np.empty((6, 6, MOST), images.dtype), np.empty((6, 6, MOST), images.dtype)
    line = np.empty(STEP * columns, images.dtype)
    top, left = origin
    stop = min(width - left, len(line))
    a, b = points
    aa, bb = a * a, b * b
    aaa, bbb = aa * a, bb * b

    def interpolate(source: Any, target: Any, lines: int) -> None:
        for k in range(lines):
            for p in range(places):
                m1, m2, m3, m4 = source[1, k, p], source[2, k, p], source[3, k, p], source[4, k, p]
                even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
                target[k, 0, p] = source[0, k, p] + even_a + even_b
                target[k, 1, p] = a * odd_a + b * odd_b
                target[k, 2, p] = aa * even_a + bb * even_b
                target[k, 3, p] = aaa * odd_a + bbb * odd_b + source[5, k, p]

    for c in range(channels):
        for n in range(samples):
            for i in range(6):
                for j in range(6):
                    for p in range(places):
                        tiles[i, j, p] = values[6 * i + j, c, n, p]
            interpolate(tiles, turned, 6)
            interpolate(turned, tiles, STEP)
            for y in range(places // columns):
                for i in range(STEP):
                    row = top + STEP * y + i
                    if row < height:
                        at = y * columns
                        for x in range(columns):
                            line[STEP * x] = tiles[i, 0, at + x]
                            line[STEP * x + 1] = tiles[i, 1, at + x]
                            line[STEP * x + 2] = tiles[i, 2, at + x]
                            line[STEP * x + 3] = tiles[i, 3, at + x]
                        for x in range(stop):
                            images[n, channel + c, row, left + x] = line[x]
