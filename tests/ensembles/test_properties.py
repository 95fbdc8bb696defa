"""Shapes, determinism and bad input, for any law and size (Hypothesis)."""

import pickle

import numpy as np
import pytest
from ensembles.law_checks import CASES
from hypothesis import given
from hypothesis import strategies as st

from alignment_theory.ensembles import (
    Anisotropic,
    Ensemble,
    Gaussian,
    HaarColumns,
    HaarRows,
    HeavyTailed,
    HeNormal,
    HeUniform,
    Orthogonal,
    Positive,
    Rademacher,
    Sphere,
    Uniform,
)

EPS = float(np.finfo(np.float64).eps)
SCALED = (Gaussian, HaarColumns, HaarRows, Orthogonal, Positive, Rademacher, Sphere, Uniform)
sigmas = st.floats(1e-3, 1e3)
sizes = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def laws_and_sizes(draw):
    """Draw a law and a shape that it has."""
    outputs, inputs = draw(sizes), draw(sizes)
    spreads = st.floats(1e-4, 1e4)
    variances = st.lists(st.floats(0.01, 10), min_size=inputs, max_size=inputs)
    law = draw(
        st.one_of(
            st.builds(lambda kind, sigma: kind(sigma), st.sampled_from(SCALED), sigmas),
            st.sampled_from([HeNormal(), HeUniform()]),
            st.builds(HeavyTailed, st.floats(2.1, 1e6), sigmas),
            st.builds(Anisotropic, spreads, sigmas),
            st.builds(Anisotropic, sigma=sigmas, variances=variances),
        )
    )
    small, large = sorted((outputs, inputs))
    if isinstance(law, HaarRows):
        outputs, inputs = small, large
    elif isinstance(law, HaarColumns):
        outputs, inputs = large, small
    return law, outputs, inputs


@given(laws_and_sizes(), seeds)
def test_draws_are_finite_matrices_fixed_by_the_generator(case, seed):
    law, outputs, inputs = case
    first, second = np.random.default_rng(seed), np.random.default_rng(seed)
    weights = law.sample(outputs, inputs, first)
    assert weights.shape == (outputs, inputs)
    assert weights.dtype == np.float64 and weights.flags.c_contiguous
    assert np.isfinite(weights).all()
    np.testing.assert_array_equal(weights, law.sample(np.int64(outputs), inputs, second))
    assert first.bit_generator.state == second.bit_generator.state
    bound = law.row_bound(inputs, outputs)
    # A norm of n entries, each a few roundings off, and the bound.
    assert (np.linalg.norm(weights, axis=1) <= bound * (1 + (inputs + 16) * EPS)).all()


@given(laws_and_sizes())
def test_moments_are_consistent(case):
    law, outputs, inputs = case
    rounding = (inputs + 16) * EPS  # of a mean of n numbers, each a few roundings off
    covariance = law.covariance(inputs)
    assert covariance.shape == (inputs,) and (covariance > 0).all()
    second = covariance.mean() + law.entry_mean(inputs) ** 2
    assert law.entry_variance(inputs) == pytest.approx(second, rel=rounding, abs=0)
    assert law.row_bound(inputs, outputs) ** 2 >= inputs * second * (1 - rounding)
    if law.isotropic:
        assert 0 < law.half_mean(inputs, outputs) <= np.sqrt(second) / 2 * (1 + rounding)
        assert law.half_square(inputs) == pytest.approx(second / 2, rel=rounding, abs=0)


@given(laws_and_sizes())
def test_laws_are_values(case):
    law = case[0]
    copy = pickle.loads(pickle.dumps(law))
    assert copy == law and hash(copy) == hash(law)
    with pytest.raises(AttributeError):
        law.sigma = 2.0


@given(sigmas, st.sampled_from(SCALED), seeds)
def test_scale_multiplies_the_draws(sigma, kind, seed):
    unit, scaled = (
        law.sample(4, 4, np.random.default_rng(seed)) for law in (kind(1.0), kind(sigma))
    )
    # Uniform draws are rounded at the size of the largest entry, 2σ√3 at most.
    np.testing.assert_allclose(scaled, sigma * unit, rtol=16 * EPS, atol=16 * EPS * sigma)


@given(st.lists(sizes, min_size=2, max_size=6), st.booleans(), st.floats(-2, 2), seeds)
def test_networks_are_fixed_by_the_generator(widths, tied, bias, seed):
    ensemble = Ensemble(HeNormal(), bias, tied)
    one, other = (ensemble.network(widths, np.random.default_rng(seed)) for _ in range(2))
    inputs = np.ones(widths[0])
    output = one.forward(inputs).output
    assert output.shape == (widths[-1],)
    np.testing.assert_array_equal(output, other.forward(inputs).output)


# --- bad input --------------------------------------------------------------------------------

not_scales = st.one_of(
    st.floats(max_value=0), st.sampled_from([np.nan, np.inf, 1e-200, 1e200, None, "1", True, [1.0]])
)


@given(st.sampled_from((*SCALED, HeavyTailed, Anisotropic)), not_scales)
def test_scales_are_positive_numbers(kind, sigma):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: sigma must be"):
        kind(sigma=sigma)


@pytest.mark.parametrize("nu", [2, 2.0, 1, -3, np.nan, np.inf, "3", None, True])
def test_degrees_of_freedom_exceed_two(nu):
    with pytest.raises(ValueError, match="HeavyTailed: nu must be"):
        HeavyTailed(nu)


@pytest.mark.parametrize("spread", [0, -1.0, np.nan, np.inf, "1", True])
def test_spreads_are_positive(spread):
    with pytest.raises(ValueError, match="Anisotropic: spread must be"):
        Anisotropic(spread)


@pytest.mark.parametrize("variances", [[], [0, 0], [1, -1], [1, np.nan], 1.0, [[1.0]], ["1"]])
def test_variances_are_checked(variances):
    with pytest.raises(ValueError, match="Anisotropic variances: "):
        Anisotropic(variances=variances)


def test_a_spread_is_geometric_and_keeps_the_mean_variance():
    variances = Anisotropic(0.25, 3.0).covariance(3)
    np.testing.assert_allclose(variances / variances[1], [0.25, 1, 4], rtol=8 * EPS)
    assert variances.mean() == pytest.approx(9.0, rel=8 * EPS, abs=0)
    assert Anisotropic() == Anisotropic(0.1)


def test_variances_fix_the_row_length():
    law = Anisotropic(variances=np.array([1.0, 2.0, 4.0]), sigma=2)
    assert law.variances == (1.0, 2.0, 4.0)
    assert list(law.covariance(3)) == pytest.approx([4.0, 8.0, 16.0], rel=4 * EPS, abs=0)
    for call in (law.covariance, law.entry_variance, lambda d: law.sample(2, d, rng())):
        with pytest.raises(ValueError, match="rows of 3 entries, got inputs=4"):
            call(4)
    with pytest.raises(ValueError, match="either spread or variances"):
        Anisotropic(0.1, variances=(1.0, 2.0))


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True, np.float64(3)])
def test_sizes_are_positive_integers(case, size):
    law = case.law
    for call in (
        lambda: law.sample(size, 3, rng()),
        lambda: law.sample(3, size, rng()),
        lambda: law.entry_variance(size),
        lambda: law.entry_mean(size),
        lambda: law.covariance(size),
        lambda: law.half_mean(size, 3),
        lambda: law.half_square(size),
    ):
        with pytest.raises(ValueError, match="puts: expected a positive integer|depends on the"):
            call()
    with pytest.raises(ValueError, match="inputs: expected a positive integer"):
        law.entry_variance(size)


@pytest.mark.parametrize("generator", [None, 0, np.random, np.random.PCG64(1)])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_generators_are_checked(case, generator):
    with pytest.raises(ValueError, match="expected a numpy.random.Generator"):
        case.law.sample(case.outputs, case.inputs, generator)


def test_orthogonal_shapes_are_checked():
    with pytest.raises(ValueError, match=r"HaarRows: at most 3 rows .* outputs=4"):
        HaarRows().sample(4, 3, rng())
    for call in (
        lambda: HaarColumns().sample(3, 4, rng()),
        lambda: HaarColumns().half_mean(4, 3),
        lambda: HaarColumns().row_bound(4, 3),
    ):
        with pytest.raises(ValueError, match=r"HaarColumns: at most 3 columns .* inputs=4"):
            call()
    for law in (HaarColumns(), Orthogonal()):
        for moment in (law.half_mean, law.row_bound):
            with pytest.raises(ValueError, match=f"{type(law).__name__}: .* pass outputs"):
                moment(3)


@pytest.mark.parametrize(
    "outputs, inputs, kind", [(2, 5, HaarRows), (5, 2, HaarColumns), (3, 3, HaarColumns)]
)
def test_orthogonal_initialisation_is_haar_on_the_shorter_side(outputs, inputs, kind):
    law, known = Orthogonal(0.7), kind(0.7)
    assert law.of_shape(outputs, inputs) == known
    drawn, expected = (one.sample(outputs, inputs, rng()) for one in (law, known))
    np.testing.assert_array_equal(drawn, expected)
    for moment in ("half_mean", "row_bound"):
        stated = getattr(law, moment)(inputs, outputs)
        assert stated == getattr(known, moment)(inputs, outputs)
    for size in (0, 2.0, None):
        with pytest.raises(ValueError, match="puts: expected a positive integer"):
            law.of_shape(size, 3)
