"""The two elementwise loops of training; products of matrices stay with BLAS.

All arguments of one call share one element type, and no literal number stands in the loops, so
that float32 is computed in float32 both compiled and as Python.
"""

from math import exp, log, sqrt
from typing import Any

from alignment_theory.kernels import kernel


@kernel
def softmax_cross_entropy(logits: Any, labels: Any, share: Any, losses: Any, gradient: Any) -> None:
    """Write the loss of each sample, and `share` times its gradient with respect to the logits.

    ``losses[i] = log(sum_k exp(z_ik)) - z_i,label`` and ``gradient[i] = share * (softmax(z_i) -
    onehot(label))``; logits and gradient are (batch, classes). The largest logit is taken off
    first, so that nothing overflows; a NaN logit makes the loss NaN.
    """
    for i in range(logits.shape[0]):
        peak = logits[i, 0]
        for k in range(logits.shape[1]):
            if logits[i, k] > peak:
                peak = logits[i, k]
        total = peak - peak
        for k in range(logits.shape[1]):
            gradient[i, k] = exp(logits[i, k] - peak)
            total += gradient[i, k]
        for k in range(logits.shape[1]):
            gradient[i, k] = share * (gradient[i, k] / total)
        gradient[i, labels[i]] -= share
        losses[i] = log(total) - (logits[i, labels[i]] - peak)


@kernel
def adam_step(
    parameters: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    rate: Any,
    decay: Any,
    first: Any,
    second: Any,
    epsilon: Any,
) -> None:
    """Move flat `parameters` by one Adam step, in place, with decoupled weight decay.

    ``mean += first (g - mean)``, ``square += second (g² - square)`` and ``parameters -= rate mean /
    (sqrt(square) + epsilon) + decay parameters``. `rate` and `epsilon` carry the bias correction
    of step t, ``rate = α sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ)`` and ``epsilon = ε sqrt(1 - β₂ᵗ)``, with
    ``first = 1 - β₁`` and ``second = 1 - β₂``; `decay` is α times the weight decay.

    Source: Kingma, Ba (2015), arXiv:1412.6980, Algorithm 1 and the remark after it; Loshchilov,
    Hutter (2019), arXiv:1711.05101, Algorithm 2.
    """
    for i in range(parameters.size):
        slope = gradient[i]
        mean[i] += first * (slope - mean[i])
        square[i] += second * (slope * slope - square[i])
        step = rate * mean[i] / (sqrt(square[i]) + epsilon)
        parameters[i] -= step + decay * parameters[i]
