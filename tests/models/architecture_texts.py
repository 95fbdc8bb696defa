"""JSON texts that describe small networks, as they are and with changes."""

import json

PLAIN = {
    "format": "alignment_theory network",
    "version": 1,
    "input_shape": [2, 3],
    "layers": [
        {"kind": "flatten"},
        {"kind": "dense", "bias": True},
        {"kind": "relu", "active_at_zero": True},
        {"kind": "dense", "bias": False},
    ],
}

WINDOWS = {"kernel": [2, 2], "stride": [1, 1], "padding": [[0, 1], [0, 0]]}

CONVOLUTION = {
    "kind": "conv2d",
    "bias": True,
    "stride": [1, 2],
    "padding": [[0, 1], [2, 0]],
    "dilation": [1, 1],
    "groups": 2,
}


def changed(**members):
    return json.dumps(PLAIN | members).encode()


def layers(*entries):
    return changed(layers=list(entries))


def nested(depth):
    """Return residuals inside one another."""
    entry = {"kind": "relu", "active_at_zero": False}
    for _ in range(depth):
        entry = {"kind": "residual", "body": [entry], "shortcut": []}
    return entry
