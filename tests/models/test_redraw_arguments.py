"""What re-drawing says of numbers of layers that are none."""

import numpy as np
import pytest

from alignment_theory.models import digits_classifier, parameter_layers, random_mlp, redrawn


@pytest.mark.parametrize("number", ["a", 0.0, 1.5, None, True, -1, [0]], ids=repr)
def test_numbers_of_layers_are_integers(number):
    network = random_mlp((3, 4, 2), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="redrawn: layers: expected an integer of at least 0, got"):
        redrawn(network, [0, number], seed=0)


def test_only_networks_have_layers():
    with pytest.raises(ValueError, match="parameter_layers: expected a Network, got None"):
        parameter_layers(None)


def test_a_bias_is_true_or_false():
    with pytest.raises(ValueError, match="bias must be True or False, got 'no'"):
        digits_classifier(bias="no")
