r"""One layer of Gaussian rows N(0, Σ): the attribution aligns with Σ x.

With ``v = Σ x / √(xᵀΣx)`` a row is ``w = t v + ξ``, t ~ N(0, 1) its normalised pre-activation and
``ξ ~ N(0, M)`` independent of it, ``M = Σ - v vᵀ``. So given the coefficients c

    R = (t·c) v + ‖c‖ η,    η ~ N(0, M),

exactly, at every size. In directions: ``cos²(R, Σx) = (1 + P)² / (1 + 2 P + X)`` and
``cos²(R, x) = cos²(Σx, x) / (1 + 2 P + X)`` with ``P = ‖c‖ η·v̂ / (t·c ‖v‖)`` and
``X = ‖c‖² ‖η‖² / (t·c ‖v‖)²``, since η has no component along x. X concentrates on
``κ (D - 1)/n`` with the effective dimension ``D = tr Σ · xᵀΣx / xᵀΣ²x``.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product
from math import comb

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory.expansions import Exponents, Independent, MeansOf, Series
from alignment_theory.theory.moments import LAWS, CoefficientLaw
from alignment_theory.theory.theorem import Prediction


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
        second = powers[2] - 2 * seen[1] + square**2
        third = powers[3] - 3 * seen[2] + 3 * square * seen[1] - square**3
        along = max(0.0, seen[1] / square - square)
        moved = variances * v - square * v
        joint = 2 * float(moved @ moved) / square / trace / along if along > 0 else 0.0
        return cls(trace, 2 * second / trace**2, 8 * third / trace**3, scale * along, joint)

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


def mean_attribution(coefficients: str, n: int, variances: Array, x: Array) -> Array:
    """Return ``E R``: ``n Σx / √(2π xᵀΣx)`` for c = 1 on active, ``n Σx / 2`` for c = a."""
    image = variances * x
    if coefficients == "cascade":
        return np.asarray(n * image / 2)
    return np.asarray(n * image / np.sqrt(2 * np.pi * (x @ image)))


def effective_dimension(variances: Array, x: Array) -> float:
    """Return ``D = tr Σ · xᵀΣx / xᵀΣ²x``; d where all variances are equal."""
    image = variances * x
    return float(variances.sum() * (x @ image) / (image @ image))


def predict_cosine(
    coefficients: str, n: int, variances: Array, x: Array, toward: str
) -> Prediction:
    """Return E cos²(R, Σx) or E cos²(R, x) to first order beyond the limit.

    The remainder is twice the 1/n² term, and the probability that all c are 0.
    """
    law = LAWS[coefficients]
    image = variances * x
    v = image / np.sqrt(x @ image)
    square = float(v @ v)
    ratio = float(law.kappa) / (n * square)
    noise = Noise.of(variances, v, ratio)
    moments = Independent(((2, MeansOf(n, OfOneNeuron(law))), (2, noise)))
    series = _cosine_series(ratio * noise.trace, toward)
    scale = 1.0 if toward == "Σx" else float((v @ x) ** 2 / (square * (x @ x)))
    limit, first, second, _ = (scale * term for term in series.mean(moments))
    dead = float(1 - law.live) ** n
    terms = {"limit": limit, "1/n term": first, "1/n² term": second, "P(all c = 0)": dead}
    return Prediction(limit + first, 2 * abs(second) + dead, terms)


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
