"""What theory says of cosine similarity convergence: the law of pairs of random starts.

A backward pass whose gates do not depend on the relevance is linear: what arrives at a location is
``M v``. For starts v ~ N(0, I) it is N(0, M Mᵀ), so that the law of the cosine of two of them is
that of ``Σ σ_i² t_i t_i' / √(Σ σ_i² t_i² Σ σ_i² t_i'²)`` with independent normal t, t': it depends
on the singular values σ of M only, and on nothing else of the network.

Where M has nearly rank one, ``1 - |cos| ≈ ½ Σ_{i>1} (σ_i/σ_1)² (t_i/t_1 - t_i'/t_1')²``, and since
``1/t_1² + 1/t_1'²`` has the law of ``4/t²`` (Lévy laws are stable), this has the law of
``2 Σ_{i>1} (σ_i/σ_1)² t_i²/t²``. With one singular value beside the first it is
``2 (σ_2/σ_1)²`` times a squared Cauchy variable, whose median is 1.
"""

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, as_array
from alignment_theory.ensembles.base import checked_generator, checked_size


def gaussian_cosine_quantile(channels: int, share: float = 0.5) -> float:
    """Return a quantile (by default the median) of |cos| of two independent N(0, I) vectors.

    ``cos² ~ Beta(1/2, (channels - 1)/2)``: what CSC is where nothing converges. 1 for one channel.

    Raises
    ------
    ValueError
        For channels that are no positive integer, and a share outside [0, 1].
    """
    from scipy import special

    count = checked_size(channels, "channels")
    if not 0 <= share <= 1:
        raise ValueError(f"share: expected a probability, got {share}")
    if count == 1:
        return 1.0
    return float(np.sqrt(special.betaincinv(0.5, (count - 1) / 2, share)))


def convergence_law(singular_values: ArrayLike, size: int, *, rng: np.random.Generator) -> Array:
    """Draw ``1 - |cos|`` of pairs of random starts under linear maps with these singular values.

    The law is exact at every size; small values keep their digits, as in `convergence`.

    Parameters
    ----------
    singular_values : array (..., k)
        Of one or several maps, in any order.
    size : int
        Pairs a map.

    Returns
    -------
    array (size, ...)
        NaN for maps that are 0.

    Raises
    ------
    ValueError
        For singular values that are none, negative or not finite, a size that is no positive
        integer, and an `rng` that is no numpy.random.Generator.
    """
    ratios = _ratios(singular_values)
    shape = (checked_size(size, "size"), *ratios.shape)
    first, second = (
        _unit(ratios * checked_generator(rng).standard_normal(shape)) for _ in range(2)
    )
    sign = np.where((first * second).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    gap = first - sign * second
    return np.minimum((gap * gap).sum(axis=-1) / 2, 1)


def rank_one_median(singular_values: ArrayLike) -> Array:
    """Return ``2 (σ_2/σ_1)²`` (...), the median of ``1 - |cos|`` under a map of nearly rank one.

    To leading order in ``σ_2/σ_1``, where the third singular value is negligible; else it is a
    lower bound to leading order. 0 for maps of rank one, NaN for 0.

    Raises
    ------
    ValueError
        For singular values that are none, negative or not finite.
    """
    ratios = _ratios(singular_values)
    second = ratios[..., 1] if ratios.shape[-1] > 1 else 0 * ratios[..., 0]
    return np.asarray(2 * second**2)


def rank_one_rest(singular_values: ArrayLike) -> Array:
    """Return ``Σ_{i>1} (σ_i/σ_1)²`` (...), what a map has beside its part of rank one; NaN for 0.

    Raises
    ------
    ValueError
        For singular values that are none, negative or not finite.
    """
    return np.asarray((_ratios(singular_values)[..., 1:] ** 2).sum(axis=-1))


def greatest_rest(distance: ArrayLike) -> Array:
    """Return ``sinh²(D/2)``, which `rank_one_rest` of a non-negative map does not exceed.

    No two of the map's columns (those that are 0 left out) are further apart than D in Hilbert's
    metric; for a product of positive matrices Birkhoff's theorem gives ``D = Δ_top ∏ tanh(Δ/4)``
    (`bounds.contracted`). All columns then lie within an angle φ of one of them, ``cos φ >=
    1/cosh(D/2)`` (Pólya-Szegő), so the best map of rank one misses no more than ``‖M‖² sin²φ`` and
    ``σ_1² >= ‖M‖² cos²φ``. Infinite for an infinite distance.

    Raises
    ------
    ValueError
        For distances that are negative or NaN.
    """
    distances = np.asarray(distance, dtype=float)
    if not (distances >= 0).all():
        wrong = distances[~(distances >= 0)].flat[0]
        raise ValueError(f"distance: expected Hilbert distances >= 0, infinite or not, got {wrong}")
    with np.errstate(over="ignore"):
        return np.asarray(np.sinh(distances / 2) ** 2)


def _ratios(singular_values: ArrayLike) -> Array:
    """Return ``σ_i/σ_1``, largest first; NaN for maps that are 0."""
    values = as_array(singular_values, "singular_values").astype(np.float64)
    if values.ndim < 1 or values.shape[-1] == 0 or (values < 0).any():
        raise ValueError(
            "singular_values: expected numbers >= 0 along the last axis, got shape "
            f"{values.shape}" + (f" with {values.min()}" if values.size else "")
        )
    ordered = -np.sort(-values, axis=-1)
    first = ordered[..., :1]
    return np.where(first > 0, ordered / np.where(first > 0, first, 1), np.nan)


def _unit(vectors: Array) -> Array:
    found: Array = vectors / np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return found
