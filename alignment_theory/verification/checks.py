"""What a check is, and how much evidence it may gather."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from alignment_theory.theory import Theorem
from alignment_theory.verification.samplers import REDUCED
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.verdict import Verdict


@dataclass(frozen=True)
class Effort:
    """How much evidence is gathered.

    Attributes
    ----------
    name : str
    margin : float
        Relative discrepancy of a mean that a check resolves where the engine gathers.
    reduced_margin : float
        The same where the reduced sampler does.
    cap : int
        Most trials of one rung from the engine; fewer where the tests decide earlier.
    reduced_numbers : int
        Most random numbers of one rung from the reduced sampler.
    chains : int
        Networks an exact law is tested on, and trials of a comparison of two gatherers.
    coarsest : float
        Deviation of a distribution function that such a check must resolve.
    every_rung : bool
        Whether ladders are climbed on every rung, with enough trials to fit their rate.
    """

    name: str
    margin: float
    reduced_margin: float
    cap: int
    reduced_numbers: int
    chains: int
    coarsest: float
    every_rung: bool = False

    def margin_of(self, gatherer: str) -> float:
        """Return the relative margin for evidence of one gatherer."""
        return self.reduced_margin if gatherer == REDUCED else self.margin


QUICK = Effort("quick", 0.10, 0.05, 20_000, 4 * 10**7, 1500, 0.09)
STANDARD = Effort("standard", 0.05, 0.02, 60_000, 2 * 10**8, 4000, 0.055)
THOROUGH = Effort("thorough", 0.02, 0.005, 100_000, 4 * 10**8, 20_000, 0.03, every_rung=True)
EFFORTS = {effort.name: effort for effort in (QUICK, STANDARD, THOROUGH)}


@dataclass(frozen=True, eq=False)
class Check(ABC):
    """One theorem in one setting.

    A check runs in any process and gives the same verdict there: its randomness comes from the
    seed and its own name only.

    Attributes
    ----------
    theorem : Theorem
    setting : str
        Where it is judged, in a few words; told apart within a theorem.
    """

    theorem: Theorem
    setting: str

    on_digits = False
    """Whether the check needs the trained classifiers."""

    def run(self, seed: int, effort: Effort, digits: Sequence[Subject] = ()) -> Verdict:
        """Return the verdict; `digits` are the trained classifiers where the setting needs them."""
        name = crc32(f"{self.theorem.id}/{self.setting}".encode())
        return self.judge(np.random.SeedSequence(seed, spawn_key=(name,)), effort, digits)

    @abstractmethod
    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Gather evidence and judge it."""
