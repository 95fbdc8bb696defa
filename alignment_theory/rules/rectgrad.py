"""RectGrad: the signal passes where activation times signal is above a quantile."""

from collections.abc import Mapping
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
from alignment_theory.layers import Conv2d, Switch
from alignment_theory.rules.base import Crossing, Rule, SignalRule, sample_sums
from alignment_theory.rules.lrp import Pooling, Stabiliser, member
from alignment_theory.rules.relevance import Epsilon
from alignment_theory.sources import KIM_2019
from alignment_theory.trace import Site

Interpolation = Literal["linear", "lower", "higher", "nearest", "midpoint"]


@dataclass(frozen=True)
class RectGrad(SignalRule):
    """Rectified gradient: ``c = g ∘ 1[a ∘ g > τ]``, τ a quantile of ``a ∘ g`` over the layer.

    Parameters
    ----------
    q : float
        Percentile in [0, 100], taken per sample over all units of the layer.
    interpolation : {"linear", "lower", "higher", "nearest", "midpoint"}
        Between the two order statistics around ``(units - 1) q / 100``. "nearest" rounds a tie to
        the even one, as NumPy does; TensorFlow, which the reference code uses, counts from the top.
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
    pooling : Pooling
        How a max pooling is crossed. The code's "PRR" is "proportional", ``a ∘ Pᵀ(g/(P a))`` with P
        the average pooling of these windows; what that changes of ``Σ a ∘ g`` the ledger names
        "pooling".
    padding_trick : bool
        Whether the signal is set to 0 where a convolution's window reaches into the padding; the
        ledger names it "padding". The reference code sets the outermost pixels to 0, which is the
        same for windows of 3 x 3 at stride 1.

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
    pooling: Pooling = Pooling.WINNER
    padding_trick: bool = False

    sources = (KIM_2019,)

    def __post_init__(self) -> None:
        """Check the parameters."""
        require_numbers(self, "q", *(() if self.threshold is None else ("threshold",)))
        require_flags(self, "floor", "times_input", "magnitude", "padding_trick")
        object.__setattr__(self, "pooling", member("RectGrad", "pooling", Pooling, self.pooling))
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

    @property
    def pooling_rule(self) -> Rule:
        """The rule by which a max pooling is crossed; 1e-10 is the reference code's."""
        if self.pooling is Pooling.WINNER:
            return self
        return Epsilon(1e-10, stabiliser=Stabiliser.ADD, pooling=self.pooling)

    def cross_selection(self, relevance: Array, site: Site) -> Crossing:
        """Pass the signal to what was chosen, or share it out as `pooling` says."""
        if self.pooling is Pooling.WINNER:
            return super().cross_selection(relevance, site)
        below = self.pooling_rule.cross_selection(relevance, site).relevance
        kept = sample_sums(relevance * site.output) - sample_sums(below * site.input)
        return Crossing(below, losses={"pooling": kept})

    def selection_matrix(self, site: Site) -> Array:
        """Return the explicit matrices of `cross_selection`."""
        if self.pooling is Pooling.WINNER:
            return super().selection_matrix(site)
        return self.pooling_rule.selection_matrix(site)

    def cross_linear(self, relevance: Array, site: Site) -> Crossing:
        """Apply the transpose; the padding trick first drops what stands at the border."""
        inner = relevance * self._inner(site) if self.padding_trick else relevance
        return super().cross_linear(inner, site)

    def linear_matrix(self, site: Site) -> Array:
        """Return ``W^T``; with the padding trick columns at the border are 0."""
        return super().linear_matrix(site) * self._inner(site).reshape(1, 1, -1)

    def _inner(self, site: Site) -> Array:
        """Return which outputs pass on, in the output's shape; all without the padding trick."""
        shape = site.output.shape[1:]
        if not self.padding_trick or not isinstance(site.layer, Conv2d):
            return np.ones(shape, dtype=bool)
        inside = site.layer.windows.inside(site.input.shape[-2:], site.output.shape[-2:])
        return np.broadcast_to(inside, shape)

    def losses(self, relevance: Array, crossing: Crossing, site: Site) -> Mapping[str, Array]:
        """Return what gates, biases, pooling and padding took from ``Σ a ∘ g``."""
        if not isinstance(site.layer, Conv2d):
            return {**super().losses(relevance, crossing, site), **crossing.losses}
        inner = self._inner(site)
        padding = sample_sums(relevance * ~inner * site.output)
        return {**super().losses(relevance * inner, crossing, site), "padding": padding}

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
        gates = gates.reshape(signal.shape)
        if isinstance(site.layer, Switch) and site.layer.leak:
            return np.where(gates, site.slopes, scalar_like(0, signal))
        return gates

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
