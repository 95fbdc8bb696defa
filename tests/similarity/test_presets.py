"""Similarities of maps against other implementations."""

import numpy as np
import pytest
from scipy import stats
from similarity.definitions import (
    DEFINITIONS,
    UNIFORM,
    gaussian_weights,
    ids,
    maps,
    oriented,
    rounding,
    ssim_by_definition,
)

from alignment_theory.similarity import HOG_SPEARMAN, PRESETS, WEL, Similarity


@pytest.mark.parametrize("preset", DEFINITIONS, **ids)
def test_presets_are_their_definitions(preset):
    left, right = maps(0, side=70 if preset is HOG_SPEARMAN else 16)
    found = preset(left, right)
    expected = [DEFINITIONS[preset](x, y) for x, y in zip(left, right, strict=True)]
    assert found.values == pytest.approx(expected, abs=rounding(preset, left, right))
    assert found.undefined == {}


def test_every_preset_is_checked_and_named():
    assert set(PRESETS) == set(DEFINITIONS)
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)


def test_maps_that_are_not_scaled_are_compared_as_they_are():
    """Half as bright is not the same: the covariances of SSIM know, and its constants."""
    image = np.random.default_rng(0).uniform(size=(2, 1, 24, 24))
    for window in (None, 5):
        raw = Similarity("raw", "ssim", data_range=1.0, window=window)
        weights = gaussian_weights() if window is None else UNIFORM
        for factor in (1.0, 0.5, 0.01):
            expected = [ssim_by_definition(x, factor * x, weights, 1) for (x,) in image]
            found = raw(image, factor * image).values
            assert found == pytest.approx(expected, abs=rounding(raw, image))
        assert (raw(image, 0.5 * image).values < 0.75).all()
    gradients = 1e-4 * maps(1, channels=1, side=64)[0]
    raw = Similarity("raw", "hog")
    expected = [
        stats.spearmanr(oriented(x), oriented(y)).statistic
        for (x,), (y,) in zip(gradients, gradients[::-1], strict=True)
    ]
    found = raw(gradients, gradients[::-1]).values
    assert found == pytest.approx(expected, abs=rounding(raw, gradients))


RANKED = [preset for preset in PRESETS if preset.comparison == "spearman"]


@pytest.mark.parametrize("preset", RANKED, **ids)
@pytest.mark.parametrize("factor", [1.0, 0.7, 3.0, 2.0**-40])
def test_ties_stay_ties(preset, factor):
    """Whole numbers, most of them tied, and sums over channels that a division rounds apart."""
    rng = np.random.default_rng(0)
    left, right = rng.integers(-3, 4, (2, 50, 3, 8, 8)).astype(float)
    right = factor * right
    found = preset(left, right).values
    expected = [DEFINITIONS[preset](x, y) for x, y in zip(left, right, strict=True)]
    bound = rounding(preset, left, right)
    assert found == pytest.approx(expected, abs=bound)
    if factor in (1.0, 3.0, 2.0**-40):  # exact multiples of whole numbers
        assert preset(left, factor * left).values == pytest.approx(np.ones(50), abs=bound)


def test_settings_are_listed():
    settings = WEL.settings()
    assert (
        settings["data_range"] == 2 and settings["window"] == 5 and settings["percentile"] == 99.5
    )
    assert settings["channels"] == "largest magnitude" and settings["flipped"] is True
