"""Inequalities: true of every network, trained or not."""

import sympy as sp

from alignment_theory.sources import SIXT_2020, ZHENG_2025
from alignment_theory.theory.identities import BIAS_FREE, RELU
from alignment_theory.theory.theorem import Claim, Hypothesis, Theorem

NEGATIVE_FILTERING = Hypothesis(
    "negative-filtering", "coefficients c_l >= 0 with support inside the mask of active neurons"
)


def _nfr_sign() -> sp.And:
    index = sp.Symbol("j", integer=True)
    c, z, b = (sp.IndexedBase(name)[index] for name in "czb")
    total = sp.Sum(c * (z - b), (index, 1, sp.Symbol("d_l", integer=True)))
    inner = sp.Symbol("⟨g, a⟩", real=True)
    return sp.And(sp.Eq(inner, total, evaluate=False), sp.Ge(inner, 0, evaluate=False))


NFR_SIGN = Theorem(
    "nfr-sign",
    "A negative filtering rule never points away from the input",
    "<g_{l-1}, a_{l-1}> = c_l · (z_l - b_l); bias-free and under the negative filtering rule it "
    "is >= 0 at every layer, and (masks strict, z > 0) > 0 unless c_l = 0.",
    (RELU, BIAS_FREE, NEGATIVE_FILTERING),
    Claim.BOUND,
    _nfr_sign,
    (ZHENG_2025, SIXT_2020),
    uses=("combined-weight",),
)

BOUNDS = (NFR_SIGN,)
