"""What a theorem is here: data. Statement, hypotheses, a claim of a stated kind, a formula."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from alignment_theory.sources import Source

if TYPE_CHECKING:
    import sympy


class Claim(StrEnum):
    """What kind of sentence a theorem is, which decides how it is judged."""

    IDENTITY = "identity"
    BOUND = "bound"
    EXACT_LAW = "exact law"
    MEAN = "mean"
    LIMIT = "limit"

    @property
    def judged_by(self) -> str:
        """How a verdict is reached."""
        return _JUDGED_BY[self]


_JUDGED_BY = {
    Claim.IDENTITY: "both sides computed apart; one difference above its rounding bound refutes",
    Claim.BOUND: "one violation above its rounding bound refutes",
    Claim.EXACT_LAW: "probability integral transform; the p-values must be uniform",
    Claim.MEAN: "two one-sided betting tests; holds if the confidence interval lies in the margin",
    Claim.LIMIT: "as a mean, at every size of a ladder, around the prediction at that size",
}


@dataclass(frozen=True)
class Hypothesis:
    """One condition of a theorem, by a short name and in words."""

    name: str
    text: str


@dataclass(frozen=True)
class Parameter:
    """A named argument of a prediction: its meaning, its default and its smallest value."""

    name: str
    meaning: str
    default: float | str | None = None
    minimum: float | None = None
    choices: tuple[str, ...] = ()
    whole: bool = False

    def parse(self, theorem: str, value: object) -> float | int | str:
        """Return a checked value; text is read as a number where a number is wanted."""
        where = f"{theorem}: {self.name}"
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"{where} must be one of {', '.join(self.choices)}, got {value!r}")
            return str(value)
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ValueError(f"{where} ({self.meaning}) must be a number, got {value!r}") from None
        if not abs(number) < float("inf"):
            raise ValueError(f"{where} ({self.meaning}) must be finite, got {value!r}")
        if self.minimum is not None and number < self.minimum:
            raise ValueError(f"{where} ({self.meaning}) must be >= {self.minimum}, got {value}")
        if self.whole:
            if number != int(number):
                raise ValueError(f"{where} ({self.meaning}) must be a whole number, got {value}")
            return int(number)
        return number


@dataclass(frozen=True)
class Prediction:
    """A predicted number; for a limit also where it comes from.

    Attributes
    ----------
    value : float
        The prediction at the given sizes.
    remainder : float
        Size of the terms left out (0 for exact statements).
    terms : mapping
        Named pieces, for instance the limit and the finite-size correction.
    """

    value: float
    remainder: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)

    def __float__(self) -> float:
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class Theorem:
    """A claim about attributions that can be shown, evaluated and judged.

    Attributes
    ----------
    id, title : str
    statement : str
        In plain language with the notation of the package docstring.
    hypotheses : tuple of Hypothesis
    claim : Claim
    formula : callable returning a SymPy expression
        The formula, written once; text, LaTeX and predictions come from it.
    sources : tuple of Source
    uses : tuple of str
        Ids of theorems this one builds on.
    parameters : tuple of Parameter
        Arguments of `predict`; empty where the theorem relates arrays.
    evaluate : callable, optional
        From checked parameters to a Prediction.
    """

    id: str
    title: str
    statement: str
    hypotheses: tuple[Hypothesis, ...]
    claim: Claim
    formula: "Callable[[], sympy.Basic]"
    sources: tuple[Source, ...]
    uses: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    evaluate: Callable[..., Prediction] | None = None

    def predict(self, **parameters: object) -> Prediction:
        """Return the predicted number for given parameters (numbers, or text that reads as one).

        Raises
        ------
        ValueError
            For unknown, missing or inadmissible parameters, and for theorems that relate arrays.
        """
        if self.evaluate is None:
            raise ValueError(
                f"{self.id} relates arrays of one network, so no number follows from parameters; "
                "judge it with verify"
            )
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise ValueError(
                f"{self.id}: unknown parameter {', '.join(unknown)}; it takes {', '.join(known)}"
            )
        values = {}
        for name, parameter in known.items():
            value = parameters.get(name, parameter.default)
            if value is None:
                raise ValueError(f"{self.id}: parameter {name} ({parameter.meaning}) is missing")
            values[name] = parameter.parse(self.id, value)
        prediction = self.evaluate(**values)
        if not abs(prediction.value) < float("inf"):
            raise ValueError(f"{self.id}: the prediction is not finite for {values}")
        return prediction

    def latex(self) -> str:
        """Return the formula in LaTeX."""
        from sympy import latex

        return str(latex(self.formula()))

    def text(self) -> str:
        """Return the formula as readable text."""
        from sympy import pretty

        return str(pretty(self.formula(), use_unicode=True, wrap_line=False))
