"""One random layer whose rows are not i.i.d. isotropic Gaussian, on fixed inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alignment_theory.alignment import cosine
from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Dense, Relu
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.verification.samplers import DRAWN, ReducedSampler, Sampler

Vectors = Callable[[int], Array]
LawFor = Callable[[int], WeightLaw]


def wave(d: int) -> Array:
    """Return the input ``x_i = 1 + sin i``, i = 1, ..., d: spread out, without ties under ±1."""
    return np.asarray(1 + np.sin(np.arange(1.0, d + 1)))


def constant(d: int) -> Array:
    """Return the input of ones: w·x can be 0 where the entries of w are ±1."""
    return np.ones(d)


def three(d: int) -> Array:
    """Return the input (1, 0.7, 0.4, 0, ..., 0)."""
    return np.concatenate([[1.0, 0.7, 0.4], np.zeros(d - 3)])


def nothing(d: int) -> Array:
    """Return the input 0."""
    return np.zeros(d)


def nothing_square(size: int) -> Array:
    """Return the black image (size, size)."""
    return np.zeros((size, size))


def even_variances(d: int) -> Array:
    """Return variances from 0.1 to 2 in even steps."""
    return np.linspace(0.1, 2, d)


def always(law: WeightLaw, d: int) -> WeightLaw:
    """Return the law whatever the number of inputs."""
    del d
    return law


@dataclass(frozen=True)
class Reweighted(WeightLaw):
    """Rows of another law of entry variance 1, the entries scaled to given variances."""

    law: WeightLaw
    variances: Vectors

    @property
    def isotropic(self) -> bool:
        """False."""
        return False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        return self.law.sample(outputs, inputs, rng) * np.sqrt(self.variances(inputs))

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return infinity: no bound is claimed."""
        return np.inf

    def entry_variance(self, inputs: int) -> float:
        """Return the mean of the variances."""
        return float(self.variances(inputs).mean())


@dataclass(frozen=True)
class Skewed(WeightLaw):
    """Entries i.i.d. ``e - 1`` for exponential e: mean 0, variance 1, not symmetric."""

    @property
    def isotropic(self) -> bool:
        """False."""
        return False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        return rng.standard_exponential((outputs, inputs)) - 1

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return infinity."""
        return np.inf

    def entry_variance(self, inputs: int) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class FirstCoordinates(WeightLaw):
    """The frame that is no random one: rows or columns of the identity."""

    @property
    def isotropic(self) -> bool:
        """False."""
        return False

    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        return np.eye(outputs, inputs)

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return 1."""
        return 1.0

    def entry_variance(self, inputs: int) -> float:
        """Return 1/inputs."""
        return 1 / inputs


@dataclass(frozen=True)
class GivenLayer(Sampler):
    """A network ``relu(W x + b)`` on a fixed input, crossed backward.

    "active" gives relevance 1, "cascade" the activations; "peeking" gives what the neurons' weights
    say along a fixed direction across x.

    Attributes
    ----------
    law : callable
        From d to the law of W.
    inputs, aims : callable
        From d to x, and to the directions that the attribution is compared with.
    coefficients : str
    rule : Method
    bias : float
        Of every neuron, in units of ‖x‖.
    repeats : int
        How often each row is repeated.
    """

    law: LawFor
    inputs: Vectors = wave
    aims: tuple[Vectors, ...] = (wave,)
    coefficients: str = "active"
    rule: Method = GuidedBackprop()  # noqa: RUF009
    bias: float = 0.0
    repeats: int = 1

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return cos² with every aim, (count, aims), NaN where dead or the input is 0."""
        n, d = parameters["n"], parameters["d"]
        aims = np.array([aim(d) for aim in self.aims])
        if not self.inputs(d).any():
            return np.full((count, len(aims)), np.nan)
        rows = [self.attribution(rng, n, d) for _ in range(count)]
        found = [cosine(np.broadcast_to(row, aims.shape), aims).values for row in rows]
        return np.array(found) ** 2

    def attribution(self, rng: np.random.Generator, n: int, d: int) -> Array:
        """Return one attribution (d,)."""
        x = self.inputs(d)
        weight = np.repeat(self.law(d).sample(n // self.repeats, d, rng), self.repeats, axis=0)
        bias = np.full(len(weight), self.bias * np.linalg.norm(x)) if self.bias else None
        trace = Network([Dense(weight, bias), Relu()]).forward(x)
        seed = np.ones(len(weight))
        if self.coefficients == "cascade":
            seed = trace.output
        elif self.coefficients == "peeking":
            seed = weight @ (np.eye(d)[0] - x * x[0] / (x @ x))
        return attribute(trace, rule=self.rule, seed=seed).relevance


@dataclass(frozen=True)
class GivenMean(Sampler):
    """``⟨R, u⟩/(n s_u)`` clipped to [-1, 1] for fixed directions u, s_u² the variance of w·u.

    NaN where the input is 0. The scale takes Σ from `variances`, so that one neuron's terms have
    second moment ½ and, for c = 1 on Gaussian rows, fourth moment 3/2.
    """

    layer: GivenLayer
    variances: Vectors

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, directions)."""
        n, d = parameters["n"], parameters["d"]
        aims = np.array([aim(d) for aim in self.layer.aims])
        scaled = aims / np.sqrt((aims**2) @ self.variances(d))[:, np.newaxis]
        if not self.layer.inputs(d).any():
            return np.full((count, len(aims)), np.nan)
        rows = [scaled @ self.layer.attribution(rng, n, d) / n for _ in range(count)]
        return np.clip(np.array(rows), -1, 1)


@dataclass(frozen=True)
class ReducedFrame(ReducedSampler):
    """cos² of orthonormal rows or columns, c = a, from its exact law: three numbers a trial."""

    def size(self, **parameters: Any) -> int:
        """Return 3."""
        del parameters
        return 3

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, 1), NaN where no neuron is active."""
        n, d = parameters["n"], parameters["d"]
        active = rng.binomial(n, 0.5, count)
        positive = rng.chisquare(np.maximum(active, 1)) * (active > 0)
        if n <= d:
            rest = rng.chisquare(np.maximum(d - active, 1)) * (active < d)
            squares = positive / (positive + rest)
        else:
            rest = rng.chisquare(np.maximum(n - active, 1)) * (active < n)
            q = positive / (positive + rest)
            squares = q / (q + (1 - q) * rng.beta((d - 1) / 2, (n - d) / 2, count))
        return np.where(active > 0, squares, np.nan)[:, np.newaxis]


@dataclass(frozen=True)
class ReducedAnisotropic(ReducedSampler):
    """cos²(R, Σx) and cos²(R, x) from ``R = (t·c) v + ‖c‖ η``, no weight matrix.

    Attributes
    ----------
    variances, inputs : callable
    coefficients : str
    aims : int
        1 for cos²(R, Σx) alone.
    """

    variances: Vectors
    inputs: Vectors = wave
    coefficients: str = "active"
    aims: int = 2

    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds."""
        return int(parameters["n"] + parameters["d"])

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, aims)."""
        n, d = parameters["n"], parameters["d"]
        variances, x = self.variances(d), self.inputs(d)
        image = variances * x
        t = rng.standard_normal((count, n))
        c = np.maximum(t, 0) if self.coefficients == "cascade" else (t > 0).astype(float)
        eta = rng.standard_normal((count, d)) * np.sqrt(variances)
        eta -= np.outer(eta @ x, image) / (x @ image)
        along = (t * c).sum(axis=1) / np.sqrt(x @ image)
        r = np.outer(along, image) + np.sqrt((c * c).sum(axis=1))[:, np.newaxis] * eta
        aims = np.array([image / np.linalg.norm(image), x / np.linalg.norm(x)])[: self.aims]
        with np.errstate(invalid="ignore"):
            return np.asarray((r @ aims.T) ** 2 / (r**2).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class OppositeRows(Sampler):
    """``Σ z₊/(2n)`` over n rows and their opposites, ‖x‖ = 1, clipped to [0, 1].

    A symmetric row and its opposite have one law, and of the two one is active: the sum is Σ|z|,
    whose spread is half that of independent rows.
    """

    gatherer: ClassVar[str] = DRAWN
    law: WeightLaw = Gaussian()  # noqa: RUF009
    inputs: Vectors = wave

    def block(self, **parameters: Any) -> int:
        """Return as many trials as fit the processor's cache."""
        return int(max(1, 2**17 // (parameters["n"] * parameters["d"])))

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, 1)."""
        n, d = parameters["n"], parameters["d"]
        x = self.inputs(d)
        z = self.law.sample(count * n, d, rng) @ (x / np.linalg.norm(x))
        halves = np.abs(z).reshape(count, n).mean(axis=1) / 2
        return np.asarray(np.clip(halves, 0, 1)[:, np.newaxis])
