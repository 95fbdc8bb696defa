"""Networks with some layers re-drawn at random, reproducibly and independently layer by layer."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

import numpy as np

from alignment_theory.arrays import Array, listed, whole_number
from alignment_theory.ensembles import HeNormal, Orthogonal
from alignment_theory.layers import BatchNorm, Layer, Residual, Weighted
from alignment_theory.network import Network, network_of_floats
from alignment_theory.rules.lrp import member


class NewWeights(StrEnum):
    """Where the weights of a layer that is re-drawn come from.

    HE_NORMAL: N(0, 2/fan_in), in which activations keep their size. ORTHOGONAL: a Haar matrix
    (outputs, fan_in) with the same mean square 2/fan_in. PERMUTED: the layer's own weights in
    random order, so that their distribution stays.
    """

    HE_NORMAL = "he-normal"
    ORTHOGONAL = "orthogonal"
    PERMUTED = "permuted"


class NewVectors(StrEnum):
    """What becomes of vectors that are re-drawn: biases, and scale with shift of a BatchNorm.

    RESET: what training starts from, bias 0, scale 1 and shift 0. PERMUTED: their own entries in
    random order (scale and shift of a channel stay together). KEPT: as they are.
    """

    RESET = "reset"
    PERMUTED = "permuted"
    KEPT = "kept"


@dataclass(frozen=True)
class Redraw:
    """How layers are re-drawn.

    A BatchNorm is a layer of its own with fixed statistics: over a layer that is re-drawn it no
    longer normalises; `output_scale` in the table of `studies.randomisation` shows what that does.

    Raises
    ------
    ValueError
        For an unknown name.
    """

    weights: NewWeights = NewWeights.HE_NORMAL
    biases: NewVectors = NewVectors.RESET
    norms: NewVectors = NewVectors.RESET

    def __post_init__(self) -> None:
        """Check the parameters; members of an enumeration may be given as plain strings."""
        for name, kind in (("weights", NewWeights), ("biases", NewVectors), ("norms", NewVectors)):
            object.__setattr__(self, name, member("Redraw", name, kind, getattr(self, name)))

    def layer(self, layer: Layer, rng: np.random.Generator) -> Layer:
        """Return one layer with new parameters in the element type of the old ones."""
        if isinstance(layer, BatchNorm):
            match self.norms:
                case NewVectors.RESET:
                    return BatchNorm(np.ones_like(layer.weight), np.zeros_like(layer.bias))
                case NewVectors.PERMUTED:
                    order = rng.permutation(len(layer.weight))
                    return BatchNorm(layer.weight[order], layer.bias[order])
                case NewVectors.KEPT:
                    return layer
        if not isinstance(layer, Weighted):
            raise ValueError(
                f"Redraw: cannot re-draw {layer!r}; layers with weights and BatchNorm can be"
            )
        weight = self._weight(layer.weight, rng)
        bias = layer.bias
        if bias is not None and self.biases is not NewVectors.KEPT:
            reset = self.biases is NewVectors.RESET
            bias = np.zeros_like(bias) if reset else rng.permutation(bias)
        return layer.with_parameters(weight.astype(layer.weight.dtype), bias)

    def _weight(self, weight: Array, rng: np.random.Generator) -> Array:
        outputs, inputs = len(weight), weight[0].size
        match self.weights:
            case NewWeights.PERMUTED:
                drawn = rng.permutation(weight.ravel())
            case NewWeights.HE_NORMAL:
                drawn = HeNormal().sample(outputs, inputs, rng)
            case NewWeights.ORTHOGONAL:
                drawn = Orthogonal(sqrt(2 / inputs)).sample(outputs, inputs, rng)
        return np.asarray(drawn).reshape(weight.shape)


def parameter_layers(network: Network) -> tuple[int, ...]:
    """Return the numbers of the layers that have parameters, those inside residuals included.

    Raises
    ------
    ValueError
        For what is no Network.
    """
    if not isinstance(network, Network):
        raise ValueError(f"parameter_layers: expected a Network, got {network!r}")
    return tuple(k for k, layer in enumerate(network.all_layers) if _has_parameters(layer))


def redrawn(
    network: Network,
    layers: Collection[int],
    *,
    seed: int,
    draw: int = 0,
    how: Redraw | None = None,
) -> Network:
    """Return the network with these layers, by their numbers, re-drawn.

    Every layer has a generator of its own, which depends on `seed`, `draw` and the layer's number
    only: layers of one shape get different weights, and a layer gets the same ones whatever else is
    re-drawn, in whatever order and process.

    Raises
    ------
    ValueError
        For numbers of layers that have no parameters, exact networks, a seed or a draw that is no
        integer >= 0, and arguments of other types.
    """
    network = network_of_floats(network, "redrawn")
    key = whole_number(seed, "redrawn: seed", 0), whole_number(draw, "redrawn: draw", 0)
    given = listed(layers, "redrawn: layers", "numbers of layers")
    chosen = frozenset(whole_number(number, "redrawn: layers", 0) for number in given)
    how = Redraw() if how is None else how
    if not isinstance(how, Redraw):
        raise ValueError(f"redrawn: how: expected a Redraw, such as {Redraw()}, got {how!r}")
    unknown = sorted(chosen - set(parameter_layers(network)))
    if unknown:
        raise ValueError(
            f"redrawn: layers {unknown} have no parameters; those that have are "
            f"{list(parameter_layers(network))}"
        )
    numbers = iter(range(len(network.all_layers)))
    found = _replaced(network.layers, numbers, chosen, key, how)
    return Network(found, network.input_shape)


def _has_parameters(layer: Layer) -> bool:
    return isinstance(layer, Weighted | BatchNorm)


def _replaced(
    layers: tuple[Layer, ...],
    numbers: Iterator[int],
    chosen: frozenset[int],
    key: tuple[int, int],
    how: Redraw,
) -> list[Layer]:
    """Return layers with those chosen re-drawn; `numbers` counts in the order of `all_layers`."""
    found: list[Layer] = []
    for layer in layers:
        number = next(numbers)
        if isinstance(layer, Residual):
            sides = [_replaced(branch, numbers, chosen, key, how) for branch in layer.branches]
            found.append(Residual(*sides))
        elif number in chosen:
            sequence = np.random.SeedSequence(key[0], spawn_key=(key[1], number))
            found.append(how.layer(layer, np.random.default_rng(sequence)))
        else:
            found.append(layer)
    return found
