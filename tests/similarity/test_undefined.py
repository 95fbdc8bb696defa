"""Maps that have no similarity: they are counted, with a reason, and crash nothing."""

import numpy as np
import pytest
from similarity.definitions import ids, maps, rounding

from alignment_theory.similarity import COSINE, PRESETS, WEL, Similarity


@pytest.mark.parametrize("preset", PRESETS, **ids)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_maps_that_say_nothing_are_counted_and_crash_nothing(preset, place):
    """Quantus crashes on an all-zero attribution in sample 0 or 1."""
    left, right = maps(2)
    expected = preset(left, right).values
    for value in (0.0, 2.5):
        broken = left.copy()
        broken[place] = value
        found = preset(broken, right)
        if preset is COSINE:
            words = {"left map all zero": 1} if value == 0 else {}
        else:
            words = {"left map constant": 1}
        assert found.undefined == words
        assert np.isnan(found.values[place]) == bool(words)
        others = np.arange(3) != place
        np.testing.assert_array_equal(found.values[others], expected[others])
    both = preset(broken, broken)
    assert both.undefined == ({} if preset is COSINE else {"left map and right map constant": 1})


def test_maps_that_scaling_makes_constant_are_undefined():
    spike = np.zeros((1, 1, 48, 48))
    spike[0, 0, 3, 3] = 1
    assert WEL(spike, maps(3, 1, 1)[0]).undefined == {"left map constant": 1}


def test_what_leaves_the_range_of_floats_is_undefined():
    left, right = maps(1, channels=1)
    for raw in (Similarity("raw", "ssim", data_range=1.0), Similarity("raw", "hog")):
        # squares overflow; hypot of gradients does not, but HOG's norms of blocks do
        found = raw(left * np.array([1, 1e300, 1])[:, None, None, None], right)
        assert found.undefined == {"beyond the range of float64": 1}
        assert np.isnan(found.values).tolist() == [False, True, False]
    tiny = Similarity("tiny", "ssim", data_range=1e-200)
    assert tiny(1e-200 * left, 1e-200 * right).undefined == {"beyond the range of float64": 3}


@pytest.mark.parametrize("preset", PRESETS, **ids)
def test_maps_whose_channels_add_up_to_a_constant_say_nothing(preset):
    rng = np.random.default_rng(0)
    left = rng.integers(-3, 4, (2, 3, 48, 48)).astype(float)
    left[:, 2] = 7 - left[:, :2].sum(axis=1)
    found = preset(left, rng.standard_normal(left.shape))
    if preset.channels in ("sum", "mean"):
        assert found.undefined == {"left map constant": 2} and np.isnan(found.values).all()
    else:
        assert found.undefined == {}


def test_a_free_sign_may_define_what_one_sign_does_not():
    """Cut at its median, a map of zeros and few ones is constant, its negative is not."""
    sparse = np.zeros((1, 1, 12, 12))
    sparse[0, 0, ::4, ::4] = 1
    free = Similarity("free", "pearson", scaling="percentile", percentile=60, flipped=True)
    found = free(1 - sparse, sparse)
    assert found.values == pytest.approx([1], abs=rounding(free, sparse)) and found.undefined == {}
