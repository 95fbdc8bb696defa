"""The evidence for inequalities: its figures by hand, its error bounds, its planted errors."""

import pickle

import mpmath
import numpy as np
import pytest

from alignment_theory import GuidedBackprop, Network, attribute
from alignment_theory.verification.alignment_floors import (
    alignment_floor,
    cascade,
    proportional_steps,
)
from alignment_theory.verification.bounds import Flipped, Step, nfr_sign
from alignment_theory.verification.checks import STANDARD
from alignment_theory.verification.comparisons import judge_comparisons
from alignment_theory.verification.experiments import bounds, identities
from alignment_theory.verification.passages import passages
from alignment_theory.verification.quadrature import Moment, Power, integral, kappa, normal
from alignment_theory.verification.special_subjects import (
    blended,
    haar_subjects,
    kantorovich_subjects,
    zero_logit_subjects,
)
from alignment_theory.verification.spectra import Spectrum
from alignment_theory.verification.subjects import Subject, random_subjects
from alignment_theory.verification.verdict import Outcome

CHECKS = [check for check in (*bounds.CHECKS, *identities.CHECKS) if not check.on_digits]
VARIANTS = [*bounds.VARIANTS, *identities.VARIANTS]
THEOREMS = {check.theorem.id: check.theorem for check in (*bounds.CHECKS, *identities.CHECKS)}
WEIGHTS = [[3.0, 0.0], [0.0, 4.0], [-1.0, -1.0]]


@pytest.fixture(scope="module")
def two_rows():
    """One layer whose active rows are diag(3, 4), at x = (4, 3): z = (12, 12)."""
    network = Network.mlp([WEIGHTS, [[1.0, 1.0, 5.0]]])
    return Subject("by hand", network, np.array([[4.0, 3.0]]))


def test_step_by_hand(two_rows):
    attribution = attribute(two_rows.network, two_rows.inputs, rule=GuidedBackprop())
    lowest = list(passages(attribution))[-1]
    step = Step.at("", lowest)
    assert (step.g == [[3, 4]]).all() and (step.c == [[1, 1, 0]]).all()
    assert step.inner == step.predicted_inner == 24
    assert step.scale == 25


def test_floor_and_cascade_by_hand(two_rows):
    """cos((3, 4), (4, 3)) = 24/25, which is also 2 √κ/(1 + κ) at κ = 16/9; σ_max gives 12√2/20."""
    floor = next(alignment_floor([two_rows], rules=[GuidedBackprop()]))
    assert floor.left == pytest.approx([0.96]) and floor.right == pytest.approx([0.6 * 2**0.5])
    kept = next(cascade([two_rows]))
    assert kept.left == pytest.approx([0.96]) and kept.right == pytest.approx([0.96])
    assert max(floor.bound, kept.bound) < 1e-12


def test_sides_are_exchanged_only_in_inequalities(two_rows):
    right, wrong = (list(f([two_rows])) for f in (nfr_sign, Flipped(nfr_sign)))
    for one, other in zip(right, wrong, strict=True):
        sides = (other.right, other.left) if one.low_only else (other.left, other.right)
        assert np.array_equal(one.left, sides[0]) and np.array_equal(one.right, sides[1])


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (5, 5), (1, 4)])
def test_spectrum_errors_contain_the_truth(shape):
    """Against 40 digits, for rows of very unlike sizes; the bounds stay useful, too."""
    rng = np.random.default_rng(sum(shape))
    rows = rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 3, (shape[0], 1))
    vector = rng.standard_normal(shape[1])
    found = Spectrum.of(rows)
    with mpmath.workdps(40):
        _, values, basis = mpmath.svd_r(mpmath.matrix(rows.tolist()))
        true = np.array([float(values[k] - found.values[k]) for k in range(len(values))])
        part = mpmath.norm(basis * mpmath.matrix(vector.tolist()))
        condition = float(mpmath.sqrt(found.condition) * values[len(values) - 1] / values[0] - 1)
    assert (np.abs(true) <= found.error).all()
    assert found.error <= 1e-12 * found.largest
    length = np.linalg.norm(vector)
    assert abs(float(part) - found.projected(vector)) <= found.basis_error * length
    assert abs(condition) <= found.condition_error


def test_spectrum_of_dependent_rows_says_nothing_of_their_condition():
    found = Spectrum.of(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]))
    assert found.condition == np.inf and found.condition_error == np.inf
    assert found.largest == pytest.approx(70**0.5)


def test_dead_layers_and_dependent_rows_are_not_live():
    dead = Subject("dead", Network.mlp([[[-1.0, -1.0]], [[1.0]]]), np.ones((60, 2)))
    twice = Subject("twice", Network.mlp([[[1.0, 2.0]] * 2, [[1.0, 1.0]]]), np.ones((60, 2)))
    for subject in (dead, twice):
        verdict = judge_comparisons("", "", cascade([subject]))
        assert verdict.outcome is Outcome.VACUOUS
    assert judge_comparisons("", "", alignment_floor([dead])).outcome is Outcome.VACUOUS


def test_special_subjects_are_what_they_say():
    rng = np.random.default_rng(0)
    for subject in haar_subjects(rng):
        for layer in subject.network.layers[::2]:
            products = layer.weight @ layer.weight.T
            assert np.allclose(products, products[0, 0] * np.eye(len(products)), atol=1e-12 * 2000)
    for subject in kantorovich_subjects(rng):
        z = subject.network.forward(subject.inputs).sites[0].output
        assert (z > 0).all() and np.allclose(z[:, 0], z[:, 1], rtol=1e-12)
    for subject in zero_logit_subjects(rng):
        assert (subject.network.forward(subject.inputs).output == 0).all()
    mixed = blended(random_subjects(rng, count=1)[0])
    assert mixed.inputs.shape == (8 + 3 * 28, 16)


def test_passes_start_at_every_switch_with_the_activations():
    subject = random_subjects(np.random.default_rng(5), count=3)[2]
    steps = list(proportional_steps([subject]))
    assert len(steps) == len(subject.network.forward(subject.inputs).switch_sites)
    for step in steps:
        assert (step.c == np.maximum(step.z, 0)).all()


def test_quadrature_by_hand():
    half = integral(normal, Power(2))
    assert abs(half.value - 0.5) <= half.error < 1e-10
    signed = integral(normal, Power(1, signed=True), low=-np.inf)
    assert abs(signed.value) <= signed.error < 1e-10
    best = kappa(half, half)
    assert abs(best.value - 2) <= best.error < 1e-10
    assert (Moment(3.0, 0.1) * Moment(2.0, 0.2)).error == pytest.approx(0.82)
    assert (Moment(1.0) / Moment(0.1, 0.1)).error == np.inf


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: f"{c.theorem.id}, {c.setting}")
def test_checks_hold_and_are_sharp(check):
    verdict = check.run(3, STANDARD)
    assert verdict.outcome is Outcome.HOLDS, verdict
    assert verdict.live_trials >= 50


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.name} ({v.operator})")
def test_planted_errors_are_caught(variant):
    verdict = variant.run(3, STANDARD)
    assert variant.caught(verdict), verdict
    assert verdict.witness


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_hypothesis_is_needed(theorem):
    dropped = {v.hypothesis for v in VARIANTS if v.check.theorem is theorem and v.hypothesis}
    assert dropped == {hypothesis.name for hypothesis in theorem.hypotheses}


def test_names_are_told_apart_and_everything_can_be_sent_to_processes():
    everything = [*bounds.CHECKS, *identities.CHECKS]
    names = [(check.theorem.id, check.setting) for check in everything]
    assert len(set(names)) == len(names)
    variants = [(v.name, v.operator, v.hypothesis) for v in VARIANTS]
    assert len(set(variants)) == len(variants)
    for item in (*everything, *VARIANTS):
        pickle.loads(pickle.dumps(item))
