"""Moments and shapes of the activations that the law of z⁺ depends on, and means of ratios."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import factorial, isfinite, pi, prod, sqrt

Floats = Sequence[float]
Factors = Sequence[tuple[int, ...]]
Moment = Callable[[int], float]


@dataclass(frozen=True)
class Shape:
    """λ and A_1, ..., A_4 of activations, and what chance adds to the mean of ``A_2 - A_1²``."""

    lam: float
    means: tuple[float, ...]
    excess: float = 0.0


def half_moment(k: int) -> float:
    """Return ``E relu(t)^k`` of a standard normal t (1 for k = 0)."""
    return (1.0, 1 / sqrt(2 * pi), 0.5)[k] if k < 3 else (k - 1) * half_moment(k - 2)


def row_moment(k: int) -> float:
    """Return ``E (W⁺)^k`` for entries scaled to ``E W⁺ = 1``."""
    return half_moment(k) / half_moment(1) ** k


def uniform_moment(k: int) -> float:
    """Return ``E x^k`` of x uniform on [0, 1]."""
    return 1 / (k + 1)


def power_product(factors: Factors, exponents: Floats, laws: Sequence[Moment]) -> list[float]:
    """Return p, q, r of ``E Π_r (X̄_r / E X_r)^exponents_r = 1 + p/n + (q + r)/n²`` (delta method).

    X̄_r is the mean of n draws of ``X_r = Π_f Z_f^factors_r,f``, the Z_f independent with moments
    ``laws_f``; for a mean with weights w it is ``1 + p Σw² + q Σw³ + r (Σw²)²``.
    """

    def raw(chosen: Sequence[int]) -> float:
        return prod(law(sum(factors[r][f] for r in chosen)) for f, law in enumerate(laws))

    def central(chosen: Sequence[int]) -> float:
        parts = [part for size in range(5) for part in combinations(chosen, size)]
        sign = (-1) ** len(chosen)
        return sum(sign * (-1) ** len(q) * raw(q) / prod(raw([r]) for r in q) for q in parts)

    orders = [0.0, 0.0, 0.0]
    for size in (2, 3, 4):
        for chosen in product(range(len(factors)), repeat=size):
            slope = prod(exponents[r] - chosen[:k].count(r) for k, r in enumerate(chosen))
            pairs = (chosen,) if size < 4 else (chosen[:2], chosen[2:])
            weight = (3 if size == 4 else 1) / factorial(size)  # 3 ways to pair four
            orders[size - 2] += weight * slope * prod(central(pair) for pair in pairs)
    return orders


def shape_of(x: Floats) -> Shape:
    """Return the shape of a given non-negative vector, from its power sums."""
    if not (all(isfinite(value) and value >= 0 for value in x) and max(x) > 0):
        raise ValueError("z+: the input must be finite, >= 0 and not all 0; give such a vector")
    largest = float(max(x))
    sums = [sum((float(value) / largest) ** k for value in x) for k in range(7)]
    return Shape(sqrt(sums[2]) / sums[1], tuple(sums[k] / sums[2] ** (k / 2) for k in range(3, 7)))


def shape_of_law(power: Moment, d: int) -> Shape:
    """Return the shape of d i.i.d. activations with ``power(k) = E a^k``."""
    means = tuple(power(k + 2) / power(2) ** (k / 2 + 1) / d ** (k / 2) for k in range(1, 5))
    second = means[1] * power_product([(4,), (2,)], [1, -2], [power])[0]
    first = means[0] ** 2 * power_product([(3,), (2,)], [2, -3], [power])[0]
    return Shape(sqrt(power(2) / d) / power(1), means, (second - first) / d)
