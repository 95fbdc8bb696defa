"""Draws of the quantities that theory predicts, whichever way they are gathered.

A sampler is deterministic given its generator, and trial i depends on (seed, parameters, i) only:
trials come in blocks, and each block has a generator of its own. So neither the number of trials
nor the process that draws them changes any of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from alignment_theory.arrays import Array

ENGINE = "engine"
"""Real networks, real rules."""

DRAWN = "drawn weights"
"""Weight matrices drawn and multiplied in plain NumPy, where the engine has no such layer."""

REDUCED = "reduced"
"""Pre-activations and one χ² a layer, no weight matrix (theorem `exact-law`)."""

_NUMBERS_A_BLOCK = 2**17


class Sampler(ABC):
    """Trials of one or several quantities at given sizes."""

    gatherer: ClassVar[str] = ENGINE

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials as an array (count, columns), NaN where a quantity is undefined."""

    def block(self, **parameters: Any) -> int:
        """Return how many trials share a generator: one for real networks."""
        del parameters
        return 1


class ReducedSampler(Sampler):
    """A sampler that works on whole blocks of trials at once."""

    gatherer: ClassVar[str] = REDUCED

    @abstractmethod
    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds at a time."""

    def block(self, **parameters: Any) -> int:
        """Return as many trials as fit the processor's cache."""
        return max(1, _NUMBERS_A_BLOCK // self.size(**parameters))


def gather(
    sampler: Sampler,
    seed: np.random.SeedSequence,
    count: int,
    start: int = 0,
    **parameters: Any,
) -> Array:
    """Return trials `start` to `start + count` as an array (count, columns)."""
    block = sampler.block(**parameters)
    first, last = start // block, -(-(start + count) // block)
    parts = []
    for index in range(first, last):
        child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))
        rng = np.random.Generator(np.random.SFC64(child))
        parts.append(np.asarray(sampler.draw(rng, block, **parameters), dtype=float))
    skipped = start - first * block
    return np.concatenate(parts)[skipped : skipped + count]


def gather_until(
    sampler: Sampler,
    seed: np.random.SeedSequence,
    wanted: Callable[[Array], int],
    *,
    first: int,
    cap: int,
    **parameters: Any,
) -> Array:
    """Gather trials in growing lots until there are as many as `wanted` says, or `cap`.

    Sound only for decisions by tests that are valid at every stopping time (betting).
    """
    draws = gather(sampler, seed, min(first, cap), **parameters)
    while len(draws) < cap and (aim := wanted(draws)) > len(draws):
        lot = min(cap, max(aim, len(draws) * 5 // 4)) - len(draws)
        more = gather(sampler, seed, lot, start=len(draws), **parameters)
        draws = np.concatenate([draws, more])
    return draws
