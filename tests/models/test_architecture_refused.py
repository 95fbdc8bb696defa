"""Texts and settings that describe no network, and networks that no text describes."""

import json

import numpy as np
import pytest
from architecture_texts import CONVOLUTION, PLAIN, WINDOWS, changed, layers, nested

from alignment_theory import Dense, Network, Relu
from alignment_theory.models.architecture import read_architecture, write_architecture


def without(member):
    return json.dumps({key: value for key, value in PLAIN.items() if key != member}).encode()


REFUSED = {
    "empty": (b"", "not a valid JSON text"),
    "no JSON": (b"import os", "not a valid JSON text"),
    "two texts": (changed() * 2, "not a valid JSON text.*Extra data"),
    "not UTF-8": (b"\xff\xfe{}", "not a valid JSON text.*utf-8"),
    "a list": (b"[1, 2]", r"expected a JSON object, got \[1, 2\]"),
    "a number": (b"1", "expected a JSON object, got 1"),
    "too long": (changed() + b" " * 2**16, "at most 65536 bytes"),
    "too deep": (b"[" * 60000, "nested too deeply"),
    "too deep as a value": (
        changed(input_shape=0).replace(b": 0", b": " + b"[" * 900 + b"]" * 900),
        r"input_shape: expected positive integers, got \[\[",
    ),
    "huge number": (changed(version=0).replace(b": 0", b": " + b"9" * 5000), "not a valid JSON"),
    "repeated key": (changed()[:-1] + b', "version": 1}', "'version' stands there twice"),
    "repeated inner key": (
        changed().replace(b'"bias": true', b'"bias": true, "bias": false'),
        "'bias' stands there twice",
    ),
    "NaN": (changed(version=0).replace(b": 0", b": NaN"), "NaN is no JSON"),
    "no format": (without("format"), r"missing: \['format'\]"),
    "no version": (without("version"), r"missing: \['version'\]"),
    "no input shape": (without("input_shape"), r"missing: \['input_shape'\]"),
    "no layers": (without("layers"), r"missing: \['layers'\]"),
    "extra member": (changed(code="x"), r"unexpected: \['code'\]"),
    "other format": (changed(format="onnx"), "expected format 'alignment_theory network'"),
    "newer version": (changed(version=2), "reads version 1, got 2"),
    "boolean version": (changed(version=True), "reads version 1, got True"),
    "float version": (changed(version=1.0), "reads version 1, got 1.0"),
    "layers as object": (changed(layers={}), "list of 1 to 1000 layers, got {}"),
    "zero layers": (layers(), "list of 1 to 1000 layers, got 0"),
    "too many layers": (layers(*[{"kind": "flatten"}] * 1001), "1 to 1000 layers, got 1001"),
    "input shape as number": (changed(input_shape=6), "input_shape: expected a list.*got 6"),
    "negative size": (changed(input_shape=[-2, 3]), "positive integers"),
    "zero size": (changed(input_shape=[0, 3]), "positive integers"),
    "float size": (changed(input_shape=[2.0]), "positive integers"),
    "boolean size": (changed(input_shape=[True]), "positive integers"),
    "too many sizes": (changed(input_shape=[1] * 9), "at most 8 sizes"),
    "too many inputs": (changed(input_shape=[2**31, 2]), "at most 2147483648 inputs"),
    "layer as text": (layers("relu"), "layer 0: expected an object"),
    "layer without kind": (layers({"bias": True}), 'layer 0: expected an object with a "kind"'),
    "kind as number": (layers({"kind": 1}), "layer 0: expected an object"),
    "unknown kind": (layers({"kind": "flatten"}, {"kind": "lambda"}), "layer 1: .*got 'lambda'"),
    "dense without bias flag": (layers({"kind": "dense"}), r"layer 0: .*missing: \['bias'\]"),
    "bias flag as number": (layers({"kind": "dense", "bias": 1}), "bias true or false, got 1"),
    "bias flag as text": (layers({"kind": "dense", "bias": "no"}), "true or false, got 'no'"),
    "relu without tie rule": (layers({"kind": "relu"}), r"missing: \['active_at_zero'\]"),
    "leak as text": (layers({"kind": "leaky_relu", "leak": "x"}), r"leak a number in .* got 'x'"),
    "ties otherwise": (
        layers({"kind": "max_pool2d", **WINDOWS, "ties": "both"}),
        "ties first or last, got 'both'",
    ),
    "kernel as number": (
        layers({"kind": "max_pool2d", **WINDOWS, "kernel": 2, "ties": "first"}),
        "kernel two positive integers, got 2",
    ),
    "stride of 0": (
        layers({"kind": "avg_pool2d", **WINDOWS, "stride": [1, 0], "count_padding": True}),
        r"stride two positive integers, got \[1, 0\]",
    ),
    "padding below 0": (
        layers({"kind": "avg_pool2d", **WINDOWS, "padding": [[0, 0], [-1, 0]]}),
        "missing",
    ),
    "groups as fraction": (
        layers(CONVOLUTION | {"groups": 1.0}),
        "groups a positive integer, got 1.0",
    ),
    "padding as pair": (
        layers(CONVOLUTION | {"padding": [0, 0]}),
        r"padding two pairs of integers >= 0, got \[0, 0\]",
    ),
    "size as boolean": (
        layers({"kind": "adaptive_avg_pool2d", "size": [True, 1]}),
        "size two positive integers",
    ),
    "residual without shortcut": (
        layers({"kind": "residual", "body": [{"kind": "flatten"}]}),
        r"missing: \['shortcut'\]",
    ),
    "residual without body": (
        layers({"kind": "residual", "body": [], "shortcut": []}),
        "layer 0: body: expected a list of 1 to 1000 layers, got 0",
    ),
    "unknown kind in a residual": (
        layers({"kind": "residual", "body": [{"kind": "flatten"}], "shortcut": [{"kind": "x"}]}),
        "layer 0: shortcut: layer 0: expected a kind among",
    ),
    "residuals too deep": (layers(nested(5)), "residuals nested at most 4 deep"),
    "extra layer member": (layers({"kind": "flatten", "code": 1}), r"unexpected: \['code'\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_texts_are_refused(name):
    text, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"architecture.*{message}") as caught:
        read_architecture(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("depth", range(850, 1100, 5))
def test_no_depth_slips_between_reading_and_reporting(depth):
    text = changed(layers=0).replace(b": 0", b": [" + b"[" * depth + b"]" * depth + b"]")
    with pytest.raises(ValueError, match="architecture"):
        read_architecture(text)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"kind": "leaky_relu", "leak": 2}], r"layers.0: LeakyRelu: leak must be in \[0, 1\)"),
        ([{"kind": "adaptive_avg_pool2d", "size": [2**20, 2**20]}], "at most 2147483648 numbers"),
        (
            [
                {
                    "kind": "residual",
                    "body": [
                        {"kind": "adaptive_avg_pool2d", "size": [2**20, 2**20]},
                        {"kind": "adaptive_avg_pool2d", "size": [4, 4]},
                    ],
                    "shortcut": [],
                }
            ],
            "layers.0.body.0: expected samples of at most",
        ),
        (
            [{"kind": "avg_pool2d", **WINDOWS, "padding": [[2, 0], [0, 0]], "count_padding": True}],
            "layers.0: AvgPool2d: padding must be less than the window",
        ),
    ],
)
def test_settings_that_no_layer_takes(entries, message):
    architecture = read_architecture(changed(layers=entries, input_shape=[1, 4, 4]))
    with pytest.raises(ValueError, match=message):
        architecture.build({})


def test_limits_hold_for_writing_too():
    most = Network([Relu()] * 1000, (1,) * 8)
    assert len(read_architecture(write_architecture(most).encode()).layers) == 1000
    with pytest.raises(ValueError, match="got 1001"):
        write_architecture(Network([Relu()] * 1001, (1,)))
    with pytest.raises(ValueError, match="at most 8 sizes"):
        write_architecture(Network([Relu()], (1,) * 9))


def test_subclasses_are_refused():
    class Tilted(Dense):
        pass

    with pytest.raises(ValueError, match="layer 0: .*only Dense, .* and Residual can"):
        write_architecture(Network([Tilted(np.ones((2, 2)))]))


def test_shapes_that_do_not_fit_name_the_array():
    with pytest.raises(ValueError, match="layers.1: Dense bias"):
        read_architecture(changed()).build(
            {"layers.1.weight": np.ones((4, 6)), "layers.1.bias": np.ones(3)}
        )
