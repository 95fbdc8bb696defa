"""From evidence to a verdict: one function for each kind of claim.

Nothing here knows how evidence was gathered. Error rates: a true claim is called FAILS with
probability at most `alpha` a check (never, for identities and bounds), and a claim about a mean
that is off by more than its margin is called HOLDS with probability at most alpha/2.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.verification.betting import betting_p_value, confidence_interval, equivalence
from alignment_theory.verification.statistics import holm, uniformity
from alignment_theory.verification.verdict import Outcome, Verdict

ALPHA = 1e-6
"""Default error rate of one check."""

LEAST_LIVE_SHARE = 0.2
LEAST_LIVE = 50
SHARPEST = 1e-3
"""A comparison is live only where its rounding bound is below this share of its scale."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sides of an identity, computed apart, with a bound on what rounding can do.

    ``low_only`` marks an inequality ``left >= right``. ``scale`` is the magnitude that differences
    are reported relative to; entries whose scale is 0 are not live.
    """

    label: str
    left: Array
    right: Array
    bound: Array
    scale: Array
    low_only: bool = False


def judge_comparisons(
    theorem: str,
    setting: str,
    comparisons: Iterable[Comparison],
    settings: Mapping[str, object] | None = None,
) -> Verdict:
    """Judge an identity or a bound: one difference above its rounding bound refutes it.

    HOLDS needs at least 50 live entries, and a fifth of all. Where there are inequalities, what is
    reported is their least and greatest side.
    """
    lowest, highest = np.inf, -np.inf
    bounds: list[Array] = []
    trials = live = 0
    witness = ""
    comparisons = list(comparisons)
    one_sided = any(item.low_only for item in comparisons)
    for item in comparisons:
        left, right, bound, scale = np.broadcast_arrays(
            *(np.asarray(part, float) for part in (item.left, item.right, item.bound, item.scale))
        )
        difference = left - right
        excess = -difference if item.low_only else np.abs(difference)
        violated = (excess > bound) | np.isnan(difference)
        sharp = (scale > 0) & ((bound <= SHARPEST * scale) | violated)
        trials += difference.size
        live += int(sharp.sum())
        if violated.any() and not witness:
            at = tuple(int(i) for i in np.argwhere(violated)[0])
            relation = ">=" if item.low_only else "="
            witness = (
                f"{item.label} at {at}: {left[at]:.17g} {relation} {right[at]:.17g} is false; "
                f"rounding explains {bound[at]:.2g}"
            )
        if sharp.any():
            relative = difference[sharp] / scale[sharp]
            if item.low_only == one_sided:
                lowest, highest = min(lowest, relative.min()), max(highest, relative.max())
            bounds.append(bound[sharp] / scale[sharp])
    if witness:
        outcome = Outcome.FAILS
    elif live < max(LEAST_LIVE, LEAST_LIVE_SHARE * trials):
        outcome = Outcome.VACUOUS
    else:
        outcome = Outcome.HOLDS
    sharpness = np.concatenate(bounds) if bounds else np.array([np.inf])
    extremes = (float(lowest), float(highest)) if live else (np.nan, np.nan)
    observed = extremes[0] if one_sided else max(extremes, key=abs)
    return Verdict(
        theorem,
        setting,
        outcome,
        "least left - right, relative" if one_sided else "left - right, relative",
        0.0,
        observed,
        extremes,
        trials,
        live,
        _detected(sharpness),
        settings=settings or {},
        witness=witness,
    )


def _detected(sharpness: Array) -> str:
    """Say which errors the bounds leave no room for, from bounds relative to their scale."""
    if sharpness.max() == 0:
        return "any difference at all"
    middle = f"{np.median(sharpness):.1e}" if np.median(sharpness) > 0 else "0"
    return f"a relative error > {sharpness.max():.1e} anywhere, > {middle} in half"


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws of a bounded quantity and what theory says of their mean.

    ``slack`` is what the statement itself leaves open (a remainder, a truncation); ``margin`` is
    the discrepancy the check is to resolve. NaN draws are dead and counted.
    """

    label: str
    draws: Array
    predicted: float
    margin: float
    low: float
    high: float
    slack: float = 0.0


def judge_means(
    theorem: str,
    setting: str,
    quantity: str,
    samples: Sequence[Sample],
    *,
    alpha: float = ALPHA,
    settings: Mapping[str, object] | None = None,
) -> Verdict:
    """Judge a mean, or a limit by its ladder: every interval must lie within margin and slack.

    The error rate is shared among the samples. The numbers reported are those of the sample that
    fits worst relative to its margin.
    """
    results = []
    trials = live = 0
    for sample in samples:
        draws = sample.draws[~np.isnan(sample.draws)]
        trials += len(sample.draws)
        live += len(draws)
        if len(draws) < LEAST_LIVE or len(draws) < LEAST_LIVE_SHARE * len(sample.draws):
            results.append((Outcome.VACUOUS, sample, np.nan, (sample.low, sample.high), 1.0))
            continue
        level = alpha / len(samples)
        interval = confidence_interval(draws, alpha=level, low=sample.low, high=sample.high)
        width = sample.margin + sample.slack
        outcome = Outcome(equivalence(interval, sample.predicted, width))
        p_value = _mean_p_value(draws, sample, width)
        results.append((outcome, sample, float(draws.mean()), interval, p_value))
    outcome, sample, observed, interval, _ = min(results, key=_severity)
    smallest = min(1.0, len(samples) * min(result[4] for result in results))
    relative = sample.margin / abs(sample.predicted) if sample.predicted else np.nan
    precision = f"{relative:.1%}" if np.isfinite(relative) else f"{sample.margin:.2g} absolute"
    witness = "" if outcome is Outcome.HOLDS else f"{sample.label}: mean {observed:.6g}"
    return Verdict(
        theorem,
        setting,
        outcome,
        f"{quantity} ({sample.label})",
        sample.predicted,
        observed,
        interval,
        trials,
        live,
        f"a mean off by > {precision} + slack {sample.slack:.1g}, error {alpha:.0e}",
        p_value=smallest,
        settings=settings or {},
        witness=witness,
    )


_ORDER = (Outcome.FAILS, Outcome.VACUOUS, Outcome.INCONCLUSIVE, Outcome.HOLDS)


def _severity(
    result: tuple[Outcome, Sample, float, tuple[float, float], float],
) -> tuple[int, float]:
    outcome, sample, observed, _, _ = result
    distance = abs(observed - sample.predicted) / (sample.margin + sample.slack)
    return _ORDER.index(outcome), -distance


def _mean_p_value(draws: Array, sample: Sample, width: float) -> float:
    """Return a p-value of "the mean lies within `width` of the prediction"."""
    below = betting_p_value(
        draws, sample.predicted - width, low=sample.low, high=sample.high, alternative="less"
    )
    above = betting_p_value(
        draws, sample.predicted + width, low=sample.low, high=sample.high, alternative="greater"
    )
    return min(1.0, 2 * min(below, above))


def judge_law(
    theorem: str,
    setting: str,
    quantity: str,
    p_values: Array,
    *,
    coarsest: float,
    alpha: float = ALPHA,
    settings: Mapping[str, object] | None = None,
) -> Verdict:
    """Judge an exact law by the uniformity of its p-values (NaN: dead trials, counted).

    HOLDS needs the test to resolve deviations of the distribution function of `coarsest`.
    """
    alive = p_values[~np.isnan(p_values)]
    if len(alive) < max(LEAST_LIVE, LEAST_LIVE_SHARE * len(p_values)):
        outcome, p_value, resolution, observed = Outcome.VACUOUS, 1.0, 1.0, np.nan
        interval = (0.0, 1.0)
    else:
        test = uniformity(alive, alpha=alpha)
        p_value, resolution, observed = test.p_value, test.resolution, test.statistic
        interval = confidence_interval(alive, alpha=alpha, low=0.0, high=1.0)
        rejected, fine = p_value < alpha, resolution <= coarsest
        outcome = Outcome.HOLDS if fine else Outcome.INCONCLUSIVE
        if rejected:
            outcome = Outcome.FAILS
    return Verdict(
        theorem,
        setting,
        outcome,
        quantity,
        0.5,
        float(alive.mean()) if len(alive) else np.nan,
        interval,
        len(p_values),
        len(alive),
        f"a distribution off by > {resolution:.3f} anywhere, error {alpha:.0e}",
        p_value=p_value,
        settings={**(settings or {}), "ks_statistic": float(observed)},
        witness="" if outcome is Outcome.HOLDS else f"p = {p_value:.2g}",
    )


def settle(verdicts: Sequence[Verdict], *, alpha: float = ALPHA) -> list[Verdict]:
    """Correct the ledger for its number of checks (Holm).

    An exact law or a mean that was refuted on its own but not after correction becomes
    INCONCLUSIVE; a verdict that rests on a witness (an identity, a bound) stays.
    """
    adjusted = holm([verdict.p_value for verdict in verdicts])
    settled = []
    for verdict, p_value in zip(verdicts, adjusted, strict=True):
        statistical = verdict.p_value < 1 and verdict.outcome is Outcome.FAILS
        outcome = Outcome.INCONCLUSIVE if statistical and p_value >= alpha else verdict.outcome
        settled.append(replace(verdict, outcome=outcome, p_value=float(p_value)))
    return settled
