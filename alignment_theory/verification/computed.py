"""Statements about numbers: both sides evaluated apart, with no network and no draws of one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.verification.checks import Check, Effort
from alignment_theory.verification.comparisons import Comparison, judge_comparisons
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Computed(Check):
    """Judge an identity or a bound between numbers.

    Attributes
    ----------
    evidence : callable
        From a generator (for random instances) to comparisons.
    gatherer : str
        How the side that is no formula is evaluated.
    """

    evidence: Callable[[np.random.Generator], Iterator[Comparison]]
    gatherer: str = "quadrature"

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Evaluate both sides and compare."""
        del effort, digits
        comparisons = self.evidence(np.random.default_rng(seed))
        verdict = judge_comparisons(self.theorem.id, self.setting, comparisons)
        return replace(verdict, how_gathered=self.gatherer)
