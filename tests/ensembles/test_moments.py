"""Every sampler against the moments that its law states, and against planted errors."""

import mpmath
import numpy as np
import pytest
from ensembles.law_checks import (
    ALPHA,
    CASES,
    ISOTROPIC,
    SKEWED,
    OneRadius,
    directions,
    independence_p_value,
    moment_p_values,
    pairs_of,
    projected_law,
    rows_of,
    shifted,
    sphere_coordinate,
)
from scipy import stats
from scipy.stats import chisquare

from alignment_theory.ensembles import (
    Anisotropic,
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
from alignment_theory.ensembles.base import gamma_step
from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.statistics import uniformity

EPS = float(np.finfo(np.float64).eps)
both_directions = pytest.mark.parametrize("which", [0, 1], ids=["axis", "generic"])
every_case = pytest.mark.parametrize("case", CASES, ids=str)


# --- moments ----------------------------------------------------------------------------------


@both_directions
@every_case
def test_stated_moments_hold(case, which):
    p_values = moment_p_values(case, case.rows, directions(case.inputs)[which])
    assert len(p_values) >= 2
    assert min(p_values.values()) > ALPHA, p_values


@pytest.mark.parametrize("factor", [0.95, 1.05])
@both_directions
@every_case
def test_moments_refute_a_scale_off_by_5_percent(case, which, factor):
    """Each moment but the mean sees it by itself."""
    p_values = moment_p_values(case, factor * case.rows, directions(case.inputs)[which])
    if not isinstance(case.law, Positive):
        del p_values["mean"]
    assert max(p_values.values()) <= ALPHA, p_values


@both_directions
@every_case
def test_moments_refute_entries_with_another_mean(case, which):
    u = directions(case.inputs)[which]
    assert moment_p_values(case, shifted(case), u)["mean"] <= ALPHA


@every_case
def test_moments_agree_with_one_another(case):
    law, d = case.law, case.inputs
    covariance = law.covariance(d)
    assert covariance.shape == (d,) and covariance.dtype == np.float64
    second = covariance.mean() + law.entry_mean(d) ** 2
    np.testing.assert_allclose(law.entry_variance(d), second, rtol=8 * EPS)
    if law.isotropic:
        assert law.half_square(d) == pytest.approx(covariance[0] / 2, rel=8 * EPS)
        # Cauchy-Schwarz on the half-space w·u > 0, which has probability at most 1/2.
        assert 0 < law.half_mean(d, case.outputs) ** 2 <= law.half_square(d) / 2 * (1 + 8 * EPS)


def test_he_laws_keep_the_mean_square_of_a_relu_layer():
    for law in (HeNormal(), HeUniform()):
        assert law.entry_variance(50) == pytest.approx(2 / 50, rel=8 * EPS)
    assert HeUniform().row_bound(50) == pytest.approx(np.sqrt(6), rel=8 * EPS)


@pytest.mark.parametrize("case", ISOTROPIC, ids=str)
def test_half_moments_are_those_of_the_exact_law(case):
    """By quadrature of the law of ``w·u``: the second route to the same numbers."""
    exact = projected_law(case, directions(case.inputs)[1])
    top = exact.support()[1]
    for power, stated in (
        (1, case.law.half_mean(case.inputs, case.outputs)),
        (2, case.law.half_square(case.inputs)),
    ):
        value = exact.expect(lambda t, p=power: t**p, lb=0, ub=top)  # integrated to 1.5e-8
        assert stated == pytest.approx(value, rel=1e-7, abs=0)


def test_theory_has_the_same_kappas():
    for d in (2, 3, 30, 784):
        for rows, law in (("gaussian", Gaussian(1.3)), ("sphere", Sphere(1.3))):
            for name, kappa in (("one", law.half_mean(d)), ("activation", law.half_square(d) * 2)):
                predicted = CATALOGUE["isotropic-alignment"].predict(
                    rows=rows, coefficients=name, n=1, d=d, sigma=1.3, norm=2.0
                )
                # Γ(d/2) through its logarithm, up to 2e3: that many roundings, 5e-13
                assert kappa == pytest.approx(predicted.value, rel=2e3 * EPS)


def test_gamma_step_is_exact_to_a_few_roundings():
    with mpmath.workdps(40):
        for x in [0.5, 1, 99.9999, 100, 100.5, *np.geomspace(0.05, 1e11, 300)]:
            exact = mpmath.gammaprod([mpmath.mpf(float(x)) + 0.5], [mpmath.mpf(float(x))])
            assert abs(gamma_step(float(x)) / exact - 1) < 16 * EPS


def test_student_law_becomes_gaussian():
    for nu in (1e3, 1e6, 1e12):
        gap = HeavyTailed(nu).half_mean(4) / Gaussian().half_mean(4) - 1
        assert gap == pytest.approx(-1 / (4 * nu), rel=2e-2, abs=16 * EPS)


# --- laws -------------------------------------------------------------------------------------


def pit_p_value(case, rows, u):
    """Return the p-value of the exact law of ``w·u``, and what it resolves."""
    test = uniformity(projected_law(case, u).cdf(rows @ u), alpha=ALPHA)
    assert test.resolution < 0.025
    return test.p_value


WITH_LAW = [
    (case, which)
    for case in CASES
    for which in (0, 1)
    if projected_law(case, directions(case.inputs)[which]) is not None
]


@pytest.mark.parametrize("case, which", WITH_LAW, ids=str)
def test_rows_have_the_exact_law_along_a_direction(case, which):
    u = directions(case.inputs)[which]
    assert pit_p_value(case, case.rows, u) > ALPHA
    assert pit_p_value(case, 1.05 * case.rows, u) <= ALPHA
    assert pit_p_value(case, shifted(case), u) <= ALPHA


@pytest.mark.parametrize("which", [0, 1])
def test_exact_laws_refute_gaussian_rows_with_the_same_moments(which):
    for case in CASES:
        exact = projected_law(case, directions(case.inputs)[which])
        named = isinstance(case.law, Sphere | HeavyTailed | Uniform | HeUniform | HaarRows)
        if exact is None or not named:
            continue
        rows = rows_of(Gaussian(np.sqrt(case.law.entry_variance(case.inputs))), case, True)
        values = np.clip(exact.cdf(rows @ directions(case.inputs)[which]), 0, 1)
        assert uniformity(values, alpha=ALPHA).p_value <= ALPHA, case


def test_every_corner_of_the_cube_is_as_likely():
    law, d, rng = Rademacher(0.6), 4, np.random.default_rng(5)
    weights = law.sample(60_000, d, rng)
    assert set(np.unique(weights)) == {-0.6, 0.6}

    def p_value(signs):
        corners = (signs > 0) @ (1 << np.arange(d))
        return chisquare(np.bincount(corners, minlength=1 << d)).pvalue

    assert p_value(weights) > ALPHA
    copied = weights.copy()
    copied[::10, 1] = copied[::10, 0]  # every tenth row has two equal entries
    assert p_value(copied) <= ALPHA
    biased = np.where(rng.random(weights.shape) < 0.525, 1, -1)
    assert p_value(biased) <= ALPHA


@every_case
def test_no_row_is_longer_than_the_bound(case):
    bound = case.law.row_bound(case.inputs, case.outputs)
    norms = np.linalg.norm(case.rows, axis=1)
    rounding = 1 + 64 * case.inputs * EPS
    assert norms.max() <= bound * rounding
    if isinstance(case.law, Sphere | HaarRows | Rademacher):
        assert norms.min() * rounding >= bound
    elif np.isfinite(bound):  # the bound is approached
        assert norms.max() > 0.9 * bound


# --- isotropy ---------------------------------------------------------------------------------


def isotropy_p_values(case, rows):
    """Return p-values of ``w·u/‖w‖`` being a coordinate on the sphere, in two directions."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    law = sphere_coordinate(case.inputs)
    return [
        uniformity(law.cdf(np.clip(units @ u, -1, 1)), alpha=ALPHA).p_value
        for u in directions(case.inputs)
    ]


@pytest.mark.parametrize("case", ISOTROPIC, ids=str)
def test_isotropic_rows_have_no_direction(case):
    assert min(isotropy_p_values(case, case.rows)) > ALPHA
    assert min(isotropy_p_values(case, shifted(case))) <= ALPHA


@pytest.mark.parametrize("case", SKEWED, ids=str)
def test_laws_that_say_they_are_not_isotropic_are_not(case):
    assert min(isotropy_p_values(case, case.rows)) <= ALPHA


def test_isotropy_sees_variances_10_percent_apart():
    case = next(case for case in CASES if isinstance(case.law, Gaussian))
    rows = rows_of(Anisotropic(variances=(1.1, 1, 1, 1, 1)), case, True)
    assert min(isotropy_p_values(case, rows)) <= ALPHA


@pytest.mark.parametrize("case", SKEWED, ids=str)
def test_laws_that_are_not_isotropic_have_no_kappa(case):
    with pytest.raises(ValueError, match="depends on the direction u"):
        case.law.half_mean(case.inputs)
    if isinstance(case.law, Anisotropic | Positive):
        with pytest.raises(ValueError, match=r"κ_t .* depends on the direction u"):
            case.law.half_square(case.inputs)


# --- independence of the rows -----------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [c for c in CASES if projected_law(c, directions(c.inputs)[0])], ids=str
)
def test_rows_are_independent_where_the_law_says_so(case):
    p_value = independence_p_value(case, pairs_of(case.law, case))
    if case.law.independent_rows:
        assert p_value > ALPHA
    else:
        assert isinstance(case.law, HaarRows | HaarColumns | Orthogonal)
        assert p_value <= ALPHA


def test_independence_sees_one_radius_for_all_rows():
    case = next(case for case in CASES if isinstance(case.law, HeavyTailed))
    pairs = pairs_of(OneRadius(case.law), case)
    assert independence_p_value(case, pairs) <= ALPHA
    u = directions(case.inputs)[1]
    assert uniformity(projected_law(case, u).cdf(pairs[:, 0] @ u), alpha=ALPHA).p_value > ALPHA


def test_student_rows_have_heavy_tails():
    """The share of entries beyond 4 deviations is that of Student-t, not of a Gaussian."""
    law = HeavyTailed(3.0)
    beyond = np.abs(law.sample(100_000, 2, np.random.default_rng(0))[:, 0]) > 4
    probability = 2 * stats.t(3, scale=np.sqrt(1 / 3)).sf(4)
    assert stats.binomtest(int(beyond.sum()), beyond.size, probability).pvalue > ALPHA
    assert stats.binomtest(int(beyond.sum()), beyond.size, 2 * stats.norm.sf(4)).pvalue <= ALPHA
