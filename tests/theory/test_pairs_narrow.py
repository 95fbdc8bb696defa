"""Pairs of attributions where a layer is narrow: values in range, remainders that hold."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alignment_theory.theory import CATALOGUE
from alignment_theory.theory.pair_layers import shared_region, unit_moments
from alignment_theory.theory.pair_recursion import cosine_noises
from alignment_theory.theory.pairs import RULES, predict_randomisation, redrawn_layers

ERRORS = 5.0
"""Standard errors that a mean may be off: one false alarm in 1.7 million."""

WIDE = 10**5

SAMPLED = [
    # Layers of infinite width above a narrow one.
    ((3, 3, WIDE, 2), "independent", 1, "gradient", 1, 0.6364, 0.0008),
    ((6, 6, WIDE, 2), "independent", 1, "gradient", 1, 0.6010, 0.0005),
    ((10, 10, WIDE, 2), "independent", 1, "gradient", 1, 0.5974, 0.0004),
    ((20, 20, WIDE, 2), "independent", 1, "gradient", 1, 0.59982, 0.00025),
    # Whole networks.
    ((40, 3, 20, 2), "independent", 1, "gradient", 1, 0.6365, 0.0024),
    ((40, 4, 50, 2), "independent", 1, "gradient", 1, 0.6131, 0.0024),
    ((40, 6, 200, 2), "independent", 1, "gradient", 1, 0.6006, 0.0023),
    ((40, 3, 200, 2), "independent", 1, "guided", 1, 0.4719, 0.0036),
    ((40, 4, 1000, 2), "independent", 1, "guided", 1, 0.4179, 0.0027),
    ((4, 4, 4, 40, 2), "bottom-up", 2, "gradient", 2, 0.612, 0.003),
    # Below the layer that is re-drawn, where both activations are one.
    ((3, 2000, 2), "independent", 1, "gradient", 0, 0.0870, 0.0041),
    ((6, 2000, 2), "independent", 1, "gradient", 0, 0.0452, 0.0029),
]
"""What reduced samplers and whole networks gave: mean and standard error of cos(R, R')."""


@pytest.mark.parametrize(
    ("widths", "kind", "layer", "rule", "level", "mean", "error"), SAMPLED, ids=str
)
def test_remainders_hold_at_and_below_narrow_layers(widths, kind, layer, rule, level, mean, error):
    found = predict_randomisation(widths, kind, layer, rule, level)
    assert abs(mean - found.value) <= found.remainder + ERRORS * error


@pytest.mark.parametrize("rule", RULES)
def test_remainders_at_such_a_level_still_fall_with_its_width(rule):
    """They are of order 1/d² and, from 40 units on, within 1 % of the whole."""
    rests = [
        float(predict_randomisation((d, d, WIDE, 2), "independent", 1, rule, 1).remainder)
        for d in (20, 40, 80, 160)
    ]
    ratios = np.array([small / large for small, large in pairwise(rests)])
    assert ((ratios > 3.5) & (ratios < 5)).all()
    assert rests[1] < 0.01


def drawn(widths, redrawn, rule, count, rng):
    """cos(R, R') of whole networks at every level in plain NumPy, NaN where a relevance is 0."""
    outputs = (*widths[1:-1], 1)
    shapes = [(count, above, below) for above, below in zip(outputs, widths, strict=False)]
    first = [rng.standard_normal(shape) for shape in shapes]
    second = [
        rng.standard_normal(weight.shape) if layer in redrawn else weight
        for layer, weight in enumerate(first, start=1)
    ]
    x = rng.standard_normal((count, widths[0], 1))
    pairs = zip(explained(first, x, rule), explained(second, x, rule), strict=True)
    cosines = []
    for left, right in pairs:
        lengths = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
        overlaps = (left * right).sum(axis=1)
        with np.errstate(invalid="ignore"):
            cosines.append(np.where(lengths > 0, overlaps / lengths, np.nan))
    return np.array(cosines)


def explained(weights, x, rule):
    """Relevances at every level, input first."""
    masks = []
    for weight in weights[:-1]:
        x = weight @ x
        masks.append(x[..., 0] > 0)
        x = np.maximum(x, 0)
    relevance = weights[-1][:, 0]
    levels = [relevance]
    for weight, mask in zip(weights[-2::-1], masks[::-1], strict=True):
        passed = (np.maximum(relevance, 0) if rule == "guided" else relevance) * mask
        relevance = np.einsum("bi,bij->bj", passed, weight)
        levels.append(relevance)
    return levels[::-1]


def scanned(seed):
    """Widths of 3 to 60, many of them narrow, with a kind and a layer."""
    rng = np.random.default_rng([20, seed])
    depth = int(rng.integers(2, 6))
    narrow, wide = rng.integers(3, 7, depth), rng.integers(20, 61, depth)
    chosen = np.where(rng.random(depth) < 0.4, narrow, wide)
    chosen[-1] = wide[-1]
    widths = (*map(int, chosen), 2)
    kind = ("independent", "bottom-up", "cascading")[seed % 3]
    low, high = (0, depth) if kind == "cascading" else (1, depth)
    return widths, kind, int(rng.integers(low, high)), RULES[seed % 2], rng


@pytest.mark.parametrize("seed", range(24))
def test_no_remainder_excludes_whole_networks(seed):
    widths, kind, layer, rule, rng = scanned(seed)
    redrawn = redrawn_layers(kind, layer, len(widths) - 1)
    draws = np.concatenate([drawn(widths, redrawn, rule, 500, rng) for _ in range(8)], axis=1)
    alive = (~np.isnan(draws)).sum(axis=1)
    mean, error = np.nanmean(draws, axis=1), np.nanstd(draws, axis=1) / np.sqrt(alive)
    found = predict_randomisation(widths, kind, layer, rule)
    off = np.abs(mean - found.value) - found.remainder
    assert (alive > 200).all()
    assert (off <= ERRORS * error + 1e-9).all(), (widths, kind, layer, rule, off / error)


@st.composite
def settings_of_pairs(draw):
    """Widths, kind, layer and rule that are admitted."""
    hidden = draw(st.lists(st.integers(3, 60), min_size=2, max_size=6))
    widths = (*hidden, draw(st.integers(2, 10)))
    kind = draw(st.sampled_from(("class", "cascading", "independent", "bottom-up")))
    low = 0 if kind == "cascading" else 1
    layer = None if kind == "class" else draw(st.integers(low, len(hidden) - 1 + low))
    return widths, kind, layer, draw(st.sampled_from(RULES))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(settings_of_pairs())
@example(((3,) * 8, "class", None, "guided"))
@example(((3,) * 5, "bottom-up", 2, "gradient"))
def test_values_and_remainders_stay_in_range(setting):
    found = predict_randomisation(*setting)
    value, rest = np.asarray(found.value), np.asarray(found.remainder)
    assert (np.abs(value) <= 1).all()
    assert ((rest >= 0) & (rest <= 1 + np.abs(value))).all()
    assert value == pytest.approx(found.terms["limit"] + found.terms["1/n term"])


def test_two_classes_take_two_outputs():
    with pytest.raises(ValueError, match=r"widths: expected at least 2 outputs d_L.*got \(9, 8, 1"):
        predict_randomisation((9, 8, 1), "class")
    with pytest.raises(ValueError, match="at least 2 outputs"):
        CATALOGUE["class-insensitivity"].predict(widths=(9, 8, 1))
    assert np.isfinite(predict_randomisation((9, 8, 1), "cascading", 1).value).all()


def test_noise_of_the_cosine_of_activations():
    """Means of t₊² have the relative variance 5/n; a layer that is re-drawn starts anew."""
    mean, covariance = unit_moments(shared_region())
    assert covariance[0, 0] / mean[0] ** 2 == pytest.approx(5)
    widths = (7, 5, 10, 20, 50, 2)
    assert cosine_noises(widths, frozenset()) == [0] * 5
    assert cosine_noises(widths, frozenset({2})) == pytest.approx([0, 0, 0.5, 0.75, 0.85])
    assert cosine_noises(widths, frozenset({1, 2})) == pytest.approx([0, 1, 0.5, 0.75, 0.85])
