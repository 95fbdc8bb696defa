"""Every planted error is refuted, and no theorem goes without one."""

import pytest

from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.mutants import MUTANTS
from alignment_theory.verification.verdict import Outcome


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.theorem}: {m.error}")
def test_planted_error_fails(mutant):
    verdict = mutant.run(seed=11)
    assert verdict.outcome is Outcome.FAILS, verdict
    assert verdict.witness


def test_every_theorem_has_a_planted_error():
    assert {mutant.theorem for mutant in MUTANTS} == set(CATALOGUE)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_planted_errors_fail_over_ten_seeds(seed):
    survivors = [m for m in MUTANTS if m.run(seed).outcome is not Outcome.FAILS]
    assert not survivors
