"""Settings of a similarity that no preset has."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from skimage.feature import hog

from alignment_theory.similarity import Similarity

MAPS = np.random.default_rng(0).standard_normal((2, 3, 4, 64, 64)).cumsum(axis=-1)


def unscaled(channels):
    """SSIM of maps as they are, which their size changes."""
    return Similarity("raw", "ssim", channels, data_range=1.0, window=5)


def test_the_mean_of_channels_is_their_sum_divided_by_their_number():
    left, right = MAPS
    mean = unscaled("mean")(left, right).values
    # of maps divided by a power of two, which rounds nothing
    assert (mean == unscaled("sum")(left / 4, right / 4).values).all()
    assert (mean != unscaled("sum")(left, right).values).all()


def cut(maps):
    """Return maps between their percentiles 10 and 90, these as 0 and 1."""
    low, high = np.percentile(maps.reshape(3, -1), [10, 90], axis=1)[:, :, np.newaxis, np.newaxis]
    return np.clip((maps - low) / (high - low), 0, 1)


def test_between_and_its_complement():
    left, right = (maps.sum(axis=1) for maps in MAPS)
    expected = unscaled("sum")(cut(left), cut(right)).values
    turned = unscaled("sum")(1 - cut(left), 1 - cut(right)).values
    for scaling, values in (("between", expected), ("complement", turned)):
        found = replace(unscaled("sum"), scaling=scaling, percentile=90)(left, right).values
        # 8 roundings of the maps and 4 running sums over 64 pixels, over constants of at least 1e-4
        assert found == pytest.approx(values, abs=(8 + 4 * 64) * 2.0**-53 * 1e4)
    assert (np.abs(expected - turned) > 1e-6).all()


@pytest.mark.parametrize("cell", [4, 8])
def test_the_size_of_a_cell_is_that_of_the_histograms(cell):
    left, right = (maps.sum(axis=1) for maps in MAPS)
    found = Similarity("x", "hog", cell=cell)(left, right).values
    for k in range(3):
        histograms = [hog(one[k], pixels_per_cell=(cell, cell)) for one in (left, right)]
        expected = stats.spearmanr(*histograms).statistic
        assert found[k] == pytest.approx(expected, abs=8 * histograms[0].size * 2.0**-53)
    assert not np.allclose(found, Similarity("x", "hog", cell=16)(left, right).values)


def test_a_name_is_a_string():
    with pytest.raises(ValueError, match="Similarity: name must be a string, got 3"):
        Similarity(3, "cosine")
