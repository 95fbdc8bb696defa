r"""What crossing a random layer backward does to the alignment, to first order in 1/width.

Given τ, the component of the relevance along the activations over the scale of its others, the n
units have ``h = ξ + β̂ t₊`` where β̂ makes ``Σ a h / ‖a‖`` equal τ = √n x:
``β̂ = (x - B̄/√Ā)/√Ā``, ``Ā = mean(t₊²)``, ``B̄ = mean(t₊ ξ)``. It is an estimated parameter with
limit β = √2 x, influence function ``ι = -2 t₊ ξ - β (t₊² - 1/2)`` and bias ``(15/8) β/n``.

The units that RectGrad ranks, and what follows from ``S̄ = mean(t c)``, ``Q̄ = mean(c²)`` for
``y = S̄/√Q̄``, which is τ of the level below over √n, are in module `crossings`.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, log, sqrt

import numpy as np

from alignment_theory.theory.crossings import (
    ArrayPair,
    Crossing,
    Rank,
    crossed,
    rank_margin,
    with_rank,
)
from alignment_theory.theory.depth_quadrature import (
    GATES,
    Gate,
    area_moments,
    edge,
    inactive_moments,
    layer_means,
    polynomial,
    positive_share,
    product,
    share_derivatives,
    threshold_for,
)
from alignment_theory.theory.fluctuations import FloatArray, Jet, PlugIn, jets

_RADIUS = 0.1
_NEAREST = 0.02


@dataclass(frozen=True)
class Layer:
    """One layer at a point: β, the gate (unranked where the threshold is 0) and the kept share."""

    beta: float
    gate: Gate
    share: float

    def threshold(self, beta: float) -> float:
        """Return T at another β and this share."""
        return threshold_for(beta, self.share) if self.gate.ranked else 0.0

    def along(self, betas: FloatArray) -> FloatArray:
        """Return S, Q, y and, if ranked, ∂S/∂p and ∂Q/∂p at other β and this share: (k, m)."""
        rows = []
        for beta in map(float, betas):
            tau = self.threshold(beta)
            overlap, square = layer_means(beta, tau, self.gate)
            edges = share_derivatives(beta, tau) if self.gate.ranked else ()
            rows.append([overlap, square, overlap / sqrt(square), *edges])
        return np.array(rows).T

    @property
    def parts(self) -> tuple[list[FloatArray], FloatArray]:
        """The summands of S̄ and Q̄, and ι, on the active half as polynomials in (t, ξ)."""
        beta = self.beta
        overlap = polynomial(t1x1=1.0, t2x0=beta)
        square = polynomial(t0x2=1.0, t1x1=2 * beta, t2x0=beta**2)
        return [overlap, square], polynomial(t1x1=-2.0, t2x0=-beta, t0x0=beta / 2)


def _layer(rule: str, beta: float, share: float) -> tuple[Layer, float]:
    """Return the layer and the radius around β in which its threshold does not reach 0."""
    gate, radius = GATES[rule], _RADIUS
    if gate.ranked:
        if share <= 0:
            raise ValueError(f"rectgrad keeps a share {share} of the units; choose a smaller q")
        reach = beta - np.tan(2 * np.pi * (share - 0.25)) if 0 < share < 0.5 else -np.inf
        radius = min(_RADIUS, reach / 2)
        if share >= 0.5 or radius < _NEAREST:
            gate, radius = GATES["guided"], _RADIUS
    return Layer(beta, gate, share), radius


def _plug_in(layer: Layer, found: list[Jet]) -> PlugIn:
    """Return the plug-in description of (S̄, Q̄) with the parameter β̂."""
    beta, means = layer.beta, _means(found)
    upper = area_moments(beta, layer.threshold(beta), layer.gate)
    psi, iota = layer.parts
    slopes = [polynomial(t2x0=1.0), polynomial(t1x1=2.0, t2x0=2 * beta)]
    feedback = np.array([[(product(slope, iota) * upper).sum()] for slope in slopes])
    covariance = np.array([[(product(a, b) * upper).sum() for b in psi] for a in psi])
    overlap = np.array([[(product(a, iota) * upper).sum()] for a in psi])
    if not layer.gate.masked:  # there ψ = (t ξ, ξ²) and ι = β/2
        covariance += inactive_moments()
        overlap += beta / 2 * np.array([[-1 / (2 * np.pi)], [1 / 4]])
    return PlugIn(
        gradient=np.array([[jet.first] for jet in found[:2]]),
        curvature=np.array([[[jet.second]] for jet in found[:2]]),
        feedback=feedback,
        drift=np.array([1.875 * beta]),
        influence=np.array([[2 + 1.25 * beta**2]]),
        overlap=overlap,
        covariance=covariance - np.outer(means, means),
    )


def _rank(layer: Layer, found: list[Jet]) -> Rank:
    """Return the units at the edge."""
    beta, share, tau = layer.beta, layer.share, layer.threshold(layer.beta)
    psi, iota = layer.parts
    one = polynomial(t0x0=1.0)
    density = edge(one, beta, tau, -1)
    slope = edge(one, beta, tau, 1) / density

    def moved(function: FloatArray) -> float:
        """Return what the motion of the edge with β at a fixed share adds to an integral."""
        return edge(function, beta, tau, 1) - slope * edge(function, beta, tau, -1)

    (by_log,) = jets(
        lambda logs: np.array([share_derivatives(beta, exp(s))[1] for s in logs]), log(tau)
    )
    return Rank(
        share,
        by_share=found[3:],
        bends=np.array([-1.0, -by_log.first / tau]) / density,
        feedback=np.array([moved(product(a, iota)) for a in psi]),
        drift=-moved(iota),
        shared=-float((iota * area_moments(beta, tau, layer.gate)).sum()),
    )


def _margin(layer: Layer, units: int, kept: int) -> float:
    """Return `rank_margin` of the layer."""
    beta = layer.beta

    def at_share(share: float) -> ArrayPair:
        tau = threshold_for(beta, share)
        means = layer_means(beta, tau, GATES["rectgrad"])
        return np.array(means), np.array(share_derivatives(beta, tau))

    return rank_margin(units, kept, layer.gate.ranked, positive_share(beta), at_share)


@lru_cache(maxsize=4096)
def crossing(rule: str, x: float, units: int, kept: int = 0) -> Crossing:
    """Return what crossing a layer of `units` units at ``x = τ/√units`` does to y.

    Parameters
    ----------
    rule : {"gradient", "deconvnet", "guided", "rectgrad"}
    kept : int
        K of RectGrad, at least 1; other rules do not use it.

    Raises
    ------
    ValueError
        For RectGrad with K < 1.
    """
    layer, found, description = describe(rule, x, kept / units)
    margin = _margin(layer, units, kept) if rule == "rectgrad" else 0.0
    return crossed(_means(found), description, found[2].rescaled(sqrt(2)), units, margin)


def describe(rule: str, x: float, share: float) -> tuple[Layer, list[Jet], PlugIn]:
    """Return the layer, the jets of S, Q and y in β, and the plug-in description of (S̄, Q̄)."""
    layer, radius = _layer(rule, float(sqrt(2) * x), share)
    found = jets(layer.along, layer.beta, radius)
    description = _plug_in(layer, found)
    if layer.gate.ranked:
        description = with_rank(description, _means(found), _rank(layer, found))
    return layer, found, description


def _means(found: list[Jet]) -> FloatArray:
    """Return S and Q."""
    return np.array([jet.value for jet in found[:2]])
