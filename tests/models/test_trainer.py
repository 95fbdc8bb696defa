"""Training and accuracy: what they return, what they leave alone and what they refuse."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from alignment_theory import Dense, Flatten, Network, Relu
from alignment_theory.layers import Switch
from alignment_theory.models import accuracy, random_mlp, train
from alignment_theory.models.learner import Learner

MODULE = sys.modules["alignment_theory.models.trainer"]

EPS = float(np.finfo(float).eps)


def blobs(samples=90, dtype=np.float64):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=samples)
    inputs = np.eye(3)[labels] @ (3 * rng.standard_normal((3, 4)))
    return (inputs + 0.1 * rng.standard_normal(inputs.shape)).astype(dtype), labels


def network(*, bias=True, dtype=np.float64):
    return random_mlp((4, 16, 3), rng=np.random.default_rng(1), bias=bias, dtype=dtype)


def reordering(inputs):
    """Bound what the order of 90 samples does to a gradient: terms are inputs times weights."""
    return 90 * EPS * np.abs(inputs).max() * np.abs(parameters(network())).max()


def settings(**changes):
    return {"epochs": 3, "rng": np.random.default_rng(2), "batch_size": 16} | changes


def parameters(net):
    return Learner(net).parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [False, True])
def test_separable_classes_are_learnt(bias, dtype):
    start, (inputs, labels) = network(bias=bias, dtype=dtype), blobs(dtype=dtype)
    before, data = parameters(start), (inputs.tobytes(), labels.tobytes())
    trained = train(start, inputs, labels, **settings(epochs=30, learning_rate=1e-2))
    assert data == (inputs.tobytes(), labels.tobytes())
    assert accuracy(trained.network, inputs, labels) == 1
    assert len(trained.losses) == 30 and trained.losses[-1] < 0.1 * trained.losses[0]
    assert all(type(loss) is float for loss in trained.losses)
    assert trained.network.dtype == dtype
    assert [layer.bias is None for layer in trained.network.layers[::2]] == [not bias] * 2
    np.testing.assert_array_equal(parameters(start), before)


def test_flatten_and_tie_rule_survive():
    layers = network().layers
    start = Network([Flatten(), layers[0], Relu(active_at_zero=True), layers[2]], (2, 2))
    inputs, labels = blobs()
    end = train(start, inputs.reshape(-1, 2, 2), labels, **settings()).network
    assert end.input_shape == (2, 2) and end.layers[2] == Relu(active_at_zero=True)


def test_the_generator_decides_the_result():
    inputs, labels = blobs()
    first, again, other = (
        train(network(), inputs, labels, **settings(rng=np.random.default_rng(seed)))
        for seed in (5, 5, 6)
    )
    assert first.losses == again.losses
    np.testing.assert_array_equal(parameters(first.network), parameters(again.network))
    assert (parameters(first.network) != parameters(other.network)).any()


def test_every_epoch_passes_each_sample_once_in_another_order(monkeypatch):
    seen, sizes, original = [], [], Learner.losses

    def spy(self, inputs, labels):
        seen.extend(inputs[:, 0].tolist())
        sizes.append(len(labels))
        return original(self, inputs, labels)

    monkeypatch.setattr(Learner, "losses", spy)
    inputs, labels = blobs(50)
    train(network(), inputs, labels, **settings(epochs=2))
    assert sizes == [16, 16, 16, 2] * 2
    assert sorted(seen[:50]) == sorted(seen[50:]) == sorted(inputs[:, 0].tolist())
    assert seen[:50] != seen[50:] and seen[:50] != inputs[:, 0].tolist()


def test_inputs_stay_with_their_labels():
    inputs, labels = blobs()
    learner = Learner(network())
    expected = learner.losses(inputs, labels).mean()
    trained = train(network(), inputs, labels, **settings(epochs=1, batch_size=1000))
    assert trained.losses[0] == pytest.approx(expected, rel=90 * EPS)  # 90 losses, in any order


def test_first_step_is_the_sign_of_the_gradient():
    inputs, labels = blobs()
    learner = Learner(network())
    learner.losses(inputs, labels)
    gradient = learner.gradient
    one = settings(epochs=1, batch_size=90, learning_rate=0.01)
    end = parameters(train(network(), inputs, labels, **one).network)
    expected = learner.parameters - 0.01 * gradient / (abs(gradient) + 1e-8)
    steepness = 0.01 * 1e-8 / (abs(gradient) + 1e-8) ** 2  # of the step as a function of g
    bound = steepness * reordering(inputs) * (gradient != 0) + 8 * EPS * abs(expected)
    assert (abs(end - expected) <= bound).all()


def test_second_step_corrects_the_bias_of_the_moments():
    inputs, labels = blobs()
    learner = Learner(network())
    slopes = []
    two = settings(epochs=2, batch_size=90, learning_rate=0.01)
    for epochs in (1, 2):
        learner.losses(inputs, labels)
        slopes.append(learner.gradient.copy())
        end = train(network(), inputs, labels, **(two | {"epochs": epochs})).network
        learner.parameters[:] = parameters(end)
    middle = parameters(train(network(), inputs, labels, **(two | {"epochs": 1})).network)
    mean = (0.09 * slopes[0] + 0.1 * slopes[1]) / (1 - 0.9**2)
    square = (0.999e-3 * slopes[0] ** 2 + 1e-3 * slopes[1] ** 2) / (1 - 0.999**2)
    expected = middle - 0.01 * mean / (np.sqrt(square) + 1e-8)
    # The root is at least .7 max |g|, and the mean at most 1.5 times the root.
    largest = np.maximum(*map(abs, slopes))
    relative = reordering(inputs) / np.where(largest > 0, largest, np.inf)
    bound = 0.01 * 4 * relative + 16 * EPS * (abs(expected) + 0.01)
    assert (abs(learner.parameters - expected) <= bound).all()


def test_decay_shrinks_weights_and_not_biases():
    inputs, labels = blobs()
    plain, decayed = (
        parameters(train(network(), inputs, labels, **one).network)
        for one in (
            settings(epochs=1, batch_size=90, learning_rate=0.01, weight_decay=decay)
            for decay in (0.0, 0.5)
        )
    )
    count, start = Learner(network()).weight_count, parameters(network())
    shrunk, wanted = plain[:count] - decayed[:count], 0.005 * start[:count]
    assert (abs(shrunk - wanted) <= 4 * EPS * abs(start[:count] + 0.01)).all()
    np.testing.assert_array_equal(plain[count:], decayed[count:])


def test_one_blas_thread_meanwhile(monkeypatch):
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    seen, original = [], Learner.losses
    monkeypatch.setattr(
        Learner, "losses", lambda self, *data: (seen.append(threads()), original(self, *data))[1]
    )
    before = threads()
    train(network(), *blobs(), **settings(epochs=1))
    assert before and seen[0] == [1] * len(before) and threads() == before


def test_an_interrupt_is_raised_and_leaves_no_trace(monkeypatch, capsys):
    calls, original = [], Learner.losses

    def interrupted(self, inputs, labels):
        calls.append(len(labels))
        if len(calls) == 8:
            raise KeyboardInterrupt
        return original(self, inputs, labels)

    monkeypatch.setattr(Learner, "losses", interrupted)
    start = network()
    before = parameters(start)
    with pytest.raises(KeyboardInterrupt):
        train(start, *blobs(), **settings(progress=True))
    np.testing.assert_array_equal(parameters(start), before)
    assert "training, loss" in capsys.readouterr().err
    monkeypatch.undo()
    train(start, *blobs(), **settings(progress=True))  # rich allows one live bar at a time


@pytest.mark.parametrize(
    ("progress", "terminal", "shown"),
    [(True, False, True), (None, True, True), (None, False, False), (False, True, False)],
)
def test_progress_goes_to_stderr_of_terminals(progress, terminal, shown, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    train(network(), *blobs(), **settings(progress=progress))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("training" in captured.err) == shown
    if not shown:
        assert captured.err == ""


def test_divergence_is_reported():
    inputs, labels = blobs()
    with pytest.raises(ValueError, match="diverged in epoch 1 of 3.*lower the learning_rate"):
        train(network(), inputs, labels, **settings(learning_rate=1e300))


class Square(Switch):
    def output_shape(self, input_shape):
        return input_shape

    def forward(self, values):
        return values**2

    def mask(self, preactivation):
        return preactivation > 0


class TiltedDense(Dense):
    pass


def exact():
    return Network([Dense([[Fraction(1, 3)] * 4] * 3)])


INPUTS, LABELS = blobs(6)
UNFIT_NETWORKS = {
    "exact": (exact, "exact fractions.*astype"),
    "unknown layer": (lambda: Network([*network().layers, Square()]), "layer 3 is .*Square"),
    "subclass": (lambda: Network([TiltedDense(np.ones((3, 4)))]), "layer 0 is .*Dense"),
    "no weights": (lambda: Network([Relu()], (4,)), "a Dense or Conv2d layer"),
}
UNFIT_DATA = {
    "one sample": (INPUTS[0], LABELS[:1], r"inputs: .*\(samples, 4\).*\(4,\)"),
    "no sample": (INPUTS[:0], LABELS[:0], r"inputs: expected a non-empty batch.*\(0, 4\)"),
    "width": (INPUTS[:, :3], LABELS, r"inputs: .*\(6, 3\)"),
    "scalar": (1.0, LABELS, "inputs: expected a non-empty batch"),
    "nan": (INPUTS + np.nan, LABELS, "inputs: expected finite numbers, got nan"),
    "complex": (INPUTS + 1j, LABELS, "inputs: expected float32, float64"),
    "text": ([["a"] * 4] * 6, LABELS, "inputs: expected float32, float64"),
    "float labels": (INPUTS, LABELS * 1.0, "labels: expected integers, got dtype float64"),
    "bool labels": (INPUTS, LABELS > 0, "labels: expected integers, got dtype bool"),
    "one-hot labels": (INPUTS, np.eye(3, dtype=int)[LABELS], r"labels: expected shape \(6,\)"),
    "length": (
        INPUTS,
        LABELS[:5],
        r"labels: expected shape \(6,\), one for each input, got \(5,\)",
    ),
    "negative": (INPUTS, [0, 1, -1, 0, 1, 2], "expected 0 to 2.*got -1 at index 2"),
    "too large": (INPUTS, [0, 1, 2, 3, 3, 2], r"got 3 at index 3 \(2 such"),
}
UNFIT_SETTINGS = [
    ("epochs", 0), ("epochs", -1), ("epochs", 1.0), ("epochs", True), ("epochs", "3"),
    ("batch_size", 0), ("batch_size", 2.5), ("batch_size", None),
    ("learning_rate", 0), ("learning_rate", -1e-3), ("learning_rate", np.nan),
    ("learning_rate", np.inf), ("learning_rate", 10**400), ("learning_rate", "fast"),
    ("learning_rate", True),
    ("weight_decay", -0.1), ("weight_decay", np.inf), ("weight_decay", None),
]  # fmt: skip


@pytest.mark.parametrize("name", UNFIT_NETWORKS)
def test_unfit_networks_are_refused(name):
    make, message = UNFIT_NETWORKS[name]
    with pytest.raises(ValueError, match=message):
        train(make(), INPUTS, LABELS, **settings())


def test_an_output_that_is_no_vector_is_refused():
    picture = Network([Relu()], (2, 2))
    with pytest.raises(ValueError, match="no classes"):
        accuracy(picture, np.ones((1, 2, 2)), [0])


@pytest.mark.parametrize("function", [accuracy, lambda *data: train(*data, **settings())])
@pytest.mark.parametrize("name", UNFIT_DATA)
def test_unfit_data_are_refused(name, function):
    inputs, labels, message = UNFIT_DATA[name]
    with pytest.raises(ValueError, match=message):
        function(network(), inputs, labels)


@pytest.mark.parametrize(("name", "value"), UNFIT_SETTINGS)
def test_unfit_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"expected {name} to be"):
        train(network(), INPUTS, LABELS, **settings(**{name: value}))


def test_a_generator_is_needed():
    with pytest.raises(ValueError, match="numpy.random.Generator"):
        train(network(), INPUTS, LABELS, **settings(rng=3))


def test_wide_data_for_a_narrow_network_are_refused():
    with pytest.raises(ValueError, match="got float64 where the computation is in float32"):
        train(network(dtype=np.float32), INPUTS, LABELS, **settings())


@pytest.mark.parametrize("labels", [np.uint8([0, 1, 2, 0, 1, 2]), [0, 1, 2, 0, 1, 2]])
def test_any_integers_are_labels(labels):
    assert len(train(network(), INPUTS, labels, **settings()).losses) == 3


def test_accuracy_counts_by_hand():
    identity = Network([Dense(np.eye(3))])
    inputs = [[3, 1, 2], [0, 5, 5], [0, 5, 5], [0, 0, 1]]
    assert accuracy(identity, inputs, [0, 1, 2, 1]) == 0.5
    assert accuracy(identity.astype(object), inputs, [0, 1, 2, 1]) == 0.5


def test_accuracy_goes_through_every_chunk(monkeypatch):
    identity, labels = Network([Dense(np.eye(3))]), np.arange(10) % 3
    wrong = labels.copy()
    wrong[[0, 3, 9]] = (labels[[0, 3, 9]] + 1) % 3
    monkeypatch.setattr(MODULE, "_CHUNK", 4)
    assert accuracy(identity, np.eye(3)[labels], wrong) == 0.7
