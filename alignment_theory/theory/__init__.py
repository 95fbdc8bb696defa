"""The theorems: statements, hypotheses, formulas and predictions. Nothing here runs a network."""

from alignment_theory.theory.bounds import BOUNDS
from alignment_theory.theory.identities import IDENTITIES
from alignment_theory.theory.laws import LAW_THEOREMS
from alignment_theory.theory.theorem import Claim, Hypothesis, Parameter, Prediction, Theorem

CATALOGUE: dict[str, Theorem] = {
    theorem.id: theorem for theorem in (*IDENTITIES, *BOUNDS, *LAW_THEOREMS)
}


def theorem(identifier: str) -> Theorem:
    """Return a theorem by its id; ValueError listing the ids where there is none."""
    if identifier not in CATALOGUE:
        raise ValueError(f"no theorem {identifier!r}; known are {', '.join(CATALOGUE)}")
    return CATALOGUE[identifier]


__all__ = ["CATALOGUE", "Claim", "Hypothesis", "Parameter", "Prediction", "Theorem", "theorem"]
