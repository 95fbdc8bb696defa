"""The loss of a classifier and its gradient with respect to every parameter."""

import numpy as np

from alignment_theory.arrays import Array, is_exact
from alignment_theory.kernels.training import softmax_cross_entropy
from alignment_theory.layers import Dense, Flatten, Layer, Relu
from alignment_theory.network import Network


class Learner:
    """A copy of a network's parameters in one vector, and the gradient of the loss in another.

    Both vectors hold all weights first and then all biases, so that one pass updates them all and
    weight decay can stop where the biases begin.

    Raises
    ------
    ValueError
        For exact networks, an output that is not one vector of logits, layers other than Dense,
        Relu and Flatten (naming the layer), and for networks without parameters.
    """

    def __init__(self, network: Network) -> None:
        _require_trainable(network)
        self.source = network
        dense = [(k, layer) for k, layer in enumerate(network.layers) if isinstance(layer, Dense)]
        arrays = [(k, layer.weight) for k, layer in dense]
        self._first_dense = dense[0][0]
        self.weight_count = sum(array.size for _, array in arrays)
        arrays += [(k, layer.bias) for k, layer in dense if layer.bias is not None]
        self.parameters = np.concatenate([array.ravel() for _, array in arrays])
        self.gradient = np.zeros_like(self.parameters)
        self._views: dict[tuple[int, int], tuple[Array, Array]] = {}
        start = 0
        for k, array in arrays:
            stop = start + array.size
            self._views[k, array.ndim] = (
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
        for k in reversed(range(self._first_dense, len(self.source.layers))):
            slope = self._backward(k, self.source.layers[k], entered[k], slope)
        return losses

    def _forward(self, k: int, layer: Layer, values: Array) -> Array:
        if not isinstance(layer, Dense):
            return layer.forward(values)
        output: Array = values @ self._views[k, 2][0].T
        if layer.bias is not None:
            output += self._views[k, 1][0]
        return output

    def _backward(self, k: int, layer: Layer, entered: Array, slope: Array) -> Array:
        if isinstance(layer, Relu):
            return slope * layer.mask(entered)
        if not isinstance(layer, Dense):
            return slope.reshape(entered.shape)
        weight, weight_gradient = self._views[k, 2]
        np.matmul(slope.T, entered, out=weight_gradient)
        if layer.bias is not None:
            np.sum(slope, axis=0, out=self._views[k, 1][1])
        # No parameter lies below the first Dense layer, and its product would be the largest.
        return slope @ weight if k > self._first_dense else slope

    def network(self) -> Network:
        """Return a new network with the present parameters; ValueError where they overflowed."""
        layers: list[Layer] = []
        for k, layer in enumerate(self.source.layers):
            if isinstance(layer, Dense):
                bias = None if layer.bias is None else self._views[k, 1][0]
                layer = Dense(self._views[k, 2][0], bias)
            layers.append(layer)
        return Network(layers, self.source.input_shape)


def _require_trainable(network: Network) -> None:
    if is_exact(np.empty(0, network.dtype)):
        raise ValueError(
            "train: expected a float32 or float64 network, got one of exact fractions; convert it "
            "with network.astype(numpy.float64)"
        )
    for k, layer in enumerate(network.layers):
        if type(layer) not in (Dense, Relu, Flatten):
            raise ValueError(
                f"train: layer {k} is {layer!r}; only Dense, Relu and Flatten can be trained"
            )
    if not any(isinstance(layer, Dense) for layer in network.layers):
        raise ValueError("train: expected at least one Dense layer, got a network without weights")
    if len(network.output_shape) != 1:
        raise ValueError(
            f"train: expected one vector of logits per sample, got outputs of shape "
            f"{network.output_shape}; put Flatten() at the end"
        )
