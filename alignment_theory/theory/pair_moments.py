r"""Moments of two relevances that meet in one neuron, in SymPy.

Given its normalised pre-activation t, a neuron's relevances are ``h = μ + ξ`` and ``h' = μ' + ξ'``
with standard normal ξ, ξ' of correlation η. Moments of the bivariate normal over the quadrant
``h, h' > 0`` follow from its probability Φ₂ by parts (Stein's identity, with a boundary term where
a power has been used up; Rosenbaum 1961). Φ₂ is one smooth integral (Plackett 1954).
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.theory.moments import density, tail

mu, mu2, eta = sp.symbols("mu mu' eta", real=True)
quadrant = sp.Symbol("Phi2", positive=True)
"""``P(h > 0, h' > 0)``."""

Powers = tuple[int, int]
RULES = ("guided", "gradient")
_ANGLES = 48


@cache
def truncated(order: int, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """Return ``E[y^order 1(y > 0)]`` for y ~ N(mean, variance)."""
    deviation = sp.sqrt(variance)
    if order == 0:
        return tail(-mean / deviation)
    if order == 1:
        return mean * truncated(0, mean, variance) + deviation * density(mean / deviation)
    below = truncated(order - 2, mean, variance)
    return mean * truncated(order - 1, mean, variance) + (order - 1) * variance * below


@cache
def orthant_moment(i: int, j: int) -> sp.Expr:
    """Return ``E[h^i h'^j 1(h > 0, h' > 0)]``.

    ``E[h f] = μ E[f] + E[∂f/∂h] + η E[∂f/∂h']`` with f = h^(i-1) h'^j on the quadrant.
    """
    if i == j == 0:
        return quadrant
    if i == 0:
        swapped = {mu: mu2, mu2: mu}
        return orthant_moment(j, i).subs(swapped, simultaneous=True)
    total = mu * orthant_moment(i - 1, j)
    if i > 1:
        total += (i - 1) * orthant_moment(i - 2, j)
    else:
        total += density(mu) * truncated(j, mu2 - eta * mu, 1 - eta**2)
    if j > 0:
        return total + eta * j * orthant_moment(i - 1, j - 1)
    return total + eta * density(mu2) * truncated(i - 1, mu - eta * mu2, 1 - eta**2)


@cache
def whole_moment(i: int, j: int) -> sp.Expr:
    """Return ``E[h^i h'^j]``, without gates of sign."""
    if i == j == 0:
        return sp.Integer(1)
    if i == 0:
        return whole_moment(j, i).subs({mu: mu2, mu2: mu}, simultaneous=True)
    total = mu * whole_moment(i - 1, j)
    total += (i - 1) * whole_moment(i - 2, j) if i > 1 else 0
    return total + (eta * j * whole_moment(i - 1, j - 1) if j else 0)


def relevance_moment(rule: str, i: int, j: int) -> sp.Expr:
    """Return ``E[c^i c'^j | t]`` of an active neuron; a power 0 leaves that relevance free."""
    if rule == "gradient":
        return whole_moment(i, j)
    if i and j:
        return orthant_moment(i, j)
    return truncated(i, mu, sp.Integer(1)) if i else truncated(j, mu2, sp.Integer(1))


@cache
def _compiled(rule: str, powers: tuple[Powers, ...]) -> Callable[..., Sequence[Array]]:
    expressions = [relevance_moment(rule, i, j) for i, j in powers]
    return sp.lambdify((mu, mu2, eta, quadrant), expressions, "scipy", cse=True)


@cache
def legendre(count: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def quadrant_probability(first: Array, second: Array, correlation: Array) -> Array:
    """Return ``P(h > 0, h' > 0)`` for means `first`, `second`, by Plackett's integral.

    ``Φ(μ) Φ(μ') + ∫_0^arcsin(η) exp(-(μ² - 2 μ μ' sin s + μ'²)/(2 cos² s)) ds / (2π)``.
    """
    from scipy.special import ndtr

    nodes, weights = legendre(_ANGLES)
    first, second, correlation = np.broadcast_arrays(first, second, correlation)
    top = np.arcsin(correlation)[..., np.newaxis]
    angle = top * nodes
    h, k = first[..., np.newaxis], second[..., np.newaxis]
    square = (h - k) ** 2 + 2 * h * k * (1 - np.sin(angle))
    values = np.exp(-square / (2 * np.cos(angle) ** 2))
    integral = (values @ weights) * top[..., 0] / (2 * np.pi)
    return ndtr(first) * ndtr(second) + integral


def conditional_moments(
    rule: str, powers: tuple[Powers, ...], means: Array, means2: Array, correlation: Array
) -> dict[Powers, Array]:
    """Return ``E[c^i c'^j | t]`` of active neurons for each pair of powers, at every point.

    A correlation of 1 means one and the same relevance, ``h = h'``.

    Raises
    ------
    ValueError
        For a rule that is not one of RULES.
    """
    if rule not in RULES:
        raise ValueError(f"rule: expected one of {', '.join(RULES)}, got {rule!r}")
    if np.all(correlation == 1):
        sums = tuple(sorted({(i + j, 0) for i, j in powers}))
        single = conditional_moments(rule, sums, means, means, np.zeros_like(correlation))
        return {(i, j): single[i + j, 0] for i, j in powers}
    needed = rule == "guided" and any(i and j for i, j in powers)
    inside = quadrant_probability(means, means2, correlation) if needed else np.ones_like(means)
    values = _compiled(rule, powers)(means, means2, correlation, inside)
    return {power: np.broadcast_to(v, means.shape) for power, v in zip(powers, values, strict=True)}
