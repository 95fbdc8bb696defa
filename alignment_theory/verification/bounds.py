"""Evidence for the inequalities."""

from collections.abc import Iterator, Sequence

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.layers import Linear, Switch
from alignment_theory.network import Trace
from alignment_theory.rounding import gamma
from alignment_theory.rules import GuidedBackprop, Method, RectGrad
from alignment_theory.verification.judge import Comparison
from alignment_theory.verification.subjects import Subject

FILTERING: tuple[Method, ...] = (GuidedBackprop(), RectGrad(50), RectGrad(90))
"""Signal rules that obey the negative filtering rule."""


def nfr_sign(
    subjects: Sequence[Subject], *, rules: Sequence[Method] = FILTERING
) -> Iterator[Comparison]:
    """Compare ``<g_{l-1}, a_{l-1}>`` with ``c_l · (z_l - b_l)`` and with 0, below every switch.

    The output row itself is no filtered layer: its coefficient has the sign of the seed only.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        for rule in rules:
            attribution = attribute(trace, rule=rule, target=_least(trace))
            for index, site in enumerate(trace.sites[:-1]):
                filtered = isinstance(trace.sites[index + 1].layer, Switch)
                if isinstance(site.layer, Linear) and filtered:
                    yield from _below(f"{subject.name}: {rule.name}", attribution, index)


def _least(trace: Trace) -> Array:
    """Return the least output of each sample: the hardest target for a claim about signs."""
    return np.asarray(trace.sites[-1].output.argmin(axis=1))


def _below(label: str, attribution: Attribution, index: int) -> Iterator[Comparison]:
    site = attribution.trace.sites[index]
    assert isinstance(site.layer, Linear)
    a, z, g, c = (
        values.reshape(attribution.trace.batch_size, -1)
        for values in (
            site.input,
            site.output,
            attribution.batched[index],
            attribution.batched[index + 1],
        )
    )
    shape = site.input.shape[1:]
    weight, bias = site.layer.matrix(shape), site.layer.bias_vector(shape)
    inner = (g * a).sum(axis=1)
    terms = c * (z - bias)
    magnitude = ((np.abs(c) @ np.abs(weight)) * np.abs(a)).sum(axis=1)
    magnitude = magnitude + (np.abs(c) * (np.abs(z) + np.abs(bias))).sum(axis=1)
    bound = 4 * gamma(a.shape[1] + c.shape[1] + 8, a.dtype) * magnitude
    scale = _norms(g) * _norms(a)
    place = f"{label}, below layer {index}"
    yield Comparison(f"{place}, <g, a> and c·(z - b)", inner, terms.sum(axis=1), bound, scale)
    some = (c != 0).any(axis=1)
    positive = np.where(some, terms.sum(axis=1) > 0, True) * 1.0
    yield Comparison(f"{place}, c·z > 0 where c ≠ 0", positive, 0 * inner + 1, 0 * inner, some)
    yield Comparison(f"{place}, <g, a>", inner, 0 * inner, bound, scale, low_only=True)


def _norms(batch: Array) -> Array:
    return np.asarray(np.linalg.norm(batch, axis=1))
