"""False alarms on true claims: within the stated rate, and counted as such."""

import pytest
from scipy.stats import binom

from alignment_theory.report.audits import calibration_record, calibration_table
from alignment_theory.verification import calibration
from alignment_theory.verification.calibration import KINDS, FalseAlarms, calibrate, jobs_needed
from alignment_theory.verification.verdict import Outcome, Verdict


@pytest.mark.parametrize("kind", KINDS)
def test_few_replicates_stay_within_the_stated_rate(kind):
    (found,) = calibrate([kind], replicates=20)
    assert found.replicates == 20 and found.vacuous == 0
    assert not found.exceeded


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_replicates_stay_within_the_stated_rate(kind):
    (found,) = calibrate([kind], replicates=1000)
    assert found.vacuous == 0
    assert not found.exceeded, found


def always(outcome):
    def check(seed):
        return Verdict("", "", outcome, "", 0.0, 0.0, (0.0, 0.0), 1, 1, "")

    return check


def test_a_check_that_cries_wolf_is_told(monkeypatch):
    monkeypatch.setitem(calibration.KINDS, "wolf", (always(Outcome.FAILS), 0.05))
    monkeypatch.setitem(calibration.KINDS, "asleep", (always(Outcome.VACUOUS), 0.05))
    wolf, asleep = calibrate(["wolf", "asleep"], replicates=250)
    assert wolf.alarms == 250 and wolf.exceeded and wolf.rate == 1.0
    assert asleep.vacuous == 250 and not asleep.exceeded
    assert "EXCEEDED" in calibration_table([wolf]).columns[4]._cells[0]
    assert calibration_record([wolf])["calibration"][0]["alarms"] == 250


def test_exceeded_means_above_the_quantile_of_the_stated_rate():
    most = int(binom.isf(1e-6, 3000, 0.05))
    assert not FalseAlarms("", most, 3000, 0, 0.05).exceeded
    assert FalseAlarms("", most + 1, 3000, 0, 0.05).exceeded
    assert FalseAlarms("", 1, 3000, 0, 0.0).exceeded
    assert FalseAlarms("", 0, 3000, 0, 0.0).highest == pytest.approx(0.001, rel=0.01)


def test_work_is_cut_in_pieces_that_are_reported():
    done = []
    calibrate(["limit, reduced"], replicates=150, progress=done.append)
    assert done == ["limit, reduced"] * 2
    assert jobs_needed(150) == 2 * len(KINDS)


@pytest.mark.parametrize("arguments", [{"kinds": ["nope"]}, {"replicates": 0}])
def test_bad_arguments_are_explained(arguments):
    with pytest.raises(ValueError, match="expected replicates >= 1 and kinds among identity"):
        calibrate(**arguments)
