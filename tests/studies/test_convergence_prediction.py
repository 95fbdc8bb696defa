"""CSC of networks: when it is predicted, and that wrong predictions are seen."""

import numpy as np
import pytest
from scipy import stats
from studies.small_networks import convolutional, rng

from alignment_theory import (
    AlphaBeta,
    Deconvnet,
    Epsilon,
    Gradient,
    GuidedBackprop,
    IntegratedGradients,
    Network,
    RectGrad,
    SmoothGrad,
    ZPlus,
    attribute,
    combined_weight,
)
from alignment_theory.models import random_mlp
from alignment_theory.rounding import relevance_bounds
from alignment_theory.studies import convergence_prediction
from alignment_theory.studies.convergence_by_layer import run
from alignment_theory.studies.convergence_prediction import (
    birkhoff_bounds,
    handed_down,
    is_additive,
    predict,
    repeated,
)
from alignment_theory.verification.betting import betting_p_value

ALPHA = 1e-6

LINEAR = [Gradient(), ZPlus(), AlphaBeta(2.0, 1.0), Epsilon(0.1)]


@pytest.mark.parametrize("rule", [*LINEAR, GuidedBackprop(), Deconvnet(), RectGrad(50)])
def test_which_rules_are_linear_in_the_relevance(rule):
    network, images = convolutional()
    assert is_additive(network.forward(images), rule, rng=rng()) == (rule in LINEAR)


def unbiased(seed=0):
    """Return a network without biases, whose ReLUs are all off for a black image."""
    return random_mlp((6, 12, 12, 5), rng=rng(seed))


@pytest.mark.parametrize("place", range(3))
def test_one_image_shows_that_a_rule_is_not_linear(place):
    """The others are black: nothing arrives below their ReLUs, and 0 is the sum of 0 and 0."""
    images = np.zeros((3, 6))
    images[place] = rng(1).uniform(size=6)
    network = unbiased()
    assert not is_additive(network.forward(images), GuidedBackprop(), rng=rng())
    assert is_additive(network.forward(images), Gradient(), rng=rng())
    assert is_additive(network.forward(0 * images), GuidedBackprop(), rng=rng())


def test_one_live_unit_is_enough():
    """Two starts and their sum often have one sign there; three that add up to 0 never do."""
    network = Network.mlp([np.array([[1.0], [-1], [-1]]), rng().standard_normal((4, 3))])
    trace = network.forward(np.ones((1, 1)))
    assert not any(is_additive(trace, GuidedBackprop(), rng=rng(seed)) for seed in range(50))
    assert all(is_additive(trace, Gradient(), rng=rng(seed)) for seed in range(50))


@pytest.mark.parametrize("black", [[0], [0, 1, 2, 3, 4], [5], range(5, 14)], ids=str)
def test_black_images_do_not_hide_that_a_rule_is_not_linear(black):
    images = rng(1).uniform(size=(14, 6))
    images[black] = 0
    settings = {"rule": GuidedBackprop(), "seed": 0, "predicted_images": 12}
    table = run(unbiased(), images, **settings)
    assert (table["note"] == "not linear: the gates depend on the relevance").all()
    assert table[["predicted", "rank"]].isna().all().all()


def test_where_nothing_arrives_the_note_says_so():
    """The layer on top is crossed with its weights, whatever the image: a prediction is right."""
    table = run(unbiased(), np.zeros((6, 6)), rule=GuidedBackprop(), seed=0)
    words = "nothing arrives at the locations looked at"
    assert table["note"].tolist() == [words, words, ""]
    assert table["predicted"].isna().tolist() == [True, True, False]
    assert table["rank_low"][2] < 0.5 < table["rank_high"][2]
    some = rng(1).uniform(size=(6, 6))
    some[:2] = 0
    table = run(unbiased(), some, rule=Gradient(), seed=0)
    assert (table["note"] == "").all() and table["predicted"].notna().all()


@pytest.mark.parametrize("rule", LINEAR, ids=lambda rule: rule.name)
def test_the_maps_are_rows_of_the_combined_weight(rule):
    network, images = convolutional()
    trace = network.forward(images[:1]).until(7)
    places = {0: np.array([3, 10]), 5: np.array([0, 3])}
    columns = handed_down(repeated(trace), rule, np.eye(32), places)
    units = np.eye(32).reshape(32, *trace.output.shape[1:])
    bounds = [relevance_bounds(attribute(trace, rule=rule, seed=unit)) for unit in units]
    for position, chosen in places.items():
        product = combined_weight(attribute(trace, rule=rule), bottom=position)[0]
        bound = np.stack([one[position][0] for one in bounds], axis=-1)
        rows, bound = (m.reshape(network.shapes[position][0], -1, 32) for m in (product, bound))
        difference = np.abs(columns[position].transpose(1, 2, 0) - rows[:, chosen])
        assert (difference <= bound[:, chosen]).all()


def collected_ranks(rule, images=8, pairs=60):
    """Return ranks of pairs at all positions, position by position, for several images."""
    network, batch = convolutional()
    places = {0: np.arange(0, 16, 5), 3: np.arange(4), 5: np.arange(4)}
    found = []
    for k in range(images):
        image = batch[k % len(batch)] * (1 + k)
        trace = network.forward(image[np.newaxis]).until(7)
        found.append(predict(trace, rule, places, pairs=pairs, rng=rng(k)))
    return {p: np.concatenate([one[p].ranks for one in found]) for p in places}


def p_values(ranks):
    return [betting_p_value(values, 0.5, low=0.0, high=1.0) for values in ranks.values()]


@pytest.mark.parametrize("rule", LINEAR, ids=lambda rule: rule.name)
def test_the_exact_law_holds_for_linear_rules(rule):
    """Ranks have the mean 1/2 exactly, so each p-value is below 1e-6 with that probability."""
    assert min(p_values(collected_ranks(rule))) > ALPHA


def test_the_law_does_not_hold_for_guided_backprop():
    assert min(p_values(collected_ranks(GuidedBackprop()))) < ALPHA


def test_a_wrong_law_is_seen(monkeypatch):
    law = convergence_prediction.convergence_law
    monkeypatch.setattr(
        convergence_prediction, "convergence_law", lambda s, n, rng: law(s**2, n, rng=rng)
    )
    assert min(p_values(collected_ranks(Gradient()))) < ALPHA


def uniformity(rule):
    """Return the p-value of uniform ranks at single locations, and that of their mean."""
    network, batch = convolutional()
    ranks = []
    for k in range(16):
        image = batch[k % len(batch)] * (1 + k)
        trace = network.forward(image[np.newaxis]).until(7)
        ranks.append(predict(trace, rule, {0: np.array([k])}, pairs=60, rng=rng(k))[0].ranks)
    ranks = np.concatenate(ranks)
    counts = np.histogram(ranks, bins=41, range=(0, 1))[0]
    return stats.chisquare(counts).pvalue, betting_p_value(ranks, 0.5, low=0.0, high=1.0)


@pytest.mark.parametrize("rule", [Gradient(), ZPlus()], ids=lambda rule: rule.name)
def test_ranks_at_one_location_are_uniform(rule):
    """Of 41 places among 40 draws each has some 23 of the 960 pairs."""
    assert uniformity(rule)[0] > ALPHA


def test_a_law_of_the_right_median_and_the_wrong_width_has_the_right_mean_rank(monkeypatch):
    law = convergence_prediction.convergence_law

    def narrow(values, size, rng):
        drawn = law(values, size, rng=rng)
        middle = np.median(drawn, axis=0)
        return middle + 0.1 * (drawn - middle)

    monkeypatch.setattr(convergence_prediction, "convergence_law", narrow)
    uniform, mean = uniformity(Gradient())
    assert uniform < ALPHA < mean


def test_a_prediction_is_refused_where_gates_depend_on_the_relevance():
    network, images = convolutional()
    table = run(network, images, rule=GuidedBackprop(), seed=0)
    assert (table["note"] == "not linear: the gates depend on the relevance").all()
    assert table[["predicted", "rank", "rest", "birkhoff"]].isna().all().all()
    assert table["divergence"].notna().all()


def test_birkhoffs_bound_holds_at_every_location_and_needs_matrices_without_negative_entries():
    for seed in range(5):
        network = random_mlp((10, 30, 30, 30, 6), rng=rng(seed))
        trace = network.forward(rng(seed).uniform(size=(1, 10)))
        places = {0: np.array([0]), 2: np.array([0]), 6: np.array([0])}
        found = predict(trace, ZPlus(), places, pairs=2, rng=rng())
        assert np.isfinite(found[0].bound).all()
        for one in found.values():
            assert (one.rest <= one.bound).all()
        assert np.isnan(birkhoff_bounds(trace, Gradient(), places)[0]).all()


def test_the_start_may_be_too_large_for_a_prediction(monkeypatch):
    monkeypatch.setattr("alignment_theory.studies.convergence_by_layer.LARGEST_START", 9)
    network, images = convolutional()
    table = run(network, images, rule=Gradient(), seed=0)
    assert (table["note"] == "the start has 10 units, of 9 at most").all()


@pytest.mark.parametrize("rule", [IntegratedGradients(steps=3), SmoothGrad(samples=3)])
def test_averages_of_passes_are_measured_and_not_predicted(rule):
    network, images = convolutional()
    table = run(network, images, rule=rule, seed=0)
    words = f"{rule.name} averages passes at several inputs and has no map of its own"
    assert (table["note"] == words).all() and table["divergence"].notna().all()
    assert table[["predicted", "rank", "rest", "birkhoff"]].isna().all().all()
