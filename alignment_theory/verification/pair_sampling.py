"""Pairs of attributions of one input by two networks, or of two outputs by one: their cosines.

Kinds of pairs: "cascading" (layers above `layer` re-drawn), "independent" (only `layer`),
"bottom-up" (layers 1 to `layer`) and "class" (nothing re-drawn, outputs 0 and 1 explained).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment_theory.alignment import cosine
from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Ensemble, Gaussian, WeightLaw
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.verification.planted import mirrored
from alignment_theory.verification.samplers import ReducedSampler, Sampler

KINDS = ("cascading", "independent", "bottom-up", "class")

_PARALLEL = 1e-9
"""Sine below which two activations count as parallel: rounding leaves some 1e-16."""


def redrawn_layers(kind: str, layer: int | None, depth: int) -> frozenset[int]:
    """Return which of the layers 1 to `depth` differ between both networks.

    Raises
    ------
    ValueError
        For an unknown kind, and a layer that is missing or outside the network.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "class":
        return frozenset()
    lowest, highest = (0, depth - 1) if kind == "cascading" else (1, depth)
    if layer is None or not lowest <= layer <= highest:
        raise ValueError(
            f"layer: expected {lowest} to {highest} for {kind} pairs of {depth} layers, got {layer}"
        )
    if kind == "independent":
        return frozenset({layer})
    layers = range(1, layer + 1) if kind == "bottom-up" else range(layer + 1, depth + 1)
    return frozenset(layers)


@dataclass(frozen=True)
class EnginePairs(Sampler):
    """Real networks, explained by real rules, on standard normal inputs.

    `bias` is that of every unit; with `mirror` hidden layers are transposes of earlier ones, with
    `largest` the two classes are those of the largest logits: planted errors.
    """

    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    bias: float = 0.0
    mirror: bool = False
    largest: bool = False

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return cos(R, R') at every level, input first, NaN where a relevance is all 0.

        Parameters: `widths` (input first), `kind`, and `layer` for all kinds but "class".
        """
        return np.array([self._trial(rng, **parameters) for _ in range(count)])

    def _trial(
        self, rng: np.random.Generator, widths: Sequence[int], kind: str, layer: int | None = None
    ) -> Array:
        redrawn = redrawn_layers(kind, layer, len(widths) - 1)
        ensemble = Ensemble(self.law, self.bias)
        weights, biases = ensemble.sample(widths, rng)
        weights = mirrored(weights) if self.mirror else weights
        fresh = ensemble.sample(widths, rng)[0] if redrawn else weights
        others = [
            new if index in redrawn else old
            for index, (old, new) in enumerate(zip(weights, fresh, strict=True), start=1)
        ]
        signal = rng.standard_normal(widths[0])
        one, other = Network.mlp(weights, biases), Network.mlp(others, biases)
        targets = (0, int(kind == "class"))
        if self.largest:
            *_, second_largest, largest = np.argsort(np.ravel(one.forward(signal).output))
            targets = (int(largest), int(second_largest))
        first, second = (
            attribute(network, signal, rule=self.rule, target=target)
            for network, target in zip((one, other), targets, strict=True)
        )
        pairs = [(first.batched[k], second.batched[k]) for k in first.trace.network.levels]
        return np.array([cosine(left, right).values[0] for left, right in pairs])


@dataclass(frozen=True)
class ReducedPairs(ReducedSampler):
    """The same law of cosines for Gaussian weights without any weight matrix.

    Normalised pre-activations t, t' are standard normal, with the correlation that the activations
    below have where a layer is shared and 0 where it is re-drawn. Backward, a shared layer gives
    ``[g g'] = A (AᵀA)⁻¹ Zᵀ C + P_⊥ G (CᵀC)^½`` with A the activations of both networks, a re-drawn
    one the same for each network alone.

    Attributes
    ----------
    rule : {"guided", "gradient"}
    forget : bool
        Planted error: the noise of both relevances is independent in shared layers too.
    mask : bool
        Whether inactive neurons are shut; False is a planted error.
    """

    rule: str = "guided"
    forget: bool = False
    mask: bool = True

    def __post_init__(self) -> None:
        """Check the rule; ValueError for one that has no reduced form here."""
        if self.rule not in ("guided", "gradient"):
            raise ValueError(f"rule: expected guided or gradient, got {self.rule!r}")

    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds at a time: two of each neuron and relevance."""
        return 4 * sum(parameters["widths"])

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return cos(R, R') at every level; parameters as for :class:`EnginePairs`."""
        widths, kind = parameters["widths"], parameters["kind"]
        depth = len(widths) - 1
        redrawn = redrawn_layers(kind, parameters.get("layer"), depth)
        levels = _forward(rng, count, widths, redrawn, kind == "class")
        signal = np.ones((2, count, 1))
        columns = []
        for layer in range(depth, 0, -1):
            apart = layer in redrawn or (kind == "class" and layer == depth)
            active = levels[layer] > 0
            passed = signal if layer == depth else self._gate(signal, active)
            signal = self._backward(rng, passed, levels[layer], levels[layer - 1], apart)
            columns.append(_cosines(signal))
        return np.stack(columns[::-1], axis=1)

    def _gate(self, signal: Array, active: Array) -> Array:
        opened = np.maximum(signal, 0) if self.rule == "guided" else signal
        return opened * active if self.mask else opened

    def _backward(
        self, rng: np.random.Generator, passed: Array, above: Array, below: Array, apart: bool
    ) -> Array:
        """Return both relevances below a layer with pre-activations `above`, (2, count, d)."""
        sizes = np.linalg.norm(passed, axis=2, keepdims=True)
        c = passed / np.where(sizes == 0, 1, sizes)
        noise = rng.standard_normal((2, *below.shape[1:]))
        if not (apart or self.forget):
            eta = np.clip(np.sum(c[0] * c[1], axis=1), -1, 1)[:, np.newaxis]
            noise[1] = eta * noise[0] + np.sqrt(1 - eta**2) * noise[1]
        if apart:
            return sizes * _replaced(noise, _directions(below), np.sum(c * above, axis=2))
        frame, overlap, rest = _frame(below)
        fresh = (above[1] - overlap * above[0]) / np.where(rest == 0, 1, rest)
        for direction, t in zip(frame, (above[0], fresh), strict=True):
            noise = _replaced(noise, direction, np.sum(c * t, axis=2))
        return sizes * noise


def _replaced(vectors: Array, direction: Array, parts: Array) -> Array:
    """Return vectors whose part along a unit direction is replaced by the given one."""
    now = np.sum(vectors * direction, axis=2)
    return vectors + (parts - now)[..., np.newaxis] * direction


def _frame(levels: Array) -> tuple[tuple[Array, Array], Array, Array]:
    """Return orthonormal directions of the plane of both activations, their cosine and sine.

    The first is that of network 0; the second is 0 where both have one direction.
    """
    first, second = _directions(levels)
    overlap = np.minimum(np.sum(first * second, axis=1, keepdims=True), 1)
    rest = second - overlap * first
    sine = np.linalg.norm(rest, axis=1, keepdims=True)
    same = sine < _PARALLEL
    across = np.where(same, 0, rest) / np.where(same, 1, sine)
    dead = ~second.any(axis=1, keepdims=True)
    sine = np.where(same, np.where(dead, 1.0, 0.0), sine)
    return (first, across), np.where(same & ~dead, 1.0, overlap), sine


def _forward(
    rng: np.random.Generator,
    count: int,
    widths: Sequence[int],
    redrawn: frozenset[int],
    classes: bool,
) -> list[Array]:
    """Return the normalised pre-activations (2, count, units) of every layer, 0 for the input.

    The input is a fixed direction; the output layer is the explained neuron of each network.
    """
    start = np.zeros((2, count, widths[0]))
    start[:, :, 0] = 1.0
    levels = [start]
    depth = len(widths) - 1
    for layer in range(1, depth + 1):
        units = widths[layer] if layer < depth else 1
        apart = layer in redrawn or (classes and layer == depth)
        t = rng.standard_normal((2, count, units))
        if not apart:
            _, overlap, rest = _frame(levels[-1])
            t[1] = overlap * t[0] + rest * t[1]
        # Above a layer without active neurons every pre-activation is 0.
        levels.append(t * (levels[-1] > 0).any(axis=2, keepdims=True))
    return levels


def _directions(levels: Array) -> Array:
    """Return the unit vectors of the activations, 0 where no neuron is active."""
    active = np.maximum(levels, 0)
    norms = np.linalg.norm(active, axis=2, keepdims=True)
    return active / np.where(norms == 0, 1, norms)


def _cosines(signal: Array) -> Array:
    lengths = np.linalg.norm(signal, axis=2)
    product = lengths[0] * lengths[1]
    overlap = np.sum(signal[0] * signal[1], axis=1)
    values: Array = np.where(product > 0, overlap / np.where(product > 0, product, 1), np.nan)
    return values
