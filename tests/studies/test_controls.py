"""Maps that know no network, to compare explanations with."""

import numpy as np
import pytest
from studies.randomised import IMAGES, NETWORK

from alignment_theory import ZPlus
from alignment_theory.similarity import COSINE, SPEARMAN_ABS, WEL
from alignment_theory.studies import controls


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": None}, "seed: expected an integer of at least 0, got None"),
        ({"presets": COSINE}, "presets: expected a list of similarities"),
        ({"image_shape": 36}, "image_shape: expected a list of sizes"),
    ],
)
def test_bad_input_of_controls(change, message):
    with pytest.raises(ValueError, match=message):
        controls.run(NETWORK, IMAGES, **{"rule": ZPlus(), "seed": 0} | change)


def test_controls_are_maps_that_know_no_network():
    images = np.random.default_rng(2).uniform(size=(200, 36))
    table = controls.run(
        NETWORK,
        images,
        rule=ZPlus(),
        seed=0,
        start="unit",
        image_shape=(1, 6, 6),
        presets=(COSINE, SPEARMAN_ABS, WEL),
    )
    assert len(table) == 4 * 3
    by = table.set_index(["control", "preset"])
    assert by.loc[("magnitude", "cosine"), "similarity"] > 0.8
    # independent isotropic noise of 36 entries: the mean deviates by 1/(6 √200); 6 of these
    assert abs(by.loc[("noise", "cosine"), "similarity"]) < 1 / np.sqrt(200)
    constant = by.loc[("constant", "spearman_abs")]
    assert np.isnan(constant["similarity"]) and np.isnan(constant["low"])
    assert constant["undefined"] == 200 and constant["reasons"] == "200 right map constant"
    assert by.loc[("constant", "cosine"), "undefined"] == 0
    live = table[table["images"] > 0]
    assert (live["low"] <= live["similarity"]).all() and (live["similarity"] <= live["high"]).all()
    flat = controls.run(NETWORK, images, rule=ZPlus(), seed=0)
    assert set(flat["control"]) == {"magnitude", "noise", "constant"}


def test_edges_are_found_where_they_are():
    step = np.zeros((1, 1, 8, 8))
    step[..., 4:] = 1
    edges = controls._edges(step)
    assert (edges[..., 3:5] == 4).all() and not edges[..., :3].any() and not edges[..., 5:].any()
