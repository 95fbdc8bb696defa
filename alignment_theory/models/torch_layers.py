"""From what PyTorch modules and functions are called, and their settings, to layers.

Nothing here imports torch: a module is known by the names of its classes, and a function by its
own; both become one operator with the settings of the function.
"""

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
)
from alignment_theory.layers.base import Shape
from alignment_theory.layers.windows import Pair, image_shape, pair_of
from alignment_theory.models.building import Given, Maker, in_the_middle, nothing
from alignment_theory.models.graph import ADD, Node

MODULES = {
    "AdaptiveAvgPool2d": "adaptive_avg_pool2d",
    "AdaptiveMaxPool2d": "adaptive_max_pool2d",
    "AlphaDropout": "dropout",
    "AvgPool2d": "avg_pool2d",
    "BatchNorm1d": "batch_norm",
    "BatchNorm2d": "batch_norm",
    "Conv2d": "conv2d",
    "Dropout": "dropout",
    "Dropout1d": "dropout",
    "Dropout2d": "dropout",
    "FeatureAlphaDropout": "dropout",
    "Flatten": "reshape",
    "Identity": "identity",
    "LeakyReLU": "leaky_relu",
    "Linear": "linear",
    "LogSoftmax": "log_softmax",
    "MaxPool2d": "max_pool2d",
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Unflatten": "reshape",
}
"""The operator that a module of PyTorch is."""

FUNCTIONS = {
    "add": ADD,
    "iadd": ADD,
    "alpha_dropout": "dropout",
    "clone": "identity",
    "contiguous": "identity",
    "detach": "identity",
    "dropout1d": "dropout",
    "dropout2d": "dropout",
    "feature_alpha_dropout": "dropout",
    "flatten": "reshape",
    "squeeze": "reshape",
    "unsqueeze": "reshape",
    "view": "reshape",
}
"""The operator that a function or a method is, where it has another name."""

PARAMETERS = {
    "adaptive_avg_pool2d": ("output_size",),
    "adaptive_max_pool2d": ("output_size", "return_indices"),
    ADD: (),
    "avg_pool2d": (
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
        "count_include_pad",
        "divisor_override",
    ),
    "batch_norm": ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "conv2d": ("weight", "bias", "stride", "padding", "dilation", "groups", "padding_mode"),
    "dropout": ("p", "training", "inplace"),
    "identity": (),
    "leaky_relu": ("negative_slope", "inplace"),
    "linear": ("weight", "bias"),
    "log_softmax": ("dim",),
    "matmul": ("other",),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "mean": ("dim", "keepdim"),
    "relu": ("inplace",),
    "reshape": (),
    "sigmoid": (),
    "softmax": ("dim",),
}
"""The settings of every operator, in the order in which its function takes them."""

SILENT = ("identity", "dropout")
"""Operators that do nothing when a module is evaluated."""

HEADS = ("softmax", "log_softmax", "sigmoid")
"""Operators that turn logits into probabilities; at the end they are cut off."""

Settings = dict[str, Any]


def operator_of(name: str, settings: Settings, dimensions: int) -> str:
    """Return the operator with its settings, where they make another one of it.

    `dimensions` are those of the tensor that it is applied to. An operator that no layer is has its
    own name.
    """
    if name == "dropout" and settings.get("training", True):
        return "dropout with training=True"
    if name in ("softmax", "log_softmax"):
        dim = settings.get("dim")
        if dim is not None and dim % dimensions != 1:
            return f"{name} over dimension {dim}"
    if name == ADD and settings.get("alpha", 1) != 1:
        return f"add with alpha={settings['alpha']}"
    return name


def _linear(node: Node, given: Given, shape: Shape) -> list[Layer]:
    return [Dense(node.attributes["weight"], node.attributes.get("bias"))]


def _matmul(node: Node, given: Given, shape: Shape) -> list[Layer]:
    other = np.asarray(node.attributes.get("other"))
    if other.ndim != 2:
        raise ValueError("the second factor must be a constant matrix")
    return [Dense(other.T)]


def _conv2d(node: Node, given: Given, shape: Shape) -> list[Layer]:
    settings = node.attributes
    if settings.get("padding_mode", "zeros") != "zeros":
        raise ValueError(f"padding_mode {settings['padding_mode']!r} is not supported, only zeros")
    weight, dilation = settings["weight"], pair_of("dilation", settings.get("dilation", 1))
    padding = settings.get("padding", 0)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = tuple((total // 2, total - total // 2) for total in totals)
    return [
        Conv2d(
            weight,
            settings.get("bias"),
            stride=settings.get("stride", 1),
            padding=padding,
            dilation=dilation,
            groups=settings.get("groups", 1),
        )
    ]


def _batch_norm(node: Node, given: Given, shape: Shape) -> list[Layer]:
    settings = node.attributes
    mean, variance = settings.get("running_mean"), settings.get("running_var")
    if mean is None or variance is None or settings.get("training", False):
        raise ValueError(
            "it takes mean and variance from the batch, so that a sample's output depends on the "
            "others; it needs running statistics"
        )
    scale, shift = settings.get("weight"), settings.get("bias")
    scale = np.ones_like(mean) if scale is None else scale
    shift = np.zeros_like(mean) if shift is None else shift
    return [BatchNorm.of(scale, shift, mean, variance, settings.get("eps", 1e-5))]


def _leaky_relu(node: Node, given: Given, shape: Shape) -> list[Layer]:
    return [LeakyRelu(node.attributes.get("negative_slope", 0.01))]


def _max_pool2d(node: Node, given: Given, shape: Shape) -> list[Layer]:
    settings = node.attributes
    if pair_of("dilation", settings.get("dilation", 1)) != (1, 1):
        raise ValueError(f"dilation {settings['dilation']} of a pooling is not supported")
    _refuse_indices(settings)
    return [MaxPool2d(*_windows(settings, shape))]


def _avg_pool2d(node: Node, given: Given, shape: Shape) -> list[Layer]:
    settings = node.attributes
    if settings.get("divisor_override") is not None:
        raise ValueError("divisor_override is not supported")
    kernel, stride, padding = _windows(settings, shape)
    counted = bool(settings.get("count_include_pad", True))
    if counted and any(after > before for before, after in padding):
        # What a last window has beyond the padding on both sides does not count.
        if any(before for before, _ in padding):
            raise ValueError(
                "ceil_mode is not supported where windows reach beyond padding that is counted"
            )
        counted = False
    return [AvgPool2d(kernel, stride, padding, count_padding=counted)]


def _windows(settings: Any, shape: Shape) -> tuple[Pair, Pair, tuple[Pair, Pair]]:
    """Return kernel, stride and padding of a pooling, which ceil_mode makes longer."""
    kernel = pair_of("kernel_size", settings["kernel_size"])
    stride = pair_of("stride", settings.get("stride") or kernel)
    padding = pair_of("padding", settings.get("padding", 0), 0)
    _, image = image_shape("a pooling", shape)
    sides = []
    for size, k, s, p in zip(image, kernel, stride, padding, strict=True):
        after = p
        if settings.get("ceil_mode", False):
            last = -(-(size + 2 * p - k) // s) * s  # where the last window starts
            last -= s if last >= size + p else 0  # it must not start in the padding behind
            after = max(p, last + k - size - p)
        sides.append((p, after))
    return kernel, stride, (sides[0], sides[1])


def _adaptive_avg_pool2d(node: Node, given: Given, shape: Shape) -> list[Layer]:
    return [AdaptiveAvgPool2d(_output_size(node, shape))]


def _adaptive_max_pool2d(node: Node, given: Given, shape: Shape) -> list[Layer]:
    _refuse_indices(node.attributes)
    _, image = image_shape("an adaptive pooling", shape)
    size = _output_size(node, shape)
    if any(whole % part for whole, part in zip(image, size, strict=True)):
        raise ValueError(f"an output of {size} is not supported for images of {image}: no divisor")
    return [MaxPool2d((image[0] // size[0], image[1] // size[1]))]


def _output_size(node: Node, shape: Shape) -> Pair:
    _, image = image_shape("an adaptive pooling", shape)
    wanted = node.attributes["output_size"]
    sizes = wanted if isinstance(wanted, tuple | list) else (wanted, wanted)
    kept = (whole if size is None else size for size, whole in zip(sizes, image, strict=True))
    return pair_of("output_size", tuple(kept))


def _mean(node: Node, given: Given, shape: Shape) -> list[Layer]:
    dims = node.attributes.get("dim")
    found = dims if isinstance(dims, tuple | list) else (dims,)
    if len(shape) != 3 or None in found or sorted(dim % 4 for dim in found) != [2, 3]:
        raise ValueError(f"only a mean over whole images is supported, dim=(2, 3), got dim={dims}")
    return [AdaptiveAvgPool2d(1), *([] if node.attributes.get("keepdim") else [Flatten()])]


def _reshape(node: Node, given: Given, shape: Shape) -> list[Layer]:
    wanted = node.attributes["output_shape"]
    if wanted == shape:
        return []
    if wanted is None or len(wanted) != 1:
        raise ValueError(
            "only a reshape of each sample to a vector is supported, got "
            f"{wanted or 'no batch of samples'} from {shape}"
        )
    return [Flatten()]


def _refuse_indices(settings: Any) -> None:
    if settings.get("return_indices", False):
        raise ValueError("return_indices is not supported")


KNOWN: dict[str, Maker] = {
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "adaptive_max_pool2d": _adaptive_max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "batch_norm": _batch_norm,
    "conv2d": _conv2d,
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "matmul": _matmul,
    "max_pool2d": _max_pool2d,
    "mean": _mean,
    "relu": lambda node, given, shape: [Relu()],
    "reshape": _reshape,
    **dict.fromkeys(SILENT, nothing),
    **dict.fromkeys(HEADS, in_the_middle),
}
"""What each operator becomes, from its settings and the shape of a sample below it."""


def taken_away(node: Node, weight: Array) -> Array | float:
    """Return what may cancel in the bias that a node becomes, one number a channel."""
    if node.operator != "batch_norm":
        return 0.0
    shift = node.attributes.get("bias")
    moved = np.abs(weight * node.attributes["running_mean"])
    return moved if shift is None else moved + np.abs(shift)
