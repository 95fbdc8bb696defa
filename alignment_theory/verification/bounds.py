"""Evidence for the inequalities on signs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.layers import Linear
from alignment_theory.magnitudes import OPERATIONS_PER_TERM, gamma, pulled_back
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.verification.compared import Evidence
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.passages import Passage, linear_passages
from alignment_theory.verification.subjects import Subject

FILTERING: tuple[Method, ...] = (GuidedBackprop(), RectGrad(50), RectGrad(90))
"""Signal rules that obey the negative filtering rule."""


@dataclass(frozen=True, eq=False)
class Step:
    """One linear layer of an attribution, flattened: z = W a + b and g = Wᵀ c.

    `like` is a batch of the layer's inputs in their own shape.
    """

    label: str
    layer: Linear
    like: Array
    bias: Array
    a: Array
    z: Array
    g: Array
    c: Array

    @classmethod
    def at(cls, label: str, passage: Passage) -> "Step":
        """Return the step at the passage of a linear layer."""
        site = passage.site
        assert isinstance(site.layer, Linear)
        a, z, g, c = (
            values.reshape(len(site.input), -1)
            for values in (site.input, site.output, passage.below, passage.above)
        )
        bias = site.layer.bias_vector(site.input)
        label = f"{label}, below layer {site.index}"
        return cls(label, site.layer, site.input, bias, a, z, g, c)

    @property
    def entries(self) -> int:
        """How many entries W has."""
        return self.a.shape[1] * self.z.shape[1]

    @property
    def weight(self) -> Array:
        """W, written down."""
        return self.layer.matrix(self.like)

    @property
    def spread(self) -> Array:
        """``|W|ᵀ |c|`` for every sample: the magnitudes that make up g."""
        shape = (len(self.like), *self.layer.output_shape(self.like.shape[1:]))
        spread = pulled_back(self.layer, np.abs(self.c).reshape(shape), self.like)
        return spread.reshape(self.g.shape)

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
        return gamma(self.a.shape[1] + self.c.shape[1] + OPERATIONS_PER_TERM, self.a.dtype)

    @property
    def rounding(self) -> Array:
        """Bound on what rounding does to ⟨g, a⟩ and to c · (z - b) together."""
        a, c, z = np.abs(self.a), np.abs(self.c), np.abs(self.z)
        magnitude = (self.spread * a).sum(axis=1)
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
            for passage in linear_passages(attribute(trace, rule=rule)):
                yield Step.at(f"{subject.name}: {rule.name}", passage).parallel()


def least_explained(
    subjects: Sequence[Subject], rules: Sequence[Method]
) -> Iterator[tuple[str, Attribution]]:
    """Return attributions of the least output of each sample, with labels.

    That is the hardest target for a claim about signs.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        least = np.asarray(trace.sites[-1].output.argmin(axis=1))
        for rule in rules:
            attribution = attribute(trace, rule=rule, target=least)
            yield f"{subject.name}: {rule.name}", attribution


def filtered_steps(subjects: Sequence[Subject], rules: Sequence[Method]) -> Iterator[Step]:
    """Return the steps below every switch, explaining the least output of each sample.

    A max pooling crossed to its winner may stand between: what arrives below it is >= 0 again, and
    0 where z <= 0. The output row itself is no filtered layer: its coefficient has the sign of the
    seed only. Nor is a layer that ends the side of a residual, whose sum the switch sees; the sum
    is one, a linear layer itself.
    """
    for label, attribution in least_explained(subjects, rules):
        for passage in linear_passages(attribution):
            if passage.filtered:
                yield Step.at(label, passage)


def nfr_sign(
    subjects: Sequence[Subject], *, rules: Sequence[Method] = FILTERING, bias_share: float = 1.0
) -> Iterator[Comparison]:
    """Compare ``<g_{l-1}, a_{l-1}>`` with ``c_l · (z_l - b_l)`` and with 0, below every switch.

    Linear layers that follow further down (an average pooling or a batch normalisation stands
    between them and the switch) are given signed coefficients, but the same inner product: it is
    compared with 0, too, the rounding of all of them added. `bias_share` is 1; a planted error
    leaves out the bias.
    """
    for label, attribution in least_explained(subjects, rules):
        rounding: dict[int, Array] = {}
        for passage in linear_passages(attribution):
            above = 0.0 if passage.filtered else rounding.get(id(passage.next))
            if above is None:
                continue
            step = Step.at(label, passage)
            total = rounding[id(passage.site)] = step.rounding + above
            yield replace(step, bias=bias_share * step.bias).parallel()
            none = 0 * step.inner
            if passage.filtered:
                some = (step.c != 0).any(axis=1)
                positive = np.where(some, step.predicted_inner > 0, True) * 1.0
                words = f"{step.label}, c·z > 0 where c ≠ 0"
                yield Comparison(words, positive, none + 1, none, some)
            words = f"{step.label}, <g, a>"
            yield Comparison(words, step.inner, none, total, step.scale, low_only=True)


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
