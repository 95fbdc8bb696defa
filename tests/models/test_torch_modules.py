"""What can be said of from_torch without PyTorch; with it, tests/peers goes on."""

import sys
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from alignment_theory import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    LeakyRelu,
    MaxPool2d,
    Network,
    Relu,
    from_torch,
)
from alignment_theory.models.compared import magnitude, relative_error
from alignment_theory.models.graph import Node
from alignment_theory.models.torch_layers import (
    FUNCTIONS,
    HEADS,
    KNOWN,
    MODULES,
    PARAMETERS,
    SILENT,
    operator_of,
    taken_away,
)

WRONG = {
    "a class": (Network, "got the class Network; make a module of it: Network(...)"),
    "a file": ("model.pt", "got the path 'model.pt'; build the module, give it the file's parame"),
    "a path": (Path("model.pth"), "got the path 'model.pth'; build the module"),
    "a state_dict": (OrderedDict(weight=1), "such as a state_dict, which has parameters but no l"),
    "a list": ([1, 2], r"got a list; put its modules into nn.Sequential(...)"),
    "an estimator": (MLPClassifier(), "of type MLPClassifier; pass it to from_sklearn"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_module_is_named(name):
    """These need no PyTorch, so that the message is about what was given."""
    given, message = WRONG[name]
    with pytest.raises(ValueError) as caught:
        from_torch(given, (3,))
    assert str(caught.value).startswith("from_torch: expected a torch.nn.Module, got ")
    assert message in str(caught.value)


def test_without_pytorch_there_is_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match="PyTorch, .* is not installed: pip install torch"):
        from_torch(object(), (3,))


def test_tables_fit_together():
    assert set(MODULES.values()) | set(FUNCTIONS.values()) <= set(PARAMETERS)
    assert set(KNOWN) | {"Add"} == set(PARAMETERS)
    assert {*HEADS, *SILENT} <= set(KNOWN)


def made(operator, shape, **settings):
    """Return the layers that an operator with PyTorch's settings becomes."""
    layers = KNOWN[operator](Node(operator, "m", ("x",), "y", settings), [None], shape)
    for layer in layers:
        shape = layer.output_shape(shape)
    return layers


IMAGE = (2, 7, 8)
WEIGHT = np.arange(36.0).reshape(2, 2, 3, 3)


def test_linear_layers():
    (dense,) = made("linear", (3,), weight=WEIGHT[0, 0], bias=np.ones(3))
    assert (dense.weight == WEIGHT[0, 0]).all() and (dense.bias == 1).all()
    (product,) = made("matmul", (3,), other=WEIGHT[0, 0])
    assert isinstance(product, Dense) and (product.weight == WEIGHT[0, 0].T).all()
    with pytest.raises(ValueError, match="must be a constant matrix"):
        made("matmul", (3,), other=np.ones(3))


@pytest.mark.parametrize(
    ("settings", "padding"),
    [
        ({}, ((0, 0), (0, 0))),
        ({"padding": "valid"}, ((0, 0), (0, 0))),
        ({"padding": (2, 1)}, ((2, 2), (1, 1))),
        ({"padding": "same"}, ((1, 1), (1, 1))),
        ({"padding": "same", "dilation": (2, 1)}, ((2, 2), (1, 1))),
    ],
)
def test_padding_of_convolutions(settings, padding):
    (conv,) = made("conv2d", IMAGE, weight=WEIGHT, bias=None, **settings)
    assert conv.windows.padding == padding


def test_even_kernels_are_padded_more_behind():
    """PyTorch's `same`, of a kernel of 4 and of 2: 3 = 1 + 2 and 1 = 0 + 1."""
    (conv,) = made("conv2d", IMAGE, weight=np.ones((1, 2, 4, 2)), padding="same")
    assert conv.windows.padding == ((1, 2), (0, 1)) and conv.output_shape(IMAGE) == (1, 7, 8)


def test_settings_of_convolutions():
    settings = {"stride": (2, 1), "dilation": (1, 2), "groups": 2}
    (conv,) = made("conv2d", (4, 7, 8), weight=WEIGHT, padding_mode="zeros", **settings)
    assert isinstance(conv, Conv2d) and conv.groups == 2 and not conv.has_bias
    assert (conv.windows.stride, conv.windows.dilation) == ((2, 1), (1, 2))
    with pytest.raises(ValueError, match="padding_mode 'reflect' is not supported, only zeros"):
        made("conv2d", IMAGE, weight=WEIGHT, padding_mode="reflect")


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "after", "windows"),
    [
        (7, 2, 2, 0, 1, 4),  # starts 0 2 4 6: the last one has one row
        (8, 2, 2, 0, 0, 4),  # all fit
        (6, 3, 2, 1, 2, 4),  # starts -1 1 3 5
        (5, 2, 3, 1, 1, 2),  # starts -1 2: the next would start at 5, in the padding behind
        (5, 3, 3, 0, 1, 2),  # starts 0 3
        (4, 1, 3, 0, 0, 2),  # starts 0 3
    ],
)
def test_ceil_mode_is_padding_behind(size, kernel, stride, padding, after, windows):
    """By hand, from PyTorch's rule: windows start in the image or in the padding before it."""
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": True}
    (pool,) = made("max_pool2d", (1, size, size), dilation=1, **settings)
    assert isinstance(pool, MaxPool2d)
    assert pool.windows.padding == ((padding, after),) * 2
    assert pool.output_shape((1, size, size)) == (1, windows, windows)


def test_what_average_pooling_counts():
    (plain,) = made("avg_pool2d", IMAGE, kernel_size=3, padding=1)
    assert isinstance(plain, AvgPool2d) and plain.count_padding
    assert plain.windows.stride == (3, 3)  # that of the kernel, where there is none
    (inside,) = made("avg_pool2d", IMAGE, kernel_size=3, padding=1, count_include_pad=False)
    assert not inside.count_padding
    # What is beyond the image only since a size was rounded up counts never.
    (ceil,) = made("avg_pool2d", (1, 3, 3), kernel_size=2, stride=2, ceil_mode=True)
    ones = ceil.forward(np.ones((1, 1, 3, 3)))
    assert (ones == 1).all() and ones.shape == (1, 1, 2, 2)
    with pytest.raises(ValueError, match="windows reach beyond padding that is counted"):
        made("avg_pool2d", (1, 6, 8), kernel_size=3, stride=2, padding=1, ceil_mode=True)
    with pytest.raises(ValueError, match="divisor_override is not supported"):
        made("avg_pool2d", IMAGE, kernel_size=2, divisor_override=3)


def test_other_pooling():
    assert made("adaptive_avg_pool2d", IMAGE, output_size=(None, 2)) == [AdaptiveAvgPool2d((7, 2))]
    assert made("adaptive_max_pool2d", (1, 8, 6), output_size=(2, 3)) == [MaxPool2d((4, 2))]
    assert made("mean", IMAGE, dim=(-1, 2)) == [AdaptiveAvgPool2d(1), Flatten()]
    assert made("mean", IMAGE, dim=[2, 3], keepdim=True) == [AdaptiveAvgPool2d(1)]
    for settings in ({"dim": 1}, {"dim": None}, {}):
        with pytest.raises(ValueError, match="only a mean over whole images"):
            made("mean", IMAGE, **settings)
    with pytest.raises(ValueError, match="no divisor"):
        made("adaptive_max_pool2d", IMAGE, output_size=3)
    with pytest.raises(ValueError, match="dilation 2 of a pooling is not supported"):
        made("max_pool2d", IMAGE, kernel_size=2, dilation=2)
    for operator in ("max_pool2d", "adaptive_max_pool2d"):
        with pytest.raises(ValueError, match="return_indices is not supported"):
            made(operator, IMAGE, kernel_size=2, output_size=1, return_indices=True)


def test_switches_and_shapes():
    assert made("relu", IMAGE, inplace=True) == [Relu()]
    assert made("leaky_relu", IMAGE) == [LeakyRelu(0.01)]
    assert made("leaky_relu", IMAGE, negative_slope=0.3) == [LeakyRelu(0.3)]
    assert made("reshape", IMAGE, output_shape=(112,)) == [Flatten()]
    assert made("reshape", IMAGE, output_shape=IMAGE) == []
    for wanted, shown in ((None, "no batch of samples"), ((14, 8), r"\(14, 8\)")):
        with pytest.raises(ValueError, match=f"to a vector is supported, got {shown} from"):
            made("reshape", IMAGE, output_shape=wanted)


def test_batch_normalisation():
    mean, variance = np.array([3.0, -1.0]), np.array([3.0, 15.0])
    settings = {"running_mean": mean, "running_var": variance, "eps": 1.0}
    (plain,) = made("batch_norm", IMAGE, **settings)
    assert isinstance(plain, BatchNorm)
    assert plain.weight.tolist() == [1 / 2, 1 / 4] and plain.bias.tolist() == [-3 / 2, 1 / 4]
    (full,) = made("batch_norm", IMAGE, weight=np.full(2, 4.0), bias=np.ones(2), **settings)
    assert full.weight.tolist() == [2, 1] and full.bias.tolist() == [-5, 2]
    for bad in ({"running_mean": None, "running_var": None}, settings | {"training": True}):
        with pytest.raises(ValueError, match="it takes mean and variance from the batch"):
            made("batch_norm", IMAGE, **bad)


def test_settings_that_make_another_operator():
    assert operator_of("dropout", {}, 2) == "dropout with training=True"
    assert operator_of("dropout", {"training": False}, 2) == "dropout"
    assert operator_of("softmax", {"dim": -1}, 2) == operator_of("softmax", {}, 2) == "softmax"
    assert operator_of("log_softmax", {"dim": 0}, 2) == "log_softmax over dimension 0"
    assert operator_of("Add", {"alpha": 3}, 2) == "add with alpha=3"


@pytest.mark.parametrize(
    "layer",
    [
        Dense(np.linspace(-3, 2, 12).reshape(3, 4), np.array([0.1, 0.2, -0.3])),
        Conv2d(np.linspace(-1, 1, 36).reshape(2, 2, 3, 3), np.array([0.1, 7.0]), padding=1),
        BatchNorm(np.array([0.3, -1.7]), np.array([0.1, 1e3])),
        AvgPool2d(3, 2, 1),
        AdaptiveAvgPool2d((3, 2)),
        LeakyRelu(0.1),
    ],
)
def test_errors_of_layers_are_within_their_bounds(layer):
    """The same numbers as fractions give the truth."""
    shape = (4,) if isinstance(layer, Dense) else (2, 7, 5)
    values = np.random.default_rng(2).standard_normal((3, *shape))
    network = Network([layer], shape)
    exact = np.vectorize(Fraction, otypes=[object])
    truth = network.astype(object).forward(exact(values)).output
    error = np.abs(exact(layer.forward(values)) - truth).astype(float)
    bound = relative_error(layer, values) * magnitude(layer, values)
    assert 0 < error.max() and (error <= bound).all()


def test_what_does_not_round_has_no_error():
    values = np.ones((1, 2, 4, 4))
    for layer in (Relu(), MaxPool2d(2), Flatten()):
        assert relative_error(layer, values) == 0


def test_cancelled_terms_of_a_bias_are_seen():
    node = Node("batch_norm", "m", ("x",), "y", {"running_mean": np.array([-5.0]), "bias": [10.0]})
    assert taken_away(node, np.array([2.0])) == [20]
    assert taken_away(Node("linear", "m", ("x",), "y", {}), np.array([2.0])) == 0
