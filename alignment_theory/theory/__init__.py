"""The theorems: statements, hypotheses, formulas and predictions. Nothing here runs a network."""

from alignment_theory.theory.bounds import BOUNDS
from alignment_theory.theory.contrast import contrast_normalised
from alignment_theory.theory.convolution_depth import CONVOLUTION_DEPTH
from alignment_theory.theory.depth_laws import DEPTH_LAWS
from alignment_theory.theory.identities import IDENTITIES
from alignment_theory.theory.laws import LAW_THEOREMS
from alignment_theory.theory.one_layer import ONE_LAYER
from alignment_theory.theory.orthogonal_depth import ORTHOGONAL_LAWS
from alignment_theory.theory.other_laws import OTHER_LAWS
from alignment_theory.theory.parameters import Choice, Number, Parameter, Widths
from alignment_theory.theory.pooled_filters import POOLED_CONVOLUTION
from alignment_theory.theory.shared_weights import CONVOLUTION_LAWS
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

CATALOGUE: dict[str, Theorem] = {
    theorem.id: theorem
    for group in (
        IDENTITIES,
        BOUNDS,
        LAW_THEOREMS,
        CONVOLUTION_LAWS,
        ONE_LAYER,
        OTHER_LAWS,
        (POOLED_CONVOLUTION, CONVOLUTION_DEPTH),
        DEPTH_LAWS,
        ORTHOGONAL_LAWS,
    )
    for theorem in group
}


def theorem(identifier: str) -> Theorem:
    """Return a theorem by its id; ValueError listing the ids where there is none."""
    if identifier not in CATALOGUE:
        raise ValueError(f"no theorem {identifier!r}; known are {', '.join(CATALOGUE)}")
    return CATALOGUE[identifier]


__all__ = [
    "CATALOGUE",
    "Choice",
    "Claim",
    "Hypothesis",
    "Number",
    "Parameter",
    "Prediction",
    "Theorem",
    "Widths",
    "contrast_normalised",
    "theorem",
]
