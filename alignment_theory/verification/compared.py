"""Identities and bounds: both sides of a statement, computed apart and compared."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.verification.checks import Check, Effort
from alignment_theory.verification.comparisons import Comparison, judge_comparisons
from alignment_theory.verification.subjects import Subject, random_subjects
from alignment_theory.verification.verdict import Verdict

Evidence = Callable[[Sequence[Subject]], Iterator[Comparison]]
Change = Callable[[Subject], Subject]


@dataclass(frozen=True, eq=False)
class Compared(Check):
    """Judge an identity or a bound on networks.

    Attributes
    ----------
    evidence : callable
        From subjects to comparisons.
    bias_free : bool
        Whether only networks without bias are taken.
    change : callable, optional
        Applied to each subject first.
    """

    evidence: Evidence
    bias_free: bool = False
    change: Change | None = None

    @abstractmethod
    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return the networks and inputs to compare on."""

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Compare both sides on every subject."""
        del effort
        found = self.subjects(seed, digits)
        chosen = [subject for subject in found if subject.bias_free or not self.bias_free]
        if self.change is not None:
            chosen = [self.change(subject) for subject in chosen]
        inputs = sum(len(subject.inputs) for subject in chosen)
        settings = {"networks": len(chosen), "inputs": inputs, "bias": not self.bias_free}
        verdict = judge_comparisons(self.theorem.id, self.setting, self.evidence(chosen), settings)
        return replace(verdict, sizes=f"{len(chosen)} networks, {inputs} inputs")


@dataclass(frozen=True, eq=False)
class OnRandom(Compared):
    """On random networks of varied depth, width and scale, with biases of the given size too."""

    bias: float = 0.3
    signed: bool = False

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return six networks without and six with biases."""
        del digits
        rng = np.random.default_rng(seed)
        free = random_subjects(rng, signed=self.signed)
        return free + random_subjects(rng, bias=self.bias, signed=self.signed)


@dataclass(frozen=True, eq=False)
class OnDigits(Compared):
    """On the trained digits classifiers."""

    on_digits = True

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return the classifiers given."""
        del seed
        return list(digits)


@dataclass(frozen=True, eq=False)
class OnGiven(Compared):
    """On networks that a function of a generator makes."""

    make: Callable[[np.random.Generator], list[Subject]] = random_subjects

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return what the function makes."""
        del digits
        return self.make(np.random.default_rng(seed))
