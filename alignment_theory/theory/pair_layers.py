r"""The law of one neuron in a layer that two relevances cross.

With t, t' the normalised pre-activations in both networks, ``h = β_1 t₊ + β_2 t'₊ + ξ`` and
``h' = β'_1 t₊ + β'_2 t'₊ + ξ'``, ``ξ' = η ξ + √(1-η²) ζ``. Since ``g ∝ U (UᵀU)⁻¹ (p, p₂) + P_⊥ ξ``
with U the directions of both activations, and ``p = t·c/‖c‖``, ``p₂ = t'·c/‖c‖`` one layer up,

    (β_1, β_2) = Â⁻¹ ((Â_11^½ p, Â_22^½ p₂)/√n - B̂),

Â the means of ``t₊², t₊ t'₊, t'₊²`` and B̂ those of ``t₊ ξ, t'₊ ξ``. Where both networks share the
layer's input and so t = t', this reads ``β = (x - B̄/√Ā)/√Ā`` with x = p/√n. In the limit
``β_1 = √2 x`` and ``β_2 = 0``: a relevance knows of the other network's activations only through
its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory.pair_fluctuations import Neurons
from alignment_theory.theory.pair_moments import Powers, conditional_moments, legendre

Exponents = tuple[int, int, int, int]
"""Powers of t, t', c and c'."""

SHARED: tuple[Exponents, ...] = (
    (1, 0, 1, 0),
    (0, 1, 0, 1),
    (0, 0, 2, 0),
    (0, 0, 0, 2),
    (0, 0, 1, 1),
)
"""``S = E[t c], S' = E[t' c'], Q = E[c²], Q' = E[c'²], X = E[c c']``."""

CROSSING: tuple[Exponents, ...] = (*SHARED, (0, 1, 1, 0), (1, 0, 0, 1))
"""The same, ``E[t' c]`` and ``E[t c']``."""

_RADII, _ANGLES, _END = 48, 24, 11.0


@dataclass(frozen=True, eq=False)
class Region:
    """Quadrature nodes and weights where t and t' keep their signs."""

    t: Array
    t2: Array
    weights: Array

    def holds(self, exponents: Exponents) -> bool:
        """Whether both masks that the powers of c and c' need are open here."""
        first, second = self.t[0] > 0, self.t2[0] > 0
        return bool((first or not exponents[2]) and (second or not exponents[3]))


@cache
def shared_region() -> tuple[Region, ...]:
    """Return the half line t = t' > 0."""
    nodes, weights = legendre(_RADII)
    t = _END * nodes
    return (Region(t, t, weights * _END * np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)),)


@cache
def crossing_regions(correlation: float) -> tuple[Region, ...]:
    """Return where t and t' are both positive, only t, only t'.

    In polar coordinates ``t = R cos s, t' = R cos(s - arccos r)`` of correlation r.
    """
    angle = float(np.arccos(correlation))
    nodes, radial = legendre(_RADII)
    radius = _END * nodes
    radial = radial * _END * radius * np.exp(-(radius**2) / 2)
    nodes, angular = legendre(_ANGLES)
    regions = []
    half = np.pi / 2
    for low, high in ((angle - half, half), (-half, angle - half), (half, half + angle)):
        s = low + (high - low) * nodes
        weights = np.outer(radial, angular * (high - low) / (2 * np.pi)).ravel()
        t, t2 = np.outer(radius, np.cos(s)).ravel(), np.outer(radius, np.cos(s - angle)).ravel()
        regions.append(Region(t, t2, weights))
    return tuple(regions)


def _moments(
    rule: str, region: Region, powers: tuple[Powers, ...], points: Array
) -> tuple[Array, Array, Array, dict[Powers, Array]]:
    """Return the means of h and h', η and the moments on a region; points (m, 5) are β's and η."""
    first, second = np.maximum(region.t, 0), np.maximum(region.t2, 0)
    means = points[:, :1] * first + points[:, 1:2] * second
    means2 = points[:, 2:3] * first + points[:, 3:4] * second
    eta = points[:, 4:5]
    correlation = np.broadcast_to(eta, means.shape)
    return means, means2, eta, conditional_moments(rule, powers, means, means2, correlation)


def _raised(exponents: Sequence[Exponents]) -> tuple[Powers, ...]:
    """Return the powers of c and c' that ψ, ψ ξ and ψ ξ' take."""
    found = set()
    for _, _, i, j in exponents:
        found |= {(i, j), (i + 1, j) if i else (0, j + 1), (i, j + 1) if j else (i + 1, 0)}
    return tuple(sorted(found))


def expectations(
    rule: str, regions: Sequence[Region], exponents: Sequence[Exponents], points: Array
) -> Array:
    """Return ``E ψ`` and ``E[ψ U]``, U = ``t₊², t'₊², t₊ t'₊, t₊ ξ, t'₊ ξ, t₊ ζ, t'₊ ζ``.

    Where ψ holds c, ``c ξ = c h - μ c``; where it does not, ξ enters as its regression η ξ'.
    `points` has shape (m, 5), the result (m, 8, len(exponents)).
    """
    total = np.zeros((len(points), 8, len(exponents)))
    for region in regions:
        means, means2, eta, moment = _moments(rule, region, _raised(exponents), points)
        first, second = np.maximum(region.t, 0), np.maximum(region.t2, 0)
        rest = np.sqrt(np.where(eta < 1, 1 - eta**2, 1))
        for column, (m, m2, i, j) in enumerate(exponents):
            if not region.holds((m, m2, i, j)):
                continue
            weights = region.weights * region.t**m * region.t2**m2
            base = moment[i, j]
            # In the order of these lines: a noise that ψ does not hold is regressed on the other.
            xi = moment[i + 1, j] - means * base if i else eta * (moment[0, j + 1] - means2 * base)
            xi2 = moment[i, j + 1] - means2 * base if j else eta * xi
            zeta = (xi2 - eta * xi) / rest
            shapes = [(base, 1.0), (base, first**2), (base, second**2), (base, first * second)]
            shapes += [(noise, side) for noise in (xi, zeta) for side in (first, second)]
            for row, (values, factor) in enumerate(shapes):
                total[:, row, column] += values @ (weights * factor)
    return total


def products(
    rule: str, regions: Sequence[Region], exponents: Sequence[Exponents], point: Array
) -> Array:
    """Return ``E[ψ ψ']`` at a point (5,)."""
    pairs = [tuple(np.add(e, f).tolist()) for e in exponents for f in exponents]
    powers = tuple(sorted({(i, j) for _, _, i, j in pairs}))
    total = np.zeros(len(pairs))
    for region in regions:
        *_, moment = _moments(rule, region, powers, point[np.newaxis])
        for index, (m, m2, i, j) in enumerate(pairs):
            if region.holds((m, m2, i, j)):
                values = moment[i, j][0] * region.t**m * region.t2**m2
                total[index] += values @ region.weights
    return total.reshape(len(exponents), len(exponents))


def unit_moments(regions: Sequence[Region]) -> tuple[Array, Array]:
    """Return mean and covariance of ``t₊², t'₊², t₊ t'₊, t₊ ξ, t'₊ ξ, t₊ ζ, t'₊ ζ``."""
    mean, square = np.zeros(3), np.zeros((3, 3))
    for region in regions:
        first, second = np.maximum(region.t, 0), np.maximum(region.t2, 0)
        values = np.stack([first**2, second**2, first * second])
        mean += values @ region.weights
        square += (values * region.weights) @ values.T
    covariance = np.zeros((7, 7))
    covariance[:3, :3] = square - np.outer(mean, mean)
    covariance[3:5, 3:5] = covariance[5:, 5:] = [[mean[0], mean[2]], [mean[2], mean[1]]]
    return np.concatenate([mean, np.zeros(4)]), covariance


@dataclass(frozen=True, eq=False)
class Dependence:
    """A state above that depends on the cosine r of both activations: first and second slope."""

    cosine: float
    slope: Array
    curve: Array

    def __call__(self, state: Array, cosine: Array) -> Array:
        """Return states (m, s) at cosines (m,) from those at the cosine of the expansion."""
        shift = (cosine - self.cosine)[:, np.newaxis]
        return state + shift * self.slope + shift**2 / 2 * self.curve


def _shared_parameters(values: Array) -> Array:
    """Return β, β' and η from means of ``t₊², t₊ ξ, t₊ ζ`` and the state x, x', η."""
    square, xi, zeta, x, x2, eta = values.T
    root = np.sqrt(square)
    xi2 = eta * xi + np.sqrt(1 - eta**2) * zeta
    return np.stack([(x - xi / root) / root, (x2 - xi2 / root) / root, eta], axis=1)


def _shared_expectations(rule: str, points: Array) -> Array:
    beta, beta2, eta = points.T
    zero = np.zeros_like(beta)
    full = np.stack([beta, zero, beta2, zero, eta], axis=1)
    values = expectations(rule, shared_region(), SHARED, full)
    return values[:, [0, 1, 4, 6]].reshape(len(points), -1)


def _shared_products(rule: str, point: Array) -> Array:
    full = np.array([point[0], 0, point[1], 0, point[2]])
    return products(rule, shared_region(), SHARED, full)


def shared_neurons(rule: str) -> Neurons:
    """Return the neurons of a layer whose pre-activations are the same in both networks.

    The state above is x, x', η, with ``x = τ/√n``.
    """
    units, covariance = unit_moments(shared_region())
    kept = [0, 3, 5]
    return Neurons(
        units[kept],
        covariance[np.ix_(kept, kept)],
        _shared_parameters,
        partial(_shared_expectations, rule),
        partial(_shared_products, rule),
    )


def regressed(squares: Array, noise: Array, state: Array) -> Array:
    """Return (β_1, β_2) from means of squares (m, 3), of noises (m, 2) and a state (m, 2)."""
    a, b, c = squares.T
    first = np.sqrt(a) * state[:, 0] - noise[:, 0]
    second = np.sqrt(b) * state[:, 1] - noise[:, 1]
    determinant = a * b - c**2
    return np.stack([b * first - c * second, a * second - c * first], axis=1) / determinant[:, None]


def _crossing_parameters(dependence: Dependence, values: Array) -> Array:
    """Return the β's and η from the seven means and the state ``x, x_2, x'_1, x'_2, η``."""
    squares, xi, zeta, state = np.split(values, [3, 5, 7], axis=1)
    state = dependence(state, squares[:, 2] / np.sqrt(squares[:, 0] * squares[:, 1]))
    eta = state[:, 4:]
    xi2 = eta * xi + np.sqrt(1 - eta**2) * zeta
    first = regressed(squares, xi, state[:, :2])
    return np.concatenate([first, regressed(squares, xi2, state[:, 2:4]), eta], axis=1)


def _crossing_expectations(rule: str, correlation: float, points: Array) -> Array:
    values = expectations(rule, crossing_regions(correlation), CROSSING, points)
    return values.reshape(len(points), -1)


def _crossing_products(rule: str, correlation: float, point: Array) -> Array:
    return products(rule, crossing_regions(correlation), CROSSING, point)


def crossing_neurons(rule: str, correlation: float, above: Dependence) -> Neurons:
    """Return the neurons of a layer whose pre-activations have the given correlation.

    The state above is ``x, x_2, x'_1, x'_2, η``: the parts of g along both activations, those of
    g', and the correlation of the rest.
    """
    units, covariance = unit_moments(crossing_regions(correlation))
    return Neurons(
        units,
        covariance,
        partial(_crossing_parameters, above),
        partial(_crossing_expectations, rule, correlation),
        partial(_crossing_products, rule, correlation),
    )


def _doubled(points: Array) -> Array:
    return np.concatenate([points, points, np.ones((len(points), 1))], axis=1)


def _identical_parameters(values: Array) -> Array:
    squares, xi, state = np.split(values, [3, 5], axis=1)
    return regressed(squares, xi, state)


def _identical_expectations(rule: str, correlation: float, points: Array) -> Array:
    values = expectations(rule, crossing_regions(correlation), CROSSING, _doubled(points))
    return values[:, :6].reshape(len(points), -1)


def _identical_products(rule: str, correlation: float, point: Array) -> Array:
    full = _doubled(point[np.newaxis])[0]
    return products(rule, crossing_regions(correlation), CROSSING, full)


def identical_neurons(rule: str, correlation: float) -> Neurons:
    """Return the neurons of such a layer where one and the same relevance reaches both networks.

    The state above is ``x, x_2``.
    """
    units, covariance = unit_moments(crossing_regions(correlation))
    return Neurons(
        units[:5],
        covariance[:5, :5],
        _identical_parameters,
        partial(_identical_expectations, rule, correlation),
        partial(_identical_products, rule, correlation),
    )
