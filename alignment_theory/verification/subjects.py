"""What the catalogue is checked on: random networks, and a classifier of handwritten digits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    Residual,
    Weighted,
)
from alignment_theory.network import Network


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with inputs to explain, and what is known of them."""

    name: str
    network: Network
    inputs: Array

    @property
    def bias_free(self) -> bool:
        """Whether no layer adds a bias."""
        return not self.network.has_bias

    @property
    def convolutional(self) -> bool:
        """Whether any layer is a convolution."""
        return any(isinstance(layer, Conv2d) for layer in self.network.all_layers)


def random_subjects(
    rng: np.random.Generator, *, bias: float = 0.0, count: int = 6, signed: bool = False
) -> list[Subject]:
    """Return random networks of varied depth, width and scale, some with image inputs.

    Layers are scaled by factors from 0.1 to 10, so that nothing holds by luck of scale. Biases are
    `bias` times the layer's scale times standard normals; inputs are in [0, 1], or in [-1, 1].
    """
    subjects = []
    for index in range(count):
        depth = 2 + index % 3
        widths = [int(width) for width in rng.integers(6, 24, size=depth)] + [5]
        widths.insert(0, 16)
        scales = 10.0 ** rng.uniform(-1, 1, size=depth + 1)
        weights = [
            scale * rng.standard_normal((outputs, inputs)) * np.sqrt(2 / inputs)
            for scale, inputs, outputs in zip(scales, widths, widths[1:], strict=False)
        ]
        biases = [
            bias * scale * rng.standard_normal(len(w))
            for scale, w in zip(scales, weights, strict=True)
        ]
        network = Network.mlp(weights, biases if bias else None)
        inputs = rng.uniform(-1 if signed else 0, 1, (8, 16))
        if index % 2:
            network = Network([Flatten(), *network.layers], input_shape=(4, 4))
            inputs = inputs.reshape(8, 4, 4)
        subjects.append(Subject(f"random net {index}", network, inputs))
    return subjects


def with_nonnegative_upper_weights(subject: Subject) -> Subject:
    """Return the subject with the absolute value of every weight above the first linear layer."""
    layers, _ = _nonnegative(subject.network.layers, seen=False)
    network = Network(layers, subject.network.input_shape)
    return Subject(f"{subject.name}, |W| above layer 1", network, subject.inputs)


def _nonnegative(layers: Sequence[Layer], *, seen: bool) -> tuple[list[Layer], bool]:
    """Return layers with |W| for W but in the first linear one, and whether there was one."""
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Residual):
            sides = [_nonnegative(branch, seen=seen) for branch in layer.branches]
            found.append(Residual(*(side for side, _ in sides)))
        elif seen and isinstance(layer, Weighted):
            found.append(layer.with_parameters(np.abs(layer.weight), layer.bias))
        elif seen and isinstance(layer, BatchNorm):
            found.append(BatchNorm(np.abs(layer.weight), layer.bias))
        else:
            found.append(layer)
        seen = seen or isinstance(layer, Linear | Residual)
    return found, seen
