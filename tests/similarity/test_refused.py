"""Settings and maps that are refused, and images that are too small."""

import numpy as np
import pytest
from similarity.definitions import rounding

from alignment_theory.similarity import HOG_SPEARMAN, PRESETS, SPEARMAN, SSIM, WEL, Similarity


def test_flat_vectors_have_no_structure():
    """Quantus runs SSIM on flattened vectors: a one-dimensional window over unrelated pixels."""
    flat = np.random.default_rng(0).standard_normal((2, 64 * 64))
    for preset in PRESETS:
        if preset.least_side:
            with pytest.raises(ValueError, match=rf"{preset.name}: expected images"):
                preset(flat, flat)
        else:
            one = pytest.approx([1, 1], abs=rounding(preset, flat))
            assert preset(flat, flat).values == one
            assert preset.fits((64,))


def test_images_may_be_too_small():
    assert [preset.least_side for preset in (SSIM, WEL, HOG_SPEARMAN)] == [11, 5, 48]
    with pytest.raises(ValueError, match="ssim: expected images .* of at least 11 x 11"):
        SSIM(np.ones((1, 3, 8, 20)), np.ones((1, 3, 8, 20)))
    assert WEL.fits((1, 8, 8)) and not SSIM.fits((1, 8, 8)) and SSIM.fits((20, 20))


BAD = [
    ({"comparison": "ssim"}, "x: SSIM needs data_range"),
    ({"comparison": "ssim", "data_range": 0}, "x: SSIM needs data_range"),
    ({"comparison": "ssim", "data_range": 1, "window": 4}, "x: window must be odd"),
    ({"comparison": "kendall"}, "x: comparison: 'kendall' .* 'spearman'"),
    ({"comparison": "cosine", "channels": "max"}, "x: channels: 'max'"),
    ({"comparison": "cosine", "percentile": 50}, "x: percentile must be above 50"),
    ({"comparison": "cosine", "percentile": np.nan}, "x: percentile must be above 50"),
    ({"comparison": "cosine", "percentile": "x"}, "percentile must be a number, got 'x'"),
    ({"comparison": "hog", "cell": 0}, "x: cell: expected an integer of at least 1, got 0"),
    ({"comparison": "hog", "cell": -1}, "x: cell: expected an integer of at least 1, got -1"),
    ({"comparison": "hog", "cell": 2.5}, "x: cell: expected an integer of at least 1, got 2.5"),
    ({"comparison": "cosine", "window": 5.0}, "x: window: expected an integer of at least 3"),
    ({"comparison": "cosine", "window": "5"}, "x: window: expected an integer of at least 3"),
    ({"comparison": "cosine", "window": 1}, "x: window: expected an integer of at least 3"),
    ({"comparison": "ssim", "data_range": "a"}, "data_range must be a number, got 'a'"),
    ({"comparison": "ssim", "data_range": np.inf}, "x: SSIM needs data_range, .* got inf"),
    ({"comparison": "ssim", "data_range": np.nan}, "x: SSIM needs data_range, .* got nan"),
    ({"comparison": "cosine", "data_range": -1}, "x: SSIM needs data_range, .* got -1"),
    ({"comparison": "cosine", "magnitude": 1}, "magnitude must be True or False, got 1"),
    ({"comparison": "cosine", "flipped": "no"}, "flipped must be True or False, got 'no'"),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Similarity("x", **settings)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), "two batches of one shape"),
        (np.ones(3), np.ones(3), "two batches of one shape"),
        (np.ones((0, 3)), np.ones((0, 3)), "two batches of one shape"),
        (np.array([[np.nan, 1]]), np.ones((1, 2)), "left maps: expected finite"),
        (np.ones((2, 3, 1, 4, 4)), np.ones((2, 3, 1, 4, 4)), r"or \(samples, channels, height, w"),
    ],
)
def test_bad_maps(left, right, message):
    with pytest.raises(ValueError, match=message):
        SPEARMAN(left, right)
