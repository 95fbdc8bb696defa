"""Kernels equal their Python definition, and what that definition should be."""

import itertools
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rule_table import ENTRIES, attribution_of, explicit_relevances, passes_of

from alignment_theory import Stabiliser, combined_weight
from alignment_theory.kernels import Kernel, kernel
from alignment_theory.kernels.gates import gate, row_quantiles
from alignment_theory.kernels.pooling import largest, put, taken
from alignment_theory.kernels.ratios import ratios
from alignment_theory.kernels.rows import combine
from alignment_theory.kernels.windows import add_up, lay_out
from alignment_theory.rules.rectgrad import Interpolation, quantile_place

FLOATS = (np.float32, np.float64)
floats = st.sampled_from(FLOATS)


def arrays(dtype, shape, *, nan=False):
    """Return arrays with ties, zeros of both signs and, on request, NaN."""
    width = 8 * np.dtype(dtype).itemsize
    special = [0.0, -0.0, 1.0, -1.0, 0.1] + ([float("nan")] if nan else [])
    moderate = st.floats(-1e6, 1e6, width=width)
    entries = st.one_of(st.sampled_from([dtype(v) for v in special]), moderate)
    return hnp.arrays(dtype, shape, elements=entries)


def assert_same(compiled, python, *, signs=True):
    """Assert equal bits, but for the payload of NaN and, unless `signs`, for the sign of 0."""
    for one, other in zip(compiled, python, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        if signs and one.dtype.kind == "f":
            kept = ~np.isnan(one)
            assert (np.signbit(one) == np.signbit(other))[kept].all()


def gated(function, relevance, mask, *which):
    """Return the gates and what they pass."""
    gates, passed = np.empty(relevance.shape, bool), np.empty_like(relevance)
    function(relevance, mask, gates, passed, *which)
    return gates, passed


@given(data=st.data(), dtype=floats, size=st.integers(0, 12))
def test_gate_equals_its_python_function_and_definition(data, dtype, size):
    relevance = data.draw(arrays(dtype, size, nan=True))
    mask = data.draw(hnp.arrays(bool, size))
    for use_mask, only_positive in itertools.product((True, False), repeat=2):
        gates, passed = gated(gate, relevance, mask, use_mask, only_positive)
        python = gated(gate.py_func, relevance, mask, use_mask, only_positive)
        assert_same((gates, passed), python)
        is_open = np.ones(size, bool)
        if use_mask:
            is_open &= mask
        if only_positive:
            is_open &= relevance > 0
        assert (gates == is_open).all()
        assert passed.dtype == dtype
        hidden = ~is_open & ~np.isnan(relevance)
        np.testing.assert_array_equal(passed, np.where(hidden, 0, relevance))


def test_gate_keeps_nan():
    relevance = np.array([np.nan, np.nan, 2.0, -3.0])
    gates, passed = gated(gate, relevance, np.array([True, False, False, True]), True, True)
    assert gates.tolist() == [False, False, False, False]
    np.testing.assert_array_equal(passed, [np.nan, np.nan, 0, 0])


@given(data=st.data(), dtype=floats, form=st.integers(0, 3))
def test_ratios_equal_their_python_function_and_definition(data, dtype, form):
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 5)))
    relevance, total = (data.draw(arrays(dtype, shape)) for _ in range(2))
    bias = data.draw(arrays(dtype, shape[1]))
    epsilon = dtype(data.draw(st.sampled_from([0.0, 0.1, 1.0])))
    with np.errstate(all="ignore"):
        python = ratios.py_func(relevance, total, bias, epsilon, form)
    compiled = ratios(relevance, total, bias, epsilon, form)
    assert_same(compiled, python)
    assert {values.dtype for values in compiled} == {np.dtype(dtype)}
    plain = total + bias
    divisor = list(Stabiliser)[form].apply(plain, epsilon)
    with np.errstate(all="ignore"):
        quotient = np.where(divisor == 0, dtype(0), relevance / divisor)
    np.testing.assert_array_equal(compiled[0], quotient)


def test_ratios_account_for_every_fraction():
    """Σ s·total = Σ R less the three losses, exactly, for every stabiliser."""
    rng = np.random.default_rng(0)
    draw = np.vectorize(lambda n: Fraction(int(n), 2), otypes=[object])
    for form, epsilon in itertools.product(range(4), (Fraction(0), Fraction(3, 2))):
        relevance, total = (draw(rng.integers(-4, 5, (40, 6))) for _ in range(2))
        bias = draw(rng.integers(-4, 5, 6))
        quotient, *losses = ratios(relevance, total, bias, epsilon, form)
        handed = (quotient * total).sum(axis=1)
        assert (handed == relevance.sum(axis=1) - sum(losses)).all()
        divisor = list(Stabiliser)[form].apply(total + bias, epsilon)
        assert (losses[2] == np.where(divisor == 0, relevance, 0).sum(axis=1)).all()
        assert (losses[0] == (quotient * bias).sum(axis=1)).all()


@given(data=st.data(), dtype=floats, size=st.integers(1, 12), weight=st.floats(0, 1, width=32))
def test_row_quantiles_equal_their_python_function(data, dtype, size, weight):
    scores = data.draw(arrays(dtype, (2, size)))
    lower = data.draw(st.integers(0, size - 1))
    weight = dtype(weight if lower < size - 1 else 0)
    compiled = row_quantiles(scores, lower, weight)
    assert compiled.dtype == dtype
    python = row_quantiles.py_func(scores, lower, weight)
    assert_same([compiled], [python], signs=False)  # a partition may put 0.0 before -0.0


@pytest.mark.parametrize("method", get_args(Interpolation))
@pytest.mark.parametrize("dtype", FLOATS)
def test_row_quantiles_equal_numpy_exactly_where_its_place_is_exact(method, dtype):
    """At q = 12.5 k the place (n - 1) q / 100 is a float, so both round the same operations."""
    rng = np.random.default_rng(1)
    for size, eighths in itertools.product(range(1, 20), range(9)):
        scores = rng.normal(size=(4, size)).astype(dtype)
        scores[0] = np.round(scores[0])  # ties
        lower, weight = quantile_place(size, 12.5 * eighths, method)
        ours = row_quantiles(scores, lower, dtype(weight))
        theirs = np.quantile(scores, eighths / 8, axis=1, method=method)
        np.testing.assert_array_equal(ours, theirs.astype(dtype))


@given(
    size=st.integers(2, 50),
    q=st.floats(0, 100),
    method=st.sampled_from(get_args(Interpolation)),
    seed=st.integers(0, 2**32 - 1),
)
def test_row_quantiles_are_within_the_rounding_of_numpys_place(size, q, method, seed):
    """NumPy rounds q / 100 and (n - 1) q / 100, so its place is off by up to 2 ulp of n.

    A place near the middle between, or at, order statistics can then fall on the other side; so
    the methods that jump there are compared at both ends of that interval.
    """
    scores = np.random.default_rng(seed).normal(size=(1, size))
    lower, weight = quantile_place(size, q, method)
    ours = row_quantiles(scores, lower, np.float64(weight))[0]
    slack = 4 * np.finfo(float).eps
    shifts = np.clip([q / 100 - slack, q / 100, q / 100 + slack], 0, 1)
    theirs = np.quantile(scores[0], shifts, method=method)
    gap = np.ptp(scores)
    rounding = 4 * np.finfo(float).eps * (size * gap + np.abs(scores).max())
    assert theirs.min() - rounding <= ours <= theirs.max() + rounding


def test_quantile_place_is_exact():
    """NumPy puts 100 · 0.55 above 55 and so reads the wrong order statistic for "higher"."""
    assert quantile_place(101, 55, "higher") == (55, 0)
    assert quantile_place(101, 55, "linear") == (55, 0)
    assert quantile_place(6, 50, "linear") == (2, Fraction(1, 2))
    assert quantile_place(6, 50, "lower") == (2, 0)
    assert quantile_place(6, 50, "higher") == (3, 0)
    assert quantile_place(6, 50, "midpoint") == (2, Fraction(1, 2))
    assert quantile_place(6, 50, "nearest") == (2, 0)  # 2.5 to the even one
    assert quantile_place(8, 50, "nearest") == (4, 0)  # 3.5 to the even one
    assert quantile_place(6, 45, "midpoint") == (2, Fraction(1, 2))
    assert quantile_place(5, 100, "higher") == (4, 0)
    assert quantile_place(1, 98, "linear") == (0, 0)


@given(data=st.data(), dtype=floats, shape=st.tuples(*3 * [st.integers(1, 4)]))
def test_combined_rows_equal_their_python_function_and_the_product(data, dtype, shape):
    factors = data.draw(arrays(dtype, shape[:2], nan=True))
    rows = np.round(data.draw(arrays(dtype, shape[1:])))
    found, python = (np.zeros((shape[0], shape[2]), dtype) for _ in range(2))
    combine(factors, rows, found)
    combine.py_func(factors, rows, python)
    assert_same([found], [python])
    spread = np.abs(factors) @ np.abs(rows)
    bound = 2 * shape[1] * np.finfo(dtype).eps * spread + np.finfo(dtype).tiny
    close = (np.abs(found - factors @ rows) <= bound) | np.isnan(factors).any(axis=1)[:, None]
    assert close.all()
    assert (np.isnan(found) == np.isnan(factors).any(axis=1)[:, None]).all()


@given(data=st.data(), dtype=floats, last=st.booleans())
def test_largest_equals_its_python_function_and_definition(data, dtype, last):
    window, stride = (data.draw(st.tuples(*2 * [st.integers(1, 3)])) for _ in range(2))
    before = tuple(data.draw(st.integers(0, w - 1)) for w in window)
    shape = (
        2,
        *(w - b + data.draw(st.integers(0, 4)) for w, b in zip(window, before, strict=True)),
    )
    images = data.draw(arrays(dtype, shape))
    size = tuple(
        (n + b - w) // s + 1 for n, b, w, s in zip(shape[1:], before, window, stride, strict=True)
    )
    chosen, python = (np.empty((shape[0], *size), np.intp) for _ in range(2))
    largest(images, window, stride, before, last, chosen)
    largest.py_func(images, window, stride, before, last, python)
    assert_same([chosen], [python])
    numbers = np.arange(images[0].size).reshape(images.shape[1:])
    for n, y, x in np.ndindex(chosen.shape):
        rows, columns = (
            slice(max(k * s - b, 0), k * s - b + w)
            for k, s, b, w in zip((y, x), stride, before, window, strict=True)
        )
        seen = images[n, rows, columns].ravel()
        winners = np.flatnonzero(seen == seen.max())
        assert chosen[n, y, x] == numbers[rows, columns].ravel()[winners[-1 if last else 0]]


@given(data=st.data(), dtype=floats, shape=st.tuples(*3 * [st.integers(1, 5)]))
def test_taken_and_put_equal_their_python_functions_and_are_transposes(data, dtype, shape):
    samples, size, count = shape
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values, places = (
        data.draw(arrays(dtype, (samples, size))),
        rng.integers(size, size=(samples, count)),
    )
    found = taken(values, places)
    assert_same([found], [taken.py_func(values, places)])
    assert (found == np.take_along_axis(values, places, axis=1)).all()
    whole = rng.integers(-9, 9, (samples, count)).astype(dtype)
    below = put(whole, places, size)
    assert_same([below], [put.py_func(whole, places, size)])
    chosen = places[:, :, np.newaxis] == np.arange(size)
    assert (below == np.einsum("nk,nks->ns", whole, chosen)).all()


@given(data=st.data(), dtype=floats, shape=st.tuples(*3 * [st.integers(1, 5)]))
def test_windows_are_laid_out_and_added_up_as_in_python_and_as_transposes(data, dtype, shape):
    count, size, windows = shape
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    images, seen = (rng.integers(-9, 9, (count, n)).astype(dtype) for n in (size + 2, windows))
    places, shift = rng.integers(size, size=windows), data.draw(st.integers(0, 2))
    found, python = np.empty((count, windows), dtype), np.empty((count, windows), dtype)
    lay_out(images, places, shift, found)
    lay_out.py_func(images, places, shift, python)
    assert_same([found], [python])
    assert (found == images[:, shift + places]).all()
    below, python = images.copy(), images.copy()
    add_up(seen, places, shift, below)
    add_up.py_func(seen, places, shift, python)
    assert_same([below], [python])
    assert (below - images == seen @ (shift + places[:, np.newaxis] == np.arange(size + 2))).all()


def test_read_only_arrays():
    values = np.array([3.0, -1.0, 0.0])
    values.flags.writeable = False
    gates, passed = gated(gate, values, values > 0, True, True)
    assert gates.tolist() == [True, False, False]
    assert passed.tolist() == [3, 0, 0]


def test_exact_arrays_run_as_python():
    fresh = kernel(gate.py_func)
    assert isinstance(fresh, Kernel)
    half, mask = np.array([Fraction(1, 2)]), np.array([True])
    assert gated(fresh, half, mask, True, True)[1].tolist() == [Fraction(1, 2)]
    assert "compiled" not in fresh.__dict__
    assert gated(fresh, half.astype(float), mask, True, True)[1].tolist() == [0.5]
    assert "compiled" in fresh.__dict__


def test_explicit_products_need_no_kernel(monkeypatch):
    """With every kernel made to raise, recorded attributions still have their explicit side."""
    names = list(ENTRIES)
    recorded = [attribution_of(name, "ties", dtype) for name in names for dtype in FLOATS]
    for name in names:
        if ENTRIES[name].exact:
            recorded.append(attribution_of(name, "ties", object))

    def refuse(self, first, *rest):
        raise AssertionError(f"kernel {self.py_func.__name__} was called")

    monkeypatch.setattr(Kernel, "__call__", refuse)
    monkeypatch.setattr(Kernel, "compiled", None)
    for attribution in recorded:
        assert combined_weight(attribution).shape[0] == attribution.trace.batch_size
        for run in passes_of(attribution):
            explicit_relevances(run)
    with pytest.raises(AssertionError, match="gate was called"):
        gated(gate, np.ones(1), np.ones(1, bool), True, True)
