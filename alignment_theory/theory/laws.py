"""Laws for networks with random weights."""

from collections.abc import Callable
from functools import cache
from typing import Any

import sympy as sp

from alignment_theory.sources import NIE_2018, ZHENG_2025
from alignment_theory.theory.conditions import (
    ACTIVE_ONLY,
    BIAS_FREE,
    GAUSSIAN,
    ISOTROPIC,
    NONZERO,
    NONZERO_ACTIVATIONS,
    SOME_COEFFICIENT,
    THROUGH_Z,
)
from alignment_theory.theory.parameters import Choice, Number
from alignment_theory.theory.theorem import Claim, Prediction, Theorem

_n, _d = sp.symbols("n d", positive=True)
_sigma, _norm = sp.symbols("sigma ‖x‖", positive=True)

_GAMMA_STEP = sp.rf(_d / 2, sp.Rational(1, 2))
"""``Γ((d + 1)/2) / Γ(d/2)``, with all its digits at large d, unlike a difference of logarithms."""

_SPHERE_ONE = sp.sqrt(_d) * _sigma / (2 * sp.sqrt(sp.pi) * _GAMMA_STEP)
_KAPPAS = {
    ("gaussian", "one"): _sigma / sp.sqrt(2 * sp.pi),
    ("gaussian", "activation"): _sigma**2 * _norm / 2,
    ("sphere", "one"): _SPHERE_ONE,
    ("sphere", "activation"): _sigma**2 * _norm / 2,
}
"""κ_φ by the law of the rows (sphere: radius σ√d, so that entries have variance σ²) and φ."""


def _isotropic_formula() -> sp.Eq:
    x = sp.MatrixSymbol("x", sp.Symbol("d", integer=True), 1)
    mean = sp.MatrixSymbol("E g_0", sp.Symbol("d", integer=True), 1)
    return sp.Eq(mean, sp.Symbol("n") * sp.Symbol("kappa_phi") / _norm * x, evaluate=False)


@cache
def _isotropic_compiled(rows: str, coefficients: str) -> Callable[..., Any]:
    return sp.lambdify((_d, _sigma, _norm), _KAPPAS[rows, coefficients], "scipy")


def _predict_isotropic(
    rows: str, coefficients: str, n: int, d: int, sigma: float, norm: float
) -> Prediction:
    kappa = _isotropic_compiled(rows, coefficients)(d, sigma, norm)
    return Prediction(n * kappa, terms={"kappa": kappa})


def _exact_formula() -> sp.And:
    parallel, perpendicular = sp.symbols("g∥ ‖g⊥‖", real=True)
    z_dot_c, a_norm, c_norm = sp.symbols("(z-b)·c ‖a‖ ‖c‖", real=True)
    chi2 = sp.Function("χ²")(_d - 1)
    return sp.And(
        sp.Eq(parallel, z_dot_c / a_norm, evaluate=False),
        sp.Eq((perpendicular / (_sigma * c_norm)) ** 2, chi2, evaluate=False),
    )


def _predict_exact(z_dot_c: float, norm: float, c_norm: float, sigma: float, d: int) -> Prediction:
    parallel = z_dot_c / norm
    mean_square = (d - 1) * (sigma * c_norm) ** 2
    return Prediction(parallel, terms={"parallel": parallel, "E perpendicular²": mean_square})


_N = Number("n", "number of neurons", 200, minimum=1, whole=True)
_D = Number("d", "number of inputs", 200, minimum=2, whole=True)
_SIGMA = Number("sigma", "standard deviation of a weight", 1.0, minimum=1e-150)
_NORM = Number("norm", "norm of the input", 1.0, minimum=1e-150)

ISOTROPIC_ALIGNMENT = Theorem(
    "isotropic-alignment",
    "Isotropic random weights align the attribution with the input (Theorem 1)",
    "With coefficients φ(w·x) > 0 on active rows, E[g_0] = n κ_φ x/‖x‖ with κ_φ > 0; Gaussian "
    "rows: κ = σ/√(2π) for φ = 1 and σ²‖x‖/2 for φ(t) = t.",
    (ISOTROPIC, BIAS_FREE, ACTIVE_ONLY, NONZERO),
    Claim.MEAN,
    _isotropic_formula,
    (ZHENG_2025, NIE_2018),
    uses=("combined-weight",),
    parameters=(
        Choice("rows", "law of the rows", "gaussian", choices=("gaussian", "sphere")),
        Choice("coefficients", "φ: 1 or t", "one", choices=("one", "activation")),
        _N,
        _D,
        _SIGMA,
        _NORM,
    ),
    evaluate=_predict_isotropic,
)
EXACT_LAW = Theorem(
    "exact-law",
    "The exact law of one backward step",
    "Given (z_l, c_l, a_{l-1}), the component of g_{l-1} along a_{l-1} is exactly (z_l - b_l)·c_l/"
    "‖a_{l-1}‖ and ‖g_⊥‖²/(σ²‖c_l‖²) ~ χ²(d-1); the p-values are i.i.d. uniform jointly over "
    "layers and networks, at every finite size, with or without (fixed) biases.",
    (GAUSSIAN, THROUGH_Z, NONZERO_ACTIVATIONS, SOME_COEFFICIENT),
    Claim.EXACT_LAW,
    _exact_formula,
    (ZHENG_2025,),
    uses=("combined-weight",),
    parameters=(
        Number("z_dot_c", "(z_l - b_l) · c_l"),
        Number("norm", "‖a_{l-1}‖", 1.0, minimum=1e-300),
        Number("c_norm", "‖c_l‖", 1.0, minimum=0),
        _SIGMA,
        _D,
    ),
    evaluate=_predict_exact,
)
LAW_THEOREMS = (ISOTROPIC_ALIGNMENT, EXACT_LAW)
