"""The one table of all rules × settings × small networks that drives the engine's tests.

All weights and inputs are dyadic, so that forward runs are exact in every element type.
"""

from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np
from network_table import NETWORKS

from alignment_theory import (
    DIALECTS,
    LRP0,
    AlphaBeta,
    BetaSmooth,
    Bias,
    Deconvnet,
    DeepLift,
    DeepTaylor,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Gamma,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    IntegratedGradients,
    Method,
    Pooling,
    RectGrad,
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
