"""Methods that compare the input with a reference or average over inputs: the controls."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import (
    Array,
    divide,
    frozen_parameter,
    is_exact,
    parameter_like,
    require_numbers,
    scalar_like,
)
from alignment_theory.network import Network
from alignment_theory.rules.base import Form, Method, Rule, SignalRule
from alignment_theory.rules.gates import Gradient
from alignment_theory.sources import ANCONA_2018, SHRIKUMAR_2017, SMILKOV_2017, SUNDARARAJAN_2017
from alignment_theory.trace import Site, Trace

MOST_POINTS = 10**6
"""Inputs that one attribution may average over."""

MOST_NODES = 10**4
"""Nodes of Gauss and Legendre: they are the eigenvalues of a dense matrix of that many rows."""


@dataclass(frozen=True, eq=False)
class DeepLift(Method):
    """DeepLIFT, rescale rule: at a switch ``Δa / Δz`` against a reference run, then times ``Δx``.

    Where ``|Δz|`` is below `tolerance` the gate is the forward mask (the gradient). A max pooling
    is crossed to the winner of the explained run, so that with one the attributions need not add up
    to the difference of the outputs. captum does so where the pooling follows a ReLU; elsewhere it
    shares the difference out between the winners of both runs.

    Parameters
    ----------
    baseline : float or array broadcastable to the input, for images also one number a channel
    tolerance : float

    Source: Shrikumar 2017, equations 8-10; in this form Ancona 2018, proposition 2.
    """

    baseline: ArrayLike = 0.0
    tolerance: float = 1e-10

    sources = (SHRIKUMAR_2017, ANCONA_2018)

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "baseline", frozen_parameter(self.baseline, "baseline"))
        require_numbers(self, "tolerance")
        if not self.tolerance >= 0:
            raise ValueError(f"DeepLift: tolerance must be >= 0, got {self.tolerance}")

    @property
    def form(self) -> Form:
        """A signal (the multiplier) travels."""
        return Form.SIGNAL

    def assign(self, network: Network) -> tuple[Rule, ...]:
        """Refuse: the gates are known only once the reference run is."""
        raise ValueError("DeepLift: bind it to a forward run first; attribute() does")

    def bind(self, trace: Trace) -> Method:
        """Run the network on the baseline and return the rule with these references."""
        inputs = trace.sites[0].input
        reference = trace.network.forward(parameter_like(self.baseline, inputs, "baseline"))
        return _Rescale(self, reference)


@dataclass(frozen=True, eq=False)
class _Rescale(SignalRule):
    method: DeepLift
    reference: Trace = field(repr=False)

    @property
    def name(self) -> str:
        return self.method.name

    def gate(self, signal: Array, site: Site) -> Array:
        other = self.reference.all_sites[site.index]
        change = site.input - other.input
        close = np.abs(change) < scalar_like(self.method.tolerance, change)
        slope = divide(site.output - other.output, change)
        return np.where(close | (change == 0), site.slopes * scalar_like(1, change), slope)

    def finish(self, relevance: Array, trace: Trace) -> Array:
        return relevance * (trace.sites[0].input - self.reference.sites[0].input)


class Averaged(Method):
    """An average of gradients over several inputs made from the one explained."""

    @property
    def form(self) -> Form:
        """A signal travels."""
        return Form.SIGNAL

    def assign(self, network: Network) -> tuple[Rule, ...]:
        """Return the gradient for every layer."""
        return Gradient().assign(network)

    @abstractmethod
    def points(self, inputs: Array) -> tuple[Array, Array]:
        """Return the inputs to run, (points, batch, ...), and their weights (points,)."""


@dataclass(frozen=True, eq=False)
class IntegratedGradients(Averaged):
    """Integrated gradients: ``(x - x') ∘ ∫ ∇f(x' + t (x - x')) dt`` from a baseline x'.

    Parameters
    ----------
    baseline : float or array broadcastable to the input, for images also one number a channel
    steps : int
        At most 10^6, and 10^4 for Gauss.
    quadrature : {"gauss", "right", "midpoint"}
        Gauss-Legendre nodes (captum's default), or Riemann sums (zennit: right).

    Source: Sundararajan 2017, equation 1.
    """

    baseline: ArrayLike = 0.0
    steps: int = 50
    quadrature: Literal["gauss", "right", "midpoint"] = "gauss"

    sources = (SUNDARARAJAN_2017,)

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "baseline", frozen_parameter(self.baseline, "baseline"))
        _require_count(self.steps, "IntegratedGradients: steps")
        if self.quadrature not in ("gauss", "right", "midpoint"):
            raise ValueError(
                "IntegratedGradients: quadrature must be 'gauss', 'right' or 'midpoint', got "
                f"{self.quadrature!r}"
            )
        if self.quadrature == "gauss" and self.steps > MOST_NODES:
            raise ValueError(
                f"IntegratedGradients: the Gauss quadrature takes at most {MOST_NODES} steps, got "
                f"{self.steps}; use quadrature='midpoint' for more"
            )

    def points(self, inputs: Array) -> tuple[Array, Array]:
        """Return the points of the path and the quadrature weights."""
        places: Sequence[float | Fraction]
        weights: Sequence[float | Fraction]
        if self.quadrature == "gauss":
            nodes, shares = np.polynomial.legendre.leggauss(self.steps)
            places, weights = [(node + 1) / 2 for node in nodes], [share / 2 for share in shares]
        else:
            shift = 2 if self.quadrature == "right" else 1
            places = [Fraction(2 * k + shift, 2 * self.steps) for k in range(self.steps)]
            weights = [Fraction(1, self.steps)] * self.steps
        start = parameter_like(self.baseline, inputs, "baseline")
        path = [start + scalar_like(place, inputs) * (inputs - start) for place in places]
        return np.stack(path), np.array([scalar_like(w, inputs) for w in weights], inputs.dtype)

    def finish(self, relevance: Array, trace: Trace) -> Array:
        """Return the averaged gradient times the difference from the baseline."""
        inputs = trace.sites[0].input
        return relevance * (inputs - parameter_like(self.baseline, inputs, "baseline"))


@dataclass(frozen=True)
class SmoothGrad(Averaged):
    """SmoothGrad: the mean gradient over Gaussian perturbations of the input.

    Parameters
    ----------
    samples : int
        At most 10^6.
    noise_level : float
        Standard deviation as a share of ``max(x) - min(x)`` of each sample.
    random_state : int
        Seed of the noise, so that the same call gives the same attribution.

    Source: Smilkov 2017, section 3.
    """

    samples: int = 50
    noise_level: float = 0.1
    random_state: int = 0

    sources = (SMILKOV_2017,)

    def __post_init__(self) -> None:
        """Check the noise."""
        _require_count(self.samples, "SmoothGrad: samples")
        require_numbers(self, "noise_level")
        if not isinstance(self.random_state, int | np.integer) or self.random_state < 0:
            raise ValueError(
                f"SmoothGrad: random_state must be a whole number >= 0, got {self.random_state!r}"
            )
        if not (np.isfinite(self.noise_level) and self.noise_level >= 0):
            raise ValueError(f"SmoothGrad: noise_level must be >= 0, got {self.noise_level}")

    def points(self, inputs: Array) -> tuple[Array, Array]:
        """Return the perturbed inputs, equally weighted; the noise of a sample is its own."""
        if is_exact(inputs):
            raise ValueError("SmoothGrad: Gaussian noise is not exact; use a float network")
        flat = inputs.reshape(len(inputs), -1)
        scale = self.noise_level * (flat.max(axis=1) - flat.min(axis=1))
        noise = np.random.default_rng(self.random_state).standard_normal(
            (self.samples, *inputs.shape[1:])
        )
        shaped = scale.reshape(-1, *(1,) * (inputs.ndim - 1))
        moved = inputs + noise[:, np.newaxis] * shaped
        return moved.astype(inputs.dtype), np.full(self.samples, 1 / self.samples, inputs.dtype)


def _require_count(value: object, name: str) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number >= 1, got {value}")
    if value > MOST_POINTS:
        raise ValueError(f"{name} must be at most {MOST_POINTS}, got {value}")
