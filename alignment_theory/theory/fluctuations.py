r"""The second-order delta method: means with estimated parameters, and smooth functions of them.

Two tools. :class:`PlugIn` gives bias and covariance of ``M̂ = (1/n) Σ_i ψ(X_i; p̂)``, p̂ estimated
from the same i.i.d. X_i, from its influence functions ι. :class:`Spread` carries a number with
small random fluctuations through smooth functions, and keeps the magnitude of what it adds up.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NODES = np.cos((np.arange(9) + 0.5) * np.pi / 9)


@dataclass(frozen=True)
class Jet:
    """Value and first three derivatives of a function of one variable at a point."""

    value: float
    first: float
    second: float
    third: float

    def rescaled(self, scale: float) -> "Jet":
        """Return the jet of ``u -> f(scale u)``."""
        return Jet(self.value, self.first * scale, self.second * scale**2, self.third * scale**3)


def jets(
    function: Callable[[FloatArray], FloatArray], point: float, radius: float = 0.1
) -> list[Jet]:
    """Return the jets at `point` of a smooth function from points (m,) to values (k, m) or (m,).

    Derivatives of the polynomial through 9 Chebyshev nodes within `radius` of the point. For a
    function that is analytic and varies on a scale of 1 they are exact to some 1e-9.
    """
    from numpy.polynomial import chebyshev

    values = np.atleast_2d(function(point + radius * _NODES))
    found = []
    for series in np.asarray(chebyshev.chebfit(_NODES, values.T, 8)).T:
        derivatives = [
            float(chebyshev.chebval(0.0, chebyshev.chebder(series, k))) / radius**k
            for k in range(4)
        ]
        found.append(Jet(*derivatives))
    return found


@dataclass(frozen=True)
class PlugIn:
    r"""What bias and covariance of k plug-in means with j estimated parameters follow from.

    With ``Ψ(p) = E ψ(X; p)`` and ``p̂ = p + (1/n) Σ ι(X_i) + ...``, E ι = 0:

    ``E M̂ = Ψ + (1/n) (feedback 1 + Ψ' drift + ½ Ψ'' : Cov ι) + O(1/n²)`` and
    ``Cov M̂ = (1/n) Cov(ψ + Ψ' ι) + O(1/n²)``.

    Attributes
    ----------
    gradient, curvature : arrays (k, j), (k, j, j)
        First and second derivatives of Ψ.
    feedback : array (k, j)
        ``∂/∂p'_j E[ψ(X; p') ι_j(X)]``: X_i moves p̂, and p̂ moves ``ψ(X_i; ·)``. 0 for a parameter
        that is estimated without X_i.
    drift : array (j,)
        n times the bias of p̂.
    influence, overlap, covariance : arrays (j, j), (k, j), (k, k)
        Cov ι, Cov(ψ, ι) and Cov ψ.
    """

    gradient: FloatArray
    curvature: FloatArray
    feedback: FloatArray
    drift: FloatArray
    influence: FloatArray
    overlap: FloatArray
    covariance: FloatArray

    def bias(self) -> FloatArray:
        """Return n times the bias of M̂, shape (k,)."""
        curved = 0.5 * (self.curvature * self.influence).sum(axis=(1, 2))
        return np.asarray(self.feedback.sum(axis=1) + self.gradient @ self.drift + curved)

    def total_covariance(self) -> FloatArray:
        """Return n times Cov M̂, shape (k, k)."""
        cross = self.gradient @ self.overlap.T
        through = self.gradient @ self.influence @ self.gradient.T
        return np.asarray(self.covariance + cross + cross.T + through)


def smooth_terms(
    gradient: FloatArray, hessian: FloatArray, bias: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, float]:
    """Return the contributions to the bias of a smooth function of means, and its variance.

    `gradient` (k,) and `hessian` (k, k) are taken at the expected means; `bias` (k,) and
    `covariance` (k, k) are those of the means. The contributions, shape (k + k²,), add up to the
    bias to the order of the covariance.
    """
    curved = 0.5 * (hessian * covariance).ravel()
    return np.concatenate([gradient * bias, curved]), float(gradient @ covariance @ gradient)


@dataclass(frozen=True)
class Spread:
    """A random number near `centre`: shift of its mean, variance and third central moment.

    `bound` is the sum of the magnitudes of all that went into `shift`.
    """

    centre: float
    shift: float = 0.0
    variance: float = 0.0
    third: float = 0.0
    bound: float = 0.0

    def mean_terms(self, jet: Jet) -> tuple[float, float]:
        """Return ``E f(X) - f(centre)`` and the sum of the magnitudes of its contributions."""
        curved = 0.5 * jet.second * self.variance
        skewed = jet.third * self.third / 6
        total = jet.first * self.shift + curved + skewed
        return total, abs(jet.first) * self.bound + abs(curved) + abs(skewed)

    def through(self, jet: Jet, noise_terms: FloatArray, noise_variance: float) -> "Spread":
        """Return the spread of ``f(X) + noise``, where the law of the noise may depend on X.

        `noise_terms` add up to its mean; they and `noise_variance` are taken at the centre. With
        shift, variance and noise of order 1/n and third moments of order n^{-3/2} at most, as for
        means of n, what is left out is of order 1/n².
        """
        shift, bound = self.mean_terms(jet)
        slope = jet.first
        return Spread(
            jet.value,
            shift + float(noise_terms.sum()),
            slope**2 * self.variance + slope * jet.second * self.third + noise_variance,
            slope**3 * self.third,
            bound + float(np.abs(noise_terms).sum()),
        )

    def rescaled(self, scale: float) -> "Spread":
        """Return the spread of ``scale X``."""
        return Spread(
            scale * self.centre,
            scale * self.shift,
            scale**2 * self.variance,
            scale**3 * self.third,
            abs(scale) * self.bound,
        )

    def moved(self, amount: float) -> "Spread":
        """Return the spread of ``X + amount`` about the same centre, `amount` of order 1/n."""
        return Spread(
            self.centre,
            self.shift + amount,
            self.variance,
            self.third,
            self.bound + abs(amount),
        )
