"""Alignment through random convolutional networks, by the engine and by passes without weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Conv2d, Dense, Flatten, Layer, MaxPool2d, Relu
from alignment_theory.network import Network
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.theory.convolution_depth import pass_once
from alignment_theory.verification.samplers import ReducedSampler, Sampler

Q = 80.0
RULES: dict[str, Method] = {
    "gradient": Gradient(),
    "deconvnet": Deconvnet(),
    "guided": GuidedBackprop(),
    "rectgrad": RectGrad(Q),
}
OUTPUTS = 10


@dataclass(frozen=True)
class EngineConvolutions(Sampler):
    """cos²(g_l, a_l) at every level of a real random convolutional network.

    Attributes
    ----------
    rule : Method
    law : WeightLaw
        Of filters as matrices, and of the dense layer.
    bias : float
        Of every filter, in units of √D, D the number of its inputs.
    mirrored : bool
        Whether a convolution that could be is the transpose of the one before it.
    target : {"first", "largest"}
        The output explained; the largest logit depends on the weights.
    even_row : bool
        Whether the rows of the outputs are all 1.
    lit : int
        Number of pixels that are not 0, all for 0.
    """

    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    bias: float = 0.0
    mirrored: bool = False
    target: Literal["first", "largest"] = "first"
    even_row: bool = False
    lit: int = 0

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, levels), NaN where a vector is all 0."""
        sizes = (parameters["layout"], parameters["size"], parameters["inputs"])
        return np.array([self._trial(rng, *sizes) for _ in range(count)])

    def _trial(
        self, rng: np.random.Generator, layout: Sequence[int | str], size: int, inputs: int
    ) -> Array:
        image = rng.uniform(size=(inputs, size, size))
        if self.lit:
            image.ravel()[rng.permutation(image.size)[self.lit :]] = 0
        layers: list[Layer] = []
        shape: tuple[int, ...] = image.shape
        weight = np.zeros((0, 0, 3, 3))
        for entry in layout:
            if isinstance(entry, str):
                layers.append(MaxPool2d(2))
            else:
                below = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
                weight = self.law.sample(entry, 9 * shape[0], rng).reshape(entry, -1, 3, 3)
                if self.mirrored and below.shape == weight.shape:
                    weight = below
                bias = np.full(entry, self.bias * np.sqrt(weight[0].size))
                layers += [Conv2d(weight, bias, padding=1), Relu()]
                shape = (entry, *shape[1:])
            shape = layers[-1].output_shape(shape)
        rows = self.law.sample(OUTPUTS, int(np.prod(shape)), rng)
        if self.even_row:
            rows = np.ones_like(rows)
        network = Network([*layers, Flatten(), Dense(rows)], image.shape)
        target = 0 if self.target == "first" else None
        found = attribute(network, image, rule=self.rule, target=target).alignment()
        return found.values**2


@dataclass(frozen=True)
class Passes(ReducedSampler):
    """The same quantities from passes of theorem `convolution-depth`, which draw no weight."""

    rule: str

    def size(self, **parameters: Any) -> int:
        """Return about how many numbers one trial holds."""
        widest = max(entry for entry in parameters["layout"] if not isinstance(entry, str))
        return int(9 * widest * parameters["size"] ** 2)

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, levels)."""
        sizes = (parameters["layout"], parameters["size"], parameters["inputs"])
        return np.array([pass_once(rng, *sizes, self.rule, Q) for _ in range(count)])
