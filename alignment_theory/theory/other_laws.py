"""Theorems on one random layer whose rows are not i.i.d. isotropic Gaussian."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.sources import NIE_2018, ZHENG_2025
from alignment_theory.theory.anisotropic_rows import (
    effective_dimension,
    mean_attribution,
    predict_cosine,
)
from alignment_theory.theory.conditions import (
    BIAS_FREE,
    GAUSSIAN_FILTERS,
    INDEPENDENT,
    NONZERO,
    THROUGH_Z,
)
from alignment_theory.theory.entry_kurtosis import (
    KURTOSIS,
    MOST_COORDINATES,
    predict_concentrated,
    predict_half_mean,
    predict_spread_out,
)
from alignment_theory.theory.filter_noise import predict_noise
from alignment_theory.theory.filter_overlaps import filter_moments
from alignment_theory.theory.one_layer import D, N
from alignment_theory.theory.orthogonal_frames import predict_haar
from alignment_theory.theory.parameters import Choice, Number, Parameter
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

_n, _d, _kappa, _sigma = sp.symbols("n d kappa sigma", positive=True)


@dataclass(frozen=True)
class Vector(Parameter):
    """A sequence of finite numbers, or text such as "1,0.7,0.4"."""

    minimum: float | None = None

    def parse(self, theorem: str, value: object) -> Array:
        """Return a float array of one axis."""
        wanted = f"numbers {self.admits}".strip() + ", such as 1,0.7,0.4"
        try:
            numbers = np.asarray(value.split(",") if isinstance(value, str) else value, float)
        except (TypeError, ValueError):
            raise self.refuse(theorem, wanted, value) from None
        low = -np.inf if self.minimum is None else self.minimum
        if numbers.ndim != 1 or not (np.isfinite(numbers).all() and (numbers >= low).all()):
            raise self.refuse(theorem, wanted, value)
        return numbers

    @property
    def admits(self) -> str:
        """The bound, where there is one."""
        return "" if self.minimum is None else f">= {self.minimum:g}"


ORTHOGONAL = Hypothesis(
    "orthogonal-frame", "the rows of W (n <= d) or its columns (n >= d) are orthogonal, of one norm"
)
UNIFORM_FRAME = Hypothesis(
    "uniform-frame", "W is uniform among these: U W V has the law of W for orthogonal U and V"
)
CASCADE = Hypothesis("cascade-coefficients", "the coefficients are proportional to the activations")
NORMAL_ROWS = Hypothesis("normal-rows", "every row of W is N(0, Σ)")
NONZERO_IMAGE = Hypothesis("nonzero-image", "Σ x ≠ 0")
SPREAD_NOISE = Hypothesis(
    "spread-noise",
    "the noise across Σx is spread out: ‖M‖_F/tr M is small, M = Σ - Σx xᵀΣ/xᵀΣx; where few "
    "directions hold it cos² stays random, and predict widens its remainder",
)
SHARED = Hypothesis("shared-filters", "one filter meets all patches")
STRIDE_ONE = Hypothesis("stride-one", "the patches are all k×k patches of the image, each once")
ONE_OR_ACTIVATION = Hypothesis(
    "one-or-activation", "the coefficients are 1 on active neurons, or the activations"
)
ONE_ON_ACTIVE = Hypothesis("one-on-active", "the coefficients are 1 on active neurons, 0 elsewhere")
IID_ENTRIES = Hypothesis(
    "iid-entries", "the entries of W are i.i.d. with mean 0 and a finite sixth moment"
)
SYMMETRIC = Hypothesis("symmetric-entries", "an entry is as likely as its opposite")
NO_TIES = Hypothesis("no-ties", "w·x = 0 has probability 0 (a tie that ±1 entries can make)")
DELOCALISED = Hypothesis("delocalised", "ι = Σ x⁴/‖x‖⁴ is small; else the exact moments decide")


def _haar_formula() -> sp.Eq:
    wide = sp.Piecewise((_n / (2 * _d), _n <= _d), (1 / (1 + (_d - 1) / (_n - 1)), True))
    return sp.Eq(sp.Symbol("E cos²"), wide, evaluate=False)


HAAR_LAW = Theorem(
    "haar-law",
    "Orthonormal rows or columns",
    "With c = a and orthonormal rows (n <= d) cos(g_0, x) = ‖P_A x‖/‖x‖, P_A onto the span of the "
    "active rows, and E cos² = n/(2d) exactly; with orthonormal columns (n >= d) exactly cos² = "
    "q/(q + (1-q) B) with q ~ Beta(K/2, (n-K)/2), K ~ Binomial(n, 1/2), and B ~ Beta((d-1)/2, "
    "(n-d)/2), so cos² → 1/(1 + d/n). predict gives the mean given that some neuron is active.",
    (ORTHOGONAL, UNIFORM_FRAME, BIAS_FREE, CASCADE, NONZERO),
    Claim.LIMIT,
    _haar_formula,
    (ZHENG_2025,),
    uses=("combined-weight", "cascade"),
    parameters=(N, D),
    evaluate=predict_haar,
)


def _anisotropy_formula() -> sp.And:
    size = sp.Symbol("d", integer=True, positive=True)
    x, covariance = sp.MatrixSymbol("x", size, 1), sp.MatrixSymbol("Sigma", size, size)
    mean, effective = sp.MatrixSymbol("E R", size, 1), sp.Symbol("D", positive=True)
    square = sp.Symbol("xᵀΣx", positive=True)
    dimension = sp.Trace(covariance) * square / sp.Symbol("xᵀΣ²x", positive=True)
    return sp.And(
        sp.Eq(mean, _n / sp.sqrt(2 * sp.pi * square) * covariance * x, evaluate=False),
        sp.Eq(sp.Symbol("cos²(R, Σx)"), 1 / (1 + _kappa * (effective - 1) / _n), evaluate=False),
        sp.Eq(effective, dimension, evaluate=False),
    )


def _predict_anisotropy(
    quantity: str, coefficients: str, n: int, variances: Array, x: Array
) -> Prediction:
    if x.shape != variances.shape or len(x) < 2:
        raise ValueError(
            f"anisotropy: variances and x must have one length >= 2, got {len(variances)} and "
            f"{len(x)}"
        )
    if not ((variances > 0) & (x != 0)).any():
        raise ValueError("anisotropy: Σ x is 0, so no neuron is ever active; give another x")
    if quantity == "mean":
        return Prediction(mean_attribution(coefficients, n, variances, x))
    toward = quantity.removeprefix("cos² with ")
    found = predict_cosine(coefficients, n, variances, x, toward)
    terms = {**found.terms, "effective dimension": effective_dimension(variances, x)}
    return Prediction(found.value, found.remainder, terms)


ANISOTROPY = Theorem(
    "anisotropy",
    "Anisotropic rows align the attribution with Σx, not with x",
    "Rows N(0, Σ): E R = n Σx/√(2π xᵀΣx) for c = 1 on active, n Σx/2 for c = a; cos²(R, Σx) → "
    "1/(1 + κ (D-1)/n) with the effective dimension D = tr Σ · xᵀΣx/xᵀΣ²x and κ of "
    "`alignment-curve`, and cos²(R, x) → cos²(Σx, x) times that, if the noise is spread out: for Σ "
    "= diag(n, 1), x = e_2 and c = a, cos² → 1/(1 + 2 ξ²), ξ ~ N(0, 1). predict takes a diagonal "
    "Σ.",
    (NORMAL_ROWS, INDEPENDENT, BIAS_FREE, THROUGH_Z, NONZERO_IMAGE, SPREAD_NOISE),
    Claim.LIMIT,
    _anisotropy_formula,
    (ZHENG_2025,),
    uses=("alignment-curve", "isotropic-alignment"),
    parameters=(
        Choice(
            "quantity",
            "what is predicted",
            "cos² with Σx",
            choices=("cos² with Σx", "cos² with x", "mean"),
        ),
        Choice("coefficients", "1 on active, or c = a", "active", choices=("active", "cascade")),
        N,
        Vector("variances", "diagonal of Σ", minimum=0.0),
        Vector("x", "the input"),
    ),
    evaluate=_predict_anisotropy,
)


def _convolution_formula() -> sp.And:
    filters, noise = sp.symbols("F C", positive=True)
    pixel, local = sp.Symbol("x_i", real=True), sp.Symbol("Σ_{p∋i} 1/‖x_p‖", positive=True)
    mean = filters * _sigma / sp.sqrt(2 * sp.pi) * pixel * local
    return sp.And(
        sp.Eq(sp.Symbol("E R_i"), mean, evaluate=False),
        sp.Eq(sp.Symbol("E[1 - cos²(R, E R)]"), noise / filters, evaluate=False),
    )


def _predict_convolution(
    quantity: str, coefficients: str, size: int, k: int, filters: int, sigma: float
) -> Prediction:
    """Return the mean image, or E[1 - cos²] to second order in 1/F."""
    if k > size:
        raise ValueError(f"convolution: k must be at most size, got k = {k} and size = {size}")
    if quantity == "mean":
        scale = sigma**2 if coefficients == "cascade" else sigma
        return Prediction(filters * scale * filter_moments(size, k, coefficients).mean)
    return predict_noise(size, k, coefficients, filters)


CONVOLUTION = Theorem(
    "convolution",
    "Random filters show the locally contrast-normalised image",
    "For F random filters, c = a gives back the image, E R_i = F σ²/2 x_i · (patches that hold i); "
    "c = 1 on active gives E R_i = F σ/√(2π) x_i Σ_{p∋i} 1/‖x_p‖. 1 - cos²(R, E R) ≈ C/F, C = (tr "
    "Cov r - Var⟨r, E r⟩/‖E r‖²)/‖E r‖² of one filter's image r, exactly by arc-cosine moments of "
    "pairs of patches. predict adds the next order to N/(1 + N), N = C/F, which stays within [0, "
    "1] where C exceeds F; for a Gaussian blob of standard deviation size/6.",
    (
        GAUSSIAN_FILTERS,
        SHARED,
        STRIDE_ONE,
        BIAS_FREE,
        ONE_OR_ACTIVATION,
        NONZERO,
    ),
    Claim.LIMIT,
    _convolution_formula,
    (ZHENG_2025, NIE_2018),
    uses=("isotropic-alignment",),
    parameters=(
        Choice("quantity", "what is predicted", "1 - cos²", choices=("1 - cos²", "mean")),
        Choice("coefficients", "1 on active, or c = a", "active", choices=("active", "cascade")),
        Number("size", "side of the image", 20, minimum=2, maximum=64, whole=True),
        Number("k", "side of a filter", 3, minimum=1, maximum=7, whole=True),
        Number("filters", "number of filters F", 64, minimum=1, whole=True),
        Number("sigma", "standard deviation of a weight", 1.0, minimum=1e-150),
    ),
    evaluate=_predict_convolution,
)


def _universality_formula() -> sp.Eq:
    kurtosis, iota = sp.symbols("gamma_2 iota", real=True)
    return sp.Eq(_kappa, sp.pi * (1 + kurtosis * iota / 12), evaluate=False)


def _predict_universality(quantity: str, entries: str, **sizes: Any) -> Prediction:
    n, d, iota, iota_6, x = (sizes[name] for name in ("n", "d", "iota", "iota_6", "x"))
    if quantity == "half-mean":
        return predict_half_mean(entries, iota, iota_6)
    if not len(x):
        return predict_spread_out(entries, n, d, iota, iota_6)
    if len(x) > min(MOST_COORDINATES, d - 1) or not x.all():
        raise ValueError(
            f"universality: x lists its coordinates that are not 0, at most {MOST_COORDINATES} and "
            f"fewer than d = {d}; got {x.tolist()}. Give iota instead where x is spread out"
        )
    return predict_concentrated(entries, n, d, x)


UNIVERSALITY = Theorem(
    "universality",
    "Entries that are not Gaussian: the same limit for delocalised inputs",
    "For i.i.d. symmetric entries and c = 1 on active, E cos² is the Gaussian one with κ = π (1 + "
    "γ_2 ι/12): γ_2 the entries' excess kurtosis, ι = Σ x⁴/‖x‖⁴, of order 1/d for delocalised x. "
    "The law of the entries acts through m = ½ ∇_x E|w·x| alone; where x sits on few coordinates "
    "m is not in its direction and cos² → 1/(1 + μ + κ (d-1)/n), μ = ‖m‖²/(m·x)² - 1, κ = 1/(2 "
    "(m·x)²), for ‖x‖ = 1.",
    (IID_ENTRIES, SYMMETRIC, NO_TIES, DELOCALISED, BIAS_FREE, ONE_ON_ACTIVE, NONZERO),
    Claim.LIMIT,
    _universality_formula,
    (ZHENG_2025,),
    uses=("alignment-curve",),
    parameters=(
        Choice("quantity", "what is predicted", "cos²", choices=("cos²", "half-mean")),
        Choice("entries", "law of the entries", "uniform", choices=tuple(KURTOSIS)),
        N,
        D,
        Number("iota", "Σ x⁴/‖x‖⁴", 0.0, minimum=0.0, maximum=1.0),
        Number("iota_6", "Σ x⁶/‖x‖⁶, 1 where unknown", 1.0, minimum=0.0, maximum=1.0),
        Vector("x", "coordinates of an x that sits on few, in place of iota", ()),
    ),
    evaluate=_predict_universality,
)

OTHER_LAWS = (HAAR_LAW, ANISOTROPY, CONVOLUTION, UNIVERSALITY)
