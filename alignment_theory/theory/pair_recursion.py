r"""Two attributions of one input through two networks, level by level.

The networks share some layers and the input; the normalised relevances at a level are
``g = τ â + P_⊥ ξ``, ``g' = τ' â' + P_⊥ ξ'``, corr(ξ, ξ') = η. With n neurons above d inputs and the
means S, Q and X of :mod:`pair_layers`, the state passes down a layer by ``τ = √n S/√Q``,
``η = X/√(Q Q')`` (0 where the layer is re-drawn), and

    cos(R, R') = (τ τ' r + (d-1) η) / √((τ² + d-1) (τ'² + d-1)),   r = cos(â, â'),

which for ``S = S', Q = Q', r = 1`` is ``(n S² + (d-1) X)/(n S² + (d-1) Q)``. Forward, a layer that
is shared maps r by the arc-cosine kernel, a re-drawn one to its value at 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.theory.pair_fluctuations import Neurons, State, differentiate
from alignment_theory.theory.pair_layers import (
    Dependence,
    crossing_neurons,
    crossing_regions,
    identical_neurons,
    shared_neurons,
    unit_moments,
)

_S, _S2, _Q, _Q2, _X, _ratio = sp.symbols("S S' Q Q' X n/d", positive=True)
_x, _x2, _r, _w, _w2, _w12 = sp.symbols("x x' r w_11 w_22 w_12", real=True)


def similarity_formula() -> sp.Eq:
    """Return the limit of cos(R, R') below a shared layer that both relevances cross alike."""
    n, d = sp.symbols("n d", positive=True)
    value = (n * _S**2 + (d - 1) * _X) / (n * _S**2 + (d - 1) * _Q)
    return sp.Eq(sp.Function("cos")(sp.Symbol("R"), sp.Symbol("R'")), value)


def cosine_formula() -> sp.Expr:
    """Return cos(R, R') from x = τ/√d, x', r and the Wishart matrix w of the rest, over d."""
    return (_r * _x * _x2 + _w12) / sp.sqrt((_x**2 + _w) * (_x2**2 + _w2))


def next_state() -> tuple[sp.Expr, ...]:
    """Return x, x' and η one layer down from the means over a layer."""
    x, x2 = sp.sqrt(_ratio / _Q) * _S, sp.sqrt(_ratio / _Q2) * _S2
    return x, x2, _X / sp.sqrt(_Q * _Q2)


def arc_cosine_kernel() -> sp.Expr:
    """Return the cosine of two activations whose pre-activations have correlation r."""
    return (sp.sqrt(1 - _r**2) + (sp.pi - sp.acos(_r)) * _r) / sp.pi


@cache
def _compiled(formula: Callable[[], sp.Expr], *arguments: sp.Symbol) -> Callable[..., Array]:
    return sp.lambdify(arguments, formula(), "numpy", cse=True)


def _kernel(points: Array) -> Array:
    return _compiled(arc_cosine_kernel, _r)(points)


def _unit_cosine(points: Array) -> Array:
    """Return the cosine of two activations from the means of t₊², t'₊² and t₊ t'₊."""
    return points[:, 2:] / np.sqrt(points[:, :1] * points[:, 1:2])


def activation_cosines(widths: Sequence[int], redrawn: frozenset[int]) -> list[State]:
    """Return the cosine of the activations of both networks at levels 0, ..., L-1."""
    cosines = [State.known(np.ones(1))]
    for layer in range(1, len(widths) - 1):
        below = State.known(np.zeros(1)) if layer in redrawn else cosines[-1]
        if below.limit[0] == 1:
            cosines.append(below)
            continue
        mean, covariance = unit_moments(crossing_regions(float(below.limit[0])))
        means = State(mean[:3], np.zeros(3), covariance[:3, :3] / widths[layer])
        own, passed = means.mapped(_unit_cosine), below.mapped(_kernel)
        bias, covariance = own.bias + passed.bias, own.covariance + passed.covariance
        cosines.append(State(passed.limit, bias, covariance))
    return cosines


_SQUARE_NOISE = 5.0
"""Relative variance of t₊², ``E t₊⁴/(E t₊²)² - 1``."""


def cosine_noises(widths: Sequence[int], redrawn: frozenset[int]) -> list[float]:
    """Return the noise in the cosine of the activations at levels 0, ..., L-1.

    This is the sum of the relative variances of the means of t₊² over the layers that it depends
    on: from the last one that is re-drawn. Where both networks have one activation it is 0.
    """
    noises = [0.0]
    for layer in range(1, len(widths) - 1):
        below, own = noises[-1], _SQUARE_NOISE / widths[layer]
        noises.append(own if layer in redrawn else below + own if below else 0.0)
    return noises


def _next_own(ratio: float, means: Array) -> Array:
    """Return x, x' and η below from the five means (m, 5)."""
    arguments = (_S, _S2, _Q, _Q2, _X, _ratio)
    values = _compiled(next_state, *arguments)(*means[:, :5].T, ratio)
    stacked: Array = np.stack(list(values), axis=1)
    return stacked


def _next_crossing(ratio: float, means: Array) -> Array:
    """Return ``x, x_2, x'_1, x'_2, η`` below from the seven means (m, 7)."""
    own = _next_own(ratio, means)
    other = _next_own(ratio, means[:, [5, 6, 2, 3, 4]])
    return np.stack([own[:, 0], other[:, 0], other[:, 1], own[:, 1], own[:, 2]], axis=1)


def _similarity_own(size: float, values: Array) -> Array:
    """Return cos(R, R') from x, x', η, r and the fluctuation of w, (m, 7)."""
    x, x2, eta, r, w, w2, w12 = values.T
    arguments = (_x, _x2, _r, _w, _w2, _w12)
    found = _compiled(cosine_formula, *arguments)(x, x2, r, size + w, size + w2, size * eta + w12)
    return found[:, np.newaxis]


def _similarity_crossing(size: float, dependence: Dependence, values: Array) -> Array:
    """Return cos(R, R') from ``x, x_2, x'_1, x'_2, η``, r and the fluctuation of w, (m, 9)."""
    state, r = dependence(values[:, :5], values[:, 5]), values[:, 5]
    (x, x2, y, y2, eta), (w, w2, w12) = state.T, values[:, 6:].T
    rest = 1 - r**2
    overlap = (x * y + x2 * y2 - r * (x * y2 + x2 * y)) / rest + size * eta + w12
    first = (x**2 + x2**2 - 2 * r * x * x2) / rest + size + w
    second = (y**2 + y2**2 - 2 * r * y * y2) / rest + size + w2
    return (overlap / np.sqrt(first * second))[:, np.newaxis]


def _wishart(eta: float, freedom: int, inputs: int) -> State:
    """Return the fluctuation of w, a Wishart matrix of correlation η over the inputs."""
    shape = [[2, 2 * eta**2, 2 * eta], [2 * eta**2, 2, 2 * eta], [2 * eta, 2 * eta, 1 + eta**2]]
    return State(np.zeros(3), np.zeros(3), np.array(shape) * freedom / inputs**2)


_GAP = 1e-4
"""Least ``1 - η`` that is told apart: closer relevances are as good as one and the same.

Since ``∂η/∂η = P(t, h, h' > 0)/Q <= 1`` from one layer to the next, cosines err by no more.
"""

_SEPARATE = np.array([[1, 0, 1, 0, 0], [0, 1, 0, 1, 0]] * 2 + [[0, 0, 0, 0, 1]])
"""Which means over a layer vary together where both networks have neurons of their own."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Both relevances at a level.

    Attributes
    ----------
    state : State
        ``x, x', η``; or ``x, x_2, x'_1, x'_2, η`` given r, where layers are shared but their
        inputs differ; or ``x, x_2`` where moreover both relevances are one and the same.
    dependence : Dependence, optional
        How the second form depends on r.
    spread : float
        Sum over the layers crossed of the relative variance of the means of c² and c'².
    lost : float
        How much cosines may err because η was kept below 1.
    """

    state: State
    dependence: Dependence | None = None
    spread: float = 0.0
    lost: float = 0.0

    @classmethod
    def start(cls, units: int, cosine: float | None) -> "Pair":
        """Return the rows of the output layer: independent, or (given r) one and the same."""
        if cosine is None:
            return cls(State(np.zeros(3), np.zeros(3), np.diag([1.0, 1.0, 0.0]) / units))
        return cls(State(np.zeros(2), np.zeros(2), np.array([[1, cosine], [cosine, 1]]) / units))

    def similarity(self, cosine: State, inputs: int) -> State:
        """Return cos(R, R') at this level, of the given width, given that of the activations."""
        if len(self.state.limit) == 2:
            return State.known(np.ones(1))
        eta = float(self.state.limit[-1])
        if self.dependence is None:
            size = inputs - 1
            function = partial(_similarity_own, size / inputs)
        else:
            size = inputs - 2
            function = partial(_similarity_crossing, size / inputs, self.dependence)
        return self.state.beside(cosine).beside(_wishart(eta, size, inputs)).mapped(function)

    def below(self, rule: str, units: int, inputs: int, cosine: float, redrawn: bool) -> "Pair":
        """Return both relevances one layer down; `cosine` is that of the activations there."""
        ratio = units / inputs
        if len(self.state.limit) == 3:
            mask = _SEPARATE if redrawn else None
            means, second = shared_neurons(rule).means(self.state, units, mask)
        else:
            cosine = 0.0 if redrawn else cosine
            means, second = self._neurons(rule, cosine).means(self.state, units)
        squares = second[2:4] / means.limit[2:4] ** 2 - 1
        spread = self.spread + float(squares.max()) / units
        if redrawn:
            own = means.mapped(partial(_next_own, ratio)).pick(0, 1)
            return Pair(own.beside(State.known(np.zeros(1))), spread=spread)
        if len(self.state.limit) == 3:
            state = means.mapped(partial(_next_own, ratio))
            lost = max(self.lost, _GAP * (state.limit[2] > 1 - _GAP))
            limit = np.append(state.limit[:2], min(state.limit[2], 1 - _GAP))
            return Pair(State(limit, state.bias, state.covariance), spread=spread, lost=lost)
        step = np.array([min(2e-3, (1 - cosine) / 4)])
        function = partial(self._limits_below, rule, ratio)
        slopes = differentiate(function, np.array([cosine]), step)
        dependence = Dependence(cosine, slopes.gradient[:, 0], slopes.hessian[:, 0, 0])
        return Pair(means.mapped(partial(_next_crossing, ratio)), dependence, spread)

    def _neurons(self, rule: str, cosine: float) -> Neurons:
        if self.dependence is None:
            return identical_neurons(rule, cosine)
        return crossing_neurons(rule, cosine, self.dependence)

    def _limits_below(self, rule: str, ratio: float, cosines: Array) -> Array:
        """Return the limits below at correlations of the pre-activations (m, 1)."""
        rows = []
        for cosine in cosines[:, 0]:
            neurons = self._neurons(rule, float(cosine))
            above = np.concatenate([neurons.units, self.state.limit])[np.newaxis]
            rows.append(neurons.expectations(neurons.parameters(above))[0, :7])
        return _next_crossing(ratio, np.array(rows))
