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
        Named pieces, for instance "limit" and "1/n term", whose sum is the value.
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

    def predict(self, **parameters: object) -> Prediction:
        """Return the prediction for given parameters (numbers, arrays, or text that reads as one).

        Arrays are broadcast against each other where the formula has closed form.

        Raises
        ------
        ValueError
            For unknown, missing or inadmissible parameters, and for theorems that relate arrays.
        """
        if not self.parameters:
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
        prediction = (self.evaluate or self._right_hand_side)(**values)
        if not np.isfinite(prediction.value).all():
            raise ValueError(f"{self.id}: the prediction is not finite for {values}")
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
