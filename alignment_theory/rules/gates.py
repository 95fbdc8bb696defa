"""Rules that differ from the gradient at the switches only."""

from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array, is_exact, require_numbers, scalar_like
from alignment_theory.kernels import gates as kernels
from alignment_theory.layers import Switch
from alignment_theory.rules.base import SignalRule
from alignment_theory.sources import (
    DOMBROWSKI_2019,
    SHRIKUMAR_2017,
    SIMONYAN_2014,
    SPRINGENBERG_2015,
    ZEILER_2014,
)
from alignment_theory.threads import by_parts
from alignment_theory.trace import Site


class _SignGate(SignalRule):
    """A gate decided by the forward mask, by the sign of the signal, or by both."""

    use_mask: bool
    only_positive: bool

    def gate(self, signal: Array, site: Site) -> Array:
        """Return the boolean gates."""
        return self.pass_gate(signal, site)[0]

    def pass_gate(self, signal: Array, site: Site) -> tuple[Array, Array]:
        """Return the gates and what they pass, in one pass over the data."""
        assert site.mask is not None
        if isinstance(site.layer, Switch) and site.layer.leak:
            return self._pass_leaking(signal, site)
        gates, passed = np.empty(signal.shape, np.bool_), np.empty(signal.shape, signal.dtype)
        by_parts(
            lambda *parts: kernels.gate(*parts, self.use_mask, self.only_positive),
            *map(np.ascontiguousarray, (signal, site.mask)),
            gates,
            passed,
        )
        return gates, passed

    def _pass_leaking(self, signal: Array, site: Site) -> tuple[Array, Array]:
        """Return the same where closed units have a slope too: it stands for the forward mask."""
        gates = site.slopes if self.use_mask else np.full_like(signal, scalar_like(1, signal))
        if self.only_positive:
            gates = np.where(signal > 0, gates, scalar_like(0, signal))
        return gates, gates * signal


@dataclass(frozen=True)
class Gradient(_SignGate):
    """The gradient of the explained output: ``c = m ∘ g``.

    Source: Simonyan 2014, section 3.
    """

    sources = (SIMONYAN_2014,)
    use_mask = True
    only_positive = False


@dataclass(frozen=True)
class InputTimesGradient(Gradient):
    """Input times gradient: the gradient's backward pass, then ``x ∘ g_0``.

    Source: Shrikumar 2017, section 2.
    """

    sources = (SHRIKUMAR_2017,)
    times_input = True


@dataclass(frozen=True)
class Deconvnet(_SignGate):
    """DeconvNet: ``c = max(g, 0)``; the forward mask is not used.

    Source: Zeiler 2014, section 2.1.
    """

    sources = (ZEILER_2014,)
    use_mask = False
    only_positive = True


@dataclass(frozen=True)
class GuidedBackprop(_SignGate):
    """Guided Backprop: ``c = m ∘ max(g, 0)``.

    Source: Springenberg 2015, section 3.4.
    """

    sources = (SPRINGENBERG_2015,)
    use_mask = True
    only_positive = True


@dataclass(frozen=True)
class BetaSmooth(SignalRule):
    """The gradient of softplus in place of the ReLU's: ``c = sigmoid(β z) g``; dead units leak.

    The forward pass keeps its ReLUs.

    Raises
    ------
    ValueError
        For β not positive and finite, and when it is applied to a network of exact fractions.

    Source: Dombrowski 2019, β-smoothing; under this name in zennit.
    """

    sources = (DOMBROWSKI_2019,)
    beta: float = 10.0

    def __post_init__(self) -> None:
        """Check β."""
        require_numbers(self, "beta")
        if not (np.isfinite(float(self.beta)) and self.beta > 0):
            raise ValueError(f"BetaSmooth: beta must be finite and > 0, got {self.beta}")

    def gate(self, signal: Array, site: Site) -> Array:
        """Return ``sigmoid(β z)``; with ``exp(-|β z|)`` nothing overflows or cancels."""
        del signal
        if is_exact(site.input):
            raise ValueError(
                f"BetaSmooth at layer {site.index}: the sigmoid of a fraction is not a fraction; "
                "use a float network, for instance network.astype(numpy.float64)"
            )
        with np.errstate(over="ignore", under="ignore"):
            scaled = scalar_like(self.beta, site.input) * site.input
            decay = np.exp(-np.abs(scaled))
            gates: Array = np.where(scaled >= 0, scalar_like(1, decay), decay) / (1 + decay)
        leak = scalar_like(site.layer.leak if isinstance(site.layer, Switch) else 0, gates)
        return leak + (1 - leak) * gates
