"""Tests of exact laws, and the arithmetic of many tests: PIT, Kolmogorov-Smirnov, DKW, Holm.

A check is worth what it could have refuted, so the tests of laws carry their resolution: the
smallest error of the distribution function that they refute with a stated probability.
"""

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import as_array
from alignment_theory.verification.betting import FloatArray, betting_p_value, checked_level


@dataclass(frozen=True)
class Uniformity:
    """Outcome of :func:`uniformity`.

    Attributes
    ----------
    size : int
        Number of values.
    statistic : float
        Kolmogorov-Smirnov distance ``sup_u |F_n(u) - u|``.
    ks_p_value : float
        Its exact p-value.
    mean_p_value : float
        Two-sided betting p-value of ``E u = 1/2``.
    spread_p_value : float
        Two-sided betting p-value of ``E (u - 1/2)^2 = 1/12``.
    p_value : float
        The three combined by Bonferroni: three times the least, at most 1.
    alpha : float
        Level for which `resolution` is stated.
    resolution : float
        A law whose distribution function is off by this much somewhere gives ``p_value <= alpha``
        with probability at least ``1 - alpha``.
    """

    size: int
    statistic: float
    ks_p_value: float
    mean_p_value: float
    spread_p_value: float
    p_value: float
    alpha: float
    resolution: float


@dataclass(frozen=True)
class TwoSampleKS:
    """Outcome of :func:`two_sample_ks`.

    Attributes
    ----------
    sizes : tuple of int
        Number of values in both samples.
    statistic : float
        ``sup_x |F_a(x) - F_b(x)|`` of the empirical distribution functions.
    p_value : float
        Exact up to 10 000 values a sample, asymptotic above; conservative for laws with atoms.
    alpha : float
        Level for which `resolution` is stated.
    resolution : float
        Laws this far apart somewhere give ``p_value <= alpha`` with probability ``1 - alpha``.
    """

    sizes: tuple[int, int]
    statistic: float
    p_value: float
    alpha: float
    resolution: float


def uniformity(u: ArrayLike, *, alpha: float) -> Uniformity:
    """Test that values are independent and uniform on [0, 1], as exact laws make their PIT.

    Under the law F, ``u = F(x)`` is uniform (probability integral transform). Three tests share
    the error: Kolmogorov-Smirnov sees any error of the distribution function, betting on u and on
    ``(u - 1/2)^2`` sees smaller errors of location and of scale. The p-value holds at a sample
    size fixed beforehand. Resolution: the DKW half-widths at alpha/3 (critical value) and alpha.

    Parameters
    ----------
    u : array_like, shape (n,)
        Values in [0, 1], in the order of the draws.
    alpha : float
        Level at which the resolution is stated.

    Raises
    ------
    ValueError
        For an empty or non-1-D `u`, a value outside [0, 1] or not finite, or alpha outside (0, 1).
    """
    from scipy import stats

    values = _sample(u, "u")
    mean = betting_p_value(values, 1 / 2, low=0.0, high=1.0)
    spread = betting_p_value((values - 0.5) ** 2, 1 / 12, low=0.0, high=0.25)
    ks = stats.ks_1samp(values, stats.uniform.cdf, method="exact")
    ks_p_value = float(ks.pvalue)
    tests = (ks_p_value, mean, spread)
    critical = dkw_halfwidth(values.size, alpha / len(tests))
    return Uniformity(
        size=values.size,
        statistic=float(ks.statistic),
        ks_p_value=ks_p_value,
        mean_p_value=mean,
        spread_p_value=spread,
        p_value=min(1.0, len(tests) * min(tests)),
        alpha=alpha,
        resolution=min(1.0, critical + dkw_halfwidth(values.size, alpha)),
    )


def two_sample_ks(a: ArrayLike, b: ArrayLike, *, alpha: float) -> TwoSampleKS:
    """Test that two independent samples come from one law, reached by two independent routes.

    Resolution: twice the sum of both DKW half-widths at alpha/2, once for the critical value and
    once for the fluctuation. `a` has shape (m,), `b` shape (n,).

    Raises
    ------
    ValueError
        For empty, non-1-D or non-finite samples, or an alpha outside (0, 1).
    """
    from scipy import stats

    first, second = _sample(a, "a"), _sample(b, "b")
    half = checked_level(alpha) / 2
    test = stats.ks_2samp(first, second)
    radius = dkw_halfwidth(first.size, half) + dkw_halfwidth(second.size, half)
    return TwoSampleKS(
        sizes=(first.size, second.size),
        statistic=float(test.statistic),
        p_value=float(test.pvalue),
        alpha=alpha,
        resolution=min(1.0, 2 * radius),
    )


def dkw_halfwidth(n: int, alpha: float) -> float:
    """Return the half-width of the band that holds a distribution function of n draws.

    ``sqrt(log(2 / alpha) / (2 n))``: the empirical distribution function is further from the true
    one, somewhere, with probability at most alpha (Dvoretzky, Kiefer and Wolfowitz 1956; Massart
    1990). ValueError for n < 1 or an alpha outside (0, 1).
    """
    if n < 1:
        raise ValueError(f"n: expected at least one draw, got {n}")
    return sqrt(log(2 / checked_level(alpha)) / (2 * n))


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p-values adjusted for the number of tests, in the order given.

    The k-th smallest of m is multiplied by ``m - k + 1``, made monotone and cut at 1 (Holm 1979).
    Rejecting what is at most alpha errs on any true hypothesis at all with probability at most
    alpha, whatever the dependence. Shape (m,) to shape (m,); m = 0 is allowed.

    Raises
    ------
    ValueError
        For p-values outside [0, 1], not finite, or not in a 1-D array.
    """
    values: FloatArray = as_array(p_values, "p_values", np.float64)
    if values.ndim != 1:
        raise ValueError(f"p_values: expected shape (m,), got {values.shape}")
    outside = (values < 0) | (values > 1)
    if outside.any():
        index = int(np.argmax(outside))
        raise ValueError(f"p_values: expected [0, 1], got {values[index]} at index {index}")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def clopper_pearson(
    successes: int, trials: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the exact two-sided interval of a binomial probability (Clopper and Pearson 1934).

    Raises
    ------
    ValueError
        For ``trials < 1``, successes outside [0, trials], or a confidence outside (0, 1).
    """
    from scipy import stats

    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"clopper_pearson: expected 0 <= successes <= trials and trials >= 1, got {successes} "
            f"of {trials}"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a probability in (0, 1), got {confidence}")
    interval: Any = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def _sample(values: ArrayLike, name: str) -> FloatArray:
    sample: FloatArray = as_array(values, name, np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"{name}: expected shape (n,) with n >= 1, got {sample.shape}")
    return sample
