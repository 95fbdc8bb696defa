"""What single columns of the tables of the sanity checks hold."""

import numpy as np
import pytest

from alignment_theory import AvgPool2d, Conv2d, Gradient, Network, Relu, ZPlus, attribute
from alignment_theory.alignment import Measured
from alignment_theory.models import random_mlp, redrawn
from alignment_theory.similarity import COSINE
from alignment_theory.studies import controls, convergence_by_layer, randomisation
from alignment_theory.studies.convergence_prediction import Predicted, _ranks
from alignment_theory.studies.photograph import detail
from alignment_theory.theory.convergence import gaussian_cosine_quantile
from alignment_theory.verification.betting import confidence_interval

NETWORK = random_mlp((9, 8, 8, 3), rng=np.random.default_rng(0))
IMAGES = np.random.default_rng(1).standard_normal((5, 9))


def size(network):
    return np.sqrt((network.forward(IMAGES).output ** 2).mean())


def test_the_scale_of_outputs_is_the_median_over_redraws_beside_the_network_s_own():
    table = randomisation.run(
        NETWORK, IMAGES, rule=Gradient(), seed=2, redraws=3, presets=(COSINE,), target=0
    )
    alone = table[table["order"] == "independent"].set_index("layer")["output_scale"]
    for layer in (0, 2, 4):
        sizes = [size(redrawn(NETWORK, [layer], seed=2, draw=k)) for k in range(3)]
        assert len(set(sizes)) == 3
        # quotients of roots of means over 15 squares
        assert alone[layer] == pytest.approx(np.median(sizes) / size(NETWORK), rel=2**-48)


def test_intervals_stay_where_similarities_are():
    found = [Measured(np.array([-1.0, 1.0]), np.array(["", ""]))] * 2
    wide = randomisation._mean(found)
    assert (wide["low"], wide["high"]) == (-1, 1) and wide["similarity"] == 0


def test_controls_are_magnitudes_of_signed_inputs_with_a_betting_interval():
    found = controls.run(NETWORK, IMAGES, rule=ZPlus(), seed=0, presets=(COSINE,), target=0)
    maps = attribute(NETWORK, IMAGES, rule=ZPlus(), target=0).relevance
    values = COSINE(maps, np.abs(IMAGES)).values
    row = found[found["control"] == "magnitude"].iloc[0]
    assert row["similarity"] == values.mean() != COSINE(maps, IMAGES).values.mean()
    expected = confidence_interval(values, alpha=0.05, low=-1.0, high=1.0)
    assert (row["low"], row["high"]) == expected


def test_edges_on_a_slope_have_its_euclidean_length():
    """Sobel's filter gives 8 of a slope of 1, in each direction."""
    down, right = np.mgrid[:6, :6]
    edges = controls._edges((3 * down + 4 * right)[np.newaxis, np.newaxis])
    assert (edges[0, 0, 1:-1, 1:-1] == 40).all()


def images_of_a_convolution():
    weights = np.random.default_rng(3).uniform(size=(4, 2, 2, 2))
    network = Network([Relu(), Conv2d(weights), AvgPool2d(2)], (2, 5, 5))
    return network, np.random.default_rng(4).uniform(size=(2, 2, 5, 5))


def test_the_baseline_is_that_of_the_channels():
    network, images = images_of_a_convolution()
    table = convergence_by_layer.run(network, images, rule=ZPlus(), seed=0, predicted_images=0)
    assert table["channels"].tolist() == [2, 4]
    assert table["baseline"].tolist() == [gaussian_cosine_quantile(n) for n in (2, 4)]


@pytest.mark.parametrize("locations", [1, 4, 99])
def test_as_many_locations_are_looked_at_as_asked_for(locations):
    network, images = images_of_a_convolution()
    found = convergence_by_layer._predicted(
        network, images[:1], ZPlus(), [1, 2], locations, pairs=2, seed=0, index=0
    )
    for position, available in ((1, 25), (2, 16)):
        assert len(found[position].singular_values) == min(locations, available)


def test_images_of_later_parts_of_a_batch_have_starts_of_their_own():
    """Images are worked on eight at a time; the ninth is the first again."""
    batch = np.concatenate([IMAGES, IMAGES[:4]])
    batch[8] = batch[0]
    parts = list(convergence_by_layer._measured(NETWORK, batch, Gradient(), [0], 2, 0))
    assert len(parts) == 2
    first, last = parts[0][0].divergence.values[:, 0], parts[1][0].divergence.values[:, 0]
    assert (np.abs(first - last) > 1e-3).all()  # equal starts differ by rounding, some 1e-15


def test_the_rank_is_the_middle_of_its_place():
    """Of four draws, below all, above three of them, equal to two of them."""
    law = np.tile([1.0, 2, 2, 4], (3, 1))[:, :, np.newaxis]
    ranks = _ranks(np.array([[0.5], [3], [2]]), law)
    assert ranks.tolist() == [0.5 / 5, 3.5 / 5, 2.5 / 5]


def test_columns_of_singular_values():
    empty = np.empty(0)
    one = Predicted(np.array([[4.0, 2, 1], [2, 0, 0]]), empty, empty, empty)
    assert one.rank_one.tolist() == [0.5, 0]
    assert one.rest.tolist() == [0.3125, 0]


@pytest.mark.parametrize("power", [-26.0, -33.0, -36.0])
def test_relevance_must_leave_room_for_its_digits(power):
    """float32 is normal down to 1.2e-38; numbers 2**-23 as large as 1e-33 are not."""
    weights = [10 ** (power / 4) * np.eye(4)] * 4
    network, images = Network.mlp(weights).astype(np.float32), np.ones((2, 4), np.float32)
    settings = {"rule": Gradient(), "seed": 0, "predicted_images": 0}
    if power > -30:
        assert convergence_by_layer.run(network, images, **settings)["undefined"].sum() == 0
    else:
        with pytest.raises(ValueError, match="position 0: the relevance has sunk to"):
            convergence_by_layer.run(network, images, **settings)


def test_every_channel_of_one_value_has_no_detail():
    values = np.random.default_rng(0).uniform(size=20)[:, np.newaxis, np.newaxis]
    assert not detail(values * np.ones((20, 5, 7))).any()
