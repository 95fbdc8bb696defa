"""The kill matrix: what is counted, what survives, what is not shown to matter."""

from dataclasses import replace

import numpy as np
import pytest

from alignment_theory.report.audits import audit_record, audit_tables
from alignment_theory.theory import CATALOGUE
from alignment_theory.verification import audit as auditing
from alignment_theory.verification.audit import Audit, Trial, audit, select
from alignment_theory.verification.catalogue import CHECKS, VARIANTS
from alignment_theory.verification.checks import QUICK, STANDARD, Check
from alignment_theory.verification.statistics import clopper_pearson
from alignment_theory.verification.variants import Operator, Variant
from alignment_theory.verification.verdict import Outcome, Verdict


class Fixed(Check):
    """A check with a fixed outcome."""

    def __init__(self, theorem, outcome):
        object.__setattr__(self, "theorem", CATALOGUE[theorem])
        object.__setattr__(self, "setting", "here")
        object.__setattr__(self, "outcome", outcome)

    def judge(self, seed, effort, digits):
        numbers = (0.0, 0.0, (0.0, 0.0), 1, 1)
        return Verdict(self.theorem.id, self.setting, self.outcome, "u", *numbers, "")


def trial(outcome, operator=Operator.CONSTANT, theorem="nfr-sign", **changes):
    variant = Variant(operator, "an error", Fixed(theorem, outcome), **changes)
    return Trial(variant, 0, variant.run(0))


def test_kills_are_counted_by_theorem_and_operator():
    found = Audit(
        (
            trial(Outcome.FAILS),
            trial(Outcome.HOLDS),
            trial(Outcome.INCONCLUSIVE, Operator.SQUARE, "exact-law"),
            trial(Outcome.VACUOUS, Operator.HYPOTHESIS, caught_as=Outcome.VACUOUS),
        ),
        (),
    )
    assert found.killed() == (2, 4)
    assert found.killed("nfr-sign") == (2, 3)
    assert found.killed("exact-law", Operator.SQUARE) == (0, 1)
    assert [t.verdict.outcome for t in found.survivors] == [Outcome.HOLDS, Outcome.INCONCLUSIVE]
    assert found.least_rate() == clopper_pearson(2, 4, confidence=0.9)[0]
    assert audit_record(found)["killed"] == 2
    words = [text for text in audit_tables(found) if isinstance(text, str)]
    assert any(text.startswith("survived") for text in words)
    assert "2 of 4 refuted" in words[-1]


def test_hypotheses_whose_dropping_changes_nothing_are_named():
    names = [h.name for h in CATALOGUE["nfr-sign"].hypotheses]
    shown = trial(Outcome.FAILS, Operator.HYPOTHESIS, hypothesis=names[0])
    unshown = trial(Outcome.HOLDS, Operator.HYPOTHESIS, hypothesis=names[1])
    found = Audit((shown, unshown), ())
    assert found.undropped() == [("nfr-sign", name) for name in names[1:]]


def test_equivalent_variants_are_listed_and_not_run(monkeypatch):
    wrong = Variant(Operator.CONSTANT, "wrong", Fixed("nfr-sign", Outcome.FAILS))
    same = replace(wrong, error="no error", equivalent="it is the same")
    tiny = replace(wrong, error="tiny", unresolved="it is too small")
    monkeypatch.setattr(auditing, "VARIANTS", (wrong, same, tiny))
    found = audit(["nfr-sign"], effort=QUICK, seeds=(0, 1))
    assert found.killed() == (2, 2) and found.listed == (same, tiny)
    words = [text for text in audit_tables(found) if isinstance(text, str)]
    assert any(w.startswith("equivalent") for w in words)
    assert any(w.startswith("below the resolution") for w in words)


def test_every_theorem_has_checks_and_variants_with_names_of_their_own():
    assert {check.theorem.id for check in CHECKS} == set(CATALOGUE)
    assert {variant.check.theorem.id for variant in VARIANTS} == set(CATALOGUE)
    assert len({(c.theorem.id, c.setting) for c in CHECKS}) == len(CHECKS)
    assert len({v.name for v in VARIANTS}) == len(VARIANTS)


@pytest.mark.parametrize("identifier", CATALOGUE)
def test_every_hypothesis_is_dropped_somewhere(identifier):
    dropped = {v.hypothesis for v in select([identifier]) if v.operator is Operator.HYPOTHESIS}
    assert dropped == {h.name for h in CATALOGUE[identifier].hypotheses}


def test_bad_arguments_are_explained():
    with pytest.raises(ValueError, match="no theorem 'nope'"):
        audit(["nope"])
    with pytest.raises(ValueError, match="workers must be >= 1"):
        audit(workers=0)
    with pytest.raises(ValueError, match="seed must be >= 0"):
        audit(seeds=(-1,))


FIRST = {v.check.theorem.id: v for v in reversed(VARIANTS) if v.judged}


@pytest.mark.parametrize("identifier", CATALOGUE)
def test_one_wrong_variant_of_every_theorem_fails(identifier):
    variant = FIRST[identifier]
    assert variant.caught(variant.run(11)), variant.name


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_every_wrong_variant_fails(variant):
    if variant.judged:
        assert variant.caught(variant.run(11)), variant.name


def test_verdicts_of_variants_do_not_depend_on_what_runs_beside_them():
    variant = FIRST["alignment-curve"]
    assert variant.run(2, STANDARD) == variant.run(2, STANDARD)
    assert np.isfinite(variant.run(2, STANDARD).observed)
