"""Verdicts on disk: taken over, never from other code, and safe against interruption."""

import pytest

from alignment_theory.theory import theorem
from alignment_theory.verification import audit as auditing
from alignment_theory.verification import store as storing
from alignment_theory.verification.audit import audit
from alignment_theory.verification.checks import QUICK
from alignment_theory.verification.compared import OnRandom
from alignment_theory.verification.identities import monotone_net
from alignment_theory.verification.store import VerdictStore
from alignment_theory.verification.variants import Operator, Variant
from alignment_theory.verification.verdict import Outcome, Verdict

CHECK = OnRandom(theorem("monotone-net"), "weights of any sign", monotone_net)
VARIANTS = tuple(Variant(Operator.CONSTANT, name, CHECK) for name in ("one", "another"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(auditing, "VARIANTS", VARIANTS)
    path = tmp_path / "verdicts.jsonl"

    def audited():
        done = []
        found = audit(effort=QUICK, store=VerdictStore(path), progress=done.append)
        return found, done

    return audited, path


def test_kept_verdicts_are_taken_over_unchanged(run):
    audited, path = run
    first, done = audited()
    again, kept = audited()
    assert done == ["monotone-net"] * 2 and kept == ["kept"] * 2
    assert [t.verdict for t in again.trials] == [t.verdict for t in first.trials]
    assert len(path.read_text().splitlines()) == 2


def test_a_line_cut_short_is_run_again(run):
    audited, path = run
    first, _ = audited()
    text = path.read_text()
    path.write_text(text[:-40])
    again, done = audited()
    assert sorted(done) == ["kept", "monotone-net"]
    assert [t.verdict for t in again.trials] == [t.verdict for t in first.trials]
    assert path.read_text() == text


def test_verdicts_of_other_code_are_not_taken_over(run, monkeypatch):
    audited, path = run
    audited()
    monkeypatch.setattr(storing, "code_hash", lambda: "other")
    assert audited()[1] == ["monotone-net"] * 2
    assert len(path.read_text().splitlines()) == 4


def test_numbers_that_are_not_finite_survive(tmp_path):
    store = VerdictStore(tmp_path / "v")
    nan, inf = float("nan"), float("inf")
    verdict = Verdict("t", "s", Outcome.VACUOUS, "u", 0.1, nan, (-inf, inf), 1, 0, "", rate="r")
    store.keep(["k"], 0, verdict)
    found = VerdictStore(tmp_path / "v").found["k"]
    assert str(found) == str(verdict) and isinstance(found.interval, tuple)


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"key": "k"}', '{"key": "k", "verdict": {}}'])
def test_other_files_are_refused_and_left_alone(tmp_path, line):
    path = tmp_path / "other.txt"
    path.write_text(line + "\nrest")
    with pytest.raises(ValueError, match="line 1: expected a stored verdict"):
        VerdictStore(path)
    assert path.read_text() == line + "\nrest"
