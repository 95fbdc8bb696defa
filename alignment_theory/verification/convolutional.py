"""Convolutional networks to judge theorems on: small ones of every layer kind, and VGG16."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyRelu,
    MaxPool2d,
    Relu,
    Residual,
    Switch,
)
from alignment_theory.models import vgg16
from alignment_theory.network import Network
from alignment_theory.verification.subjects import Subject

CHANNELS, SIDE, OUTPUTS, SAMPLES = 2, 6, 5, 8


@dataclass(frozen=True, eq=False)
class _Maker:
    """Draws layers scaled by factors from 0.1 to 10, with biases of the given size."""

    rng: np.random.Generator
    bias: float
    switch: Switch
    nonnegative: bool

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
    ) -> Conv2d:
        """Return a convolution with square windows."""
        weight, bias = self._drawn(outputs, (inputs // groups, kernel, kernel))
        return Conv2d(
            weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
        )

    def dense(self, inputs: int, outputs: int) -> Dense:
        """Return a dense layer."""
        return Dense(*self._drawn(outputs, (inputs,)))

    def norm(self, channels: int) -> BatchNorm:
        """Return a batch normalisation with factors of both signs, shifted where there is bias."""
        weight, bias = self._drawn(channels, (1,))
        return BatchNorm(weight[:, 0], np.zeros(channels) if bias is None else bias)

    def _drawn(self, outputs: int, fan_in: tuple[int, ...]) -> tuple[Array, Array | None]:
        scale = 10.0 ** self.rng.uniform(-1, 1)
        weight = scale * sqrt(2 / prod(fan_in)) * self.rng.standard_normal((outputs, *fan_in))
        offset = self.bias * scale * self.rng.standard_normal(outputs)
        return weight, offset if self.bias else None

    def closed(self, layers: Sequence[Layer]) -> list[Layer]:
        """Return layers with a switch after them where what leaves them is to be >= 0."""
        return [*layers, self.switch] if self.nonnegative else [*layers]


def _plain(make: _Maker) -> list[Layer]:
    first, second = make.conv(2, 4, padding=1), make.conv(4, 6, padding=1)
    pools = MaxPool2d(2), MaxPool2d(2, 1)
    return [first, make.switch, pools[0], second, make.switch, pools[1]]


def _strided(make: _Maker) -> list[Layer]:
    first, second = make.conv(2, 4, stride=2, padding=1), make.conv(4, 6, 2, groups=2)
    return [first, make.switch, second, make.switch]


def _dilated(make: _Maker) -> list[Layer]:
    """Pool before the switch."""
    first, second = make.conv(2, 4, 2, dilation=2), make.conv(4, 4, 2)
    return [first, MaxPool2d(3, 1, padding=1), make.switch, second, make.switch]


def _averaged(make: _Maker) -> list[Layer]:
    first, second = make.conv(2, 4, 2, padding=1), make.conv(4, 6, padding=1)
    pools = AvgPool2d(3, 2, padding=1), AdaptiveAvgPool2d(2)
    return [first, make.switch, pools[0], second, make.switch, pools[1]]


def _normalised(make: _Maker) -> list[Layer]:
    """Normalise before the switch; where activations are to be >= 0, between two switches."""
    first, second = make.conv(2, 4, padding=1), make.conv(4, 4)
    norms = make.norm(4), make.norm(4)
    below = make.closed([first])
    above = make.closed([second]) + make.closed([AvgPool2d(2)])
    return [*below, norms[0], make.switch, *above, norms[1], make.switch]


def _residual(make: _Maker) -> list[Layer]:
    body = [make.conv(4, 4, padding=1), make.switch, make.conv(4, 4, padding=1)]
    kept = Residual(make.closed(body))
    return [make.conv(2, 4, padding=1), make.switch, kept, make.switch, MaxPool2d(2)]


def _shortcut(make: _Maker) -> list[Layer]:
    """Halve the image on both sides of a residual."""
    body = [*make.closed([make.conv(4, 6, stride=2, padding=1)]), make.norm(6), make.switch]
    body = make.closed([*body, make.conv(6, 6, padding=1)])
    halved = Residual(body, make.closed([make.conv(4, 6, 1, stride=2)]))
    return [make.conv(2, 4, padding=1), make.switch, halved, make.switch]


LAYOUTS: tuple[tuple[str, Callable[[_Maker], list[Layer]]], ...] = (
    ("max pooling", _plain),
    ("stride and groups", _strided),
    ("dilation, pooled before the switch", _dilated),
    ("average pooling", _averaged),
    ("batch normalisation", _normalised),
    ("residual", _residual),
    ("residual with shortcut", _shortcut),
)


def convolutional_subjects(
    rng: np.random.Generator,
    *,
    bias: float = 0.0,
    signed: bool = False,
    leaky: bool = False,
    nonnegative: bool = False,
) -> list[Subject]:
    """Return small networks with every kind of layer, on random images of 6 x 6.

    Parameters
    ----------
    rng : numpy.random.Generator
    bias : float
        Biases and shifts are `bias` times the layer's scale times standard normals.
    signed : bool
        Whether inputs are in [-1, 1], not in [0, 1].
    leaky : bool
        Whether every second network has leaky ReLUs, for statements about any slopes. The negative
        filtering rule knows inactive units only as units that pass nothing, and activations of a
        leaky ReLU are negative, so statements about either are not judged on them.
    nonnegative : bool
        Whether what enters a linear layer is to be >= 0 (with inputs in [0, 1] and ReLUs): then a
        switch stands before every batch normalisation and average pooling, and ends the sides of
        residuals.
    """
    subjects = []
    for index, (name, layout) in enumerate(LAYOUTS):
        switch: Switch = Relu()
        if leaky and index % 2:
            switch = LeakyRelu(float(rng.uniform(0.05, 0.5)))
        make = _Maker(rng, bias, switch, nonnegative)
        layers = layout(make)
        shape: tuple[int, ...] = (CHANNELS, SIDE, SIDE)
        for layer in layers:
            shape = layer.output_shape(shape)
        layers += [Flatten(), make.dense(prod(shape), OUTPUTS)]
        inputs = rng.uniform(-1 if signed else 0, 1, (SAMPLES, CHANNELS, SIDE, SIDE))
        network = Network(layers, (CHANNELS, SIDE, SIDE))
        subjects.append(Subject(f"random CNN with {name}", network, inputs))
    return subjects


def vgg16_subjects(rng: np.random.Generator, *, images: int = 2) -> list[Subject]:
    """Return a random bias-free VGG16 with random images of 32 x 32 in [0, 1].

    Its hidden dense layers have 512 units, as usual for images of this size; the paper's have 4096,
    for images of 224 x 224.
    """
    network = vgg16((3, 32, 32), 10, rng, hidden=(512, 512), dtype=np.float64)
    inputs = rng.uniform(0, 1, (images, 3, 32, 32))
    return [Subject("random VGG16", network, inputs)]
