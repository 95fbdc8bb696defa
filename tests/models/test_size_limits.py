"""Limits of what a file may describe: the last size let through, and the first refused."""

import json

import pytest

from alignment_theory import Dense, Network
from alignment_theory.models import save
from alignment_theory.models.architecture import FORMAT, MAX_SAMPLE, VERSION, read_architecture


def described(layers, shape):
    members = {"format": FORMAT, "version": VERSION, "input_shape": shape, "layers": layers}
    return read_architecture(json.dumps(members).encode())


def test_the_largest_sample():
    def pooled(width):
        return described([{"kind": "adaptive_avg_pool2d", "size": [2, width]}], [1, 4, 4])

    assert pooled(MAX_SAMPLE // 2).build({}).output_shape == (1, 2, MAX_SAMPLE // 2)
    with pytest.raises(ValueError, match=r"layers\.0: expected samples of at most 2147483648 num"):
        pooled(MAX_SAMPLE // 2 + 1).build({})


def test_the_most_axes():
    for sizes, most in (([1] * 8, True), ([1] * 9, False)):
        layers = [{"kind": "unflatten", "shape": sizes}]
        if most:
            assert described(layers, [1]).build({}).output_shape == (1,) * 8
            assert described([{"kind": "flatten"}], sizes).build({}).output_shape == (1,)
        else:
            with pytest.raises(ValueError, match="a list of 1 to 8 positive integers, got"):
                described(layers, [1])
            with pytest.raises(ValueError, match="input_shape: expected a list of at most 8"):
                described([{"kind": "flatten"}], sizes)


def test_only_networks_are_saved(tmp_path):
    for other in (None, Network, Dense([[1.0]])):
        with pytest.raises(ValueError, match=r"save to .*: expected a Network, got"):
            save(other, tmp_path / "network.npz")
