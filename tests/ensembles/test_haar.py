"""Orthogonal weights: exactly orthogonal, and Haar in their joint law, not row by row only.

Without the sign correction of QR rows are still orthonormal and of the right size; what sees the
error is the sign of an entry or of the determinant. Each check below is at level ALPHA.
"""

from functools import cache

import numpy as np
import pytest
from ensembles.law_checks import ALPHA, SEED, RawQR, sphere_coordinate

from alignment_theory.ensembles import HaarColumns, HaarRows
from alignment_theory.verification.betting import betting_p_value
from alignment_theory.verification.statistics import uniformity

EPS = float(np.finfo(np.float64).eps)
MATRICES = 20_000
SHAPES = [(HaarRows(), 2, 3), (HaarRows(), 3, 3), (HaarColumns(), 3, 2), (HaarColumns(), 3, 3)]
SQUARE = [shape for shape in SHAPES if shape[1] == shape[2]]
every_shape = pytest.mark.parametrize("law, outputs, inputs", SHAPES, ids=str)
every_square = pytest.mark.parametrize("law, outputs, inputs", SQUARE, ids=str)


@cache
def matrices(sampler, outputs, inputs):
    """Return matrices (MATRICES, outputs, inputs) scaled to orthonormal rows or columns."""
    rng = np.random.default_rng(SEED)
    draws = np.array([sampler.sample(outputs, inputs, rng) for _ in range(MATRICES)])
    return draws / np.sqrt(max(outputs, inputs))


def entry_p_values(draws):
    """Return a p-value for each entry and, last, for ``u·Wv`` with two generic unit vectors.

    Each is a coordinate of a uniform point on the sphere of the longer side.
    """
    _, rows, columns = draws.shape
    law = sphere_coordinate(max(rows, columns))
    u, v = (
        np.arange(1.0, size + 1) / np.linalg.norm(np.arange(1.0, size + 1))
        for size in (rows, columns)
    )
    values = [*draws.reshape(len(draws), -1).T, draws @ v @ u]
    tests = [uniformity(law.cdf(np.clip(value, -1, 1)), alpha=ALPHA) for value in values]
    return np.array([test.p_value for test in tests])


def invariant_p_values(draws):
    """Return p-values for det and trace of the orthogonal group O(n).

    ``P(det > 0) = 1/2``, ``E tr = 0`` and ``E tr² = 1``.
    """
    n = draws.shape[1]
    positive = (np.linalg.det(draws) > 0).astype(float)
    trace = np.clip(np.trace(draws, axis1=1, axis2=2), -n, n)
    return (
        betting_p_value(positive, 0.5, low=0.0, high=1.0),
        betting_p_value(trace, 0.0, low=-n, high=n),
        betting_p_value(trace**2, 1.0, low=0.0, high=n**2),
    )


@pytest.mark.parametrize("sigma", [1e-100, 0.7, 1e100])
@pytest.mark.parametrize("outputs, inputs", [(1, 1), (1, 7), (7, 1), (4, 9), (9, 4), (60, 60)])
def test_gram_matrix_is_that_of_equal_orthogonal_vectors(outputs, inputs, sigma):
    """Householder QR loses at most c m n eps of orthogonality (Higham 2002, theorem 19.4)."""
    rng = np.random.default_rng(1)
    longer = max(outputs, inputs)
    tolerance = 16 * outputs * inputs * longer * EPS
    if outputs <= inputs:
        weights = HaarRows(sigma).sample(outputs, inputs, rng) / sigma
        gram = weights @ weights.T
        np.testing.assert_allclose(gram, longer * np.eye(outputs), rtol=0, atol=tolerance)
    if outputs >= inputs:
        weights = HaarColumns(sigma).sample(outputs, inputs, rng) / sigma
        gram = weights.T @ weights
        np.testing.assert_allclose(gram, longer * np.eye(inputs), rtol=0, atol=tolerance)


@every_shape
def test_entries_have_the_law_of_a_sphere_coordinate(law, outputs, inputs):
    assert entry_p_values(matrices(law, outputs, inputs)).min() > ALPHA


@every_square
def test_determinant_and_trace_are_those_of_the_orthogonal_group(law, outputs, inputs):
    assert min(invariant_p_values(matrices(law, outputs, inputs))) > ALPHA


@every_shape
def test_a_missing_sign_correction_shows_in_the_first_entry(law, outputs, inputs):
    draws = matrices(RawQR(law), outputs, inputs)
    assert (draws[:, 0, 0] <= 0).all()
    assert entry_p_values(draws)[0] <= ALPHA
    assert (matrices(law, outputs, inputs)[:, 0, 0] > 0).any()


@every_square
def test_a_missing_sign_correction_fixes_the_determinant(law, outputs, inputs):
    draws = matrices(RawQR(law), outputs, inputs)
    assert invariant_p_values(draws)[0] <= ALPHA


@every_square
def test_the_signs_of_q_in_place_of_those_of_r_show_in_the_trace(law, outputs, inputs):
    assert invariant_p_values(matrices(RawQR(law, from_q=True), outputs, inputs))[1] <= ALPHA


@every_shape
def test_orthogonalised_uniform_entries_are_not_haar(law, outputs, inputs):
    draws = matrices(RawQR(law, uniform=True), outputs, inputs)
    assert entry_p_values(draws).min() <= ALPHA


@every_shape
def test_what_rows_share_is_seen_beyond_single_entries(law, outputs, inputs):
    """Entries of independent rows have the right law each; that columns be orthogonal is more."""
    draws = matrices(law, outputs, inputs)
    shuffled = draws.copy()
    shuffled[:, 1] = np.roll(draws[:, 1], 1, axis=0)
    assert entry_p_values(shuffled)[:-1].min() > ALPHA
    assert entry_p_values(shuffled)[-1] <= ALPHA
