"""Convolutional networks from ONNX files that torch wrote, against zennit and captum."""

from pathlib import Path

import numpy as np
import pytest

from alignment_theory import DIALECTS, attribute, dialect, load

RECORDS = np.load(Path(__file__).with_name("convolutional.npz"))
RELATIVE = 1e-10
"""Largest difference, relative to the largest entry; 1e-15 is seen."""

TARGETS = (1, 3)
COMPOSITES = {
    "EpsilonPlus",
    "EpsilonPlusFlat",
    "EpsilonAlpha2Beta1",
    "EpsilonAlpha2Beta1Flat",
    "EpsilonGammaBox",
    "ExcitationBackprop",
}
METHODS = [key for key in RECORDS.files if key.count("/") == 2]


@pytest.fixture(params=["stacked", "residual"])
def name(request):
    return request.param


def network_of(name, folder):
    """Return the network in a recorded file."""
    path = folder / "model.onnx"
    path.write_bytes(RECORDS[f"{name}/onnx"].tobytes())
    return load(path)


def assert_near(found, expected):
    assert np.abs(found - expected).max() <= RELATIVE * np.abs(expected).max()


def test_logits(name, tmp_path):
    logits = network_of(name, tmp_path).forward(RECORDS[f"{name}/input"]).output
    assert_near(logits, RECORDS[f"{name}/logits"])


@pytest.mark.parametrize("key", METHODS)
def test_attributions(key, tmp_path):
    name, library, rule = key.split("/")
    network = network_of(name, tmp_path)
    method = dialect(library, rule)
    found = attribute(network, RECORDS[f"{name}/input"], rule=method, target=TARGETS, seed="unit")
    assert_near(found.relevance, RECORDS[key])


def test_a_wrong_rule_would_be_seen(tmp_path):
    network, key = network_of("stacked", tmp_path), "stacked/zennit/EpsilonPlus"
    for rule in ("EpsilonAlpha2Beta1", "EpsilonPlusFlat", "ExcitationBackprop"):
        inputs, method = RECORDS["stacked/input"], dialect("zennit", rule)
        found = attribute(network, inputs, rule=method, target=TARGETS, seed="unit").relevance
        assert np.abs(found - RECORDS[key]).max() > 1e-3 * np.abs(RECORDS[key]).max()


def test_every_composite_is_recorded():
    composites = {rule for library, rule in DIALECTS if library == "zennit" and rule in COMPOSITES}
    assert composites == {key.split("/")[2] for key in METHODS if "/zennit/" in key}
