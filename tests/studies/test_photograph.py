"""The table and the pictures of a photograph through random convolutions."""

import numpy as np
import pytest
from scipy.stats import binom

from alignment_theory import contrast_normalised
from alignment_theory.models.images import load_image
from alignment_theory.plotting import sample_photograph
from alignment_theory.rounding import gamma
from alignment_theory.studies.photograph import _median, correlation, detail, pictures, run


@pytest.fixture(scope="module")
def image():
    return load_image(sample_photograph(), (3, 45, 38), resize=True)


@pytest.fixture(scope="module")
def table(image):
    return run(image, seed=3, networks=6, depths=(1, 1, 3), filters=(16, 512, 48))


def _of(table, depth, filters, method, compared):
    rows = table[(table["depth"] == depth) & (table["filters"] == filters)]
    (row,) = rows[(rows["method"] == method) & (rows["compared"] == compared)].to_dict("records")
    return row


def test_one_row_for_each_pair_of_pictures(table):
    assert len(table) == 3 + 3 * 5
    assert set(table["networks"]) == {0, 6}
    assert list(table["depth"]) == [0] * 3 + [1] * 10 + [3] * 5
    for name in ("cosine", "correlation"):
        defined = table[table[name].notna()]
        assert (defined[f"{name}_low"] <= defined[name]).all()
        assert (defined[name] <= defined[f"{name}_high"]).all()


def test_a_flat_picture_has_a_large_cosine_and_no_correlation(table, image):
    flat = _of(table, 0, 0, "flat", "prediction")
    predicted = contrast_normalised(image)
    expected = predicted.sum() / np.sqrt((predicted**2).sum() * predicted.size)
    rounded = 2 * gamma(2 * image.size + 16, image.dtype)  # a dot product and two norms, twice
    assert flat["cosine"] == pytest.approx(expected, rel=rounded, abs=0) and expected > 0.9
    assert np.isnan(flat["correlation"]) and flat["undefined"] == 1
    own = _of(table, 0, 0, "photograph", "prediction")
    assert own["correlation"] == correlation(image, predicted)


def test_guided_backprop_shows_the_prediction_and_the_gradient_noise(table):
    """With 6 networks the interval is the range: all of them lie on the stated side."""
    for filters, depth in ((512, 1), (48, 3)):
        near = _of(table, depth, filters, "GuidedBackprop", "prediction")
        far = _of(table, depth, filters, "GuidedBackprop", "photograph")
        noise = _of(table, depth, filters, "Gradient", "prediction")
        assert near["correlation_low"] > far["correlation_high"]
        assert abs(noise["correlation"]) < 0.1 and noise["correlation_high"] < 0.2
    few = _of(table, 1, 16, "GuidedBackprop", "prediction")
    many = _of(table, 1, 512, "GuidedBackprop", "prediction")
    assert many["correlation_low"] > few["correlation_high"]


def test_the_table_is_made_of_the_networks_own_pictures(image):
    """A network depends on seed, depth, filters and its number, not on what else is asked for."""
    shown = pictures(image, seed=4, depths=(3, 1), filters=8)
    assert [(one.depth, one.filters) for one in shown.drawn] == [(3, 8), (1, 8)]
    table = run(image, seed=4, networks=1, depths=(1,), filters=(8,))
    row = _of(table, 1, 8, "GuidedBackprop", "Gradient")
    last = shown.drawn[1]
    assert row["correlation"] == correlation(last.guided, last.gradient)
    assert np.isnan(row["correlation_low"]) and np.isnan(row["cosine_high"])
    assert (shown.predicted == contrast_normalised(image)).all()
    other = pictures(image, seed=5, depths=(1,), filters=8)
    assert not (other.drawn[0].guided == last.guided).any()


def test_black_photographs_have_no_pictures():
    table = run(np.zeros((3, 6, 6)), networks=2, depths=(1,), filters=4)
    assert (table["undefined"][3:] == 2).all() and table["cosine"][3:].isna().all()


def test_correlation_sees_neither_tint_nor_brightness(image):
    """Rounding that turns a picture by e takes e²/2 from a cosine of 1: only sums count."""
    rounded = gamma(2 * image.size + 16, image.dtype)
    tinted = 3 * image + np.array([0.5, -1, 7])[:, None, None]
    assert correlation(tinted, image) == pytest.approx(1, abs=rounded)
    assert correlation(-image, image) == pytest.approx(-1, abs=rounded)
    assert not detail(np.full((2, 5, 7), 0.3)).any()
    assert np.isnan(correlation(np.full((3, 45, 38), 0.3), image))


def test_intervals_are_those_of_order_statistics():
    values = np.random.default_rng(0).permutation(np.arange(20.0))
    median, low, high = _median(values)
    assert (median, low, high) == (9.5, 5, 14)
    # The 6th and the 15th of 20 enclose the median unless at most 5 lie on one side of it.
    assert 1 - 2 * binom.cdf(5, 20, 0.5) > 0.95 > 1 - 2 * binom.cdf(6, 20, 0.5)


BAD = {
    "filters of another length": ({"depths": (1, 3), "filters": (4,)}, "one number of filters, or"),
    "no depths": ({"depths": ()}, "one number of filters, or one a depth"),
    "depth 0": ({"depths": (0,), "filters": 4}, "depths: expected an integer of at least 1, got 0"),
    "no filters": ({"depths": (1,), "filters": 0}, "filters: expected an integer of at"),
    "no networks": ({"networks": 0}, "networks: expected an integer of at least 1, got 0"),
    "depths that are no list": (
        {"depths": 1},
        "depths: expected a list of whole numbers, .* got 1",
    ),
    "filters by name": ({"filters": "ab"}, "filters: expected a list of whole numbers"),
    "half a filter": ({"depths": (1,), "filters": 1.5}, "filters: expected a list of whole num"),
    "no seed": ({"seed": None}, "seed: expected an integer of at least 0, got None"),
    "half a seed": ({"seed": 1.5}, "seed: expected an integer of at least 0, got 1.5"),
    "half a network": ({"networks": 1.5}, "networks: expected an integer of at least 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    settings, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        run(np.ones((3, 4, 4)), **settings)
    if "networks" not in settings:
        with pytest.raises(ValueError, match=message):
            pictures(np.ones((3, 4, 4)), **settings)


def test_photographs_need_channels():
    with pytest.raises(ValueError, match="expected an image"):
        pictures(np.ones((4, 4)))
