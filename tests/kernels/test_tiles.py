"""Tiles equal their Python functions and their definition, and adding them is the transpose."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory.kernels.tiles import STEP, gathered, scatter


@st.composite
def cases(draw):
    """Whole numbers as an image, and some of the tiles that cover it."""
    height, width, rows, columns = (draw(st.integers(1, 9)) for _ in range(4))
    side, first = draw(st.sampled_from([4, 6])), draw(st.integers(0, 2))
    corner = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    images = rng.integers(-9, 9, (2, 2, height, width)).astype(dtype)
    return images, (side, corner, first, rows, columns), rng


def defined(images, side, corner, first, rows, columns):
    """Cut the tiles out of a frame of zeros."""
    reach = STEP * (first + rows + columns) + side
    around = ((0, 0), (0, 0), (corner[0], reach), (corner[1], reach))
    framed = np.pad(images, around)
    tiles = np.zeros((*images.shape[:2], side, side, rows, columns), images.dtype)
    for y, x in np.ndindex(rows, columns):
        top, left = STEP * (first + y), STEP * x
        tiles[..., y, x] = framed[..., top : top + side, left : left + side]
    return tiles


@given(cases())
def test_gathered_equals_its_python_function_and_definition(case):
    images, wanted, _ = case
    found = gathered(images, *wanted)
    assert found.dtype == images.dtype
    assert (found == gathered.py_func(images, *wanted)).all()
    assert (found == defined(images, *wanted)).all()


@given(cases())
def test_scatter_equals_its_python_function_and_adds_the_transpose(case):
    images, (side, corner, first, rows, columns), rng = case
    shape = (*images.shape[:2], side, side, rows, columns)
    tiles = rng.integers(-9, 9, shape).astype(images.dtype)
    found, python = images.copy(), images.copy()
    scatter(tiles, found, corner, first)
    scatter.py_func(tiles, python, corner, first)
    assert (found == python).all()
    other = rng.integers(-9, 9, images.shape).astype(images.dtype)
    seen = gathered(other, side, corner, first, rows, columns)
    assert (other * (found - images)).sum() == (seen * tiles).sum()


def test_fractions_run_as_python():
    images = np.array([[[[Fraction(1, 3), Fraction(2)]]]])
    tiles = gathered(images, 4, (1, 1), 0, 1, 1)
    assert tiles[0, 0, 1, 1:3, 0, 0].tolist() == [Fraction(1, 3), 2]
    scatter(tiles, images, (1, 1), 0)
    assert images[0, 0].tolist() == [[Fraction(2, 3), 4]]
