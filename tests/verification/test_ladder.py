"""Means and limits judged over a ladder: right and wrong claims, costs, and what is told."""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

from alignment_theory.theory import Claim, Number, Prediction, Theorem
from alignment_theory.verification.checks import QUICK, STANDARD, THOROUGH
from alignment_theory.verification.ladder import Column, Ladder, Rung, told_sizes
from alignment_theory.verification.samplers import ReducedSampler
from alignment_theory.verification.variants import (
    OddsTimes,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Swapped,
    Times,
)
from alignment_theory.verification.verdict import Outcome

LIMIT, SLOPE = 0.3, 0.8


def predict(n):
    return Prediction(LIMIT + SLOPE / n, 0.1 / n**2, {"limit": LIMIT, "1/n term": SLOPE / n})


CLAIM = Theorem(
    "some-limit",
    "A limit",
    "E u → 0.3",
    (),
    Claim.LIMIT,
    lambda: None,
    parameters=(Number("n", "size"),),
    evaluate=predict,
)


@dataclass(frozen=True)
class Beta(ReducedSampler):
    """Draws with the predicted mean and the spread of a mean of n."""

    dead: float = 0.0
    off: float = 0.0

    def size(self, **parameters):
        return 64

    def draw(self, rng, count, **parameters):
        n = parameters["n"]
        mean = LIMIT + SLOPE / n + self.off
        draws = rng.beta(mean * n, (1 - mean) * n, (count, 1))
        draws[rng.random(count) < self.dead] = np.nan
        return draws


@dataclass(frozen=True)
class TwoColumns(Beta):
    def draw(self, rng, count, **parameters):
        draws = super().draw(rng, count, **parameters)
        return np.hstack([draws / 2, draws])


def ladder(sampler=Beta(), **changes):
    rungs = tuple(Rung(sampler, {"n": n}, n, thorough=n == 40) for n in (20, 40, 80, 160))
    return replace(Ladder(CLAIM, "somewhere", "mean", rungs), **changes)


@pytest.mark.parametrize("effort", [QUICK, STANDARD, THOROUGH], ids=lambda e: e.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_true_limit_holds(effort, seed):
    verdict = ladder().run(seed, effort)
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.sizes == ("n = 20; 40; 80; 160" if effort.every_rung else "n = 20; 80; 160")
    assert verdict.how_gathered == "reduced"


def test_the_fitted_rate_is_told_with_thorough_effort_only():
    assert not ladder().run(0, STANDARD).rate
    text = ladder().run(0, THOROUGH).rate
    assert "size^-1.0" in text or "size^-0.9" in text
    assert "derived 0.8" in text


@pytest.mark.parametrize(
    "wrong",
    [OddsTimes(1.05), Times(1.03), SquareDropped(), RemainderTimes(0.5), Shifted("n", 2)],
    ids=repr,
)
def test_wrong_predictions_fail(wrong):
    verdict = ladder(predict=wrong).run(1, THOROUGH)
    assert verdict.outcome is Outcome.FAILS and verdict.witness


def test_swapping_a_parameter_with_itself_changes_nothing():
    assert ladder(predict=Swapped("n", "n")).run(0, QUICK).outcome is Outcome.HOLDS


def test_wrong_draws_fail_and_few_live_draws_are_vacuous():
    assert ladder(Beta(off=0.01)).run(0, THOROUGH).outcome is Outcome.FAILS
    assert ladder(Beta(dead=0.5)).run(0, QUICK).outcome is Outcome.HOLDS
    assert ladder(Beta(dead=0.95)).run(0, QUICK).outcome is Outcome.VACUOUS


def test_what_the_cap_leaves_open_is_inconclusive():
    starved = replace(QUICK, reduced_margin=1e-4, reduced_numbers=10_000)
    assert ladder().run(0, starved).outcome is Outcome.INCONCLUSIVE


def test_columns_have_their_own_predictions_and_scale():
    columns = (Column("first", scale=0.5),)
    verdict = ladder(columns=columns).run(0, QUICK)
    assert "first" in verdict.quantity
    assert verdict.outcome is Outcome.HOLDS


def test_columns_can_be_chosen_by_their_place():
    twice = TwoColumns()
    right = ladder(twice, columns=(Column("second", place=1),))
    assert right.run(0, QUICK).outcome is Outcome.HOLDS
    assert ladder(twice, columns=(Column("first"),)).run(0, QUICK).outcome is Outcome.FAILS


def test_verdicts_depend_on_the_seed_only_and_travel():
    check = ladder()
    check = replace(check, theorem=replace(CLAIM, formula=predict))
    again = pickle.loads(pickle.dumps(check))
    assert again.run(3, QUICK) == check.run(3, QUICK)
    assert check.run(4, QUICK).observed != check.run(3, QUICK).observed


def test_sizes_are_told_once_each():
    rows = [{"n": 1, "widths": (2, 3)}, {"n": 1, "widths": (2, 3)}, {"n": 2, "widths": (2, 3)}]
    assert told_sizes(rows) == "n, widths = 1, 2-3; 2, 2-3"
    assert told_sizes([{}]) == ""
