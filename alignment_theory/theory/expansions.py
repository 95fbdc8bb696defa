"""Expectations of smooth functions of small random numbers, to second order in 1/n.

The numbers have mean 0 and size ``n^{-1/2}``. A :class:`Series` is a Taylor series in them, cut
after degree 4; its mean is the constant, a 1/n term (degree 2) and a 1/n² term (degrees 3 and 4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Exponents = tuple[int, ...]
Moments = Callable[[Exponents], float]

DEGREE = 4


@cache
def monomials(variables: int) -> tuple[Exponents, ...]:
    """Return the exponents of all monomials of degree at most 4, the constant first."""
    powers = product(range(DEGREE + 1), repeat=variables)
    return tuple(sorted((e for e in powers if sum(e) <= DEGREE), key=lambda e: (sum(e), e)))


@cache
def _products(variables: int) -> tuple[NDArray[np.int64], ...]:
    """Return index triples (i, j, k) with monomial i times monomial j equal to monomial k."""
    listed = monomials(variables)
    place = {exponents: index for index, exponents in enumerate(listed)}
    triples = []
    for i, first in enumerate(listed):
        for j, second in enumerate(listed):
            if sum(first) + sum(second) <= DEGREE:
                k = place[tuple(a + b for a, b in zip(first, second, strict=True))]
                triples.append((i, j, k))
    return tuple(np.array(triples).T)


@dataclass(frozen=True, eq=False)
class Series:
    """A power series in `variables` numbers, cut after degree 4.

    Attributes
    ----------
    coefficients : array
        One for each of ``monomials(variables)``.
    """

    variables: int
    coefficients: FloatArray

    @classmethod
    def linear(cls, constant: float, slopes: Sequence[float]) -> "Series":
        """Return ``constant + Σ slopes_i x_i``."""
        listed = monomials(len(slopes))
        coefficients = np.zeros(len(listed))
        coefficients[0] = constant
        for place, slope in enumerate(slopes):
            alone = tuple(int(k == place) for k in range(len(slopes)))
            coefficients[listed.index(alone)] = slope
        return cls(len(slopes), coefficients)

    def __add__(self, other: "Series") -> "Series":
        """Return the sum."""
        return Series(self.variables, self.coefficients + other.coefficients)

    def __mul__(self, other: "Series | float") -> "Series":
        """Return the product with a series or a number."""
        if not isinstance(other, Series):
            return Series(self.variables, self.coefficients * other)
        i, j, k = _products(self.variables)
        terms = self.coefficients[i] * other.coefficients[j]
        total = np.bincount(k, terms, len(self.coefficients)).astype(np.float64)
        return Series(self.variables, total)

    def power(self, exponent: float) -> "Series":
        """Return a real power of a series with positive constant (binomial series)."""
        constant = self.coefficients[0]
        small = self * (1 / constant)
        small.coefficients[0] = 0.0
        term = Series.linear(1.0, [0.0] * self.variables)
        total, factor = term, 1.0
        for k in range(DEGREE):
            term, factor = term * small, factor * (exponent - k) / (k + 1)
            total = total + term * factor
        return total * float(constant**exponent)

    def mean(self, moments: Moments) -> tuple[float, float, float, float]:
        """Return the constant, the 1/n and the 1/n² term of the mean, and a size of the last.

        The size is the sum of the magnitudes of what the 1/n² term adds up, which may cancel.
        `moments` gives ``E Π x_i^{e_i}`` for exponents of degree 2 to 4, those of degree 3 and 4 to
        leading order.
        """
        first = second = size = 0.0
        listed = monomials(self.variables)
        for exponents, coefficient in zip(listed, self.coefficients, strict=True):
            degree = sum(exponents)
            if degree < 2 or not coefficient:
                continue
            term = float(coefficient) * moments(exponents)
            if degree == 2:
                first += term
            else:
                second, size = second + term, size + abs(term)
        return float(self.coefficients[0]), first, second, size


@dataclass(frozen=True)
class MeansOf:
    """Leading mixed moments of means of n i.i.d. centred vectors, by those of one vector."""

    n: int
    one: Moments

    def __call__(self, exponents: Exponents) -> float:
        """Return ``E Π x_i^{e_i}``: exact up to degree 3, Gaussian (pairings) at degree 4."""
        labels = [i for i, power in enumerate(exponents) for _ in range(power)]
        if len(labels) < 2:
            return float(not labels)
        if len(labels) < 4:
            return self.one(exponents) / self.n ** (len(labels) - 1)
        total = 0.0
        for other in (1, 2, 3):
            rest = [labels[k] for k in (1, 2, 3) if k != other]
            for_pair = self._pair(labels[0], labels[other], len(exponents))
            total += for_pair * self._pair(rest[0], rest[1], len(exponents))
        return total / self.n**2

    def _pair(self, first: int, second: int, size: int) -> float:
        exponents = [0] * size
        exponents[first] += 1
        exponents[second] += 1
        return self.one(tuple(exponents))


@dataclass(frozen=True)
class Independent:
    """Mixed moments of independent groups of numbers, each of a given size."""

    groups: tuple[tuple[int, Moments], ...]

    def __call__(self, exponents: Exponents) -> float:
        """Return the product of the groups' moments."""
        factors, start = [], 0
        for size, moments in self.groups:
            part = exponents[start : start + size]
            factors.append(moments(part) if sum(part) != 1 else 0.0)
            start += size
        return prod(factors)


@dataclass(frozen=True)
class OneNumber:
    """Central moments of a single number: variance, third, and (leading) three variances²."""

    variance: float
    third: float = 0.0

    def __call__(self, exponents: Exponents) -> float:
        """Return the moment of the given order."""
        return (1.0, 0.0, self.variance, self.third, 3 * self.variance**2)[exponents[0]]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Mixed moments about `mean` of a law on finitely many points (points, variables)."""

    points: FloatArray
    weights: FloatArray
    mean: FloatArray

    def __call__(self, exponents: Exponents) -> float:
        """Return ``E Π (x_i - mean_i)^{e_i}``."""
        total = self.weights
        for place, power in enumerate(exponents):
            for _ in range(power):
                total = total * (self.points[:, place] - self.mean[place])
        return float(total.sum())
