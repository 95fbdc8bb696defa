"""The deviation of weights that are drawn anew, where one input more or less would be seen."""

import numpy as np
import pytest

from alignment_theory import Conv2d, Dense, Network
from alignment_theory.models import redrawn


@pytest.mark.parametrize("layer", [Dense(np.ones((4096, 4))), Conv2d(np.ones((4096, 1, 2, 2)))])
def test_he_normal_is_of_the_fan_in(layer):
    """Of 16384 numbers: 6 deviations of the mean square are 7 %, four inputs for five are 20 %."""
    shape = (4,) if isinstance(layer, Dense) else (1, 2, 2)
    weight = redrawn(Network([layer], shape), [0], seed=0).layers[0].weight
    share = (weight**2).mean() * 4 / 2
    assert share == pytest.approx(1, abs=6 * np.sqrt(2 / weight.size))
    assert 6 * np.sqrt(2 / weight.size) < 0.2 / 2
