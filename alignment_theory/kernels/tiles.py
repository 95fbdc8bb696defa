"""Overlapping square tiles of images, 4 pixels from one to the next: laid out, and added up."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel

STEP = 4


@kernel
def gathered(images: Any, side: int, corner: Any, first: int, rows: int, columns: int) -> Any:
    """Return rows of tiles of images (samples, channels, height, width), zeros outside the image.

    The tiles are (samples, channels, side, side, rows, columns); tile (0, 0) of the image starts
    ``corner`` pixels outside it, and the first row that is wanted is the tiles' row `first`.
    """
    samples, channels, height, width = images.shape
    tiles = np.zeros((samples, channels, side, side, rows, columns), images.dtype)
    for n in range(samples):
        for c in range(channels):
            for i in range(side):
                for j in range(side):
                    shift = j - corner[1]
                    start, stop = max(0, -(shift // STEP)), (width - 1 - shift) // STEP + 1
                    for y in range(rows):
                        row = STEP * (first + y) + i - corner[0]
                        if 0 <= row < height:
                            for x in range(start, min(stop, columns)):
                                tiles[n, c, i, j, y, x] = images[n, c, row, STEP * x + shift]
    return tiles


@kernel
def scatter(tiles: Any, images: Any, corner: Any, first: int) -> None:
    """Do the transpose of `gathered`: add every pixel of the tiles to the images it lies in."""
    samples, channels, height, width = images.shape
    side, rows, columns = tiles.shape[3:]
    for n in range(samples):
        for c in range(channels):
            for y in range(rows):
                for i in range(side):
                    row = STEP * (first + y) + i - corner[0]
                    if 0 <= row < height:
                        for j in range(side):
                            shift = j - corner[1]
                            start, stop = max(0, -(shift // STEP)), (width - 1 - shift) // STEP + 1
                            for x in range(start, min(stop, columns)):
                                images[n, c, row, STEP * x + shift] += tiles[n, c, i, j, y, x]
