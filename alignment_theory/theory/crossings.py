r"""From the plug-in description of a layer to what crossing it backward does to the alignment.

Modules `depth_crossing` and `bias_crossing` describe ``S̄ = mean(t c)`` and ``Q̄ = mean(c²)``, by
their own integrals; here are the ratio ``y = S̄/√Q̄`` and the units that RectGrad ranks.

RectGrad keeps K of n units. Given the other n - 1, a unit is kept iff its product is above their
K-th largest, T̂; so the tail probability p̂ of T̂ is a second estimated parameter, with mean K/n at
given first parameter θ̂ and influence function ``p - 1[t h > T]``. As θ̂ and T̂ come from the same
units, p̂ moves on by ``-(1/n) ∂/∂θ' E[1(t h > T) ι]`` at a fixed share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from alignment_theory.theory.fluctuations import FloatArray, Jet, PlugIn, smooth_terms

ArrayPair = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Crossing:
    """What crossing n units does to ``y = S̄/√Q̄``.

    Attributes
    ----------
    strength : Jet
        y of infinitely many units as a function of x; its square is C².
    bias_terms : array
        Contributions to the bias of y at this x.
    variance : float
        Its variance.
    noise : float
        ``Var(Q̄)/Q²``, the relative variance of what y is divided by.
    margin : float
        Where units are ranked: what the chance that fewer than K have a positive product, or more
        where the threshold is 0, can change y by.
    """

    strength: Jet
    bias_terms: FloatArray
    variance: float
    noise: float
    margin: float = 0.0


@dataclass(frozen=True)
class Rank:
    """The units at the edge of a ranked layer.

    Attributes
    ----------
    share : float
        K/n.
    by_share : sequence of two jets
        ∂S/∂p and ∂Q/∂p as functions of θ at a fixed share.
    bends : array (2,)
        ``∂²S/∂p²`` and ``∂²Q/∂p²``.
    feedback : array (2,)
        What the motion of the edge with θ adds to ``∂/∂θ' E[ψ(θ') ι]``.
    drift : float
        n times the bias of p̂.
    shared : float
        Cov of the influence functions of θ̂ and p̂.
    """

    share: float
    by_share: Sequence[Jet]
    bends: FloatArray
    feedback: FloatArray
    drift: float
    shared: float


def with_rank(plain: PlugIn, means: FloatArray, rank: Rank) -> PlugIn:
    """Return the description with p̂ as second parameter; `means` are S and Q."""
    share = rank.share
    curvature = np.empty((2, 2, 2))
    curvature[:, 0, 0] = plain.curvature[:, 0, 0]
    curvature[:, 0, 1] = curvature[:, 1, 0] = [jet.first for jet in rank.by_share]
    curvature[:, 1, 1] = rank.bends
    return PlugIn(
        gradient=np.column_stack([plain.gradient, [jet.value for jet in rank.by_share]]),
        curvature=curvature,
        feedback=np.column_stack([plain.feedback[:, 0] + rank.feedback, np.zeros(2)]),
        drift=np.array([plain.drift[0], rank.drift]),
        influence=np.array(
            [[plain.influence[0, 0], rank.shared], [rank.shared, share * (1 - share)]]
        ),
        overlap=np.column_stack([plain.overlap, -means * (1 - share)]),
        covariance=plain.covariance,
    )


def crossed(
    means: FloatArray, description: PlugIn, strength: Jet, count: int, margin: float = 0.0
) -> Crossing:
    """Return what crossing `count` units does to y; `means` are S and Q."""
    gradient, hessian = _ratio(*map(float, means))
    covariance = description.total_covariance()
    terms, variance = smooth_terms(gradient, hessian, description.bias(), covariance)
    noise = float(covariance[1, 1]) / float(means[1]) ** 2
    return Crossing(strength, terms / count, variance / count, noise / count, margin)


def rank_margin(
    count: int, kept: int, ranked: bool, chance: float, at_share: Callable[[float], ArrayPair]
) -> float:
    """Return what a number of positive products on the other side of K can change y by.

    With N positive products ~ Bin(n, P), the kept number is min(K, N), and y is taken at K where
    the layer is ranked and at N where it is not. The change is about the mean of ``(K - N)₊``
    resp. ``(N - K)₊``, over n, times ``|∂y/∂p|`` at the kept share or a standard deviation below
    P, whichever is less; the derivative falls to 0 towards P.

    Parameters
    ----------
    chance : float
        P.
    at_share : callable
        From a share to (S, Q) and (∂S/∂p, ∂Q/∂p) of units ranked there.
    """
    from scipy.stats import binom

    reach = 12 * sqrt(count * chance * (1 - chance)) + 12
    low, high = max(0, int(count * chance - reach)), min(count, int(count * chance + reach))
    counts = np.arange(low, high + 1)
    excess = (kept - counts) if ranked else (counts - kept)
    mean = float(binom.pmf(counts, count, chance) @ np.maximum(excess, 0)) / count
    below = chance - sqrt(chance * (1 - chance) / count)
    means, slopes = at_share(min(kept / count, below if below > 0 else chance / 2))
    gradient, _ = _ratio(*map(float, means))
    return mean * abs(float(gradient @ np.asarray(slopes)))


def _ratio(overlap: float, square: float) -> ArrayPair:
    """Return gradient and hessian of ``S/√Q``."""
    mixed, last = -0.5 * square**-1.5, 0.75 * overlap * square**-2.5
    return (
        np.array([square**-0.5, overlap * mixed]),
        np.array([[0.0, mixed], [mixed, last]]),
    )
