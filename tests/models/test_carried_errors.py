"""How errors of rounding are carried from layer to layer of an imported estimator."""

import numpy as np

from alignment_theory import Dense, Network, Relu
from alignment_theory.models.sklearn_models import _carried


def test_an_error_below_is_multiplied_by_the_weights_above():
    rng = np.random.default_rng(0)
    below, above = rng.standard_normal((30, 40)), rng.standard_normal((5, 30))
    inputs = rng.standard_normal((3, 40))
    _, first = _carried(Network([Dense(below), Relu()]), inputs)
    values, both = _carried(Network([Dense(below), Relu(), Dense(above)]), inputs)
    assert (first > 0).all() and (both > first @ np.abs(above).T).all()
    assert (values == np.maximum(inputs @ below.T, 0) @ above.T).all()
