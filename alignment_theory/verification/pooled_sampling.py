"""Random filters on an image behind max pooling, crossed backward once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import AvgPool2d, Conv2d, Layer, MaxPool2d, Relu
from alignment_theory.network import Network
from alignment_theory.rules import Deconvnet, GuidedBackprop, Method
from alignment_theory.verification.filter_sampling import across, places
from alignment_theory.verification.samplers import Sampler

ImageFor = Callable[[int, int, str, str], Array]

LOW, HIGH = -2.0, 4.0
"""Where draws are clipped: far enough from their means, 1 and 0, to move those by little."""


@dataclass(frozen=True)
class PooledFilters(Sampler):
    """F random filters on an image, no padding, 2 x 2 pooling.

    Draws are ``⟨R, m⟩/(F‖m‖²)`` and ``⟨R, u⟩/(F‖m‖)``, u the image's direction across m, clipped
    to [LOW, HIGH]; m is the predicted mean image.

    Attributes
    ----------
    image : callable
        From size to the image.
    predicted : callable
        From (size, k, gate, relevance) to m.
    gate : {"winner", "active winner", "winner or first"}
        DeconvNet with the ReLU above the pooling, Guided Backprop with it below, DeconvNet with it
        below.
    relevance : {"one", "positive part", "output"}
        Of the pools: 1, or normal, of which the rule lets the positive part through; "output" (a
        planted error) is what the network returns.
    law : WeightLaw
        Of the matrix (filters, k²).
    bias : float
        Of every filter.
    averaged : bool
        Whether the mean of a pool is taken (a planted error).
    shared : bool
        Whether one filter meets all patches.
    rule : Method, optional
        In place of the gate's own (a planted error).
    """

    image: Callable[[int], Array]
    predicted: ImageFor
    gate: str = "winner"
    relevance: str = "one"
    law: WeightLaw = Gaussian()  # noqa: RUF009
    bias: float = 0.0
    averaged: bool = False
    shared: bool = True
    rule: Method | None = None

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, 2)."""
        size, k, filters = (parameters[name] for name in ("size", "k", "filters"))
        image, m = self.image(size), self.predicted(size, k, self.gate, self.relevance)
        norm, direction = np.linalg.norm(m), across(image, m)
        rows = []
        for _ in range(count):
            r = self._attribution(rng, image, k, filters) / filters
            rows.append([(r * m).sum() / norm**2, (r * direction).sum() / norm])
        return np.clip(rows, LOW, HIGH)

    def _attribution(self, rng: np.random.Generator, image: Array, k: int, filters: int) -> Array:
        if not self.shared:
            return self._unshared(rng, image, k, filters)
        weight = self.law.sample(filters, k * k, rng).reshape(filters, 1, k, k)
        pool = AvgPool2d(2) if self.averaged else MaxPool2d(2)
        upper: list[Layer] = [pool, Relu()] if self.gate == "winner" else [Relu(), pool]
        layers: list[Layer] = [Conv2d(weight, np.full(filters, self.bias)), *upper]
        trace = Network(layers, (1, *image.shape)).forward(image[np.newaxis])
        seed = trace.output
        if self.relevance != "output":
            one = self.relevance == "one"
            seed = np.ones_like(seed) if one else rng.standard_normal(seed.shape)
        own = GuidedBackprop() if self.gate == "active winner" else Deconvnet()
        return attribute(trace, rule=self.rule or own, seed=seed).relevance[0]

    def _unshared(self, rng: np.random.Generator, image: Array, k: int, filters: int) -> Array:
        """Give every patch filters of its own (a planted error); the winner gets relevance 1."""
        where, side = places(len(image), k), len(image) - k + 1
        weight = self.law.sample(filters * len(where), k * k, rng).reshape(filters, len(where), -1)
        z = np.einsum("fpa,pa->fp", weight, image.ravel()[where])
        chosen = MaxPool2d(2).select(z.reshape(filters, 1, side, side)).reshape(filters, -1)
        rows = np.take_along_axis(weight, chosen[:, :, np.newaxis], axis=1)
        total = np.bincount(where[chosen].ravel(), rows.ravel(), image.size)
        return np.asarray(total.reshape(image.shape))
