"""Tests by betting for the mean of a bounded quantity, exact and valid at every stopping time.

Who bets against a false mean grows rich; who bets against a true one does not, because the
capital is then a non-negative supermartingale that starts at 1. By Ville's inequality it ever
reaches ``1 / alpha`` with probability at most alpha, however often it is looked at.

The bettor divides the capital once over a fixed ladder of fractions and never moves it between
them (*diversified Kelly betting*; Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", JRSS B 86, 2024). The share of a fraction after t draws is what it has
earned, so the bet on draw t + 1 is the average of the fractions under their past earnings: it
adapts to the variance and depends on the past only. Fractions are of the largest admissible bet
``1 / m``: each factor ``1 + f (y / m - 1)`` falls in m, so the capital is monotone in the mean
betted against and the means that survive form an interval. Plug-in bets (aGRAPA) lack that.
"""

from math import ceil, exp, inf, isfinite, log
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment_theory.arrays import as_array
from alignment_theory.kernels.betting import LEAST_MEAN, greatest_log_capital, greatest_refuted

FloatArray = NDArray[np.float64]
Side = Literal["greater", "less"]
Alternative = Literal["greater", "less", "two-sided"]
Agreement = Literal["HOLDS", "FAILS", "INCONCLUSIVE"]

# Below 1, so that no draw can ruin the bettor; the smallest still resolves a mean from some
# 4**11 draws. Weights prefer the large fractions, which win where the variance is small.
_RUNGS = np.arange(12)
_FRACTIONS = 0.99 * 0.5**_RUNGS
_WEIGHTS = 1 / (1 + _RUNGS) / np.sum(1 / (1 + _RUNGS))
_LOG_WEIGHTS = -np.log1p(_RUNGS) - log(float(np.sum(1 / (1 + _RUNGS))))


def betting_log_capital(
    sample: ArrayLike, mean: ArrayLike, *, low: float, high: float, alternative: Side
) -> FloatArray:
    """Return the running log capital of the one-sided betting test of a bounded mean.

    With ``y = (x - low) / (high - low)`` and m the mean likewise scaled, the capital after t draws
    is ``K_t = sum_k w_k prod_{i<=t} (1 + f_k (y_i / m - 1))``; ``alternative="less"`` bets on
    ``high - x`` and ``high - mean`` instead. A hypothesis that the range excludes is refuted by the
    first draw (infinite capital), ``E x <= low`` or ``E x >= high`` by the first draw off that end.

    Parameters
    ----------
    sample : array_like, shape (..., n)
        Draws in their order, independent (or with a constant conditional mean), in [low, high].
    mean : array_like, shape broadcastable with (...)
        The hypothesis ``E x <= mean`` ("greater") or ``E x >= mean`` ("less").
    low, high : float
        Range of x, known beforehand, not taken from the sample.

    Returns
    -------
    ndarray of float64, shape (..., n), broadcast with that of `mean`
        ``log K_t`` after each draw; reject at level alpha once it reaches ``log(1 / alpha)``.

    Raises
    ------
    ValueError
        For an empty sample, a value outside [low, high] or not finite (naming value and index), a
        range without width, a mean that is not finite, or an unknown alternative.
    """
    return _log_capital(*_bets(sample, mean, low, high, alternative))


def betting_p_value(
    sample: ArrayLike,
    mean: float,
    *,
    low: float,
    high: float,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the anytime-valid p-value of the betting test for the mean of one sample.

    One-sided ``min(1, exp(-max_t log K_t))``; two-sided, twice the smaller of both sides. Valid at
    any stopping time: P(p <= alpha, ever) <= alpha under the hypothesis. `sample` has shape (n,);
    parameters and errors are otherwise those of :func:`betting_log_capital`.
    """
    values = _single(sample)
    if alternative == "two-sided":
        greater = betting_p_value(values, mean, low=low, high=high, alternative="greater")
        less = betting_p_value(values, mean, low=low, high=high, alternative="less")
        return min(1.0, 2 * min(greater, less))
    outcomes, scaled = _bets(values, mean, low, high, alternative)
    return exp(-max(0.0, _greatest_log_capital(outcomes, scaled.item())))


def confidence_limits(
    sample: ArrayLike, *, alpha: float, low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper ends of the time-uniform confidence sequences of many samples.

    The interval holds every mean that neither one-sided betting test has rejected at alpha/2, at
    this draw or an earlier one (running intersection), so it covers the true mean at all sample
    sizes at once with probability at least ``1 - alpha``. Ends are found on a grid and lie outward
    of the exact ones by ``2**-12 / n`` to ``2**-10 / n`` of the range, for rounding (enough up to
    ``2**25`` draws): far less than the interval is wide.
    Where the draws drift, no constant mean may survive: then ``lower > upper``.

    Parameters
    ----------
    sample : array_like, shape (..., n)
        Draws in their order, in [low, high].
    alpha : float
        Error probability in (0, 1), both sides together, of each interval by itself.
    low, high : float
        Range of a draw, known beforehand.

    Returns
    -------
    lower, upper : ndarray of float64, shape (...)
        Ends of the intervals, inside [low, high].

    Raises
    ------
    ValueError
        As :func:`betting_log_capital`, and for an alpha outside (0, 1).
    """
    outcomes = _outcomes(sample, low, high)
    threshold = log(2 / checked_level(alpha))
    lower = low + (high - low) * _least_kept(outcomes, threshold)
    upper = high - (high - low) * _least_kept(1 - outcomes, threshold)
    return lower, upper


def confidence_interval(
    sample: ArrayLike, *, alpha: float, low: float, high: float
) -> tuple[float, float]:
    """Return the interval of :func:`confidence_limits` for one sample of shape (n,), as floats."""
    lower, upper = confidence_limits(_single(sample), alpha=alpha, low=low, high=high)
    return float(lower), float(upper)


def equivalence(interval: tuple[float, float], centre: float, margin: float) -> Agreement:
    """Say whether an interval shows its mean to lie within `margin` of `centre`.

    HOLDS where the interval lies inside ``[centre - margin, centre + margin]``, FAILS where it
    lies entirely outside, else INCONCLUSIVE; so is an empty interval (lower > upper), which
    contradicts every constant mean. From an interval at level alpha, HOLDS is wrong with
    probability at most alpha/2 (two one-sided tests, Schuirmann 1987) and FAILS at most alpha.

    Raises
    ------
    ValueError
        For a negative margin or a number that is NaN.
    """
    lower, upper = interval
    if not margin >= 0 or any(value != value for value in (lower, upper, centre)):
        raise ValueError(
            "equivalence: expected numbers and a margin of at least 0, got interval "
            f"({lower}, {upper}), centre {centre}, margin {margin}"
        )
    if lower > upper:
        return "INCONCLUSIVE"
    if centre - margin <= lower and upper <= centre + margin:
        return "HOLDS"
    return "FAILS" if upper < centre - margin or centre + margin < lower else "INCONCLUSIVE"


def draws_needed(
    margin: float, deviation: float, *, mean: float, alpha: float, low: float, high: float
) -> int:
    """Estimate how many draws put the confidence interval inside ``mean +- margin``.

    A design aid, not a bound: it equates the threshold ``log(2 / alpha)`` with the expected log
    capital of the best fraction, to second order, on the slower side. About half of all samples
    need fewer draws; allow for half as many again. `deviation` is the standard deviation of one
    draw and `mean` its true mean, both in the units of `low` and `high`.

    Raises
    ------
    ValueError
        For a margin that is not positive, a negative deviation, a mean outside [low, high], an
        alpha outside (0, 1), or a margin so small that no fraction of the ladder gains.
    """
    span = _span(low, high)
    if not (0 < margin < inf and 0 <= deviation < inf and low <= mean <= high):
        raise ValueError(
            "draws_needed: expected margin > 0, deviation >= 0 and a mean in "
            f"[{low}, {high}], got {margin}, {deviation} and {mean}"
        )
    threshold = log(2 / checked_level(alpha))
    draws = max(
        _draws_to_reject((room - margin) / span, margin / span, deviation / span, threshold)
        for room in (mean - low, high - mean)
    )
    if not isfinite(draws):
        raise ValueError(f"draws_needed: margin {margin} is below what the bets can resolve")
    return ceil(draws)


def _draws_to_reject(mean: float, drift: float, deviation: float, threshold: float) -> float:
    """Estimate the draws that reject `mean` where the truth is ``mean + drift``, in [0, 1]."""
    if mean <= 0:
        return 1.0
    gain = _FRACTIONS * drift / mean
    spread = _FRACTIONS * deviation / mean
    rates = np.log1p(gain) - (spread / (1 + gain)) ** 2 / 2
    rising = rates > 0
    return float(min((threshold - _LOG_WEIGHTS[rising]) / rates[rising], default=inf))


def checked_level(alpha: float) -> float:
    """Return `alpha` if it is an error probability in (0, 1), and raise ValueError otherwise."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: expected an error probability in (0, 1), got {alpha}")
    return alpha


def _log_capital(outcomes: FloatArray, mean: FloatArray) -> FloatArray:
    """Return the log capital (..., n) of bets on outcomes in [0, 1] above a mean of shape (...)."""
    threshold = mean[..., None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = outcomes / threshold
    gain = np.where(threshold > 0, ratio, np.where(outcomes > threshold, inf, 1.0)) - 1
    total: FloatArray | None = None
    for fraction, log_weight in zip(_FRACTIONS, _LOG_WEIGHTS, strict=True):
        part = np.cumsum(np.log1p(fraction * gain), axis=-1) + log_weight
        total = part if total is None else _log_add(total, part)
    assert total is not None
    return total


def _log_add(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return ``log(exp(first) + exp(second))``, for values above -inf."""
    larger: FloatArray = np.maximum(first, second)
    with np.errstate(invalid="ignore"):
        gap = np.fmin(np.minimum(first, second) - larger, 0.0)  # inf - inf counts as equal
    total: FloatArray = larger + np.log1p(np.exp(gap))
    return total


def _greatest_log_capital(outcomes: FloatArray, mean: float) -> float:
    """Return ``_log_capital(outcomes, mean).max()`` of one sample, fast."""
    if mean >= LEAST_MEAN:
        return greatest_log_capital(outcomes, mean, _FRACTIONS, _WEIGHTS)[0]
    return float(_log_capital(outcomes, np.array(mean)).max())


def _least_kept(outcomes: FloatArray, threshold: float) -> FloatArray:
    """Return for each sample a mean just below every one whose capital stays under the threshold.

    One cell below the greatest refuted mean, for rounding. Stepping down by s multiplies a log
    capital by ``1 + s`` or more and, where the capital is at least 2 after t draws, adds
    ``s t f / 8`` or more, f the least fraction: ``2**-27 t / n`` here. Rounding moves it by some
    ``(2 t + 11) 2**-53`` and a relative ``2**-53``.
    """
    samples = outcomes.reshape(-1, outcomes.shape[-1])
    ends = np.empty(len(samples))
    for row, draws in enumerate(samples):
        refuted, cell = greatest_refuted(draws, threshold, _FRACTIONS, _WEIGHTS)
        ends[row] = max(refuted - cell, 0.0)
    return ends.reshape(outcomes.shape[:-1])


def _bets(
    sample: ArrayLike, mean: ArrayLike, low: float, high: float, alternative: Side
) -> tuple[FloatArray, FloatArray]:
    """Return sample and mean scaled to [0, 1] and turned to the side bet on, or ValueError."""
    outcomes = _outcomes(sample, low, high)
    scaled = (as_array(mean, "mean", np.float64) - low) / (high - low)
    if alternative not in ("greater", "less"):
        raise ValueError(f"alternative: expected 'greater' or 'less', got {alternative!r}")
    return (outcomes, scaled) if alternative == "greater" else (1 - outcomes, 1 - scaled)


def _single(sample: ArrayLike) -> FloatArray:
    values: FloatArray = as_array(sample, "sample", np.float64)
    if values.ndim != 1:
        raise ValueError(f"sample: expected shape (n,), got {values.shape}")
    return values


def _span(low: float, high: float) -> float:
    if not (isfinite(low) and isfinite(high) and low < high):
        raise ValueError(f"expected a finite range low < high, got low={low}, high={high}")
    return high - low


def _outcomes(sample: ArrayLike, low: float, high: float) -> FloatArray:
    """Return the sample scaled from [low, high] to [0, 1], or raise ValueError."""
    values: FloatArray = as_array(sample, "sample", np.float64)
    span = _span(low, high)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"sample: expected at least one draw, got shape {values.shape}")
    outside = (values < low) | (values > high)
    if outside.any():
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"sample: expected values in [{low}, {high}], got {values[index]} at index {index}"
        )
    return (values - low) / span
