"""Similarities of maps: against other implementations, by hand, and where they are undefined."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from alignment_theory.similarity import (
    ADEBAYO_CODE,
    ADEBAYO_CODE_GREY,
    ADEBAYO_ISSUE2,
    COSINE,
    HOG_SPEARMAN,
    PEARSON,
    PRESETS,
    QUANTUS,
    SPEARMAN,
    SPEARMAN_ABS,
    SSIM,
    SSIM_ABS,
    WEL,
    WEL_SUM,
    Similarity,
)

ids = {"ids": lambda preset: preset.name}


def maps(seed, samples=3, channels=3, side=48):
    """Return two batches of smooth maps that have something in common."""
    rng = np.random.default_rng(seed)
    common, one, other = rng.standard_normal((3, samples, channels, side, side)).cumsum(axis=-1)
    return common + one, common + other


def ssim_by_definition(x, y, weights, data_range):
    """Return the mean SSIM over all windows that lie inside, window by window (Wang 2004)."""
    size = len(weights)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    unbias = size**2 / (size**2 - 1)
    values = []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            a, b = (m[top : top + size, left : left + size] for m in (x, y))
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = ((weights * m * m).sum() - mean**2 for m, mean in ((a, ma), (b, mb)))
            vab = (weights * a * b).sum() - ma * mb
            va, vb, vab = unbias * va, unbias * vb, unbias * vab
            values.append(
                (2 * ma * mb + c1) * (2 * vab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
            )
    return np.mean(values)


def gaussian_weights():
    line = np.exp(-(np.arange(-5.0, 6) ** 2) / (2 * 1.5**2))
    return np.outer(line, line) / line.sum() ** 2


def largest(x):
    return x / np.abs(x).max()


def between_swapped(x):
    high, low = np.percentile(x, 0.5), np.percentile(x, 99.5)
    return np.clip((x - low) / (high - low), 0, 1)


UNIFORM = np.full((5, 5), 1 / 25)


def wel(x, y):
    x, y, flipped = between_swapped(x), between_swapped(y), between_swapped(-y)
    return max(ssim_by_definition(x, other, UNIFORM, 2) for other in (y, flipped))


def adebayo_scaled(x):
    x = np.abs(x).sum(axis=0)
    return np.clip((x - x.min()) / (np.percentile(x, 99) - x.min()), 0, 1)


def gaussian(x, y, data_range):
    return ssim_by_definition(x, y, gaussian_weights(), data_range)


def oriented(image):
    """Return histograms of oriented gradients by their definition (Dalal and Triggs 2005).

    Unsigned gradients by central differences, nine orientations in cells of 16 pixels; every block
    of 3 x 3 cells is divided by its norm, cut at 0.2 and divided by its norm again.
    """
    down, right = np.zeros((2, *image.shape))
    down[1:-1] = image[2:] - image[:-2]
    right[:, 1:-1] = image[:, 2:] - image[:, :-2]
    angle = np.degrees(np.arctan2(down, right)) % 180
    cells = [n // 16 for n in image.shape]
    histograms = np.zeros((*cells, 9))
    for i, j in np.ndindex(*cells):
        inside = np.s_[16 * i : 16 * i + 16, 16 * j : 16 * j + 16]
        for k in range(9):
            chosen = (angle[inside] >= 20 * k) & (angle[inside] < 20 * k + 20)
            histograms[i, j, k] = np.hypot(down, right)[inside][chosen].sum() / 256
    blocks = []
    for i, j in np.ndindex(cells[0] - 2, cells[1] - 2):
        block = histograms[i : i + 3, j : j + 3].ravel()
        block = np.minimum(block / np.sqrt((block**2).sum() + 1e-10), 0.2)
        blocks.append(block / np.sqrt((block**2).sum() + 1e-10))
    return np.ravel(blocks)


DEFINITIONS = {
    COSINE: lambda x, y: (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()),
    PEARSON: lambda x, y: stats.pearsonr(x.sum(0).ravel(), y.sum(0).ravel()).statistic,
    SPEARMAN: lambda x, y: stats.spearmanr(x.sum(0).ravel(), y.sum(0).ravel()).statistic,
    SPEARMAN_ABS: lambda x, y: (
        stats.spearmanr(np.abs(x).sum(0).ravel(), np.abs(y).sum(0).ravel()).statistic
    ),
    QUANTUS: lambda x, y: stats.spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic,
    HOG_SPEARMAN: lambda x, y: (
        stats.spearmanr(*(oriented(largest(np.abs(m).sum(0))) for m in (x, y))).statistic
    ),
    SSIM: lambda x, y: gaussian(largest(x.sum(0)), largest(y.sum(0)), 2),
    SSIM_ABS: lambda x, y: gaussian(largest(np.abs(x).sum(0)), largest(np.abs(y).sum(0)), 1),
    ADEBAYO_CODE: lambda x, y: gaussian(adebayo_scaled(x), adebayo_scaled(y), 2),
    ADEBAYO_CODE_GREY: lambda x, y: gaussian(
        largest(np.abs(x).sum(0)), largest(np.abs(y).sum(0)), 2
    ),
    ADEBAYO_ISSUE2: lambda x, y: ssim_by_definition(
        largest(x.sum(0)), largest(y.sum(0)), UNIFORM, 2
    ),
    WEL: lambda x, y: wel(np.abs(x).max(0), np.abs(y).max(0)),
    WEL_SUM: lambda x, y: wel(x.sum(0), y.sum(0)),
}


@pytest.mark.parametrize("preset", DEFINITIONS, **ids)
def test_presets_are_their_definitions(preset):
    """Both sides cancel at most some 1e4 of 1 in variances; 1e-9 is far above their rounding."""
    left, right = maps(0, side=70 if preset is HOG_SPEARMAN else 16)
    found = preset(left, right)
    expected = [DEFINITIONS[preset](x, y) for x, y in zip(left, right, strict=True)]
    assert found.values == pytest.approx(expected, abs=1e-9)
    assert found.undefined == {}


def test_every_preset_is_checked_and_named():
    assert set(PRESETS) == set(DEFINITIONS)
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)


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


@pytest.mark.parametrize("preset", PRESETS, **ids)
def test_similarities_of_equal_scaled_and_batched_maps(preset):
    left, right = maps(1)
    assert preset(left, left).values == pytest.approx(np.ones(3), abs=1e-12)
    found = preset(left, right).values
    assert (found < 0.999).all() and (found >= -1).all()
    np.testing.assert_allclose(preset(right, left).values, found, atol=1e-12)
    for scale in (1e-250, 1e250):
        scaled = preset(scale * left, right).values
        np.testing.assert_allclose(scaled, found, atol=1e-9)
    # a map that is 1000 times larger than its batch mates changes nothing for them
    alone = preset(left[:1], right[:1]).values
    mates = np.array([1, 1000, 1])[:, None, None, None]
    np.testing.assert_allclose(preset(left * mates, right * mates).values[0], alone[0], atol=1e-12)
    narrow = preset(left.astype(np.float32), right.astype(np.float32))
    assert narrow.values.dtype == np.float64


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


def test_the_sign_is_free_where_the_preset_says_so():
    left = np.random.default_rng(4).standard_normal((3, 1, 32, 32))
    assert WEL_SUM(left, -left).values == pytest.approx(np.ones(3))
    # not -1: means and covariances have opposite signs, and SSIM multiplies them
    assert (np.abs(SSIM(left, -left).values) < 0.6).all()
    assert SPEARMAN(left, -left).values == pytest.approx([-1, -1, -1])
    assert replace(SSIM, flipped=True)(left, -left).values == pytest.approx(np.ones(3))


def test_a_data_range_that_is_too_wide_inflates_ssim():
    """Two independent maps of low contrast in [0, 1]: the range 2 that floats get is too kind."""
    rng = np.random.default_rng(5)
    left, right = (0.5 + 0.03 * rng.standard_normal((1, 1, 64, 64)) for _ in range(2))
    plain = Similarity("plain", "ssim", "sum", data_range=1.0)
    narrow, wide = (replace(plain, data_range=r)(left, right).values[0] for r in (1.0, 2.0))
    assert wide - narrow > 0.15


RANKED = [preset for preset in PRESETS if preset.comparison == "spearman"]


def test_maps_that_are_not_scaled_are_compared_as_they_are():
    """Half as bright is not the same: the covariances of SSIM know, and its constants."""
    image = np.random.default_rng(0).uniform(size=(2, 1, 24, 24))
    for window in (None, 5):
        raw = Similarity("raw", "ssim", data_range=1.0, window=window)
        weights = gaussian_weights() if window is None else UNIFORM
        for factor in (1.0, 0.5, 0.01):
            expected = [ssim_by_definition(x, factor * x, weights, 1) for (x,) in image]
            assert raw(image, factor * image).values == pytest.approx(expected, abs=1e-9)
        assert (raw(image, 0.5 * image).values < 0.75).all()
    gradients = 1e-4 * maps(1, channels=1, side=64)[0]
    raw = Similarity("raw", "hog")
    expected = [
        stats.spearmanr(oriented(x), oriented(y)).statistic
        for (x,), (y,) in zip(gradients, gradients[::-1], strict=True)
    ]
    assert raw(gradients, gradients[::-1]).values == pytest.approx(expected, abs=1e-9)


def test_what_leaves_the_range_of_floats_is_undefined():
    left, right = maps(1, channels=1)
    for raw in (Similarity("raw", "ssim", data_range=1.0), Similarity("raw", "hog")):
        # squares overflow; hypot of gradients does not, but HOG's norms of blocks do
        found = raw(left * np.array([1, 1e300, 1])[:, None, None, None], right)
        assert found.undefined == {"beyond the range of float64": 1}
        assert np.isnan(found.values).tolist() == [False, True, False]
    tiny = Similarity("tiny", "ssim", data_range=1e-200)
    assert tiny(1e-200 * left, 1e-200 * right).undefined == {"beyond the range of float64": 3}


@pytest.mark.parametrize("preset", RANKED, **ids)
@pytest.mark.parametrize("factor", [1.0, 0.7, 3.0, 2.0**-40])
def test_ties_stay_ties(preset, factor):
    """Whole numbers, most of them tied, and sums over channels that a division rounds apart."""
    rng = np.random.default_rng(0)
    left, right = rng.integers(-3, 4, (2, 50, 3, 8, 8)).astype(float)
    right = factor * right
    found = preset(left, right).values
    expected = [DEFINITIONS[preset](x, y) for x, y in zip(left, right, strict=True)]
    assert found == pytest.approx(expected, abs=1e-12)
    if factor in (1.0, 3.0, 2.0**-40):  # exact multiples of whole numbers
        assert preset(left, factor * left).values == pytest.approx(np.ones(50), abs=1e-12)


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
    assert found.values == pytest.approx([1]) and found.undefined == {}


def test_flat_vectors_have_no_structure():
    """Quantus runs SSIM on flattened vectors: a one-dimensional window over unrelated pixels."""
    flat = np.random.default_rng(0).standard_normal((2, 64 * 64))
    for preset in PRESETS:
        if preset.least_side:
            with pytest.raises(ValueError, match=rf"{preset.name}: expected images"):
                preset(flat, flat)
        else:
            assert preset(flat, flat).values == pytest.approx([1, 1])
            assert preset.fits((64,))


def test_images_may_be_too_small():
    assert [preset.least_side for preset in (SSIM, WEL, HOG_SPEARMAN)] == [11, 5, 48]
    with pytest.raises(ValueError, match="ssim: expected images .* of at least 11 x 11"):
        SSIM(np.ones((1, 3, 8, 20)), np.ones((1, 3, 8, 20)))
    assert WEL.fits((1, 8, 8)) and not SSIM.fits((1, 8, 8)) and SSIM.fits((20, 20))


def test_maps_without_a_channel_axis():
    left, right = maps(6, channels=1, side=16)
    for preset in (SSIM, WEL, WEL_SUM, SPEARMAN, SPEARMAN_ABS, ADEBAYO_CODE, QUANTUS):
        np.testing.assert_allclose(
            preset(left[:, 0], right[:, 0]).values, preset(left, right).values, atol=1e-12
        )
    flat = left.reshape(3, -1)
    assert SPEARMAN_ABS(flat, -flat).values == pytest.approx([1, 1, 1])
    assert SPEARMAN(flat, -flat).values == pytest.approx([-1, -1, -1])


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


def test_settings_are_listed():
    settings = WEL.settings()
    assert (
        settings["data_range"] == 2 and settings["window"] == 5 and settings["percentile"] == 99.5
    )
    assert settings["channels"] == "largest magnitude" and settings["flipped"] is True
