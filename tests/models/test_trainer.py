"""Training and accuracy: what they return, and what they leave alone."""

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info
from training_case import blobs, network, parameters, settings

from alignment_theory import Dense, Flatten, Network, Relu
from alignment_theory.models import accuracy, train
from alignment_theory.models.learner import Learner

MODULE = sys.modules["alignment_theory.models.trainer"]
EPS = float(np.finfo(float).eps)


def reordering(inputs):
    """Bound what the order of 90 samples does to a gradient: terms are inputs times weights."""
    return 90 * EPS * np.abs(inputs).max() * np.abs(parameters(network())).max()


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
    # 90 losses, in any order
    assert trained.losses[0] == pytest.approx(expected, rel=90 * EPS, abs=0)


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
