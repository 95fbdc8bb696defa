"""Samplers of the laws beyond i.i.d. isotropic Gaussian rows, and the checks built on them."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from alignment_theory.ensembles import HaarColumns, HaarRows, Rademacher
from alignment_theory.theory.filter_overlaps import blob, mean_image
from alignment_theory.verification.checks import QUICK
from alignment_theory.verification.experiments.other_laws import CHECKS, VARIANTS
from alignment_theory.verification.filter_checks import predicted_image
from alignment_theory.verification.filter_sampling import RandomFilters, across, places
from alignment_theory.verification.other_sampling import (
    FirstCoordinates,
    GivenLayer,
    GivenMean,
    OppositeRows,
    ReducedAnisotropic,
    ReducedFrame,
    Reweighted,
    Skewed,
    always,
    even_variances,
    nothing,
    wave,
)
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.variants import Operator
from alignment_theory.verification.verdict import Outcome

SEED = np.random.SeedSequence(7)
SQUARE = RandomFilters(blob, predicted_image)
SAMPLERS = [
    (GivenLayer(partial(always, Rademacher())), {"n": 9, "d": 6}, 1),
    (ReducedFrame(), {"n": 5, "d": 9}, 1),
    (ReducedFrame(), {"n": 9, "d": 5}, 1),
    (ReducedAnisotropic(even_variances), {"n": 9, "d": 6}, 2),
    (OppositeRows(Rademacher()), {"n": 9, "d": 6}, 1),
    (SQUARE, {"size": 6, "k": 3, "filters": 4}, 1),
    (replace(SQUARE, means=True), {"size": 6, "k": 3, "filters": 4}, 4),
]


@pytest.mark.parametrize(("sampler", "sizes", "columns"), SAMPLERS)
def test_trials_depend_on_seed_and_number_only(sampler, sizes, columns):
    whole = gather(sampler, SEED, 12, **sizes)
    sampler = pickle.loads(pickle.dumps(sampler))
    assert whole.shape == (12, columns)
    assert np.array_equal(gather(sampler, SEED, 7, start=5, **sizes), whole[5:], equal_nan=True)


def test_reduced_frame_by_explicit_frames():
    rng = np.random.default_rng(1)
    for law, n, d in ((HaarRows(), 6, 10), (HaarColumns(), 10, 6), (HaarRows(), 7, 7)):
        draws = []
        for _ in range(4000):
            weight = law.sample(n, d, rng)
            x = rng.standard_normal(d)
            g = weight.T @ np.maximum(weight @ x, 0)
            draws.append((g @ x) ** 2 / ((g @ g) * (x @ x)) if g.any() else np.nan)
        reduced = gather(ReducedFrame(), SEED, 40_000, n=n, d=d)[:, 0]
        error = np.nanstd(draws) / np.sqrt(len(draws))
        assert abs(np.nanmean(draws) - np.nanmean(reduced)) < 4.5 * error
        assert abs(np.nanstd(draws) - np.nanstd(reduced)) < 0.08 * np.nanstd(reduced)


def test_patches_cover_pixels_as_often_as_they_overlap():
    counts = np.bincount(places(5, 3).ravel(), minlength=25).reshape(5, 5)
    assert counts[0].tolist() == [1, 2, 3, 2, 1] and counts[2, 2] == 9
    assert places(5, 3).shape == (9, 9)


def test_direction_across_is_a_unit_image_across():
    u = across(blob(6), mean_image(blob(6), 3, "active"))
    assert np.linalg.norm(u) == pytest.approx(1)
    assert (u * mean_image(blob(6), 3, "active")).sum() == pytest.approx(0, abs=1e-12)


def test_undefined_draws_are_nan():
    dead = GivenLayer(partial(always, Rademacher()), nothing)
    assert np.isnan(gather(dead, SEED, 3, n=4, d=5)).all()
    assert np.isnan(gather(GivenMean(dead, even_variances), SEED, 3, n=4, d=5)).all()


def test_controls_have_the_moments_they_state():
    rng = np.random.default_rng(3)
    skewed = Skewed().sample(2000, 50, rng)
    assert abs(skewed.mean()) < 0.02 and abs(skewed.var() - 1) < 0.05
    assert (skewed**3).mean() == pytest.approx(2, abs=0.3)
    scaled = Reweighted(Rademacher(), even_variances)
    assert scaled.entry_variance(20) == pytest.approx(even_variances(20).mean())
    assert scaled.sample(1, 20, rng)[0] ** 2 == pytest.approx(even_variances(20))
    assert np.array_equal(FirstCoordinates().sample(2, 3, rng), np.eye(2, 3))
    assert wave(4).min() > 0


def test_checks_and_variants_are_picklable_and_named_apart():
    for one in (*CHECKS, *VARIANTS):
        pickle.dumps(one)
    assert len({(check.theorem.id, check.setting) for check in CHECKS}) == len(CHECKS)
    assert len({(v.name, v.operator) for v in VARIANTS}) == len(VARIANTS)


def test_every_hypothesis_has_a_variant_that_drops_it():
    for theorem in {check.theorem.id: check.theorem for check in CHECKS}.values():
        dropped = {
            variant.hypothesis
            for variant in VARIANTS
            if variant.operator is Operator.HYPOTHESIS and variant.check.theorem is theorem
        }
        assert dropped == {hypothesis.name for hypothesis in theorem.hypotheses}


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: f"{c.theorem.id}, {c.setting}")
def test_checks_hold_quickly(check):
    assert check.run(21, QUICK).outcome is Outcome.HOLDS
