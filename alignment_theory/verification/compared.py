"""Identities and bounds: both sides of a statement, computed apart and compared."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from alignment_theory.verification.checks import Check, Effort
from alignment_theory.verification.comparisons import Comparison, judge_comparisons
from alignment_theory.verification.convolutional import convolutional_subjects, vgg16_subjects
from alignment_theory.verification.subjects import Subject, random_subjects
from alignment_theory.verification.verdict import Verdict

Evidence = Callable[[Sequence[Subject]], Iterator[Comparison]]
Change = Callable[[Subject], Subject]


@dataclass(frozen=True, eq=False)
class Compared(Check):
    """Judge an identity or a bound on networks.

    Attributes
    ----------
    evidence : callable
        From subjects to comparisons.
    bias_free : bool
        Whether only networks without bias are taken.
    change : callable, optional
        Applied to each subject first.
    """

    evidence: Evidence
    bias_free: bool = False
    change: Change | None = None

    @abstractmethod
    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return the networks and inputs to compare on."""

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Compare both sides on every subject."""
        del effort
        found = self.subjects(seed, digits)
        chosen = [subject for subject in found if subject.bias_free or not self.bias_free]
        if self.change is not None:
            chosen = [self.change(subject) for subject in chosen]
        inputs = sum(len(subject.inputs) for subject in chosen)
        settings = {"networks": len(chosen), "inputs": inputs, "bias": not self.bias_free}
        verdict = judge_comparisons(self.theorem.id, self.setting, self.evidence(chosen), settings)
        words = f"{_counted(len(chosen), 'network')}, {_counted(inputs, 'input')}"
        return replace(verdict, sizes=words)


@dataclass(frozen=True, eq=False)
class OnRandom(Compared):
    """On random networks of varied depth, width and scale, with biases of the given size too."""

    bias: float = 0.3
    signed: bool = False

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return six networks without and six with biases."""
        del digits
        rng = np.random.default_rng(seed)
        free = random_subjects(rng, signed=self.signed)
        return free + random_subjects(rng, bias=self.bias, signed=self.signed)


@dataclass(frozen=True, eq=False)
class OnConvolutional(Compared):
    """On small random networks of every kind of layer, with biases of the given size too.

    The other attributes are those of `convolutional_subjects`.
    """

    bias: float = 0.3
    signed: bool = False
    leaky: bool = False
    nonnegative: bool = False

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return one network a layout without and one with biases."""
        del digits
        draw = partial(
            convolutional_subjects,
            np.random.default_rng(seed),
            signed=self.signed,
            leaky=self.leaky,
            nonnegative=self.nonnegative,
        )
        return draw() + draw(bias=self.bias)


@dataclass(frozen=True, eq=False)
class OnVgg16(Compared):
    """On a random VGG16.

    Attributes
    ----------
    images : int
        Inputs explained.
    missed : str
        Which errors of the stated size may still be missed, in a few words.
    """

    images: int = 1
    missed: str = ""

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return the network with its inputs."""
        del digits
        return vgg16_subjects(np.random.default_rng(seed), images=self.images)

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Compare both sides, and say what may be missed."""
        verdict = super().judge(seed, effort, digits)
        return replace(verdict, resolution=f"{verdict.resolution}{self.missed}")


@dataclass(frozen=True, eq=False)
class OnDigits(Compared):
    """On the trained digits classifiers: the dense or the convolutional ones."""

    convolutional: bool = False

    on_digits = True

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return the classifiers of the kind among those given."""
        del seed
        return [subject for subject in digits if subject.convolutional == self.convolutional]


@dataclass(frozen=True, eq=False)
class OnGiven(Compared):
    """On networks that a function of a generator makes."""

    make: Callable[[np.random.Generator], list[Subject]] = random_subjects

    def subjects(self, seed: np.random.SeedSequence, digits: Sequence[Subject]) -> list[Subject]:
        """Return what the function makes."""
        del digits
        return self.make(np.random.default_rng(seed))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
