"""Count how often each kind of check refutes a claim that is true.

Checks are made easy to fail: the margin of a mean is next to 0, so that FAILS means that the
interval misses the true mean, and levels are .05 instead of 1e-6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alignment_theory.ensembles import Sphere
from alignment_theory.verification import bounds, identities
from alignment_theory.verification.chains import StepPValues
from alignment_theory.verification.comparisons import judge_comparisons
from alignment_theory.verification.judge import (
    Sample,
    judge_law,
    judge_means,
    judge_two_samples,
)
from alignment_theory.verification.layer_sampling import EngineLayer, ReducedLayer
from alignment_theory.verification.pool import Job, Progress, run_jobs
from alignment_theory.verification.row_sampling import RandomRows
from alignment_theory.verification.samplers import Sampler, gather
from alignment_theory.verification.statistics import clopper_pearson
from alignment_theory.verification.subjects import random_subjects
from alignment_theory.verification.verdict import Outcome, Verdict

ALPHA = 0.05
LEAST_MARGIN = 1e-9
CHUNK = 100
"""Replicates that travel to another process together."""


def identity(seed: np.random.SeedSequence) -> Verdict:
    """Judge all identities' evidence on a fresh network."""
    subjects = random_subjects(np.random.default_rng(seed), count=1)
    evidence = (
        *identities.piecewise_linear(subjects),
        *identities.combined_weights(subjects),
        *identities.lrp0(subjects),
        *identities.conservation(subjects),
        *identities.homogeneity(subjects),
        *identities.zplus_family(subjects),
    )
    return judge_comparisons("", "", evidence)


def bound(seed: np.random.SeedSequence) -> Verdict:
    """Judge the sign of ⟨g, a⟩ on six fresh networks."""
    subjects = random_subjects(np.random.default_rng(seed), count=6)
    return judge_comparisons("", "", bounds.nfr_sign(subjects))


def exact_law(seed: np.random.SeedSequence) -> Verdict:
    """Judge the exact law on 60 networks."""
    p_values = gather(StepPValues(), seed, 60, widths=(6, 8, 7, 5)).ravel()
    return judge_law("", "", "", p_values, coarsest=1.0, alpha=ALPHA)


def two_samples(seed: np.random.SeedSequence) -> Verdict:
    """Judge that the engine and the reduced sampler agree, on 100 layers each."""
    one, other = (
        gather(sampler, child, 100, n=12, d=6)
        for sampler, child in zip((EngineLayer(), ReducedLayer()), seed.spawn(2), strict=True)
    )
    return judge_two_samples("", "", "", one, other, coarsest=1.0, alpha=ALPHA)


def mean(seed: np.random.SeedSequence) -> Verdict:
    """Judge Theorem 1 on 150 layers with rows on the sphere: κ = 1/2 for c = a."""
    draws = gather(RandomRows(0.0, 1.0, "activation", law=Sphere()), seed, 150, n=100, d=3)
    sample = Sample("", draws[:, 0], 0.5, LEAST_MARGIN, 0.0, 1.0)
    return judge_means("", "", "", [sample], alpha=ALPHA)


def _limit(sampler: Sampler, seed: np.random.SeedSequence, trials: int) -> Verdict:
    from alignment_theory.theory.curves import predict_curve

    draws = gather(sampler, seed, trials, n=40, d=40)
    prediction = predict_curve("cascade", 40, 40)
    slack = float(prediction.remainder)
    sample = Sample("", draws[:, 0], float(prediction.value), LEAST_MARGIN, 0.0, 1.0, slack)
    return judge_means("", "", "", [sample], alpha=ALPHA)


def limit_engine(seed: np.random.SeedSequence) -> Verdict:
    """Judge the alignment curve of c ∝ a on 200 layers of the engine."""
    return _limit(EngineLayer("cascade"), seed, 200)


def limit_reduced(seed: np.random.SeedSequence) -> Verdict:
    """Judge the alignment curve of c ∝ a on 1000 draws of the reduced sampler."""
    return _limit(ReducedLayer("cascade"), seed, 1000)


KINDS: dict[str, tuple[Callable[[np.random.SeedSequence], Verdict], float]] = {
    "identity": (identity, 0.0),
    "bound": (bound, 0.0),
    "exact law": (exact_law, ALPHA),
    "two gatherers": (two_samples, ALPHA),
    "mean": (mean, ALPHA),
    "limit, engine": (limit_engine, ALPHA),
    "limit, reduced": (limit_reduced, ALPHA),
}
"""Every kind of check with the rate of false alarms that it states."""


@dataclass(frozen=True)
class FalseAlarms:
    """What calibration found of one kind of check.

    Attributes
    ----------
    kind : str
    alarms, replicates : int
    vacuous : int
        Replicates in which nothing could be concluded.
    stated : float
        The rate that the check states.
    """

    kind: str
    alarms: int
    replicates: int
    vacuous: int
    stated: float

    @property
    def rate(self) -> float:
        """The observed rate."""
        return self.alarms / self.replicates

    @property
    def highest(self) -> float:
        """The one-sided 95 % Clopper-Pearson upper bound of the rate."""
        return clopper_pearson(self.alarms, self.replicates, confidence=0.90)[1]

    @property
    def exceeded(self) -> bool:
        """Whether the count is above the 1 - 1e-6 quantile that the stated rate allows."""
        from scipy.stats import binom

        most = binom.isf(1e-6, self.replicates, self.stated) if self.stated else 0
        return self.alarms > most


def outcomes(kind: str, seed: int, first: int, count: int) -> list[Outcome]:
    """Return the outcomes of replicates `first` to `first + count` of one kind of check."""
    check, _ = KINDS[kind]
    return [
        check(np.random.SeedSequence(seed, spawn_key=(index,))).outcome
        for index in range(first, first + count)
    ]


def jobs_needed(replicates: int) -> int:
    """Return how many pieces of work `calibrate` reports for all kinds."""
    return len(KINDS) * len(range(0, replicates, CHUNK))


def calibrate(
    kinds: Sequence[str] = tuple(KINDS),
    *,
    replicates: int = 3000,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[FalseAlarms]:
    """Count false alarms of each kind of check over many replicates on true claims.

    Raises
    ------
    ValueError
        For an unknown kind or fewer than one replicate.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or replicates < 1:
        raise ValueError(
            f"calibrate: expected replicates >= 1 and kinds among {', '.join(KINDS)}, got "
            f"{replicates} and {', '.join(kinds)}"
        )
    starts = range(0, replicates, CHUNK)
    jobs = [
        Job(kind, outcomes, (kind, seed, first, min(CHUNK, replicates - first)))
        for kind in kinds
        for first in starts
    ]
    parts = run_jobs(jobs, workers=workers, report=progress or (lambda words: None))
    found = []
    for place, kind in enumerate(kinds):
        chunks = parts[place * len(starts) : (place + 1) * len(starts)]
        results = [outcome for chunk in chunks for outcome in chunk]
        alarms, vacuous = (results.count(o) for o in (Outcome.FAILS, Outcome.VACUOUS))
        found.append(FalseAlarms(kind, alarms, len(results), vacuous, KINDS[kind][1]))
    return found
