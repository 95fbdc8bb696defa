"""CSC of networks: what is measured, what is predicted, and that wrong predictions are seen."""

import numpy as np
import pytest
from scipy import stats

from alignment_theory import (
    AlphaBeta,
    BatchNorm,
    Conv2d,
    Deconvnet,
    Dense,
    Epsilon,
    Flatten,
    Gradient,
    GuidedBackprop,
    IntegratedGradients,
    MaxPool2d,
    Network,
    RectGrad,
    Relu,
    Residual,
    SmoothGrad,
    ZPlus,
    attribute,
    combined_weight,
    convergence,
)
from alignment_theory.models import random_mlp
from alignment_theory.studies import convergence_prediction
from alignment_theory.studies.convergence_by_layer import _measured, run
from alignment_theory.studies.convergence_prediction import (
    birkhoff_bounds,
    handed_down,
    is_additive,
    predict,
    repeated,
)
from alignment_theory.verification.betting import betting_p_value

ALPHA = 1e-6


def rng(seed=0):
    return np.random.default_rng(seed)


def convolutional(seed=0):
    """Return a small network of convolutions with batch normalisation, pooling and a residual."""
    draw = rng(seed)
    body = [Conv2d(draw.normal(0, 0.2, (6, 6, 3, 3)), padding=1), Relu()]
    layers = [
        Conv2d(draw.normal(0, 0.4, (6, 3, 3, 3)), padding=1),
        BatchNorm(draw.uniform(0.5, 1.5, 6), draw.normal(0, 0.1, 6)),
        Relu(),
        Residual(body),
        MaxPool2d(2),
        Conv2d(draw.normal(0, 0.3, (8, 6, 3, 3)), padding=1),
        Relu(),
        Flatten(),
        Dense(draw.normal(0, 0.2, (10, 32))),
    ]
    return Network(layers, (3, 4, 4)), draw.standard_normal((7, 3, 4, 4))


def test_the_measure_is_taken_of_what_the_method_hands_down():
    network, images = convolutional()
    table = run(network, images, rule=GuidedBackprop(), start=7, seed=3, predicted_images=0)
    assert table["layer"].tolist() == [0, 1, 3, 6, 7]  # the residual's body is 4 and 5
    assert table["kind"].tolist() == ["Conv2d", "BatchNorm", "Residual", "MaxPool2d", "Conv2d"]
    assert table["channels"].tolist() == [3, 6, 6, 6, 6]
    assert table["locations"].tolist() == [16, 16, 16, 16, 4]
    assert (table["pairs"] + table["undefined"] == 10 * 7 * table["locations"]).all()
    below = Network(network.layers[:7], (3, 4, 4))
    starts = np.stack(
        [
            rng(np.random.SeedSequence(3, spawn_key=(k, 0))).standard_normal((5, 8, 2, 2))
            for k in range(7)
        ],
        axis=1,
    )
    arrived = [attribute(below, images, rule=GuidedBackprop(), seed=v).relevances for v in starts]
    for row, position in enumerate([0, 1, 3, 4, 5]):
        expected = convergence(np.stack([one[position] for one in arrived]))
        assert table["mean"][row] == expected.mean()
        assert table["p99"][row] == expected.percentiles(99)
        assert table["divergence"][row] == np.median(expected.sample_medians())
    assert (table["note"] == "not asked for").all() and table["predicted"].isna().all()


def test_an_image_does_not_depend_on_its_batch():
    network, images = convolutional()
    for rule in (RectGrad(), Epsilon()):
        first, alone = (
            next(_measured(network, batch, rule, [0, 5], 3, 0)) for batch in (images, images[:1])
        )
        for position in (0, 5):
            whole, single = first[position].divergence.values, alone[position].divergence.values
            # rounding of products over batches of other sizes
            np.testing.assert_allclose(whole[:, :1], single, rtol=0, atol=1e-12)


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
    for position, chosen in places.items():
        product = combined_weight(attribute(trace, rule=rule), bottom=position)[0]
        rows = product.reshape(network.shapes[position][0], -1, 32)[:, chosen]
        np.testing.assert_allclose(columns[position].transpose(1, 2, 0), rows, atol=1e-12)


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


def test_zplus_converges_and_the_prediction_says_so():
    network = random_mlp((20, 40, 40, 40, 40, 8), rng=rng())
    table = run(network, rng(1).uniform(size=(12, 20)), rule=ZPlus(), seed=0)
    assert table["divergence"][0] < 1e-2 < 0.1 < table["divergence"].iloc[-1]
    assert (table["rank_low"] < 0.5).all() and (table["rank_high"] > 0.5).all()
    assert (table["low"] <= table["divergence"]).all() and (table["note"] == "").all()
    ratio = table["predicted"] / table["divergence"]
    assert ratio.between(0.2, 5).all()
    assert np.isfinite(table["birkhoff"][0]) and table["rest"][0] < table["birkhoff"][0]
    again = run(network, rng(1).uniform(size=(12, 20)), rule=ZPlus(), seed=0)
    assert table.equals(again)


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


def test_locations_that_nothing_reaches_are_counted():
    """Below a max pooling over single pixels of a window, most pixels get nothing."""
    layers = [Relu(), Conv2d(np.ones((2, 2, 1, 1))), MaxPool2d(2), Conv2d(np.ones((3, 2, 1, 1)))]
    network = Network(layers, (2, 4, 4))
    table = run(network, rng().uniform(size=(4, 2, 4, 4)), rule=Gradient(), seed=0, locations=16)
    at_pooling = table[table["kind"] == "MaxPool2d"].iloc[0]
    assert at_pooling["undefined"] == 4 * 10 * 12
    assert at_pooling["reasons"] == "480 both vectors all zero"
    assert at_pooling["pairs"] == 4 * 10 * 4
    assert np.isnan(at_pooling["low"])  # four images cannot give an interval at 95 %


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_rounding_leaves_of_rank_one(dtype):
    """Below a layer of one unit all starts are parallel, but for rounding.

    z⁺ only adds and multiplies positive numbers: each entry has a relative error of at most
    ``N u``, u the unit of rounding and N the operations on its way, so that directions differ by
    2 N u at most.
    """
    draw = rng(0)
    shapes = [(30, 20), (30, 30), (1, 30), (8, 1)]
    network = Network.mlp([draw.uniform(0.1, 1, shape) for shape in shapes]).astype(dtype)
    images = draw.uniform(size=(6, 20)).astype(dtype)
    table = run(network, images, rule=ZPlus(), seed=0, predicted_images=0)
    operations = 2 * (20 + 30 + 30 + 30 + 1 + 1) + 24
    below = table[table["layer"] <= 4]
    assert len(below) == 3 and (below["channels"] > 1).all()
    limit = (2 * operations * np.finfo(dtype).eps / 2) ** 2 / 2
    assert (1 - below["p0"]).max() <= max(limit, 2.0**-53)
    assert (below["divergence"] <= limit).all()
    assert limit < (1e-9 if dtype == np.float32 else 1e-26)


def test_relevance_that_sinks_out_of_range_is_refused():
    weights = [1e-5 * np.eye(4)] * 8
    network = Network.mlp(weights).astype(np.float32)
    images = np.ones((6, 4), np.float32)
    with pytest.raises(ValueError, match="position 0: the relevance has sunk to .*e-41 in float"):
        run(network, images, rule=Gradient(), seed=0)
    table = run(network.astype(np.float64), images, rule=Gradient(), seed=0)
    assert table["undefined"].sum() == 0


def test_networks_that_are_redrawn_from_0_to_1_are_of_rank_one():
    """Xplique re-draws weights from U[0, 1): its "random" network has one direction only."""
    images = rng(1).uniform(size=(6, 64))
    medians = {}
    for name, low in (("positive", 0), ("symmetric", -1)):
        draw = rng(0)
        weights = [draw.uniform(low, 1, (64, 64)) / 64 for _ in range(5)]
        table = run(Network.mlp(weights), images, rule=Gradient(), seed=0, predicted_images=0)
        medians[name] = table["median"].to_numpy()
    assert (medians["positive"][:3] > 0.999).all()
    assert (medians["symmetric"] < 0.5).all()


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


BAD = [
    ({"start": 0}, "start: expected a position from 1 to 9, got 0"),
    ({"start": 10}, "start: expected a position from 1 to 9, got 10"),
    ({"start": 1.5}, "start: expected a position from 1 to 9, got 1.5"),
    ({"start": "a"}, "start: expected a position from 1 to 9, got 'a'"),
    ({"start": True}, "start: expected a position from 1 to 9, got True"),
    ({"seed": 1.5}, "seed: expected an integer of at least 0, got 1.5"),
    ({"seed": None}, "seed: expected an integer of at least 0, got None"),
    ({"predicted_images": 1.5}, "predicted_images: expected an integer of at least 0, got 1.5"),
    ({"predicted_images": -1}, "predicted_images: expected an integer of at least 0, got -1"),
    ({"network": None}, "network: expected a Network, got None"),
    ({"network": Network([Dense([[1]])]).astype(object)}, "expected a network of floats; convert"),
    ({"draws": 1}, "draws: expected an integer of at least 2, got 1"),
    ({"locations": 0}, "locations: expected an integer of at least 1"),
    ({"images": np.ones((3, 4, 4))}, r"images: expected a non-empty batch \(images, 3, 4, 4\)"),
    ({"images": np.ones((0, 3, 4, 4))}, "images: expected a non-empty batch"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change, message):
    network, images = convolutional()
    settings = {"network": network, "images": images, "rule": Gradient(), "seed": 0} | change
    with pytest.raises(ValueError, match=message):
        run(settings.pop("network"), settings.pop("images"), **settings)
