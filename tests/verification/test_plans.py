"""Every rung of every ladder has trials enough to be decided: planned from a few draws."""

import numpy as np
import pytest

from alignment_theory.verification.betting import draws_needed
from alignment_theory.verification.catalogue import CHECKS
from alignment_theory.verification.checks import EFFORTS
from alignment_theory.verification.judge import ALPHA
from alignment_theory.verification.ladder import Ladder
from alignment_theory.verification.samplers import REDUCED, gather

OFF_CENTRE = 0.3
"""Share of the margin that the mean may be off by, by chance, and still be decided."""

SPARE = 0.75
"""Share of the cap that the estimate, which half of all samples exceed, may take."""

LADDERS = [check for check in CHECKS if isinstance(check, Ladder)]


def shares_of_the_cap(check, effort):
    """Yield what share of each rung's cap each column needs, with a label."""
    rungs = [rung for rung in check.rungs if effort.every_rung or not rung.thorough]
    level = ALPHA / (len(rungs) * len(check.columns))
    places = check._places()
    for rung in rungs:
        pilot = min(2000, rung.cap(effort)) if rung.sampler.gatherer == REDUCED else 200
        draws = gather(rung.sampler, np.random.SeedSequence(5), pilot, **rung.sizes)
        empty = np.empty((0, 1 + max(places)))
        for place, sample in zip(places, check._samples(rung, empty, effort), strict=True):
            live = draws[~np.isnan(draws[:, place]), place]
            needed = draws_needed(
                (1 - OFF_CENTRE) * (sample.margin + sample.slack),
                float(live.std()),
                mean=float(np.clip(sample.predicted, check.low, check.high)),
                alpha=level,
                low=check.low,
                high=check.high,
            )
            yield sample.label, needed * len(draws) / len(live) / rung.cap(effort)


@pytest.mark.slow
@pytest.mark.parametrize("effort", EFFORTS.values(), ids=EFFORTS)
@pytest.mark.parametrize("check", LADDERS, ids=lambda c: f"{c.theorem.id}, {c.setting}")
def test_the_trials_of_every_rung_can_decide(check, effort):
    dear = {label: share for label, share in shares_of_the_cap(check, effort) if share > SPARE}
    assert not dear
