"""The one rule that only zennit has, beyond what the stored records show."""

from fractions import Fraction

import numpy as np
import ours
import pytest

from alignment_theory import BetaSmooth, Dense, GuidedBackprop, Network, Relu, attribute
from alignment_theory.rounding import gamma


def through_one_unit(z, beta=10.0, dtype=np.float64):
    """Return the gate of a single ReLU with pre-activation z."""
    network = Network([Relu(), Dense(np.ones((1, 1), dtype))], (1,))
    attribution = attribute(network, np.array([z], dtype), rule=BetaSmooth(beta), target=0)
    return attribution.gates[0][0]


def test_default_is_zennits():
    networks, records = ours.stored()
    smooth = [name for name in records if name.startswith("zennit:BetaSmooth-beta_smooth=10.0-")]
    assert len(smooth) == 12
    for record in map(records.get, smooth):
        ours.assert_same(record, networks[record["network"]], BetaSmooth())


def test_values_by_hand():
    assert through_one_unit(0.0) == 0.5
    depth = gamma(8 + 2, np.dtype(float))  # and that of log 3, which is 1.1 in size
    assert through_one_unit(np.log(3.0), 1.0) == pytest.approx(3 / 4, rel=depth, abs=0)
    assert through_one_unit(-np.log(3.0), 1.0) == pytest.approx(1 / 4, rel=depth, abs=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("z", [-300.0, -50.0, -1.0, -1e-6, 1e-6, 1.0, 50.0])
def test_small_gates_keep_their_digits(dtype, z):
    """sigmoid(z) as exp(z) / (1 + exp(z)) in long double; the float type is kept."""
    value = through_one_unit(z, 1.0, dtype)
    assert value.dtype == dtype
    size = np.exp(np.longdouble(dtype(z)))
    wanted = size / (1 + size)
    tiny = np.finfo(dtype).tiny
    assert abs(value - wanted) <= gamma(8, np.dtype(dtype)) * wanted + tiny


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows(dtype):
    """The largest pre-activations saturate, without a warning even outside `attribute`."""
    size = np.finfo(dtype).max
    network = Network([Relu(), Dense(np.ones((1, 2), dtype))], (2,))
    trace = network.forward(np.array([[size, -size]], dtype))
    gates = BetaSmooth().gate(np.ones((1, 2), dtype), trace.sites[0])
    assert gates.dtype == dtype
    assert gates.tolist() == [[1, 0]]


def test_fractions_are_refused_by_name():
    network = Network.mlp([[[Fraction(1, 2)]], [[Fraction(1)]]])
    with pytest.raises(ValueError, match="BetaSmooth at layer 1: .* not a fraction"):
        attribute(network, [Fraction(1)], rule=BetaSmooth(), target=0)


@pytest.mark.parametrize("beta", [0, -1.0, np.nan, np.inf])
def test_beta_is_checked(beta):
    with pytest.raises(ValueError, match="BetaSmooth: beta must be finite and > 0, got"):
        BetaSmooth(beta)


def test_name_and_form():
    assert BetaSmooth().name == "BetaSmooth"
    assert BetaSmooth(2.0).name == "BetaSmooth(beta=2.0)"
    assert BetaSmooth().form is GuidedBackprop().form
