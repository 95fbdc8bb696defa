"""The training kernels against their Python, against SciPy and against the paper's Algorithm 1."""

import numpy as np
import pytest
from scipy.special import log_softmax

from alignment_theory.kernels.training import adam_step, softmax_cross_entropy
from alignment_theory.rounding import gamma

DTYPES = (np.float32, np.float64)
EPS = float(np.finfo(np.float64).eps)
STEPS, ALPHA = 6, 0.01


def logits_and_labels(dtype, batch=7, classes=5):
    rng = np.random.default_rng(3)
    logits = (4 * rng.standard_normal((batch, classes))).astype(dtype)
    return logits, rng.integers(classes, size=batch)


def run_softmax(function, logits, labels, share=0.25):
    losses, gradient = np.empty_like(logits[:, 0]), np.empty_like(logits)
    function(logits, labels, logits.dtype.type(share), losses, gradient)
    return losses, gradient


def softmax_rounding(logits):
    """Bound how far rounding takes two versions of a loss from each other, and of a softmax.

    On one side: u times the spread of the logits in an exponent, in that of the label and in the
    loss; 2 u in exp and log, of at most log(classes) < 2; u in each addition, quotient and product.
    """
    rounded = gamma(logits.shape[1] + 6, logits.dtype)
    return 2 * rounded * (1 + np.ptp(logits.astype(np.float64)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_kernel_equals_its_python(dtype):
    case = logits_and_labels(dtype)
    compiled = run_softmax(softmax_cross_entropy, *case)
    python = run_softmax(softmax_cross_entropy.py_func, *case)
    for fast, slow, size in zip(compiled, python, (1, 0.25), strict=True):
        assert fast.dtype == slow.dtype == dtype
        assert (np.abs(fast - slow) <= size * softmax_rounding(case[0])).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_kernel_agrees_with_scipy(dtype):
    logits, labels = logits_and_labels(dtype)
    losses, gradient = run_softmax(softmax_cross_entropy, logits, labels)
    logs = log_softmax(logits.astype(np.float64), axis=1)
    expected = 0.25 * (np.exp(logs) - np.eye(logits.shape[1])[labels])
    bound = softmax_rounding(logits)
    assert (np.abs(losses + logs[np.arange(len(labels)), labels]) <= bound).all()
    assert (np.abs(gradient - expected) <= 0.25 * bound).all()


def test_softmax_of_huge_logits_does_not_overflow():
    logits = np.array([[1e308, -1e308, 0.0], [-1e308, -1e308, -1e308]])
    losses, gradient = run_softmax(softmax_cross_entropy, logits, np.array([0, 1]), 1.0)
    # one logarithm; a quotient and a difference
    np.testing.assert_allclose(losses, [0, np.log(3)], rtol=2 * EPS)
    wanted = [[0, 0, 0], [1 / 3, -2 / 3, 1 / 3]]
    np.testing.assert_allclose(gradient, wanted, rtol=0, atol=EPS)


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
    gradients = rng.standard_normal((STEPS, 20)) * 10.0 ** rng.integers(-9, 3, size=20)
    gradients[:, 0] = 0
    return rng.standard_normal(20).astype(dtype), gradients.astype(dtype)


def adam_rounding(start):
    """Bound how far rounding takes two versions of all steps from each other.

    Mean and square average g and g² with weights 0.1·0.9ᵏ and 0.001·0.999ᵏ, brought to the sum 1:
    over 6 steps ``average |g| <= 1.02 sqrt(average g²)`` (Cauchy, Schwarz), so that a step is below
    1.1 α. Fewer than 100 operations lead to one, among them that 1 - β rounds by 8 u at most; they
    add magnitudes only. Step and decay are taken off the parameters in at most 4 operations.
    """
    largest = np.abs(start.astype(np.float64)) + STEPS * 1.1 * ALPHA
    return 2 * STEPS * (gamma(100, start.dtype) * 1.1 * ALPHA + gamma(4, start.dtype) * largest)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_kernel_is_algorithm_1(decay):
    start, gradients = adam_case(np.float64)
    expected = adam_of_the_paper(start, gradients, ALPHA, decay)
    found = adam_by_kernel(adam_step, start, gradients, ALPHA, decay)
    assert (np.abs(found - expected) <= adam_rounding(start)).all()
    assert (found[1:] != start[1:]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_kernel_equals_its_python(dtype):
    start, gradients = adam_case(dtype)
    fast = adam_by_kernel(adam_step, start, gradients, ALPHA, 0.1)
    slow = adam_by_kernel(adam_step.py_func, start, gradients, ALPHA, 0.1)
    assert fast.dtype == slow.dtype == dtype
    assert (np.abs(fast - slow) <= adam_rounding(start)).all()
