"""The architecture of a network as a small JSON text, and the way back.

The text is one object with exactly four members::

    {"format": "alignment_theory network", "version": 1, "input_shape": [64],
     "layers": [{"kind": "dense", "bias": true}, {"kind": "relu", "active_at_zero": false},
                {"kind": "flatten"}]}

:mod:`alignment_theory.models.layer_kinds` lists the kinds, their settings and the arrays they own:
layer k owns ``layers.k.weight`` and, where it has one, ``layers.k.bias``. A residual has the lists
of layers "body" and "shortcut", which own ``layers.k.body.j.weight`` and so on. Reading is strict:
unknown, missing and repeated members are refused, and so is a text over 64 KiB, with over 1000
layers in a list, residuals over 4 deep, or over 8 input dimensions, and a network in which a sample
grows beyond 2^31 numbers.
"""

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from alignment_theory.arrays import Array
from alignment_theory.layers import Layer, Residual
from alignment_theory.layers.base import Shape
from alignment_theory.models.layer_kinds import (
    BRANCHES,
    KINDS,
    MAX_DIMENSIONS,
    RESIDUAL,
    Described,
    build_all,
    described,
    is_count,
)
from alignment_theory.network import Network

FORMAT = "alignment_theory network"
VERSION = 1
MAX_TEXT = 2**16
MAX_LAYERS = 1000
MAX_DEPTH = 4
MAX_SAMPLE = 2**31
_MEMBERS = ("format", "version", "input_shape", "layers")
# Hostile values may be long, or nested so deeply that repr itself would fail.
_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother, _BRIEF.maxlong = 2, 80, 80, 40


@dataclass(frozen=True)
class Architecture:
    """What a file says of a network apart from its numbers."""

    input_shape: Shape
    layers: tuple[Described, ...]

    @property
    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays that belong to this architecture, input side first."""
        return tuple(
            f"layers.{k}.{name}" for k, layer in enumerate(self.layers) for name in layer.arrays
        )

    def build(self, arrays: Mapping[str, Array]) -> Network:
        """Return the network with these arrays; ValueError where their shapes do not fit."""
        network = Network(build_all(self.layers, arrays, "layers."), self.input_shape)
        _require_small_samples(network.layers, self.input_shape, "layers.")
        return network


def _require_small_samples(layers: Sequence[Layer], shape: Shape, prefix: str) -> None:
    """Raise ValueError, naming the layer, where a sample grows too large, inside residuals too."""
    for k, layer in enumerate(layers):
        if isinstance(layer, Residual):
            for name, branch in zip(BRANCHES, layer.branches, strict=True):
                _require_small_samples(branch, shape, f"{prefix}{k}.{name}.")
        shape = layer.output_shape(shape)
        if prod(shape) > MAX_SAMPLE:
            raise ValueError(
                f"{prefix}{k}: expected samples of at most {MAX_SAMPLE} numbers, got shape {shape}"
            )


def write_architecture(network: Network) -> str:
    """Return the text that describes a network.

    Raises
    ------
    ValueError
        For layers that the format does not know (naming them), and over its limits.
    """
    layers = []
    for k, layer in enumerate(network.layers):
        try:
            layers.append(described(layer).entry)
        except ValueError as error:
            raise ValueError(f"layer {k}: {error}") from None
    values = (FORMAT, VERSION, network.input_shape, layers)
    text = json.dumps(dict(zip(_MEMBERS, values, strict=True)))
    read_architecture(text.encode())
    return text


def read_architecture(text: bytes) -> Architecture:
    """Return the architecture that a text describes; ValueError where it breaks the format."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"architecture: expected at most {MAX_TEXT} bytes, got {len(text)}")
    members = strict_json(text, "architecture")
    _require_members(members, _MEMBERS, "architecture")
    if members["format"] != FORMAT:
        raise ValueError(
            f"architecture: expected format {FORMAT!r}, got {short(members['format'])}"
        )
    if not is_count(members["version"]) or members["version"] != VERSION:
        raise ValueError(
            f"architecture: this release reads version {VERSION}, got "
            f"{short(members['version'])}; a newer alignment_theory may read it"
        )
    shape = checked_shape(members["input_shape"], "architecture: input_shape", MAX_DIMENSIONS)
    if prod(shape) > MAX_SAMPLE:
        raise ValueError(f"architecture: expected at most {MAX_SAMPLE} inputs, got shape {shape}")
    return Architecture(shape, _read_layers(members["layers"], "architecture", 1, 0))


def _read_layers(layers: object, where: str, least: int, depth: int) -> tuple[Described, ...]:
    if not isinstance(layers, list) or not least <= len(layers) <= MAX_LAYERS:
        found = f"{len(layers)} of them" if isinstance(layers, list) else short(layers)
        raise ValueError(f"{where}: expected a list of {least} to {MAX_LAYERS} layers, got {found}")
    return tuple(_read_layer(f"{where}: layer {k}", one, depth) for k, one in enumerate(layers))


def _read_layer(where: str, entry: object, depth: int) -> Described:
    if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
        raise ValueError(f'{where}: expected an object with a "kind", got {short(entry)}')
    kind = entry["kind"]
    if kind == RESIDUAL:
        if depth == MAX_DEPTH:
            raise ValueError(f"{where}: expected residuals nested at most {MAX_DEPTH} deep")
        _require_members(entry, ("kind", *BRANCHES), where)
        body, shortcut = (
            _read_layers(entry[branch], f"{where}: {branch}", int(branch == "body"), depth + 1)
            for branch in BRANCHES
        )
        return Described(kind, {}, body, shortcut)
    if kind not in KINDS:
        known = ", ".join((*KINDS, RESIDUAL))
        raise ValueError(f"{where}: expected a kind among {known}, got {short(kind)}")
    settings = KINDS[kind].settings
    _require_members(entry, ("kind", *settings), where)
    for name, setting in settings.items():
        if not setting.allows(entry[name]):
            raise ValueError(f"{where}: expected {name} {setting.words}, got {short(entry[name])}")
    return Described(kind, {name: entry[name] for name in settings})


def strict_json(text: bytes, what: str) -> dict[str, Any]:
    """Return the object in a UTF-8 JSON text.

    Raises
    ------
    ValueError
        For text that is no JSON or nested too deeply, repeated keys, NaN and Infinity (which are
        not JSON), and for anything but an object.
    """

    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in pairs:
            if key in members:
                raise ValueError(f"the key {short(key)} stands there twice")
            members[key] = value
        return members

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=without_repeats, parse_constant=no_constant
        )
    except RecursionError:
        raise ValueError(f"{what}: JSON nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{what}: not a valid JSON text ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"{what}: expected a JSON object, got {short(value)}")
    return value


def checked_shape(value: object, what: str, most: int = 32) -> Shape:
    """Return a list of at most `most` positive integers as a shape, ValueError otherwise."""
    if not isinstance(value, list | tuple) or len(value) > most:
        raise ValueError(f"{what}: expected a list of at most {most} sizes, got {short(value)}")
    if not all(is_count(size) and size > 0 for size in value):
        raise ValueError(f"{what}: expected positive integers, got {short(value)}")
    return tuple(value)


def short(value: object) -> str:
    """Return what a file holds for an error message, cut to a length fit for one."""
    return _BRIEF.repr(value)


def _require_members(members: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    missing = [name for name in names if name not in members]
    extra = [name for name in members if name not in names]
    if missing or extra:
        raise ValueError(
            f"{what}: expected the members {', '.join(names)}; missing: {short(missing)}, "
            f"unexpected: {short(extra)}"
        )
