"""Networks from scikit-learn: every kind of estimator, and planted errors."""

import copy
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alignment_theory import Dense, Relu, from_sklearn
from alignment_theory.rounding import forward_bound, gamma

RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((60, 5))
CLASSES = np.array([2, 5, 7])[np.arange(60) % 3]
TARGETS = {
    "three classes": (MLPClassifier, CLASSES),
    "two classes": (MLPClassifier, np.array(["no", "yes"])[CLASSES // 4 % 2]),
    "several labels": (MLPClassifier, np.arange(60)[:, None] // [1, 2, 3] % 2),
    "one number": (MLPRegressor, INPUTS.sum(axis=1)),
    "two numbers": (MLPRegressor, INPUTS[:, :2] ** 2),
}
OUTPUTS = {"three classes": 3, "two classes": 1, "several labels": 3, "one number": 1}


def fitted(kind, targets, inputs=INPUTS, **settings):
    estimator = kind(**{"hidden_layer_sizes": (7, 6), "max_iter": 4, "random_state": 0, **settings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(inputs, targets)


def imported(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return from_sklearn(estimator)


def rounding(trace):
    """Bound what rounding in both versions does to outputs, and relatively to what a head makes.

    An error e of all logits changes a softmax by a factor of exp(2 e) at most, and so the logistic
    function and exp. Differences of logits, up to twice the largest, round before the exponential
    function does, the sum over classes and a quotient.
    """
    outputs, error = trace.output, forward_bound(trace)
    head = gamma(8 + outputs.shape[1], outputs.dtype) * (1 + 2 * np.abs(outputs).max())
    return error, np.expm1(2 * error.max() + 2 * head)


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TARGETS)
def test_predictions_are_the_estimators_own(name, dtype, activation):
    kind, targets = TARGETS[name]
    if kind is MLPRegressor:
        targets = targets.astype(dtype)
    estimator = fitted(kind, targets, INPUTS.astype(dtype), activation=activation)
    network = imported(estimator)
    assert network.dtype == estimator.coefs_[0].dtype == dtype
    assert network.output_shape == (OUTPUTS.get(name, 2),)
    kinds = [Dense, Relu, Dense, Relu, Dense] if activation == "relu" else [Dense] * 3
    assert [type(layer) for layer in network.layers] == kinds
    inputs = RNG.standard_normal((20, 5)).astype(dtype)
    trace = network.forward(inputs)
    z, (bound, relative) = trace.output.astype(np.float64), rounding(trace)
    if kind is MLPRegressor:
        found, expected = z, estimator.predict(inputs).reshape(z.shape)
    else:
        expected = estimator.predict_proba(inputs)
        odds, halves = np.exp(z), 1 / (1 + np.exp(-z))
        ours = {3: odds / odds.sum(axis=1, keepdims=True), 1: np.hstack([1 - halves, halves])}
        found = halves if name == "several labels" else ours[z.shape[1]]
        bound = relative  # of probabilities, which are 1 at most
    assert (np.abs(found - expected) <= bound).all()


def test_heads_are_cut_off_with_a_warning():
    for name, head in (("three classes", "softmax"), ("two classes", "logistic")):
        with pytest.warns(UserWarning, match=f"^{head} at the end was cut off: the network's out"):
            from_sklearn(fitted(*TARGETS[name]))
    from_sklearn(fitted(*TARGETS["one number"]))


def test_the_one_logit_of_two_classes_speaks_for_the_second():
    estimator = fitted(*TARGETS["two classes"], max_iter=200, hidden_layer_sizes=(20,))
    positive = imported(estimator).forward(INPUTS).output[:, 0] > 0
    assert 0 < positive.sum() < 60
    assert (estimator.predict(INPUTS) == estimator.classes_[positive.astype(int)]).all()


def test_a_poisson_regression_predicts_exponentials():
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no Poisson loss; 1.7 and newer have")
    estimator = fitted(MLPRegressor, np.arange(60.0), loss="poisson")
    assert estimator.out_activation_ == "exp"
    with pytest.warns(UserWarning, match="outputs are logarithms of the predictions"):
        network = from_sklearn(estimator)
    inputs = RNG.standard_normal((9, 5))
    trace = network.forward(inputs)
    found, expected = np.exp(trace.output[:, 0]), estimator.predict(inputs)
    assert (np.abs(found - expected) <= rounding(trace)[1] * expected).all()


def test_saturated_predictions_are_compared_too():
    estimator = fitted(*TARGETS["three classes"])
    estimator.coefs_[-1] = 300 * estimator.coefs_[-1]
    probabilities = estimator.predict_proba(np.random.default_rng(0).standard_normal((16, 5)))
    assert (probabilities < 1e-20).any() and (probabilities > 0.99).any()
    imported(estimator)


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 9), max_size=3),
    name=st.sampled_from(sorted(TARGETS)),
    activation=st.sampled_from(["relu", "identity"]),
    seed=st.integers(0, 2**16),
)
def test_random_architectures(sizes, name, activation, seed):
    """Every import is compared with the estimator's predictions in float64 as it is made."""
    kind, targets = TARGETS[name]
    settings = {"hidden_layer_sizes": sizes, "activation": activation, "random_state": seed}
    network = imported(fitted(kind, targets, max_iter=1, **settings))
    assert len([one for one in network.layers if isinstance(one, Dense)]) == len(sizes) + 1


def test_the_network_keeps_its_numbers_when_training_goes_on():
    estimator = fitted(*TARGETS["three classes"])
    network, before = imported(estimator), copy.deepcopy(estimator.coefs_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.partial_fit(INPUTS, CLASSES)
    assert not (estimator.coefs_[0] == before[0]).all()
    for layer, weight in zip(network.layers[::2], before, strict=True):
        assert (layer.weight == weight.T).all()


class Twisted(MLPClassifier):
    """Adds a little to one weight when it predicts."""

    def predict_proba(self, X):  # noqa: N803
        self.coefs_[1][0, 0] += self.n_iter_no_change * 1e-13
        return super().predict_proba(X)


def test_a_difference_of_a_few_roundings_is_caught():
    estimator = fitted(Twisted, CLASSES)
    with pytest.raises(ValueError, match="outputs differ from the estimator's by"):
        imported(estimator)


@pytest.mark.parametrize("plant", ["no relu", "bias of another", "relu at the end"])
@pytest.mark.parametrize("name", TARGETS)
def test_planted_errors_are_caught(name, plant, monkeypatch):
    import alignment_theory.models.sklearn_models as importer

    whole = importer.Network

    def wrong(layers):
        if plant == "no relu":
            layers = [layers[0], *layers[2:]]
        elif plant == "relu at the end":
            layers = [*layers, Relu()]
        else:
            layers = [*layers[:-1], Dense(layers[-1].weight, np.roll(layers[-1].bias, 1) + 1e-9)]
        return whole(layers)

    estimator = fitted(*TARGETS[name])
    monkeypatch.setattr(importer, "Network", wrong)
    with pytest.raises(ValueError, match="outputs differ from the estimator's by"):
        imported(estimator)


WRONG = {
    "a class": (MLPClassifier, "got the class MLPClassifier; make one and fit it"),
    "not fitted": (MLPClassifier(), "got one that is not fitted; call fit first"),
    "a pipeline": (make_pipeline(StandardScaler()), r"got a Pipeline; pass its last step, pipeli"),
    "a line": (LinearRegression(), "got LinearRegression$"),
    "a path": ("model.pkl", "got str$"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_things_are_refused(name):
    given, message = WRONG[name]
    with pytest.raises(ValueError, match=f"^from_sklearn: expected a fitted MLPClassif.*{message}"):
        from_sklearn(given)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_smooth_activations_are_refused(activation):
    estimator = fitted(*TARGETS["one number"], activation=activation)
    with pytest.raises(ValueError, match=f"hidden activation '{activation}' is not supported: lay"):
        from_sklearn(estimator)


INCOMPLETE = {
    "a matrix less": ("coefs_", lambda found: found[:-1], "coefs_: expected a list of 3 .* got 2"),
    "a vector more": ("intercepts_", lambda found: [*found, 1], "intercepts_: expected .* got 4"),
    "no matrices": ("coefs_", lambda found: None, "coefs_: expected a list of 3 .* got NoneType"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_estimators_that_lost_weights_are_refused(name):
    attribute, change, message = INCOMPLETE[name]
    estimator = fitted(*TARGETS["one number"])
    setattr(estimator, attribute, change(getattr(estimator, attribute)))
    with pytest.raises(ValueError, match=f"^from_sklearn: {message}.*; fit the estimator again"):
        from_sklearn(estimator)


@pytest.mark.parametrize("attribute", ["intercepts_", "n_layers_", "out_activation_"])
def test_estimators_that_lost_attributes_are_refused(attribute):
    estimator = fitted(*TARGETS["one number"])
    delattr(estimator, attribute)
    with pytest.raises(
        ValueError, match=f"^from_sklearn: the estimator has no {attribute}, though"
    ):
        from_sklearn(estimator)
