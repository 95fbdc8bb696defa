"""Formulas read in the sources of libraries that are not run here, written again in NumPy.

innvestigate 2.1.2, RelevancePropagation.jl, TorchRay. Each is computed on its own and compared with
what `dialect` makes of it.
"""

import numpy as np
import pytest

from alignment_theory import (
    DIALECTS,
    LRP0,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    DeepTaylor,
    Dense,
    GuidedBackprop,
    Network,
    Relu,
    Residual,
    attribute,
    dialect,
    fold_batch_norm,
)
from alignment_theory.rounding import relevance_bounds

ROUNDED = {"rel": 8 * float(np.finfo(np.float64).eps), "abs": 0}
"""Of dyadic numbers, of which at most 8 products, quotients and roots round on either side."""

RNG = np.random.default_rng(5)
W, B = RNG.normal(size=(6, 5)), RNG.normal(size=6)
W[4] = np.abs(W[4])  # so that nothing opposes at z⁺ inputs, nothing supports in the next
W[5], B[4:] = -np.abs(W[5]), 0
SIGNED, POSITIVE = RNG.uniform(-1, 1, (3, 5)), RNG.uniform(size=(3, 5))
ABOVE = RNG.normal(size=(3, 6))


def pos(values):
    return np.maximum(values, 0)


def neg(values):
    return np.minimum(values, 0)


def safe(z):
    """innvestigate's: 1e-7 is added to exact zeros only."""
    return z + 1e-7 * (z == 0)


def away(z, epsilon):
    return z + epsilon * np.where(z >= 0, 1, -1)


def shared(relevance, terms, divisor):
    """Return Σ_terms u ∘ Vᵀ (R / divisor)."""
    return sum(u * ((relevance / divisor) @ v) for u, v in terms)


def total(terms):
    return sum(u @ v.T for u, v in terms)


def same_signs(x):
    return [(pos(x), pos(W)), (neg(x), neg(W))]


def other_signs(x):
    return [(pos(x), neg(W)), (neg(x), pos(W))]


def boxed(x, low=-1, high=1):
    ones = np.ones_like(x)
    return [(x, W), (-low * ones, pos(W)), (-high * ones, neg(W))]


def innvestigate(rule, x, r):
    ones = np.ones_like(x)
    match rule:
        case "LRP0":
            return shared(r, [(x, W)], safe(x @ W.T + B))
        case "Epsilon":
            return shared(r, [(x, W)], away(x @ W.T + B, 1e-7))
        case "AlphaBeta":  # W⁺ and W⁻ layers have each its part of the bias: b⁺ + b⁻ in both
            for_it, against = same_signs(x), other_signs(x)
            supported = shared(r, for_it, safe(total(for_it) + pos(B) + neg(B)))
            return 2 * supported - shared(r, against, safe(total(against) + pos(B) + neg(B)))
        case "ZPlus":
            return shared(r, same_signs(x), safe(total(same_signs(x))))
        case "WSquare":
            return shared(r, [(ones, W**2)], safe(ones @ (W**2).T))
        case "Flat":
            return shared(r, [(ones, np.ones_like(W))], safe(ones @ np.ones_like(W).T))
        case "ZBox":
            return shared(r, boxed(x), safe(total(boxed(x))))


def julia(rule, x, r):
    ones = np.ones_like(x)
    match rule:
        case "Epsilon":
            return shared(r, [(x, W)], away(x @ W.T + B, 1e-6))
        case "Gamma":
            favoured = W + 0.25 * pos(W)
            return shared(r, [(x, favoured)], away(x @ favoured.T + B + 0.25 * pos(B), 1e-9))
        case "ZPlus":
            return shared(r, same_signs(x), away(total(same_signs(x)) + pos(B), 1e-9))
        case "AlphaBeta":
            for_it, against = same_signs(x), other_signs(x)
            supported = shared(r, for_it, away(total(for_it) + pos(B), 1e-9))
            return 2 * supported - shared(r, against, away(total(against) + neg(B), 1e-9))
        case "WSquare":
            return shared(r, [(ones, W**2)], away(ones @ (W**2).T, 1e-9))
        case "Flat":
            return shared(r, [(ones, np.ones_like(W))], away(5.0 * np.ones((3, 6)), 1e-9))
        case "ZBox":
            return shared(r, boxed(x), away(total(boxed(x)), 1e-9))


def torchray(rule, x, r):
    assert rule == "ExcitationBackprop"
    return shared(r, [(x, pos(W))], x @ pos(W).T + 1e-20)


FORMULAS = {"innvestigate": innvestigate, "rpjl": julia, "torchray": torchray}
LINEAR = [key for key in DIALECTS if key[0] in FORMULAS]


@pytest.mark.parametrize("x", [SIGNED, POSITIVE], ids=["signed", "positive"])
@pytest.mark.parametrize("key", LINEAR, ids=":".join)
def test_dialect_equals_the_formula_in_the_source(key, x):
    library, rule = key
    if library == "torchray" and x is SIGNED:
        x = x + 1  # its inputs are activations
    method = dialect(*key, *((-1, 1) if key == ("rpjl", "ZBox") else ()))
    found = attribute(Network([Dense(W, B)]), x, rule=method, seed=ABOVE)
    expected = FORMULAS[library](rule, x, ABOVE)
    bound = relevance_bounds(found)[0]  # of any two ways to add up the same terms
    assert (np.abs(found.relevance - expected) <= bound).all()
    assert np.abs(expected).max() > 0.1 and bound.max() < 1e-6 * np.abs(expected).max()


def test_the_two_biases_of_innvestigates_alpha_beta_change_the_sum():
    """W = (2, -1), b = (1): parts 2 and -1; 2·2/3 + 1/(-1 + 1 → 1e-7), zennit 2·2/3 - 1."""
    net = Network([Dense([[2.0, -1.0]], [1.0])])
    sums = [
        attribute(net, [1.0, 1.0], rule=dialect(library, "AlphaBeta"), seed=[1.0]).relevance.sum()
        for library in ("innvestigate", "zennit")
    ]
    rounded = 7 * ROUNDED["rel"]  # of terms that are up to 7 times their sum
    stabilised = [4 / 3 + 1e7, 4 / (3 + 1e-6) - 1 / (1 + 1e-6)]
    assert sums == pytest.approx(stabilised, rel=rounded, abs=0)


def test_excitation_backprop_of_torchray_needs_activations():
    """x = (-1, 2), W = (-3, 1): W⁺ x = 2, without the 3 of (-1)(-3) that ours counts."""
    net = Network([Dense([[-3.0, 1.0]])])
    rule = dialect("torchray", "ExcitationBackprop")
    assert attribute(net, [-1.0, 2.0], rule=rule, seed=[1.0]).relevance.tolist() == [0, 1]


def test_batch_normalisation_is_merged_with_the_root_of_the_variance():
    """γ = 1.5, v = 4, μ = 1, β = 0.5: k = 0.75, b = -0.25.

    innvestigate's fused scale is γ/√(v²+ε) = 0.375 and its shift -μ/√(v²+ε) + β = 0.25, with which
    the function is another one; RelevancePropagation.jl leaves out ε, which 1e-2 shows.
    """
    norm = BatchNorm.of([1.5], [0.5], [1.0], [4.0], epsilon=0.0)
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([0.75], [-0.25])
    theirs = BatchNorm([1.5 / 4], [-1 / 4 + 0.5])
    net, wrong = (Network([Dense([[2.0]]), layer]) for layer in (norm, theirs))
    outputs = [one.forward([3.0]).output.item() for one in (net, fold_batch_norm(net), wrong)]
    assert outputs == [4.25, 4.25, 2.5]
    kept = BatchNorm.of([1.5], [0.5], [1.0], [4.0], epsilon=1e-2)
    assert kept.weight[0] == pytest.approx(1.5 / np.sqrt(4.01), **ROUNDED)


def test_innvestigates_unfused_batch_normalisation_is_lrp_0_but_for_0_over_0():
    """R x (y - β) / ((x - μ) y) with y = γ (x - μ)/√v + β; at x = μ it is 0/0, ours R x k / y."""
    k, mean, shift = np.array([0.75, -2.0]), np.array([1.0, 0.5]), np.array([0.5, 1.0])
    net = Network([BatchNorm(k, shift - k * mean)], (2,))
    x, r = np.array([3.0, -1.0]), np.array([2.0, 5.0])
    y = k * (x - mean) + shift
    found = attribute(net, x, rule=LRP0(), seed=r).relevance
    assert found == pytest.approx(r * x * (y - shift) / ((x - mean) * y), **ROUNDED)
    at_mean = attribute(net, mean, rule=LRP0(), seed=r).relevance
    assert at_mean == pytest.approx(r * mean * k / shift, **ROUNDED)


def test_torchrays_guided_backprop_is_open_at_0():
    """It masks x < 0; with `active_at_zero` so does ours."""
    weight = [[1.0, -1.0]]  # z = 0 at x = (1, 1)
    for opened in (False, True):
        net = Network([Dense(weight), Relu(active_at_zero=opened), Dense([[2.0]])])
        found = attribute(net, [1.0, 1.0], rule=GuidedBackprop()).relevance
        assert found.tolist() == ([2, -2] if opened else [0, 0])


def test_deep_taylor_shares_out_at_pools_and_sums_where_innvestigate_takes_the_gradient():
    """Average of (0, 2) and the sum a + 1·a: the gradient gives R/2 and R/2, and R twice."""
    pooled = Network([Conv2d([[[[1.0]]]]), Relu(), AvgPool2d((1, 2))], (1, 1, 2))
    found = attribute(pooled, [[[0.0, 2.0]]], rule=DeepTaylor(0, 2), seed=[[[1.0]]])
    assert found.relevances[2].ravel().tolist() == [0, 1]
    gradient = pooled.layers[2].pullback(np.array([[[[1.0]]]]), np.zeros((1, 1, 1, 2)))
    assert gradient.ravel().tolist() == [0.5, 0.5]
    block = Network([Dense([[1.0]]), Relu(), Residual([Dense([[1.0]])])], (1,))
    found = attribute(block, [2.0], rule=DeepTaylor(0, 2), seed=[1.0])
    assert found.relevances[2].tolist() == [1]
