"""Sanity checks by randomisation: what is compared, intervals, nulls, and what is refused."""

import numpy as np
import pytest
from studies.randomised import IMAGES, NETWORK, SETTINGS, row

from alignment_theory import (
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    Gradient,
    GuidedBackprop,
    Network,
    Relu,
    Residual,
    ZPlus,
    attribute,
)
from alignment_theory.models import random_mlp, redrawn
from alignment_theory.similarity import COSINE, PRESETS, SPEARMAN, SPEARMAN_ABS, SSIM
from alignment_theory.studies import randomisation
from alignment_theory.verification.crossed import crossed_interval


@pytest.fixture(scope="module")
def table():
    return randomisation.run(NETWORK, IMAGES, presets=(COSINE, SPEARMAN_ABS), **SETTINGS)


CHANGED = {
    ("cascading", 0): [0, 2, 4, 6],
    ("cascading", 4): [4, 6],
    ("cascading", 6): [6],
    ("independent", 0): [0],
    ("independent", 4): [4],
    ("bottom-up", 0): [0],
    ("bottom-up", 4): [0, 2, 4],
    ("bottom-up", 6): [0, 2, 4, 6],
}


@pytest.mark.parametrize("setting", CHANGED, ids=str)
def test_a_row_is_the_mean_over_redraws_and_images_and_nothing_else(table, setting):
    """Quantus counts the network itself, with similarity 1, in its averages."""
    original = attribute(NETWORK, IMAGES, rule=GuidedBackprop(), target=2).relevance
    values = []
    for draw in range(3):
        other = redrawn(NETWORK, CHANGED[setting], seed=4, draw=draw)
        maps = attribute(other, IMAGES, rule=GuidedBackprop(), target=2).relevance
        values.append(COSINE(original, maps).values)
    values = np.array(values)
    found = row(table, *setting)
    rounding = {"abs": 18 * 2.0**-52}  # of means over 18 numbers of magnitude 1 at most
    assert found["similarity"] == pytest.approx(values.mean(), **rounding)
    low, high = crossed_interval(values, alpha=0.05)
    assert (found["low"], found["high"]) == (low, min(high, 1))
    assert found["similarity"] < (3 * 6 * values.mean() + 6) / (3 * 6 + 6)
    assert (found["redraws"], found["images"], found["undefined"]) == (3, 6, 0)


def test_the_table_has_every_order_layer_and_preset_once(table):
    assert len(table) == 3 * 4 * 2
    assert not table.duplicated(["order", "layer", "preset"]).any()
    assert set(table["kind"]) == {"Dense"} and (table["reasons"] == "").all()
    assert (table["output_scale"] > 0).all()
    assert not (table["similarity"] == 1).any()
    ends = [row(table, "cascading", 0), row(table, "bottom-up", 6)]
    assert ends[0]["similarity"] == ends[1]["similarity"]


def test_nothing_depends_on_what_else_is_asked_for(table):
    alone = randomisation.run(
        NETWORK, IMAGES, presets=(SPEARMAN_ABS,), orders=("independent",), **SETTINGS
    )
    for layer in (0, 2, 4, 6):
        one, other = (row(t, "independent", layer, "spearman_abs") for t in (table, alone))
        assert one.drop("predicted").equals(other.drop("predicted"))
    again = randomisation.run(NETWORK, IMAGES, presets=(COSINE, SPEARMAN_ABS), **SETTINGS)
    assert table.equals(again)


def test_the_null_is_of_two_random_networks(table):
    pairs = []
    for draw in range(3):
        maps = [
            attribute(
                redrawn(NETWORK, [0, 2, 4, 6], seed=4, draw=k),
                IMAGES,
                rule=GuidedBackprop(),
                target=2,
            ).relevance
            for k in (draw, 3 + draw)
        ]
        pairs.append(COSINE(*maps).values)
    found = row(table, "cascading", 0)
    assert found["null"] == pytest.approx(np.mean(pairs), abs=18 * 2.0**-52)
    low, high = np.percentile(pairs, [2.5, 97.5])
    assert (found["null_low"], found["null_high"]) == (low, high)


def test_insensitive_methods_have_a_high_null():
    """Two random networks give nearly one z⁺ explanation; two gradients are unlike."""
    common = {"seed": 0, "target": 0, "presets": (COSINE,), "start": "unit"}
    network = random_mlp((36, 200, 200, 200, 5), rng=np.random.default_rng(0))
    zplus = randomisation.run(network, IMAGES, rule=ZPlus(), **common)
    gradient = randomisation.run(
        network, IMAGES, rule=Gradient(), redraws=40, orders=("cascading",), **common
    )
    assert (zplus["null"] > 0.9).all() and (zplus["null_low"] > 0.8).all()
    # cosines of independent isotropic vectors of 36 entries deviate by 1/6 from 0, and means over
    # 40 pairs of networks by 1/(6 √40) at most, however alike the images of a pair: 6 of these
    assert (gradient["null"].abs() < 1 / np.sqrt(40)).all()


def test_convolutions_residuals_and_batch_normalisation():
    rng = np.random.default_rng(0)
    body = [Conv2d(rng.standard_normal((6, 6, 3, 3)) / 5, padding=1), Relu()]
    layers = [
        Conv2d(rng.standard_normal((6, 3, 3, 3)) / 4, padding=1),
        BatchNorm(rng.uniform(0.5, 2, 6), rng.standard_normal(6)),
        Relu(),
        Residual(body),
        Flatten(),
        Dense(rng.standard_normal((4, 6 * 12 * 12)) / 20),
    ]
    network = Network(layers, (3, 12, 12)).astype(np.float32)
    images = rng.standard_normal((3, 3, 12, 12)).astype(np.float32)
    table = randomisation.run(network, images, rule=GuidedBackprop(), seed=0, redraws=2)
    assert set(table["layer"]) == {0, 1, 4, 7}
    assert set(table["kind"]) == {"Conv2d", "BatchNorm", "Dense"}
    fitting = {preset.name for preset in PRESETS if preset.fits((3, 12, 12))}
    assert set(table["preset"]) == fitting and "ssim" in fitting and "hog" not in fitting
    # a BatchNorm is reset, not drawn: both redraws of it alone are one network
    alone = table[(table["layer"] == 1) & (table["order"] == "independent")]
    assert alone["similarity"].notna().all() and (alone["similarity"] < 1).all()


def test_undefined_values_are_counted_and_their_images_left_out():
    images = IMAGES.copy()
    images[1] = 0  # R = x ∘ c is 0 throughout
    table = randomisation.run(NETWORK, images, rule=ZPlus(), seed=0, presets=(COSINE, SPEARMAN))
    assert (table["images"] == 5).all() and (table["undefined"] == 5).all()
    words = {"5 left map and right map all zero", "5 left map and right map constant"}
    assert set(table["reasons"]) == words
    assert table["similarity"].notna().all() and table["null"].notna().all()
    dark = randomisation.run(NETWORK, 0 * images, rule=ZPlus(), seed=0, presets=(COSINE,))
    assert dark[["similarity", "low", "high", "null"]].isna().all().all()
    assert (dark["images"] == 0).all() and (dark["undefined"] == 30).all()


def test_flat_inputs_need_a_shape_for_ssim():
    found = randomisation.run(
        NETWORK, IMAGES, image_shape=(1, 6, 6), orders=("cascading",), **SETTINGS
    )
    assert "wel" in set(found["preset"])
    flat = randomisation.run(NETWORK, IMAGES, orders=("cascading",), **SETTINGS)
    assert set(flat["preset"]) == {"cosine", "pearson", "spearman", "spearman_abs", "quantus"}


BAD = [
    ({"redraws": 1}, "redraws: expected an integer of at least 2, got 1"),
    ({"redraws": 2.5}, "redraws: expected an integer of at least 2, got 2.5"),
    ({"redraws": "3"}, "redraws: expected an integer of at least 2, got '3'"),
    ({"seed": None}, "seed: expected an integer of at least 0, got None"),
    ({"seed": 1.5}, "seed: expected an integer of at least 0, got 1.5"),
    ({"start": 1.5}, "start: expected 'unit' or 'logit', got 1.5"),
    ({"start": np.ones(5)}, "start: expected 'unit' or 'logit', got array"),
    ({"orders": "cascading"}, "orders: expected a list of some of cascading, .* got 'cascading'"),
    ({"orders": 3}, "orders: expected a list of some of cascading, .* got 3"),
    ({"orders": ()}, "orders: expected some of cascading, independent, bottom-up, got none"),
    ({"presets": COSINE}, r"presets: expected a list of similarities, .* got Similarity\("),
    ({"presets": ["cosine"]}, r"presets: expected Similarity objects, .* got \['cosine'\]"),
    ({"how": "he-normal"}, "how: expected a Redraw, such as .* got 'he-normal'"),
    ({"image_shape": 36}, "image_shape: expected a list of sizes .* got 36"),
    ({"image_shape": (-6, -6)}, "image_shape: expected an integer of at least 1, got -6"),
    ({"image_shape": (6, 6.0)}, "image_shape: expected an integer of at least 1, got 6.0"),
    ({"network": None}, "network: expected a Network, got None"),
    ({"network": Network([Dense([[1]])]).astype(object)}, "network: expected a network of floats"),
    ({"network": Network([Relu()], (36,))}, "network: expected layers with parameters to re-draw"),
    ({"orders": ("top_down",)}, r"orders: expected some of cascading, .* got \['top_down'\]"),
    ({"presets": (SSIM, COSINE)}, r"presets: ssim cannot compare maps of shape \(36,\)"),
    ({"presets": ()}, "presets: none given"),
    ({"images": IMAGES[0]}, "images: expected a batch of at least two"),
    ({"images": IMAGES[:1]}, "images: expected a batch of at least two"),
    ({"image_shape": (1, 6, 7)}, "image_shape: .* does not hold what the network takes"),
    ({"target": 5}, "target"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=lambda value: str(value)[:30])
def test_bad_input(change, message):
    settings = SETTINGS | {"network": NETWORK, "images": IMAGES, "presets": (COSINE,)} | change
    with pytest.raises(ValueError, match=message):
        randomisation.run(settings.pop("network"), settings.pop("images"), **settings)
