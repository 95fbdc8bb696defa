"""Hypothesis strategies for networks, inputs and rules; requires the hypothesis package.

Weights, biases and inputs are small multiples of 1/2. Sums of their products are exact in float32,
so that a forward run is the same in every element type, two types differ by the rounding of
divisions only, and ReLU ties at z = 0 happen, which random floats never show.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, get_args

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from alignment_theory import rules as library
from alignment_theory.arrays import EXACT, Array, as_array
from alignment_theory.layers import Dense, Flatten, Layer, Relu
from alignment_theory.network import Network
from alignment_theory.rules import Form, Method
from alignment_theory.rules.rectgrad import Interpolation

__all__ = ["conditioned_matrices", "dead_cases", "inputs", "live_cases", "networks", "rules"]
__all__ += ["tie_cases"]

Case = tuple[Network, Array]
Choice = bool | None
Kind = Literal["signed", "nonnegative", "zeros", "ties"]
Range = tuple[int, int]
Sizes = tuple[int, ...]

LARGEST_INPUT = 4
"""Inputs lie in [-4, 4], weights and biases in [-2, 2]."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """A network before it is built, in float64; its weights can still be replaced."""

    weights: list[Array]
    biases: list[Array | None]
    input_shape: Sizes
    relu_first: bool
    relu_last: bool
    dtype: np.dtype[Any]

    def build(self) -> Network:
        layers: list[Layer] = [Flatten()] if len(self.input_shape) > 1 else []
        layers += [Relu()] if self.relu_first else []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            layers += [Dense(weight, bias), Relu()]
        used = layers if self.relu_last else layers[:-1]
        return Network(used, self.input_shape).astype(self.dtype)

    def case(self, samples: Array) -> Case:
        return self.build(), _cast(samples, self.input_shape, self.dtype)


@st.composite
def networks(
    draw: st.DrawFn,
    *,
    dtype: DTypeLike | None = None,
    depth: Range = (1, 3),
    width: Range = (1, 4),
    bias: Choice = None,
    image: Choice = None,
    outer_relu: Choice = None,
    dead_layer: bool = False,
) -> Network:
    """Return networks of Dense and ReLU layers on the lattice; None lets either happen.

    Parameters
    ----------
    dtype : optional
        float32, float64 or object (exact fractions).
    depth, width : tuple of int
        Smallest and largest number of Dense layers and of units.
    bias, image, outer_relu : bool, optional
        Whether layers have a bias, whether samples have two axes and meet Flatten first, and
        whether the network starts and ends with a ReLU.
    dead_layer : bool
        Whether all units of one hidden layer are dead for every input >= 0.
    """
    depth = (max(depth[0], 2), max(depth[1], 2)) if dead_layer else depth
    plan = draw(_plans(dtype, depth, width, bias, image, outer_relu))
    if dead_layer:
        layer = draw(st.integers(0, len(plan.weights) - 2))
        plan.weights[layer], offset = -np.abs(plan.weights[layer]), plan.biases[layer]
        plan.biases[layer] = None if offset is None else -np.abs(offset)
    return plan.build()


@st.composite
def inputs(draw: st.DrawFn, network: Network, *, kind: Kind = "signed") -> Array:
    """Return 1 to 3 inputs for a network, multiples of 1/2 in its element type.

    "ties" makes an entry of what the first ReLU receives, or of the first Dense output, exactly 0
    for the first sample, whose input is not all 0 where that can be avoided.
    """
    samples = _samples(draw, prod(network.input_shape), signed=kind in ("signed", "ties"))
    if kind == "ties":
        samples[0] = _tie(draw, network, samples[0])
    return _cast(0 * samples if kind == "zeros" else samples, network.input_shape, network.dtype)


@st.composite
def live_cases(
    draw: st.DrawFn, *, dtype: DTypeLike | None = None, bias: Choice = None, signed: Choice = None
) -> Case:
    """Return a network and inputs that are live by construction.

    A chain of units, one of each layer, is active for every sample; only the next unit of the
    chain reads a unit of it, but every output does. So whichever output is explained, relevance
    other than 0 reaches the input by every rule except those that may discard it (RectGrad,
    SmoothGrad, baselines other than 0). The other units are arbitrary, dead and tied ones included;
    outputs off the chain have no bias.
    """
    plan = draw(_plans(dtype, (1, 3), (1, 4), bias, None, None))
    signed = draw(st.booleans()) if signed is None else signed
    samples = _samples(draw, plan.weights[0].shape[1], signed=signed)
    unit = draw(st.integers(0, samples.shape[1] - 1))
    samples[:, unit] = np.abs(samples[:, unit]) + (samples[:, unit] == 0)
    for layer, (weight, offset) in enumerate(zip(plan.weights, plan.biases, strict=True)):
        last = layer == len(plan.weights) - 1
        successor = draw(st.integers(0, len(weight) - 1))
        on_chain = np.arange(len(weight)) == successor
        link = np.abs(weight[:, unit]) + (weight[:, unit] == 0)
        weight[:, unit] = np.where(on_chain | last, link, 0)
        kept = (np.arange(weight.shape[1]) == unit) | (not signed or layer > 0)
        weight[successor] = np.abs(weight[successor]) * kept
        if offset is not None:
            offset[:] = np.where(on_chain, np.abs(offset), 0 * offset if last else offset)
        unit = successor
    return plan.case(samples)


@st.composite
def dead_cases(draw: st.DrawFn, *, dtype: DTypeLike | None = None) -> Case:
    """Return a network with a wholly dead hidden layer, and inputs >= 0 on which it is dead."""
    network = draw(networks(dtype=dtype, dead_layer=True))
    return network, draw(inputs(network, kind="nonnegative"))


@st.composite
def tie_cases(draw: st.DrawFn, *, dtype: DTypeLike | None = None, bias: Choice = None) -> Case:
    """Return a network and inputs where a hidden unit has z exactly 0 for the first sample.

    What the unit receives is not all 0 where that can be avoided.
    """
    plan = draw(_plans(dtype, (2, 3), (1, 4), bias, None, None))
    samples = _samples(draw, plan.weights[0].shape[1], signed=True)
    hidden = draw(st.integers(0, len(plan.weights) - 2))
    values = np.maximum(samples[0], 0) if plan.relu_first else samples[0]
    for lower, added in zip(plan.weights[:hidden], plan.biases[:hidden], strict=True):
        values = np.maximum(lower @ values + (0 if added is None else added), 0)
    weight, offset = plan.weights[hidden], plan.biases[hidden]
    unit = draw(st.integers(0, len(weight) - 1))
    if offset is not None:
        offset[unit] = -weight[unit] @ values
    else:
        weight[unit] = _orthogonal(draw, values)
    return plan.case(samples)


@st.composite
def conditioned_matrices(
    draw: st.DrawFn, *, size: Range = (1, 8), condition: tuple[float, float] = (1.0, 1e6)
) -> tuple[Array, float]:
    """Return a square float64 matrix and its condition number κ; they shrink to the identity.

    ``Q1 diag(1 ... 1/κ) Q2`` with reflections Q along vectors of small integers and singular
    values in geometric progression. A matrix of one row has κ = 1.
    """
    order = draw(st.integers(*size))
    kappa = 10.0 ** draw(st.floats(*np.log10(condition))) if order > 1 else 1.0
    singular = np.diag(np.geomspace(1, 1 / kappa, order))
    return _reflection(draw, order) @ singular @ _reflection(draw, order), float(kappa)


def rules(*, form: Form | None = None, exact: bool = False) -> st.SearchStrategy[Method]:
    """Return every rule and composite (of one form) with settings, all parameters dyadic.

    `exact` leaves out SmoothGrad, whose noise is not exact. Inputs are taken to lie in
    [-4, 4], hidden activations within 4096 of 0.
    """
    kinds = {Form.SIGNAL: _signal_rules(exact), Form.RELEVANCE: _relevance_rules()}
    return st.one_of(*kinds.values()) if form is None else kinds[form]


def _signal_rules(exact: bool) -> st.SearchStrategy[Method]:
    plain = [library.Gradient(), library.InputTimesGradient(), library.Deconvnet()]
    baseline = st.sampled_from([0.0, 0.5, -1.0])
    steps, quadrature = st.sampled_from([1, 2, 4]), st.sampled_from(["gauss", "right", "midpoint"])
    quantile, coin = st.integers(0, 8).map(lambda eighths: 12.5 * eighths), st.booleans()
    between = st.sampled_from(get_args(Interpolation))
    ties = st.sampled_from(["exclude", "include"])
    threshold = st.sampled_from([None, None, 0.0, 0.5])
    noisy = st.builds(library.SmoothGrad, st.integers(1, 3), st.sampled_from([0.0, 0.5]))
    return st.one_of(
        st.sampled_from([*plain, library.GuidedBackprop()]),
        st.builds(library.RectGrad, quantile, between, ties, coin, coin, coin, threshold),
        st.builds(library.DeepLift, baseline),
        st.builds(library.IntegratedGradients, baseline, steps, quadrature),
        *([] if exact else [noisy]),
    )


def _relevance_rules() -> st.SearchStrategy[Method]:
    epsilon, coin = st.sampled_from([0.0, 0.125, 1.0]), st.booleans()
    form = st.sampled_from(library.Stabiliser)
    stable: dict[str, Any] = {"epsilon": epsilon, "stabiliser": form, "block_dead": coin}
    biased = {"bias": st.sampled_from(library.Bias), **stable}
    low, high = -LARGEST_INPUT, LARGEST_INPUT
    betas, gammas = st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.25, 1.0, 4.0])
    return st.one_of(
        st.builds(library.Epsilon, **biased),
        st.builds(library.Gamma, gammas, coin, **biased),
        st.builds(library.ZPlus, split_input=coin, **biased),
        betas.flatmap(lambda b: st.builds(library.AlphaBeta, st.just(1 + b), st.just(b), **biased)),
        st.builds(library.WSquare, **biased),
        st.builds(library.Flat, **stable),
        st.builds(library.ZBox, st.just(-4096.0), st.just(4096.0), **stable),
        st.sampled_from([library.DeepTaylor(), library.DeepTaylor(low, high)]),
        st.just(library.ExcitationBackprop()),
        st.builds(library.EpsilonPlus, epsilon, coin),
        st.builds(library.EpsilonAlpha2Beta1, epsilon, coin),
        st.builds(library.EpsilonGammaBox, st.just(low), st.just(high), epsilon, box_dense=coin),
    )


@st.composite
def _plans(
    draw: st.DrawFn, dtype: Any, depth: Range, width: Range, bias: Any, image: Any, outer_relu: Any
) -> _Plan:
    layers, rare = draw(st.integers(*depth)), st.sampled_from([False, False, True])
    sizes = draw(st.lists(st.integers(*width), min_size=layers + 1, max_size=layers + 1))
    shape: Sizes = (sizes[0],)
    if draw(rare) if image is None else image:
        shape = (draw(st.integers(1, 2)), sizes[0])
        sizes[0] = prod(shape)
    weights, biases = [], []
    for outputs, fan_in in zip(sizes[1:], sizes[:-1], strict=True):
        weights.append(_lattice(draw, (outputs, fan_in), 4))
        has_bias = draw(st.booleans()) if bias is None else bias
        biases.append(_lattice(draw, (outputs,), 4) if has_bias else None)
    first, last = (draw(rare) if outer_relu is None else outer_relu for _ in range(2))
    kinds = st.sampled_from([np.float64, np.float32, object])
    chosen = np.dtype(draw(kinds) if dtype is None else dtype)
    return _Plan(weights, biases, shape, first, last, chosen)


def _lattice(draw: st.DrawFn, shape: Sizes, largest: int, *, signed: bool = True) -> Array:
    """Return integers of magnitude up to `largest`, halved."""
    entries = st.integers(-largest if signed else 0, largest)
    drawn = draw(st.lists(entries, min_size=prod(shape), max_size=prod(shape)))
    return np.array(drawn, dtype=np.float64).reshape(shape) / 2


def _samples(draw: st.DrawFn, size: int, *, signed: bool) -> Array:
    return _lattice(draw, (draw(st.integers(1, 3)), size), 2 * LARGEST_INPUT, signed=signed)


def _cast(flat: Array, shape: Sizes, dtype: np.dtype[Any]) -> Array:
    samples = flat.reshape(-1, *shape)
    return as_array(samples, "input", object) if dtype == EXACT else samples.astype(dtype)


def _tie(draw: st.DrawFn, network: Network, sample: Array) -> Array:
    """Return a flat sample for which an entry of the first ReLU or Dense output is exactly 0."""
    first = next(layer for layer in network.layers if not isinstance(layer, Flatten))
    if not isinstance(first, Dense):
        return np.where(np.arange(len(sample)) == draw(st.integers(0, len(sample) - 1)), 0, sample)
    for unit in draw(st.permutations(range(len(first.weight)))):
        weight = first.weight[unit].astype(float)
        bias = 0.0 if first.bias is None else float(first.bias[unit])
        if bias == 0:
            return np.where(weight == 0, sample, _orthogonal(draw, weight))
        divisors = np.flatnonzero(np.isin(np.abs(weight), [0.5, 1, 2]))  # so that b / w is dyadic
        if len(divisors):
            return np.where(np.arange(len(sample)) == divisors[0], -bias / weight[divisors[0]], 0)
    return reject()


def _orthogonal(draw: st.DrawFn, values: Array) -> Array:
    """Return a vector orthogonal to `values`: 0 unless two of the values differ from 0."""
    vector, found = 0 * values, np.flatnonzero(values)
    if len(found) > 1:
        first = draw(st.integers(0, len(found) - 2))
        i, j = found[first], found[first + 1]
        vector[i], vector[j] = values[j], -values[i]
    return vector


def _reflection(draw: st.DrawFn, order: int) -> Array:
    """Return a Householder reflection along a vector of small integers."""
    vector = 2 * _lattice(draw, (order,), 3)
    return np.eye(order) - 2 * np.outer(vector, vector) / max(vector @ vector, 1)
