"""From evidence to a verdict: one function for each kind of claim.

Nothing here knows how evidence was gathered. Error rates: a true claim is called FAILS with
probability at most `alpha` a check (never, for identities and bounds), and a claim about a mean
that is off by more than its margin is called HOLDS with probability at most alpha/2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.verification.betting import betting_p_value, confidence_interval, equivalence
from alignment_theory.verification.statistics import holm, two_sample_ks, uniformity
from alignment_theory.verification.verdict import LEAST_LIVE, LEAST_LIVE_SHARE, Outcome, Verdict

ALPHA = 1e-6
"""Default error rate of one check."""

ROUNDED_TO = 9
"""Decimals that two samples are compared to, so that rounding is not taken for a difference."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws of a bounded quantity and what theory says of their mean.

    ``slack`` is what the statement itself leaves open (a remainder, a truncation); ``margin`` is
    the discrepancy the check is to resolve. NaN draws are dead and counted. ``limit`` is the
    prediction without its finite-size terms, where it has such.
    """

    label: str
    draws: Array
    predicted: float
    margin: float
    low: float
    high: float
    slack: float = 0.0
    limit: float = np.nan

    @property
    def live(self) -> Array:
        """The draws that are defined."""
        live: Array = self.draws[~np.isnan(self.draws)]
        return live

    @property
    def says_nothing(self) -> bool:
        """Whether margin and slack leave room for every mean in the range."""
        width = self.margin + self.slack
        return self.predicted - width <= self.low and self.predicted + width >= self.high


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
        draws = sample.live
        trials += len(sample.draws)
        live += len(draws)
        if len(draws) < LEAST_LIVE or len(draws) < LEAST_LIVE_SHARE * len(sample.draws):
            results.append((Outcome.VACUOUS, sample, np.nan, (sample.low, sample.high), 1.0))
            continue
        level = alpha / len(samples)
        width = sample.margin + sample.slack
        interval = confidence_interval(draws, alpha=level, low=sample.low, high=sample.high)
        if sample.says_nothing:
            results.append((Outcome.VACUOUS, sample, float(draws.mean()), interval, 1.0))
            continue
        outcome = Outcome(equivalence(interval, sample.predicted, width))
        p_value = _mean_p_value(draws, sample, width)
        results.append((outcome, sample, float(draws.mean()), interval, p_value))
    outcome, sample, observed, interval, _ = min(results, key=_severity)
    smallest = min(1.0, len(samples) * min(result[4] for result in results))
    relative = sample.margin / abs(sample.predicted) if sample.predicted else np.nan
    precision = f"{relative:.1%}" if np.isfinite(relative) else f"{sample.margin:.2g} absolute"
    witness = "" if outcome is Outcome.HOLDS else f"{sample.label}: mean {observed:.6g}"
    if outcome is Outcome.VACUOUS and sample.says_nothing:
        witness = f"{sample.label}: margin and remainder leave room for every mean"
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


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of verdicts on one theorem at several sizes, for all their trials.

    Their error rates must have been shared out already.
    """
    found = min(verdicts, key=lambda verdict: (_ORDER.index(verdict.outcome), verdict.p_value))
    return replace(
        found,
        trials=sum(verdict.trials for verdict in verdicts),
        live_trials=sum(verdict.live_trials for verdict in verdicts),
        p_value=min(1.0, len(verdicts) * found.p_value),
    )


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
        witness=_law_witness(outcome, p_value, len(alive), coarsest),
    )


def _law_witness(outcome: Outcome, p_value: float, live: int, coarsest: float) -> str:
    return {
        Outcome.HOLDS: "",
        Outcome.FAILS: f"p = {p_value:.2g}",
        Outcome.INCONCLUSIVE: f"{live} p-values do not resolve a deviation of {coarsest:g}",
        Outcome.VACUOUS: f"only {live} p-values are defined",
    }[outcome]


def judge_two_samples(
    theorem: str,
    setting: str,
    quantity: str,
    one: Array,
    other: Array,
    *,
    coarsest: float,
    alpha: float = ALPHA,
    settings: Mapping[str, object] | None = None,
) -> Verdict:
    """Judge that two samples (trials, columns) come from one law, column by column.

    Two tests a column share the error: Kolmogorov-Smirnov on the live draws, and Fisher's exact
    test on how many are live. HOLDS needs distribution functions resolved to `coarsest`. What is
    reported are both means in the column that differs most.
    """
    from scipy.stats import fisher_exact

    p_values, resolutions, distances = [], [], []
    for left, right in zip(one.T, other.T, strict=True):
        a, b = (np.round(v[~np.isnan(v)], ROUNDED_TO) for v in (left, right))
        if min(len(a), len(b)) < LEAST_LIVE:
            p_values, resolutions, distances = [1.0], [1.0], [np.nan]
            break
        test = two_sample_ks(a, b, alpha=alpha / (2 * one.shape[1]))
        dead = [[len(a), len(left) - len(a)], [len(b), len(right) - len(b)]]
        p_values += [test.p_value, float(fisher_exact(dead).pvalue)]
        resolutions.append(test.resolution)
        distances.append(test.statistic)
    p_value = min(1.0, len(p_values) * min(p_values))
    worst = int(np.argmax(distances))
    outcome = Outcome.HOLDS if max(resolutions) <= coarsest else Outcome.INCONCLUSIVE
    if np.isnan(distances[0]):
        outcome = Outcome.VACUOUS
    elif p_value < alpha:
        outcome = Outcome.FAILS
    means = [float(np.nanmean(v[:, worst])) if len(v) else np.nan for v in (one, other)]
    return Verdict(
        theorem,
        setting,
        outcome,
        quantity,
        means[0],
        means[1],
        (min(means), max(means)),
        one.size + other.size,
        int((~np.isnan(one)).sum() + (~np.isnan(other)).sum()),
        f"distributions {max(resolutions):.3f} apart anywhere, error {alpha:.0e}",
        p_value=p_value,
        settings=settings or {},
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
