"""What a rule is: how relevance crosses one switch and one linear layer, from the output down.

Two forms are kept apart. In *signal* form (gradient, Guided Backprop, ...) what travels is ``g``,
and a linear layer is crossed by its transpose. In *relevance* form (LRP) what travels is ``R``,
already multiplied by the activation. The conservation ledger compares sums of relevance, so a
signal enters it as ``a ∘ g``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from enum import StrEnum

import numpy as np

from alignment_theory.arrays import Array, convert
from alignment_theory.layers import Linear, Selection
from alignment_theory.network import Network
from alignment_theory.sources import Source
from alignment_theory.trace import Site, Trace


class Form(StrEnum):
    """What travels backward."""

    SIGNAL = "signal"
    RELEVANCE = "relevance"


LEDGER_TERMS = ("bias", "stabiliser", "empty denominator", "threshold", "pooling", "padding")


@dataclass(frozen=True, eq=False)
class Crossing:
    """What a rule returns for one layer: the relevance below it.

    ``gates`` is what a switch multiplied the relevance with; ``losses`` maps a ledger term to one
    number per sample, where the rule knows them by then. That of a residual has ``shared``, the
    crossing of its sum, and in ``branches`` those of the layers of body and shortcut.
    """

    relevance: Array
    gates: Array | None = None
    losses: Mapping[str, Array] = field(default_factory=dict)
    shared: "Crossing | None" = None
    branches: tuple[tuple["Crossing", ...], ...] = ()

    @property
    def with_inner(self) -> tuple["Crossing", ...]:
        """The crossing itself and those inside it, in the order of the layers' numbers."""
        inner = (crossing for branch in self.branches for crossing in branch)
        return (self, *(one for crossing in inner for one in crossing.with_inner))


class Method(ABC):
    """Anything that `attribute` can apply to a network.

    ``times_input`` says whether the attribution is the signal at the input times the input.
    """

    times_input: bool = False
    sources: tuple[Source, ...] = ()

    @property
    def name(self) -> str:
        """The method's name with the parameters that differ from its defaults, for tables."""
        changed: list[str] = []
        entries: tuple[Field[object], ...] = fields(self) if is_dataclass(self) else ()
        for entry in entries:
            value = getattr(self, entry.name)
            if entry.repr and not (value is entry.default or _same(value, entry.default)):
                shown = value if isinstance(value, StrEnum) else repr(value)
                changed.append(f"{entry.name}={shown}")
        return f"{type(self).__name__}({', '.join(changed)})" if changed else type(self).__name__

    @property
    @abstractmethod
    def form(self) -> Form:
        """Whether a signal or relevance travels."""

    @property
    def seed(self) -> str:
        """What starts the backward pass where the caller does not say: "unit" or "logit"."""
        return "unit" if self.form is Form.SIGNAL else "logit"

    @abstractmethod
    def assign(self, network: Network) -> tuple["Rule", ...]:
        """Return the rule of every layer, by their numbers; a residual's is that of its sum."""

    def bind(self, trace: Trace) -> "Method":
        """Return the method for one forward run; methods that compare with a reference need it."""
        del trace
        return self

    def finish(self, relevance: Array, trace: Trace) -> Array:
        """Return the attribution from what arrived at the input."""
        return relevance * trace.sites[0].input if self.times_input else relevance


class Rule(Method):
    """How relevance crosses the layers, the same for every layer: subclass this for a new rule.

    A subclass gives the two fast hooks and their explicit matrices. `SignalRule` and `LinearRule`
    supply all of them from one short definition.
    """

    @abstractmethod
    def cross_switch(self, relevance: Array, site: Site) -> Crossing:
        """Return the crossing of a switch; `relevance` arrives at ``site.output``."""

    @abstractmethod
    def cross_linear(self, relevance: Array, site: Site) -> Crossing:
        """Return the crossing of a linear layer; `relevance` arrives at ``site.output``."""

    @abstractmethod
    def linear_matrix(self, site: Site) -> Array:
        """Return the explicit matrices (batch, inputs, outputs) of `cross_linear`, plain NumPy."""

    def cross_selection(self, relevance: Array, site: Site) -> Crossing:
        """Return the crossing of a selection: relevance goes to the inputs that were chosen."""
        assert site.selected is not None
        return Crossing(Selection.pullback(relevance, site.selected, site.input.shape[1:]))

    def selection_matrix(self, site: Site) -> Array:
        """Return the explicit matrices (batch, inputs, outputs) of `cross_selection`."""
        assert site.selected is not None
        return Selection.matrix(site.selected, site.input.shape[1:]).transpose(0, 2, 1)

    def switch_matrix(self, gates: Array) -> Array:
        """Return the explicit matrices ``diag(gates)`` of `cross_switch`, (batch, units, units)."""
        flat = gates.reshape(len(gates), -1)
        return flat[:, :, np.newaxis] * np.eye(flat.shape[1], dtype=bool)

    def losses(self, relevance: Array, crossing: Crossing, site: Site) -> Mapping[str, Array]:
        """Return what a crossing lost, by ledger term; `relevance` arrived above the layer."""
        del relevance, site
        return crossing.losses

    def assign(self, network: Network) -> tuple["Rule", ...]:
        """Return this rule for every layer."""
        return (self,) * len(network.all_layers)


class SignalRule(Rule):
    """A rule that differs from the gradient only in its gates: ``g_below = W^T (gates ∘ g)``.

    A new rule of this kind is one method::

        class Thresholded(SignalRule):
            def gate(self, signal, site):
                return site.mask & (signal > 0.1)
    """

    @property
    def form(self) -> Form:
        """A signal travels."""
        return Form.SIGNAL

    @abstractmethod
    def gate(self, signal: Array, site: Site) -> Array:
        """Return what the switch multiplies the signal with, in the signal's shape."""

    def pass_gate(self, signal: Array, site: Site) -> tuple[Array, Array]:
        """Return ``(gates, gates ∘ signal)``; override for a fused kernel."""
        gates = np.asarray(self.gate(signal, site))
        if gates.shape != signal.shape:
            raise ValueError(
                f"{type(self).__name__}.gate at layer {site.index}: expected shape "
                f"{signal.shape}, got {gates.shape}"
            )
        if gates.dtype != np.bool_ and gates.dtype != signal.dtype:
            gates = convert(gates, f"{type(self).__name__}.gate", signal.dtype)
        return gates, signal * gates

    def cross_switch(self, relevance: Array, site: Site) -> Crossing:
        """Multiply with the gates."""
        gates, passed = self.pass_gate(relevance, site)
        return Crossing(passed, gates)

    def cross_linear(self, relevance: Array, site: Site) -> Crossing:
        """Apply the transpose."""
        return Crossing(linear(site).pullback(relevance, site.input))

    def losses(self, relevance: Array, crossing: Crossing, site: Site) -> Mapping[str, Array]:
        """Return what gates and biases took from ``Σ a ∘ g``."""
        if isinstance(site.layer, Linear):
            flat = relevance.reshape(len(relevance), -1)
            return {"bias": flat @ site.layer.bias_vector(site.input)}
        if crossing.gates is None:
            return {}
        below = crossing.relevance * site.input
        return {"threshold": sample_sums(relevance * site.output - below)}

    def linear_matrix(self, site: Site) -> Array:
        """Return ``W^T``, the same for every sample."""
        matrix = linear(site).matrix(site.input).T
        return np.broadcast_to(matrix, (len(site.input), *matrix.shape))


def _same(value: object, default: object) -> bool:
    return type(value) is type(default) and not isinstance(value, np.ndarray) and value == default


def linear(site: Site) -> Linear:
    """Return the site's layer as the linear layer that it is."""
    if not isinstance(site.layer, Linear):
        raise TypeError(f"layer {site.index} ({site.layer!r}) is not linear")
    return site.layer


def sample_sums(values: Array) -> Array:
    """Return one sum per sample."""
    sums: Array = values.reshape(len(values), -1).sum(axis=1)
    return sums
