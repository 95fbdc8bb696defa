"""Trials depend on (seed, parameters, i) and on nothing else."""

from dataclasses import dataclass

import numpy as np
import pytest

from alignment_theory.verification.samplers import ReducedSampler, Sampler, gather, gather_until

SEED = np.random.SeedSequence(3, spawn_key=(8,))


@dataclass(frozen=True)
class Single(Sampler):
    def draw(self, rng, count, **parameters):
        return rng.standard_normal((count, 2))


@dataclass(frozen=True)
class Blocks(ReducedSampler):
    def size(self, **parameters):
        return 2**14

    def draw(self, rng, count, **parameters):
        return rng.standard_normal((count, 2))


@pytest.mark.parametrize("sampler", [Single(), Blocks()])
def test_trial_is_the_same_whatever_the_number_of_trials(sampler):
    whole = gather(sampler, SEED, 30)
    assert np.array_equal(gather(sampler, SEED, 4), whole[:4])
    assert np.array_equal(gather(sampler, SEED, 13, start=9), whole[9:22])
    assert len(np.unique(whole)) == whole.size


def test_seeds_and_spawn_keys_give_different_trials():
    other = np.random.SeedSequence(3, spawn_key=(9,))
    assert not np.intersect1d(gather(Blocks(), SEED, 50), gather(Blocks(), other, 50)).size


def test_blocks_hold_as_many_trials_as_fit():
    assert Blocks().block() == 8 and Single().block() == 1


def test_gather_until_stops_where_enough_and_at_the_cap():
    decided = gather_until(Single(), SEED, lambda draws: 25, first=10, cap=1000)
    assert len(decided) == 25
    capped = gather_until(Single(), SEED, lambda draws: 10**9, first=10, cap=100)
    assert np.array_equal(capped, gather(Single(), SEED, 100))
    assert len(gather_until(Single(), SEED, lambda draws: 0, first=10, cap=4)) == 4
