"""One random layer, crossed backward once: cos² between what arrives at its input and the input."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment_theory.alignment import cosine
from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import AvgPool2d, Dense, Flatten, MaxPool2d, Relu, Unflatten
from alignment_theory.network import Network
from alignment_theory.rules import Deconvnet, GuidedBackprop, Method, RectGrad
from alignment_theory.verification.samplers import ReducedSampler, Sampler


@dataclass(frozen=True)
class EngineLayer(Sampler):
    """A network ``relu(W x + b)`` whose output is given relevance and crossed under a rule.

    "active" gives relevance 1, "guided" independent Gaussian relevance, "cascade" the activations;
    "top" gives 1 and keeps ``t > s`` by RectGrad's constant threshold; "peeking" gives what the
    neurons' weights say along a fixed direction across x, which breaks `sees-z-only`.

    Attributes
    ----------
    coefficients : str
    rule : Method
    law : WeightLaw
    bias : float
        Of every neuron, in units of σ‖x‖.
    s : float
        Threshold of "top".
    spread : float
        Standard deviation of the neurons' biases about that one, in the same units.
    repeats : int
        How often each row is repeated (1: neurons are independent).
    zero_input : bool
        Whether x is 0.
    """

    coefficients: str = "active"
    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    bias: float = 0.0
    spread: float = 0.0
    s: float = 0.0
    repeats: int = 1
    zero_input: bool = False

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return cos²(g_0, x) of `count` layers with n neurons on d inputs, NaN where dead."""
        n, d = parameters["n"], parameters["d"]
        return np.array([[self._trial(rng, n, d)] for _ in range(count)])

    def _trial(self, rng: np.random.Generator, n: int, d: int) -> float:
        inputs = np.zeros(d) if self.zero_input else rng.uniform(size=d)
        norm = float(np.linalg.norm(inputs))
        weight = np.repeat(self.law.sample(n // self.repeats, d, rng), self.repeats, axis=0)
        biases = self.bias + self.spread * rng.standard_normal(len(weight))
        bias = norm * biases if self.bias or self.spread else None
        trace = Network([Dense(weight, bias), Relu()]).forward(inputs)
        rule, seed = self.rule, np.ones(len(weight))
        match self.coefficients:
            case "guided":
                seed = rng.standard_normal(len(weight))
            case "cascade":
                seed = trace.output
            case "top":
                rule = RectGrad(threshold=self.s * norm)
            case "peeking":
                across = np.eye(d)[0] - inputs * inputs[0] / norm**2
                seed = weight @ across
        attribution = attribute(trace, rule=rule, seed=seed)
        found = cosine(attribution.batched[0], trace.sites[0].input)
        return float(found.values[0]) ** 2


@dataclass(frozen=True)
class PooledLayer(Sampler):
    """A network ``relu(max over pools of p neurons of W x + b)``, crossed under DeconvNet.

    The winner of each pool gets coefficient 1 ("pool") or the positive part of independent Gaussian
    relevance ("pool-deconvnet"). Planted errors: with `gated` False the mean of each pool is taken,
    so that all its rows pass and there is no switch; `spread` is the standard deviation of the
    neurons' biases, in units of ‖x‖; with `peeking` coefficients are what the winners' weights say
    along the first coordinate.
    """

    coefficients: str = "pool"
    gated: bool = True
    law: WeightLaw = Gaussian()  # noqa: RUF009
    spread: float = 0.0
    peeking: bool = False

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return cos²(g_0, x) of `count` networks with n pools of p neurons on d inputs."""
        n, d, p = (parameters[name] for name in "ndp")
        return np.array([[self._trial(rng, n, d, p)] for _ in range(count)])

    def _trial(self, rng: np.random.Generator, n: int, d: int, p: int) -> float:
        x = rng.uniform(size=d)
        weight = self.law.sample(n * p, d, rng)
        bias = self.spread * np.linalg.norm(x) * rng.standard_normal(n * p)
        pool = MaxPool2d((1, p)) if self.gated else AvgPool2d((1, p))
        layers = [Dense(weight, bias), Unflatten((1, n, p)), pool, Relu(), Flatten()]
        trace = Network(layers).forward(x)
        seed = np.ones(n) if self.coefficients == "pool" else rng.standard_normal(n)
        if self.peeking:
            seed = weight[trace.switches[0].ravel(), 0]
        attribution = attribute(trace, rule=Deconvnet(), seed=seed)
        found = cosine(attribution.batched[0], trace.sites[0].input)
        return float(found.values[0]) ** 2


@dataclass(frozen=True)
class ReducedLayer(ReducedSampler):
    """The same quantity from pre-activations t and one χ² (theorem `exact-law`).

    ``cos² = (t·c)² / ((t·c)² + ‖c‖² χ²(d - 1))``.
    """

    coefficients: str = "active"
    s: float = 0.0

    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds."""
        return int(parameters["n"] * parameters.get("p", 1))

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, 1) for n neurons (pools of p) on d inputs."""
        n, d = parameters["n"], parameters["d"]
        if self.coefficients.startswith("pool"):
            t = rng.standard_normal((count, n, parameters["p"])).max(axis=2)
        else:
            t = rng.standard_normal((count, n))
        c = self._coefficients(t, rng)
        along = (t * c).sum(axis=1) ** 2
        across = (c * c).sum(axis=1) * rng.chisquare(d - 1, count)
        with np.errstate(invalid="ignore"):
            squares: Array = along / (along + across)
        return squares[:, np.newaxis]

    def _coefficients(self, t: Array, rng: np.random.Generator) -> Array:
        match self.coefficients:
            case "cascade":
                return np.maximum(t, 0)
            case "guided":
                return np.maximum(rng.standard_normal(t.shape), 0) * (t > 0)
            case "pool":
                return np.ones(t.shape)
            case "pool-deconvnet":
                return np.maximum(rng.standard_normal(t.shape), 0)
            case _:
                return (t > self.s).astype(float)
