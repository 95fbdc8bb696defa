"""Networks from scikit-learn's multi-layer perceptrons, compared with their own predictions.

scikit-learn is imported when an estimator is given, never before.
"""

import warnings
from copy import copy
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.layers import Dense, Layer, Relu
from alignment_theory.models.building import cut_off
from alignment_theory.models.compared import magnitude, relative_error
from alignment_theory.network import Network
from alignment_theory.rounding import gamma

_SAMPLES = 16

_OPERATIONS = 16
"""Roundings of a head and of its logarithm besides those of the sum over classes."""


def from_sklearn(estimator: Any) -> Network:
    """Return the network that a fitted MLPClassifier or MLPRegressor of scikit-learn is.

    Hidden layers are Dense, with a ReLU where ``activation='relu'``. What turns the outputs into
    probabilities (softmax, logistic) or means (exp, with a Poisson loss) is cut off with a warning.
    The outputs are as many as the estimator's own: a classifier of two classes has one logit, which
    is positive for ``classes_[1]``; one of several labels has one a label. Weights are copied and
    keep their element type.

    Predictions are compared in float64 on random inputs, and must be within the rounding error that
    is carried from layer to layer.

    Raises
    ------
    ValueError
        For other estimators, one that is not fitted or not complete, hidden activations that no
        layer has, weights in other element types, and where predictions differ.
    """
    try:
        _require_fitted(estimator)
        weights, biases = estimator.coefs_, estimator.intercepts_
        layers: list[Layer] = []
        for weight, bias in zip(weights, biases, strict=True):
            layers.append(Dense(weight.T, bias))
            if estimator.activation == "relu" and len(layers) < 2 * len(weights) - 1:
                layers.append(Relu())
        network = Network(layers)
        _compare(network.astype(np.float64), estimator)
    except ValueError as error:
        raise ValueError(f"from_sklearn: {error}") from None
    head = estimator.out_activation_
    if head == "exp":
        warnings.warn(
            "exp at the end was cut off: the network's outputs are logarithms of the predictions",
            stacklevel=2,
        )
    elif head != "identity":
        warnings.warn(cut_off(head), stacklevel=2)
    return network


def _require_fitted(estimator: Any) -> None:
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline

    wanted = "expected a fitted MLPClassifier or MLPRegressor"
    if isinstance(estimator, type):
        raise ValueError(f"{wanted}, got the class {estimator.__name__}; make one and fit it")
    if isinstance(estimator, Pipeline):
        raise ValueError(
            f"{wanted}, got a Pipeline; pass its last step, pipeline[-1], and give the network "
            "what the steps before it make of the data, pipeline[:-1].transform(X)"
        )
    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        hint = "; pass it to from_torch" if type(estimator).__module__.startswith("torch") else ""
        raise ValueError(f"{wanted}, got {type(estimator).__name__}{hint}")
    if not hasattr(estimator, "coefs_"):
        raise ValueError(f"{wanted}, got one that is not fitted; call fit first")
    _require_complete(estimator)
    if estimator.activation not in ("relu", "identity"):
        raise ValueError(
            f"hidden activation {estimator.activation!r} is not supported: layers are linear or "
            "have masks, as with activation='relu' or 'identity'"
        )
    if estimator.out_activation_ not in ("identity", "softmax", "logistic", "exp"):
        raise ValueError(f"output activation {estimator.out_activation_!r} is not supported")


def _require_complete(estimator: Any) -> None:
    """Raise ValueError where a fitted estimator has lost some of what it was fitted to."""
    for name in ("intercepts_", "n_layers_", "out_activation_"):
        if not hasattr(estimator, name):
            raise ValueError(f"the estimator has no {name}, though it was fitted; fit it again")
    for name in ("coefs_", "intercepts_"):
        found, wanted = getattr(estimator, name), estimator.n_layers_ - 1
        count = len(found) if isinstance(found, list | tuple) else None
        if count != wanted:
            shown = type(found).__name__ if count is None else count
            raise ValueError(
                f"{name}: expected a list of {wanted} arrays, one a layer, got {shown}; fit the "
                "estimator again"
            )


def _compare(network: Network, estimator: Any) -> None:
    """Raise ValueError where a float64 network and an estimator predict different things.

    Probabilities and means are compared as logarithms, which are as exact as the logits.
    """
    wide = copy(estimator)
    for name in ("coefs_", "intercepts_"):
        setattr(wide, name, [array.astype(np.float64) for array in getattr(estimator, name)])
    if hasattr(wide, "feature_names_in_"):
        del wide.feature_names_in_
    inputs = np.random.default_rng(0).standard_normal((_SAMPLES, *network.input_shape))
    outputs, error = _carried(network, inputs)
    head = estimator.out_activation_
    if head in ("softmax", "logistic"):
        expected = wide.predict_proba(inputs)
        expected = expected[:, 1:] if outputs.shape[1] == 1 else expected
    else:
        expected = np.asarray(wide.predict(inputs)).reshape(outputs.shape)
    if head != "identity":
        outputs, expected, error = _logarithms(head, outputs, expected, error)
    change = np.abs(outputs - expected)
    if not (change <= error).all():
        raise ValueError(
            f"the network's outputs differ from the estimator's by {change.max():.3g}, more than "
            "rounding can do; please report the estimator"
        )


def _carried(network: Network, inputs: Array) -> tuple[Array, Array]:
    """Return outputs, and how far rounding in both versions can take them from each other.

    An error e below a layer is at most ``|W| e`` above it, and a ReLU makes no error larger.
    """
    values, error = inputs, np.zeros(inputs.shape)
    for layer in network.layers:
        if isinstance(layer, Dense):
            step = 2 * relative_error(layer, values)
            added = step * magnitude(layer, np.abs(values) + error)
            error = error @ np.abs(layer.weight).T + added
        values = layer.forward(values)
    return values, error


def _logarithms(
    head: str, outputs: Array, expected: Array, error: Array
) -> tuple[Array, Array, Array]:
    """Return logarithms of what a head makes of outputs and of what is expected, and their error.

    Where the expected number is below the normal range of float64, it is only compared with that.
    """
    total = {
        "softmax": np.logaddexp.reduce(outputs, axis=1, keepdims=True),
        "logistic": np.logaddexp(outputs, 0),
        "exp": np.zeros(outputs.shape),
    }[head]
    least = np.finfo(np.float64).tiny
    found = np.maximum(outputs - total, np.log(least))
    expected = np.log(np.maximum(expected, least))
    size = np.abs(expected) + np.abs(outputs).max() + np.abs(total).max()
    rounded = gamma(_OPERATIONS + outputs.shape[1], outputs.dtype) * (1 + size)
    # The total of a softmax moves no more than the logit that moves most.
    return found, expected, 2 * error.max(axis=1, keepdims=True) + rounded
