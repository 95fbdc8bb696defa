"""The training kernels against their Python, against SciPy and against the paper's Algorithm 1."""

import numpy as np
import pytest
from scipy.special import log_softmax

from alignment_theory.kernels.training import adam_step, softmax_cross_entropy

DTYPES = (np.float32, np.float64)


def logits_and_labels(dtype, batch=7, classes=5):
    rng = np.random.default_rng(3)
    logits = (4 * rng.standard_normal((batch, classes))).astype(dtype)
    return logits, rng.integers(classes, size=batch)


def run_softmax(function, logits, labels, share=0.25):
    losses, gradient = np.empty_like(logits[:, 0]), np.empty_like(logits)
    function(logits, labels, logits.dtype.type(share), losses, gradient)
    return losses, gradient


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_kernel_equals_its_python(dtype):
    case = logits_and_labels(dtype)
    compiled = run_softmax(softmax_cross_entropy, *case)
    python = run_softmax(softmax_cross_entropy.py_func, *case)
    for fast, slow in zip(compiled, python, strict=True):
        assert fast.dtype == slow.dtype == dtype
        np.testing.assert_allclose(fast, slow, rtol=0, atol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_kernel_agrees_with_scipy(dtype):
    logits, labels = logits_and_labels(dtype)
    losses, gradient = run_softmax(softmax_cross_entropy, logits, labels)
    logs = log_softmax(logits.astype(np.float64), axis=1)
    expected = 0.25 * (np.exp(logs) - np.eye(logits.shape[1])[labels])
    scale = np.abs(logits).max() * np.finfo(dtype).eps
    np.testing.assert_allclose(losses, -logs[np.arange(len(labels)), labels], atol=8 * scale)
    np.testing.assert_allclose(gradient, expected, atol=8 * scale)


def test_softmax_of_huge_logits_does_not_overflow():
    logits = np.array([[1e308, -1e308, 0.0], [-1e308, -1e308, -1e308]])
    losses, gradient = run_softmax(softmax_cross_entropy, logits, np.array([0, 1]), 1.0)
    np.testing.assert_allclose(losses, [0, np.log(3)])
    np.testing.assert_allclose(
        gradient, [[0, 0, 0], [1 / 3, -2 / 3, 1 / 3]], atol=4 * np.finfo(float).eps
    )


@pytest.mark.parametrize("place", range(3))
def test_a_nan_logit_is_not_hidden(place):
    logits = np.zeros((1, 3))
    logits[0, place] = np.nan
    losses, _ = run_softmax(softmax_cross_entropy, logits, np.array([0]))
    assert np.isnan(losses[0])


def adam_of_the_paper(parameters, gradients, alpha, decay, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    first = second = np.zeros_like(parameters)
    for t, gradient in enumerate(gradients, start=1):
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        unbiased = first / (1 - beta_1**t), second / (1 - beta_2**t)
        step = alpha * unbiased[0] / (np.sqrt(unbiased[1]) + epsilon)
        parameters = parameters - step - alpha * decay * parameters
    return parameters


def adam_by_kernel(function, parameters, gradients, alpha, decay):
    parameters, number = parameters.copy(), parameters.dtype.type
    mean, square = np.zeros_like(parameters), np.zeros_like(parameters)
    for t, gradient in enumerate(gradients, start=1):
        correction = np.sqrt(1 - 0.999**t)
        rate = alpha * correction / (1 - 0.9**t)
        numbers = (rate, alpha * decay, 0.1, 0.001, 1e-8 * correction)
        function(parameters, gradient, mean, square, *map(number, numbers))
    return parameters


def adam_case(dtype):
    rng = np.random.default_rng(4)
    gradients = rng.standard_normal((6, 20)) * 10.0 ** rng.integers(-9, 3, size=20)
    gradients[:, 0] = 0
    return rng.standard_normal(20).astype(dtype), gradients.astype(dtype)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_kernel_is_algorithm_1(decay):
    start, gradients = adam_case(np.float64)
    expected = adam_of_the_paper(start, gradients, 0.01, decay)
    found = adam_by_kernel(adam_step, start, gradients, 0.01, decay)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found[1:] != start[1:]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_kernel_equals_its_python(dtype):
    start, gradients = adam_case(dtype)
    fast = adam_by_kernel(adam_step, start, gradients, 0.01, 0.1)
    slow = adam_by_kernel(adam_step.py_func, start, gradients, 0.01, 0.1)
    assert fast.dtype == slow.dtype == dtype
    np.testing.assert_allclose(fast, slow, rtol=16 * np.finfo(dtype).eps)
