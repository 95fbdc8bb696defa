"""What a theorem is here: data. Statement, hypotheses, a claim of a stated kind, a formula."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.sources import Source
from alignment_theory.theory.notation import latex
from alignment_theory.theory.parameters import Parameter


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


@dataclass(frozen=True, eq=False)
class Prediction:
    """A predicted number, or an array of them; for a limit also where it comes from.

    Attributes
    ----------
    value : float or array
        The prediction at the given sizes.
    remainder : float or array
        Size of the terms left out (0 for exact statements).
    terms : mapping
        Named pieces, for instance "limit" and "1/n term" (of which the value is the sum), and what
        else is worth knowing, such as the "1/n² term" that the remainder is made from.
    """

    value: float | Array
    remainder: float | Array = 0.0
    terms: Mapping[str, float | Array] = field(default_factory=dict)

    def __float__(self) -> float:
        """Return the value."""
        return float(self.value)


@dataclass(frozen=True)
class Theorem:
    """A claim about attributions that can be shown, evaluated and judged.

    Attributes
    ----------
    id, title : str
    statement : str
        In plain language with the notation of the package docstring.
    hypotheses : tuple of Hypothesis
        Each is needed: the catalogue holds a case without it in which the claim is refuted.
    claim : Claim
    formula : SymPy expression, or callable returning one
        The formula, written once; text, LaTeX and predictions come from it.
    sources : tuple of Source
    uses : tuple of str
        Ids of theorems this one builds on.
    parameters : tuple of Parameter
        Arguments of `predict`; empty where the theorem relates arrays.
    evaluate : callable, optional
        From checked parameters to a Prediction, where it takes more than the right-hand side of
        the formula (which is what is evaluated without it, its symbols being the parameters).
    """

    id: str
    title: str
    statement: str
    hypotheses: tuple[Hypothesis, ...]
    claim: Claim
    formula: sp.Basic | Callable[[], sp.Basic]
    sources: tuple[Source, ...] = ()
    uses: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    evaluate: Callable[..., Prediction] | None = None

    def __post_init__(self) -> None:
        """Check the fields; ValueError for a claim, formula or parameters that are none."""
        if self.claim not in list(Claim):
            raise ValueError(
                f"{self.id}: claim must be one of {', '.join(Claim)}, got {self.claim!r}"
            )
        object.__setattr__(self, "claim", Claim(self.claim))
        if not isinstance(self.formula, sp.Basic) and not callable(self.formula):
            raise ValueError(
                f"{self.id}: formula must be a SymPy expression such as Eq(quantity, value), or a "
                f"function returning one, got {self.formula!r}"
            )
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
            raise ValueError(
                f"{self.id}: parameters must have different names that Python takes for names, "
                f"got {', '.join(names)}"
            )

    def predict(self, **parameters: object) -> Prediction:
        """Return the prediction for given parameters (numbers, arrays, or text that reads as one).

        Arrays are broadcast against each other where the formula has closed form.

        Raises
        ------
        ValueError
            For unknown, missing or inadmissible parameters, arrays where one number is needed,
            theorems that relate arrays, and where float64 does not hold the prediction.
        """
        if not self.parameters and self._relates_arrays():
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
        return self._checked(self._evaluated(values), values)

    def _relates_arrays(self) -> bool:
        formula = self.expression()
        return not (isinstance(formula, sp.Eq) and formula.rhs.is_number)

    def _evaluated(self, values: Mapping[str, Any]) -> Any:
        try:
            return (self.evaluate or self._right_hand_side)(**values)
        except (ArithmeticError, MemoryError) as error:
            raise ValueError(
                f"{self.id}: float64 does not hold the prediction for {_told(values)} "
                f"({type(error).__name__}: {error}); take less extreme numbers"
            ) from error

    def _checked(self, prediction: Any, values: Mapping[str, Any]) -> Prediction:
        if not isinstance(prediction, Prediction):
            raise ValueError(
                f"{self.id}: evaluate must return a Prediction, got {type(prediction).__name__}"
            )
        remainder = np.asarray(prediction.remainder, dtype=float)
        if not np.isfinite(prediction.value).all():
            raise ValueError(f"{self.id}: the prediction is not finite for {_told(values)}")
        if np.isnan(remainder).any() or (remainder < 0).any():
            raise ValueError(
                f"{self.id}: a remainder must be >= 0, got {prediction.remainder} for "
                f"{_told(values)}"
            )
        return prediction

    def expression(self) -> sp.Basic:
        """Return the formula."""
        return self.formula if isinstance(self.formula, sp.Basic) else self.formula()

    def latex(self) -> str:
        """Return the formula in LaTeX."""
        return latex(self.expression())

    def text(self) -> str:
        """Return the formula as readable text."""
        return str(sp.pretty(self.expression(), use_unicode=True, wrap_line=False))

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields without the compiled formula, which cannot travel."""
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        formula = self.expression()
        if not isinstance(formula, sp.Eq):
            raise ValueError(f"{self.id}: expected a formula of the form Eq(quantity, value)")
        symbols = {str(symbol): symbol for symbol in formula.rhs.free_symbols}
        missing = sorted(set(symbols) - {parameter.name for parameter in self.parameters})
        if missing:
            raise ValueError(f"{self.id}: the formula's {', '.join(missing)} is no parameter")
        arguments = [symbols.get(p.name, sp.Symbol(p.name)) for p in self.parameters]
        compiled: Callable[..., Any] = sp.lambdify(arguments, formula.rhs, "scipy")
        return compiled

    def _right_hand_side(self, **values: object) -> Prediction:
        with np.errstate(all="ignore"):
            value = self._compiled(*(values[parameter.name] for parameter in self.parameters))
        return Prediction(value if np.ndim(value) else float(value))


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
