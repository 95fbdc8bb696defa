"""The loss of a classifier and its gradient with respect to every parameter."""

import numpy as np

from alignment_theory.arrays import Array, is_exact
from alignment_theory.kernels.training import softmax_cross_entropy
from alignment_theory.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyRelu,
    MaxPool2d,
    Relu,
    Selection,
    Switch,
    Unflatten,
    Weighted,
)
from alignment_theory.layers.direct import convolved, transposed, weight_gradient
from alignment_theory.layers.pooling import AveragePooling
from alignment_theory.network import Network

TRAINABLE = (
    Dense,
    Conv2d,
    Relu,
    LeakyRelu,
    MaxPool2d,
    AvgPool2d,
    AdaptiveAvgPool2d,
    Flatten,
    Unflatten,
)


class Learner:
    """A copy of a network's parameters in one vector, and the gradient of the loss in another.

    Both vectors hold all weights first and then all biases, so that one pass updates them all and
    weight decay can stop where the biases begin.

    Raises
    ------
    ValueError
        For exact networks, an output that is not one vector of logits, layers that cannot be
        trained (naming the layer), and for networks without parameters.
    """

    def __init__(self, network: Network) -> None:
        _require_trainable(network)
        self.source = network
        weighted = [(k, one) for k, one in enumerate(network.layers) if isinstance(one, Weighted)]
        arrays = [(k, "weight", layer.weight) for k, layer in weighted]
        self._first = weighted[0][0]
        self.weight_count = sum(array.size for _, _, array in arrays)
        arrays += [(k, "bias", layer.bias) for k, layer in weighted if layer.bias is not None]
        self.parameters = np.concatenate([array.ravel() for _, _, array in arrays])
        self.gradient = np.zeros_like(self.parameters)
        self._views: dict[tuple[int, str], tuple[Array, Array]] = {}
        start = 0
        for k, name, array in arrays:
            stop = start + array.size
            self._views[k, name] = (
                self.parameters[start:stop].reshape(array.shape),
                self.gradient[start:stop].reshape(array.shape),
            )
            start = stop

    def losses(self, inputs: Array, labels: Array) -> Array:
        """Return the cross-entropy of each sample, and leave the gradient of its mean.

        inputs are (batch, *input shape) and labels (batch,), both already checked.
        """
        entered, values = [], inputs
        for k, layer in enumerate(self.source.layers):
            entered.append(values)
            values = self._forward(k, layer, values)
        losses, slope = np.empty_like(values[:, 0]), np.empty_like(values)
        share = values.dtype.type(1 / len(values))
        softmax_cross_entropy(values, labels, share, losses, slope)
        for k in reversed(range(self._first, len(self.source.layers))):
            slope = self._backward(k, self.source.layers[k], entered[k], slope)
        return losses

    def _forward(self, k: int, layer: Layer, values: Array) -> Array:
        if not isinstance(layer, Weighted):
            return layer.forward(values)
        weight = self._views[k, "weight"][0]
        if isinstance(layer, Conv2d):
            output = convolved(values, weight, layer.windows, layer.groups)
        else:
            output = values @ weight.T
        if layer.bias is not None:
            output += self._views[k, "bias"][0].reshape(-1, *(1,) * (output.ndim - 2))
        return output

    def _backward(self, k: int, layer: Layer, entered: Array, slope: Array) -> Array:
        if isinstance(layer, Switch):
            return slope * layer.slopes(layer.mask(entered), entered)
        if isinstance(layer, Selection):
            return layer.pullback(slope, layer.select(entered), entered.shape[1:])
        if isinstance(layer, AveragePooling):
            return layer.pullback(slope, entered)
        if not isinstance(layer, Weighted):
            return slope.reshape(entered.shape)
        weight, gradient = self._views[k, "weight"]
        if layer.bias is not None:
            axes = (0, *range(2, slope.ndim))
            np.sum(slope, axis=axes, out=self._views[k, "bias"][1])
        # No parameter lies below the first layer with weights, and its product is the largest.
        lowest = k == self._first
        if isinstance(layer, Conv2d):
            how = layer.windows, layer.groups
            gradient[...] = weight_gradient(slope, entered, weight.shape, *how)
            return slope if lowest else transposed(slope, entered.shape[1:], weight, *how)
        np.matmul(slope.T, entered, out=gradient)
        return slope if lowest else slope @ weight

    def network(self) -> Network:
        """Return a new network with the present parameters; ValueError where they overflowed."""
        layers: list[Layer] = []
        for k, layer in enumerate(self.source.layers):
            if isinstance(layer, Weighted):
                bias = None if layer.bias is None else self._views[k, "bias"][0]
                layer = layer.with_parameters(self._views[k, "weight"][0], bias)
            layers.append(layer)
        return Network(layers, self.source.input_shape)


def _require_trainable(network: Network) -> None:
    if is_exact(np.empty(0, network.dtype)):
        raise ValueError(
            "train: expected a float32 or float64 network, got one of exact fractions; convert it "
            "with network.astype(numpy.float64)"
        )
    for k, layer in enumerate(network.layers):
        if type(layer) not in TRAINABLE:
            known = ", ".join(kind.__name__ for kind in TRAINABLE)
            raise ValueError(f"train: layer {k} is {layer!r}; a network to train may have {known}")
    if not any(isinstance(layer, Weighted) for layer in network.layers):
        raise ValueError("train: expected a Dense or Conv2d layer, got a network without weights")
    if len(network.output_shape) != 1:
        raise ValueError(
            f"train: expected one vector of logits per sample, got outputs of shape "
            f"{network.output_shape}; put Flatten() at the end"
        )
