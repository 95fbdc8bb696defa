"""The inequalities as data, and the metric that positive matrices contract."""

import numpy as np
import pytest
import sympy as sp

from alignment_theory.theory.bounds import (
    BIRKHOFF,
    BOUNDS,
    CASCADE,
    KANTOROVICH,
    POLYA_SZEGO,
    RANK_ONE_CONTRACTION,
    contracted,
    kantorovich,
    least_cosine,
)
from alignment_theory.theory.identities import IDENTITIES
from alignment_theory.theory.projective import (
    hilbert_distance,
    positive_groups,
    projective_diameter,
)


@pytest.mark.parametrize("theorem", (*IDENTITIES, *BOUNDS), ids=lambda theorem: theorem.id)
def test_every_theorem_can_be_shown(theorem):
    assert theorem.statement and theorem.title and theorem.hypotheses and theorem.sources
    assert theorem.text().strip() and theorem.latex().strip()


def test_relu_is_a_hypothesis_only_where_activations_must_be_multiples_of_z():
    named = {
        theorem.id
        for theorem in (*IDENTITIES, *BOUNDS)
        if "relu" in {hypothesis.name for hypothesis in theorem.hypotheses}
    }
    assert named == {"piecewise-linear", "lrp0-is-gradient-times-input", "homogeneity"}


@pytest.mark.parametrize(
    ("kappa", "share", "floor"), [(1, 1, 1), (4, 1, 0.8), (4, 0.5, 0.4), (9, 1, 0.6)]
)
def test_cascade_by_hand(kappa, share, floor):
    assert float(CASCADE.predict(kappa=kappa, share=share)) == pytest.approx(floor, rel=1e-15)


def test_cascade_takes_arrays_and_refuses_what_no_matrix_has():
    found = CASCADE.predict(kappa=[1.0, 4.0, 9.0]).value
    assert np.allclose(found, [1, 0.8, 0.6], rtol=1e-15)
    with pytest.raises(ValueError, match="kappa .* must be >= 1, got 0.5"):
        CASCADE.predict(kappa=0.5)


def test_contraction_by_hand():
    found = RANK_ONE_CONTRACTION.predict(top=2.0, below=4 * np.log(2), groups=2)
    assert float(found) == pytest.approx(2 * 0.6**2, rel=1e-15)  # tanh(log 2) = 3/5
    assert found.terms["least cosine"] == pytest.approx(1 / np.cosh(0.36), rel=1e-15)
    assert float(RANK_ONE_CONTRACTION.predict(top=2.0)) == 2.0


def test_infinite_diameters():
    assert contracted(np.inf, np.array([1.0])) == np.inf
    assert contracted(3.0, np.array([np.inf, np.inf])) == 3.0
    assert least_cosine(np.inf) == 0 and least_cosine(0.0) == 1 and least_cosine(5000.0) == 0


def test_kantorovich_is_the_least_over_all_vectors():
    """The bound is below the quotient of random vectors and reached by (v_1 + v_n)/√2."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        eigenvalues = 10.0 ** rng.uniform(-2, 2, 5)
        z = rng.standard_normal((1000, 5))
        sizes = [np.sqrt((z**2 * eigenvalues**power).sum(axis=1)) for power in (0, 1, -1)]
        quotient = sizes[0] ** 2 / (sizes[1] * sizes[2])
        floor = kantorovich(eigenvalues.max() / eigenvalues.min())
        assert (quotient >= floor * (1 - 1e-13)).all()
        extreme = np.array([eigenvalues.min(), eigenvalues.max()])
        reached = 1 / np.sqrt(extreme.mean() * (1 / extreme).mean())
        assert reached == pytest.approx(float(floor), rel=1e-13)


def test_formulas_in_exact_arithmetic():
    """Symmetric 2 x 2 matrices reach Birkhoff's constant, symmetric pairs Pólya and Szegő's."""
    t, u = sp.symbols("t u", positive=True)
    shrunk = sp.log((sp.exp(u) + t) / (t * sp.exp(u) + 1))
    slope = sp.diff(shrunk, u).subs(u, 0)
    top = next(iter(BIRKHOFF.free_symbols))
    tau = BIRKHOFF.subs(top, -2 * sp.log(t)).rewrite(sp.exp)
    assert sp.simplify(slope - tau) == 0
    cosine = 2 * sp.exp(u) / (1 + sp.exp(2 * u))
    assert sp.simplify(cosine - POLYA_SZEGO.subs(top, 2 * u).rewrite(sp.exp)) == 0
    kappa = next(iter(KANTOROVICH.free_symbols))
    root = sp.Symbol("r", positive=True)
    assert sp.simplify(KANTOROVICH.subs(kappa, root**2) - 2 / (root + 1 / root)) == 0


def test_hilbert_distance():
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0])
    assert hilbert_distance(x, y) == pytest.approx(np.log(4))
    assert hilbert_distance(7 * x, 0.1 * y) == pytest.approx(np.log(4))
    assert hilbert_distance(x, 3 * x) == pytest.approx(0, abs=1e-15)
    assert hilbert_distance(np.array([1.0, 0.0]), np.array([2.0, 0.0])) == 0
    assert hilbert_distance(np.array([1.0, 0.0]), np.array([2.0, 1.0])) == np.inf
    assert hilbert_distance(x, -x) == np.inf
    assert np.isnan(hilbert_distance(0 * x, x))


def test_projective_diameter_is_the_definition():
    matrix = np.random.default_rng(1).uniform(0.1, 1, (4, 3))
    brute = max(
        np.log(matrix[i, j] * matrix[k, m] / (matrix[k, j] * matrix[i, m]))
        for i in range(4)
        for k in range(4)
        for j in range(3)
        for m in range(3)
    )
    assert projective_diameter(matrix) == pytest.approx(brute, rel=1e-13)
    assert projective_diameter(np.array([[1.0, 0.0], [1.0, 1.0]])) == np.inf
    assert projective_diameter(np.outer([1.0, 2.0], [3.0, 5.0])) == pytest.approx(0, abs=1e-15)


def test_birkhoff_on_random_matrices_and_that_a_smaller_constant_fails():
    rng = np.random.default_rng(2)
    closest = 0.0
    for _ in range(300):
        size = int(rng.integers(2, 4))
        matrix = np.exp(rng.normal(0, 1.5, (size, size)))
        x = np.exp(rng.normal(0, 1, size))
        y = x * np.exp(rng.normal(0, 1e-2, size))
        allowed = np.tanh(projective_diameter(matrix) / 4) * hilbert_distance(x, y)
        found = hilbert_distance(matrix @ x, matrix @ y)
        assert found <= allowed * (1 + 1e-10)
        closest = max(closest, found / allowed)
    assert closest > 0.95


def test_a_nonnegative_matrix_does_not_stretch():
    rng = np.random.default_rng(3)
    for _ in range(200):
        matrix = rng.uniform(size=(4, 5)) * (rng.uniform(size=(4, 5)) < 0.5)
        x, y = np.exp(rng.normal(0, 1, (2, 5)))
        found = hilbert_distance(matrix @ x, matrix @ y)
        assert np.isnan(found) or found <= hilbert_distance(x, y) + 1e-12


def test_groups_close_as_soon_as_they_are_positive():
    full = np.array([[1.0, 2.0], [2.0, 1.0]])
    half = np.array([[1.0, 1.0], [0.0, 1.0]])
    groups = positive_groups([full, half, half.T])
    assert [group.factors for group in groups] == [2, 1]
    assert groups[0].diameter == projective_diameter(half @ half.T)
    assert groups[1].diameter == projective_diameter(full)
    open_end = positive_groups([half, full])
    assert [group.factors for group in open_end] == [1, 1]
    assert open_end[1].diameter == np.inf


def test_units_that_no_relevance_reaches_are_left_out():
    top = np.array([[1.0, 2.0], [0.0, 0.0], [3.0, 1.0]])
    bottom = np.array([[1.0, 9.0, 2.0], [2.0, 9.0, 1.0]])
    groups = positive_groups([bottom, top])
    assert [group.factors for group in groups] == [1, 1]
    assert groups[0].diameter == pytest.approx(np.log(6))
    assert groups[1].diameter == pytest.approx(np.log(4))
    dead = np.array([[1.0, 0.0], [2.0, 0.0]])
    assert positive_groups([dead])[0].diameter == 0
