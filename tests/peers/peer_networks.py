"""Small fixed float64 networks, and the inputs on which the peer libraries are recorded.

Every number is drawn once from a seeded NumPy generator, or written by hand, and rounded to three
decimals. Networks and inputs are stored beside the relevances, so that no reader needs this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Array = NDArray[np.float64]
Layer = tuple[Array, Array | None]


@dataclass(frozen=True)
class PeerNetwork:
    """A ReLU network (weights are (out, in); ReLU between layers, none after the last)."""

    name: str
    layers: tuple[Layer, ...]
    inputs: dict[str, Array]
    targets: tuple[int, ...]
    baseline: Array
    note: str

    def model(self) -> nn.Sequential:
        """Build a fresh torch model; what a library leaves on a module ends with the call."""
        modules: list[nn.Module] = []
        for weight, bias in self.layers:
            linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
            linear.weight.data = torch.from_numpy(weight.copy())
            if bias is not None:
                linear.bias.data = torch.from_numpy(bias.copy())
            modules += [linear, nn.ReLU()]
        return nn.Sequential(*modules[:-1]).eval()

    def convolutional(self) -> nn.Sequential:
        """Build the same function with convolutions of one pixel for all layers but the last."""
        *lower, last = linears(self.model())
        modules: list[nn.Module] = [nn.Unflatten(1, (lower[0].in_features, 1, 1))]
        for linear in lower:
            has_bias = linear.bias is not None
            convolution = nn.Conv2d(linear.in_features, linear.out_features, 1, bias=has_bias)
            convolution.weight.data = linear.weight.data[:, :, None, None].clone()
            if has_bias:
                convolution.bias.data = linear.bias.data
            modules += [convolution, nn.ReLU()]
        return nn.Sequential(*modules, nn.Flatten(), last).eval()

    def tensor(self, input_name: str) -> torch.Tensor:
        """Copy one input batch."""
        return torch.from_numpy(self.inputs[input_name].copy())

    def has_bias(self) -> bool:
        """Whether any layer has a bias."""
        return any(bias is not None for _, bias in self.layers)


def linears(model: nn.Sequential) -> list[Any]:
    """List the linear layers of a model, convolutions among them, input first."""
    return [module for module in model if isinstance(module, nn.Linear | nn.Conv2d)]


def _dense(rng: np.random.Generator, sizes: tuple[int, ...], *, bias: bool) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        weight = np.round(rng.normal(size=(fan_out, fan_in)) * np.sqrt(2 / fan_in), 3)
        layers.append((weight, np.round(rng.uniform(-0.5, 0.5, fan_out), 3) if bias else None))
    return tuple(layers)


def _inputs(rng: np.random.Generator, size: int) -> dict[str, Array]:
    return {
        "nonnegative": np.round(rng.uniform(0, 1, (3, size)), 3),
        "signed": np.round(rng.uniform(-1, 1, (3, size)), 3),
    }


def _baseline(rng: np.random.Generator, size: int) -> Array:
    return np.round(rng.uniform(-0.3, 0.3, size), 3)


def _deep(seed: int, name: str, note: str, *, bias: bool) -> PeerNetwork:
    rng = np.random.default_rng(seed)
    layers = _dense(rng, (6, 8, 7, 4), bias=bias)
    return PeerNetwork(name, layers, _inputs(rng, 6), (0, 2, 3), _baseline(rng, 6), note)


def _dead(seed: int) -> PeerNetwork:
    rng = np.random.default_rng(seed)
    layers = _dense(rng, (4, 5, 4, 3), bias=True)
    inputs, baseline = _inputs(rng, 4), _baseline(rng, 4)
    (weight, bias), (above, _) = layers[:2]
    assert bias is not None
    bias[0] = -10.0
    weight[1], bias[1] = (1.0, -1.0, 0.0, 0.0), 0.0
    above[:, 1] = np.abs(above[:, 1])  # so that guided backprop, too, reaches unit 1
    weight[2], bias[2] = (1.0, 0.0, 0.0, -1.0), 0.25
    baseline[[0, 3]] = 0.125, -0.125
    for values in inputs.values():
        values[0, :2] = 0.5
        values[1, [0, 3]] = 0.625, 0.375
        values[:, 2] = 0.0
    note = (
        "hidden unit 0 is dead; the pre-activation of unit 1 is exactly 0 on sample 0; that of unit"
        " 2 is the same positive number on sample 1 and on the baseline; input 2 is 0"
    )
    return PeerNetwork("dead", layers, inputs, (0, 1, 2), baseline, note)


def _shallow(seed: int) -> PeerNetwork:
    rng = np.random.default_rng(seed)
    layers = _dense(rng, (5, 6, 3), bias=True)
    inputs = {"signed": _inputs(rng, 5)["signed"]}
    return PeerNetwork("shallow", layers, inputs, (2, 0, 1), _baseline(rng, 5), "one hidden layer")


def _edges() -> PeerNetwork:
    weight = np.array(
        [[1, -1, 0, 0], [1, 2, 3, 0.5], [-1, -2, -3, -0.5], [0, 0, 0, 0], [1, 1, 0, 0]],
        dtype=np.float64,
    )
    bias = np.array([0, 0, 0, 0, 2], dtype=np.float64)
    inputs = {
        "nonnegative": np.tile(np.array([1.0, 1.0, 0.0, 1.0]), (5, 1)),
        "signed": np.tile(np.array([-1.0, 0.5, 0.0, 1.0]), (5, 1)),
    }
    note = (
        "one linear layer, one target per unit; on the nonnegative input these are: pre-activation"
        " cancels to exactly 0, no negative part, no positive part, zero weights, a large bias"
    )
    return PeerNetwork("edges", ((weight, bias),), inputs, tuple(range(5)), np.full(4, 0.25), note)


def peer_networks(shift: int = 0) -> tuple[PeerNetwork, ...]:
    """Return all networks with their inputs; `shift` 0 gives the stored ones, another gives new.

    New ones have the names of the stored, so that the same cases apply to them.
    """
    return (
        _deep(11 + shift, "bias_free", "6-8-7-4 without biases", bias=False),
        _deep(22 + shift, "biased", "6-8-7-4 with biases", bias=True),
        _dead(33 + shift),
        _shallow(44 + shift),
        _edges(),
    )
