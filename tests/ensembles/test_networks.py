"""Random networks: shapes, ties and biases, and which hypotheses each option breaks."""

import pickle

import numpy as np
import pytest
from scipy.special import chdtr

from alignment_theory import GuidedBackprop, attribute
from alignment_theory.ensembles import (
    Ensemble,
    Gaussian,
    HaarColumns,
    HaarRows,
    HeNormal,
    HeUniform,
    Rademacher,
    Sphere,
)
from alignment_theory.layers import Linear
from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.betting import betting_p_value
from alignment_theory.verification.statistics import uniformity

ALPHA = 1e-6
EPS = float(np.finfo(np.float64).eps)
WIDTHS = (6, 6, 6, 6, 3)
NETWORKS = 2500


@pytest.fixture
def rng():
    return np.random.default_rng(77)


def test_weights_and_biases_have_the_widths(rng):
    weights, biases = Ensemble(bias=0.5).sample((7, 5, 4), rng)
    assert [weight.shape for weight in weights] == [(5, 7), (4, 5)]
    assert [list(bias) for bias in biases] == [[0.5] * 5, [0.5] * 4]
    network = Ensemble(bias=0.5).network((7, 5, 4), rng)
    assert network.input_shape == (7,) and network.output_shape == (4,)
    assert network.has_bias and len(network.layers) == 3


@pytest.mark.parametrize("bias", [0, 0.0, (0.0, 0.0)])
def test_no_bias_is_none(bias, rng):
    assert Ensemble(bias=bias).sample((7, 5, 4), rng)[1] is None
    assert not Ensemble(bias=bias).network((7, 5, 4), rng).has_bias


def test_one_bias_and_one_law_a_layer(rng):
    laws = [Rademacher(2.0), HaarRows(3.0), HaarColumns(0.5)]
    ensemble = Ensemble(laws, bias=[1, 0, -2.5])
    weights, biases = ensemble.sample((6, 5, 3, 4), rng)
    assert set(np.unique(weights[0])) == {-2.0, 2.0}
    # Orthonormal to within the backward error of a QR decomposition, about size^2 roundings.
    for product, square in (
        (weights[1] @ weights[1].T, 9 * 5),
        (weights[2].T @ weights[2], 0.25 * 4),
    ):
        rounding = 25 * EPS * square
        np.testing.assert_allclose(product, square * np.eye(3), rtol=rounding, atol=rounding)
    assert [set(bias) for bias in biases] == [{1.0}, {0.0}, {-2.5}]
    assert ensemble.law == tuple(laws) and ensemble.bias == (1.0, 0.0, -2.5)


def test_layers_take_the_numbers_that_their_laws_would(rng):
    state = rng.bit_generator.state
    weights, _ = Ensemble(Sphere(0.3)).sample((6, 5, 3), rng)
    rng.bit_generator.state = state
    for weight, shape in zip(weights, [(5, 6), (3, 5)], strict=True):
        np.testing.assert_array_equal(weight, Sphere(0.3).sample(*shape, rng))


def test_tied_layers_are_the_hidden_ones_of_one_shape(rng):
    weights, _ = Ensemble(tied=True).sample((4, 5, 5, 5, 4, 5, 5), rng)
    equal = [(j, k) for j in range(6) for k in range(j) if weights[j] is weights[k]]
    assert equal == [(2, 1), (4, 0)]
    assert not np.array_equal(weights[5], weights[1])  # the output layer is never tied
    free, _ = Ensemble().sample((4, 5, 5, 5, 4, 5, 5), rng)
    assert not np.array_equal(free[2], free[1])


def test_layers_of_different_laws_are_not_tied(rng):
    laws = [Gaussian(), Gaussian(2.0), Gaussian(), Gaussian()]
    weights, _ = Ensemble(laws, tied=True).sample((5, 5, 5, 5, 5), rng)
    assert weights[2] is weights[0] and weights[1] is not weights[0]
    assert weights[3] is not weights[0]


@pytest.mark.parametrize(
    "ensemble",
    [Ensemble(), Ensemble((HeNormal(), HeUniform()), (1, 2), tied=True), Ensemble(bias=[0.5])],
)
def test_ensembles_are_values(ensemble):
    copy = pickle.loads(pickle.dumps(ensemble))
    assert copy == ensemble and hash(copy) == hash(ensemble)


# --- what each option breaks ------------------------------------------------------------------


@pytest.mark.parametrize(
    "ensemble, unmet",
    [
        (Ensemble(), ()),
        (Ensemble(HeNormal(), bias=(0, 0)), ()),
        (Ensemble(Sphere()), ("gaussian-weights",)),
        (Ensemble(HaarRows()), ("gaussian-weights", "iid-neurons")),
        (Ensemble((Gaussian(), HeUniform())), ("gaussian-weights", "isotropic-rows")),
        (Ensemble(bias=(0, 1)), ("bias-free",)),
        (Ensemble(bias=-1), ("bias-free",)),
        (Ensemble(tied=True), ("gaussian-weights", "sees-z-only")),
    ],
)
def test_unmet_hypotheses(ensemble, unmet):
    assert ensemble.unmet == unmet
    known = {hypothesis.name for theorem in CATALOGUE.values() for hypothesis in theorem.hypotheses}
    assert set(unmet) <= known


def exact_law_p_values(ensemble, seed):
    """Return the p-values (networks, layers) of `exact-law`, input first, NaN where c = 0.

    Also the largest ``⟨g, a⟩ - (z - b)·c``, as a share of the sum of its terms' sizes.
    """
    rng, rows, along = np.random.default_rng(seed), [], []
    for _ in range(NETWORKS):
        network = ensemble.network(WIDTHS, rng)
        inputs = rng.standard_normal(WIDTHS[0])
        attribution = attribute(network, inputs, rule=GuidedBackprop(), target=0)
        rows.append([])
        for k, site in enumerate(attribution.trace.sites):
            a, g, c = site.input[0], attribution.batched[k][0], attribution.batched[k + 1][0]
            if not isinstance(site.layer, Linear):
                continue
            if not c.any() or not a.any():
                rows[-1].append(np.nan)
                continue
            across = g - a * (g @ a) / (a @ a)
            variance = ensemble.law.entry_variance(a.size)
            rows[-1].append(chdtr(a.size - 1, across @ across / (variance * (c @ c))))
            bias = 0 if site.layer.bias is None else site.layer.bias
            terms = (np.abs(c) @ np.abs(site.layer.weight)) @ np.abs(a) + np.abs(c * bias).sum()
            along.append(abs(g @ a - (site.output[0] - bias) @ c) / terms)
    return np.array(rows), max(along)


def law_p_value(p_values):
    live = p_values[~np.isnan(p_values)]
    assert live.size > NETWORKS
    return uniformity(live, alpha=ALPHA).p_value


def joint_p_value(p_values):
    """Return a betting p-value of ``E (u_1 - 1/2)(u_2 - 1/2) = 0`` for the two lowest layers.

    Leaving out networks that die between the two keeps it: whether c_1 is 0 is known before u_1.
    """
    products = (p_values[:, 0] - 0.5) * (p_values[:, 1] - 0.5)
    live = products[~np.isnan(products)]
    assert live.size > NETWORKS / 4
    return betting_p_value(live, 0.0, low=-0.25, high=0.25)


@pytest.mark.parametrize("ensemble", [Ensemble(HeNormal()), Ensemble(Gaussian(0.6), bias=0.3)])
def test_exact_law_holds_with_the_variance_of_each_layer_and_across_biases(ensemble):
    p_values, along = exact_law_p_values(ensemble, 1)
    assert law_p_value(p_values) > ALPHA
    assert joint_p_value(p_values) > ALPHA
    assert along < 8 * (max(WIDTHS) + 2) * EPS  # sums of `max(WIDTHS)` terms, three in a row


def test_ties_break_the_joint_law_of_layers():
    assert joint_p_value(exact_law_p_values(Ensemble(tied=True), 1)[0]) <= ALPHA


@pytest.mark.parametrize("law", [HeUniform(), HaarRows(), Sphere()])
def test_weights_that_are_not_gaussian_fail_the_exact_law(law):
    assert law_p_value(exact_law_p_values(Ensemble(law), 1)[0]) <= ALPHA


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [None, "gaussian", Gaussian, [], [Gaussian(), 1.0], {}])
def test_laws_are_checked(law):
    with pytest.raises(ValueError, match="law must be a WeightLaw"):
        Ensemble(law)


@pytest.mark.parametrize("bias", [None, "0", True, float("nan"), np.inf, [], [1, None], [[1.0]]])
def test_biases_are_checked(bias):
    with pytest.raises(ValueError, match="bias must be a finite number"):
        Ensemble(bias=bias)


def test_flags_are_checked():
    with pytest.raises(ValueError, match="tied must be True or False"):
        Ensemble(tied=1)


@pytest.mark.parametrize("widths", [(), (3,), 5, None, "33", {3, 4}])
def test_widths_are_at_least_two(widths, rng):
    with pytest.raises(ValueError, match="at least two sizes"):
        Ensemble().sample(widths, rng)


@pytest.mark.parametrize("widths", [(3, 0), (3, -1), (3, 2.0), (3, True), (3, "2")])
def test_widths_are_positive_integers(widths, rng):
    with pytest.raises(ValueError, match=r"widths\[1\]: expected a positive integer"):
        Ensemble().sample(widths, rng)


def test_numbers_of_laws_and_biases_are_checked(rng):
    with pytest.raises(ValueError, match="got 2 laws for 3 layers"):
        Ensemble([Gaussian(), Sphere()]).sample((3, 3, 3, 3), rng)
    with pytest.raises(ValueError, match="got 1 biases for 2 layers"):
        Ensemble(bias=[1.0]).network((3, 3, 3), rng)


def test_a_layer_that_a_law_cannot_have_is_named(rng):
    with pytest.raises(ValueError, match=r"layer 2: HaarRows: at most 3 rows .* outputs=4"):
        Ensemble(HaarRows()).sample((5, 3, 4), rng)


def test_generators_are_checked():
    with pytest.raises(ValueError, match=r"expected a numpy.random.Generator, got 0"):
        Ensemble().network((3, 3), 0)
