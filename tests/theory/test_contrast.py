"""The contrast-normalised image: against loops over patches, and against the engine's pictures."""

from itertools import product
from math import pi, sqrt

import numpy as np
import pytest
from scipy.stats import t as student

from alignment_theory import Conv2d, GuidedBackprop, Network, Relu, attribute, contrast_normalised

EPS = np.finfo(float).eps


def _by_patches(image, kernel, padding):
    """Lay x_p/‖x_p‖ on every patch of the padded image, one patch at a time."""
    channels, height, width = image.shape
    padded = np.zeros((channels, height + 2 * padding, width + 2 * padding))
    padded[:, padding : padding + height, padding : padding + width] = image
    total = np.zeros_like(padded)
    rows, columns = (side - kernel + 1 for side in padded.shape[1:])
    for i, j in product(range(rows), range(columns)):
        place = np.s_[:, i : i + kernel, j : j + kernel]
        norm = np.linalg.norm(padded[place])
        if norm > 0:
            total[place] += padded[place] / norm
    return total[:, padding : padding + height, padding : padding + width]


def _image(channels, height, width):
    rng = np.random.default_rng([channels, height, width])
    image = rng.standard_normal((channels, height, width)) + 0.5
    image[:, : height // 2, : width // 2] *= 0.05
    return image


@pytest.mark.parametrize("shape", [(3, 6, 7), (1, 4, 4), (5, 2, 9)])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (2, 0), (2, 1), (3, 1), (3, 3), (5, 2)])
def test_loops_over_patches(shape, kernel, padding):
    """All terms of a pixel have its sign: the error is one of a sum of k² terms and a norm."""
    image = _image(*shape)
    found = contrast_normalised(image, kernel, padding)
    expected = _by_patches(image, kernel, padding)
    assert found.shape == shape
    assert found == pytest.approx(expected, rel=(shape[0] + 2) * kernel**2 * EPS + 8 * EPS, abs=0)


def test_black_patches_add_nothing():
    image = np.zeros((2, 8, 8))
    image[1, 3, 3] = -2.0
    found = contrast_normalised(image)
    assert found[1, 3, 3] == -9 and np.count_nonzero(found) == 1
    assert not contrast_normalised(0 * image).any()


def test_only_contrast_counts_however_small_or_large():
    """Patches of numbers whose squares underflow count as much as those whose squares overflow.

    Scaling rounds every number once, on top of the errors of both sums.
    """
    few = 2 * ((3 + 2) * 9 + 8) * EPS
    image = np.abs(_image(3, 5, 12))
    expected = contrast_normalised(image)
    assert contrast_normalised(1e-200 * image) == pytest.approx(expected, rel=few, abs=0)
    assert contrast_normalised(1e200 * image) == pytest.approx(expected, rel=few, abs=0)
    image[:, :, 6:] *= 1e-200
    apart = contrast_normalised(image)
    assert apart[:, :, 8:] == pytest.approx(expected[:, :, 8:], rel=few, abs=0)
    assert apart[:, :, :4] == pytest.approx(expected[:, :, :4], rel=few, abs=0)


NETWORKS, FILTERS, SIGMA, TAU = 1500, 32, 1.5, 0.7
# Over 126 numbers, wrong once in a million runs. The mean of 48 000 filters' pictures is normal
# to about 1/√48 000 in its skewness; its error comes from 1500 sums of 32.
LIMIT = student.isf(1e-6 / (2 * 126), NETWORKS - 1)


def _pictures(top):
    """Return the engine's pictures of many networks of random filters, divided by E R's factor."""
    image = _image(3, 6, 7)
    rng = np.random.default_rng(5)
    found = []
    for _ in range(NETWORKS):
        weight = SIGMA * rng.standard_normal((FILTERS, 3, 3, 3))
        network = Network([Conv2d(weight, padding=1), Relu()], (3, 6, 7))
        shape = network.output_shape
        seed = np.ones(shape) if top == "ones" else TAU * rng.standard_normal(shape)
        found.append(attribute(network, image, rule=GuidedBackprop(), seed=seed).relevance)
    mean = 1 if top == "ones" else TAU / sqrt(2 * pi)
    return image, np.array(found) / (FILTERS * mean * SIGMA / sqrt(2 * pi))


def _worst(pictures, predicted):
    errors = pictures.std(axis=0, ddof=1) / sqrt(len(pictures))
    return np.abs((pictures.mean(axis=0) - predicted) / errors).max()


@pytest.fixture(scope="module", params=["ones", "row"])
def drawn(request):
    return _pictures(request.param)


def test_the_mean_of_guided_backprop_over_random_filters(drawn):
    image, pictures = drawn
    assert _worst(pictures, contrast_normalised(image)) < LIMIT


WRONG = {
    "the image itself": lambda x: x,
    "no padding": lambda x: contrast_normalised(x, padding=0),
    "norms of each channel": lambda x: np.concatenate([contrast_normalised(c[None]) for c in x]),
    "larger patches": lambda x: contrast_normalised(x, 5, 2),
    "the norm around the pixel alone": lambda x: x / _norms(x),
}


def _norms(x):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return np.sqrt(
        sum(
            (padded[:, i : i + 6, j : j + 7] ** 2).sum(axis=0)
            for i, j in product(range(3), repeat=2)
        )
    )


@pytest.mark.parametrize("name", WRONG)
def test_wrong_predictions_are_refuted_at_any_scale(name, drawn):
    image, pictures = drawn
    wrong, mean = WRONG[name](image), pictures.mean(axis=0)
    errors = pictures.std(axis=0, ddof=1)
    best = (wrong * mean / errors**2).sum() / (wrong**2 / errors**2).sum()
    assert _worst(pictures, best * wrong) > LIMIT


BAD = {
    "grey without an axis": (np.ones((4, 4)), 3, 1, r"got shape \(4, 4\); a grey one needs"),
    "empty": (np.ones((3, 0, 4)), 3, 1, "expected an image"),
    "NaN": (np.full((1, 4, 4), np.nan), 3, 1, "contrast_normalised: image"),
    "no kernel": (np.ones((1, 4, 4)), 0, 1, "kernel must be a whole number from 1, got 0"),
    "half a kernel": (np.ones((1, 4, 4)), 1.5, 1, "kernel must be a whole number"),
    "negative padding": (np.ones((1, 4, 4)), 3, -1, "padding must be a whole number from 0"),
    "large kernel": (np.ones((1, 4, 9)), 7, 1, "7 x 7 does not fit an image of 4 x 9 with padding"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    image, kernel, padding, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        contrast_normalised(image, kernel, padding)
