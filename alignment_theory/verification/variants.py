"""Wrong variants: each makes a theorem, a hypothesis or the engine wrong, and must be refuted.

A check that no error can fail proves nothing. Errors of the formula replace what a check predicts,
dropped hypotheses replace what it is drawn from, and errors of the engine replace the rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from alignment_theory.theory import Prediction, Theorem
from alignment_theory.verification.checks import THOROUGH, Check, Effort
from alignment_theory.verification.ladder import of_theorem
from alignment_theory.verification.verdict import Outcome, Verdict


class Operator(StrEnum):
    """What kind of error is planted."""

    CONSTANT = "constant"
    DEGREES = "d - 1 → d"
    SWAP = "n ↔ d"
    SQUARE = "square dropped"
    LEVEL = "layer shifted"
    REMAINDER = "remainder halved"
    INEQUALITY = "inequality flipped"
    TERM = "term dropped"
    GATE = "gate dropped"
    ENGINE = "engine error"
    HYPOTHESIS = "hypothesis dropped"


@dataclass(frozen=True, eq=False)
class Variant:
    """A check with one planted error.

    Attributes
    ----------
    operator : Operator
    error : str
        What is wrong, in a few words.
    check : Check
        The check with the error in it.
    hypothesis : str
        Name of the dropped hypothesis, for that operator.
    caught_as : Outcome
        FAILS; VACUOUS where without the hypothesis nothing is defined that could be compared.
    equivalent : str
        Why the variant is no error after all, where it is listed as such.
    unresolved : str
        Why the error is below what the check states to detect, where it is listed as such.
    """

    operator: Operator
    error: str
    check: Check
    hypothesis: str = ""
    caught_as: Outcome = Outcome.FAILS
    equivalent: str = ""
    unresolved: str = ""

    @property
    def judged(self) -> bool:
        """Whether the judge has to refute it."""
        return not (self.equivalent or self.unresolved)

    @property
    def name(self) -> str:
        """Theorem, setting and error."""
        return f"{self.check.theorem.id}, {self.check.setting}: {self.error}"

    def run(self, seed: int, effort: Effort = THOROUGH) -> Verdict:
        """Return the verdict on the wrong claim."""
        verdict = self.check.run(seed, effort)
        return replace(verdict, setting=f"{verdict.setting}: {self.error}")

    def caught(self, verdict: Verdict) -> bool:
        """Tell whether a verdict refutes the variant."""
        return verdict.outcome is self.caught_as


@dataclass(frozen=True)
class OddsTimes:
    """Predict with κ wrong by a factor: cos² = 1/(1 + κ r), so its odds are divided by it."""

    factor: float

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        right = of_theorem(theorem, parameters)
        value = right.value / (right.value + self.factor * (1 - right.value))
        return replace(right, value=value)


@dataclass(frozen=True)
class Times:
    """Predict a value wrong by a factor."""

    factor: float

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        right = of_theorem(theorem, parameters)
        return replace(right, value=right.value * self.factor)


@dataclass(frozen=True)
class SquareDropped:
    """Predict the root of the value."""

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        right = of_theorem(theorem, parameters)
        return replace(right, value=np.sqrt(right.value))


@dataclass(frozen=True)
class Swapped:
    """Predict with two parameters exchanged."""

    first: str
    second: str

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        exchanged = {self.first: parameters[self.second], self.second: parameters[self.first]}
        return of_theorem(theorem, {**parameters, **exchanged})


@dataclass(frozen=True)
class Shifted:
    """Predict with one parameter off by a constant; d + 1 for d writes d where d - 1 belongs."""

    name: str
    by: float

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        return of_theorem(theorem, {**parameters, self.name: parameters[self.name] + self.by})


@dataclass(frozen=True)
class RemainderTimes:
    """Predict the finite-size term wrong by a factor: 1/2 halves it, 0 drops it."""

    factor: float

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        right = of_theorem(theorem, parameters)
        limit = right.terms["limit"]
        return replace(right, value=limit + self.factor * (right.value - limit))


@dataclass(frozen=True)
class Told:
    """Predict with one parameter replaced by another value."""

    name: str
    value: Any

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the wrong prediction."""
        return of_theorem(theorem, {**parameters, self.name: self.value})
