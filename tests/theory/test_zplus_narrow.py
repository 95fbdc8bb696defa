"""Narrow networks: z⁺ is predicted within its remainder, or refused, never nonsense."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_theory.theory import theorem
from alignment_theory.theory.zplus import predict_zplus, predict_zplus_classes

PREDICT = {"alignment": predict_zplus, "classes": predict_zplus_classes}
NONSENSE = [  # impossible values or negative remainders of the series, at these widths
    ((16,) * 7 + (1,), 0, "uniform"),
    ((16,) * 7 + (1,), 3, "uniform"),
    ((16,) * 5 + (1,), 0, "uniform"),
    ((16,) * 4 + (1,), 0, "relu"),
    ((20,) * 5 + (1,), 0, "relu"),
    ((22,) * 6 + (1,), 0, "uniform"),
    ((25,) * 9 + (1,), 0, "relu"),
    ((100, 18, 16, 16, 32, 1), 0, "relu"),
    ((20, 28, 20, 16, 20, 1), 0, "uniform"),
    ((20,) * 20, 0, "uniform"),
    ((512, 16, 32, 3), 0, "uniform"),
    ((8, 17, 5, 2, 11, 13, 6, 1), 0, "relu"),
]
PINNED = {  # value and remainder at the narrowest widths that the catalogue judges, and above
    ((32, 24, 32, 10), 0, "uniform", "alignment"): (0.7549370900515464, 0.29651486653128495),
    ((32, 24, 32, 10), 0, "relu", "alignment"): (0.8118533898118347, 0.5663981908726012),
    ((32, 24, 32, 10), 1, "uniform", "alignment"): (0.8656850107459995, 0.7135508643793784),
    ((32, 24, 32, 10), 2, "uniform", "alignment"): (0.38644367886486913, 0.10655162484863652),
    ((32, 24, 32, 10), 0, "uniform", "classes"): (0.026449817452544138, 0.023275931680103626),
    ((32, 24, 32, 10), 2, "uniform", "classes"): (0.6369277860716138, 0.07337353874903083),
    ((128, 96, 128, 10), 0, "relu", "alignment"): (0.9385475844727602, 0.022302059892209177),
    ((200, 200, 200, 200), 0, "uniform", "classes"): (0.001528761314425002, 0.00011013361310085387),
}


def told(quantity, widths, level, inputs):
    """Value and remainder, in range; None where they are refused, by name and with a way out."""
    try:
        prediction = PREDICT[quantity](widths, level, inputs)
    except ValueError as error:
        words = str(error)
        assert words.startswith("zplus-uniformity: too narrow at level "), words
        assert "times" in words and "is left out" in words and "wider" in words, words
        assert "nan" not in words, words
        return None
    assert 0 <= prediction.value <= 1, prediction
    assert 0 <= prediction.remainder < inf, prediction
    assert all(np.isfinite(term) for term in prediction.terms.values()), prediction
    return prediction.value, prediction.remainder


@pytest.mark.parametrize("quantity", PREDICT)
@pytest.mark.parametrize(("widths", "level", "inputs"), NONSENSE)
def test_where_the_series_says_nothing_it_is_refused(quantity, widths, level, inputs):
    parameters = {"widths": widths, "level": level, "inputs": inputs, "quantity": quantity}
    with pytest.raises(ValueError, match=r"zplus-uniformity: too narrow at level \d+ .* wider"):
        theorem("zplus-uniformity").predict(**parameters)


def test_a_refusal_tells_level_widths_and_corrections():
    with pytest.raises(ValueError, match="level 2 .* 20 units and 18 above .* -1 and .* level 2"):
        predict_zplus((100, 100, 20, 18, 3))


def test_levels_above_the_narrow_ones_are_still_predicted():
    widths = (18, 18, 18, 18, 64, 64, 3)
    found = [told("alignment", widths, level, "uniform") for level in range(6)]
    assert [one is None for one in found] == [True, True, True, False, False, False]


@pytest.mark.parametrize("case", PINNED)
def test_what_is_admitted_is_the_series_itself(case):
    widths, level, inputs, quantity = case
    assert told(quantity, widths, level, inputs) == pytest.approx(PINNED[case], rel=1e-12)


def drawn(widths, inputs, count, rng):
    """cos²(R_l, a_l), and 1 - cos of two outputs, per draw and level, in plain NumPy.

    NaN where an explanation is all 0.
    """
    x = rng.random((count, widths[0]))
    levels, weights = (
        [x if inputs == "uniform" else np.maximum(rng.standard_normal(x.shape), 0)],
        [],
    )
    for below, above in zip(widths[:-2], widths[1:-1], strict=True):
        weights.append(rng.standard_normal((count, above, below)) / below**0.5)
        levels.append(np.maximum((weights[-1] @ levels[-1][..., None])[..., 0], 0))
    relevance = levels[-1][:, None] * np.maximum(rng.standard_normal((count, 2, widths[-2])), 0)
    found = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for level in range(len(levels) - 1, -1, -1):
            unit = relevance / np.linalg.norm(relevance, axis=2, keepdims=True)
            a = levels[level] / np.linalg.norm(levels[level], axis=1, keepdims=True)
            squared = np.einsum("kj,kj->k", unit[:, 0], a) ** 2
            found.insert(0, (squared, ((unit[:, 0] - unit[:, 1]) ** 2).sum(axis=1) / 2))
            if level:
                positive = np.maximum(weights[level - 1], 0)
                sums = (positive @ levels[level - 1][..., None]).swapaxes(1, 2)
                share = np.where(unit > 0, unit / sums, 0 * unit)
                relevance = levels[level - 1][:, None] * (share @ positive)
    return np.array(found).transpose(1, 0, 2)  # quantity, level, draw


def test_no_prediction_excludes_the_truth_on_a_scan_of_narrow_networks():
    """Widths 8 to 40 and up to 8 hidden layers, about half of the levels being refused."""
    rng, judged, refused = np.random.default_rng(12), 0, 0
    for index in range(30):
        hidden, least = int(rng.integers(1, 9)), (16, 22, 26, 18, 8)[index % 5]
        widths = (*rng.integers(least, 41, size=hidden + 1).tolist(), 1)
        widths = (least + 4,) * (hidden + 1) + (1,) if index % 4 == 0 else widths
        inputs = ("uniform", "relu")[index % 2]
        draws = drawn(widths, inputs, 600, rng)
        for name, levels in zip(PREDICT, draws, strict=True):
            for level, values in enumerate(levels):
                found = told(name, widths, level, inputs)
                if found is None:
                    refused += 1
                    continue
                live = values[~np.isnan(values)]
                error = live.std() / len(live) ** 0.5
                assert abs(live.mean() - found[0]) < found[1] + 5 * error, (widths, level, name)
                judged += 1
    assert judged > 100
    assert refused > 100


@settings(max_examples=60, deadline=None)
@given(
    widths=st.lists(st.integers(1, 60) | st.integers(1, 10**8), min_size=2, max_size=9),
    inputs=st.sampled_from(["uniform", "relu"]),
    quantity=st.sampled_from(sorted(PREDICT)),
    data=st.data(),
)
def test_any_widths_are_in_range_or_refused(widths, inputs, quantity, data):
    told(quantity, (*widths, 1), data.draw(st.integers(0, len(widths) - 1)), inputs)


@settings(max_examples=40, deadline=None)
@given(
    x=st.lists(st.floats(0, 1e300), min_size=1, max_size=40).filter(any),
    hidden=st.lists(st.integers(1, 100), max_size=4),
    quantity=st.sampled_from(sorted(PREDICT)),
)
def test_any_given_input_is_in_range_or_refused(x, hidden, quantity):
    told(quantity, (len(x), *hidden, 1), 0, x)


@settings(max_examples=25, deadline=None)
@given(
    widths=st.lists(st.integers(32, 36) | st.integers(32, 10**8), min_size=1, max_size=8),
    inputs=st.sampled_from(["uniform", "relu"]),
)
def test_from_width_32_up_nothing_is_refused(widths, inputs):
    for quantity in PREDICT:
        assert told(quantity, (*widths, 1), 0, inputs) is not None


def test_depth_does_not_make_wide_layers_too_narrow():
    assert told("alignment", (32,) * 60 + (1,), 0, "relu") == pytest.approx((0.8, 0.4), abs=0.2)
