"""Predictions along a family of inputs: from the sizes of a rung to a theorem's arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alignment_theory.theory import Prediction, Theorem
from alignment_theory.verification.ladder import Predict, of_theorem


@dataclass(frozen=True)
class Family:
    """Predict for sizes that stand for arrays, such as d for an input with d entries.

    Attributes
    ----------
    arguments : callable
        From a rung's sizes and a column's parameters to the arguments of the theorem.
    change : callable
        What predicts from these; planted errors replace it.
    swapped : tuple of str
        Two sizes that are exchanged first (a planted error), or none.
    """

    arguments: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    change: Predict = field(default=of_theorem)
    swapped: tuple[str, ...] = ()

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the prediction."""
        told = dict(parameters)
        for name, other in zip(self.swapped, reversed(self.swapped), strict=True):
            told[name] = parameters[other]
        return self.change(theorem, self.arguments(told))
