r"""One layer of Gaussian rows N(0, Σ): the attribution aligns with Σ x.

With ``v = Σ x / √(xᵀΣx)`` a row is ``w = t v + ξ``, t ~ N(0, 1) its normalised pre-activation and
``ξ ~ N(0, M)`` independent of it, ``M = Σ - v vᵀ``. So given the coefficients c

    R = (t·c) v + ‖c‖ η,    η ~ N(0, M),

exactly, at every size. In directions: ``cos²(R, Σx) = (1 + P)² / (1 + 2 P + X)`` and
``cos²(R, x) = cos²(Σx, x) / (1 + 2 P + X)`` with ``P = ‖c‖ η·v̂ / (t·c ‖v‖)`` and
``X = ‖c‖² ‖η‖² / (t·c ‖v‖)²``, since η has no component along x. Where the noise is spread out,
``‖M‖_F`` small beside ``tr M``, X concentrates on ``κ (D - 1)/n`` with the effective dimension
``D = tr Σ · xᵀΣx / xᵀΣ²x``; where few directions hold it, X stays random as n grows.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product
from math import comb, sqrt

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory.expansions import Exponents, MeansOf, Series, monomials
from alignment_theory.theory.moments import LAWS, CoefficientLaw
from alignment_theory.theory.theorem import Prediction

ROUNDING = 1e-14
"""Share of tr Σ below which what is left of M is the rounding of M = 0."""

LARGEST = 1e60
"""Greatest ratio of noise to signal whose powers float64 holds."""


@cache
def _raw(law: CoefficientLaw, i: int, k: int) -> float:
    return float(law.moment(i, k)) if k else 1.0


@dataclass(frozen=True)
class OfOneNeuron:
    """Central moments ``E[(t c/S - 1)^i (c²/Q - 1)^j]`` of one neuron."""

    law: CoefficientLaw

    def __call__(self, exponents: Exponents) -> float:
        """Return the moment of exponents (i, j)."""
        i, j = exponents
        mean_s, mean_q = _raw(self.law, 1, 1), _raw(self.law, 0, 2)
        total = 0.0
        for p, q in product(range(i + 1), range(j + 1)):
            raw = _raw(self.law, p, p + 2 * q) / mean_s**p / mean_q**q
            total += (-1) ** (i - p + j - q) * comb(i, p) * comb(j, q) * raw
        return total


@dataclass(frozen=True)
class Noise:
    """Mixed moments of ``ε = ‖η‖²/tr M - 1`` and of p, which is η·v̂ scaled.

    Attributes
    ----------
    trace : float
        tr M.
    spread, third : float
        ``E ε²`` and ``E ε³``.
    variance : float
        ``E p²``.
    joint : float
        ``Cov((η·v̂)²/E (η·v̂)², ε)``.
    """

    trace: float
    spread: float
    third: float
    variance: float
    joint: float

    @classmethod
    def of(cls, variances: Array, v: Array, scale: float) -> "Noise":
        """Return the moments for ``M = Σ - v vᵀ`` and ``p² = scale (η·v̂)²``."""
        square = float(v @ v)
        powers = [float((variances**k).sum()) for k in range(4)]
        seen = [float(v @ (variances**k * v)) for k in range(4)]
        trace = powers[1] - square
        along = max(0.0, seen[1] / square - square)
        if trace <= ROUNDING * powers[1]:
            return cls(0.0, 0.0, 0.0, 0.0, 0.0)
        second = powers[2] - 2 * seen[1] + square**2
        third = powers[3] - 3 * seen[2] + 3 * square * seen[1] - square**3
        moved = variances * v - square * v
        joint = 2 * float(moved @ moved) / square / trace / along if along > 0 else 0.0
        return cls(
            trace,
            2 * min(1.0, max(0.0, second / trace**2)),
            8 * min(1.0, max(0.0, third / trace**3)),
            scale * along,
            min(2.0, joint),
        )

    def __call__(self, exponents: Exponents) -> float:
        """Return ``E[ε^k p^m]`` to leading order; 0 for odd m, since η and -η have one law."""
        known = {
            (0, 0): 1.0,
            (2, 0): self.spread,
            (3, 0): self.third,
            (4, 0): 3 * self.spread**2,
            (0, 2): self.variance,
            (1, 2): self.variance * self.joint,
            (2, 2): self.variance * self.spread,
            (0, 4): 3 * self.variance**2,
        }
        return known.get((exponents[0], exponents[1]), 0.0)

    def at_most(self, exponents: Exponents) -> float:
        """Return a bound of the moment, which exceeds the leading order at degree 4.

        The cumulants that are left out are ``48 tr M⁴/tr⁴ M <= 6 E ε³ ‖M‖_F/tr M``, and of ε, ε,
        p, p at most ``4 joint E p² ‖M‖_F/tr M``.
        """
        narrow = sqrt(self.spread / 2)
        more = {
            (4, 0): 6 * self.third * narrow,
            (2, 2): 4 * self.joint * narrow * self.variance,
        }
        return self(exponents) + more.get((exponents[0], exponents[1]), 0.0)


def direction(variances: Array, x: Array) -> Array:
    """Return ``v = Σx/√(xᵀΣx)``, which does not depend on the length of x."""
    weighted = np.where(variances > 0, x, 0.0)
    for factor in (1.0, np.sqrt(variances)):
        weighted = weighted * factor
        peak = np.abs(weighted).max()
        if not peak:
            raise FloatingPointError("xᵀΣx is 0 by underflow")
        weighted = weighted / peak
    return np.asarray(np.sqrt(variances) * (weighted / np.linalg.norm(weighted)))


def mean_attribution(coefficients: str, n: int, variances: Array, x: Array) -> Array:
    """Return ``E R``: ``n Σx / √(2π xᵀΣx)`` for c = 1 on active, ``n Σx / 2`` for c = a."""
    if coefficients == "cascade":
        with np.errstate(over="ignore"):
            return np.asarray(n * (variances * x) / 2)
    return np.asarray(n * direction(variances, x) / np.sqrt(2 * np.pi))


def effective_dimension(variances: Array, x: Array) -> float:
    """Return ``D = tr Σ · xᵀΣx / xᵀΣ²x``; d where all variances are equal."""
    variances = variances / variances.max()
    v = direction(variances, x)
    return float(variances.sum()) / float(v @ v)


def predict_cosine(
    coefficients: str, n: int, variances: Array, x: Array, toward: str
) -> Prediction:
    """Return E cos²(R, Σx) or E cos²(R, x) to first order beyond the limit, within [0, 1].

    The remainder is twice the 1/n² term, the later orders as of a geometric series, ``s_2 q/(1 -
    q)`` with ``q = s_2/s_1`` for the sizes s_1 and s_2 of the first two (see `_orders`, magnitudes,
    since the 1/n² term itself may cancel), and the probability that all c are 0. Where the noise
    sits on few directions q is large, and no remainder below what any mean obeys is claimed: from
    the value to the farther of 0 and 1.
    """
    law = LAWS[coefficients]
    variances = variances / variances.max()
    v = direction(variances, x)
    square = float(v @ v)
    x = x / np.abs(x).max()
    scale = 1.0 if toward == "Σx" else float((v @ x) ** 2 / square / (x @ x))
    ratio = float(law.kappa) / n / square if square else np.inf
    noise = Noise.of(variances, v, ratio) if ratio < LARGEST else None
    if noise is None or not ratio * noise.trace < LARGEST:
        raise OverflowError(f"the noise is more than {LARGEST:g} times the signal")
    series = _cosine_series(ratio * noise.trace, toward)
    limit, first, second, *sizes = _orders(series, MeansOf(n, OfOneNeuron(law)), noise)
    value = min(1.0, max(0.0, scale * (limit + first)))
    dead = float(1 - law.live) ** n
    growth = sizes[1] / sizes[0] if sizes[0] else 0.0
    left_out = np.inf
    if growth < 1:
        later = sizes[1] * growth / (1 - growth)
        left_out = scale * (2 * abs(second) + later) + dead + ROUNDING
    terms = {"limit": limit, "1/n term": first, "1/n² term": second}
    terms = {name: scale * term for name, term in terms.items()} | {"P(all c = 0)": dead}
    return Prediction(value, min(left_out, max(value, 1 - value)), terms)


def _orders(series: Series, means: MeansOf, noise: Noise) -> tuple[float, ...]:
    """Return the limit, the terms of first and second order, and the sizes of both.

    Terms with one power of ε and p are added up as they are: they hold moments of one neuron, whose
    cancellations depend on no Σ. The sizes are sums of the magnitudes of these sums, in the second
    order with bounds of the moments of the noise.
    """
    orders = [0.0, 0.0]
    sizes: dict[tuple[int, Exponents], float] = {}
    for exponents, coefficient in zip(monomials(4), series.coefficients, strict=True):
        degree, of_noise = sum(exponents), exponents[2:]
        if degree < 2:
            continue
        order = int(degree > 2)
        alone = float(coefficient) * means(exponents[:2])
        orders[order] += alone * noise(of_noise)
        sizes[order, of_noise] = sizes.get((order, of_noise), 0.0) + alone * noise.at_most(of_noise)
    first, second = (
        sum(abs(size) for (of, _), size in sizes.items() if of == order) for order in (0, 1)
    )
    return float(series.coefficients[0]), *orders, first, second


def _cosine_series(ratio: float, toward: str) -> Series:
    """Return the series of the squared cosine in (α, β, ε, p), without the factor cos²(Σx, x)."""
    alpha, beta, epsilon = (Series.linear(1.0, [float(i == k) for i in range(4)]) for k in range(3))
    p = Series.linear(0.0, [0.0, 0.0, 0.0, 1.0])
    one = Series.linear(1.0, [0.0] * 4)
    along = p * beta.power(0.5) * alpha.power(-1)
    across = beta * epsilon * alpha.power(-2) * ratio
    bottom = one + along * 2.0 + across
    top = one if toward == "x" else (one + along) * (one + along)
    return top * bottom.power(-1)
