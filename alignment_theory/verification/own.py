"""Judge a theorem of one's own: a statement, a formula, and a function that gathers evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alignment_theory.theory import Claim, Theorem
from alignment_theory.verification.checks import Effort
from alignment_theory.verification.comparisons import judge_comparisons
from alignment_theory.verification.judge import ALPHA, judge_law, worst
from alignment_theory.verification.ladder import Column, Ladder, Rung, told_sizes
from alignment_theory.verification.own_evidence import (
    OWN,
    Evidence,
    OwnSampler,
    checked_sizes,
    compared,
)
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.verdict import Verdict


def judge(
    theorem: Theorem,
    evidence: Evidence,
    sizes: Sequence[Mapping[str, Any]] = ({},),
    *,
    margin: float = 0.05,
    scale: float | None = None,
    trials: int = 20_000,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
    setting: str = OWN,
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
        rounding)``, arrays of one shape where left = right (or left >= right) is claimed up to that
        bound.
    sizes : sequence of mapping
        The ladder: one or several sets of keyword arguments, each judged.
    margin : float
        Relative error of a mean that is to be detected, or deviation of a distribution function;
        below 1.
    scale : float, optional
        What the error of a mean is relative to; by default the prediction itself.
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
        For sizes that are no ladder, inadmissible numbers, evidence of another form, draws outside
        their range, and predictions of 0 without a scale.
    """
    rungs = checked_sizes(sizes)
    _require_numbers(margin, scale, trials, seed)
    sequence = np.random.SeedSequence(seed)
    match theorem.claim:
        case Claim.MEAN | Claim.LIMIT:
            effort = Effort("own", margin, margin, trials, trials, trials, margin)
            sampler = OwnSampler(evidence, single=True)
            if scale is None:
                _require_scale(theorem, rungs)
            ladder = Ladder(
                theorem,
                setting,
                "mean",
                tuple(Rung(sampler, rung) for rung in rungs),
                (Column(scale=scale),),
                low=low,
                high=high,
            )
            return ladder.judge(sequence, effort, ())
        case Claim.EXACT_LAW:
            found = _laws(theorem, OwnSampler(evidence), rungs, margin, trials, sequence, setting)
        case _:
            one_sided = theorem.claim is Claim.BOUND
            sides = compared(evidence, rungs, trials, sequence, one_sided)
            found = judge_comparisons(theorem.id, setting, sides)
    return replace(found, how_gathered=OWN, sizes=told_sizes(rungs))


def _laws(
    theorem: Theorem,
    sampler: OwnSampler,
    rungs: Sequence[Mapping[str, Any]],
    margin: float,
    trials: int,
    seed: np.random.SeedSequence,
    setting: str,
) -> Verdict:
    """Judge an exact law at every size, the error shared among them; the worst is reported."""
    alpha = ALPHA / len(rungs)
    found = []
    for rung, child in zip(rungs, seed.spawn(len(rungs)), strict=True):
        p_values = gather(sampler, child, trials, **rung).ravel()
        quantity = f"mean p-value{', ' if rung else ''}{told_sizes([rung])}"
        settings = {**rung, "trials": trials, "alpha": ALPHA}
        found.append(
            judge_law(
                theorem.id,
                setting,
                quantity,
                p_values,
                coarsest=margin,
                alpha=alpha,
                settings=settings,
            )
        )
    return worst(found)


def _require_numbers(margin: float, scale: float | None, trials: int, seed: int) -> None:
    whole = all(isinstance(value, int | np.integer) for value in (trials, seed))
    if not whole or not 0 < margin < 1 or trials < 1 or seed < 0:
        raise ValueError(
            "judge: expected 0 < margin < 1 and whole numbers trials >= 1 and seed >= 0, got "
            f"{margin}, {trials}, {seed}"
        )
    if scale is not None and not 0 < scale < np.inf:
        raise ValueError(f"judge: scale must be positive and finite, got {scale}")


def _require_scale(theorem: Theorem, rungs: Sequence[Mapping[str, Any]]) -> None:
    for rung in rungs:
        if np.ndim(value := theorem.predict(**rung).value) == 0 and value == 0:
            raise ValueError(
                f"judge: {theorem.id} predicts 0 at {told_sizes([rung]) or 'its only size'}, so a "
                "relative margin means nothing; pass scale, the size of what would matter"
            )
