"""CSC of networks, layer by layer: what is measured, counted and refused."""

import numpy as np
import pytest
from studies.small_networks import convolutional, rng

from alignment_theory import (
    Conv2d,
    Dense,
    Epsilon,
    Gradient,
    GuidedBackprop,
    MaxPool2d,
    Network,
    RectGrad,
    Relu,
    ZPlus,
    attribute,
    convergence,
)
from alignment_theory.models import random_mlp
from alignment_theory.studies.convergence_by_layer import _measured, run


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
