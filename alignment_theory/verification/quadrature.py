"""Integrals over one pre-activation by adaptive quadrature, with errors carried along."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[float], float]

BIAS = 0.5
"""Bias of the pre-activations of `biased`, in units of their standard deviation."""

_ROOT3 = float(np.sqrt(3))
_EDGES = (-_ROOT3, -1.0, 0.0, _ROOT3)
"""Where densities and coefficients may jump: no piece of an integral crosses them."""


@dataclass(frozen=True)
class Moment:
    """A number with a bound on its error, which sums, products and quotients carry along."""

    value: float
    error: float = 0.0

    def __add__(self, other: "Moment") -> "Moment":
        """Return the sum."""
        return Moment(self.value + other.value, self.error + other.error)

    def __mul__(self, other: "Moment") -> "Moment":
        """Return the product."""
        error = abs(self.value) * other.error + abs(other.value) * self.error
        return Moment(self.value * other.value, error + self.error * other.error)

    def __truediv__(self, other: "Moment") -> "Moment":
        """Return the quotient; its error is infinite where the divisor may be 0."""
        least = abs(other.value) - other.error
        if least <= 0:
            return Moment(self.value / other.value if other.value else np.inf, np.inf)
        value = self.value / other.value
        return Moment(value, (self.error + abs(value) * other.error) / least)


@dataclass(frozen=True)
class Power:
    """``|t|^power``, with the sign of t where `signed`."""

    power: float
    signed: bool = False

    def __call__(self, t: float) -> float:
        """Return the value."""
        size = abs(t) ** self.power
        return -size if self.signed and t < 0 else size


@dataclass(frozen=True)
class Product:
    """A product of functions, a density among them."""

    factors: tuple[Function, ...]

    def __call__(self, t: float) -> float:
        """Return the value."""
        value = 1.0
        for factor in self.factors:
            value *= factor(t)
        return value


def normal(t: float) -> float:
    """Return the standard normal density."""
    return float(np.exp(-t * t / 2) / np.sqrt(2 * np.pi))


def uniform(t: float) -> float:
    """Return the density on ``[-√3, √3]``, of mean 0 and variance 1."""
    return 1 / (2 * _ROOT3) if abs(t) <= _ROOT3 else 0.0


def biased(t: float) -> float:
    """Return the normal density about `BIAS`."""
    return normal(t - BIAS)


def exponential(t: float) -> float:
    """Return the density of an exponential number less 1, of mean 0 and variance 1."""
    return float(np.exp(-t - 1)) if t >= -1 else 0.0


def integral(density: Function, *factors: Function, low: float = 0.0) -> Moment:
    """Return ``∫_low^∞ density ∏ factors``.

    The error is what the quadrature estimates (it errs on the large side for smooth pieces), plus
    its rounding: a sum of some hundred terms of one size.
    """
    from scipy.integrate import quad

    function = Product((density, *factors))
    edges = [low, *(edge for edge in _EDGES if edge > low), np.inf]
    total = Moment(0.0)
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        value, error = quad(
            function, start, end, epsabs=1e-15, epsrel=1e-12, limit=200, full_output=1
        )[:2]
        total = total + Moment(float(value), float(error) + 1e-13 * abs(float(value)))
    return total


def kappa(square: Moment, overlap: Moment) -> Moment:
    """Return ``κ = E[c²]/E[t c]²``."""
    return square / (overlap * overlap)
