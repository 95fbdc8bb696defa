r"""What crossing a layer with biases backward does to the alignment, to first order in 1/width.

As module `depth_crossing`, which is the case b = 0, with one thing more: x depends on the layer
itself. For the biases of the layers above are ``b/(σ‖a‖)``, and ‖a‖ varies with
``Ā = mean(s²)``, of mean 1, as ``log ‖a‖ = ... + ½ log Ā``. With ``B̄ = mean(s ξ)`` and x = G(Ā) the
coefficient of s in h is ``x̂ = G(Ā)/√Ā - B̄/Ā``, whose influence function is
``ι = (G' - x/2) (s² - 1) - s ξ`` and whose bias ``(G'' - G' + ¾x) Var(s²)/(2n)``.
"""

from math import exp, sqrt

import numpy as np

from alignment_theory.theory import crossings
from alignment_theory.theory.crossings import ArrayPair, Crossing, Rank, crossed, with_rank
from alignment_theory.theory.depth_bias import Layer, Units, product
from alignment_theory.theory.depth_quadrature import GATES
from alignment_theory.theory.fluctuations import FloatArray, Jet, PlugIn, jets

_RADII = (0.1, 0.05, 0.02)


def layer_at(rule: str, units: Units, x: float, share: float) -> tuple[Layer, float]:
    """Return the layer and the radius around x in which its threshold does not reach 0."""
    layer = Layer(units, GATES[rule], share)
    if not layer.gate.ranked:
        return layer, _RADII[0]
    for radius in _RADII:
        if layer.share_above(x - 2 * radius, 0.0) > share:
            return layer, radius
    return Layer(units, GATES["guided"], share), _RADII[0]


def strength(layer: Layer, x: float) -> float:
    """Return ``y = S/√Q``."""
    overlap, square = layer.means(x, layer.threshold(x))
    return float(overlap / sqrt(square))


def crossing(layer: Layer, radius: float, x: float, by_norm: Jet, count: int) -> Crossing:
    """Return what crossing `count` units at ``x = τ/√count`` does to ``y = S̄/√Q̄``.

    Parameters
    ----------
    layer : Layer
    radius : float
        Around x, in which derivatives are taken.
    by_norm : Jet
        x as a function of ``log ‖a‖``.
    """

    def along(points: FloatArray) -> FloatArray:
        rows = []
        for point in map(float, points):
            tau = layer.threshold(point)
            overlap, square = layer.means(point, tau)
            edges = layer.by_share(point, tau) if layer.gate.ranked else ()
            rows.append([overlap, square, overlap / sqrt(square), *edges])
        return np.array(rows).T

    found = jets(along, x, radius)
    description = _plug_in(layer, x, by_norm, found)
    means = _means(found)
    if layer.gate.ranked:
        description = with_rank(description, means, _rank(layer, x, by_norm, found))
    return crossed(means, description, found[2], count)


def rank_margin(layer: Layer, x: float, count: int, kept: int) -> float:
    """Return `crossings.rank_margin` of the layer at x."""

    def at_share(share: float) -> ArrayPair:
        ranked = Layer(layer.units, GATES["rectgrad"], share)
        tau = ranked.threshold(x)
        return ranked.means(x, tau), np.array(ranked.by_share(x, tau))

    chance = layer.share_above(x, 0.0)
    return crossings.rank_margin(count, kept, layer.gate.ranked, chance, at_share)


def _influence(layer: Layer, x: float, by_norm: Jet) -> tuple[float, float, FloatArray]:
    """Return the slope of x̂ in Ā, n times its bias, and ι."""
    s = layer.units.s
    first, second = by_norm.first / 2, by_norm.second / 4 - by_norm.first / 2
    slope = first - x / 2
    drift = 0.5 * (second - first + 0.75 * x) * layer.units.spread
    return slope, drift, np.array([slope * (s**2 - 1), -s])


def _plug_in(layer: Layer, x: float, by_norm: Jet, found: list[Jet]) -> PlugIn:
    """Return the plug-in description of (S̄, Q̄) with the parameter x̂."""
    s, t = layer.units.s, layer.units.t
    moments = layer.passed(x, layer.threshold(x))
    psi = layer.parts(x)
    slope, drift, iota = _influence(layer, x, by_norm)
    slopes = (np.array([t * s]), np.array([2 * x * s**2, 2 * s]))
    means = _means(found)

    def mean(one: FloatArray, other: FloatArray) -> float:
        return layer.integral(product(one, other), moments)

    covariance = np.array([[mean(a, b) for b in psi] for a in psi])
    overlap = np.array([[mean(a, iota)] for a in psi])
    if not layer.gate.masked:  # there ι = -slope
        inactive, squares = layer.units.inactive()
        covariance, overlap = covariance + squares, overlap - slope * inactive[:, np.newaxis]
    return PlugIn(
        gradient=np.array([[jet.first] for jet in found[:2]]),
        curvature=np.array([[[jet.second]] for jet in found[:2]]),
        feedback=np.array([[mean(part, iota)] for part in slopes]),
        drift=np.array([drift]),
        influence=np.array([[slope**2 * layer.units.spread + 1]]),
        overlap=overlap,
        covariance=covariance - np.outer(means, means),
    )


def _rank(layer: Layer, x: float, by_norm: Jet, found: list[Jet]) -> Rank:
    """Return the units at the edge."""
    tau = layer.threshold(x)
    _, _, iota = _influence(layer, x, by_norm)
    one = np.ones((1, layer.units.t.size))
    density = layer.edge(one, x, tau, -1)
    slope = layer.edge(one, x, tau, 1) / density

    def moved(function: FloatArray) -> float:
        """Return what the motion of the edge with x at a fixed share adds to an integral."""
        return layer.edge(function, x, tau, 1) - slope * layer.edge(function, x, tau, -1)

    by_log = jets(
        lambda logs: np.array([layer.by_share(x, exp(point)) for point in logs]).T, np.log(tau)
    )
    return Rank(
        layer.share,
        by_share=found[3:],
        bends=np.array([-jet.first / tau / density for jet in by_log]),
        feedback=np.array([moved(product(a, iota)) for a in layer.parts(x)]),
        drift=-moved(iota),
        shared=-layer.integral(iota, layer.passed(x, tau)),
    )


def _means(found: list[Jet]) -> FloatArray:
    """Return S and Q."""
    return np.array([jet.value for jet in found[:2]])
