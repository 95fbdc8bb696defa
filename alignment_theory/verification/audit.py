"""Can the judge fail? Every wrong variant is run, and what survives is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from alignment_theory.theory import CATALOGUE, theorem
from alignment_theory.verification.catalogue import VARIANTS
from alignment_theory.verification.checks import THOROUGH, Effort
from alignment_theory.verification.pool import Job, Progress, run_jobs
from alignment_theory.verification.run import require
from alignment_theory.verification.statistics import clopper_pearson
from alignment_theory.verification.store import VerdictStore
from alignment_theory.verification.variants import Operator, Variant
from alignment_theory.verification.verdict import Outcome, Verdict


@dataclass(frozen=True, eq=False)
class Trial:
    """One variant at one seed, and the verdict on it."""

    variant: Variant
    seed: int
    verdict: Verdict

    @property
    def killed(self) -> bool:
        """Whether the judge refuted it."""
        return self.variant.caught(self.verdict)


@dataclass(frozen=True, eq=False)
class Audit:
    """The trials of all variants, those that need not fail apart.

    Attributes
    ----------
    trials : tuple of Trial
        Of the variants that are wrong.
    listed : tuple of Variant
        Those that are not judged, each with its reason: equivalent, or below the resolution.
    """

    trials: tuple[Trial, ...]
    listed: tuple[Variant, ...]

    @property
    def survivors(self) -> tuple[Trial, ...]:
        """The trials in which a wrong variant was not refuted."""
        return tuple(trial for trial in self.trials if not trial.killed)

    def killed(
        self, theorem_id: str | None = None, operator: Operator | None = None
    ) -> tuple[int, int]:
        """Return how many trials were killed, and of how many, for a theorem and an operator."""
        chosen = [
            trial.killed
            for trial in self.trials
            if theorem_id in (None, trial.variant.check.theorem.id)
            and operator in (None, trial.variant.operator)
        ]
        return sum(chosen), len(chosen)

    def least_rate(self) -> float:
        """Return the 95 % Clopper-Pearson lower bound of the share that is killed."""
        killed, total = self.killed()
        return clopper_pearson(killed, total, confidence=0.90)[0] if total else 0.0

    def undropped(self) -> list[tuple[str, str]]:
        """Return the (theorem, hypothesis) pairs that no variant drops with a changed verdict."""
        shown = {
            (trial.variant.check.theorem.id, trial.variant.hypothesis)
            for trial in self.trials
            if trial.variant.operator is Operator.HYPOTHESIS
            and trial.verdict.outcome is not Outcome.HOLDS
        }
        audited = {trial.variant.check.theorem.id for trial in self.trials}
        return [
            (identifier, hypothesis.name)
            for identifier, found in CATALOGUE.items()
            for hypothesis in found.hypotheses
            if identifier in audited and (identifier, hypothesis.name) not in shown
        ]


def select(identifiers: Sequence[str]) -> list[Variant]:
    """Return the variants of the given theorems, all of them for none; ValueError if unknown."""
    listed = (identifiers,) if isinstance(identifiers, str) else identifiers
    wanted = [theorem(identifier).id for identifier in listed]
    return [v for v in VARIANTS if not wanted or v.check.theorem.id in wanted]


def audit(
    identifiers: Sequence[str] = (),
    *,
    seeds: Sequence[int] = (0,),
    effort: Effort = THOROUGH,
    workers: int = 1,
    progress: Progress | None = None,
    store: VerdictStore | None = None,
) -> Audit:
    """Run every wrong variant at every seed and return what was refuted and what was not.

    Parameters are those of :func:`alignment_theory.verification.run.verify`; with a `store`,
    verdicts are kept as they are reached, and those that it has are not reached again.

    Raises
    ------
    ValueError
        For an unknown id, a negative seed or fewer than one worker.
    """
    for seed in seeds:
        require(seed, workers)
    chosen = select(identifiers)
    wrong = [variant for variant in chosen if variant.judged]
    pairs = [(variant, seed) for seed in seeds for variant in wrong]
    report = progress or (lambda words: None)
    verdicts = _verdicts(pairs, effort, workers, report, store)
    trials = [Trial(v, seed, verdict) for (v, seed), verdict in zip(pairs, verdicts, strict=True)]
    listed = tuple(variant for variant in chosen if not variant.judged)
    return Audit(tuple(trials), listed)


def _verdicts(
    pairs: Sequence[tuple[Variant, int]],
    effort: Effort,
    workers: int,
    report: Progress,
    store: VerdictStore | None,
) -> list[Verdict]:
    """Return a verdict a pair, from the store where it is there."""
    if store is None:
        return run_jobs(_jobs(pairs, effort), workers=workers, report=report)
    keys = [store.key(variant.name, seed, effort.name) for variant, seed in pairs]
    missing = [place for place, key in enumerate(keys) if key not in store.found]
    for _ in range(len(pairs) - len(missing)):
        report("kept")
    run_jobs(
        _jobs([pairs[place] for place in missing], effort),
        workers=workers,
        report=report,
        keep=partial(store.keep, [keys[place] for place in missing]),
    )
    return [store.found[key] for key in keys]


def _jobs(pairs: Sequence[tuple[Variant, int]], effort: Effort) -> list[Job]:
    return [Job(v.check.theorem.id, v.run, (seed, effort)) for v, seed in pairs]
