import pickle
from itertools import product

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from theory.recursion import leading_profile

from alignment_theory.theory.pair_fluctuations import State, differentiate
from alignment_theory.theory.pair_layers import (
    CROSSING,
    crossing_regions,
    expectations,
    products,
    shared_neurons,
    shared_region,
    unit_moments,
)
from alignment_theory.theory.pair_moments import (
    RULES,
    conditional_moments,
    orthant_moment,
    quadrant_probability,
)
from alignment_theory.theory.pair_recursion import (
    activation_cosines,
    arc_cosine_kernel,
    similarity_formula,
)
from alignment_theory.theory.pairs import predict_randomisation, redrawn_layers
from alignment_theory.verification.pair_sampling import ReducedPairs
from alignment_theory.verification.samplers import gather

SQUARE = (300,) * 6 + (10,)
TAPERED = (784, 512, 256, 128, 64, 10)
ERRORS = 5.0
"""Standard errors that a mean may be off: one false alarm in 1.7 million."""


def limit(*arguments, **options):
    return np.asarray(predict_randomisation(*arguments, **options).terms["limit"])


@pytest.mark.parametrize(
    ("widths", "layer", "stated"),
    [
        (SQUARE, 4, (0.945, 0.891, 0.780, 0.550, 0.092)),
        (SQUARE, 1, (0.648,)),
        (TAPERED, 3, (0.809, 0.680, 0.458, 0.049)),
    ],
)
def test_limits_agree_with_the_stated_figures(widths, layer, stated):
    """The relevances of those figures have crossed one gate where they meet: two layers differ."""
    found = limit(widths, "cascading", layer)
    assert found[: len(stated)] == pytest.approx(stated, abs=1.2e-3)


def test_one_layer_by_hand():
    """Below independent rows S = 1/(2π), Q = 1/4 and X = 1/(4π)."""
    pi = sp.pi
    values = {"S": 1 / (2 * pi), "Q": sp.Rational(1, 4), "X": 1 / (4 * pi), "n": 40, "d": 30}
    formula = similarity_formula().rhs
    exact = formula.subs({symbol: values[symbol.name] for symbol in formula.free_symbols})
    assert limit((30, 40, 10), "class", level=0) == pytest.approx(float(exact), rel=1e-12)


def integrated(i, j, mean, mean2, eta):
    """E[h^i h'^j] on the quadrant by plain quadrature of the bivariate density."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    h, w = 5 * (nodes + 1), 5 * weights
    law = stats.multivariate_normal([mean, mean2], [[1, eta], [eta, 1]])
    density = law.pdf(np.stack(np.meshgrid(h, h, indexing="ij"), axis=-1))
    return float((w * h**i) @ density @ (w * h**j))


@pytest.mark.parametrize("powers", [(0, 0), (1, 0), (1, 1), (2, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("point", [(0.7, 0.3, 0.6), (0.0, 1.2, -0.4), (0.5, -0.2, 0.9)])
def test_orthant_moments_agree_with_plain_quadrature(powers, point):
    mean, mean2, eta = (np.array([value]) for value in point)
    inside = quadrant_probability(mean, mean2, eta)
    symbols = sp.symbols("mu mu' eta", real=True)
    compiled = sp.lambdify(
        (*symbols, sp.Symbol("Phi2", positive=True)), orthant_moment(*powers), "scipy"
    )
    found = float(compiled(*point, inside[0]))
    assert found == pytest.approx(integrated(*powers, *point), rel=1e-9)


@pytest.mark.parametrize("eta", [-0.9, 0.0, 0.5, 0.95, 0.9999])
def test_quadrant_probability_at_equal_means(eta):
    """At means 0 it is 1/4 + arcsin(η)/(2π); at any means it lies within Fréchet's bounds."""
    zero, one = np.zeros(1), np.ones(1)
    found = quadrant_probability(zero, zero, np.array([eta]))
    assert found == pytest.approx(0.25 + np.arcsin(eta) / (2 * np.pi), abs=1e-13)
    found = quadrant_probability(one, one, np.array([eta]))
    assert 2 * stats.norm.cdf(1) - 1 <= found <= stats.norm.cdf(1) + 1e-12


def drawn(rho, point, rule, count=400_000, seed=3):
    """ψ of CROSSING and the functions U of one neuron, drawn."""
    rng = np.random.default_rng(seed)
    t = rng.standard_normal(count)
    t2 = rho * t + np.sqrt(1 - rho**2) * rng.standard_normal(count)
    xi, zeta = rng.standard_normal((2, count))
    a, b = np.maximum(t, 0), np.maximum(t2, 0)
    eta = point[4]
    h = point[0] * a + point[1] * b + xi
    h2 = point[2] * a + point[3] * b + eta * xi + np.sqrt(1 - eta**2) * zeta
    gate = (lambda v: np.maximum(v, 0)) if rule == "guided" else (lambda v: v)
    c, c2 = gate(h) * (t > 0), gate(h2) * (t2 > 0)
    psi = np.array([t**m * t2**k * c**i * c2**j for m, k, i, j in CROSSING])
    units = [np.ones(count), a * a, b * b, a * b, a * xi, b * xi, a * zeta, b * zeta]
    return psi, np.array(units if eta < 1 else [*units[:6], 0 * a, 0 * a])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("rho", "point"),
    [(0.0, (0.8, 0.1, 0.5, -0.2, 0.6)), (0.6, (0.3, 0, 0.1, 0.4, 0)), (0.4, (0.3, 0.1) * 2 + (1,))],
)
def test_expectations_agree_with_draws(rule, rho, point):
    point = np.array(point, dtype=float)
    psi, units = drawn(rho, point, rule)
    regions = crossing_regions(rho)
    found = expectations(rule, regions, CROSSING, point[np.newaxis])[0]
    second = products(rule, regions, CROSSING, point)
    for (u, unit), (k, column) in product(enumerate(units), enumerate(psi)):
        values = unit * column
        error = values.std() / np.sqrt(values.size)
        assert abs(values.mean() - found[u, k]) <= ERRORS * error + 1e-12, (u, k)
    for k, m in product(range(len(psi)), repeat=2):
        values = psi[k] * psi[m]
        error = values.std() / np.sqrt(values.size)
        assert abs(values.mean() - second[k, m]) <= ERRORS * error, (k, m)


def test_unit_moments_give_the_arc_cosine_kernel():
    kernel = sp.lambdify(sp.Symbol("r", real=True), arc_cosine_kernel())
    for rho in (0.0, 0.3, 0.9):
        mean, covariance = unit_moments(crossing_regions(rho))
        assert mean[2] / mean[0] == pytest.approx(kernel(rho), rel=1e-12)
        assert np.diag(covariance)[:2] == pytest.approx(5 / 4, rel=1e-12)
    assert shared_region()[0].weights.sum() == pytest.approx(0.5, rel=1e-14)


def test_cosine_of_independent_activations():
    """It is the squared mean of cos(â, 1): (1 + 3/(8n))²/π."""
    found = activation_cosines((50, 60, 70, 10), frozenset({1, 2, 3}))
    assert [float(state.limit[0]) for state in found[1:]] == pytest.approx([1 / np.pi] * 2)
    biases = [float(state.bias[0]) for state in found[1:]]
    assert biases == pytest.approx([3 / (4 * np.pi * n) for n in (60, 70)], rel=1e-4)


def test_a_state_passes_through_a_polynomial_exactly():
    state = State(np.array([0.5, 2.0]), np.array([0.1, 0.0]), np.array([[0.3, 0.1], [0.1, 0.2]]))
    jet = differentiate(lambda p: p[:, :1] ** 2 * p[:, 1:], state.limit, np.full(2, 1e-3))
    found = state.through(jet)
    assert found.limit[0] == pytest.approx(0.5)
    assert found.bias[0] == pytest.approx(2 * 0.1 + (4 * 0.3 + 2 * 1 * 0.1) / 2, rel=1e-6)
    gradient = np.array([2.0, 0.25])
    assert found.covariance[0, 0] == pytest.approx(gradient @ state.covariance @ gradient)


@pytest.mark.parametrize("rule", RULES)
def test_wide_networks_meet_the_depth_recursion(rule):
    """With all layers new, relevances meet in the input only: cos(R, R') = ρ_0²."""
    widths = (3 * 10**7, 2 * 10**7, 10**7, 4 * 10**7, 10)
    found = limit(widths, "cascading", 0, rule)[0]
    assert found == pytest.approx(leading_profile(widths, rule)[0], abs=1e-6)


def test_kinds_that_are_one_and_the_same():
    widths = (30, 50, 40, 10)
    by_class = predict_randomisation(widths, "class")
    for kind, layer in (("cascading", 2), ("independent", 3)):
        assert predict_randomisation(widths, kind, layer).value == pytest.approx(by_class.value)
    pairs = [predict_randomisation(widths, kind, 1).value for kind in ("independent", "bottom-up")]
    assert pairs[0] == pytest.approx(pairs[1])
    pairs = [limit(widths, *what) for what in (("cascading", 0), ("bottom-up", 3))]
    assert pairs[0] == pytest.approx(pairs[1])


def test_gradients_of_two_classes_have_nothing_in_common():
    prediction = predict_randomisation((40, 50, 60, 10), "class", rule="gradient")
    assert prediction.value == pytest.approx(0, abs=1e-9)


def test_deep_networks_end_at_one_explanation():
    found = predict_randomisation((100,) * 40 + (10,), "class")
    assert np.isfinite(found.value).all() and np.isfinite(found.remainder).all()
    assert 1 - found.value[0] <= found.remainder[0] + 1e-6


LADDER = (10, 16, 24, 36)
CASES = [
    ("class", None, "guided"),
    ("cascading", 1, "guided"),
    ("independent", 1, "guided"),
    ("bottom-up", 1, "guided"),
    ("independent", 1, "gradient"),
]


def sampled(kind, layer, rule, size, seed):
    """Mean, standard error and prediction of cos(R, R') at every level."""
    widths = (2 * size, 3 * size, 2 * size, size)
    options = {"widths": widths, "kind": kind, "layer": layer}
    seed = np.random.SeedSequence(seed)
    draws = gather(ReducedPairs(rule), seed, 600_000 // size, **options)
    live = draws[~np.isnan(draws).any(axis=1)]
    errors = live.std(axis=0) / np.sqrt(len(live))
    return live.mean(axis=0), errors, predict_randomisation(widths, kind, layer, rule)


def holds(mean, error, prediction):
    return abs(mean - prediction.value) <= prediction.remainder + ERRORS * error + 1e-9


@pytest.fixture(scope="module", params=CASES, ids=str)
def rungs(request):
    """Means, errors and predictions on a ladder of sizes."""
    return [sampled(*request.param, size, [2024, size]) for size in LADDER]


def test_predictions_hold_on_a_ladder(rungs):
    assert all(holds(*rung).all() for rung in rungs)


def test_predictions_hold_where_two_layers_from_below_are_new():
    """The relevances meet twice below the new layers: by cos(a, a'), and in the input."""
    assert all(holds(*sampled("bottom-up", 2, "guided", size, [7, size])).all() for size in LADDER)


def test_the_1_over_n_term_is_needed_and_explains_the_deviation(rungs):
    """Of what is seen beyond the limit it leaves at most half, at a size that resolves it."""
    mean, error, prediction = rungs[1]
    seen = mean - prediction.terms["limit"]
    term = np.asarray(prediction.terms["1/n term"])
    told = np.abs(term) > 10 * np.maximum(error, 1e-12)
    assert told.any()
    assert (np.abs(seen - term)[told] <= np.abs(term)[told] / 2 + ERRORS * error[told]).all()
    assert (np.abs(seen) > ERRORS * error)[told].any()


def test_the_remainder_falls_like_1_over_n_squared_below_the_term():
    for kind, layer in (("class", None), ("independent", 2), ("bottom-up", 1)):
        small, large = (
            predict_randomisation((2 * k, 3 * k, 2 * k, 2 * k, k), kind, layer) for k in (60, 240)
        )
        ratios = large.remainder[:3] / small.remainder[:3]
        assert ratios == pytest.approx(1 / 16, rel=0.15)
        assert (large.remainder[:3] < 0.01).all()


@pytest.mark.parametrize("factor", [0.9, 1.1, np.pi / 3])
def test_perturbed_predictions_are_refuted(factor, rungs):
    mean, error, prediction = rungs[-1]
    wrong = factor * np.asarray(prediction.value)
    assert (abs(mean - wrong) > prediction.remainder + ERRORS * error).any()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (((20, 30, 10), "downward"), "kind: expected one of cascading"),
        (((20, 30, 10), "cascading"), "layer: expected 0 to 1"),
        (((20, 30, 10), "cascading", 2), "layer: expected 0 to 1"),
        (((20, 30, 10), "bottom-up", 0), "layer: expected 1 to 2"),
        (((20, 30, 10), "class", None, "lrp"), "rule: expected one of guided"),
        (((20, 30, 10), "class", None, "guided", 2), "level: expected 0 to 1"),
        (((20, 10), "class"), "widths: expected"),
        (((20, 2, 10), "class"), "widths: expected"),
    ],
)
def test_wrong_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        predict_randomisation(*arguments)


def test_an_unknown_rule_has_no_moments():
    with pytest.raises(ValueError, match="rule: expected one of guided"):
        conditional_moments("lrp", ((1, 0),), np.zeros(1), np.zeros(1), np.zeros(1))


def test_layers_that_are_redrawn():
    assert redrawn_layers("cascading", 2, 4) == {3, 4}
    assert redrawn_layers("independent", 2, 4) == {2}
    assert redrawn_layers("bottom-up", 2, 4) == {1, 2}
    assert redrawn_layers("class", None, 4) == frozenset()


def test_laws_can_be_pickled():
    neurons = pickle.loads(pickle.dumps(shared_neurons("guided")))
    above = State(np.zeros(3), np.zeros(3), np.diag([0.01, 0.01, 0.0]))
    means, _ = neurons.means(above, 100)
    assert means.limit[4] == pytest.approx(1 / (4 * np.pi))
