"""Rules that differ from the gradient at the switches only."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from alignment_theory.arrays import (
    Array,
    is_exact,
    overflowed,
    require_flags,
    require_numbers,
    scalar_like,
)
from alignment_theory.kernels import gates as kernels
from alignment_theory.network import Site
from alignment_theory.rules.base import SignalRule
from alignment_theory.sources import (
    DOMBROWSKI_2019,
    KIM_2019,
    SHRIKUMAR_2017,
    SIMONYAN_2014,
    SPRINGENBERG_2015,
    ZEILER_2014,
)

Interpolation = Literal["linear", "lower", "higher", "nearest", "midpoint"]


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
        gates, passed = kernels.gate(
            np.ascontiguousarray(signal).reshape(-1),
            np.ascontiguousarray(site.mask).reshape(-1),
            self.use_mask,
            self.only_positive,
        )
        return gates.reshape(signal.shape), passed.reshape(signal.shape)


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
        return gates


@dataclass(frozen=True)
class RectGrad(SignalRule):
    """Rectified gradient: ``c = g ∘ 1[a ∘ g > τ]``, τ a quantile of ``a ∘ g`` over the layer.

    Parameters
    ----------
    q : float
        Percentile in [0, 100], taken per sample over all units of the layer.
    interpolation : {"linear", "lower", "higher", "nearest", "midpoint"}
        Between the two order statistics around ``(units - 1) q / 100``. "nearest" rounds a tie to
        the even one, as NumPy does.
    ties : {"exclude", "include"}
        Whether ``a ∘ g`` equal to τ passes: strict > (the paper) or >=. Units with ``a ∘ g = 0``
        do not pass where τ is floored at 0, whatever this says.
    floor : bool
        Whether τ is at least 0, which keeps the rule inside the negative filtering rule. The
        paper's reference code has no floor, and for small q it opens dead units.
    times_input : bool
        Whether the attribution is the signal times the input, as in the reference code.
    magnitude : bool
        Compare ``|a ∘ g|`` with the quantile of ``|a ∘ g|`` (the code's "RectGradMod").
    threshold : float, optional
        A constant τ in place of the quantile (the code's "RectGradConst"; 0 is Guided Backprop).

    Raises
    ------
    ValueError
        For q outside [0, 100] and unknown interpolation or tie rules.

    Source: Kim 2019, section 4 and its published code.
    """

    q: float = 98.0
    interpolation: Interpolation = "linear"
    ties: Literal["exclude", "include"] = "exclude"
    floor: bool = True
    times_input: bool = False
    magnitude: bool = False
    threshold: float | None = None

    sources = (KIM_2019,)

    def __post_init__(self) -> None:
        """Check the parameters."""
        require_numbers(self, "q", *(() if self.threshold is None else ("threshold",)))
        require_flags(self, "floor", "times_input", "magnitude")
        if not 0 <= self.q <= 100:
            raise ValueError(f"RectGrad: q is a percentile in [0, 100], got {self.q}")
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(
                f"RectGrad: interpolation must be one of {', '.join(get_args(Interpolation))}, "
                f"got {self.interpolation!r}"
            )
        if self.ties not in ("exclude", "include"):
            raise ValueError(f"RectGrad: ties must be 'exclude' or 'include', got {self.ties!r}")
        if self.threshold is not None and not np.isfinite(float(self.threshold)):
            raise ValueError(f"RectGrad: threshold must be finite, got {self.threshold}")

    @classmethod
    def reference_code(cls, q: float = 98.0) -> "RectGrad":
        """Return the published code's variant: nearest order statistic, no floor, times input."""
        return cls(q, interpolation="nearest", floor=False, times_input=True)

    def gate(self, signal: Array, site: Site) -> Array:
        """Return the boolean gates."""
        with np.errstate(over="ignore"):
            scores = signal * site.output
        if overflowed(scores):
            raise ValueError(
                f"RectGrad: a ∘ g at layer {site.index} overflowed {scores.dtype}; "
                "scale the network"
            )
        if self.magnitude:
            scores = np.abs(scores)
        flat = np.ascontiguousarray(scores.reshape(len(scores), -1))
        tau = self._thresholds(flat)[:, np.newaxis]
        gates = flat > tau if self.ties == "exclude" else flat >= tau
        if self.floor:
            gates &= flat > 0
        return gates.reshape(signal.shape)

    def _thresholds(self, scores: Array) -> Array:
        if self.threshold is not None:
            constant = scalar_like(self.threshold, scores)
            return np.full(len(scores), constant, dtype=scores.dtype)
        lower, weight = quantile_place(scores.shape[1], self.q, self.interpolation)
        if not is_exact(scores):
            weight = scores.dtype.type(weight)
        thresholds: Array = kernels.row_quantiles(scores, lower, weight)
        return thresholds


def quantile_place(size: int, q: float, interpolation: Interpolation) -> tuple[int, Fraction]:
    """Return the order statistic below the q-th percentile of `size` values and the weight above.

    The place ``(size - 1) q / 100`` is worked out in exact fractions.
    """
    place = (size - 1) * Fraction(q) / 100
    below = int(place)
    part = place - below
    match interpolation:
        case "lower":
            return below, Fraction(0)
        case "higher":
            return (below + (part > 0), Fraction(0))
        case "nearest":
            return round(place), Fraction(0)
        case "midpoint":
            return below, Fraction(1, 2) if part else Fraction(0)
        case _:
            return below, part
