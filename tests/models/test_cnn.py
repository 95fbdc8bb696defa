"""The convolutional layouts: shapes, start values, errors; and a small one learns the digits."""

import numpy as np
import pytest

from alignment_theory import Conv2d, Dense, Gradient, MaxPool2d, Relu, attribute
from alignment_theory.models import accuracy, digits, small_cnn, train, vgg11, vgg16


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("layout", "convolutions"), [(vgg11, 8), (vgg16, 13)])
def test_the_vgg_layouts(layout, convolutions):
    network = layout((3, 32, 64), 7, rng(), hidden=(20, 30))
    kinds = [type(layer) for layer in network.layers]
    assert kinds.count(Conv2d) == convolutions and kinds.count(MaxPool2d) == 5
    assert kinds.count(Relu) == convolutions + 2 and kinds[-1] is Dense
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert [layer.weight.shape for layer in dense] == [(20, 1024), (30, 20), (7, 30)]
    assert network.dtype == np.float32 and not network.has_bias
    assert (3, 32, 64) == network.input_shape and (512, 1, 2) in network.shapes
    x = rng(1).standard_normal((3, 32, 64)).astype(np.float32)
    assert attribute(network, x, rule=Gradient()).relevance.shape == x.shape


def test_weights_are_he_normal():
    layer = vgg11((3, 32, 32), 2, rng(), hidden=()).layers[3]
    assert layer.weight.shape == (128, 64, 3, 3)
    # 73728 normals: the sample variance has a relative deviation of sqrt(2 / 73728)
    assert layer.weight.var() == pytest.approx(2 / 576, rel=6 * np.sqrt(2 / 73728))


def test_the_generator_fixes_everything():
    one, other = (small_cnn((1, 8, 8), 10, rng(3), dtype=np.float64) for _ in range(2))
    for left, right in zip(one.layers, other.layers, strict=True):
        if isinstance(left, Conv2d | Dense):
            assert (left.weight == right.weight).all() and not left.bias.any()


@pytest.mark.parametrize("seed", range(2))
def test_the_small_one_learns_the_digits(seed):
    data = digits(seed=seed)
    start = small_cnn((1, 8, 8), 10, rng(seed))
    shaped = [
        values.reshape(-1, 1, 8, 8).astype(np.float32)
        for values in (data.train_inputs, data.test_inputs)
    ]
    trained = train(start, shaped[0], data.train_labels, epochs=15, rng=rng(seed))
    assert trained.losses[-1] < trained.losses[0] / 10
    assert accuracy(trained.network, shaped[1], data.test_labels) >= 0.97


BAD = [
    (lambda: vgg16((3, 31, 32), 10, rng()), "images of at least 32 x 32, got 31 x 32"),
    (lambda: vgg16((3, 32), 10, rng()), "expected an input shape"),
    (lambda: vgg11(5, 10, rng()), r"vgg11: input_shape: expected an input shape \(chan.*, got 5"),
    (lambda: vgg11("abc", 10, rng()), "vgg11: input_shape: expected an input shape .*, got 'abc'"),
    (
        lambda: vgg16((0, 32, 32), 10, rng()),
        r"input_shape\[0\]: expected a positive integer, got 0",
    ),
    (lambda: small_cnn((1, 8, 8), 0, rng()), "small_cnn: classes: expected a positive integer"),
    (lambda: small_cnn((1, 8, 8), "a", rng()), "small_cnn: classes: expected .*, got 'a'"),
    (lambda: small_cnn((1, 8, 8), 10, rng(), hidden=(3, 2.5)), r"hidden\[1\]: expected a positive"),
    (lambda: small_cnn((1, 8, 8), 10, rng(), hidden=5), r"hidden: expected a sequence .*, got 5"),
    (lambda: small_cnn((1, 8, 8), 10, rng(), dtype="foo"), "small_cnn: expected dtype.*'foo'"),
    (lambda: vgg16((3, 32, 32), 10, 0), "rng: expected a numpy.random.Generator, got 0; make one"),
    (lambda: vgg11((3, 32, 32), 10, None), "rng: expected a numpy.random.Generator, got None"),
    (lambda: small_cnn((1, 8, 8), 10, 0), "rng: expected a numpy.random.Generator, got 0"),
    (lambda: small_cnn((1, 8, 8), 10, rng(), dtype=int), "expected dtype float32 or float64"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()
