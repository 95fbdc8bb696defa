"""The digits, random networks, and that importing the models stays light."""

import subprocess
import sys

import numpy as np
import pytest

from alignment_theory import Dense
from alignment_theory.models import digits, random_mlp


def rows(array):
    return sorted(map(tuple, array.tolist()))


def test_the_parts_are_all_of_the_digits():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    data = digits(seed=3)
    together = np.column_stack(
        [
            np.concatenate([data.train_inputs, data.test_inputs]) * 16,
            np.concatenate([data.train_labels, data.test_labels]),
        ]
    )
    assert rows(together) == rows(np.column_stack([pixels, labels]))
    assert data.train_inputs.dtype == np.float64 and data.train_labels.dtype == np.int64
    assert data.train_inputs.min() == 0 and data.train_inputs.max() == 1
    assert data.name == "digits" and data.image_shape == (8, 8)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_every_class_is_split_alike(share):
    data = digits(seed=1, test_share=share)
    test = np.bincount(data.test_labels)
    whole = test + np.bincount(data.train_labels)
    np.testing.assert_array_equal(test, [round(share * count) for count in whole])
    assert (np.diff(data.test_labels) < 0).any() and (np.diff(data.train_labels) < 0).any()


def test_the_seed_decides_the_split():
    first, again, other = digits(seed=4), digits(seed=4), digits(seed=5)
    np.testing.assert_array_equal(first.test_inputs, again.test_inputs)
    assert rows(first.test_inputs) != rows(other.test_inputs)


def test_the_arrays_cannot_be_changed():
    data = digits()
    for array in (data.train_inputs, data.train_labels, data.test_inputs, data.test_labels):
        assert not array.flags.writeable


@pytest.mark.parametrize("share", [0, 1, -0.1, 1e-3, 0.999, np.nan])
def test_empty_parts_are_refused(share):
    with pytest.raises(ValueError, match="test_share"):
        digits(test_share=share)


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True, None])
def test_only_counts_are_seeds(seed):
    with pytest.raises(ValueError, match="non-negative integer seed"):
        digits(seed=seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [False, True])
def test_random_networks_are_he_normal(bias, dtype):
    network = random_mlp((200, 300, 100), rng=np.random.default_rng(0), bias=bias, dtype=dtype)
    assert network.dtype == dtype
    for layer, fan_in in zip(network.layers[::2], (200, 300), strict=True):
        # The variance of n normal draws is known to sqrt(2 / n), and their mean to 1 / sqrt(n).
        scaled = layer.weight.astype(np.float64) * np.sqrt(fan_in / 2)
        assert abs(scaled.var() - 1) < 5 * np.sqrt(2 / scaled.size)
        assert abs(scaled.mean()) < 5 / np.sqrt(scaled.size)
        assert (layer.bias is None) != bias
        if bias:
            assert 0.005 < layer.bias.std() < 0.02


def test_random_networks_follow_the_generator():
    make = [random_mlp((3, 4), rng=np.random.default_rng(s)).layers[0].weight for s in (1, 1, 2)]
    np.testing.assert_array_equal(make[0], make[1])
    assert (make[0] != make[2]).all()
    single = random_mlp((3, 4), rng=np.random.default_rng(1), dtype=np.float32)
    np.testing.assert_array_equal(single.layers[0].weight, make[0].astype(np.float32))


@pytest.mark.parametrize(
    "widths", [(), (3,), (3, 0), (3, -1), (3, 2.0), (True, 3), ("3", 3), 5, "34", None]
)
def test_unfit_widths_are_refused(widths):
    with pytest.raises(ValueError, match=r"random_mlp: widths(\[\d\])?: expected"):
        random_mlp(widths, rng=np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [np.float16, np.int64, object, "foo", "f4,f8", 3])
def test_unfit_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match="float32 or float64"):
        random_mlp((3, 4), rng=np.random.default_rng(0), dtype=dtype)


@pytest.mark.parametrize("rng", [0, None, np.random])
def test_only_generators_are_drawn_from(rng):
    with pytest.raises(ValueError, match="rng: expected a numpy.random.Generator, got"):
        random_mlp((3, 4), rng=rng)


def test_a_single_layer_is_a_network():
    network = random_mlp(np.array([3, 2]), rng=np.random.default_rng(0))
    assert [type(layer) for layer in network.layers] == [Dense]


def test_importing_the_models_is_light():
    heavy = "torch sklearn rich numba safetensors threadpoolctl sympy pandas matplotlib".split()
    code = "import sys, alignment_theory.models; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(heavy) & set(done.stdout.split())
