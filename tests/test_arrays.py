"""Coercion and checks of arrays, the division policy."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory.arrays import (
    as_array,
    divide,
    is_exact,
    overflowed,
    readonly,
    scalar_like,
)

HALF = Fraction(1, 2)

ACCEPTED = [
    ([1, 2], None, np.float64),
    ([0.5, 2], None, np.float64),
    ([True, False], None, np.float64),
    (3, None, np.float64),
    (np.array([1, 2], np.uint8), None, np.float64),
    (np.array([1, 2], np.int64), np.float32, np.float32),
    (np.array([True]), np.float32, np.float32),
    (np.float32([0.1]), None, np.float32),
    (np.float32([0.1]), np.float64, np.float64),
    ([0.1], np.float32, np.float32),
    (np.float32(0.1), np.float64, np.float64),
    ([HALF, 2], None, object),
    ([1, 2], object, object),
    ([0.1], object, object),
    (np.float32([0.1]), object, object),
    (np.array([1, 2], np.int16), object, object),
    (np.array([True, False]), object, object),
    ([10**30], None, object),
]


@pytest.mark.parametrize(("value", "wanted", "dtype"), ACCEPTED)
def test_accepted(value, wanted, dtype):
    array = as_array(value, "value", wanted)
    assert array.dtype == dtype
    assert array.shape == np.shape(value)
    assert array.flags.c_contiguous
    assert is_exact(array) == (dtype is object)
    if dtype is object:
        assert {type(entry) for entry in array.flat} == {Fraction}
        assert array.tolist() == [Fraction(v) for v in np.asarray(value).tolist()]
    else:
        assert (array == np.asarray(value, dtype)).all()


BIG = "hold only by rounding|exactly|round"
REJECTED = [
    (np.array([0.1]), np.float32, r"value: got float64 .* float32.*astype"),
    (np.float64(0.1), np.float32, "value: got float64"),
    (np.array([1 + 1j]), None, "value: expected float32, float64.*complex128"),
    (np.array([1], np.float16), None, "value: .*float16"),
    (np.array([1], np.longdouble), None, "value: .*float128|longdouble"),
    (np.array([1.0], ">f8"), None, "value: .*>f8"),
    (["a", "b"], None, "value: .*<U1"),
    (np.array(["a"], object), None, "value: .*str at index \\(0,\\)"),
    (np.array(["a"], object), np.float64, "value: .*object.*float64"),
    ([HALF], np.float64, "value: .*object.*float64"),
    (np.array([HALF, 0.5], object), None, "value: .*float at index \\(1,\\)"),
    (None, None, "value: .*NoneType"),
    ([[1, 2], [3]], None, "value: expected a rectangular array"),
    ([1.0, float("nan")], None, "value: expected finite numbers, got nan at index \\(1,\\)"),
    ([[1.0], [float("inf")]], None, "value: .*inf at index \\(1, 0\\)"),
    (np.array([-np.inf, np.nan]), None, "value: .*-inf at index \\(0,\\).*2 such"),
    ([float("nan")], object, "value: .*(finite|nan)"),
    ([1e300], np.float32, "value: "),
    (np.array([2**53 + 1]), None, f"value: .*({BIG})"),
    (np.array([2**24 + 1]), np.float32, f"value: .*({BIG})"),
    (np.array([2**64 - 1], np.uint64), np.float64, f"value: .*({BIG})"),
    (np.ma.array([1.0, 2.0], mask=[False, True]), None, "value: .*mask"),
    (np.array(["2020-01-01"], "M8[D]"), None, "value: .*datetime64"),
]


@pytest.mark.parametrize(("value", "wanted", "message"), REJECTED)
def test_rejected(value, wanted, message):
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        as_array(value, "value", wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layout_does_not_matter_and_the_input_is_not_changed(dtype):
    base = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    for given_array in (base[:, ::2], np.asfortranarray(base), base.T, base[::-1]):
        before = given_array.copy()
        given_array.flags.writeable = False
        array = as_array(given_array, "value")
        assert array.flags.c_contiguous
        assert (array == before).all()
        assert (given_array == before).all()


def test_subnormal_numbers_and_negative_zero_are_kept():
    array = as_array([5e-324, -0.0], "value")
    assert array[0] == 5e-324
    assert np.signbit(array[1])


small = st.integers(-3, 3)


@given(numerators=st.lists(small, min_size=1), data=st.data())
def test_divide_gives_0_at_0(numerators, data):
    size = len(numerators)
    denominators = data.draw(st.lists(small, min_size=size, max_size=size))
    expected = [Fraction(n, d) if d else 0 for n, d in zip(numerators, denominators, strict=True)]
    exact = divide(*(as_array(v, "v", object) for v in (numerators, denominators)))
    assert exact.tolist() == expected
    for dtype in (np.float32, np.float64):
        quotient = divide(*(as_array(v, "v", dtype) for v in (numerators, denominators)))
        assert quotient.dtype == dtype
        assert quotient.tolist() == [
            float(dtype(n) / dtype(d)) if d else 0
            for n, d in zip(numerators, denominators, strict=True)
        ]


def test_divide_treats_negative_zero_as_empty():
    assert divide(np.array([1.0]), np.array([-0.0])).tolist() == [0]


def test_scalars_keep_the_element_type():
    for dtype in (np.float32, np.float64):
        array = np.ones(2, dtype)
        assert (array * scalar_like(0.1, array)).dtype == dtype
        assert scalar_like(HALF, array) == 0.5
    exact = as_array([1], "value", object)
    assert scalar_like(0.5, exact) == HALF
    assert scalar_like(0.1, exact) == Fraction(0.1)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.int64(1), 1, HALF])
def test_numpy_scalars_become_fractions_too(value):
    assert scalar_like(value, as_array([1], "value", object)) == Fraction(float(value))


def test_readonly_copies():
    array = np.ones(2)
    copy = readonly(array)
    array[0] = 5
    assert copy.tolist() == [1, 1]
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 2


def test_overflow_is_seen_in_floats_only():
    assert overflowed(np.array([1, np.inf], np.float32))
    assert overflowed(np.array([np.nan]))
    assert not overflowed(np.array([1e308]))
    assert not overflowed(as_array([10**400], "value", object))
