"""From the operators of an ONNX graph to layers."""

from math import prod
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyRelu,
    MaxPool2d,
    Relu,
    Unflatten,
)
from alignment_theory.layers.base import Shape
from alignment_theory.models.building import Given, Maker, in_the_middle, nothing
from alignment_theory.models.graph import Node

ELEMENTWISE = ("Identity", "Dropout")
"""Operators that do nothing when a network is used."""

HEADS = ("Softmax", "LogSoftmax")
"""Operators that turn logits into probabilities; at the end they are cut off."""


def _need(given: Given, index: int, what: str) -> Array:
    array = given[index] if index < len(given) else None
    if array is None:
        raise ValueError(f"{what} must be a constant of the file")
    return array


def _gemm(node: Node, given: Given, shape: Shape) -> list[Layer]:
    if node.attributes.get("transA", 0):
        raise ValueError("transA is not supported")
    weight = _need(given, 1, "the weight")
    weight = weight if node.attributes.get("transB", 0) else weight.T
    weight = weight * weight.dtype.type(node.attributes.get("alpha", 1.0))
    bias = None
    if len(node.inputs) > 2 and node.inputs[2]:
        offset = _need(given, 2, "the bias")
        if offset.shape not in ((), (1,), (1, 1), (len(weight),), (1, len(weight))):
            raise ValueError(f"a bias of shape {offset.shape} is not one number an output")
        offset = offset.ravel() * weight.dtype.type(node.attributes.get("beta", 1.0))
        bias = np.broadcast_to(offset, (len(weight),))
    return [Dense(weight, bias)]


def _matmul(node: Node, given: Given, shape: Shape) -> list[Layer]:
    return [Dense(_need(given, 1, "the second factor").T)]


def _conv(node: Node, given: Given, shape: Shape) -> list[Layer]:
    weight = _need(given, 1, "the weight")
    bias = _need(given, 2, "the bias") if len(node.inputs) > 2 and node.inputs[2] else None
    if weight.ndim != 4:
        raise ValueError(f"only two-dimensional convolutions are supported, got {weight.shape}")
    strides = node.attributes.get("strides", [1, 1])
    dilation = node.attributes.get("dilations", [1, 1])
    padding = _padding(node, shape, weight.shape[2:], strides, dilation)
    groups = node.attributes.get("group", 1)
    return [
        Conv2d(
            weight,
            bias,
            stride=tuple(strides),
            padding=padding,
            dilation=tuple(dilation),
            groups=groups,
        )
    ]


def _padding(
    node: Node, shape: Shape, kernel: Any, strides: Any, dilation: Any
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return ((top, bottom), (left, right)), worked out where the file says SAME."""
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = node.attributes.get("pads", [0, 0, 0, 0])
        if len(pads) != 4:
            raise ValueError(f"pads: expected 4 numbers, got {list(pads)}")
        top, left, bottom, right = pads
        return (top, bottom), (left, right)
    if mode == "VALID":
        return (0, 0), (0, 0)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"auto_pad {mode!r} is not supported")
    pairs = []
    for size, k, s, d in zip(shape[1:], kernel, strides, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return pairs[0], pairs[1]


def _windows(node: Node, shape: Shape) -> tuple[Any, Any, Any]:
    """Return kernel, strides and padding of a pooling."""
    kernel = node.attributes.get("kernel_shape", [])
    if len(kernel) != 2 or len(shape) != 3:
        raise ValueError(f"only pooling of images is supported, got kernel {list(kernel)}")
    if any(size != 1 for size in node.attributes.get("dilations", [1, 1])):
        raise ValueError("dilations of a pooling are not supported")
    strides = node.attributes.get("strides", [1, 1])
    padding = _padding(node, shape, kernel, strides, [1, 1])
    if node.attributes.get("ceil_mode", 0) and any(
        (size + sum(pair) - k) % s
        for size, pair, k, s in zip(shape[1:], padding, kernel, strides, strict=True)
    ):
        raise ValueError("ceil_mode is not supported where windows would not fit the image")
    return tuple(kernel), tuple(strides), padding


def _max_pool(node: Node, given: Given, shape: Shape) -> list[Layer]:
    return [MaxPool2d(*_windows(node, shape))]


def _average_pool(node: Node, given: Given, shape: Shape) -> list[Layer]:
    counted = bool(node.attributes.get("count_include_pad", 0))
    return [AvgPool2d(*_windows(node, shape), count_padding=counted)]


def _batch_norm(node: Node, given: Given, shape: Shape) -> list[Layer]:
    if node.attributes.get("training_mode", 0):
        raise ValueError("training_mode is not supported; export the model for inference")
    names = ("scale", "shift", "mean", "variance")
    scale, shift, mean, variance = (_need(given, k, name) for k, name in enumerate(names, 1))
    epsilon = node.attributes.get("epsilon", 1e-5)
    return [BatchNorm.of(scale, shift, mean, variance, epsilon)]


def _flatten(node: Node, given: Given, shape: Shape) -> list[Layer]:
    if node.attributes.get("axis", 1) != 1:
        raise ValueError(f"only axis 1 is supported, got {node.attributes['axis']}")
    return [Flatten()]


def _reshape(node: Node, given: Given, shape: Shape) -> list[Layer]:
    target = _need(given, 1, "the shape").tolist()
    if len(target) == 2 and target[1] in (-1, prod(shape)) and target[0] != target[1]:
        return [Flatten()]
    sizes = target[1:]
    if len(shape) > 1 or len(sizes) < 2 or min(sizes) < 1 or prod(sizes) != prod(shape):
        raise ValueError(
            f"only a reshape to vectors, or of vectors to samples, is supported, got {target} for "
            f"samples of shape {shape}"
        )
    return [Unflatten(tuple(sizes))]


def _leaky_relu(node: Node, given: Given, shape: Shape) -> list[Layer]:
    return [LeakyRelu(float(np.float32(node.attributes.get("alpha", 0.01))))]


def require_over_outputs(head: Node, shape: Shape) -> None:
    """Raise ValueError where a head that is cut off is not along the outputs of each sample.

    `shape` is that of a sample of outputs. Where no axis is given, it is 1 or -1, by the version of
    the operator: only for vectors is that the same.
    """
    axis = head.attributes.get("axis", -1)
    if axis not in (1, -len(shape)):
        raise ValueError(
            f"{head}: only a softmax along axis 1, over the outputs of each sample, is cut off, "
            f"got axis {axis} for samples of shape {shape}; export the model without it"
        )


KNOWN: dict[str, Maker] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda node, given, shape: [AdaptiveAvgPool2d(1)],
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Relu": lambda node, given, shape: [Relu()],
    "Reshape": _reshape,
    **dict.fromkeys(ELEMENTWISE, nothing),
    **dict.fromkeys(HEADS, in_the_middle),
}
"""What each operator becomes, from its node, its constants and the shape of a sample below it."""
