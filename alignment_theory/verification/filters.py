"""Evidence on the best filter: real layers, and moments of random filters by quadrature.

The quadrature takes the density of the pre-activation t and the coefficients as they are; none of
the closed forms that it judges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.theory.one_layer import OPTIMAL_FILTER
from alignment_theory.verification.alignment_floors import (
    Coefficients,
    activations,
    proportional_steps,
)
from alignment_theory.verification.bounds import FILTERING, Step, filtered_steps, norms
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.quadrature import (
    Function,
    Moment,
    Power,
    integral,
    kappa,
    normal,
)
from alignment_theory.verification.subjects import Subject

FILTERS = 60
"""Random filters that κ is worked out for."""

POWERS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Powers k for which κ of c = t^k is compared with its formula; 1 is the best."""


def best_filter(
    subjects: Sequence[Subject],
    *,
    rules: Sequence[Method] = FILTERING,
    rule: Method = GuidedBackprop(),  # noqa: B008
    coefficients: Coefficients = activations,
    factor: float = 1.0,
) -> Iterator[Comparison]:
    """Compare ``‖z_A‖ ‖c‖`` with ``|z·c|`` below every switch, and for c ∝ a both ways.

    Planted errors: another `rule` or `coefficients` in the second part, a `factor` on the bound.
    """
    for step in filtered_steps(subjects, rules):
        yield _cauchy_schwarz(step, factor, attained=False)
    for step in proportional_steps(subjects, rule, coefficients):
        yield _cauchy_schwarz(step, factor, attained=True)


def _cauchy_schwarz(step: Step, factor: float, *, attained: bool) -> Comparison:
    bound = factor * norms(np.maximum(step.z, 0)) * norms(step.c)
    product = np.abs((step.z * step.c).sum(axis=1))
    rounding = 2 * step.unit * norms(step.z) * norms(step.c)
    label = f"{step.label}, ‖z_A‖ ‖c‖ and |z·c|"
    return Comparison(label, bound, product, rounding, bound, low_only=not attained)


@dataclass(frozen=True)
class RandomFilter:
    """``φ(t, h) = Σ_i A_i t^{p_i} 1(t > s_i) |h|^{q_i} 1(±h > 0)``, of a few terms.

    Attributes
    ----------
    sizes, opens, signs : tuple of float
        A_i > 0, s_i, and the side of h.
    powers, relevances : tuple of Power
        Of t and of h.
    """

    sizes: tuple[float, ...]
    opens: tuple[float, ...]
    signs: tuple[float, ...]
    powers: tuple[Power, ...]
    relevances: tuple[Power, ...]

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, open_everywhere: bool = False) -> "RandomFilter":
        """Draw two terms; `open_everywhere` (a planted error) lets all t through, with its sign."""
        opens = np.full(2, -np.inf) if open_everywhere else np.abs(rng.normal(0, 0.5, 2))
        return cls(
            tuple(rng.exponential(size=2)),
            tuple(opens),
            tuple(rng.choice([-1.0, 1.0], 2)),
            tuple(Power(p, open_everywhere) for p in rng.uniform(0.5, 3, 2)),
            tuple(Power(q) for q in rng.uniform(0.5, 3, 2)),
        )

    def kappa(self, density: Function) -> Moment:
        """Return κ for a density of t, h standard normal and independent of it."""
        square, overlap = Moment(0.0), Moment(0.0)
        terms = range(len(self.sizes))
        for i in terms:
            along = integral(density, self.powers[i], Power(1, signed=True), low=self.opens[i])
            above = integral(normal, self.relevances[i])
            overlap += Moment(self.sizes[i]) * along * above
            for j in (j for j in terms if self.signs[i] == self.signs[j]):
                low = max(self.opens[i], self.opens[j])
                across = integral(density, self.powers[i], self.powers[j], low=low)
                above = integral(normal, self.relevances[i], self.relevances[j])
                square += Moment(self.sizes[i] * self.sizes[j]) * across * above
        return kappa(square, overlap)


def filter_moments(
    rng: np.random.Generator,
    *,
    least: float = 2.0,
    open_everywhere: bool = False,
    density: Function = normal,
    shift: float = 0.0,
) -> Iterator[Comparison]:
    """Compare κ of random filters φ(t, h) >= 0 with 2, and κ of c = t^k with its formula.

    Planted errors: another bound, filters that let all t through, another `density` of t, and a
    `shift` of the formula's power.
    """
    drawn = [RandomFilter.drawn(rng, open_everywhere=open_everywhere) for _ in range(FILTERS)]
    low = -np.inf if open_everywhere else 0.0
    found = [one.kappa(density) for one in drawn] + [_power(1.0, density, low)]
    values = np.array([one.value for one in found])
    errors = np.array([one.error for one in found])
    label = "κ of random filters and its least value"
    yield Comparison(label, values, values * 0 + least, errors, values, low_only=True)
    label = "κ of c = t and its least value"
    yield Comparison(label, values[-1:], np.array([least]), errors[-1:], values[-1:])
    moments = [_power(power, density, low) for power in POWERS]
    # A copy compiles the formula, so that the theorem itself can still be sent to processes.
    theorem = replace(OPTIMAL_FILTER)
    formula = np.array([float(theorem.predict(power=power + shift)) for power in POWERS])
    values = np.array([one.value for one in moments])
    errors = np.array([one.error for one in moments])
    yield Comparison("κ of c = t^k and its formula", values, formula, errors, formula)


def _power(power: float, density: Function, low: float) -> Moment:
    """Return κ of ``c = t^power``, with the sign of t where all t count."""
    signed = low < 0
    square = integral(density, Power(2 * power), low=low)
    overlap = integral(density, Power(power, signed), Power(1, signed=True), low=low)
    return kappa(square, overlap)
