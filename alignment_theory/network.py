"""A network as a tuple of layers.

*Position* k is the place between layer k - 1 and layer k: position 0 is the input and position
``len(network.layers)`` the output. Activations, relevances and weight products are all indexed by
position. *Levels* are the positions of the paper's a_0, a_1, ..., a_{L-1}: the input and what
leaves each switch. Layers are numbered in the order of `Network.all_layers`, in which the layers
inside a residual follow it, the body first; without residuals that is their position.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from alignment_theory.arrays import as_array
from alignment_theory.layers import Dense, Layer, Linear, Relu, Switch
from alignment_theory.layers.base import Algorithm, Shape, known_algorithm
from alignment_theory.layers.residual import in_order
from alignment_theory.threads import one_pool
from alignment_theory.trace import Trace, run


class Network:
    """A feed-forward network of explicit layers.

    Parameters
    ----------
    layers : sequence of Layer
        For instance ``[Dense(W1, b1), Relu(), Dense(W2)]``.
    input_shape : tuple of int, optional
        Shape of one sample; inferred where the first layer is Dense.

    Raises
    ------
    ValueError
        For no layers, layers that do not fit together (naming the layer), or mixed element types.
    """

    def __init__(self, layers: Sequence[Layer], input_shape: Shape | None = None) -> None:
        if isinstance(layers, Layer) or not isinstance(layers, Iterable):
            raise ValueError(f"Network: expected a list of layers, got {layers!r}")
        self.layers = tuple(layers)
        if not self.layers:
            raise ValueError("Network: expected at least one layer, got none")
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"Network: layer {index} is {layer!r}; expected a Layer such as Dense or Relu"
                )
        self.shapes = self._infer_shapes(input_shape)
        self.dtype = self._infer_dtype()

    @classmethod
    def mlp(
        cls, weights: Sequence[ArrayLike], biases: Sequence[ArrayLike | None] | None = None
    ) -> "Network":
        """Return Dense layers with a ReLU between each two, from weights listed input side first.

        Raises
        ------
        ValueError
            Where the numbers of weights and biases differ, or for layers that do not fit.
        """
        offsets = [None] * len(weights) if biases is None else list(biases)
        if len(offsets) != len(weights):
            raise ValueError(f"Network.mlp: got {len(weights)} weights but {len(offsets)} biases")
        layers: list[Layer] = []
        for weight, bias in zip(weights, offsets, strict=True):
            layers += [Dense(weight, bias), Relu()]
        return cls(layers[:-1])

    def _infer_shapes(self, input_shape: Shape | None) -> tuple[Shape, ...]:
        first = self.layers[0]
        if input_shape is None:
            if not isinstance(first, Dense):
                raise ValueError(
                    "Network: input_shape can be inferred only where the first layer is Dense; "
                    f"layer 0 is {first!r}, so pass input_shape"
                )
            input_shape = (first.weight.shape[1],)
        shapes = [_checked_shape(input_shape)]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ValueError as error:
                raise ValueError(f"Network: layer {index}: {error}") from None
        return tuple(shapes)

    def _infer_dtype(self) -> np.dtype[Any]:
        found = {layer.dtype: index for index, layer in enumerate(self.all_layers) if layer.dtype}
        if len(found) > 1:
            places = ", ".join(f"{dtype} at layer {index}" for dtype, index in found.items())
            raise ValueError(f"Network: all parameters must have one dtype, got {places}")
        return next(iter(found), None) or np.dtype(np.float64)

    @cached_property
    def all_layers(self) -> tuple[Layer, ...]:
        """Every layer; those inside a residual follow it, the body first."""
        return in_order(self.layers)

    @property
    def has_parameters(self) -> bool:
        """Whether any layer has an element type of its own; without, the input's type is kept."""
        return any(layer.dtype for layer in self.all_layers)

    def __repr__(self) -> str:
        """Return the layers with their numbers, one per line."""
        lines = "".join(f"\n  {index}: {layer!r}" for index, layer in enumerate(self.all_layers))
        return f"Network(input {self.input_shape}{lines}\n)"

    @property
    def input_shape(self) -> Shape:
        """Shape of one input sample."""
        return self.shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of one output sample."""
        return self.shapes[-1]

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Positions of a_0, a_1, ..., a_{L-1}: the input and the output of every hidden switch."""
        after = [k + 1 for k, layer in enumerate(self.layers) if isinstance(layer, Switch)]
        return (0, *(k for k in after if k < len(self.layers)))

    @cached_property
    def has_bias(self) -> bool:
        """Whether any layer adds a non-zero bias."""
        return any(layer.has_bias for layer in self.all_layers if isinstance(layer, Linear))

    def astype(self, dtype: DTypeLike) -> "Network":
        """Return the network in another element type (``object`` for exact fractions)."""
        return Network([layer.astype(dtype) for layer in self.layers], self.input_shape)

    def with_algorithm(self, algorithm: Algorithm) -> "Network":
        """Return the network with its convolutions computed "direct" or by "winograd".

        The same function, but for rounding: see :class:`~alignment_theory.layers.Conv2d`.

        Raises
        ------
        ValueError
            For an unknown algorithm.
        """
        known_algorithm("Network.with_algorithm", algorithm)
        layers = [layer.with_algorithm(algorithm) for layer in self.layers]
        return Network(layers, self.input_shape)

    def forward(self, inputs: ArrayLike) -> "Trace":
        """Run a batch, or one sample, and return everything the run left behind.

        Raises
        ------
        ValueError
            For a wrong shape or dtype, an empty batch, non-finite input, and for overflow.
        """
        values = as_array(inputs, "input", self.dtype if self.has_parameters else None).copy()
        single = values.shape == self.input_shape
        if single:
            values = values[np.newaxis]
        if values.shape[1:] != self.input_shape:
            raise ValueError(
                f"input: expected one sample {self.input_shape} or a batch "
                f"(n, {', '.join(map(str, self.input_shape))}), got shape {values.shape}"
            )
        if len(values) == 0:
            raise ValueError("input: expected at least one sample, got an empty batch")
        with np.errstate(over="ignore", invalid="ignore"), one_pool():
            sites, _ = run(self.layers, values, 0)
        return Trace(self, sites, single)

    __call__ = forward


def _checked_shape(shape: Shape) -> Shape:
    sizes = tuple(shape) if isinstance(shape, tuple | list) else ()
    if not sizes or not all(isinstance(s, int | np.integer) and s > 0 for s in sizes):
        raise ValueError(f"Network: input_shape must be positive sizes such as (8, 8), got {shape}")
    return tuple(int(size) for size in sizes)


def network_of_floats(network: object, where: str) -> Network:
    """Return the network; ValueError for what is none and for exact ones."""
    if not isinstance(network, Network):
        raise ValueError(f"{where}: expected a Network, got {network!r}")
    if network.dtype == np.dtype(object):
        raise ValueError(
            f"{where}: expected a network of floats; convert it with network.astype(numpy.float64)"
        )
    return network
