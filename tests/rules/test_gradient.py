"""The gradient against finite differences, and methods that integrate it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rule_table import assert_within

from alignment_theory import (
    DeepLift,
    Gradient,
    InputTimesGradient,
    IntegratedGradients,
    Network,
    Relu,
    SmoothGrad,
    attribute,
)
from alignment_theory.rounding import forward_bound, relevance_bounds
from alignment_theory.testing.strategies import inputs, live_cases, networks

STEP = Fraction(1, 2**20)
CASES = st.one_of(
    live_cases(dtype=object),
    networks(dtype=object).flatmap(lambda n: st.tuples(st.just(n), inputs(n))),
)


def masks(trace):
    return np.concatenate([np.zeros(0, bool), *(mask.ravel() for mask in trace.masks)])


@given(case=CASES, target=st.integers(0, 3))
def test_gradient_equals_exact_finite_differences_away_from_ties(case, target):
    """Within one linear piece (f(x + h e) - f(x - h e)) / 2h is the derivative, with no error."""
    network, samples = case
    target = min(target, network.output_shape[0] - 1)
    trace = network.forward(samples)
    assume(not any((z == 0).any() for z in trace.preactivations))
    gradient = attribute(trace, rule=Gradient(), target=target).relevance
    for place in np.ndindex(network.input_shape):
        moved = []
        for sign in (1, -1):
            other = samples.copy()
            other[(slice(None), *place)] += sign * STEP
            moved.append(network.forward(other))
            assert (masks(moved[-1]) == masks(trace)).all()
        slope = (moved[0].output - moved[1].output)[:, target] / (2 * STEP)
        assert (gradient[(slice(None), *place)] == slope).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_equals_finite_differences_in_floats(dtype):
    """A difference of outputs with errors e each, over 2h: |slope - gradient| <= e / h + bound.

    The step is added to multiples of 2^-6 and so exactly; runs that change a mask are left out.
    """
    rng = np.random.default_rng(5)
    weights = [rng.normal(size=s).astype(dtype) for s in ((9, 6), (8, 9), (3, 8))]
    biases = [rng.normal(size=len(w)).astype(dtype) for w in weights]
    network = Network.mlp(weights, biases)
    samples = (rng.integers(-64, 65, size=(40, 6)) / 64).astype(dtype)
    step = dtype(2.0**-8)
    trace = network.forward(samples)
    run = attribute(trace, rule=Gradient(), target=1)
    compared = 0
    for k in range(6):
        up, down = (
            network.forward(samples + s * step * np.eye(6, dtype=dtype)[k]) for s in (1, -1)
        )
        same = np.ones(40, bool)
        for one, other in ((up, trace), (down, trace)):
            for a, b in zip(one.masks, other.masks, strict=True):
                same &= (a == b).all(axis=1)
        slope = (up.output.astype(float) - down.output)[:, 1] / (2 * float(step))
        error = (forward_bound(up) + forward_bound(down))[:, 1] / (2 * float(step))
        bound = error + relevance_bounds(run)[0][:, k]
        assert_within(run.relevance[same, k], slope[same], bound[same])
        compared += same.sum()
    assert compared > 0.8 * 240


def test_the_gradient_at_a_tie_is_that_of_the_piece_the_tie_rule_names():
    """f(x) = relu(x): at 0 the left derivative by default, the right one with active ties."""
    for active, slope in ((False, 0), (True, 1)):
        net = Network([Relu(active_at_zero=active)], (1,))
        assert attribute(net, [0], rule=Gradient()).relevance.tolist() == [slope]


def hidden_changes(network, start, end):
    """Return Σ |v_j w_j·(x - x')| over the hidden units whose mask the path changes.

    That is the total variation of the directional derivative along the path, for one hidden layer.
    """
    lower, upper = network.layers[0], network.layers[2]
    speed = (end - start) @ lower.weight.T
    ends = [network.forward(point[np.newaxis]).masks[0][0] for point in (start, end)]
    return np.abs(upper.weight[0] * speed)[ends[0] != ends[1]].sum()


@given(data=st.data(), steps=st.integers(1, 9), seed=st.integers(0, 1000))
def test_integrated_gradients_are_complete_up_to_the_quadrature(data, steps, seed):
    """|Σ R - (f(x) - f(x'))| <= V w: V the variation of the derivative along the path.

    A rule with weights w_k integrates a step function with an error of at most its largest weight
    (1/n for Riemann sums; for Gauss-Legendre by the Chebyshev-Markov-Stieltjes inequality).
    """
    rng = np.random.default_rng(seed)
    network = Network.mlp(
        [rng.normal(size=(8, 3)), rng.normal(size=(1, 8))], [rng.normal(size=8), None]
    )
    start, end = rng.normal(size=(2, 3))
    quadrature = data.draw(st.sampled_from(["gauss", "right", "midpoint"]))
    rule = IntegratedGradients(start, steps, quadrature)
    total = attribute(network, end, rule=rule).relevance.sum()
    change = network.forward(end).output[0] - network.forward(start).output[0]
    largest = np.polynomial.legendre.leggauss(steps)[1].max() / 2
    largest = largest if quadrature == "gauss" else 1 / steps
    variation = hidden_changes(network, start, end)
    assert abs(total - change) <= variation * largest + 1e-12 * (1 + abs(change))


@given(case=live_cases(dtype=object))
def test_where_the_path_has_one_piece_ig_deeplift_and_the_gradient_agree_exactly(case):
    """From x' = x/2 in a bias-free network no mask changes."""
    network, samples = case
    assume(not network.has_bias)
    base = samples / 2
    expected = attribute(network, samples, rule=InputTimesGradient()).relevance / 2
    for rule in (IntegratedGradients(base, 2, "midpoint"), DeepLift(base)):
        assert (attribute(network, samples, rule=rule).relevance == expected).all()


@given(case=live_cases(dtype=object), shift=st.integers(-3, 3))
def test_deeplift_is_complete_exactly(case, shift):
    """Σ R = f(x) - f(x') for every baseline: the rescale rule has no quadrature."""
    network, samples = case
    result = attribute(network, samples, rule=DeepLift(shift, tolerance=0))
    base = network.forward(0 * samples + shift).output
    rows = np.arange(len(samples))
    change = (result.trace.activations[-1] - base)[rows, result.targets]
    assert (result.relevance.reshape(len(samples), -1).sum(axis=1) == change).all()


def test_smoothgrad_is_the_mean_gradient_at_the_documented_points():
    rng = np.random.default_rng(6)
    network = Network.mlp([rng.normal(size=(7, 4)), rng.normal(size=(3, 7))])
    samples = rng.normal(size=(5, 4))
    rule = SmoothGrad(samples=6, noise_level=0.3, random_state=9)
    noise = np.random.default_rng(9).standard_normal((6, 4))
    result = attribute(network, samples, rule=rule)
    for k, sample in enumerate(samples):
        points = sample + 0.3 * (sample.max() - sample.min()) * noise
        target = [result.targets[k]] * 6
        mean = attribute(network, points, rule=Gradient(), target=target).relevance.mean(axis=0)
        np.testing.assert_allclose(result.relevance[k], mean, rtol=1e-13, atol=1e-14)
    again = attribute(network, samples, rule=rule)
    other = attribute(network, samples, rule=SmoothGrad(6, 0.3, random_state=10))
    assert (again.relevance == result.relevance).all()
    assert (other.relevance != result.relevance).any()
    plain = attribute(network, samples, rule=SmoothGrad(4, noise_level=0))
    expected = attribute(network, samples, rule=Gradient())
    assert (plain.relevance == expected.relevance).all()
