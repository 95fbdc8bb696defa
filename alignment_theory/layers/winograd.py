"""Winograd's algorithm F(4 x 4, 3 x 3) for convolutions of 3 x 3 weights and stride 1.

A tile of 4 x 4 outputs sees 6 x 6 inputs d. With the matrices A (4, 6), G (6, 3) and B (6, 6) it is
``A ((G w Gᵀ) ∘ (B d Bᵀ)) Aᵀ``, summed over the channels: 36 products a channel in place of 144.
They are those of two polynomials given by their values at six points: 0, ±5/8, ±3/2 and infinity.
The transpose of the convolution is the product of the transposed steps, with the same ``G w Gᵀ``.

In exact arithmetic this *is* the convolution. In floats an output of C channels is off by at most
``γ_{C+61} Σ |A| ((|G| |w| |Gᵀ|) ∘ (|B| |d| |Bᵀ|)) |Aᵀ|``: A and B are exact in binary and have no
more than 5 entries a line, so that each of their two sums is 25 roundings deep, ``G w Gᵀ`` is 11,
and the products and their sum are C. The direct sum is off by ``γ_{9C} Σ |w| |d|``; what γ
multiplies is up to `amplification` = 63 times larger here (256 times for the usual 0, ±1, ±2).
The transpose sums the outputs instead, and up to four tiles in each pixel: three roundings more.

Sources: Lavin, Gray (2016), arXiv:1509.09308, for the tiles; Barabasz et al. (2020),
arXiv:1803.10986, for how points are chosen.
"""

from fractions import Fraction
from functools import lru_cache
from math import isqrt, prod
from typing import Any

import numpy as np

from alignment_theory.arrays import EXACT, Array, readonly
from alignment_theory.kernels.tiles import STEP, gathered, scatter
from alignment_theory.layers.base import Shape
from alignment_theory.layers.windows import Block, Pair, Windows, blocks
from alignment_theory.threads import side_by_side

POINTS = (Fraction(0), Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2))
"""Where the polynomials are evaluated, besides infinity; small, apart, and exact in binary."""

_TILES = 128  # laid out at a time
_LEAST_SIDE = 12
_FEWEST_CHANNELS = 16


def suits(weight: Array, windows: Windows, groups: int, output: Pair) -> bool:
    """Tell whether a convolution can be computed in this way, and is large enough to gain by it."""
    return (
        windows == Windows((3, 3), padding=windows.padding)
        and groups == 1
        and min(output) >= _LEAST_SIDE
        and min(weight.shape[:2]) >= _FEWEST_CHANNELS
    )


def matrices() -> tuple[Array, Array, Array]:
    """Return A, G and B in exact fractions."""
    a, g, b = np.zeros((4, 6), EXACT), np.zeros((6, 3), EXACT), np.zeros((6, 6), EXACT)
    for k, point in enumerate(POINTS):
        others = POINTS[:k] + POINTS[k + 1 :]
        a[:, k] = [point**power for power in range(4)]
        g[k] = [point**power / prod(point - other for other in others) for power in range(3)]
        b[k, :5] = _coefficients(others)
    a[3, 5] = g[5, 2] = Fraction(1)
    b[5] = _coefficients(POINTS)
    return a, g, b


def _coefficients(roots: tuple[Fraction, ...]) -> list[Fraction]:
    """Return the coefficients of Π (x - root), that of x⁰ first."""
    zero, found = Fraction(0), [Fraction(1)]
    for root in roots:
        found = [up - root * same for up, same in zip([zero, *found], [*found, zero], strict=True)]
    return found


def amplification() -> float:
    """Return how many times larger a worst sum of magnitudes is than that of direct sums.

    The worst are weights and inputs of one magnitude, and the output at a corner of its tile.
    """
    a, g, b = (np.abs(matrix) for matrix in matrices())
    return float((a @ (g.sum(axis=1) * b.sum(axis=1))).max() / 3) ** 2


@lru_cache
def _flat(dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Return A ⊗ A, G ⊗ G and B ⊗ B, which act on flattened tiles."""
    a, g, b = (readonly(np.kron(matrix, matrix).astype(dtype)) for matrix in matrices())
    return a, g, b


def transformed(weight: Array) -> Array:
    """Return ``G w Gᵀ`` of weights (outputs, inputs, 3, 3), (36, outputs, inputs)."""
    wide = weight if weight.dtype == EXACT else weight.astype(np.float64)
    found = _flat(wide.dtype)[1] @ wide.reshape(-1, 9).T
    return readonly(found.reshape(36, *weight.shape[:2]).astype(weight.dtype))


def convolved(values: Array, products: Array, windows: Windows) -> Array:
    """Return the convolution of a batch with weights that are `transformed`."""
    size = windows.output_size("Conv2d", (values.shape[2], values.shape[3]))
    found = np.zeros((len(values), products.shape[1], *size), values.dtype)
    a, _, b = _flat(values.dtype)
    _cross(values, _corner(windows), b, products, a, (0, 0), found, size)
    return found


def transposed(relevance: Array, input_shape: Shape, products: Array, windows: Windows) -> Array:
    """Return the transpose of `convolved`, for inputs of a shape (channels, height, width)."""
    size = relevance.shape[2], relevance.shape[3]
    found = np.zeros((len(relevance), *input_shape), relevance.dtype)
    a, _, b = _flat(relevance.dtype)
    back = products.transpose(0, 2, 1)
    _cross(relevance, (0, 0), a.T, back, b.T, _corner(windows), found, size)
    return found


def _corner(windows: Windows) -> Pair:
    """Return how far outside the image the first tile starts."""
    return windows.padding[0][0], windows.padding[1][0]


def _cross(
    values: Array,
    entry: Pair,
    inner: Array,
    products: Array,
    outer: Array,
    leave: Pair,
    found: Array,
    size: Pair,
) -> None:
    """Add to `found` what the products make of all tiles, `inner` and `outer` acting on each.

    The tiles start at `entry` in the values and at `leave` in what is found; together they have
    outputs of that size.
    """
    rows, columns = (-(-outputs // STEP) for outputs in size)
    side, made = isqrt(inner.shape[1]), isqrt(outer.shape[0])

    def multiply(block: Block) -> Array:
        part, band = block
        count = band.stop - band.start
        tiles = gathered(values[part], side, entry, band.start, count, columns)
        entered = inner @ tiles.reshape(*tiles.shape[:2], side**2, -1)
        samples, channels, points, places = entered.shape
        stacked = entered.transpose(2, 1, 0, 3).reshape(points, channels, -1)
        left = (products @ stacked).reshape(points, -1, samples, places)
        spread = outer @ left.transpose(2, 1, 0, 3)
        return spread.reshape(samples, -1, made, made, count, columns)

    parts = blocks(len(values), (rows, columns), _TILES)
    for (part, band), tiles in zip(parts, side_by_side(multiply, parts), strict=True):
        scatter(tiles, found[part], leave, band.start)
