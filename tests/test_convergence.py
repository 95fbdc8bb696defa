"""Cosine similarity convergence: the definition, its digits, and what is undefined."""

from fractions import Fraction
from itertools import combinations

import mpmath
import numpy as np
import pytest

from alignment_theory import convergence
from alignment_theory.convergence import PERCENTILES

ROUNDED = {"rtol": 0, "atol": (3 * (7 + 8) + 2 * 7 + 8 + 8) * 2.0**-53}
"""Of 7 channels: e √8 as `convergence` says, of the definition γ of a dot product and of two norms,
and a few roundings of what is made of them."""


def by_definition(draws):
    """Return |cos| of all pairs as the paper's notebook words it, NaN where a vector is 0."""
    count, samples, channels = draws.shape[:3]
    rows = draws.reshape(count, samples, channels, -1).transpose(0, 1, 3, 2)
    rows = rows.reshape(count, -1, channels)
    with np.errstate(invalid="ignore"):
        units = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.array([np.abs((units[i] * units[j]).sum(-1)) for i, j in pairs(count)])


def pairs(count):
    return list(combinations(range(count), 2))


@pytest.mark.parametrize("places", [(), (3, 4)])
def test_it_is_the_papers_definition(places):
    draws = np.random.default_rng(0).standard_normal((5, 6, 7, *places))
    draws[1, 2, :, ...] = 0
    found = convergence(draws)
    expected = by_definition(draws)
    assert expected.shape[0] == 10  # off-diagonal pairs only
    measured = 1 - found.divergence.values.reshape(10, -1)
    np.testing.assert_allclose(measured, expected, **ROUNDED, equal_nan=True)
    adding = 2 * found.defined.size * 2.0**-53  # at most 1 each
    mean = pytest.approx(np.nanmean(expected), abs=ROUNDED["atol"] + adding)
    assert found.mean() == mean
    wanted = np.nanpercentile(expected, PERCENTILES)
    np.testing.assert_allclose(found.percentiles(), wanted, **ROUNDED)
    medians = np.nanmedian(1 - expected.reshape(10, 6, -1).swapaxes(0, 1).reshape(6, -1), axis=1)
    np.testing.assert_allclose(found.sample_medians(), medians, **ROUNDED)


def test_the_pairs_of_a_draw_with_itself_would_be_seen():
    """The peers' simulation mask keeps the diagonal: 1/6 of 5 draws would count |cos| = 1."""
    draws = np.random.default_rng(1).standard_normal((5, 200, 30))
    found = convergence(draws)
    with_diagonal = (10 * found.mean() + 5) / 15
    assert found.percentiles(100) < 0.9 < 1
    assert with_diagonal - found.mean() > 0.2


def exact_divergence(u, v):
    """Return 1 - |cos| of two vectors of floats, to 60 digits."""
    u, v = ([Fraction(float(entry)) for entry in vector] for vector in (u, v))
    dot, left, right = (
        sum(a * b for a, b in zip(*two, strict=True)) for two in ((u, v), (u, u), (v, v))
    )
    with mpmath.workdps(80):
        square = dot * dot / (left * right)
        return 1 - mpmath.sqrt(mpmath.mpf(square.numerator) / square.denominator)


@pytest.mark.parametrize("channels", [2, 64])
@pytest.mark.parametrize("angle", 10.0 ** -np.arange(0, 17, 2))
@pytest.mark.parametrize("scale", [1.0, -1e-200, 1e200])
def test_nearly_parallel_vectors_keep_their_digits(angle, channels, scale):
    rng = np.random.default_rng(channels)
    for _ in range(5):
        u = rng.standard_normal(channels)
        v = scale * (u + angle * rng.standard_normal(channels))
        found = convergence(np.array([u, v])[:, np.newaxis]).divergence.values.item()
        expected = exact_divergence(u, v)
        e = (channels + 8) * 2.0**-53
        assert abs(found - expected) <= e * mpmath.sqrt(8 * expected) + e * e
    if angle == 1e-8:
        assert 0 < found < 1e-14  # 1 - (float) |cos| could only say 0 or a multiple of 1e-16
        assert found % 2.0**-53 != 0


def test_zero_vectors_are_counted_with_their_reason():
    draws = np.ones((3, 2, 4, 5))
    draws[0, 0, :, 1] = 0
    draws[1, 0, :, 1] = 0
    found = convergence(draws)
    assert found.undefined == {"both vectors all zero": 1, "one vector all zero": 2}
    assert found.defined.size == 3 * 2 * 5 - 3
    assert found.mean() == 1
    nothing = convergence(np.zeros((2, 3, 4)))
    assert nothing.undefined == {"both vectors all zero": 3}
    assert np.isnan(nothing.mean()) and np.isnan(nothing.percentiles()).all()
    assert np.isnan(nothing.sample_medians()).all()


def test_one_channel_has_no_direction_but_its_sign():
    assert convergence([[[1.0]], [[-3.0]]]).divergence.values.tolist() == [[[0.0]]]


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 3), (2, 0, 3), (2, 3, 0)])
def test_wrong_shapes(shape):
    with pytest.raises(ValueError, match=r"at least two draws \(draws, samples, channels"):
        convergence(np.ones(shape))


def test_not_finite():
    with pytest.raises(ValueError, match="draws: expected finite"):
        convergence(np.full((2, 1, 2), np.nan))
