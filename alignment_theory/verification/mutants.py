"""Planted errors: each makes a theorem or a hypothesis wrong, and the judge must say FAILS.

A check that no planted error can fail proves nothing; these are run by the tests for every theorem.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.ensembles import Anisotropic, Gaussian, Sphere, Uniform
from alignment_theory.explicit import combined_weight
from alignment_theory.layers import Dense
from alignment_theory.network import Network, Trace
from alignment_theory.rules import (
    AlphaBeta,
    Deconvnet,
    Gradient,
    GuidedBackprop,
    Method,
    RectGrad,
)
from alignment_theory.rules.base import LEDGER_TERMS
from alignment_theory.verification import bounds, identities
from alignment_theory.verification.chains import Chain
from alignment_theory.verification.judge import (
    Comparison,
    Sample,
    judge_comparisons,
    judge_law,
    judge_means,
)
from alignment_theory.verification.layer_laws import (
    OneLayer,
    curve_draw,
    curve_sample,
    isotropic_draw,
    isotropic_samples,
    predicted_curve,
    predicted_kappa,
)
from alignment_theory.verification.subjects import Subject, random_subjects
from alignment_theory.verification.trials import gather
from alignment_theory.verification.verdict import Verdict

MARGIN = 0.03


@dataclass(frozen=True)
class Mutant:
    """A theorem with one planted error; `judge` gathers evidence from a seed and judges it."""

    theorem: str
    error: str
    judge: Callable[[int], Verdict]

    def run(self, seed: int) -> Verdict:
        """Return the verdict on the wrong claim."""
        return replace(self.judge(seed), theorem=self.theorem, setting=self.error)


def _subjects(seed: int, bias: float) -> list[Subject]:
    return random_subjects(np.random.default_rng(seed), bias=bias)


def _compared(
    evidence: Callable[[Sequence[Subject]], Iterator[Comparison]], *, bias: float = 0.0
) -> Callable[[int], Verdict]:
    return lambda seed: judge_comparisons("", "", evidence(_subjects(seed, bias)))


def _masks_shifted(trace: Trace) -> tuple[Array, Array]:
    sites = [
        site if site.mask is None else replace(site, mask=np.roll(site.mask, 1, axis=-1))
        for site in trace.sites
    ]
    moved = replace(trace, sites=tuple(sites))
    return moved.weight_product(), moved.effective_bias()


def _without_bias(trace: Trace) -> tuple[Array, Array]:
    return trace.weight_product(), 0 * trace.effective_bias()


def _of_other_rule(rule: Method) -> Callable[[Attribution], Array]:
    def explicit(attribution: Attribution) -> Array:
        other = attribute(attribution.trace, rule=rule, target=attribution.targets)
        return combined_weight(other)

    return explicit


def _without_positive_contributions(seed: int) -> Verdict:
    weight = -np.random.default_rng(seed).uniform(0.5, 1, (4, 10))
    subject = Subject("negative weights", Network([Dense(weight)]), np.ones((8, 10)))
    evidence = identities.zplus_family([subject], keep_all=True)
    return judge_comparisons("", "", evidence)


def _identity_mutants() -> Iterator[Mutant]:
    name = "piecewise-linear"
    for error, product in (
        ("masks shifted by one unit", _masks_shifted),
        ("effective bias dropped", _without_bias),
    ):
        evidence = partial(identities.piecewise_linear, product=product)
        yield Mutant(name, error, _compared(evidence, bias=0.3))
    for error, wrong in (
        ("Guided Backprop without forward mask", Deconvnet()),
        ("Guided Backprop without sign gate", Gradient()),
        ("Guided Backprop with RectGrad's gate", RectGrad(60)),
    ):
        evidence = partial(
            identities.combined_weights, rules=[GuidedBackprop()], explicit=_of_other_rule(wrong)
        )
        yield Mutant("combined-weight", error, _compared(evidence))
    name = "lrp0-is-gradient-times-input"
    yield Mutant(name, "with biases", _compared(identities.lrp0, bias=0.3))
    for term in ("bias", "stabiliser", "empty denominator", "threshold"):
        left = [known for known in LEDGER_TERMS if known != term]
        evidence = partial(identities.conservation, terms=left)
        error = f"the ledger leaves out {term}"
        yield Mutant("conservation", error, _compared(evidence, bias=0.3))
    name = "homogeneity"
    yield Mutant(name, "with biases", _compared(identities.homogeneity, bias=0.3))
    evidence = partial(identities.homogeneity, rules=[RectGrad(threshold=0.1)])
    yield Mutant(name, "a threshold that does not scale", _compared(evidence))
    name = "zplus-family"
    evidence = partial(identities.zplus_family, alpha_beta=AlphaBeta(2.0, 1.0))
    yield Mutant(name, "αβ(2,1)", _compared(evidence))
    yield Mutant(name, "with biases", _compared(identities.zplus_family, bias=0.3))
    yield Mutant(name, "without positive contributions", _without_positive_contributions)
    yield Mutant("monotone-net", "weights of any sign", _compared(identities.monotone_net))


def _bound_mutants() -> Iterator[Mutant]:
    yield Mutant("nfr-sign", "with biases", _compared(bounds.nfr_sign, bias=3.0))
    for rule in (Gradient(), Deconvnet()):
        evidence = partial(bounds.nfr_sign, rules=[rule])
        yield Mutant("nfr-sign", f"{rule.name} does not filter", _compared(evidence))


def _curve(
    layer: Callable[[Array], OneLayer],
    predict: Callable[[str, int, int], tuple[float, float]] = predicted_curve,
    name: str = "active",
    inputs: int = 100,
    trials: int = 4000,
) -> Callable[[int], Verdict]:
    def judge(seed: int) -> Verdict:
        x = np.random.default_rng(seed).uniform(size=inputs)
        drawn = layer(x)
        draws = gather(curve_draw(drawn, [name]), np.random.SeedSequence(seed), trials)
        size = (drawn.neurons, inputs)
        return judge_means(
            "", "", "E cos²", [curve_sample(name, size, draws[:, 0], MARGIN, predict)]
        )

    return judge


def _kappa_scaled(factor: float) -> Callable[[str, int, int], tuple[float, float]]:
    def predict(name: str, n: int, d: int) -> tuple[float, float]:
        value, remainder = predicted_curve(name, n, d)
        return value / (value + factor * (1 - value)), remainder

    return predict


def _curve_mutants() -> Iterator[Mutant]:
    name = "alignment-curve"
    plain = lambda x: OneLayer(x, 100)  # noqa: E731
    yield Mutant(name, "π replaced by 3.5", _curve(plain, _kappa_scaled(3.5 / np.pi)))
    wide = lambda x: OneLayer(x, 200)  # noqa: E731
    yield Mutant(name, "n and d swapped", _curve(wide, lambda k, n, d: predicted_curve(k, d, n)))
    yield Mutant(name, "the square dropped", _curve(plain, _square_dropped))
    yield Mutant(name, "the gate dropped", _curve(lambda x: OneLayer(x, 100, rule=Deconvnet())))
    yield Mutant(name, "with bias", _curve(lambda x: OneLayer(x, 100, bias=-3.0)))
    yield Mutant(
        name, "anisotropic weights", _curve(lambda x: OneLayer(x, 100, law=Anisotropic(0.1)))
    )


def _square_dropped(name: str, n: int, d: int) -> tuple[float, float]:
    value, remainder = predicted_curve(name, n, d)
    return float(np.sqrt(value)), remainder


def _isotropic(
    law: Gaussian | Sphere | Anisotropic, predict: Callable[[str, str, OneLayer], float]
) -> Callable[[int], Verdict]:
    def judge(seed: int) -> Verdict:
        rng = np.random.default_rng(seed)
        inputs = np.linspace(0.1, 1, 30)
        across = rng.uniform(size=30) * np.linspace(-1, 1, 30)
        across -= inputs * (across @ inputs) / (inputs @ inputs)
        layer = OneLayer(inputs, 400, law)
        draw = isotropic_draw(layer, across / np.linalg.norm(across))
        draws = gather(draw, np.random.SeedSequence(seed), 4000)
        samples: list[Sample] = isotropic_samples(layer, "gaussian", draws, MARGIN, predict)
        return judge_means("", "", "E⟨g, u⟩/n", samples)

    return judge


def _kappa_times(factor: float) -> Callable[[str, str, OneLayer], float]:
    return lambda rows, name, layer: factor * predicted_kappa(rows, name, layer)


def _isotropic_mutants() -> Iterator[Mutant]:
    name = "isotropic-alignment"
    yield Mutant(name, "κ 10 % too large", _isotropic(Gaussian(), _kappa_times(1.1)))
    yield Mutant(name, "κ halved", _isotropic(Gaussian(), _kappa_times(0.5)))
    yield Mutant(name, "anisotropic rows", _isotropic(Anisotropic(0.1), predicted_kappa))


def _chain(chain: Chain) -> Callable[[int], Verdict]:
    def judge(seed: int) -> Verdict:
        p_values = gather(chain.draw, np.random.SeedSequence(seed), 4000).ravel()
        return judge_law("", "", "p-values", p_values, coarsest=0.05)

    return judge


def _law_mutants() -> Iterator[Mutant]:
    name = "exact-law"
    plain = Chain((20, 15, 12, 10, 5))
    yield Mutant(name, "d degrees of freedom", _chain(replace(plain, degrees=1)))
    yield Mutant(name, "d - 2 degrees of freedom", _chain(replace(plain, degrees=-1)))
    yield Mutant(name, "σ 5 % too large", _chain(replace(plain, sigma=1.05)))
    yield Mutant(name, "anisotropic weights", _chain(replace(plain, law=Anisotropic(0.3))))
    small = replace(plain, widths=(4, 15, 3, 5), law=Uniform())
    yield Mutant(name, "uniform weights, not Gaussian", _chain(small))


MUTANTS: tuple[Mutant, ...] = (
    *_identity_mutants(),
    *_bound_mutants(),
    *_isotropic_mutants(),
    *_law_mutants(),
    *_curve_mutants(),
)
