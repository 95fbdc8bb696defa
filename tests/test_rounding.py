"""Rounding bounds: valid against exact arithmetic, finite where they can be, never NaN."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rule_table import assert_ledger_closes, assert_within, attribution_of

from alignment_theory import (
    LRP0,
    AlphaBeta,
    Conv2d,
    DeepTaylor,
    Dense,
    Epsilon,
    Gamma,
    Gradient,
    Network,
    Relu,
    ZPlus,
    attribute,
)
from alignment_theory.rounding import (
    contribution_bounds,
    forward_bound,
    gamma,
    ledger_bounds,
    relevance_bounds,
)


def test_gamma():
    unit = 2.0**-53
    assert gamma(10, np.dtype(np.float64)) == pytest.approx(10 * unit / (1 - 10 * unit), rel=1e-15)
    assert gamma(10, np.dtype(np.float32)) == pytest.approx(10 * 2.0**-24, rel=1e-5)
    assert gamma(10, np.dtype(object)) == 0
    assert gamma(2**24, np.dtype(np.float32)) == np.inf


def test_bounds_by_hand():
    """One layer, gradient, W = (1 2; -1 3), R = (3, 10): Σ|contributions| = (13, 36)."""
    result = attribute(Network([Dense([[1, 2], [-1, 3]])]), [2, -1], rule=Gradient(), seed=[3, 10])
    assert contribution_bounds(result)[0].tolist() == [[13, 36]]
    step = 2 * gamma(2 + 8, np.dtype(np.float64))
    assert relevance_bounds(result)[0] == pytest.approx(step * np.array([[13, 36]]))
    assert relevance_bounds(result)[1].tolist() == [[0, 0]]


RULES = [Gradient(), LRP0(), Epsilon(0.01), ZPlus(), AlphaBeta(), Gamma(0.3), DeepTaylor()]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_floats_are_within_the_bound_of_exact_arithmetic(rule, dtype):
    """The same float numbers as fractions give the truth, with the masks of the float run.

    The activations of a float run are rounded themselves, so one layer is judged.
    """
    rng = np.random.default_rng(3)
    weight, bias = rng.normal(size=(7, 12)).astype(dtype), rng.normal(size=7).astype(dtype)
    samples, above = rng.random((5, 12)).astype(dtype), rng.normal(size=(5, 7)).astype(dtype)
    net = Network([Dense(weight, bias)])
    fast = attribute(net, samples, rule=rule, seed=above)
    truth = attribute(net.astype(object), samples, rule=rule, seed=above)
    bound = relevance_bounds(fast)[0] / 2
    assert_within(fast.relevance, truth.relevance, bound)
    # the bound is no more than a few hundred times the error that happens
    error = np.abs(fast.relevance - truth.relevance.astype(float)).max()
    assert bound.min() < 2000 * max(error, np.finfo(dtype).eps)
    lost = fast.ledger.terms
    for name, term in truth.ledger.terms.items():
        assert_within(lost[name], term, ledger_bounds(fast) + 1e2 * np.finfo(dtype).eps)


def test_deep_random_networks_stay_within_their_bounds():
    rng = np.random.default_rng(4)
    for dtype in (np.float32, np.float64):
        sizes = (20, 30, 25, 20, 5)
        weights = [
            (rng.normal(size=(o, i)) * (2 / i) ** 0.5).astype(dtype)
            for i, o in zip(sizes, sizes[1:], strict=False)
        ]
        samples = rng.random((6, 20)).astype(dtype)
        for rule in RULES:
            run = attribute(Network.mlp(weights), samples, rule=rule)
            bounds = relevance_bounds(run)
            singles = [attribute(run.trace.network, s, rule=rule).relevances for s in samples]
            for position, values in enumerate(run.relevances):
                other = np.stack([single[position] for single in singles])
                # the forward runs differ in rounding too (gemv against gemm), so not to the ulp
                relative = np.abs(values - other).max() / np.abs(values).max()
                assert relative < 2e4 * np.finfo(dtype).eps
                assert np.isfinite(bounds[position]).mean() > 0.95
            assert_ledger_closes(run)


def test_exact_networks_have_zero_bounds():
    result = attribution_of("epsilon add", "ties", object)
    for bound in relevance_bounds(result):
        assert (bound == 0).all()
    assert (ledger_bounds(result) == 0).all()
    assert (forward_bound(result.trace) == 0).all()


def test_cancelling_denominators_are_said_to_be_unknown_not_wrong():
    """0.1 + 0.2 - 0.3 = 5.6e-17, all of it rounding: infinite bounds, never NaN, no warning."""
    net = Network.mlp([[[0.1, 0.2, -0.3], [1, 1, 1]], [[1, 1]]])
    for samples in ([1.0, 1, 1], [-1.0, -1, -1]):
        result = attribute(net, samples, rule=LRP0())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            bounds = [*relevance_bounds(result), ledger_bounds(result)]
        assert not any(np.isnan(bound).any() for bound in bounds)
    # the unit that cancels has z < 0, is dead and receives nothing: all is 0, and certain
    assert (relevance_bounds(result)[0] == 0).all()


halves = st.integers(-4, 4).map(lambda n: n / 2)


@given(
    weight=st.lists(st.lists(halves, min_size=3, max_size=3), min_size=2, max_size=2),
    exponents=st.lists(st.integers(-60, 60), min_size=3, max_size=3),
    rule=st.sampled_from(RULES),
)
@example(weight=[[0, 0, 0], [0.5, 0.5, -0.5]], exponents=[-15, 38, 38], rule=RULES[0])
def test_badly_scaled_inputs(weight, exponents, rule):
    """Inputs from 2^-60 to 2^60: the float result is within the bound of the exact one.

    That is so where rounding has moved no pre-activation across 0: bounds are for recorded masks.
    """
    net = Network([Dense(weight), Relu(), Dense([[1.0, -1.0], [0.5, 2.0]])])
    samples = [2.0**e for e in exponents]
    fast = attribute(net, samples, rule=rule, target=1)
    truth = attribute(net.astype(object), [Fraction(v) for v in samples], rule=rule, target=1)
    same = all((a == b).all() for a, b in zip(fast.trace.masks, truth.trace.masks, strict=True))
    if same:
        assert_within(fast.trace.output, truth.trace.output, forward_bound(fast.trace)[0])
    if same and (fast.trace.activations[-2] == truth.trace.activations[-2]).all():
        for k, bound in enumerate(relevance_bounds(fast)):
            assert not np.isnan(bound).any()
            if (fast.top == truth.top).all():
                assert_within(fast.relevances[k], truth.relevances[k], bound[0])


def test_averages_are_bounded_too():
    for entry in ("integrated gradients gauss", "smoothgrad"):
        result = attribution_of(entry, "biased", np.float64)
        bounds, sizes = relevance_bounds(result), [v.shape for v in result.batched]
        assert [bound.shape for bound in bounds] == sizes
        assert all(np.isfinite(bound).all() for bound in bounds)


def test_bounds_are_refused_where_a_convolution_is_no_direct_sum():
    net = Network([Conv2d(np.ones((2, 1, 3, 3)), algorithm="winograd")], (1, 4, 4))
    result = attribute(net, np.ones((1, 4, 4)), rule=ZPlus(), seed=np.ones((2, 2, 2)))
    for bounds in (relevance_bounds, contribution_bounds, ledger_bounds):
        with pytest.raises(ValueError, match="layer 0 .*network.with_algorithm"):
            bounds(result)
    with pytest.raises(ValueError, match="layer 0 "):
        forward_bound(result.trace)
