"""A convolution with random filters on an image, crossed backward once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Conv2d, Layer, Relu
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop
from alignment_theory.verification.samplers import Sampler

ImageFor = Callable[[int, int, str], Array]


def across(image: Array, target: Array) -> Array:
    """Return the unit image along the part of `image` across `target`."""
    u = image - target * (image * target).sum() / (target**2).sum()
    return np.asarray(u / np.linalg.norm(u))


def places(size: int, k: int) -> Array:
    """Return the flat pixel numbers (patches, k²) of all patches, no padding."""
    starts = np.arange(size - k + 1)
    rows = starts[:, np.newaxis] + np.arange(k)
    numbers = rows[:, np.newaxis, :, np.newaxis] * size + rows[np.newaxis, :, np.newaxis, :]
    return np.asarray(numbers.reshape(-1, k * k))


@dataclass(frozen=True)
class RandomFilters(Sampler):
    """F random filters on an image, no padding, under Guided Backprop.

    Attributes
    ----------
    image : callable
        From size to the image.
    predicted : callable
        From (size, k, coefficients) to the predicted mean image m of one filter.
    coefficients : {"active", "cascade"}
        1 on active, or c = a.
    means : bool
        Whether draws are ``⟨R, m⟩/(F‖m‖²)``, ``⟨R, u⟩/(F‖m‖)`` with u the image's direction across
        m, and ``R/(F m)`` in the middle of an edge and of the image, clipped to [-1, 3]; else
        ``F (1 - cos²(R, m))`` clipped to [0, ceiling].
    ceiling : float
    gated : bool
        Whether only active neurons have coefficients.
    law : WeightLaw
        Of the matrix (filters, k²).
    repeats, stride : int
        How often each filter is repeated, and how far patches are apart.
    shared : bool
        Whether one filter meets all patches.
    bias : float
        Of every filter.
    """

    image: Callable[[int], Array]
    predicted: ImageFor
    coefficients: str = "active"
    means: bool = False
    ceiling: float = np.inf
    gated: bool = True
    law: WeightLaw = Gaussian()  # noqa: RUF009
    repeats: int = 1
    stride: int = 1
    shared: bool = True
    bias: float = 0.0

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, 4 or 1), NaN where R or the image is 0."""
        size, k, filters = (parameters[name] for name in ("size", "k", "filters"))
        image, m = self.image(size), self.predicted(size, k, self.coefficients)
        if not image.any():
            return np.full((count, 4 if self.means else 1), np.nan)
        rows = []
        for _ in range(count):
            r = self._attribution(rng, image, k, filters) / filters
            rows.append(_parts(r, m, image) if self.means else [filters * _off(r, m)])
        return np.array(rows) if self.means else np.minimum(rows, self.ceiling)

    def _attribution(self, rng: np.random.Generator, image: Array, k: int, filters: int) -> Array:
        if not self.shared:
            return self._unshared(rng, image, k, filters)
        weight = self.law.sample(filters // self.repeats, k * k, rng)
        weight = np.repeat(weight, self.repeats, axis=0).reshape(-1, 1, k, k)
        layers: list[Layer] = [
            Conv2d(weight, np.full(len(weight), self.bias), stride=self.stride),
            *([Relu()] if self.gated else []),
        ]
        trace = Network(layers, (1, *image.shape)).forward(image[np.newaxis])
        output = trace.output
        seed = output if self.coefficients == "cascade" else np.ones_like(output)
        return attribute(trace, rule=GuidedBackprop(), seed=seed).relevance[0]

    def _unshared(self, rng: np.random.Generator, image: Array, k: int, filters: int) -> Array:
        """Cut out patches and add them up, since no layer has a filter for every patch."""
        where = places(len(image), k)
        weight = self.law.sample(filters * len(where), k * k, rng)
        weight = weight.reshape(len(where), filters, k * k)
        z = np.einsum("pfa,pa->pf", weight, image.ravel()[where])
        c = np.maximum(z, 0) if self.coefficients == "cascade" else (z > 0).astype(float)
        added = np.einsum("pf,pfa->pa", c, weight)
        total = np.bincount(where.ravel(), added.ravel(), minlength=image.size)
        return np.asarray(total.reshape(image.shape))


def _off(r: Array, m: Array) -> float:
    """Return 1 - cos² as the square of the part across: no digits cancel."""
    square = (r**2).sum()
    if square == 0:
        return np.nan
    unit = m / np.linalg.norm(m)
    rest = r - (r * unit).sum() * unit
    return float((rest**2).sum() / square)


def _parts(r: Array, m: Array, image: Array) -> list[float]:
    norm = np.linalg.norm(m)
    middle = len(image) // 2
    found = [
        (r * m).sum() / norm**2,
        (r * across(image, m)).sum() / norm,
        r[0, middle] / m[0, middle],
        r[middle, middle] / m[middle, middle],
    ]
    return [float(value) for value in np.clip(found, -1, 3)]
