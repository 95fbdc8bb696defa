"""Tiles equal their Python functions and what the matrices of the algorithm make of them."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory.kernels.tiles import STEP, entered, leave
from alignment_theory.layers.winograd import POINTS, matrices


@st.composite
def cases(draw):
    """Small whole numbers as images, and some of the tiles that cover them."""
    height, width, rows, columns = (draw(st.integers(1, 9)) for _ in range(4))
    origin = draw(st.integers(-5, 8)), draw(st.integers(-5, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = rng.integers(-3, 4, (2, 3, height, width))
    return images, origin, rows, columns, rng


def points(dtype):
    return np.array([POINTS[1], POINTS[3]]).astype(dtype)


def cut(images, origin, rows, columns):
    """Cut tiles out of a frame of zeros, (6, 6, channels, samples, tiles)."""
    reach = STEP * (rows + columns) + 20
    framed = np.pad(images, ((0, 0), (0, 0), (5, reach), (5, reach)))
    found = np.empty((6, 6, *images.shape[1::-1], rows * columns), images.dtype)
    for place, (y, x) in enumerate(np.ndindex(rows, columns)):
        top, left = (5 + first + STEP * k for first, k in zip(origin, (y, x), strict=True))
        tile = framed[:, :, top : top + 6, left : left + 6]
        found[..., place] = tile.transpose(2, 3, 1, 0)
    return found


@given(cases(), st.sampled_from([np.float32, np.float64]))
def test_entered_equals_its_python_function_and_the_matrix(case, dtype):
    """With so few digits the sums in float64 are exact; float32 is compared with Python alone."""
    images, origin, rows, columns, _ = case
    images = images.astype(dtype)
    found, python = (np.full((36, 3, 2, rows * columns), 7, dtype) for _ in range(2))
    entered(images, points(dtype), origin, columns, (1, 3), found)
    entered.py_func(images, points(dtype), origin, columns, (1, 3), python)
    assert (found == python).all()
    assert (found[:, 0] == 7).all()
    if dtype == np.float64:
        b = matrices()[2].astype(dtype)
        expected = np.einsum("ik,klcnp,jl->ijcnp", b, cut(images, origin, rows, columns), b)
        assert (found.reshape(6, 6, *found.shape[1:])[:, :, 1:] == expected[:, :, 1:]).all()


@given(cases(), st.sampled_from([np.float32, np.float64]))
def test_leave_equals_its_python_function_and_the_matrix(case, dtype):
    images, origin, rows, columns, rng = case
    origin = max(0, origin[0]), max(0, origin[1])
    values = rng.integers(-3, 4, (36, 2, 2, rows * columns)).astype(dtype)
    found, python = images.astype(dtype), images.astype(dtype)
    leave(values, points(dtype), origin, columns, 1, found)
    leave.py_func(values, points(dtype), origin, columns, 1, python)
    assert (found == python).all()
    if dtype == np.float64:
        a = matrices()[0].astype(dtype)
        tiles = values.reshape(6, 6, *values.shape[1:])
        made = np.einsum("ik,klcnp,jl->ijcnp", a, tiles, a)
        expected = np.pad(images, ((0, 0), (0, 0), (0, 60), (0, 60))).astype(dtype)
        for place, (y, x) in enumerate(np.ndindex(rows, columns)):
            top, left = (first + STEP * k for first, k in zip(origin, (y, x), strict=True))
            tile = made[..., place].transpose(3, 2, 0, 1)
            expected[:, 1:, top : top + STEP, left : left + STEP] = tile
        assert (found == expected[:, :, : images.shape[2], : images.shape[3]]).all()


def test_fractions_run_as_python():
    images = np.array([[[[Fraction(1, 3)]]]])
    found = np.empty((36, 1, 1, 1), object)
    entered(images, points(object), (-1, -1), 1, (0, 1), found)
    b = matrices()[2]
    assert (found.reshape(6, 6) == np.multiply.outer(b[:, 1], b[:, 1]) / 3).all()
