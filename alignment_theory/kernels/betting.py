"""The greatest capital of a bettor, and the greatest mean that the bets refute.

The capital on outcomes y in [0, 1] above the mean m after t draws is
``K_t = sum_k w_k prod_{i<=t} (1 + f_k (y_i / m - 1))`` for fractions f and weights w of sum 1.
"""

from math import ceil, exp, inf, ldexp, log, log2, sqrt
from typing import Any

import numpy as np

from alignment_theory.kernels import kernel

LEAST_MEAN = 2.0**-255
"""Against smaller means a single factor may exceed what a block may earn."""

_LONGEST_BLOCK = 32  # draws without rescaling: losses by a hundredth each stay above 2**-213
_HEAD_START = 1.0  # log capital that the best fraction gives up by its weight, about
_PATIENCE = 12  # trials before the search also bisects


@kernel
def greatest_capital(
    outcomes: Any, mean: float, fractions: Any, weights: Any, stop: float, block: int
) -> Any:
    """Return ``(peak, exponent, draws)`` with ``max_t K_t = peak * 2**exponent``.

    The pass ends at the first capital of at least `stop`; `draws` says how many it has seen. The
    earnings of a fraction are a float in [2**-128, 2**128) times a power of 2**256, so that none
    is lost however poor it becomes; they are rescaled every `block` draws, in which none may rise
    or fall by more than 2**255. Powers of 2 are exact: the relative error is that of 2 n + 11
    roundings of positive numbers. `outcomes` is (n,), `fractions` and `weights` are (12,), float64.
    """
    number = fractions.size
    earned, scale = weights.copy(), np.ones(number)
    power = np.zeros(number, np.int64)
    peak, peak_power, top = 0.0, 0, 0
    record, enough = 0.0, stop  # the peak and `stop` at the scale of the block
    for start in range(0, outcomes.size, block):
        for i in range(start, min(start + block, outcomes.size)):
            gain = outcomes[i] / mean - 1.0
            capital = 0.0
            for k in range(number):
                earned[k] *= 1.0 + fractions[k] * gain
                capital += scale[k] * earned[k]
            if capital > record:
                peak = record = capital
                peak_power = top
                if capital >= enough:
                    return peak, 256 * peak_power, i + 1
        moved = False
        for k in range(number):
            if not 2.0**-128 <= earned[k] < 2.0**128:
                step = 1 if earned[k] >= 1.0 else -1
                earned[k] = ldexp(earned[k], -256 * step)
                power[k] += step
                moved = True
        if moved:
            top = int(power.max())
            for k in range(number):  # below 2**-512 of the richest: adds nothing in a block
                behind = int(power[k]) - top
                scale[k] = ldexp(1.0, 256 * behind) if behind > -3 else 0.0
            record = peak * ldexp(1.0, 256 * (peak_power - top)) if peak_power < top + 4 else inf
            enough = stop * ldexp(1.0, -256 * top) if top > -4 else inf
    return peak, 256 * peak_power, outcomes.size


def greatest_log_capital(
    outcomes: Any, mean: float, fractions: Any, weights: Any, stop: float = inf
) -> tuple[float, int]:
    """Return ``max_t log K_t``, or its first value of at least `stop`, and the draws seen by then.

    One sample, ``mean >= LEAST_MEAN``. The log is off by at most ``(2 n + 11) u``, ``u = 2**-53``,
    and three roundings of its own, on top of those of the bets ``f_k (y_i / m - 1)``.
    """
    enough = exp(stop) if stop < 700 else inf
    growth = max(1.0, -log2(mean))  # log2 of the greatest factor, or more
    block = max(1, min(_LONGEST_BLOCK, int(255 / growth)))
    peak, exponent, draws = greatest_capital(outcomes, mean, fractions, weights, enough, block)
    return log(peak) + exponent * log(2), draws


def greatest_refuted(
    outcomes: Any, threshold: float, fractions: Any, weights: Any
) -> tuple[float, float]:
    """Return the greatest refuted mean on a grid, and the width of a cell of that grid.

    The grid is ``j / 2**s`` with ``s = ceil(log2 n) + 11``; j = 0 counts as refuted, 2**s as kept.
    A mean is refuted where its greatest log capital reaches `threshold` (> 0). Capital falls in the
    mean, so the answer is that of bisection; but the trials are placed by the secant rule, on
    ``sqrt(log K)`` over the log of the mean, which is nearly straight (an evidence of
    ``n d**2 / 2 sigma**2`` against a mean that is d too low). Only the capital itself refutes: a
    bad guess costs trials, ``2 s + 12`` at most.
    """
    draws = outcomes.size
    cells = 2 ** (ceil(log2(draws)) + 11)
    refuted, kept = 0, cells
    centre, goal = float(outcomes.mean()), sqrt(threshold + _HEAD_START)
    if centre == 0:
        return 0.0, 1 / cells
    relative = float(outcomes.std()) / centre
    guess = log(centre) - goal**2 / draws - relative * goal * sqrt(2 / draws)
    points = [(log(centre), 0.0)]
    trials = 0
    while kept - refuted > 1:
        trials += 1
        cell = int(exp(min(guess, 0.0)) * cells)
        if refuted <= cell < kept and (trials <= _PATIENCE or trials % 2):
            cell = max(cell, refuted + 1)
        else:
            cell = (refuted + kept) // 2
        mean, stop = cell / cells, 1.5 * threshold + 1
        capital, seen = greatest_log_capital(outcomes, mean, fractions, weights, stop)
        if capital >= threshold:
            refuted = cell
        else:
            kept = cell
        # Where the pass ended early, the capital of all draws is guessed at a steady rate.
        evidence = max(capital + _HEAD_START, 0.0) * draws / seen
        points.append((log(mean), sqrt(evidence)))
        points = sorted(points, key=lambda point: abs(point[1] - goal))[:2]
        guess = _secant(points, goal)
    return refuted / cells, 1 / cells


def _secant(points: list[tuple[float, float]], goal: float) -> float:
    """Return where the line through two points reaches `goal`, inf where it is level."""
    (x, y), (other_x, other_y) = points
    return x + (goal - y) * (other_x - x) / (other_y - y) if other_y != y else inf
