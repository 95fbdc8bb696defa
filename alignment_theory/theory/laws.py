"""Laws for networks with random weights."""

from functools import cache

import sympy as sp

from alignment_theory.sources import NIE_2018, ZHENG_2025
from alignment_theory.theory import curves
from alignment_theory.theory.moments import LAWS
from alignment_theory.theory.theorem import Claim, Hypothesis, Parameter, Prediction, Theorem

GAUSSIAN = Hypothesis("gaussian-weights", "the entries of all W_l are i.i.d. N(0, σ²), σ > 0")
ISOTROPIC = Hypothesis(
    "isotropic-rows", "the rows of W have a rotation-invariant law with a finite mean norm, not 0"
)
NO_BIAS = Hypothesis("bias-free", "the layer has no bias")
THROUGH_Z = Hypothesis("sees-z-only", "the coefficients c_l see W_l only through z_l")
NONZERO = Hypothesis("nonzero-input", "x ≠ 0")
SOME_COEFFICIENT = Hypothesis("some-coefficient", "c_l ≠ 0 (dead trials are left out and counted)")
INDEPENDENT = Hypothesis("iid-neurons", "the pairs (t, c) of the neurons are i.i.d.")
ACTIVE_ONLY = Hypothesis("active-rows", "coefficients are φ(w·x) > 0 on active rows, 0 elsewhere")

_n, _d = sp.symbols("n d", positive=True)
_sigma, _norm = sp.symbols("sigma ‖x‖", positive=True)

_GAMMAS = sp.exp(sp.loggamma(_d / 2) - sp.loggamma((_d + 1) / 2))
_SPHERE_ONE = sp.sqrt(_d) * _sigma * _GAMMAS / (2 * sp.sqrt(sp.pi))
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
def _isotropic_compiled(rows: str, coefficients: str) -> object:
    return sp.lambdify((_d, _sigma, _norm), _KAPPAS[rows, coefficients], "scipy")


def _predict_isotropic(
    rows: str, coefficients: str, n: int, d: int, sigma: float, norm: float
) -> Prediction:
    kappa = float(_isotropic_compiled(rows, coefficients)(d, sigma, norm))  # type: ignore[operator]
    return Prediction(n * kappa, terms={"kappa": kappa})


def _exact_formula() -> sp.And:
    parallel, perpendicular = sp.symbols("g∥ ‖g⊥‖", real=True)
    z_dot_c, a_norm, c_norm = sp.symbols("z·c ‖a‖ ‖c‖", real=True)
    chi2 = sp.Function("χ²")(_d - 1)
    return sp.And(
        sp.Eq(parallel, z_dot_c / a_norm, evaluate=False),
        sp.Eq((perpendicular / (_sigma * c_norm)) ** 2, chi2, evaluate=False),
    )


def _predict_exact(z_dot_c: float, norm: float, c_norm: float, sigma: float, d: int) -> Prediction:
    parallel = z_dot_c / norm
    mean_square = (d - 1) * (sigma * c_norm) ** 2
    return Prediction(parallel, terms={"parallel": parallel, "E perpendicular²": mean_square})


_N = Parameter("n", "number of neurons", 200, minimum=1, whole=True)
_D = Parameter("d", "number of inputs", 200, minimum=2, whole=True)
_SIGMA = Parameter("sigma", "standard deviation of a weight", 1.0, minimum=1e-150)
_NORM = Parameter("norm", "norm of the input", 1.0, minimum=1e-150)

ISOTROPIC_ALIGNMENT = Theorem(
    "isotropic-alignment",
    "Isotropic random weights align the attribution with the input (Theorem 1)",
    "With coefficients φ(w·x) > 0 on active rows, E[g_0] = n κ_φ x/‖x‖ with κ_φ > 0; Gaussian "
    "rows: κ = σ/√(2π) for φ = 1 and σ²‖x‖/2 for φ(t) = t.",
    (ISOTROPIC, NO_BIAS, ACTIVE_ONLY, NONZERO),
    Claim.MEAN,
    _isotropic_formula,
    (ZHENG_2025, NIE_2018),
    uses=("combined-weight",),
    parameters=(
        Parameter("rows", "law of the rows", "gaussian", choices=("gaussian", "sphere")),
        Parameter("coefficients", "φ: 1 or t", "one", choices=("one", "activation")),
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
    "Given (z_l, c_l, a_{l-1}), the component of g_{l-1} along a_{l-1} is exactly z_l·c_l/‖a_{l-1}‖"
    " and ‖g_⊥‖²/(σ²‖c_l‖²) ~ χ²(d-1); the p-values are i.i.d. uniform jointly over layers and "
    "networks, at every finite size.",
    (GAUSSIAN, NO_BIAS, THROUGH_Z, NONZERO, SOME_COEFFICIENT),
    Claim.EXACT_LAW,
    _exact_formula,
    (ZHENG_2025,),
    uses=("combined-weight",),
    parameters=(
        Parameter("z_dot_c", "z_l · c_l"),
        Parameter("norm", "‖a_{l-1}‖", 1.0, minimum=1e-300),
        Parameter("c_norm", "‖c_l‖", 1.0, minimum=0),
        _SIGMA,
        _D,
    ),
    evaluate=_predict_exact,
)
ALIGNMENT_CURVE = Theorem(
    "alignment-curve",
    "How well one random layer aligns",
    "cos²(g_0, x) → 1/(1 + κ (d-1)/n) with κ = E[c²]/E[t c]²: π where every active neuron counts "
    "1, π² for Guided Backprop's first step, 2 for c ∝ a (the best), Φ̄(s)/φ(s)² above a threshold "
    "s; the 1/n term is predicted too, and the remainder is O(1/n²) plus "
    "P(all c = 0).",
    (GAUSSIAN, NO_BIAS, THROUGH_Z, INDEPENDENT, NONZERO),
    Claim.LIMIT,
    curves.limit_formula,
    (ZHENG_2025,),
    uses=("exact-law",),
    parameters=(
        Parameter("coefficients", "law of the coefficients", "active", choices=tuple(LAWS)),
        _N,
        _D,
        Parameter("s", 'threshold of "top" on the normalised pre-activation', 0.0),
    ),
    evaluate=curves.predict_curve,
)

LAW_THEOREMS = (ISOTROPIC_ALIGNMENT, EXACT_LAW, ALIGNMENT_CURVE)
