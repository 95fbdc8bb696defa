"""Exact laws by their p-values, and two gatherers by each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alignment_theory.verification.checks import Check, Effort
from alignment_theory.verification.judge import ALPHA, judge_law, judge_two_samples
from alignment_theory.verification.ladder import told_sizes
from alignment_theory.verification.samplers import Sampler, gather
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.verdict import Verdict


@dataclass(frozen=True, eq=False)
class ExactLaw(Check):
    """Judge an exact law: what the sampler returns must be i.i.d. uniform on [0, 1].

    Attributes
    ----------
    quantity : str
    sampler : Sampler
        Its columns are pooled.
    sizes : mapping
        Parameters of the sampler.
    trials_factor : float
        Factor on the effort's number of networks.
    """

    quantity: str
    sampler: Sampler
    sizes: Mapping[str, Any] = field(default_factory=dict)
    trials_factor: float = 1.0

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Gather a fixed number of networks and test uniformity."""
        del digits
        count = round(self.trials_factor * effort.chains)
        p_values = gather(self.sampler, seed, count, **self.sizes).ravel()
        verdict = judge_law(
            self.theorem.id,
            self.setting,
            self.quantity,
            p_values,
            coarsest=effort.coarsest,
            settings={**self.sizes, "networks": count, "alpha": ALPHA},
        )
        return replace(verdict, how_gathered=self.sampler.gatherer, sizes=told_sizes([self.sizes]))


@dataclass(frozen=True, eq=False)
class SameLaw(Check):
    """Judge that two gatherers draw from one law, so that either may speak for the other.

    Attributes
    ----------
    quantity : str
    first, second : Sampler
    sizes : mapping
        Small sizes, at which both are cheap.
    trials_factor : float
    """

    quantity: str
    first: Sampler
    second: Sampler
    sizes: Mapping[str, Any]
    trials_factor: float = 1.0

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Compare the columns one by one (two-sample Kolmogorov-Smirnov, Bonferroni)."""
        del digits
        count = round(self.trials_factor * effort.chains)
        one, other = (
            gather(sampler, child, count, **self.sizes)
            for sampler, child in zip((self.first, self.second), seed.spawn(2), strict=True)
        )
        verdict = judge_two_samples(
            self.theorem.id,
            self.setting,
            self.quantity,
            one,
            other,
            coarsest=4 * effort.coarsest,
            settings={**self.sizes, "trials": count, "alpha": ALPHA},
        )
        gatherers = f"{self.first.gatherer} against {self.second.gatherer}"
        return replace(verdict, how_gathered=gatherers, sizes=told_sizes([self.sizes]))
