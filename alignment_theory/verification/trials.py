"""Independent trials that do not depend on how many are drawn, in what order, or where."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from alignment_theory.arrays import Array

Draw = Callable[[np.random.Generator], Sequence[float]]


def generators(
    seed: np.random.SeedSequence, count: int, start: int = 0
) -> Iterator[np.random.Generator]:
    """Return the generators of trials `start` to `start + count`; trial i depends on (seed, i)."""
    for index in range(start, start + count):
        child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))
        yield np.random.Generator(np.random.SFC64(child))


def gather(draw: Draw, seed: np.random.SeedSequence, count: int, start: int = 0) -> Array:
    """Return `count` trials of `draw` as an array (trials, quantities)."""
    return np.array([draw(rng) for rng in generators(seed, count, start)], dtype=float)


def gather_until(
    draw: Draw,
    seed: np.random.SeedSequence,
    decided: Callable[[Array], bool],
    *,
    first: int,
    cap: int,
) -> Array:
    """Gather trials in growing lots until `decided` says so, or `cap` is reached.

    Sound only for decisions by tests that are valid at every stopping time (betting).
    """
    draws = gather(draw, seed, first)
    while len(draws) < cap and not decided(draws):
        more = min(cap, len(draws) * 5 // 4) - len(draws)
        draws = np.concatenate([draws, gather(draw, seed, more, start=len(draws))])
    return draws
