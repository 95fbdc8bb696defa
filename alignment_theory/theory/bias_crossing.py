r"""What crossing a layer with biases backward does to the alignment, to first order in 1/width.

As module `depth_crossing`, which is the case b = 0, with one thing more: x depends on the layer
itself. For the biases of the layers above are ``b/(σ‖a‖)``, and ‖a‖ varies with
``Ā = mean(s²)``, of mean 1, as ``log ‖a‖ = ... + ½ log Ā``. With ``B̄ = mean(s ξ)`` and x = G(Ā) the
coefficient of s in h is ``x̂ = G(Ā)/√Ā - B̄/Ā``, whose influence function is
``ι = (G' - x/2) (s² - 1) - s ξ`` and whose bias ``(G'' - G' + ¾x) Var(s²)/(2n)``.
"""

from math import exp, sqrt

import numpy as np

from alignment_theory.theory.depth_bias import Layer, Units, product
from alignment_theory.theory.depth_crossing import Crossing
from alignment_theory.theory.depth_quadrature import GATES
from alignment_theory.theory.fluctuations import FloatArray, Jet, PlugIn, jets, smooth_terms

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
    if layer.gate.ranked:
        description = _with_rank(layer, x, by_norm, found, description)
    square, mixed = found[1].value, -0.5 * found[1].value ** -1.5
    gradient = np.array([square**-0.5, found[0].value * mixed])
    hessian = np.array([[0.0, mixed], [mixed, 0.75 * found[0].value * square**-2.5]])
    covariance = description.total_covariance()
    terms, variance = smooth_terms(gradient, hessian, description.bias(), covariance)
    noise = float(covariance[1, 1]) / square**2
    return Crossing(found[2], terms / count, variance / count, noise / count)


def rank_margin(layer: Layer, x: float, count: int, kept: int) -> float:
    """Return what a number of positive products on the other side of K can change y by.

    As in module `depth_crossing`: the mean of what is on the other side, over n, times
    ``|∂y/∂p|`` at the kept share or a standard deviation below the chance of a positive product.
    """
    from scipy.stats import binom

    chance = layer.share_above(x, 0.0)
    reach = 12 * sqrt(count * chance * (1 - chance)) + 12
    low, high = max(0, int(count * chance - reach)), min(count, int(count * chance + reach))
    counts = np.arange(low, high + 1)
    excess = (kept - counts) if layer.gate.ranked else (counts - kept)
    mean = float(binom.pmf(counts, count, chance) @ np.maximum(excess, 0)) / count
    below = chance - sqrt(chance * (1 - chance) / count)
    share = min(kept / count, below if below > 0 else chance / 2)
    ranked = Layer(layer.units, GATES["rectgrad"], share)
    tau = ranked.threshold(x)
    (overlap, square), (first, second) = ranked.means(x, tau), ranked.by_share(x, tau)
    return mean * abs(float(first / sqrt(square) - overlap * second / (2 * square**1.5)))


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
    means = np.array([jet.value for jet in found[:2]])

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


def _with_rank(layer: Layer, x: float, by_norm: Jet, found: list[Jet], plain: PlugIn) -> PlugIn:
    """Add p̂, the tail probability of the K-th largest product, as second parameter."""
    share, tau = layer.share, layer.threshold(x)
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
    curvature = np.empty((2, 2, 2))
    curvature[:, 0, 0] = plain.curvature[:, 0, 0]
    curvature[:, 0, 1] = curvature[:, 1, 0] = [jet.first for jet in found[3:]]
    curvature[:, 1, 1] = [-jet.first / tau / density for jet in by_log]
    means = np.array([jet.value for jet in found[:2]])
    shared = -layer.integral(iota, layer.passed(x, tau))
    feedback = plain.feedback[:, 0] + [moved(product(a, iota)) for a in layer.parts(x)]
    return PlugIn(
        gradient=np.column_stack([plain.gradient, [jet.value for jet in found[3:]]]),
        curvature=curvature,
        feedback=np.column_stack([feedback, np.zeros(2)]),
        drift=np.array([plain.drift[0], -moved(iota)]),
        influence=np.array([[plain.influence[0, 0], shared], [shared, share * (1 - share)]]),
        overlap=np.column_stack([plain.overlap, -means * (1 - share)]),
        covariance=plain.covariance,
    )
