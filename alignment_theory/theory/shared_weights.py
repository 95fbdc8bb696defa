"""The exact law of one backward step where weights are shared: convolutions."""

import sympy as sp

from alignment_theory.sources import ZHENG_2025
from alignment_theory.theory.conditions import (
    FRESH_LAYERS,
    GAUSSIAN_FILTERS,
    SOME_COEFFICIENT,
    THROUGH_Z,
)
from alignment_theory.theory.theorem import Claim, Hypothesis, Theorem

UNSPANNED = Hypothesis(
    "unspanned", "the patches of a_{l-1} do not span all D inputs of a filter (rank X < D)"
)
BEFOREHAND = Hypothesis("fixed-probes", "the images y_j see W_l only through z_l")


def _formula() -> sp.And:
    degrees = sp.Symbol("rank K", positive=True)
    mean, square = sp.symbols("m_j e_j", real=True)
    part, rest = sp.Symbol("⟨W_X, C (Y_j)ᵀ⟩"), sp.Symbol("⟨g_{l-1}, y_j⟩")
    covariance, sigma = sp.symbols("K_ij sigma", real=True)
    across = sp.Symbol("⟨C (Y_i)ᵀ (I - P_X), C (Y_j)ᵀ (I - P_X)⟩")
    return sp.And(
        sp.Eq(square, rest - mean, evaluate=False),
        sp.Eq(mean, part, evaluate=False),
        sp.Eq(covariance, sigma**2 * across, evaluate=False),
        sp.Eq(sp.Symbol("eᵀK⁺e"), sp.Function("χ²")(degrees), evaluate=False),
    )


SHARED_WEIGHTS_LAW = Theorem(
    "shared-weights-law",
    "The exact law of one backward step through a convolution",
    "One filter meets all P patches X of a_{l-1} (D × P, D = k² · channels), so z_l shows W_l on "
    "their whole span and not along one vector: W_X = (Z_l - b) X⁺, which is W_l P_X, P_X the "
    "projection on the span. With C the coefficients (filters × P) and Y_j "
    "the patches of an image y_j, ⟨g_{l-1}, y_j⟩ given (z_l, c_l, a_{l-1}) is normal with mean "
    "⟨W_X, C Y_jᵀ⟩ and covariances σ²⟨C Y_iᵀ(I - P_X), C Y_jᵀ(I - P_X)⟩; the p-values are i.i.d. "
    "uniform jointly over layers and networks, at every finite size. One patch is `exact-law`. "
    "Where the patches span all D inputs, as in the first layers of most networks, nothing is "
    "left to chance: z_l determines W_l, and g_{l-1} with it.",
    (GAUSSIAN_FILTERS, FRESH_LAYERS, THROUGH_Z, UNSPANNED, BEFOREHAND, SOME_COEFFICIENT),
    Claim.EXACT_LAW,
    _formula,
    (ZHENG_2025,),
    uses=("combined-weight", "exact-law"),
)

CONVOLUTION_LAWS = (SHARED_WEIGHTS_LAW,)
