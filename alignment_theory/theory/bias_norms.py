r"""The forward pass of networks with one bias at every unit: the law of the activations' norms.

``log ‖a_l‖`` is a chain, ``log ‖a_l‖ = log ‖a_{l-1}‖ + ½ log(n σ² A(b_l)) + ½ log Ā_l`` with
``b_l = b/(σ ‖a_{l-1}‖)`` and ``Ā_l = mean(s²)`` of mean 1. Biases below 0 make small norms smaller,
until no unit is active; so their law has a heavy tail, of which :func:`forward` finds how much is
dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import exp, log

import numpy as np

from alignment_theory.theory.depth_bias import checked_bias, mean_square_activation, units
from alignment_theory.theory.fluctuations import FloatArray, Jet, Spread, jets

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_PARTICLES = 1000
_LEAST = -6.0
_LEAST_CUBE = 0.01


@dataclass(frozen=True)
class Norms:
    """The forward pass at one hidden layer.

    Attributes
    ----------
    units : int
    bias : float
        ``b/(σ ‖a‖)`` where ‖a‖ is that of the level below.
    growth : Jet
        ``log ‖a_l‖ - log ‖a_{l-1}‖ - ½ log(n σ²)`` as a function of ``log ‖a_{l-1}‖``.
    radius : float
        In which derivatives with respect to ``log ‖a_{l-1}‖`` are taken.
    below, above : Spread
        The fluctuations of ``log ‖a‖`` at the levels below and above, to first order.
    reach : float
        The variance of ``log ‖a_{l-1}‖``, heavy tail included.
    """

    units: int
    bias: float
    growth: Jet
    radius: float
    below: Spread
    above: Spread
    reach: float = 0.0


def forward(
    where: str, widths: Sequence[int], bias: float, sigma: float
) -> tuple[list[Norms], float]:
    """Return the norms at every hidden layer, lowest first, and the chance that one is dark.

    Raises
    ------
    ValueError
        Where fewer than one unit of a layer is expected to be active, or ``b_l > 1e150``.
    """
    state, found = Spread(0.0), list[Norms]()
    for index, count in enumerate(widths[1:-1], 1):
        logarithm = log(abs(bias)) - log(sigma) - state.centre
        normalised = float(np.copysign(exp(min(logarithm, 700.0)), bias))
        layer = units(checked_bias(f"{where}, layer {index}", normalised))
        if count * layer.active < 1:
            raise ValueError(
                f"{where}, layer {index}: of {count} units {count * layer.active:.2g} are expected "
                f"to be active, b/(σ‖a‖) being {normalised:.3g}; take a larger bias"
            )
        radius = 0.1 / (1 + min(normalised, 0.0) ** 2)
        (growth,) = jets(partial(growths, normalised), 0.0, radius)
        step, own = replace(growth, first=1 + growth.first), layer.spread / (4 * count)
        centre = state.centre + growth.value + log(count) / 2 + log(sigma)
        above = replace(state.through(step, np.array([-own]), own), centre=centre)
        found.append(Norms(count, normalised, growth, radius, state, above))
        state = above
    return _with_tails(found)


def growths(bias: float, moves: FloatArray) -> FloatArray:
    """Return ``½ log A`` where the norm below is multiplied by e^move."""
    squares = [mean_square_activation(bias * exp(-move)) for move in map(float, moves)]
    return np.asarray(np.log(squares) / 2)


def _with_tails(layers: Sequence[Norms]) -> tuple[list[Norms], float]:
    """Return the layers with their reach, and the chance that one of them is dark.

    Where b < 0 the chain is followed through quantiles of its law, with Ā as the cube of a normal
    (Wilson and Hilferty) of the right mean and variance. Where b > 0 the law has no heavy tail.
    """
    from scipy.special import ndtr

    if layers and layers[0].bias > 0:
        dark = sum(float(ndtr(-layer.bias)) ** layer.units for layer in layers)
        return [replace(layer, reach=layer.below.variance) for layer in layers], dark
    moves, alive, found = np.zeros(1), 1.0, list[Norms]()
    for layer in layers:
        found.append(replace(layer, reach=float(np.mean(moves**2))))
        biases = np.clip(layer.bias * np.exp(-moves), _LEAST, None)
        lit = 1 - ndtr(-biases) ** layer.units
        square, relative = _moments(biases)
        spread = relative / (9 * layer.units)
        cube = 1 - spread[:, np.newaxis] + np.sqrt(spread)[:, np.newaxis] * _NODES
        logs = 3 * np.log(np.maximum(cube, _LEAST_CUBE))
        after = (moves + np.log(square) / 2 - layer.growth.value)[:, np.newaxis] + logs / 2
        weights = (lit / len(moves))[:, np.newaxis] * (_WEIGHTS / _WEIGHTS.sum())
        alive *= float(weights.sum())
        moves = _quantiles(after.ravel(), weights.ravel())
    return found, max(0.0, 1 - alive)


def _moments(bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ``A = E (t + b)₊²`` and the relative variance of ``(t + b)₊²``."""
    from scipy.special import ndtr

    density, share = np.exp(-(bias**2) / 2) / np.sqrt(2 * np.pi), ndtr(bias)
    square = (bias**2 + 1) * share + bias * density
    fourth = (bias**4 + 6 * bias**2 + 3) * share + (bias**3 + 5 * bias) * density
    return square, fourth / square**2 - 1


def _quantiles(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return values of equal weight with about the same law."""
    order = np.argsort(values)
    reached = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    wanted = (np.arange(_PARTICLES) + 0.5) / _PARTICLES
    return np.asarray(np.interp(wanted, reached, values[order]))
