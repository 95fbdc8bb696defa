"""Convolutional networks with random weights: the VGG layouts, and a small one for digits."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import DTypeLike

from alignment_theory.arrays import float_dtype
from alignment_theory.ensembles.base import checked_generator, checked_size, checked_sizes
from alignment_theory.layers import Conv2d, Dense, Flatten, Layer, MaxPool2d, Relu
from alignment_theory.layers.base import Shape
from alignment_theory.network import Network

POOL = "pool"
VGG11 = (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL)
VGG16 = (64, 64, POOL, 128, 128, POOL, *(256,) * 3, POOL, *(512,) * 3, POOL, *(512,) * 3, POOL)
SMALL = (16, 32, POOL, 64, POOL)


def vgg16(
    input_shape: Shape,
    classes: int,
    rng: np.random.Generator,
    *,
    hidden: Sequence[int] = (4096, 4096),
    bias: bool = False,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Return the VGG16 layout with He-normal weights: 13 convolutions and 3 dense layers.

    All convolutions are 3 x 3 with padding 1, a ReLU follows each, and five max poolings over 2 x 2
    halve the image; what is left goes to the dense layers at once (torchvision's adaptive pooling
    changes nothing at 224 x 224).

    Parameters
    ----------
    input_shape : (channels, height, width)
        Height and width at least 32.
    classes : int
        Number of outputs.
    rng : numpy.random.Generator
        Source of the draws, ``W ~ N(0, 2 / fan_in)``, in float64, then rounded to `dtype`.
    hidden : sequence of int
        Units of the hidden dense layers.
    bias : bool
        Whether the layers have a bias, which is 0.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        For small images, other sizes than positive integers, another dtype, and no generator.

    Source: Simonyan, Zisserman (2015), arXiv:1409.1556, table 1, configuration D; He et al. (2015),
    arXiv:1502.01852, equation 10.
    """
    return _convolutional("vgg16", VGG16, input_shape, hidden, classes, rng, bias, dtype)


def vgg11(
    input_shape: Shape,
    classes: int,
    rng: np.random.Generator,
    *,
    hidden: Sequence[int] = (4096, 4096),
    bias: bool = False,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Return the VGG11 layout, configuration A of the same table: 8 convolutions.

    Parameters and errors are those of :func:`vgg16`.
    """
    return _convolutional("vgg11", VGG11, input_shape, hidden, classes, rng, bias, dtype)


def small_cnn(
    input_shape: Shape,
    classes: int,
    rng: np.random.Generator,
    *,
    hidden: Sequence[int] = (),
    bias: bool = True,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Return three convolutions of 16, 32 and 64 channels with two max poolings, for digits.

    Parameters and errors are those of :func:`vgg16`; height and width at least 4.
    """
    return _convolutional("small_cnn", SMALL, input_shape, hidden, classes, rng, bias, dtype)


def _convolutional(
    where: str,
    layout: Sequence[int | str],
    input_shape: Shape,
    hidden: Sequence[int],
    classes: int,
    rng: np.random.Generator,
    bias: bool,
    dtype: DTypeLike,
) -> Network:
    images = _image_shape(where, input_shape, 2 ** layout.count(POOL))
    dense = checked_sizes(hidden, f"{where}: hidden", "a sequence of units, such as (100,)")
    dense = (*dense, checked_size(classes, f"{where}: classes"))
    wanted, generator = float_dtype(dtype, where), checked_generator(rng)

    def weight(*shape: int) -> np.ndarray:
        drawn = generator.standard_normal(shape)
        drawn *= sqrt(2 * shape[0] / drawn.size)
        return drawn.astype(wanted)

    def offset(outputs: int) -> np.ndarray | None:
        return np.zeros(outputs, wanted) if bias else None

    layers: list[Layer] = []
    shape: Shape = images
    for entry in layout:
        if isinstance(entry, str):
            layers.append(MaxPool2d(2))
        else:
            kernel = weight(entry, shape[0], 3, 3)
            layers += [Conv2d(kernel, offset(entry), padding=1), Relu()]
            shape = (entry, *shape[1:])
        shape = layers[-1].output_shape(shape)
    layers.append(Flatten())
    inputs = int(np.prod(shape))
    for units in dense:
        layers += [Dense(weight(units, inputs), offset(units)), Relu()]
        inputs = units
    return Network(layers[:-1], images)


def _image_shape(where: str, input_shape: Shape, least: int) -> Shape:
    """Return the shape of images of at least `least` x `least`; ValueError for any other."""
    what = "an input shape (channels, height, width)"
    shape = checked_sizes(input_shape, f"{where}: input_shape", what)
    if len(shape) != 3:
        raise ValueError(f"{where}: input_shape: expected {what}, got {shape}")
    if min(shape[1:]) < least:
        raise ValueError(
            f"{where}: expected images of at least {least} x {least}, got {shape[1]} x {shape[2]}"
        )
    return shape
