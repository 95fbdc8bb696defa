"""How each kind of layer is described in a file: its settings and the arrays it owns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    Residual,
    Unflatten,
)

MAX_DIMENSIONS = 8
"""Axes of a sample in a file at most: more than any layer needs."""

Settings = Mapping[str, Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Setting:
    """What a setting may be in JSON: a test, and words for it."""

    words: str
    allows: Callable[[object], bool]


def is_count(value: object) -> bool:
    """Tell whether a value is an integer and not a boolean, which Python counts among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def _counts(value: object, length: int, least: int) -> bool:
    """Tell whether a value is a list of that many integers, each at least `least`."""
    return (
        isinstance(value, list)
        and len(value) == length
        and all(is_count(size) and size >= least for size in value)
    )


_FLAG = Setting("true or false", lambda value: isinstance(value, bool))
_PAIR = Setting("two positive integers", lambda value: _counts(value, 2, 1))
_COUNT = Setting("a positive integer", lambda value: is_count(value) and value > 0)  # type: ignore[operator]
_PADDING = Setting(
    "two pairs of integers >= 0",
    lambda value: (
        isinstance(value, list) and len(value) == 2 and all(_counts(pair, 2, 0) for pair in value)
    ),
)
_SLOPE = Setting(
    "a number in [0, 1)",
    lambda value: isinstance(value, float) or is_count(value),
)
_SHAPE = Setting(
    f"a list of 1 to {MAX_DIMENSIONS} positive integers",
    lambda value: (
        isinstance(value, list)
        and 0 < len(value) <= MAX_DIMENSIONS
        and all(is_count(size) and size > 0 for size in value)
    ),
)
_TIES = Setting("first or last", lambda value: value in ("first", "last"))


@dataclass(frozen=True)
class Kind:
    """One kind of layer.

    Attributes
    ----------
    layer : type
    settings : mapping
        The members of its entry besides "kind".
    describe : callable
        From a layer to its settings.
    build : callable
        From settings and arrays to a layer.
    arrays : tuple of str
        Names of the arrays it owns; "bias" only where there is a setting of that name, and true.
    """

    layer: type[Layer]
    settings: Mapping[str, Setting]
    describe: Callable[[Any], dict[str, Any]]
    build: Callable[[Settings, Arrays], Layer]
    arrays: tuple[str, ...] = ()

    def owns(self, settings: Settings) -> tuple[str, ...]:
        """Return the names of the arrays that a layer with these settings owns."""
        return tuple(name for name in self.arrays if settings.get(name, True))


def _windows(layer: Any) -> dict[str, Any]:
    windows = layer.windows
    return {
        "kernel": list(windows.kernel),
        "stride": list(windows.stride),
        "padding": [list(pair) for pair in windows.padding],
    }


def _conv2d(settings: Settings, arrays: Arrays) -> Layer:
    return Conv2d(
        arrays["weight"],
        arrays.get("bias"),
        stride=settings["stride"],
        padding=settings["padding"],
        dilation=settings["dilation"],
        groups=settings["groups"],
    )


_WINDOWS = {"kernel": _PAIR, "stride": _PAIR, "padding": _PADDING}

KINDS: dict[str, Kind] = {
    "dense": Kind(
        Dense,
        {"bias": _FLAG},
        lambda layer: {"bias": layer.bias is not None},
        lambda settings, arrays: Dense(arrays["weight"], arrays.get("bias")),
        ("weight", "bias"),
    ),
    "conv2d": Kind(
        Conv2d,
        {"bias": _FLAG, "stride": _PAIR, "padding": _PADDING, "dilation": _PAIR, "groups": _COUNT},
        lambda layer: {
            "bias": layer.bias is not None,
            "stride": list(layer.windows.stride),
            "padding": [list(pair) for pair in layer.windows.padding],
            "dilation": list(layer.windows.dilation),
            "groups": layer.groups,
        },
        _conv2d,
        ("weight", "bias"),
    ),
    "batch_norm": Kind(
        BatchNorm,
        {},
        lambda layer: {},
        lambda settings, arrays: BatchNorm(arrays["weight"], arrays["bias"]),
        ("weight", "bias"),
    ),
    "avg_pool2d": Kind(
        AvgPool2d,
        {**_WINDOWS, "count_padding": _FLAG},
        lambda layer: {**_windows(layer), "count_padding": layer.count_padding},
        lambda settings, arrays: AvgPool2d(**settings),
    ),
    "max_pool2d": Kind(
        MaxPool2d,
        {**_WINDOWS, "ties": _TIES},
        lambda layer: {**_windows(layer), "ties": layer.ties},
        lambda settings, arrays: MaxPool2d(**settings),
    ),
    "adaptive_avg_pool2d": Kind(
        AdaptiveAvgPool2d,
        {"size": _PAIR},
        lambda layer: {"size": list(layer.size)},
        lambda settings, arrays: AdaptiveAvgPool2d(settings["size"]),
    ),
    "relu": Kind(
        Relu,
        {"active_at_zero": _FLAG},
        lambda layer: {"active_at_zero": bool(layer.active_at_zero)},
        lambda settings, arrays: Relu(**settings),
    ),
    "leaky_relu": Kind(
        LeakyRelu,
        {"leak": _SLOPE},
        lambda layer: {"leak": float(layer.leak)},
        lambda settings, arrays: LeakyRelu(settings["leak"]),
    ),
    "flatten": Kind(Flatten, {}, lambda layer: {}, lambda settings, arrays: Flatten()),
    "unflatten": Kind(
        Unflatten,
        {"shape": _SHAPE},
        lambda layer: {"shape": list(layer.shape)},
        lambda settings, arrays: Unflatten(settings["shape"]),
    ),
}
"""The kinds of layers that a file may hold, by name."""


RESIDUAL = "residual"
"""The kind of layer that has layers inside it, in the lists "body" and "shortcut"."""

BRANCHES = ("body", "shortcut")


@dataclass(frozen=True)
class Described:
    """One layer of a file: its kind and its settings, and the layers inside a residual."""

    kind: str
    settings: Settings = field(default_factory=dict)
    body: tuple["Described", ...] = ()
    shortcut: tuple["Described", ...] = ()

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays that it owns, those inside as "body.0.weight"."""
        if self.kind != RESIDUAL:
            return KINDS[self.kind].owns(self.settings)
        return tuple(
            f"{branch}.{k}.{name}"
            for branch in BRANCHES
            for k, layer in enumerate(getattr(self, branch))
            for name in layer.arrays
        )

    @property
    def entry(self) -> dict[str, Any]:
        """The layer as it stands in JSON."""
        inner = (
            {branch: [layer.entry for layer in getattr(self, branch)] for branch in BRANCHES}
            if self.kind == RESIDUAL
            else {}
        )
        return {"kind": self.kind, **self.settings, **inner}

    def build(self, arrays: Arrays) -> Layer:
        """Return the layer with these arrays; ValueError where they do not fit."""
        if self.kind != RESIDUAL:
            return KINDS[self.kind].build(self.settings, arrays)
        return Residual(
            *(build_all(getattr(self, branch), arrays, f"{branch}.") for branch in BRANCHES)
        )


def build_all(layers: Sequence[Described], arrays: Arrays, prefix: str) -> list[Layer]:
    """Return layers from arrays named by their place; ValueError names it."""
    found = []
    for k, layer in enumerate(layers):
        try:
            own = {name: arrays[f"{prefix}{k}.{name}"] for name in layer.arrays}
            found.append(layer.build(own))
        except ValueError as error:
            raise ValueError(f"{prefix}{k}: {error}") from None
    return found


def array_of(layer: Layer, name: str) -> Array:
    """Return the array of a layer that has this name, as `Described.arrays` gives them."""
    if isinstance(layer, Residual):
        branch, k, rest = name.split(".", 2)
        return array_of(getattr(layer, branch)[int(k)], rest)
    array: Array = getattr(layer, name)
    return array


def described(layer: Layer) -> Described:
    """Return a layer as files describe it.

    Raises
    ------
    ValueError
        For a layer that the format does not know.
    """
    if type(layer) is Residual:
        return Described(RESIDUAL, {}, *(tuple(map(described, side)) for side in layer.branches))
    for name, kind in KINDS.items():
        if type(layer) is kind.layer:
            return Described(name, kind.describe(layer))
    known = ", ".join(kind.layer.__name__ for kind in KINDS.values())
    raise ValueError(f"{layer!r} cannot be saved; only {known} and Residual can")
