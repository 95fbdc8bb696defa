"""The catalogue as users run it."""

import pytest

from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.catalogue import CHECKS
from alignment_theory.verification.checks import QUICK, THOROUGH
from alignment_theory.verification.run import digits_subjects, select, verify
from alignment_theory.verification.verdict import Outcome

FAST = ("piecewise-linear", "nfr-sign", "monotone-net", "isotropic-alignment")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("classifiers")


def test_every_theorem_has_a_check_and_settings_are_told_apart():
    assert {check.theorem.id for check in CHECKS} == set(CATALOGUE)
    assert len({(check.theorem.id, check.setting) for check in CHECKS}) == len(CHECKS)


def test_quick_verification_holds_and_one_or_two_processes_agree(cache):
    alone = verify(FAST, seed=4, effort=QUICK, cache=cache)
    together = verify(FAST, seed=4, effort=QUICK, workers=2, cache=cache)
    assert alone == together
    assert all(verdict.outcome is Outcome.HOLDS for verdict in alone), alone
    assert [verdict.theorem for verdict in alone] == [check.theorem.id for check in select(FAST)]


def test_seeds_give_other_evidence(cache):
    first, second = (verify(["isotropic-alignment"], seed=s, effort=QUICK) for s in (1, 2))
    assert first[0].observed != second[0].observed


def test_checks_are_reported_as_they_end(cache):
    done = []
    verify(["monotone-net"], effort=QUICK, cache=cache, progress=done.append)
    checks = len(select(["monotone-net"]))
    assert sorted(done) == ["digits classifiers"] + ["monotone-net"] * checks


def test_digits_subjects_are_live(cache):
    subjects = digits_subjects(0, cache)
    assert [subject.bias_free for subject in subjects] == [False, True] * 2
    assert [subject.convolutional for subject in subjects] == [False] * 2 + [True] * 2
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        assert all(mask.reshape(len(mask), -1).any(axis=1).all() for mask in trace.masks)


DIGITS_CNN = [check for check in CHECKS if check.setting.startswith("digits CNN")]


@pytest.mark.parametrize("check", DIGITS_CNN, ids=lambda check: check.theorem.id)
def test_theorems_hold_on_the_digits_cnn(check, cache):
    verdict = check.run(0, QUICK, digits_subjects(0, cache))
    assert verdict.outcome is Outcome.HOLDS, verdict


def test_a_string_is_one_id():
    assert select("alignment-curve") == select(["alignment-curve"]) != []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"identifiers": ["nope"]}, "no theorem 'nope'"),
        ({"identifiers": "nope"}, "no theorem 'nope'"),
        ({"identifiers": ""}, "no theorem ''"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"workers": 0}, "workers must be >= 1"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        verify(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_everything_holds_over_ten_seeds(seed, cache):
    verdicts = verify(seed=seed, effort=THOROUGH, workers=2, cache=cache)
    assert not [v for v in verdicts if v.outcome is not Outcome.HOLDS]
