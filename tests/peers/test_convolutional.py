"""Convolutional networks from ONNX files that torch wrote, against zennit and captum.

What a record is and what ours is for it: `generate_convolutional.py`, `convolutional_cases.py`.
"""

import convolutional_cases as cases
import numpy as np
import pytest
from convolutional_cases import METHODS, OURS, RECORDS, errors

from alignment_theory import (
    DIALECTS,
    BatchNorm,
    Composite,
    Epsilon,
    IntegratedGradients,
    cosine,
    dialect,
    fold_batch_norm,
)
from alignment_theory.rounding import ledger_bounds

RELATIVE = 1e-10
"""Largest difference, relative to the sample's largest entry; 2.3e-13 is seen."""

NETWORKS = ("stacked", "residual", "strided", "bias_free")


def loaded(name):
    return cases.network_of(RECORDS[f"{name}/onnx"].tobytes())


@pytest.mark.parametrize("name", NETWORKS)
def test_logits(name):
    logits = loaded(name).forward(RECORDS[f"{name}/input"]).output
    assert (errors(logits, RECORDS[f"{name}/logits"]) <= RELATIVE).all()


@pytest.mark.parametrize("key", METHODS)
def test_attributions(key):
    assert (errors(cases.relevance_of(key), RECORDS[key]) <= RELATIVE).all()


def test_every_method_is_recorded_on_every_network_where_it_says_something():
    for name in NETWORKS:
        wanted = {f"{name}/{library}/{label}" for library in OURS for label in OURS[library]}
        if name != "residual":
            wanted.remove(f"{name}/zennit/EpsilonPlus, BN passed")
        if name == "bias_free":
            wanted = {key for key in wanted if not key.endswith("no bias")}
        assert wanted == {key for key in METHODS if key.startswith(f"{name}/")}


def test_every_dialect_of_the_two_libraries_is_recorded():
    labels = {key.partition("/")[2].replace("LRP ", "").replace("rule ", "") for key in METHODS}
    keys = {f"{library}/{rule}" for library, rule in DIALECTS if library in OURS}
    assert keys <= labels


def test_a_wrong_rule_would_be_seen():
    key = "stacked/zennit/EpsilonPlus"
    for rule in ("EpsilonAlpha2Beta1", "EpsilonPlusFlat", "ExcitationBackprop"):
        found = cases.relevance_of(key, dialect("zennit", rule))
        assert (errors(found, RECORDS[key]) > 1e-3).all()


def test_the_gauss_weights_of_captum_are_rounded_to_float32():
    """Without the rounding ours differs by more than 1e-9, with it by 1e-15."""
    key = "strided/captum/IntegratedGradients"
    plain = cases.attribution_of(key, IntegratedGradients(0.0, 10)).relevance
    assert (errors(plain, RECORDS[key]) > 1e-9).all()
    assert (errors(plain, RECORDS[key]) <= 1e-7).all()


def test_batch_normalisation_that_passes_relevance_on_gives_another_picture():
    """zennit's composites do so without a canonizer; by hand in `test_behaviour.py`."""
    merged, passed = (
        RECORDS[f"residual/zennit/{label}"] for label in ("EpsilonPlus", "EpsilonPlus, BN passed")
    )
    assert cosine(merged, passed).values == pytest.approx([0.852, 0.675], abs=5e-4)


def test_a_rule_by_itself_goes_to_the_pools_too_where_zennit_has_norm():
    """zennit gives an average pooling x / (z + 1e-6), whatever the rule of the convolutions."""
    key = "strided/zennit/rule AlphaBeta"
    everywhere = cases.relevance_of(key, dialect("zennit", "AlphaBeta"))
    assert (errors(everywhere, RECORDS[key]) > 1e-7).all()


def test_a_sum_and_a_pool_have_the_small_epsilon_of_norm_in_zennits_composites():
    """ε = 0.1 is that of the dense layers only; sums and pools keep the stabiliser 1e-6."""

    class Everywhere(Composite):
        def rule_for(self, layer, *, first):
            rule = dialect("zennit", "EpsilonPlus", 0.1).rule_for(layer, first=first)
            return Epsilon(0.1, block_dead=False) if isinstance(rule, Epsilon) else rule

    key = "residual/zennit/EpsilonPlus, epsilon 0.1"
    assert (errors(cases.relevance_of(key, Everywhere()), RECORDS[key]) > 1e-3).all()


@pytest.mark.parametrize("rule", ["Epsilon", "Gamma", "ZPlus"])
def test_captum_crosses_a_max_pooling_with_epsilon(rule):
    """R z / (z + 1e-9): its own, by which ours differs; z < 10 here, so by 1e-10 or more."""
    key = f"stacked/captum/LRP {rule}"
    winner = cases.Placed(dialect("captum", rule), dialect("captum", "Epsilon"))
    assert (errors(cases.relevance_of(key, winner), RECORDS[key]) > 1e-10).all()
    assert (errors(cases.relevance_of(key, winner), RECORDS[key]) < 1e-7).all()


def test_captum_multiplies_what_skips_a_residual_block_by_the_activation():
    """Of R at ``body(a) + a`` the identity gets ``a ∘ R`` and the body R; ours shares R out."""
    key = "residual/captum/LRP Epsilon"
    mine = cases.attribution_of(key, dialect("captum", "Epsilon"))
    assert (errors(mine.relevance, RECORDS[key]) > 0.5).all()
    assert (np.abs(mine.ledger.residual) <= ledger_bounds(mine)).all()


def test_the_networks_have_what_the_cases_are_about():
    kinds = {name: {type(one).__name__ for one in loaded(name).all_layers} for name in NETWORKS}
    assert {"MaxPool2d", "AvgPool2d", "Conv2d", "Dense"} <= kinds["stacked"]
    assert {"Residual", "BatchNorm", "AdaptiveAvgPool2d", "MaxPool2d"} <= kinds["residual"]
    first, second = loaded("strided").layers[0], loaded("strided").layers[2]
    assert (first.windows.stride, first.windows.padding) == ((2, 1), ((1, 1), (0, 0)))
    assert (second.windows.dilation, second.groups) == ((2, 2), 2)
    assert (RECORDS["strided/input"] < 0).any()
    folded = fold_batch_norm(loaded("residual"))
    assert not any(isinstance(layer, BatchNorm) for layer in folded.all_layers)
