"""The one table of all rules × settings × small networks that drives the engine's tests.

All weights and inputs are dyadic, so that forward runs are exact in every element type.
"""

from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np

from alignment_theory import (
    DIALECTS,
    LRP0,
    AdaptiveAvgPool2d,
    AlphaBeta,
    AvgPool2d,
    BatchNorm,
    BetaSmooth,
    Bias,
    Conv2d,
    Deconvnet,
    DeepLift,
    DeepTaylor,
    Dense,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Flatten,
    Gamma,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    IntegratedGradients,
    LeakyRelu,
    MaxPool2d,
    Method,
    Network,
    Pooling,
    RectGrad,
    Relu,
    Residual,
    SmoothGrad,
    Stabiliser,
    WSquare,
    ZBox,
    ZPlus,
    attribute,
    dialect,
    layer_matrix,
)
from alignment_theory.arrays import as_array, is_exact
from alignment_theory.rounding import (
    contribution_bounds,
    gamma,
    ledger_bounds,
    relevance_bounds,
)
from alignment_theory.rules.rectgrad import Interpolation
from alignment_theory.rules.reference import Averaged

FLOATS = (np.float32, np.float64)


@dataclass(frozen=True, eq=False)
class Entry:
    """A rule with settings; `exact` says whether it works on fractions.

    `rounds_gates` says that gates or quadrature weights are rounded themselves, which the rounding
    bounds of one attribution leave out, since both of its sides use the recorded ones.
    """

    method: Method
    exact: bool = True
    rounds_gates: bool = False


def _signals():
    yield "gradient", Entry(Gradient())
    yield "input times gradient", Entry(InputTimesGradient())
    yield "deconvnet", Entry(Deconvnet())
    yield "guided backprop", Entry(GuidedBackprop())
    for interpolation in get_args(Interpolation):
        for ties in ("exclude", "include"):
            rule = RectGrad(60, interpolation, ties)
            yield f"rectgrad {interpolation} {ties}", Entry(rule)
    for q in (0, 25, 98, 100):
        yield f"rectgrad {q}", Entry(RectGrad(q))
    yield "rectgrad no floor", Entry(RectGrad(10, floor=False))
    yield "rectgrad no floor include", Entry(RectGrad(10, ties="include", floor=False))
    yield "rectgrad magnitude", Entry(RectGrad(40, magnitude=True))
    yield "rectgrad constant", Entry(RectGrad(threshold=0.5, times_input=True))
    yield "rectgrad negative constant", Entry(RectGrad(threshold=-1.0, floor=False))
    yield "rectgrad proportional pooling", Entry(RectGrad(40, pooling="proportional"))
    yield "rectgrad padding trick", Entry(RectGrad(40, padding_trick=True))
    yield "beta smooth", Entry(BetaSmooth(1.0), exact=False, rounds_gates=True)
    yield "deeplift", Entry(DeepLift(), rounds_gates=True)
    yield "deeplift baseline", Entry(DeepLift(-0.5), rounds_gates=True)
    yield "deeplift tolerance", Entry(DeepLift(0.5, 1.0), rounds_gates=True)
    for quadrature in ("gauss", "right", "midpoint"):
        rule = IntegratedGradients(-0.5, 2, quadrature)
        yield f"integrated gradients {quadrature}", Entry(rule, rounds_gates=True)
    yield "smoothgrad", Entry(SmoothGrad(4, 0.5, 1), exact=False, rounds_gates=True)


def _relevances():
    yield "lrp0", Entry(LRP0())
    yield "epsilon", Entry(Epsilon())
    for stabiliser in Stabiliser:
        yield f"epsilon {stabiliser}", Entry(Epsilon(0.25, stabiliser=stabiliser))
        yield f"zplus {stabiliser}", Entry(ZPlus(0.25, stabiliser=stabiliser))
        yield f"alphabeta {stabiliser}", Entry(AlphaBeta(epsilon=0.25, stabiliser=stabiliser))
    for bias in Bias:
        yield f"epsilon bias {bias}", Entry(Epsilon(0.125, bias))
        yield f"gamma bias {bias}", Entry(Gamma(0.5, bias=bias))
        yield f"gamma generalised bias {bias}", Entry(Gamma(0.5, True, bias=bias))
        yield f"zplus bias {bias}", Entry(ZPlus(bias=bias))
        yield f"zplus whole input bias {bias}", Entry(ZPlus(bias=bias, split_input=False))
        yield f"alphabeta bias {bias}", Entry(AlphaBeta(bias=bias))
        yield f"wsquare bias {bias}", Entry(WSquare(bias=bias))
    for pooling in Pooling:
        yield f"lrp0 pooling {pooling}", Entry(Epsilon(0, pooling=pooling))
        yield f"zplus pooling {pooling}", Entry(ZPlus(0.25, pooling=pooling))
    yield "gamma 0", Entry(Gamma(0.0))
    yield "gamma generalised 0.3", Entry(Gamma(0.3, generalised=True, epsilon=0.1))
    yield "alphabeta 1 0", Entry(AlphaBeta(1, 0))
    yield "alphabeta 2.3 1.3", Entry(AlphaBeta(2.3, 1.3))
    yield "flat", Entry(Flat())
    yield "flat epsilon", Entry(Flat(0.25, Stabiliser.CLIP))
    yield "zbox", Entry(ZBox(-64, 64))
    yield "zbox epsilon", Entry(ZBox(-64, 128, 0.25, Stabiliser.ADD))
    for name, rule in (("flat", Flat), ("wsquare", WSquare), ("epsilon", Epsilon)):
        yield f"{name} opens dead units", Entry(rule(block_dead=False))


def _composites():
    yield "deep taylor", Entry(DeepTaylor())
    yield "deep taylor box", Entry(DeepTaylor(-8, 8))
    yield "excitation backprop", Entry(ExcitationBackprop())
    for flat in (False, True):
        yield f"epsilon plus, flat {flat}", Entry(EpsilonPlus(0.25, flat))
        yield f"epsilon alpha2 beta1, flat {flat}", Entry(EpsilonAlpha2Beta1(0.25, flat))
    for dense in (False, True):
        yield f"epsilon gamma box, dense {dense}", Entry(EpsilonGammaBox(-8, 8, box_dense=dense))


def _dialects():
    for library, rule in DIALECTS:
        boxed = rule in ("ZBox", "EpsilonGammaBox")
        method = dialect(library, rule, *((-64, 64) if boxed else ()))
        rounds = isinstance(method, DeepLift | Averaged)
        if isinstance(method, IntegratedGradients):
            method = dialect(library, rule, 0.0, 4)
        yield f"{library} {rule}", Entry(method, rounds_gates=rounds)


ENTRIES = dict([*_signals(), *_relevances(), *_composites(), *_dialects()])

_THREE = [[0.5, -1.0, 2.0], [1.0, 2.5, 0.0], [0.0, 0.0, 0.0]]
_UPPER = Dense([[1, -0.5, 2], [-1.5, 1, 0.5]], [0.5, -1])
_HALVED = Dense([[0, 0.5, 0], [0.5, 0, -0.5], [1, 0, 0]])
_LOWER = [[1, 0.5, 0], [-1, 2, -0.5], [0.5, -0.5, 1.5]]


def _networks():
    yield "one layer", Network([Dense([[1, -1, 0.5], [2, 0.5, -1]], [0.5, -0.5])]), _THREE
    weights = [
        [[1, -2, 0.5], [0.5, 0.5, 1], [-1, 1, -0.5], [0, 1.5, -1]],
        [[1, 0.5, -1, 2], [-0.5, 1, 0, 1], [0.5, -2, 1, 0.5]],
        [[1, -1, 0.5], [0.5, 1, -2]],
    ]
    yield "bias-free", Network.mlp(weights), _THREE
    yield "biased", Network([Dense(_LOWER, [-0.5, 1, 0]), Relu(), _UPPER]), _THREE
    # For the first sample unit 0 has z = 0 and unit 1 is dead; for the second, unit 1 has z = 0.
    tied = Dense([[2, 1, 0], [-1, -1, -0.5], [0.5, 0.5, 1]], [0, 3.5, 1])
    yield "ties", Network([tied, Relu(), _UPPER]), [[0.5, -1, 8], [1, 2.5, 0], [0, 0, 0]]
    both = [tied, Relu(active_at_zero=True), _UPPER]
    yield "ties active", Network(both), [[0.5, -1, 8], [1, 2.5, 0], [0, 0, 0]]
    closed = Dense([[-1, -0.5, 0], [-0.5, 0, -2], [0, -1, 0]], [-0.5, 0, -1])
    yield "dead layer", Network([closed, Relu(), _UPPER]), [[0.5, 1, 2], [1, 2.5, 0], [0, 0, 0]]
    yield "one unit", Network.mlp([[[2]], [[-0.5]], [[1.5]]], [[0.5], [2], None]), [[1], [0.5], [0]]
    image = [Flatten(), Dense(np.array(_LOWER) @ [[1, -1, 0, 2], [0, 1, 1, 0], [0.5, 0, -1, 1]])]
    samples = [[[1, 0.5], [-1, 2]], [[0.5, 2], [1, 0]], [[0, 0], [0, 0]]]
    yield "image", Network([*image, Relu(), _UPPER], (2, 2)), samples
    outer = [Relu(), Dense(_LOWER, [-0.5, 1, 0]), Relu(), _UPPER, Relu()]
    yield "outer ReLU", Network(outer, (3,)), _THREE
    chained = [Dense(_LOWER), Dense(_LOWER, [1, 0, 0.5]), Relu(), Relu(), _UPPER, Flatten()]
    yield "chained", Network(chained), _THREE
    yield "convolution", *_convolutional()
    yield "normalised", *_normalised()
    yield "residual", *_residual()


def _halves(*shape, seed):
    """Return small multiples of 1/2, some of them 0."""
    return np.random.default_rng(seed).integers(-3, 4, size=shape) / 2


def _convolutional():
    """Return a network of every layer with windows, and images; the windows' sizes are dyadic."""
    layers = [
        Conv2d(_halves(2, 2, 3, 3, seed=1), [0.5, -1], padding=1),
        Relu(),
        MaxPool2d(2, 1, padding=((0, 1), (1, 0))),
        Conv2d(_halves(4, 1, 2, 2, seed=2), stride=(1, 2), dilation=(1, 2), groups=2),
        Relu(),
        AvgPool2d(2, 1, padding=1, count_padding=False),
        MaxPool2d((2, 1), ties="last"),
        Flatten(),
        Dense(_halves(2, 8, seed=3), [0.5, 0]),
    ]
    images = _halves(3, 2, 3, 3, seed=4)
    images[2] = 0
    return Network(layers, (2, 3, 3)), images


def _residual():
    """Return a network with an identity shortcut inside another residual, and a branched one."""
    inner = Residual([Dense(_halves(3, 3, seed=8), [0.5, 0, -0.5])])
    body = [Dense(_halves(3, 3, seed=9)), Relu(), inner, Relu()]
    outer = Residual(body, [Dense(_halves(3, 3, seed=10), [0, 1, 0])])
    layers = [outer, Relu(), Residual([Relu(), _HALVED]), _UPPER]
    return Network(layers, (3,)), _THREE


def _normalised():
    """Return a network with batch normalisation, leaky ReLUs and average pooling, and images."""
    layers = [
        Conv2d(_halves(3, 2, 2, 2, seed=5), [0.5, 0, -0.5]),
        BatchNorm([0.5, -2, 1], [1, 0.5, 0]),
        LeakyRelu(0.25),
        AvgPool2d(2, 1, padding=((1, 0), (1, 0))),
        BatchNorm([1, -1, 2], [0, 0, 0]),
        Relu(),
        AdaptiveAvgPool2d((2, 1)),
        Flatten(),
        Dense(_halves(2, 6, seed=6)),
    ]
    return Network(layers, (2, 4, 2)), _halves(3, 2, 4, 2, seed=7)


NETWORKS = {name: (net, np.array(samples, float)) for name, net, samples in _networks()}


@cache
def network_of(name, dtype):
    """Return a network and its samples in an element type (float32, float64 or object)."""
    network, samples = NETWORKS[name]
    return network.astype(dtype), as_array(samples.tolist(), "samples", dtype)


@cache
def attribution_of(entry, name, dtype):
    """Return the attribution of the whole batch, by the names in the tables."""
    network, samples = network_of(name, dtype)
    return attribute(network, samples, rule=ENTRIES[entry].method)


@cache
def bounds_of(entry, name, dtype):
    """Return at every position how far rounding takes one side from the other."""
    return relevance_bounds(attribution_of(entry, name, dtype))


def table(entry, dtypes):
    """Yield (label, network name, dtype, attribution) over all networks, for one entry."""
    for name in NETWORKS:
        for dtype in dtypes:
            if dtype is not object or ENTRIES[entry].exact:
                label = f"{entry} on {name!r} in {np.dtype(dtype)}"
                yield label, name, dtype, attribution_of(entry, name, dtype)


def passes_of(attribution):
    """Return the single backward passes that an attribution consists of."""
    return [run for _, run in attribution.runs] or [attribution]


def times(matrices, values):
    """Return matrices (batch, below, above) times relevance of any shape, flat."""
    return (matrices @ values.reshape(len(values), -1, 1))[:, :, 0]


def explicit_relevances(run):
    """Return the relevance at every position by one explicit matrix a layer."""
    values = [run.top]
    for index in reversed(range(len(run.crossings))):
        below = times(layer_matrix(run, index), values[0])
        values.insert(0, below.reshape(run.batched[index].shape))
    return values


def assert_fast_equals_explicit(run, label=""):
    """Assert that one backward pass equals its explicit matrices: to rounding, or exactly."""
    explicit, bounds = explicit_relevances(run), relevance_bounds(run)
    for position, fast in enumerate(run.batched):
        bound = 0 if is_exact(fast) else bounds[position]
        assert_within(fast, explicit[position], bound, f"{label}, position {position}")
        assert not is_exact(fast) or (fast == explicit[position]).all()


def assert_ledger_closes(run, label=""):
    """Assert that the named losses explain all change of Σ R: to rounding, or exactly."""
    residual = run.ledger.residual
    assert not is_exact(residual) or (residual == 0).all(), label
    assert_within(residual, 0, ledger_bounds(run), label)


def bounds_from_truth(entry, name, dtype):
    """Return at every position how far rounding takes a float attribution from the exact one."""
    bounds = [bound / 2 for bound in bounds_of(entry, name, dtype)]
    if not ENTRIES[entry].rounds_gates:
        return bounds
    attribution = attribution_of(entry, name, dtype)
    step = gamma(4 * len(attribution.crossings), np.dtype(dtype))
    for weight, run in attribution.runs or ((1.0, attribution),):
        sizes = contribution_bounds(run)
        bounds = [b + abs(float(weight)) * step * s for b, s in zip(bounds, sizes, strict=True)]
    return bounds


def assert_within(actual, expected, bound, label=""):
    """Assert ``|actual - expected| <= bound``, none of the three NaN."""
    difference = np.abs(np.asarray(actual, float) - np.asarray(expected, float))
    bound = np.broadcast_to(bound, difference.shape)
    worst = np.argmax(difference - np.where(np.isfinite(bound), bound, 0))
    assert (difference <= bound).all(), (
        f"{label}: {np.ravel(actual)[worst]} instead of "
        f"{np.ravel(np.broadcast_to(expected, difference.shape))[worst]}, where rounding explains "
        f"{bound.flat[worst]}"
    )
