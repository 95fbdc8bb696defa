r"""One layer of random filters: mean and covariance of what overlapping patches add up.

Filters w have k×k i.i.d. N(0, 1) entries and meet every patch x_p of an image (stride 1, no
padding). One filter gives ``r = Σ_p c(w·x_p) w`` laid on patch p, and F filters ``R = Σ_f r_f``.
For unit vectors u, v at an angle θ, with b and e the unit vectors along u + v and u - v,

    E[w wᵀ 1(w·u > 0) 1(w·v > 0)] = (π - θ)/(2π) I + sin θ/(2π) (b bᵀ - e eᵀ),
    E[w wᵀ (w·u)₊ (w·v)₊] = [J I + (J + G) b bᵀ + (J - G) e eᵀ]/(2π),

``J = sin θ + (π - θ) cos θ``, ``G = π - θ + sin θ cos θ``: the arc-cosine moments of degrees 0 and
1 with the two directions that they weigh. All second moments of r are sums of these over pairs of
patches, exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from alignment_theory.arrays import Array
from alignment_theory.theory.contrast import contrast_normalised

_TINY = 1e-300


def blob(size: int) -> Array:
    """Return the test image (size, size): a Gaussian blob of standard deviation size/6."""
    line = np.exp(-18 * ((np.arange(size) - (size - 1) / 2) / size) ** 2)
    return np.outer(line, line)


def _patches(image: Array, k: int) -> Array:
    """Return all k×k patches, (size - k + 1, size - k + 1, k, k)."""
    return np.asarray(sliding_window_view(image, (k, k)))


def _lay(values: Array, size: int) -> Array:
    """Add up values (m, m, k, k) on patches into an image (size, size)."""
    image = np.zeros((size, size))
    m, k = values.shape[0], values.shape[2]
    for a, b in product(range(k), repeat=2):
        image[a : a + m, b : b + m] += values[:, :, a, b]
    return image


def mean_image(image: Array, k: int, coefficients: str) -> Array:
    """Return E r of one filter: ``x_i Σ_{p∋i} 1/(√(2π) ‖x_p‖)``, or ``x_i/2`` times the overlaps.

    The first for c = 1 on active ("active"), the second for c = a ("cascade"). Overlaps are k²
    inside and fewer near the border. A patch that is all 0 adds nothing.
    """
    if coefficients == "cascade":
        return _lay(_patches(image, k) / 2, len(image))
    return contrast_normalised(image[np.newaxis], k, padding=0)[0] / np.sqrt(2 * np.pi)


def _weights(square: Array, coefficients: str) -> tuple[Array, Array, Array]:
    """Return the factors of I, b bᵀ and e eᵀ for unit patches with ``‖u - v‖² = square``."""
    theta = 2 * np.arctan2(np.sqrt(square), np.sqrt(np.maximum(4 - square, 0)))
    sine = np.sin(theta)
    if coefficients == "active":
        return (np.pi - theta) / (2 * np.pi), sine / (2 * np.pi), -sine / (2 * np.pi)
    first = (sine + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    second = (np.pi - theta + sine * np.cos(theta)) / (2 * np.pi)
    return first, first + second, first - second


def _unit(vectors: Array, axes: tuple[int, ...]) -> Array:
    norms = np.sqrt((vectors**2).sum(axis=axes, keepdims=True))
    return np.asarray(vectors / np.maximum(norms, _TINY))


def _shifts(k: int, m: int) -> Iterator[tuple[int, int]]:
    reach = range(-min(k, m) + 1, min(k, m))
    yield from product(reach, repeat=2)


def _window(shift: int, length: int) -> tuple[slice, slice]:
    """Return where p and p + shift both lie in range(length), as slices of p and of p + shift."""
    return slice(max(0, -shift), min(length, length - shift)), slice(
        max(0, shift), min(length, length + shift)
    )


def second_moment_image(image: Array, k: int, coefficients: str) -> Array:
    """Return ``E r_i²`` for every pixel i: the sum over all pairs of patches that hold i."""
    size, m = len(image), len(image) - k + 1
    patches = _patches(image, k)
    units = _unit(patches, (2, 3))
    norms = np.sqrt((patches**2).sum(axis=(2, 3), keepdims=True))
    total = np.zeros((size, size))
    for shift in _shifts(k, m):
        (p_0, q_0), (p_1, q_1) = (_window(s, m) for s in shift)
        # Pixel i is offset a in patch p and a - shift in patch p + shift.
        (b_0, a_0), (b_1, a_1) = (_window(s, k) for s in shift)
        u, v = units[p_0, p_1], units[q_0, q_1]
        square = ((u - v) ** 2).sum(axis=(2, 3), keepdims=True)
        same, along, against = _weights(square, coefficients)
        middle, gap = _unit(u + v, (2, 3)), _unit(u - v, (2, 3))
        added = along * middle[:, :, a_0, a_1] * middle[:, :, b_0, b_1]
        added = added + against * gap[:, :, a_0, a_1] * gap[:, :, b_0, b_1]
        if shift == (0, 0):
            added = added + same
        if coefficients == "cascade":
            added = added * norms[p_0, p_1] * norms[q_0, q_1]
        added = added * ((norms[p_0, p_1] > 0) & (norms[q_0, q_1] > 0))
        values = np.zeros((m, m, k, k))
        values[p_0, p_1, a_0, a_1] = added
        total += _lay(values, size)
    return total


def second_moment_along(image: Array, k: int, coefficients: str, direction: Array) -> float:
    """Return ``E⟨r, u⟩²`` for an image u: the sum over all pairs of patches."""
    patches = _patches(image, k).reshape(-1, k * k)
    seen = _patches(direction, k).reshape(-1, k * k)
    norms = np.sqrt((patches**2).sum(axis=1))
    units = patches / np.maximum(norms, _TINY)[:, np.newaxis]
    own = (units * seen).sum(axis=1)
    total = 0.0
    for p in np.flatnonzero(norms):
        u = units[p]
        square = ((units - u) ** 2).sum(axis=1)
        same, along, against = _weights(square, coefficients)
        cross, back = units @ seen[p], seen @ u
        middle = (own[p] + cross) * (back + own) / np.maximum(4 - square, _TINY)
        gap = (own[p] - cross) * (back - own) / np.maximum(square, _TINY)
        pair = same * (seen @ seen[p]) + along * middle + against * gap
        scale = norms[p] * norms if coefficients == "cascade" else norms > 0
        total += float((scale * pair).sum())
    return total


@dataclass(frozen=True, eq=False)
class FilterMoments:
    """What one filter of unit variance adds: its mean image and its second moments.

    Attributes
    ----------
    mean, second : arrays (size, size)
        E r_i and E r_i².
    along : float
        ``Var⟨r, E r⟩/‖E r‖⁴``.
    noise : float
        ``C = (tr Cov r - Var⟨r, E r⟩/‖E r‖²)/‖E r‖²``, so that ``1 - cos²(R, E R) ≈ C/F``.
    """

    mean: Array
    second: Array
    along: float
    noise: float


@cache
def filter_moments(size: int, k: int, coefficients: str) -> FilterMoments:
    """Return the moments of one filter on the test image."""
    image = blob(size)
    mean = mean_image(image, k, coefficients)
    second = second_moment_image(image, k, coefficients)
    square = float((mean**2).sum())
    along = second_moment_along(image, k, coefficients, mean) / square**2 - 1
    return FilterMoments(mean, second, along, float(second.sum()) / square - 1 - along)


@dataclass(frozen=True)
class SecondOrder:
    """Moments of one filter that the next order of 1 - cos² takes.

    y is the part of r along E r and ρ the part across, in units of ‖E r‖; C = E‖ρ‖².

    Attributes
    ----------
    skew : float
        ``E[(y - 1) ‖ρ‖²]/C``.
    spread : float
        ``tr (Cov ρ)²/C²``.
    tilt : float
        ``‖Cov(y, ρ)‖²/C``.
    scatter : float
        ``Var ‖ρ‖²/C²``.
    """

    skew: float
    spread: float
    tilt: float
    scatter: float


@cache
def second_order(size: int, k: int, coefficients: str, points: int = 1024) -> SecondOrder:
    """Return the second-order moments to a few percent (k >= 2; for k = 1 no r has a part across).

    They weigh little, and so are computed by a quasi-Monte Carlo rule: Sobol directions of w, radii
    exactly (r is homogeneous in w, of degree 1 or 2). The skew and the scatter are ratios of means
    by the rule, whose errors cancel in part.
    """
    from scipy.special import gamma, ndtri
    from scipy.stats.qmc import Sobol

    found = filter_moments(size, k, coefficients)
    filters = ndtri(Sobol(k * k, scramble=False).random(2 * points)[1 : points + 1])
    filters = np.concatenate([filters, -filters])
    filters = filters[(filters**2).sum(axis=1) > 0]
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    rows = np.array([_one_filter(blob(size), w.reshape(k, k), coefficients) for w in filters])
    rows /= np.linalg.norm(found.mean)
    along = rows @ (found.mean.ravel() / np.linalg.norm(found.mean))
    across = rows - np.outer(along, found.mean.ravel() / np.linalg.norm(found.mean))
    square = (across**2).sum(axis=1)
    degree = 2 if coefficients == "cascade" else 1
    first, second, third, fourth = (
        2 ** (power / 2) * gamma((k * k + power) / 2) / gamma(k * k / 2)
        for power in (degree, 2 * degree, 3 * degree, 4 * degree)
    )
    apart = first * along.mean() * second * square.mean()
    tilt = second * (along[:, np.newaxis] * across).mean(axis=0)
    gram = across @ across.T
    np.fill_diagonal(gram, 0)
    spread = (gram**2).sum() / (len(rows) * (len(rows) - 1)) / square.mean() ** 2
    return SecondOrder(
        float(third * (along * square).mean() / apart - 1),
        float(spread),
        float(tilt @ tilt / found.noise),
        float(fourth * (square**2).mean() / (second * square.mean()) ** 2 - 1),
    )


def _one_filter(image: Array, w: Array, coefficients: str) -> Array:
    z = (_patches(image, len(w)) * w).sum(axis=(2, 3), keepdims=True)
    c = np.maximum(z, 0) if coefficients == "cascade" else z > 0
    return _lay(c * w, len(image)).ravel()
