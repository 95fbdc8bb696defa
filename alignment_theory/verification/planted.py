"""Switches and rules that break a hypothesis: what the planted errors are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.explicit import combined_weight
from alignment_theory.layers import Dense, Layer, Relu, Residual, Switch
from alignment_theory.layers.base import Shape
from alignment_theory.network import Network
from alignment_theory.rules import Crossing, Method, SignalRule
from alignment_theory.trace import Site, Trace
from alignment_theory.verification.subjects import Subject


@dataclass(frozen=True)
class SquaredRelu(Switch):
    """``a = max(z, 0)²`` with mask z > 0: not linear once the mask is fixed."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample: that of the input."""
        return input_shape

    def forward(self, values: Array) -> Array:
        """Return ``max(z, 0)²``."""
        output: Array = np.maximum(values, 0) ** 2
        return output

    def mask(self, preactivation: Array) -> Array:
        """Return ``z > 0``."""
        mask: Array = preactivation > 0
        return mask


@dataclass(frozen=True)
class Leaky(SquaredRelu):
    """``a = max(z, 0) + min(z, 0)/2``, every unit open: activations may be negative."""

    def forward(self, values: Array) -> Array:
        """Return z, halved where it is negative."""
        output: Array = np.where(values > 0, values, values / 2)
        return output

    def mask(self, preactivation: Array) -> Array:
        """Return that all units are open."""
        return np.ones(preactivation.shape, dtype=bool)


@dataclass(frozen=True)
class WithSwitch:
    """A change of subjects: another switch for every ReLU."""

    switch: Switch

    def __call__(self, subject: Subject) -> Subject:
        """Return the changed subject."""
        layers = replaced(subject.network.layers, Relu, lambda layer: self.switch)
        network = Network(layers, subject.network.input_shape)
        return Subject(f"{subject.name}, {self.switch!r}", network, subject.inputs)


def replaced(
    layers: Sequence[Layer], kind: type[Layer], make: Callable[[Any], Layer]
) -> list[Layer]:
    """Return layers with others for all of one kind, inside residuals too."""
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Residual):
            layer = Residual(*(replaced(branch, kind, make) for branch in layer.branches))
        found.append(make(layer) if isinstance(layer, kind) else layer)
    return found


def with_output_relu(subject: Subject) -> Subject:
    """Return the subject with a ReLU after its last layer, on shifted outputs that are all > 0.

    There the seed is 0 at all outputs but one.
    """
    trace = subject.network.forward(subject.inputs)
    last = subject.network.layers[-1]
    assert isinstance(last, Dense)
    shift = np.abs(trace.sites[-1].output).max(axis=0) * 2 + 1
    layers = [*subject.network.layers[:-1], Dense(last.weight, shift), Relu()]
    network = Network(layers, subject.network.input_shape)
    return Subject(f"{subject.name}, ReLU at the output", network, subject.inputs)


@dataclass(frozen=True)
class Spreading(SignalRule):
    """Guided Backprop that hands every open unit of a layer the mean of what arrived there.

    Not gated: a unit where nothing arrives passes something on.
    """

    def gate(self, signal: Array, site: Site) -> Array:
        """Return ``mean(g) m / g``, 0 where g is."""
        assert site.mask is not None
        mean = np.broadcast_to(signal.mean(axis=1, keepdims=True), signal.shape)
        gates = np.zeros(signal.shape)
        np.divide(mean, signal, out=gates, where=site.mask & (signal != 0))
        return gates

    def cross_switch(self, relevance: Array, site: Site) -> Crossing:
        """Return the mean at all open units."""
        assert site.mask is not None
        return Crossing(
            relevance.mean(axis=1, keepdims=True) * site.mask, self.gate(relevance, site)
        )


@dataclass(frozen=True)
class Open(SignalRule):
    """All gates open: c = g, whatever its sign and the mask."""

    def gate(self, signal: Array, site: Site) -> Array:
        """Return ones."""
        del site
        return np.ones(signal.shape, dtype=bool)


def masks_shifted(trace: Trace) -> tuple[Array, Array]:
    """Return the linear piece with every mask moved by one unit."""
    sites = [
        site if site.mask is None else replace(site, mask=np.roll(site.mask, 1, axis=-1))
        for site in trace.sites
    ]
    moved = replace(trace, sites=tuple(sites))
    return moved.weight_product(), moved.effective_bias()


def without_bias(trace: Trace) -> tuple[Array, Array]:
    """Return the linear piece without what the biases add."""
    return trace.weight_product(), 0 * trace.effective_bias()


@dataclass(frozen=True)
class OfOtherRule:
    """The explicit product of another rule than the one that ran."""

    rule: Method

    def __call__(self, attribution: Attribution) -> Array:
        """Return the product."""
        other = attribute(attribution.trace, rule=self.rule, seed=attribution.top)
        return combined_weight(other)


def lowest_gates_open(attribution: Attribution) -> Array:
    """Return the explicit product with the gates of the switch nearest the input left open."""
    crossings = list(attribution.crossings)
    lowest = next(k for k, crossing in enumerate(crossings) if crossing.gates is not None)
    gates = crossings[lowest].gates
    assert gates is not None
    crossings[lowest] = replace(crossings[lowest], gates=np.ones_like(gates))
    return combined_weight(replace(attribution, crossings=tuple(crossings)))


def mirrored(weights: Sequence[Array]) -> list[Array]:
    """Return matrices of which each hidden one is the transpose of the last before it that fits.

    That ties layers together although each by itself keeps its law.
    """
    found: list[Array] = []
    for index, weight in enumerate(weights):
        fitting = [one.T for one in reversed(found) if one.T.shape == weight.shape]
        hidden = 0 < index < len(weights) - 1
        found.append(fitting[0] if hidden and fitting else weight)
    return found
