"""Winograd's algorithm F(4 x 4, 3 x 3) for convolutions of 3 x 3 weights and stride 1.

A tile of 4 x 4 outputs sees 6 x 6 inputs d. With the matrices A (4, 6), G (6, 3) and B (6, 6) it is
``A ((G w Gᵀ) ∘ (B d Bᵀ)) Aᵀ``, summed over the channels: 36 products a channel in place of 144.
They are those of two polynomials given by their values at six points: 0, ±5/8, ±3/2 and infinity.

In exact arithmetic this *is* the convolution. In floats an output of C channels is off by at most
``γ_{C+27} Σ |A| ((|G| |w| |Gᵀ|) ∘ (|B| |d| |Bᵀ|)) |Aᵀ|``. Points come in pairs ±p, so that a line
of B or A is an even part plus or minus an odd one, no more than 4 roundings deep, and their
constants are exact in binary: A and B round 8 times each. ``G w Gᵀ`` rounds 11 times, and the
products and their sum C times. The direct sum is off by ``γ_{9C} Σ |w| |d|``; what γ multiplies is
up to `amplification` = 63 times larger here (256 times for the usual 0, ±1, ±2). The numbers on the
way are larger too: where inputs or weights come within 30 times of the largest float, or
``Σ_c max |w| max |d|`` within 9 · 63 times, it may overflow and the direct sum not.

Sources: Lavin, Gray (2016), arXiv:1509.09308, for the tiles; Barabasz et al. (2020),
arXiv:1803.10986, for how points are chosen.
"""

from fractions import Fraction
from itertools import product
from math import prod

import numpy as np

from alignment_theory.arrays import EXACT, Array, readonly
from alignment_theory.kernels.tiles import MOST, STEP, entered, leave
from alignment_theory.layers.windows import Pair, Windows, blocks
from alignment_theory.threads import shares, side_by_side, useful

POINTS = (Fraction(0), Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2))
"""0, a, -a, b, -b: where polynomials are evaluated, besides infinity; small, apart, and exact."""

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


def transformed(weight: Array) -> Array:
    """Return ``G w Gᵀ`` of weights (outputs, inputs, 3, 3), (36, outputs, inputs)."""
    wide = weight if weight.dtype == EXACT else weight.astype(np.float64)
    _, g, _ = matrices()
    found = np.kron(g, g).astype(wide.dtype) @ wide.reshape(-1, 9).T
    return readonly(found.reshape(36, *weight.shape[:2]).astype(weight.dtype))


def convolved(values: Array, products: Array, windows: Windows) -> Array:
    """Return the convolution of a batch with weights that are `transformed`."""
    size = windows.output_size("Conv2d", (values.shape[2], values.shape[3]))
    corner = windows.padding[0][0], windows.padding[1][0]
    found = np.empty((len(values), products.shape[1], *size), values.dtype)
    points = np.array([POINTS[1], POINTS[3]]).astype(values.dtype)
    rows, columns = (-(-outputs // STEP) for outputs in size)
    strips = shares(columns, -(-columns // MOST))
    samples, bands = blocks(len(values), (rows, strips[-1].stop - strips[-1].start), MOST)

    def cross(item: tuple[slice, slice, slice]) -> None:
        part, band, strip = item
        seen, above, wide = values[part], found[part], strip.stop - strip.start
        top, left = STEP * band.start, STEP * strip.start
        places = (band.stop - band.start) * wide
        tiles = np.empty((36, seen.shape[1], len(seen), places), values.dtype)

        def enter(inputs: slice) -> None:
            origin = (top - corner[0], left - corner[1])
            entered(seen, points, origin, wide, (inputs.start, inputs.stop), tiles)

        def multiply(outputs: slice) -> None:
            made = products[:, outputs] @ tiles.reshape(*tiles.shape[:2], -1)
            made = made.reshape(36, -1, *tiles.shape[2:])
            leave(made, points, (top, left), wide, outputs.start, above)

        side_by_side(enter, shares(seen.shape[1], useful(4 * tiles.size)))  # some 4 steps each
        threads = useful(tiles.size, tiles.size * products.shape[1])
        side_by_side(multiply, shares(above.shape[1], threads))

    side_by_side(cross, list(product(samples, bands, strips)))
    return found
