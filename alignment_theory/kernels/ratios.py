"""The division step of every relevance rule, fused with what the ledger records of it."""

from typing import Any

import numpy as np

from alignment_theory.kernels import kernel


@kernel
def ratios(relevance: Any, total: Any, bias: Any, epsilon: Any, form: int) -> Any:
    """Return the ratios ``s = relevance / S(total + bias)`` and three losses per sample.

    Arrays are (batch, units), `bias` is (units,). S is the stabiliser, by number: 0 adds epsilon
    with the denominator's sign (+ at 0), 1 keeps at least epsilon of magnitude, 2 replaces a 0 by
    epsilon, 3 adds epsilon. Where S is 0 the ratio is 0. The losses are the relevance taken by the
    bias, by the stabiliser and by empty denominators, so that ``sum(s * total)`` equals
    ``sum(relevance)`` less the three.
    """
    batch, units = relevance.shape
    quotient = np.empty_like(relevance)
    to_bias = np.zeros_like(relevance[:, 0])
    to_stabiliser = np.zeros_like(to_bias)
    to_empty = np.zeros_like(to_bias)
    for i in range(batch):
        for j in range(units):
            plain = total[i, j] + bias[j]
            divisor = plain
            if form == 0:
                divisor = plain + epsilon if plain >= 0 else plain - epsilon
            elif form == 1:
                if abs(plain) < epsilon:
                    divisor = epsilon if plain >= 0 else -epsilon
            elif form == 2:
                if plain == 0:
                    divisor = epsilon
            else:
                divisor = plain + epsilon
            if divisor == 0:
                quotient[i, j] = 0 * divisor
                to_empty[i] += relevance[i, j]
            else:
                share = relevance[i, j] / divisor
                quotient[i, j] = share
                to_bias[i] += share * bias[j]
                to_stabiliser[i] += share * (divisor - plain)
    return quotient, to_bias, to_stabiliser, to_empty
