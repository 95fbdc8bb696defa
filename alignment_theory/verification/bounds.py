"""Evidence for the inequalities on signs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.layers import Linear, Switch
from alignment_theory.rounding import gamma
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.verification.compared import Evidence
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.subjects import Subject

FILTERING: tuple[Method, ...] = (GuidedBackprop(), RectGrad(50), RectGrad(90))
"""Signal rules that obey the negative filtering rule."""


@dataclass(frozen=True, eq=False)
class Step:
    """One linear layer of an attribution, flattened: z = W a + b and g = Wᵀ c."""

    label: str
    weight: Array
    bias: Array
    a: Array
    z: Array
    g: Array
    c: Array

    @classmethod
    def of(cls, label: str, attribution: Attribution, index: int) -> "Step":
        """Return the step below layer `index`."""
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
        weight, bias = site.layer.matrix(site.input), site.layer.bias_vector(site.input)
        return cls(f"{label}, below layer {index}", weight, bias, a, z, g, c)

    @property
    def inner(self) -> Array:
        """⟨g, a⟩ for every sample."""
        return np.asarray((self.g * self.a).sum(axis=1))

    @property
    def predicted_inner(self) -> Array:
        """The sum c · (z - b) for every sample."""
        return np.asarray((self.c * (self.z - self.bias)).sum(axis=1))

    @property
    def unit(self) -> float:
        """``γ_n`` for sums over this layer's inputs and outputs."""
        return gamma(self.a.shape[1] + self.c.shape[1] + 8, self.a.dtype)

    @property
    def rounding(self) -> Array:
        """Bound on what rounding does to ⟨g, a⟩ and to c · (z - b) together."""
        a, c, z = np.abs(self.a), np.abs(self.c), np.abs(self.z)
        magnitude = ((c @ np.abs(self.weight)) * a).sum(axis=1)
        magnitude = magnitude + (c * (z + np.abs(self.bias))).sum(axis=1)
        return np.asarray(4 * self.unit * magnitude)

    @property
    def scale(self) -> Array:
        """‖g‖ ‖a‖ for every sample."""
        return norms(self.g) * norms(self.a)

    def parallel(self) -> Comparison:
        """Compare ⟨g, a⟩ with c · (z - b)."""
        label = f"{self.label}, <g, a> and c·(z - b)"
        return Comparison(label, self.inner, self.predicted_inner, self.rounding, self.scale)


def parallel_part(
    subjects: Sequence[Subject], *, rules: Sequence[Method] = (*FILTERING, Gradient(), Deconvnet())
) -> Iterator[Comparison]:
    """Compare ``<g_{l-1}, a_{l-1}>`` with ``c_l · (z_l - b_l)`` at every linear layer."""
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        for rule in rules:
            attribution = attribute(trace, rule=rule)
            for index, site in enumerate(trace.sites):
                if isinstance(site.layer, Linear):
                    yield Step.of(f"{subject.name}: {rule.name}", attribution, index).parallel()


def filtered_steps(subjects: Sequence[Subject], rules: Sequence[Method]) -> Iterator[Step]:
    """Return the steps below every switch, explaining the least output of each sample.

    That is the hardest target for a claim about signs. The output row itself is no filtered layer:
    its coefficient has the sign of the seed only.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        least = np.asarray(trace.sites[-1].output.argmin(axis=1))
        for rule in rules:
            attribution = attribute(trace, rule=rule, target=least)
            for index, site in enumerate(trace.sites[:-1]):
                filtered = isinstance(trace.sites[index + 1].layer, Switch)
                if isinstance(site.layer, Linear) and filtered:
                    yield Step.of(f"{subject.name}: {rule.name}", attribution, index)


def nfr_sign(
    subjects: Sequence[Subject], *, rules: Sequence[Method] = FILTERING, bias_share: float = 1.0
) -> Iterator[Comparison]:
    """Compare ``<g_{l-1}, a_{l-1}>`` with ``c_l · (z_l - b_l)`` and with 0, below every switch.

    `bias_share` is 1; a planted error leaves out the bias.
    """
    for step in filtered_steps(subjects, rules):
        yield replace(step, bias=bias_share * step.bias).parallel()
        some = (step.c != 0).any(axis=1)
        positive = np.where(some, step.predicted_inner > 0, True) * 1.0
        none = 0 * step.inner
        yield Comparison(f"{step.label}, c·z > 0 where c ≠ 0", positive, none + 1, none, some)
        label = f"{step.label}, <g, a>"
        yield Comparison(label, step.inner, none, step.rounding, step.scale, low_only=True)


@dataclass(frozen=True)
class Flipped:
    """Evidence with its inequalities the wrong way round."""

    evidence: Evidence

    def __call__(self, subjects: Sequence[Subject]) -> Iterator[Comparison]:
        """Exchange the sides of every inequality."""
        for item in self.evidence(subjects):
            yield replace(item, left=item.right, right=item.left) if item.low_only else item


def norms(batch: Array) -> Array:
    """Return the norm of every sample."""
    return np.asarray(np.linalg.norm(batch, axis=1))
