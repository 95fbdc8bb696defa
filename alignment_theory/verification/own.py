"""Judge a theorem of one's own: a statement, a formula, and a function that gathers evidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory import Claim, Theorem
from alignment_theory.verification.checks import Effort
from alignment_theory.verification.comparisons import Comparison, judge_comparisons
from alignment_theory.verification.exact_laws import ExactLaw
from alignment_theory.verification.ladder import Ladder, Rung
from alignment_theory.verification.samplers import Sampler
from alignment_theory.verification.verdict import Verdict

Evidence = Callable[..., Any]


@dataclass(frozen=True)
class _Function(Sampler):
    """A function of a generator and sizes as a sampler of one trial at a time."""

    function: Evidence

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, columns)."""
        rows = [np.ravel(self.function(rng, **parameters)) for _ in range(count)]
        return np.array(rows, dtype=float)


def judge(
    theorem: Theorem,
    evidence: Evidence,
    sizes: Sequence[Mapping[str, Any]] = ({},),
    *,
    margin: float = 0.05,
    trials: int = 20_000,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
    setting: str = "own evidence",
) -> Verdict:
    """Return the verdict on a theorem from evidence that a function gathers, one trial a call.

    Parameters
    ----------
    theorem : Theorem
        Its claim decides how it is judged. For a mean or a limit its `predict` takes the sizes.
    evidence : callable
        ``evidence(rng, **sizes)``, where all randomness comes from the generator. It returns, for a
        mean or a limit, one draw in [low, high] (NaN where undefined); for an exact law, p-values
        that are i.i.d. uniform if it is true; for an identity or a bound, ``(left, right,
        rounding)``, arrays where left = right (or left >= right) is claimed up to that bound.
    sizes : sequence of mapping
        The ladder: one or several sets of keyword arguments.
    margin : float
        Relative error of a mean that is to be detected, or deviation of a distribution function.
    trials : int
        Most trials at each size; fewer where a mean is decided earlier.
    low, high : float
        Range of a draw, known beforehand.
    seed : int
    setting : str
        Where it is judged, in a few words.

    Raises
    ------
    ValueError
        For no sizes, inadmissible numbers, and draws outside their range.
    """
    if not sizes:
        raise ValueError("judge: expected at least one set of sizes, got none")
    if not margin > 0 or trials < 1 or seed < 0:
        raise ValueError(
            f"judge: expected margin > 0, trials >= 1 and seed >= 0, got {margin}, {trials}, {seed}"
        )
    sampler = _Function(evidence)
    effort = Effort("own", margin, margin, trials, trials, trials, margin)
    sequence = np.random.SeedSequence(seed)
    match theorem.claim:
        case Claim.MEAN | Claim.LIMIT:
            rungs = tuple(Rung(sampler, dict(rung)) for rung in sizes)
            ladder = Ladder(theorem, setting, "mean", rungs, low=low, high=high)
            return ladder.judge(sequence, effort, ())
        case Claim.EXACT_LAW:
            law = ExactLaw(theorem, setting, "p-values", sampler, dict(sizes[0]))
            return law.judge(sequence, effort, ())
        case _:
            return _compare(theorem, evidence, sizes, trials, sequence, setting)


def _compare(
    theorem: Theorem,
    evidence: Evidence,
    sizes: Sequence[Mapping[str, Any]],
    trials: int,
    seed: np.random.SeedSequence,
    setting: str,
) -> Verdict:
    comparisons = []
    for rung, child in zip(sizes, seed.spawn(len(sizes)), strict=True):
        for index, rng in enumerate(map(np.random.default_rng, child.spawn(trials))):
            left, right, rounding = (np.asarray(v, float) for v in evidence(rng, **rung))
            scale = np.maximum(np.abs(left), np.abs(right))
            label = ", ".join([*(f"{k} = {v}" for k, v in rung.items()), f"trial {index}"])
            one_sided = theorem.claim is Claim.BOUND
            comparisons.append(Comparison(label, left, right, rounding, scale, one_sided))
    return judge_comparisons(theorem.id, setting, comparisons)
