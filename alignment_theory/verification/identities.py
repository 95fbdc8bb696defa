"""Evidence for the identities: both sides computed apart, with derived rounding bounds.

Every check takes what a planted error would replace as an argument.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.explicit import combined_weight
from alignment_theory.network import Network
from alignment_theory.rounding import (
    contribution_bounds,
    forward_bound,
    gamma,
    ledger_bounds,
    relevance_bounds,
)
from alignment_theory.rules import (
    LRP0,
    AlphaBeta,
    DeepLift,
    Epsilon,
    ExcitationBackprop,
    Flat,
    Gamma,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    Method,
    WSquare,
    ZPlus,
)
from alignment_theory.rules.base import LEDGER_TERMS
from alignment_theory.trace import Trace
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.identity_bounds import (
    gamma_limit_bound,
    kept_samples,
    smallest_denominator,
)
from alignment_theory.verification.judged_rules import ALL_RULES, CONSERVING, SIGNAL_RULES
from alignment_theory.verification.subjects import Subject

Product = Callable[[Trace], tuple[Array, Array]]
Explicit = Callable[[Attribution], Array]


def _comparison(label: str, left: Array, right: Array, bound: Array) -> Comparison:
    """Compare batches of any shape; differences are relative to each sample's largest entry."""
    batch = len(left)
    flat_left, flat_right = left.reshape(batch, -1), right.reshape(batch, -1)
    scale = np.abs(flat_right).max(axis=1, keepdims=True)
    bound = np.broadcast_to(bound, left.shape).reshape(batch, -1)
    return Comparison(label, flat_left, flat_right, bound, scale)


def _piece(trace: Trace) -> tuple[Array, Array]:
    return trace.weight_product(), trace.effective_bias()


def piecewise_linear(
    subjects: Sequence[Subject], *, product: Product = _piece
) -> Iterator[Comparison]:
    """Compare the logits with ``W_eff x + b_eff`` and the gradient with a row of ``W_eff``."""
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        weight, bias = product(trace)
        flat = subject.inputs.reshape(len(bias), -1)
        logits = (weight @ flat[:, :, np.newaxis])[:, :, 0] + bias
        yield _comparison(f"{subject.name}: logits", trace.output, logits, forward_bound(trace))
        attribution = attribute(trace, rule=Gradient())
        rows = weight[np.arange(len(flat)), attribution.targets]
        found = attribution.relevance.reshape(rows.shape)
        bound = relevance_bounds(attribution)[0].reshape(rows.shape)
        yield _comparison(f"{subject.name}: gradient", found, rows, bound)


def combined_weights(
    subjects: Sequence[Subject],
    *,
    rules: Sequence[Method] = ALL_RULES,
    explicit: Explicit = combined_weight,
) -> Iterator[Comparison]:
    """Compare the fast recursion with the product of explicit matrices, for every rule."""
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        for rule in rules:
            attribution = attribute(trace, rule=rule)
            top = attribution.top.reshape(trace.batch_size, -1, 1)
            product = (explicit(attribution) @ top)[:, :, 0]
            fast = attribution.batched[0].reshape(product.shape)
            bound = relevance_bounds(attribution)[0].reshape(product.shape)
            yield _comparison(f"{subject.name}: {rule.name}", fast, product, bound)


def lrp0(
    subjects: Sequence[Subject],
    *,
    expected_by: Method = InputTimesGradient(),  # noqa: B008
    found_by: Method = LRP0(),  # noqa: B008
    by_layer: bool = False,
) -> Iterator[Comparison]:
    """Compare LRP-0, DeepLIFT and ε-LRP for small ε with input times gradient.

    Of a whole network or, `by_layer`, of every layer as a network of its own that is given a ∘ g
    above: then no rounding but the layer's own counts, however deep the network.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        gradient = attribute(trace, rule=Gradient())
        if not by_layer:
            yield from _lrp0(subject.name, trace, gradient.top, expected_by, found_by)
            continue
        for site, seed in zip(trace.sites, gradient.batched[1:], strict=True):
            layer = Network([site.layer], site.input.shape[1:]).forward(site.input)
            label = f"{subject.name}, layer {site.index}"
            yield from _lrp0(label, layer, seed, expected_by, found_by)


def _lrp0(
    name: str, trace: Trace, seed: Array, expected_by: Method, found_by: Method
) -> Iterator[Comparison]:
    """Compare what is made of the relevance ``z ∘ seed`` at the output.

    LRP-0 divides by denominators that equal the recorded activations up to the error that its own
    bound already charges once, hence twice its bound. For ε: every factor ``z/(z + ε sgn z)`` is
    off 1 by at most ε/|z|, so layers · ε/min|z| times the contributions' magnitude is added.
    """
    inputs, relevance = trace.sites[0].input, trace.sites[-1].output * seed
    gradient = attribute(trace, rule=expected_by, seed=seed)
    size = np.abs(inputs)
    step = gamma(4, inputs.dtype) * size * np.abs(gradient.batched[0])
    expected = gradient.relevance
    base = size * relevance_bounds(gradient)[0] + step
    zero = attribute(trace, rule=found_by, seed=relevance)
    rounding = base + 2 * relevance_bounds(zero)[0]
    yield _comparison(f"{name}: LRP-0", zero.relevance, expected, rounding)
    lift = attribute(trace, rule=DeepLift(0.0, tolerance=0.0), seed=seed)
    yield _comparison(f"{name}: DeepLIFT", lift.relevance, expected, 3 * rounding)
    magnitude = contribution_bounds(zero)[0]
    smallest = smallest_denominator(zero)
    for factor in (1e-3, 1e-6) if np.isfinite(smallest).any() else ():
        epsilon = factor * float(smallest.min())
        found = attribute(trace, rule=Epsilon(epsilon), seed=relevance)
        shift = len(trace.all_sites) * epsilon / smallest
        shift = shift.reshape(-1, *(1,) * (inputs.ndim - 1))
        bound = rounding + 2 * relevance_bounds(found)[0] + 2 * shift * magnitude
        label = f"{name}: ε = {factor:g} min|z|"
        yield _comparison(label, found.relevance, expected, bound)


def conservation(
    subjects: Sequence[Subject],
    *,
    rules: Sequence[Method] = ALL_RULES,
    conserving: Sequence[Method] = CONSERVING,
    terms: Sequence[str] = LEDGER_TERMS,
    free_only: bool = True,
) -> Iterator[Comparison]:
    """Compare the sums of relevance above and below every layer, less the named losses.

    Bias-free (with biases too unless `free_only`), the rules that keep relevance (`conserving`) are
    also compared without any loss but those that the statement allows for (empty denominators and
    dead units).
    """
    allowed = [term for term in terms if term in ("empty denominator", "threshold")]
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        keeping = conserving if subject.bias_free or not free_only else ()
        asked, kept = ([rule.name for rule in group] for group in (rules, keeping))
        for name, rule in {rule.name: rule for rule in (*rules, *keeping)}.items():
            attribution = attribute(trace, rule=rule)
            if attribution.runs:
                continue
            bound = ledger_bounds(attribution)
            label = f"{subject.name}: {name}"
            if name in asked:
                yield _ledger(label, attribution, terms, bound)
            if name in kept:
                yield _ledger(f"{label}, no other leak", attribution, allowed, bound)


def _ledger(label: str, attribution: Attribution, terms: Sequence[str], bound: Array) -> Comparison:
    ledger = attribution.ledger
    lost = sum((ledger.terms[name] for name in terms), 0 * ledger.scale)
    return Comparison(label, ledger.totals[1:], ledger.totals[:-1] + lost, bound, ledger.scale)


LARGE_GAMMA = 2.0**40
SCALING: tuple[Method, ...] = (LRP0(), ZPlus(), AlphaBeta(2.0, 1.0), Gamma(), WSquare(), Flat())
SCALES = (0.125, 128.0)
"""Powers of two: scaling by them is exact in floating point, so no difference is allowed."""


def homogeneity(
    subjects: Sequence[Subject], *, rules: Sequence[Method] = SIGNAL_RULES, degree: int = 1
) -> Iterator[Comparison]:
    """Compare attributions of s x with those of x, bit for bit.

    Seeded with the logit, relevance scales by s to the power of `degree` (1).
    """
    cases: list[tuple[Method, str, bool]] = [(rule, "unit", False) for rule in rules]
    for relevance_rule in SCALING:
        cases += [(relevance_rule, "unit", False), (relevance_rule, "logit", True)]
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        others = [(scale, subject.network.forward(scale * subject.inputs)) for scale in SCALES]
        for rule, seed, scales in cases:
            before = attribute(trace, rule=rule, seed=seed, target=0).relevance
            for scale, other in others:
                after = attribute(other, rule=rule, seed=seed, target=0).relevance
                expected = scale**degree * before if scales else before
                label = f"{subject.name}: {rule.name}, {seed} seed, s = {scale:g}"
                yield _comparison(label, after, expected, 0 * expected)


def zplus_family(
    subjects: Sequence[Subject],
    *,
    alpha_beta: Method = AlphaBeta(1.0, 0.0),  # noqa: B008
    keep_all: bool = False,
    large: float = LARGE_GAMMA,
    excitation_seed: bool = True,
) -> Iterator[Comparison]:
    """Compare αβ(1, 0), excitation backprop and γ for large γ with z⁺.

    Samples where relevance meets an empty denominator break a hypothesis and are left out. Planted
    errors: another rule for αβ(1, 0), all samples kept, a γ not so `large`, and excitation
    backprop without its seed.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        zplus = attribute(trace, rule=ZPlus())
        bound = 2 * relevance_bounds(zplus)[0]
        kept = keep_all | kept_samples(zplus, bound)
        expected, rounding = zplus.relevance, np.where(kept, bound, np.inf)
        found = attribute(trace, rule=alpha_beta)
        yield _comparison(f"{subject.name}: αβ(1,0)", found.relevance, expected, rounding)
        excitation = attribute(trace, rule=ExcitationBackprop())
        logits = zplus.top.sum(axis=1).reshape(-1, *(1,) * (subject.inputs.ndim - 1))
        scaled = (logits if excitation_seed else 1) * excitation.relevance
        yield _comparison(f"{subject.name}: excitation backprop", scaled, expected, 2 * rounding)
        limit = attribute(trace, rule=Gamma(large))
        bound = rounding + 2 * relevance_bounds(limit)[0] + gamma_limit_bound(zplus, LARGE_GAMMA)
        yield _comparison(f"{subject.name}: γ = 2^40", limit.relevance, expected, bound)


def monotone_net(
    subjects: Sequence[Subject],
    *,
    seed: float = 1.0,
    rule: Method = GuidedBackprop(),  # noqa: B008
) -> Iterator[Comparison]:
    """Compare Guided Backprop with the gradient, exactly: the gates must be the same.

    `seed` is the relevance of the largest output. Planted errors: a negative one, another rule.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        top = attribute(trace, rule=Gradient()).top * seed
        found, gradient = (attribute(trace, rule=r, seed=top) for r in (rule, Gradient()))
        left, right = found.relevance, gradient.relevance
        yield _comparison(f"{subject.name}: {rule.name}", left, right, 0 * right)
