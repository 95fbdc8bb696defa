"""Trials depend on (seed, i) and on nothing else."""

import numpy as np

from alignment_theory.verification.trials import gather, gather_until, generators

SEED = np.random.SeedSequence(3, spawn_key=(8,))


def draw(rng):
    return rng.standard_normal(2)


def test_trial_is_the_same_whatever_the_number_of_trials():
    whole = gather(draw, SEED, 10)
    assert np.array_equal(gather(draw, SEED, 4), whole[:4])
    assert np.array_equal(gather(draw, SEED, 6, start=4), whole[4:])


def test_seeds_and_spawn_keys_give_different_trials():
    other = np.random.SeedSequence(3, spawn_key=(9,))
    assert not np.intersect1d(gather(draw, SEED, 50), gather(draw, other, 50)).size


def test_gather_until_stops_when_decided_and_at_the_cap():
    decided = gather_until(draw, SEED, lambda draws: len(draws) > 20, first=10, cap=1000)
    assert 20 < len(decided) <= 25
    capped = gather_until(draw, SEED, lambda draws: False, first=10, cap=100)
    assert np.array_equal(capped, gather(draw, SEED, 100))


def test_generators_are_independent_streams():
    first, second = (rng.standard_normal(100) for rng in generators(SEED, 2))
    assert not np.intersect1d(first, second).size
