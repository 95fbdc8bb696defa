"""What a forward run leaves behind: sites, activations, masks and the linear piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alignment_theory.arrays import Array, overflowed
from alignment_theory.layers import Conv2d, Layer, Linear, Residual, Selection, Switch
from alignment_theory.layers.residual import Sum

if TYPE_CHECKING:
    from alignment_theory.network import Network


@dataclass(frozen=True, eq=False)
class Site:
    """One layer as a forward run passed it: its number, what went in and what came out.

    A switch has its mask, a selection the flat indices of the inputs it has chosen, and a residual
    the sites of its body and of its shortcut.
    """

    index: int
    layer: Layer
    input: Array
    output: Array
    mask: Array | None = None
    selected: Array | None = None
    branches: tuple[tuple["Site", ...], ...] = ()

    @property
    def slopes(self) -> Array:
        """What a switch multiplied its input with."""
        assert isinstance(self.layer, Switch) and self.mask is not None
        return self.layer.slopes(self.mask, self.input)

    @property
    def with_inner(self) -> tuple["Site", ...]:
        """The site itself and those inside it, in the order of their numbers."""
        inner = (site for branch in self.branches for site in branch)
        return (self, *(one for site in inner for one in site.with_inner))

    @cached_property
    def sum(self) -> "Site":
        """The sum at the end of a residual, a linear layer, as a site of its own."""
        ends = [branch[-1].output if branch else self.input for branch in self.branches]
        return Site(self.index, Sum(), np.stack(ends, axis=1), self.output)


@dataclass(frozen=True, eq=False)
class Trace:
    """What a forward run left: the sites passed, from the input to the output.

    Where one sample was given, every public array comes without the batch axis; ``sites`` always
    has it.
    """

    network: "Network"
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
    def all_sites(self) -> tuple[Site, ...]:
        """The sites of all layers by their numbers; those inside a residual follow its own."""
        return tuple(inner for site in self.sites for inner in site.with_inner)

    @cached_property
    def switch_sites(self) -> tuple[Site, ...]:
        """The sites of the switches, input side first."""
        return tuple(site for site in self.all_sites if isinstance(site.layer, Switch))

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
            self.unbatched(site.selected) for site in self.all_sites if site.selected is not None
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
        return _pieces(self.sites[bottom:top], product, bias)

    def until(self, position: int) -> "Trace":
        """Return the same run of the layers below a position, as a trace of that network.

        With it a backward pass starts there: ``attribute(trace.until(k), rule=..., seed=r)`` hands
        down relevance r that arrives at position k.

        Raises
        ------
        ValueError
            For a position below the first layer or above the last.
        """
        if not 1 <= position <= len(self.sites):
            raise ValueError(
                f"until: expected a position from 1 to {len(self.sites)}, got {position}"
            )
        network = type(self.network)(self.network.layers[:position], self.network.input_shape)
        return Trace(network, self.sites[:position], self.single)

    def positions(self, top: int | None, bottom: int) -> tuple[int, int]:
        """Return a checked (top, bottom) pair; top None is the output."""
        last = len(self.sites)
        top = last if top is None else top
        if not 0 <= bottom <= top <= last:
            raise ValueError(
                f"positions: expected 0 <= bottom <= top <= {last}, got bottom {bottom}, top {top}"
            )
        return top, bottom


def _pieces(sites: Sequence[Site], product: Array, bias: Array) -> tuple[Array, Array]:
    """Return the linear map and what biases add after some sites, from those before them."""
    for site in sites:
        if site.branches:
            sides = [_pieces(branch, product, bias) for branch in site.branches]
            product, bias = sides[0][0] + sides[1][0], sides[0][1] + sides[1][1]
        elif isinstance(site.layer, Linear):
            matrix = site.layer.matrix(site.input)
            product = matrix @ product
            bias = bias @ matrix.T + site.layer.bias_vector(site.input)
        elif isinstance(site.layer, Switch):
            slopes = site.slopes.reshape(len(bias), -1)
            product = product * slopes[:, :, np.newaxis]
            bias = bias * slopes
        elif site.selected is not None:
            chosen = Selection.matrix(site.selected, site.input.shape[1:]).astype(bias.dtype)
            product = chosen @ product
            bias = (chosen @ bias[:, :, np.newaxis])[:, :, 0]
    return product, bias


def run(layers: Sequence[Layer], values: Array, first: int) -> tuple[tuple[Site, ...], Array]:
    """Run a batch through layers, the first of which has that number; return sites and output.

    Raises
    ------
    ValueError
        Where a layer's output overflows.
    """
    sites: list[Site] = []
    for layer in layers:
        mask = selected = None
        branches: tuple[tuple[Site, ...], ...] = ()
        if isinstance(layer, Residual):
            branches, output = _run_residual(layer, values, first)
        elif isinstance(layer, Selection):
            selected = layer.select(values)
            output = Selection.take(values, selected)
        else:
            output = layer.forward(values)
            mask = layer.mask(values) if isinstance(layer, Switch) else None
        # The other layers make no number larger.
        if isinstance(layer, Linear | Residual) and overflowed(output):
            fast = isinstance(layer, Conv2d) and layer.algorithm != "direct"
            raise ValueError(
                f"layer {first} ({layer!r}) overflowed {values.dtype}: its output has "
                "non-finite entries; scale the weights or the input"
                + (", or compute with_algorithm('direct')" if fast else "")
            )
        sites.append(Site(first, layer, values, output, mask, selected, branches))
        first += len(sites[-1].with_inner)
        values = output
    return tuple(sites), values


def _run_residual(
    layer: Residual, values: Array, first: int
) -> tuple[tuple[tuple[Site, ...], ...], Array]:
    body, left = run(layer.body, values, first + 1)
    inner = sum(len(site.with_inner) for site in body)
    shortcut, right = run(layer.shortcut, values, first + 1 + inner)
    return (body, shortcut), left + right
