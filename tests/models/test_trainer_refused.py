"""Networks, data and settings that training and accuracy refuse."""

from fractions import Fraction

import numpy as np
import pytest
from training_case import blobs, network, settings

from alignment_theory import Dense, Network, Relu
from alignment_theory.layers import Switch
from alignment_theory.models import accuracy, train


class Square(Switch):
    def output_shape(self, input_shape):
        return input_shape

    def forward(self, values):
        return values**2

    def mask(self, preactivation):
        return preactivation > 0


class TiltedDense(Dense):
    pass


def exact():
    return Network([Dense([[Fraction(1, 3)] * 4] * 3)])


INPUTS, LABELS = blobs(6)

UNFIT_NETWORKS = {
    "exact": (exact, "exact fractions.*astype"),
    "unknown layer": (lambda: Network([*network().layers, Square()]), "layer 3 is .*Square"),
    "subclass": (lambda: Network([TiltedDense(np.ones((3, 4)))]), "layer 0 is .*Dense"),
    "no weights": (lambda: Network([Relu()], (4,)), "a Dense or Conv2d layer"),
}

UNFIT_DATA = {
    "one sample": (INPUTS[0], LABELS[:1], r"inputs: .*\(samples, 4\).*\(4,\)"),
    "no sample": (INPUTS[:0], LABELS[:0], r"inputs: expected a non-empty batch.*\(0, 4\)"),
    "width": (INPUTS[:, :3], LABELS, r"inputs: .*\(6, 3\)"),
    "scalar": (1.0, LABELS, "inputs: expected a non-empty batch"),
    "nan": (INPUTS + np.nan, LABELS, "inputs: expected finite numbers, got nan"),
    "complex": (INPUTS + 1j, LABELS, "inputs: expected float32, float64"),
    "text": ([["a"] * 4] * 6, LABELS, "inputs: expected float32, float64"),
    "float labels": (INPUTS, LABELS * 1.0, "labels: expected integers, got dtype float64"),
    "bool labels": (INPUTS, LABELS > 0, "labels: expected integers, got dtype bool"),
    "one-hot labels": (INPUTS, np.eye(3, dtype=int)[LABELS], r"labels: expected shape \(6,\)"),
    "length": (
        INPUTS,
        LABELS[:5],
        r"labels: expected shape \(6,\), one for each input, got \(5,\)",
    ),
    "negative": (INPUTS, [0, 1, -1, 0, 1, 2], "expected 0 to 2.*got -1 at index 2"),
    "too large": (INPUTS, [0, 1, 2, 3, 3, 2], r"got 3 at index 3 \(2 such"),
}

UNFIT_SETTINGS = [
    ("epochs", 0), ("epochs", -1), ("epochs", 1.0), ("epochs", True), ("epochs", "3"),
    ("batch_size", 0), ("batch_size", 2.5), ("batch_size", None),
    ("learning_rate", 0), ("learning_rate", -1e-3), ("learning_rate", np.nan),
    ("learning_rate", np.inf), ("learning_rate", 10**400), ("learning_rate", "fast"),
    ("learning_rate", True),
    ("weight_decay", -0.1), ("weight_decay", np.inf), ("weight_decay", None),
]  # fmt: skip


@pytest.mark.parametrize("name", UNFIT_NETWORKS)
def test_unfit_networks_are_refused(name):
    make, message = UNFIT_NETWORKS[name]
    with pytest.raises(ValueError, match=message):
        train(make(), INPUTS, LABELS, **settings())


def test_an_output_that_is_no_vector_is_refused():
    picture = Network([Relu()], (2, 2))
    with pytest.raises(ValueError, match="no classes"):
        accuracy(picture, np.ones((1, 2, 2)), [0])


@pytest.mark.parametrize("function", [accuracy, lambda *data: train(*data, **settings())])
@pytest.mark.parametrize("name", UNFIT_DATA)
def test_unfit_data_are_refused(name, function):
    inputs, labels, message = UNFIT_DATA[name]
    with pytest.raises(ValueError, match=message):
        function(network(), inputs, labels)


@pytest.mark.parametrize(("name", "value"), UNFIT_SETTINGS)
def test_unfit_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"expected {name} to be"):
        train(network(), INPUTS, LABELS, **settings(**{name: value}))


def test_a_generator_is_needed():
    with pytest.raises(ValueError, match="numpy.random.Generator"):
        train(network(), INPUTS, LABELS, **settings(rng=3))


def test_wide_data_for_a_narrow_network_are_refused():
    with pytest.raises(ValueError, match="got float64 where the computation is in float32"):
        train(network(dtype=np.float32), INPUTS, LABELS, **settings())


@pytest.mark.parametrize("labels", [np.uint8([0, 1, 2, 0, 1, 2]), [0, 1, 2, 0, 1, 2]])
def test_any_integers_are_labels(labels):
    assert len(train(network(), INPUTS, labels, **settings()).losses) == 3
