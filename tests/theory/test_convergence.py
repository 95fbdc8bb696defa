"""The law of CSC under linear backward maps, its rank-one limit, its baseline and its bound."""

import numpy as np
import pytest

from alignment_theory import convergence
from alignment_theory.theory.convergence import (
    convergence_law,
    gaussian_cosine_quantile,
    greatest_rest,
    rank_one_median,
    rank_one_rest,
)
from alignment_theory.theory.projective import projective_diameter
from alignment_theory.verification.statistics import clopper_pearson, two_sample_ks

ALPHA = 1e-6
SIZE = 20_000


def rng(seed=0):
    return np.random.default_rng(seed)


def divergences(starts):
    """Return 1 - |cos| of pairs (2, samples, channels)."""
    return convergence(starts).divergence.values.ravel()


def agrees(below, total, share=0.5):
    """Tell whether a count is that of a share, with an error of 1e-6."""
    low, high = clopper_pearson(int(below), total, confidence=1 - ALPHA)
    return low <= share <= high


@pytest.mark.parametrize("channels", [2, 3, 64, 512])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_the_gaussian_baseline(channels, share):
    cosines = 1 - divergences(rng(channels).standard_normal((2, SIZE, channels)))
    below = (cosines < gaussian_cosine_quantile(channels, share)).sum()
    assert agrees(below, SIZE, share)
    wrong = (cosines < gaussian_cosine_quantile(2 * channels, share)).sum()
    assert not agrees(wrong, SIZE, share)


def test_the_baseline_by_hand():
    assert gaussian_cosine_quantile(1) == 1
    assert gaussian_cosine_quantile(2) == pytest.approx(np.cos(np.pi / 4))  # a uniform angle
    assert gaussian_cosine_quantile(3) == pytest.approx(0.5)  # Archimedes: cos is uniform


MAPS = {
    "wide": rng(1).standard_normal((5, 12)),
    "tall": rng(2).standard_normal((12, 5)),
    "nearly rank one": np.ones((6, 8)) + 1e-3 * rng(3).standard_normal((6, 8)),
    "rank two": rng(4).standard_normal((6, 2)) @ rng(5).standard_normal((2, 7)),
}


def starts_under(matrix, size=SIZE, seed=7):
    return rng(seed).standard_normal((2, size, matrix.shape[1])) @ matrix.T


@pytest.mark.parametrize("name", MAPS)
def test_the_law_depends_on_singular_values_only(name):
    matrix = MAPS[name]
    seen = divergences(starts_under(matrix))
    values = np.linalg.svd(matrix, compute_uv=False)
    test = two_sample_ks(seen, convergence_law(values, SIZE, rng=rng(8)), alpha=ALPHA)
    assert test.p_value > ALPHA, test
    wrong = two_sample_ks(seen, convergence_law(values**2, SIZE, rng=rng(8)), alpha=ALPHA)
    assert wrong.p_value < ALPHA


def test_many_maps_at_once_and_maps_that_are_zero():
    found = convergence_law([[1.0, 0.5], [0, 0], [2, 0]], 100, rng=rng())
    assert found.shape == (100, 3)
    assert np.isnan(found[:, 1]).all() and (found[:, 2] == 0).all() and (found[:, 0] > 0).all()
    np.testing.assert_array_equal(rank_one_median([[0.5, 1], [0, 0], [2, 0]]), [0.5, np.nan, 0])
    np.testing.assert_array_equal(rank_one_rest([[0.5, 1, 0.5], [0, 0, 0]]), [0.5, np.nan])
    assert rank_one_median([3.0]) == 0


@pytest.mark.parametrize("ratio", [1e-2, 1e-6, 1e-12])
def test_the_rank_one_median(ratio):
    """The next order is a relative ratio², 1e-4 at most: far below what 20000 pairs resolve."""
    values = [1, ratio]
    law = convergence_law(values, SIZE, rng=rng(9))
    assert agrees((law < rank_one_median(values)).sum(), SIZE)
    assert not agrees((law < rank_one_median(values) / 2).sum(), SIZE)


def test_the_rank_one_law_with_several_small_singular_values():
    ratios = 1e-4 * np.array([3.0, 2, 1, 1])
    law = convergence_law([1, *ratios], SIZE, rng=rng(10))
    normal = rng(11).standard_normal((SIZE, 5))
    limit = 2 * (ratios**2 * normal[:, 1:] ** 2).sum(axis=1) / normal[:, 0] ** 2
    assert two_sample_ks(law, limit, alpha=ALPHA).p_value > ALPHA
    assert two_sample_ks(law, limit / 2, alpha=ALPHA).p_value < ALPHA
    assert np.median(law) > rank_one_median([1, *ratios])


def test_birkhoffs_bound_on_what_is_not_rank_one():
    violated = 0
    for seed in range(200):
        generator = rng(seed)
        shape = generator.integers(2, 6, size=2)
        matrix = np.exp(generator.uniform(0.01, 2) * generator.standard_normal(shape))
        rest = rank_one_rest(np.linalg.svd(matrix, compute_uv=False))
        diameter = projective_diameter(matrix)
        assert rest <= greatest_rest(diameter) * (1 + 1e-12)
        violated += rest > greatest_rest(diameter / 4)
    assert violated > 20  # a bound with a quarter of the distance is refuted
    assert greatest_rest(np.inf) == np.inf and greatest_rest(0) == 0
    assert greatest_rest(2 * np.arcsinh(1)) == pytest.approx(1)


BAD = [
    (lambda: gaussian_cosine_quantile(0), "channels: expected a positive integer"),
    (lambda: gaussian_cosine_quantile(3, 1.5), "share: expected a probability"),
    (lambda: convergence_law([1, -1], 3, rng=rng()), "singular_values: expected numbers >= 0"),
    (lambda: convergence_law([], 3, rng=rng()), "singular_values: expected numbers >= 0"),
    (lambda: convergence_law([1, 2], 0, rng=rng()), "size: expected a positive integer"),
    (lambda: convergence_law([1, 2], 3, rng=0), "numpy.random.Generator"),
    (lambda: greatest_rest(-1), "distance: expected Hilbert distances >= 0, .* got -1.0"),
    (lambda: greatest_rest([1, np.nan]), "distance: expected Hilbert distances >= 0, .* got nan"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
