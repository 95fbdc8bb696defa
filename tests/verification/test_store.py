"""Verdicts on disk: taken over, never from other code, and safe against interruption."""

import json
import os
import stat
import subprocess
import sys

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
VERDICT = Verdict("t", "s", Outcome.HOLDS, "u", 0.1, 0.2, (0.0, 1.0), 9, 8, "", settings={"é": [1]})


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(auditing, "VARIANTS", VARIANTS)
    path = tmp_path / "verdicts.jsonl"

    def audited():
        done = []
        with VerdictStore(path) as store:
            found = audit(effort=QUICK, store=store, progress=done.append)
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
    store.close()
    found = VerdictStore(tmp_path / "v").found["k"]
    assert str(found) == str(verdict) and isinstance(found.interval, tuple)


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"key": "k"}', '{"key": "k", "verdict": {}}'])
def test_other_files_are_refused_and_left_alone(tmp_path, line):
    path = tmp_path / "other.txt"
    path.write_text(line + "\nrest")
    with pytest.raises(ValueError, match="line 1: expected a stored verdict"):
        VerdictStore(path)
    assert path.read_text() == line + "\nrest"


def stored(path, *keys):
    """Write verdicts and return the file's bytes."""
    with VerdictStore(path) as store:
        for key in keys:
            store.keep([key], 0, VERDICT)
    return path.read_bytes()


FOREIGN = [
    b"hello",
    b"one line\nand a rest",
    b"{}",
    b'{"a": 1}',
    b'{"key": 1}',
    b'{"key": "k"}',
    b'{"key": "k", "other": 1',
    b'{"key": "k", "verdict": {}}',
    b'{"key": "k", "verdict": {}} and more',
    b'[{"key": "k", "verdict": {',
    b"\xff\xfe\x00binary",
    b'{"key": "k", "verdict": {\xff',
    b"[" * 100_000,
    b"\n",
]


@pytest.mark.parametrize("content", FOREIGN, ids=lambda content: repr(content[:30]))
def test_foreign_files_without_an_end_of_line_are_left_alone(tmp_path, content):
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.txt, line \d: expected a stored verdict"):
        VerdictStore(path)
    assert path.read_bytes() == content


def test_a_foreign_tail_of_a_store_is_left_alone(tmp_path):
    path = tmp_path / "v"
    whole = stored(path, "a")
    path.write_bytes(whole + b"a note of mine")
    with pytest.raises(ValueError, match="v, line 2: expected a stored verdict, got 'a note"):
        VerdictStore(path)
    assert path.read_bytes() == whole + b"a note of mine"


def test_a_store_goes_on_wherever_a_line_was_cut(tmp_path):
    path, key = tmp_path / "v", 'a "quoted" \\ key with χ'
    first = stored(path, "first")
    whole = stored(path, key)
    for length in range(len(first), len(whole)):
        path.write_bytes(whole[:length])
        with VerdictStore(path) as store:
            complete = length == len(whole) - 1
            assert set(store.found) == ({"first", key} if complete else {"first"})
        assert path.read_bytes() == (whole if complete else first)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trials", "many"),
        ("trials", 1.5),
        ("live_trials", True),
        ("predicted", "0.1"),
        ("observed", None),
        ("p_value", [1]),
        ("interval", [0.0]),
        ("interval", [0.0, "1"]),
        ("interval", 3),
        ("outcome", "PERHAPS"),
        ("outcome", None),
        ("settings", "none"),
        ("witness", 3),
        ("unknown", 1),
    ],
)
def test_values_of_wrong_types_are_refused_naming_the_line(tmp_path, name, value):
    path = tmp_path / "v"
    whole = stored(path, "first", "second")
    record = json.loads(whole.splitlines()[1])
    record["verdict"][name] = value
    path.write_bytes(whole.splitlines(keepends=True)[0] + json.dumps(record).encode() + b"\n")
    with pytest.raises(ValueError, match="v, line 2: expected a stored verdict"):
        VerdictStore(path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
def test_a_pipe_is_no_store(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: expected a file of verdicts"):
        VerdictStore(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)


def test_two_audits_do_not_share_a_store(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "v"
    code = (
        "import sys; from pathlib import Path; "
        "from alignment_theory.verification.store import VerdictStore; "
        "VerdictStore(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(path)]
    with VerdictStore(path) as store:
        other = subprocess.run(command, capture_output=True, text=True)
        assert other.returncode == 1 and f"{path} is in use by another audit" in other.stderr
        with pytest.raises(ValueError, match="in use by another audit"):
            VerdictStore(path)
        store.keep(["k"], 0, VERDICT)
    assert subprocess.run(command).returncode == 0
    assert list(VerdictStore(path).found) == ["k"]


def test_a_store_works_where_there_are_no_locks(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert stored(tmp_path / "v", "k")
    with VerdictStore(tmp_path / "v") as one, VerdictStore(tmp_path / "v") as other:
        assert list(one.found) == list(other.found) == ["k"]
