"""Random filters behind max pooling: the formula by drawn filters, and its evidence."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from alignment_theory.theory import theorem
from alignment_theory.theory.filter_overlaps import blob
from alignment_theory.theory.pooled_filters import GATES, _orthant, pooled_mean_image
from alignment_theory.verification.experiments.pooled_filters import (
    CHECKS,
    SIZES,
    VARIANTS,
    predicted_image,
)
from alignment_theory.verification.pooled_sampling import PooledFilters
from alignment_theory.verification.samplers import gather

EPS = float(np.finfo(float).eps)
RNG = np.random.default_rng(5)
FILTERS, PARTS = 40_000, 40
Z = 5.0
"""Deviations allowed of 4 x 36 pixels and moments: passed by chance, 1e-4 over the file."""


def drawn_image(image, k, gate):
    """Return mean and standard error of E r by plain loops over places of pools."""
    m = (len(image) - k + 1) // 2 * 2
    parts = []
    for _ in range(PARTS):
        w = RNG.standard_normal((FILTERS // PARTS, k, k))
        seen = np.lib.stride_tricks.sliding_window_view(image, (k, k))
        z = np.einsum("fab,pqab->fpq", w, seen)
        total = np.zeros_like(image)
        for p in range(0, m, 2):
            for q in range(0, m, 2):
                pool = z[:, p : p + 2, q : q + 2].reshape(len(z), 4)
                winner, active = pool.argmax(axis=1), pool.max(axis=1) > 0
                if gate == "winner or first":
                    winner = np.where(active, winner, 0)
                passed = (gate != "active winner") | active
                for place in range(4):
                    a, b = p + place // 2, q + place % 2
                    chosen = w[(winner == place) & passed].sum(axis=0)
                    total[a : a + k, b : b + k] += chosen
        parts.append(total / len(w))
    return np.mean(parts, axis=0), np.std(parts, axis=0) / np.sqrt(PARTS - 1)


@pytest.mark.parametrize("gate", GATES)
def test_mean_image_by_drawn_filters(gate):
    image = blob(6) + 0.3 * RNG.uniform(size=(6, 6))
    mean, error = drawn_image(image, 3, gate)
    assert (np.abs(mean - pooled_mean_image(image, 3, gate)) < Z * error).all()
    others = [other for other in GATES if other != gate]
    for other in others:
        assert (np.abs(mean - pooled_mean_image(image, 3, other)) > Z * error).any()


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("slopes", [(1, 2), (1, 1), (1, 0.37), (0.3, 2)])
def test_parallel_differences_count_once(slopes, k):
    """On a slope all patches of a pool differ along 1: the last place wins, or the first."""
    rows, columns = np.indices((7, 7))
    image = slopes[0] * rows + slopes[1] * columns + 0.1
    expected = np.zeros((7, 7))
    end = (7 - k + 1) // 2 * 2
    for p in range(0, end, 2):
        for q in range(0, end, 2):
            expected[p + 1 : p + 1 + k, q + 1 : q + 1 + k] += 1 / k
            expected[p : p + k, q : q + k] -= 1 / k
    found = pooled_mean_image(image, k, "winner") * np.sqrt(2 * np.pi)
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("count", [1, 2, 3])
def test_orthants_by_drawn_normals(count):
    vectors = [RNG.standard_normal((1, 3)) for _ in range(count)]
    w = RNG.standard_normal((200_000, 3))
    share = np.all([w @ v[0] > 0 for v in vectors], axis=0).mean()
    found = float(_orthant(vectors)[0])
    assert abs(share - found) < Z * np.sqrt(found * (1 - found) / len(w))


def test_winners_align_by_the_mean_of_their_maximum():
    """⟨E R, x⟩ is the sum of E[max z], by its own draws."""
    image = blob(6)
    seen = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    z = np.einsum("fab,pqab->fpq", RNG.standard_normal((100_000, 3, 3)), seen)
    greatest = z.reshape(-1, 2, 2, 2, 2).max(axis=(2, 4)).sum(axis=(1, 2))
    error = greatest.std() / np.sqrt(len(greatest))
    along = (pooled_mean_image(image, 3, "winner") * image).sum()
    assert abs(greatest.mean() - along) < Z * error
    assert along > 0


def test_predictions_scale():
    one = theorem("pooled-convolution").predict(relevance="one", filters=1).value
    many = theorem("pooled-convolution").predict(relevance="one", filters=8, sigma=0.5).value
    # one more product of rounded numbers in each
    np.testing.assert_allclose(many, 4 * one, rtol=4 * EPS, atol=0)
    other = theorem("pooled-convolution").predict(filters=1).value
    np.testing.assert_allclose(other * np.sqrt(2 * np.pi), one, rtol=4 * EPS, atol=0)
    with pytest.raises(ValueError, match="no pool of 2 x 2 places fits k = 3 and size = 3"):
        theorem("pooled-convolution").predict(size=3)


def test_trials_depend_on_seed_and_number_only():
    sampler = PooledFilters(blob, predicted_image)
    sizes, seed = {**SIZES, "filters": 20}, np.random.SeedSequence(1)
    for one in (sampler, replace(sampler, shared=False), replace(sampler, gate="active winner")):
        whole = gather(pickle.loads(pickle.dumps(one)), seed, 4, **sizes)
        assert whole.shape == (4, 2)
        assert np.array_equal(gather(one, seed, 2, start=2, **sizes), whole[2:])


def test_checks_and_variants_are_picklable_and_named_apart():
    for one in (*CHECKS, *VARIANTS):
        pickle.dumps(one)
    assert len({check.setting for check in CHECKS}) == len(CHECKS)
    assert len({(variant.name, variant.operator) for variant in VARIANTS}) == len(VARIANTS)
    dropped = {variant.hypothesis for variant in VARIANTS} - {""}
    assert dropped == {hypothesis.name for hypothesis in CHECKS[0].theorem.hypotheses}
