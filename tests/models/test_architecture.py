"""The JSON text that describes a network: what it says, and round trips."""

import json

import numpy as np
from architecture_texts import CONVOLUTION, PLAIN, WINDOWS, changed, layers, nested

from alignment_theory import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    LeakyRelu,
    MaxPool2d,
    Network,
    Relu,
    Residual,
    Unflatten,
)
from alignment_theory.models import load, save
from alignment_theory.models.architecture import read_architecture, write_architecture
from alignment_theory.models.layer_kinds import KINDS

NETWORK = Network(
    [Flatten(), Dense(np.ones((4, 6)), np.ones(4)), Relu(True), Dense(np.ones((2, 4)))], (2, 3)
)


def test_the_text_is_the_documented_one():
    assert json.loads(write_architecture(NETWORK)) == PLAIN


def test_what_is_written_is_read():
    architecture = read_architecture(changed())
    assert architecture.input_shape == (2, 3)
    assert architecture.array_names == ("layers.1.weight", "layers.1.bias", "layers.3.weight")
    arrays = {"layers.1.weight": np.ones((4, 6)), "layers.1.bias": np.ones(4)}
    built = architecture.build(arrays | {"layers.3.weight": np.ones((2, 4))})
    assert repr(built) == repr(NETWORK)


def test_every_kind_of_layer_comes_back():
    network = Network(
        [
            Conv2d(
                np.ones((4, 1, 2, 2)), np.ones(4), stride=(1, 2), padding=((0, 1), (2, 0)), groups=2
            ),
            BatchNorm(np.ones(4), np.zeros(4)),
            LeakyRelu(0.25),
            AvgPool2d(2, 1, ((0, 1), (0, 0)), count_padding=False),
            MaxPool2d(2, 1, ((0, 1), (0, 0)), ties="last"),
            AdaptiveAvgPool2d((2, 1)),
            Flatten(),
            Relu(),
            Unflatten((4, 1, 2)),
            Flatten(),
            Dense(np.ones((2, 8))),
        ],
        (2, 5, 6),
    )
    text = write_architecture(network)
    entries = json.loads(text)["layers"]
    assert entries[0] == CONVOLUTION
    assert {entry["kind"] for entry in entries} == set(KINDS)
    architecture = read_architecture(text.encode())
    arrays = {
        name: getattr(network.layers[int(name.split(".")[1])], name.split(".")[2])
        for name in architecture.array_names
    }
    assert len(arrays) == 5
    assert repr(architecture.build(arrays)) == repr(network)


def test_residuals_come_back(tmp_path):
    body = [Dense(np.ones((2, 2)), [1, 2]), Residual([Relu(), Dense(np.full((2, 2), 3.0))])]
    network = Network([Residual(body, [Dense(np.full((2, 2), 5.0))]), Relu()], (2,))
    names = read_architecture(write_architecture(network).encode()).array_names
    assert names == (
        "layers.0.body.0.weight",
        "layers.0.body.0.bias",
        "layers.0.body.1.body.1.weight",
        "layers.0.shortcut.0.weight",
    )
    for suffix in ("npz", "safetensors"):
        save(network, tmp_path / f"network.{suffix}")
        found = load(tmp_path / f"network.{suffix}")
        assert repr(found) == repr(network)
        x = np.array([[1.0, -2]])
        assert (found.forward(x).output == network.forward(x).output).all()
    assert read_architecture(layers(nested(4))).layers[0].body[0].kind == "residual"


def test_large_images_need_no_memory_to_be_described():
    entries = [{"kind": "avg_pool2d", **WINDOWS, "count_padding": True}]
    architecture = read_architecture(changed(layers=entries, input_shape=[1, 2**15, 2**15]))
    assert architecture.build({}).output_shape == (1, 2**15, 2**15 - 1)
