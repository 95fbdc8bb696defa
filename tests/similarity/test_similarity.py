"""Similarities of maps that are equal, turned, scaled, batched or of another sign."""

from dataclasses import replace

import numpy as np
import pytest
from similarity.definitions import ids, maps, rounding

from alignment_theory.similarity import (
    ADEBAYO_CODE,
    HOG_SPEARMAN,
    PRESETS,
    QUANTUS,
    SPEARMAN,
    SPEARMAN_ABS,
    SSIM,
    WEL,
    WEL_SUM,
    Similarity,
)


@pytest.mark.parametrize("preset", PRESETS, **ids)
def test_similarities_of_equal_scaled_and_batched_maps(preset):
    left, right = maps(1)
    bound = {"abs": rounding(preset, left, right)}
    assert preset(left, left).values == pytest.approx(np.ones(3), **bound)
    found = preset(left, right).values
    assert (found < 0.999).all() and (found >= -1).all()
    assert preset(right, left).values == pytest.approx(found, **bound)
    for scale in (1e-250, 1e250):
        assert preset(scale * left, right).values == pytest.approx(found, **bound)
    # a map that is 1000 times larger than its batch mates changes nothing for them
    alone = preset(left[:1], right[:1]).values
    mates = np.array([1, 1000, 1])[:, None, None, None]
    assert preset(left * mates, right * mates).values[0] == pytest.approx(alone[0], **bound)
    narrow = preset(left.astype(np.float32), right.astype(np.float32))
    assert narrow.values.dtype == np.float64


def test_oriented_gradients_see_orientation():
    """Stripes are like stripes shifted and unlike stripes turned."""
    rows = np.sin(np.arange(64) / 2)[:, np.newaxis] * np.ones((1, 1, 64, 64))
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, 1, 1, 64, 64))
    stripes = rows + 2 + noise[0]
    same, turned = (
        HOG_SPEARMAN(stripes, other + noise[1]).values[0]
        for other in (np.roll(rows, 5, axis=2) + 2, rows.swapaxes(2, 3) + 2)
    )
    assert same > 0.5 > 0 > turned


def test_the_sign_is_free_where_the_preset_says_so():
    left = np.random.default_rng(4).standard_normal((3, 1, 32, 32))
    one = {kind: pytest.approx(np.ones(3), abs=rounding(kind, left)) for kind in (SSIM, SPEARMAN)}
    assert WEL_SUM(left, -left).values == one[SSIM]
    # not -1: means and covariances have opposite signs, and SSIM multiplies them
    assert (np.abs(SSIM(left, -left).values) < 0.6).all()
    assert -SPEARMAN(left, -left).values == one[SPEARMAN]
    assert replace(SSIM, flipped=True)(left, -left).values == one[SSIM]


def test_a_data_range_that_is_too_wide_inflates_ssim():
    """Two independent maps of low contrast in [0, 1]: the range 2 that floats get is too kind."""
    rng = np.random.default_rng(5)
    left, right = (0.5 + 0.03 * rng.standard_normal((1, 1, 64, 64)) for _ in range(2))
    plain = Similarity("plain", "ssim", "sum", data_range=1.0)
    narrow, wide = (replace(plain, data_range=r)(left, right).values[0] for r in (1.0, 2.0))
    assert wide - narrow > 0.15


def test_maps_without_a_channel_axis():
    left, right = maps(6, channels=1, side=16)
    for preset in (SSIM, WEL, WEL_SUM, SPEARMAN, SPEARMAN_ABS, ADEBAYO_CODE, QUANTUS):
        np.testing.assert_array_equal(
            preset(left[:, 0], right[:, 0]).values, preset(left, right).values
        )
    flat = left.reshape(3, -1)
    one = pytest.approx(np.ones(3), abs=rounding(SPEARMAN, flat))
    assert SPEARMAN_ABS(flat, -flat).values == one
    assert -SPEARMAN(flat, -flat).values == one
