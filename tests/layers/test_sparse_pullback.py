"""Dense layers read only the rows that relevance reaches, and the result is the transpose."""

from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import Dense
from alignment_theory.layers import linear
from alignment_theory.layers.base import Weights


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
@pytest.mark.parametrize("live", [0, 3, 4, 9])
@pytest.mark.parametrize("at_a_time", [20, 1000])
def test_the_pullback_is_the_transpose_however_much_is_blocked(monkeypatch, dtype, live, at_a_time):
    monkeypatch.setattr(linear, "_ADDED_UP", at_a_time)
    rng = np.random.default_rng(live)
    whole = np.vectorize(Fraction, otypes=[object])
    layer = Dense(rng.integers(-4, 5, (9, 6)) / 2).astype(dtype)
    relevance = np.zeros((1, 9))
    relevance[0, rng.permutation(9)[:live]] = rng.integers(1, 5, live)
    relevance = whole(relevance) if dtype is object else relevance.astype(dtype)
    for weights in Weights:
        below = layer.pullback(relevance, np.empty((1, 6), dtype), weights)
        assert below.dtype == dtype
        assert (below == relevance @ layer.matrix(relevance, weights)).all()


def test_only_sparse_relevance_goes_row_by_row(monkeypatch):
    seen = []
    monkeypatch.setattr(linear, "combine", lambda *given: seen.append(given))
    layer = Dense(np.ones((8, 2)))
    for live, samples in ((3, 1), (4, 1), (2, 2), (1, 2)):
        relevance = np.zeros((samples, 8))
        relevance[:, :live] = 1
        layer.pullback(relevance, np.ones((samples, 2)))
    assert [given[0].sum() for given in seen] == [3, 2]
