"""Frames, Σ and other entries: formulas against quadrature, enumeration and draws."""

import pickle
from math import pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad

from alignment_theory.theory.anisotropic_rows import Noise
from alignment_theory.theory.curves import predict_curve
from alignment_theory.theory.entry_kurtosis import (
    KURTOSIS,
    edgeworth_slack,
    input_moments,
    mean_of_active,
    predict_concentrated,
    predict_half_mean,
    predict_spread_out,
)
from alignment_theory.theory.expansions import Independent, MeansOf, OneNumber, Series, monomials
from alignment_theory.theory.other_laws import (
    ANISOTROPY,
    CONVOLUTION,
    HAAR_LAW,
    OTHER_LAWS,
    UNIVERSALITY,
)


@pytest.mark.parametrize("theorem", OTHER_LAWS, ids=lambda theorem: theorem.id)
def test_theorems_are_data(theorem):
    assert theorem.latex() and theorem.text()
    assert pickle.loads(pickle.dumps(theorem)).id == theorem.id
    assert len({hypothesis.name for hypothesis in theorem.hypotheses}) == len(theorem.hypotheses)


def test_series_multiply_and_raise_like_polynomials():
    a, b = Series.linear(1.0, [1.0, 0.0]), Series.linear(2.0, [0.0, 1.0])
    place = {e: k for k, e in enumerate(monomials(2))}
    assert (a * b).coefficients[place[1, 1]] == 1
    inverse = (a * b).power(-1)
    unity = (inverse * a * b).coefficients
    assert unity == pytest.approx(np.eye(len(unity))[0], abs=1e-12)
    # 1/(1 + x) has Taylor coefficients (-1)^k.
    found = a.power(-1).coefficients
    assert [found[place[k, 0]] for k in range(5)] == pytest.approx([1, -1, 1, -1, 1])


def test_moments_of_means_are_those_of_sums_of_signs():
    """The mean of n signs has second moment 1/n and fourth moment 3/n² - 2/n³."""
    means = MeansOf(10, lambda exponents: float(sum(exponents) % 2 == 0))
    assert means((2,)) == pytest.approx(0.1)
    assert means((3,)) == 0
    assert means((4,)) == pytest.approx(0.03)
    both = Independent(((1, means), (1, OneNumber(0.5))))
    assert both((2, 2)) == pytest.approx(0.05)
    assert both((1, 3)) == 0


@pytest.mark.parametrize(("n", "d"), [(1, 2), (5, 9), (30, 30)])
def test_rows_of_a_frame_by_their_beta_laws(n, d):
    from scipy.stats import binom

    active = np.arange(1, n + 1)
    expected = (binom.pmf(active, n, 0.5) * active / d).sum() / (1 - 0.5**n)
    assert float(HAAR_LAW.predict(n=n, d=d)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("n", "d"), [(12, 6), (20, 10), (60, 20), (400, 100)])
def test_columns_of_a_frame_by_quadrature(n, d):
    """The exact mean over K, q and B lies within the remainder; the limit alone does not."""
    from scipy.special import roots_jacobi
    from scipy.stats import binom

    share, weight = roots_jacobi(200, (n - d) / 2 - 1, (d - 1) / 2 - 1)
    share, weight = (share + 1) / 2, weight / weight.sum()
    total = 0.0
    for active in range(1, n + 1):
        if active == n:
            values, rule = np.array([1.0]), np.array([1.0])
        else:
            values, rule = roots_jacobi(200, (n - active) / 2 - 1, active / 2 - 1)
            values, rule = (values + 1) / 2, rule / rule.sum()
        q = values[:, np.newaxis]
        total += binom.pmf(active, n, 0.5) * float(rule @ (q / (q + (1 - q) * share)) @ weight)
    exact = total / (1 - 0.5**n)
    found = HAAR_LAW.predict(n=n, d=d)
    assert abs(float(found) - exact) < found.remainder
    assert abs(found.terms["limit"] - exact) > 2 * found.remainder


@pytest.mark.parametrize("coefficients", ["active", "cascade"])
@pytest.mark.parametrize(("n", "d"), [(30, 20), (40, 90)])
def test_equal_variances_give_the_alignment_curve(coefficients, n, d):
    """Two derivations: SymPy in three variables there, truncated series in four here."""
    x = np.linspace(1, 2, d)
    curve = predict_curve(coefficients, n, d)
    for quantity in ("cos² with Σx", "cos² with x"):
        found = ANISOTROPY.predict(
            quantity=quantity, coefficients=coefficients, n=n, variances=np.full(d, 0.3), x=x
        )
        assert found.value == pytest.approx(float(curve.value), rel=1e-12)
        for term in ("limit", "1/n term", "1/n² term"):
            assert found.terms[term] == pytest.approx(float(curve.terms[term]), rel=1e-9)
        assert 2 * abs(found.terms["1/n² term"]) < found.remainder < 0.006


def test_noise_moments_by_dense_matrices():
    variances, x = np.linspace(0.2, 3, 8), np.linspace(-1, 2, 8)
    v = variances * x / sqrt(x @ (variances * x))
    matrix = np.diag(variances) - np.outer(v, v)
    unit = v / np.linalg.norm(v)
    found = Noise.of(variances, v, 0.1)
    square, trace = matrix @ matrix, np.trace(matrix)
    assert found.trace == pytest.approx(trace)
    assert found.spread == pytest.approx(2 * np.trace(square) / trace**2)
    assert found.third == pytest.approx(8 * np.trace(square @ matrix) / trace**3)
    along = unit @ matrix @ unit
    assert found.variance == pytest.approx(0.1 * along)
    assert found.joint == pytest.approx(2 * unit @ square @ unit / trace / along)


def test_mean_attribution_by_the_gaussian_formula():
    variances, x = [1.0, 4.0], [1.0, 1.0]
    found = ANISOTROPY.predict(quantity="mean", n=3, variances=variances, x=x)
    assert found.value == pytest.approx(3 * np.array([1, 4]) / sqrt(2 * pi * 5))
    cascade = ANISOTROPY.predict(
        quantity="mean", coefficients="cascade", n=3, variances="1,4", x="1,1"
    )
    assert cascade.value == pytest.approx([1.5, 6])


def _characteristic(entries, s):
    if entries == "rademacher":
        return np.cos(s), np.sin(s)
    a = sqrt(3) * s
    return np.sinc(a / pi), (np.sin(a) - a * np.cos(a)) / (s * a)


@pytest.mark.parametrize(("entries", "d"), [("uniform", 12), ("uniform", 40), ("rademacher", 40)])
def test_edgeworth_against_characteristic_functions(entries, d):
    """``m_j = (1/π) ∫ -φ'(x_j s) Π_{k≠j} φ(x_k s) ds/s``, an exact inversion integral."""
    x = 1 + np.sin(np.arange(1.0, d + 1))
    x /= np.linalg.norm(x)

    def integrand(s, j):
        value, slope = _characteristic(entries, x * s)
        return slope[j] * np.delete(value, j).prod() / s

    end = 60.0 if entries == "uniform" else 8.0
    m = np.array([quad(integrand, 1e-9, end, args=(j,), limit=400)[0] / pi for j in range(d)])
    iota, iota_6 = input_moments(x)
    found = predict_half_mean(entries, iota, iota_6)
    assert abs(m @ x - found.value) < found.remainder
    edgeworth = 2 * edgeworth_slack(entries, iota, iota_6) / sqrt(2 * pi)
    assert abs(m @ x - found.value) < edgeworth < abs(m @ x - found.terms["limit"])
    expected = x / sqrt(2 * pi) * (1 + KURTOSIS[entries] * (iota / 8 - x**2 / 6))
    assert m == pytest.approx(expected, abs=4 * (iota_6 + iota**2))
    mu = (m @ m) / (m @ x) ** 2 - 1
    second = KURTOSIS[entries] ** 2 * (iota_6 - iota**2) / 36
    assert mu == pytest.approx(second, rel=0.35)


@pytest.mark.parametrize(("d", "sure"), [(20, True), (21, True), (100, False)])
def test_remainder_covers_atoms_of_inputs_next_to_a_lattice(d, sure):
    """±1 entries, x nearly constant: Edgeworth's own slack does not explain E|w·x| (d = 20, 21)."""
    rng = np.random.default_rng(d)
    x = 1 + 1e-3 * rng.standard_normal(d)
    x /= np.linalg.norm(x)
    draws = np.abs(rng.choice([-1.0, 1.0], (400_000, d)) @ x) / 2
    off, error = draws.mean(), 5 * draws.std() / sqrt(draws.size)
    found = predict_half_mean("rademacher", *input_moments(x))
    off = abs(off - found.value)
    assert off < found.remainder + error
    alone = 2 * edgeworth_slack("rademacher", *input_moments(x)) / sqrt(2 * pi)
    assert not sure or off > alone + error


@pytest.mark.parametrize("small", [1e-3, 1e-6, 1e-100])
def test_small_coordinates_are_as_good_as_none(small):
    x = np.array([1.0, small, small, small])
    few = predict_concentrated("uniform", 60, 60, x)
    one = predict_concentrated("uniform", 60, 60, x[:1])
    assert few.value == pytest.approx(one.value, abs=float(few.remainder))
    for scale in (1e-200, 1e200):
        assert predict_concentrated("uniform", 60, 60, scale * x[:1]).value > 0.2


def test_exact_moments_on_few_coordinates():
    x = np.array([1, 0.7, 0.4]) / sqrt(1.65)
    # The sign of ±1 ± 0.7 ± 0.4 is the majority of the three signs.
    assert mean_of_active("rademacher", x) == pytest.approx([0.25] * 3)
    assert mean_of_active("gaussian", x) == pytest.approx(x / sqrt(2 * pi))
    line = np.linspace(-1, 1, 401)[:-1] + 1 / 400
    w = sqrt(3) * np.stack(np.meshgrid(line, line, [0.0]), axis=-1).reshape(-1, 3)[:, :2]
    two = np.array([0.8, 0.6])
    grid = ((w @ two > 0)[:, None] * w).mean(axis=0)
    assert mean_of_active("uniform", two) == pytest.approx(grid, abs=2e-4)
    assert mean_of_active("uniform", np.array([1.0])) == pytest.approx([sqrt(3) / 4])


def test_law_on_three_coordinates_by_drawing():
    """A plain simulation at n = 60, d = 30, with four standard errors."""
    rng = np.random.default_rng(4)
    x = np.array([1, 0.7, 0.4])
    for entries in ("uniform", "rademacher"):
        w = rng.uniform(-sqrt(3), sqrt(3), (20_000, 60, 30))
        if entries == "rademacher":
            w = np.sign(w)
        c = (w[:, :, :3] @ x > 0).astype(float)
        r = np.einsum("tn,tnd->td", c, w)
        draws = (r[:, :3] @ x) ** 2 / ((r**2).sum(axis=1) * (x @ x))
        found = predict_concentrated(entries, 60, 30, x)
        error = draws.std() / sqrt(len(draws))
        assert abs(draws.mean() - found.value) < 4 * error + found.remainder
        assert abs(draws.mean() - predict_curve("active", 60, 30).value) > 8 * error


def test_spread_out_gaussian_entries_give_the_alignment_curve():
    for n, d in ((30, 20), (200, 200)):
        found = predict_spread_out("gaussian", n, d, 0.02, 1.0)
        assert found.value == pytest.approx(float(predict_curve("active", n, d).value), rel=1e-12)
    assert UNIVERSALITY.predict(entries="rademacher", iota=0.01).value > float(
        UNIVERSALITY.predict(entries="gaussian", iota=0.01)
    )


@pytest.mark.parametrize(
    ("theorem", "wrong", "words"),
    [
        (HAAR_LAW, {"n": [3, 4], "d": 5}, "single numbers"),
        (ANISOTROPY, {"variances": [1, 2], "x": [1, 2, 3]}, "one length"),
        (ANISOTROPY, {"variances": [0, 1], "x": [1, 0]}, "Σ x is 0"),
        (ANISOTROPY, {"variances": [-1, 1], "x": [1, 0]}, ">= 0"),
        (ANISOTROPY, {"variances": "1,a", "x": [1, 0]}, "numbers"),
        (CONVOLUTION, {"size": 3, "k": 4}, "at most size"),
        (UNIVERSALITY, {"x": [1, 1, 1, 1, 1]}, "at most 4"),
        (UNIVERSALITY, {"x": [1, 0]}, "not 0"),
    ],
)
def test_errors_say_what_was_expected(theorem, wrong, words):
    with pytest.raises(ValueError, match=words):
        theorem.predict(**wrong)
