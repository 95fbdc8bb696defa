"""Cosines and measured values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignment_theory import Measured, cosine
from alignment_theory.arrays import as_array


def test_by_hand():
    left = np.array([[3.0, 4.0], [1.0, 0.0], [1.0, 1.0], [-2.0, 0.0]])
    right = np.array([[4.0, 3.0], [0.0, 2.0], [5.0, 5.0], [3.0, 0.0]])
    measured = cosine(left, right)
    assert measured.values == pytest.approx([0.96, 0, 1, -1], abs=1e-15)
    assert measured.reasons.tolist() == [""] * 4
    assert measured.undefined == {}
    assert measured.mean() == pytest.approx(0.24)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-170, 1e155, 1e160, 1e308])
def test_scale_does_not_matter(scale):
    left = np.array([[1.0, 0.5, 0.0]]) * scale
    assert cosine(left, left).values[0] == pytest.approx(1, abs=1e-15)
    if scale > 1e-300:
        assert cosine(left, np.array([[1.0, 1.0, 0.0]])).values[0] == pytest.approx(1.5 / 2.5**0.5)


def test_parallel_vectors_never_exceed_one():
    """Normalised vectors multiply to 1 + 2^-52 in one case of six before clipping."""
    vectors = np.random.default_rng(0).normal(size=(1000, 7))
    values = cosine(vectors, 3 * vectors).values
    assert values.max() == 1
    assert values.min() > 1 - 1e-15
    assert cosine(vectors, -vectors).values.min() == -1


def test_undefined_cosines_have_reasons_and_are_left_out_of_means():
    left, right = (
        np.array([[0.0, 0], [1, 0], [0, 0], [1, 0]]),
        np.array([[1.0, 0], [0, 0], [0, 0], [1, 0]]),
    )
    measured = cosine(left, right, ("g", "a"))
    assert measured.reasons.tolist() == ["g all zero", "a all zero", "g and a all zero", ""]
    assert np.isnan(measured.values).tolist() == [True, True, True, False]
    assert measured.undefined == {"g all zero": 1, "a all zero": 1, "g and a all zero": 1}
    assert measured.mean() == 1
    empty = cosine(left[:1], right[:1])
    assert np.isnan(empty.mean())
    stacked = Measured.stack([measured, measured])
    assert stacked.values.shape == (2, 4)
    assert stacked.mean().tolist() == [1, 1]


moderate = st.floats(-1e3, 1e3).filter(lambda v: v == 0 or abs(v) > 1e-3)


@given(hnp.arrays(float, (2, 3, 4), elements=moderate))
def test_cosines_are_within_one_and_of_the_samples_own(pair):
    left, right = pair
    measured = cosine(left, right)
    defined = measured.reasons == ""
    assert (np.isnan(measured.values) == ~defined).all()
    assert (np.abs(measured.values[defined]) <= 1).all()
    for k in range(3):
        single = cosine(left[k : k + 1], right[k : k + 1])
        np.testing.assert_array_equal(single.values[0], measured.values[k])
        if defined[k]:
            plain = left[k] @ right[k] / np.linalg.norm(left[k]) / np.linalg.norm(right[k])
            assert measured.values[k] == pytest.approx(plain, abs=1e-14)
    np.testing.assert_array_equal(cosine(right, left).values, measured.values)


def test_float32_and_fractions_are_measured_in_float64():
    """The cosine of float32 vectors is that of their float64 copies, which are the same numbers."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 50, 20)).astype(np.float32)
    expected = cosine(left.astype(float), right.astype(float)).values
    assert np.abs(cosine(left, right).values - expected).max() < 1e-14
    exact = cosine(*(as_array(v[:3], "v", object) for v in (left, right))).values
    assert exact == pytest.approx(expected[:3], abs=1e-14)


def test_samples_may_have_axes():
    images = np.arange(1.0, 25).reshape(2, 3, 4)
    flat = images.reshape(2, 12)
    assert (cosine(images, images[::-1]).values == cosine(flat, flat[::-1]).values).all()


BAD = [
    (
        np.ones((2, 3)),
        np.ones((3, 2)),
        r"cosine: expected two arrays of one shape.*\(2, 3\).*\(3, 2\)",
    ),
    (np.ones(3), np.ones(3), "cosine: "),
    (np.ones((0, 3)), np.ones((0, 3)), "cosine: "),
    (np.ones((2, 0)), np.ones((2, 0)), "cosine: "),
    (np.array([[np.nan, 1]]), np.ones((1, 2)), "left vector: .*nan"),
    (np.ones((1, 2)), np.array([[np.inf, 1]]), "right vector: .*inf"),
]


@pytest.mark.parametrize(("left", "right", "message"), BAD)
def test_bad_batches(left, right, message):
    """A lone vector is refused: its entries would each pass for a sample, with cosine 1."""
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        cosine(left, right)


def test_lists_are_accepted():
    assert cosine([[1, 0]], [[1, 1]]).values == pytest.approx([0.5**0.5])
