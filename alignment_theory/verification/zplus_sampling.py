"""Draws for the law of z⁺ on random bias-free ReLU networks: by the engine, and asymptotic."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any, ClassVar

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Ensemble, Gaussian, WeightLaw
from alignment_theory.network import Network
from alignment_theory.rules import Method, ZPlus
from alignment_theory.trace import Trace
from alignment_theory.verification.planted import mirrored
from alignment_theory.verification.samplers import ReducedSampler, Sampler

ASYMPTOTIC = "asymptotic"
"""Pre-activations and the Gaussian limit of the coefficients, no weight matrix."""

Inputs = str | tuple[float, ...]


def draw_inputs(inputs: Inputs, rng: np.random.Generator, count: int, d: int) -> Array:
    """Return `count` inputs of length d.

    "uniform" on [0, 1], "relu" of normals, "signed" (uniform on [-1, 1], which the law excludes),
    or a given one.

    Raises
    ------
    ValueError
        For another law, and for a given input of another length.
    """
    if inputs in ("uniform", "signed"):
        x = rng.random((count, d))
        return x if inputs == "uniform" else 2 * x - 1
    if inputs == "relu":
        return np.maximum(rng.standard_normal((count, d)), 0)
    if isinstance(inputs, str) or len(inputs) != d:
        raise ValueError(f"inputs must be uniform, relu, signed or {d} numbers, got {inputs!r}")
    return np.tile(np.asarray(inputs, dtype=float), (count, 1))


def _unit(vectors: Array) -> Array:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, norms, out=np.full_like(vectors, np.nan), where=norms > 0)


def _squared_cosine(left: Array, right: Array) -> Array:
    return np.asarray((_unit(left) * _unit(right)).sum(axis=1) ** 2)


def pulled_down(t: Array, y: Array, a: Array, rng: np.random.Generator) -> Array:
    """Return coefficients c of inputs a, given t and relevance y >= 0 of the rows, up to a factor.

    Given (t, y) the coefficients are sums of independent rows. Their mean is taken to order 1/d,
    their covariance ``Σ s² [(π - 1 + M t â_j) δ_jk - (π/2) â_j â_k]`` to order 1/√d, relative to
    the leading terms, and their law is taken as normal, so that single c may be negative:
    ``s = y/B``, ``B ∝ E[D | t]``, ``M = √(2π)``.

    Parameters
    ----------
    t, y : arrays (count, n)
    a : array (count, d)
    """
    root = sqrt(2 * pi)
    unit = _unit(a)
    lam = np.linalg.norm(a, axis=1, keepdims=True) / a.sum(axis=1, keepdims=True)
    cube = (unit**3).sum(axis=1, keepdims=True)
    denominator = 1 + root / 2 * lam * t + lam * cube / 2 * (t**2 - 1)
    s = np.divide(y, denominator, out=np.zeros_like(y), where=y > 0)
    again = np.divide(s, denominator, out=np.zeros_like(s), where=s > 0)

    def total(values: Array) -> Array:
        return np.asarray(values.sum(axis=1, keepdims=True))

    first = root / 2 * total(s * t)
    first -= lam * ((pi / 2 - 1) * total(again) - root / 2 * cube * total(again * t))
    second = total(s * (t**2 - 1)) / 2 - root / 2 * lam * total(again * t)
    square, leaning = total(s**2), root * total(s**2 * t)
    linear = rng.standard_normal(a.shape)
    linear -= unit * total(unit * linear)
    other = rng.standard_normal(a.shape) * np.sqrt((pi / 2 - 1) * square + leaning * unit)
    mean = total(s) + first * unit + second * unit**2
    return np.asarray(mean + np.sqrt(pi / 2 * square) * linear + other)


@dataclass(frozen=True)
class _RealNetworks(Sampler):
    rule: Method = ZPlus()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    inputs: Inputs = "uniform"
    bias: float = 0.0
    mirror: bool = False

    def trace(self, widths: Sequence[int], rng: np.random.Generator) -> Trace:
        """Return the forward run of a network with drawn weights, scaled by 1/√d."""
        (x,) = draw_inputs(self.inputs, rng, 1, widths[0])
        weights, biases = Ensemble(self.law, self.bias).sample(widths, rng)
        weights = mirrored(weights) if self.mirror else weights
        scaled = [weight / sqrt(weight.shape[1]) for weight in weights]
        return Network.mlp(scaled, biases).forward(x)


@dataclass(frozen=True)
class ZPlusAlignment(_RealNetworks):
    """``cos²(R_l, a_l)`` at levels 0, ..., L-1 of real networks, for output 0.

    Attributes
    ----------
    rule : Method
    law : WeightLaw
        Of the weights before they are scaled by 1/√d.
    inputs : str or tuple of float
        As in `draw_inputs`.
    bias : float
        Of every unit; another than 0 breaks the law.
    mirror : bool
        Whether hidden layers are transposes of earlier ones, which breaks the law too.
    """

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return (count, levels) for given `widths`, NaN where relevance or activations are 0."""
        rows = []
        for _ in range(count):
            trace = self.trace(parameters["widths"], rng)
            found = attribute(trace, rule=self.rule, target=0, seed="unit")
            rows.append(found.alignment().values ** 2)
        return np.array(rows)


@dataclass(frozen=True)
class ZPlusClasses(_RealNetworks):
    """``1 - cos(R_l, R'_l)`` of outputs 0 and 1, both seeded with 1, at every level.

    Computed as ``‖u - u'‖²/2`` of the directions, since it is small. Attributes as those of
    `ZPlusAlignment`.
    """

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return (count, levels) for given `widths`, NaN where one of the two is 0."""
        rows = []
        for _ in range(count):
            trace = self.trace(parameters["widths"], rng)
            pair = [attribute(trace, rule=self.rule, target=k, seed="unit") for k in (0, 1)]
            units = [[_unit(one.relevances[k]) for k in trace.network.levels] for one in pair]
            rows.append([((u - v) ** 2).sum() / 2 for u, v in zip(*units, strict=True)])
        return np.minimum(rows, 1)  # rounding may leave a little more


@dataclass(frozen=True)
class AsymptoticZPlus(ReducedSampler):
    """``cos²(R_l, a_l)`` at every level from O(width) numbers a layer.

    Exact at the top level, below it up to a relative O(1/d) (`pulled_down`). No exact reduction is
    known: the denominators ``W⁺a`` and the coefficients ``W⁺ᵀs`` are not functions of the
    pre-activations and a few sums, as they are for rules that see the weights through ``Wa`` only.
    """

    gatherer: ClassVar[str] = ASYMPTOTIC
    inputs: Inputs = "uniform"

    def size(self, **parameters: Any) -> int:
        """Return the most numbers that a trial holds at a time."""
        return 8 * max(parameters["widths"][:-1])

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return (count, levels) for given `widths`, NaN where relevance or activations are 0."""
        *sizes, top = parameters["widths"][:-1]
        t, a = self._activations(rng, count, top, hidden=bool(sizes))
        relevance = a * np.maximum(rng.standard_normal(a.shape), 0)
        found = [_squared_cosine(relevance, a)]
        for level in range(len(sizes) - 1, -1, -1):
            above = t
            t, a = self._activations(rng, count, sizes[level], hidden=level > 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                relevance = a * pulled_down(above, relevance, a, rng)
            found.insert(0, _squared_cosine(relevance, a))
        return np.stack(found, axis=1)

    def _activations(
        self, rng: np.random.Generator, count: int, d: int, *, hidden: bool
    ) -> tuple[Array, Array]:
        if not hidden:
            if self.inputs == "signed":
                raise ValueError("AsymptoticZPlus: inputs must be >= 0; use uniform, relu or x")
            x = draw_inputs(self.inputs, rng, count, d)
            return x, x
        t = rng.standard_normal((count, d))
        return t, np.maximum(t, 0)
