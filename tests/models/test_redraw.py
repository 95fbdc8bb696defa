"""Re-drawing layers: independence, reproducibility, start values, biases and BatchNorm."""

import numpy as np
import pytest

from alignment_theory import BatchNorm, Conv2d, Dense, Flatten, MaxPool2d, Network, Relu, Residual
from alignment_theory.models import Redraw, parameter_layers, redrawn

EPS = float(np.finfo(np.float64).eps)


def network(dtype=np.float64):
    rng = np.random.default_rng(0)

    def conv(outputs, inputs, **options):
        bias = rng.standard_normal(outputs)
        return Conv2d(rng.standard_normal((outputs, inputs, 3, 3)), bias, **options)

    layers = [
        conv(8, 2, padding=1, stride=2),
        BatchNorm(rng.uniform(1, 2, 8), rng.standard_normal(8)),
        Relu(),
        Residual([conv(8, 8, padding=1), Relu(), conv(8, 8, padding=1)], [conv(8, 8, padding=1)]),
        MaxPool2d(2),
        Flatten(),
        Dense(rng.standard_normal((32, 32)), rng.standard_normal(32)),
        Relu(),
        Dense(rng.standard_normal((32, 32))),
    ]
    return Network(layers, (2, 8, 8)).astype(dtype)


NUMBERS = (0, 1, 4, 6, 7, 10, 12)


def parameters(net):
    return {k: (net.all_layers[k].weight, net.all_layers[k].bias) for k in parameter_layers(net)}


def same(one, other):
    return all(
        (a is None and b is None) or np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def test_layers_with_parameters_are_found_inside_residuals():
    assert parameter_layers(network()) == NUMBERS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("chosen", [(), (0,), (6,), (4, 7, 12), NUMBERS])
def test_only_what_is_chosen_changes(chosen, dtype):
    before = network(dtype)
    after = redrawn(before, chosen, seed=0)
    assert after.dtype == dtype and repr(after) == repr(before)
    old, new = parameters(before), parameters(after)
    assert {k for k in NUMBERS if not same(old[k], new[k])} == set(chosen)
    assert after.all_layers[0].windows == before.all_layers[0].windows


@pytest.mark.parametrize("weights", ["he-normal", "orthogonal", "permuted"])
def test_layers_of_one_shape_never_get_equal_weights(weights):
    """Quantus seeds every layer alike: equal shapes become bit-identical."""
    net = redrawn(network(), NUMBERS, seed=0, how=Redraw(weights))
    alike = (
        [net.all_layers[k].weight for k in (4, 6, 7)],
        [net.all_layers[k].weight for k in (10, 12)],
    )
    for group in alike:
        for i in range(len(group)):
            for other in group[i + 1 :]:
                assert (group[i] != other).mean() > 0.9
    if weights == "he-normal":
        # independent: the correlation of 576 pairs has the deviation 1/24
        flat = [w.ravel() for w in alike[0]]
        assert np.abs(np.corrcoef(flat) - np.eye(3)).max() < 6 / 24


def test_equal_seeds_would_be_seen(monkeypatch):
    monkeypatch.setattr(np.random, "SeedSequence", lambda seed, spawn_key: seed)
    net = redrawn(network(), NUMBERS, seed=0)
    assert (net.all_layers[10].weight == net.all_layers[12].weight).all()


def test_a_layer_does_not_depend_on_what_else_is_redrawn():
    whole = parameters(redrawn(network(), NUMBERS, seed=5, draw=2))
    for k in NUMBERS:
        assert same(parameters(redrawn(network(), [k], seed=5, draw=2))[k], whole[k])
    for other in (
        redrawn(network(), NUMBERS, seed=5, draw=3),
        redrawn(network(), NUMBERS, seed=6, draw=2),
    ):
        assert (parameters(other)[6][0] != whole[6][0]).all()


def test_start_values():
    """Normal entries: the mean square of n of them is within 6 √(2/n) of its expectation.

    Householder QR of an m x n matrix is orthogonal to c m n eps (Higham 2002, theorem 19.4), c as
    in the tests of the law itself; rows of norm √2 double that.
    """
    before = network()
    he = redrawn(before, NUMBERS, seed=1)
    for k, inputs in ((0, 18), (4, 72), (10, 32)):
        weight = he.all_layers[k].weight
        bound = 6 * np.sqrt(2 / weight.size)
        assert (weight**2).mean() * inputs / 2 == pytest.approx(1, abs=bound)
        orthogonal = redrawn(before, [k], seed=1, how=Redraw("orthogonal")).all_layers[k].weight
        rows = orthogonal.reshape(len(orthogonal), -1)
        gram = rows @ rows.T
        assert np.abs(gram - 2 * np.eye(len(rows))).max() <= 2 * 16 * rows.size * EPS
        permuted = redrawn(before, [k], seed=1, how=Redraw("permuted")).all_layers[k].weight
        assert (
            np.sort(permuted, axis=None) == np.sort(before.all_layers[k].weight, axis=None)
        ).all()


def test_biases_and_norms():
    before = network()
    reset = redrawn(before, NUMBERS, seed=0)
    assert not reset.has_bias and (reset.all_layers[1].weight == 1).all()
    assert reset.all_layers[12].bias is None
    kept = redrawn(before, NUMBERS, seed=0, how=Redraw(biases="kept", norms="kept"))
    assert kept.all_layers[1] is before.all_layers[1]
    assert (kept.all_layers[4].bias == before.all_layers[4].bias).all()
    permuted = redrawn(before, NUMBERS, seed=0, how=Redraw(biases="permuted", norms="permuted"))
    for k in (1, 4):
        one, other = permuted.all_layers[k].bias, before.all_layers[k].bias
        assert (np.sort(one) == np.sort(other)).all() and (one != other).any()
    norm, old = permuted.all_layers[1], before.all_layers[1]
    pairs = {tuple(pair) for pair in zip(old.weight, old.bias, strict=True)}
    assert {tuple(pair) for pair in zip(norm.weight, norm.bias, strict=True)} == pairs


def test_bad_input():
    with pytest.raises(ValueError, match=r"layers \[2, 20\] have no parameters; those that have"):
        redrawn(network(), [2, 20, 0], seed=0)
    for arguments, message in (
        ({"network": None}, "redrawn: expected a Network, got None"),
        ({"layers": 0}, "redrawn: layers: expected a list of numbers of layers, got 0"),
        ({"layers": "0"}, "redrawn: layers: expected a list of numbers of layers, got '0'"),
        ({"seed": None}, "redrawn: seed: expected an integer of at least 0, got None"),
        ({"draw": 1.5}, "redrawn: draw: expected an integer of at least 0, got 1.5"),
        ({"how": "permuted"}, "redrawn: how: expected a Redraw, such as .* got 'permuted'"),
    ):
        with pytest.raises(ValueError, match=message):
            redrawn(**{"network": network(), "layers": [0], "seed": 0} | arguments)
    with pytest.raises(ValueError, match="expected a network of floats"):
        redrawn(Network([Dense([[1]])]).astype(object), [0], seed=0)
    with pytest.raises(ValueError, match="Redraw: weights: 'uniform' .* 'he-normal'"):
        Redraw("uniform")
    with pytest.raises(ValueError, match="cannot re-draw Relu"):
        Redraw().layer(Relu(), np.random.default_rng(0))
