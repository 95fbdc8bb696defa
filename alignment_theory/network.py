"""A network as a tuple of layers, and the trace a forward run leaves.

*Position* k is the place between layer k - 1 and layer k: position 0 is the input and position
``len(network.layers)`` the output. Activations, relevances and weight products are all indexed by
position. *Levels* are the positions of the paper's a_0, a_1, ..., a_{L-1}: the input and what
leaves each switch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from alignment_theory.arrays import Array, as_array, overflowed
from alignment_theory.layers import Dense, Layer, Linear, Relu, Selection, Switch
from alignment_theory.layers.base import Shape


@dataclass(frozen=True, eq=False)
class Site:
    """One layer as a forward run passed it: what went in and what came out.

    A switch has its mask, and a selection the flat indices of the inputs it has chosen.
    """

    index: int
    layer: Layer
    input: Array
    output: Array
    mask: Array | None = None
    selected: Array | None = None

    @property
    def slopes(self) -> Array:
        """What a switch multiplied its input with."""
        assert isinstance(self.layer, Switch) and self.mask is not None
        return self.layer.slopes(self.mask, self.input)


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
        found = {layer.dtype: index for index, layer in enumerate(self.layers) if layer.dtype}
        if len(found) > 1:
            places = ", ".join(f"{dtype} at layer {index}" for dtype, index in found.items())
            raise ValueError(f"Network: all parameters must have one dtype, got {places}")
        return next(iter(found), None) or np.dtype(np.float64)

    @property
    def has_parameters(self) -> bool:
        """Whether any layer has an element type of its own; without, the input's type is kept."""
        return any(layer.dtype for layer in self.layers)

    def __repr__(self) -> str:
        """Return the layers, one per line."""
        lines = "".join(f"\n  {index}: {layer!r}" for index, layer in enumerate(self.layers))
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
        return any(layer.has_bias for layer in self.layers if isinstance(layer, Linear))

    def astype(self, dtype: DTypeLike) -> "Network":
        """Return the network in another element type (``object`` for exact fractions)."""
        return Network([layer.astype(dtype) for layer in self.layers], self.input_shape)

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
        sites = []
        with np.errstate(over="ignore", invalid="ignore"):
            for index, layer in enumerate(self.layers):
                selected = layer.select(values) if isinstance(layer, Selection) else None
                if selected is None:
                    output = layer.forward(values)
                else:
                    output = Selection.take(values, selected)
                if overflowed(output):
                    raise ValueError(
                        f"layer {index} ({layer!r}) overflowed {self.dtype}: its output has "
                        "non-finite entries; scale the weights or the input"
                    )
                mask = layer.mask(values) if isinstance(layer, Switch) else None
                sites.append(Site(index, layer, values, output, mask, selected))
                values = output
        return Trace(self, tuple(sites), single)

    __call__ = forward


def _checked_shape(shape: Shape) -> Shape:
    sizes = tuple(shape) if isinstance(shape, tuple | list) else ()
    if not sizes or not all(isinstance(s, int | np.integer) and s > 0 for s in sizes):
        raise ValueError(f"Network: input_shape must be positive sizes such as (8, 8), got {shape}")
    return tuple(int(size) for size in sizes)


@dataclass(frozen=True, eq=False)
class Trace:
    """What a forward run left: the sites passed, from the input to the output.

    Where one sample was given, every public array comes without the batch axis; ``sites`` always
    has it.
    """

    network: Network
    sites: tuple[Site, ...]
    single: bool

    @property
    def batch_size(self) -> int:
        """Number of samples."""
        return len(self.sites[0].input)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type of the computation."""
        return self.sites[0].input.dtype

    def unbatched(self, array: Array) -> Array:
        """Return a copy as the caller sees it: without batch axis for a single sample.

        A copy, so that what a caller does to a result changes no other.
        """
        copy: Array = np.array(array[0] if self.single else array)
        return copy

    @cached_property
    def activations(self) -> tuple[Array, ...]:
        """The values at every position, input first, output (logits) last."""
        values = [site.input for site in self.sites] + [self.sites[-1].output]
        return tuple(self.unbatched(value) for value in values)

    @property
    def output(self) -> Array:
        """The values that leave the last layer (logits)."""
        return self.unbatched(self.sites[-1].output)

    @cached_property
    def switch_sites(self) -> tuple[Site, ...]:
        """The sites of the switches, input side first."""
        return tuple(site for site in self.sites if isinstance(site.layer, Switch))

    @cached_property
    def preactivations(self) -> tuple[Array, ...]:
        """The values z that enter each switch, input side first."""
        return tuple(self.unbatched(site.input) for site in self.switch_sites)

    @cached_property
    def masks(self) -> tuple[Array, ...]:
        """The boolean masks m of the switches, input side first (strict z > 0 by default)."""
        return tuple(self.unbatched(site.mask) for site in self.switch_sites)  # type: ignore[arg-type]

    @cached_property
    def switches(self) -> tuple[Array, ...]:
        """What each selection (max pooling) has chosen, input side first.

        Flat indices into the input sample of the layer, one for every output.
        """
        return tuple(
            self.unbatched(site.selected) for site in self.sites if site.selected is not None
        )

    def weight_product(self, top: int | None = None, bottom: int = 0) -> Array:
        """Return the linear map from position `bottom` to position `top` with masks fixed.

        ``W_eff = W_L D_{L-1} W_{L-1} ... D_1 W_1`` with ``D = diag(slopes)``, the mask for a ReLU,
        and the matrix of zeros and ones of what a max pooling has chosen: explicit matrices in
        plain NumPy, of shape (batch, size at top, size at bottom). Row k of the product over the
        whole network is the gradient of logit k.
        """
        matrices, _ = self._piece(top, bottom)
        return self.unbatched(matrices)

    def effective_bias(self, top: int | None = None, bottom: int = 0) -> Array:
        """Return what the biases add between two positions with masks fixed, (batch, size at top).

        ``values[top] == weight_product(top, bottom) @ values[bottom] + effective_bias``.
        """
        _, bias = self._piece(top, bottom)
        return self.unbatched(bias)

    def _piece(self, top: int | None, bottom: int) -> tuple[Array, Array]:
        top, bottom = self.positions(top, bottom)
        size = prod(self.network.shapes[bottom])
        identity = np.eye(size, dtype=self.dtype)
        product = np.repeat(identity[np.newaxis], self.batch_size, axis=0)
        bias = np.zeros((self.batch_size, size), dtype=self.dtype)
        for site in self.sites[bottom:top]:
            if isinstance(site.layer, Linear):
                matrix = site.layer.matrix(site.input)
                product = matrix @ product
                bias = bias @ matrix.T + site.layer.bias_vector(site.input)
            elif isinstance(site.layer, Switch):
                slopes = site.slopes.reshape(self.batch_size, -1)
                product = product * slopes[:, :, np.newaxis]
                bias = bias * slopes
            elif site.selected is not None:
                chosen = Selection.matrix(site.selected, site.input.shape[1:]).astype(self.dtype)
                product = chosen @ product
                bias = (chosen @ bias[:, :, np.newaxis])[:, :, 0]
        return product, bias

    def positions(self, top: int | None, bottom: int) -> tuple[int, int]:
        """Return a checked (top, bottom) pair; top None is the output."""
        last = len(self.sites)
        top = last if top is None else top
        if not 0 <= bottom <= top <= last:
            raise ValueError(
                f"positions: expected 0 <= bottom <= top <= {last}, got bottom {bottom}, top {top}"
            )
        return top, bottom
