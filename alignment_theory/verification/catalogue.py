"""The checks of the catalogue: which theorem is judged on what, at which effort."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.ensembles import Gaussian, Sphere
from alignment_theory.rules import Deconvnet, Gradient, GuidedBackprop, Method, RectGrad
from alignment_theory.verification import bounds, identities
from alignment_theory.verification.chains import Chain
from alignment_theory.verification.judge import (
    ALPHA,
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
)
from alignment_theory.verification.subjects import (
    Subject,
    random_subjects,
    with_nonnegative_upper_weights,
)
from alignment_theory.verification.trials import gather, gather_until
from alignment_theory.verification.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Effort:
    """How much evidence is gathered.

    Attributes
    ----------
    margin : float
        Relative discrepancy of a mean that a check resolves.
    cap : int
        Most trials of one sample of a mean; fewer where the tests decide earlier.
    chains : int
        Networks an exact law is tested on.
    coarsest : float
        Deviation of a distribution function that an exact law's check must resolve.
    """

    margin: float
    cap: int
    chains: int
    coarsest: float


QUICK = Effort(margin=0.10, cap=20_000, chains=1500, coarsest=0.09)
STANDARD = Effort(margin=0.05, cap=60_000, chains=5000, coarsest=0.05)

LADDER = ((100, 100), (200, 100), (200, 200), (300, 300))
"""Sizes (neurons, inputs) of the alignment curve."""

CHAIN_WIDTHS = (20, 15, 12, 10, 5)
CHAIN_RULES: tuple[Method, ...] = (GuidedBackprop(), RectGrad(50), Gradient(), Deconvnet())


@dataclass(frozen=True)
class Check:
    """One theorem in one setting; `run` gathers evidence and judges it.

    A check runs in any process and gives the same verdict there: its randomness comes from the
    seed and its own name only.
    """

    theorem: str
    setting: str
    judge: Callable[..., Verdict]
    arguments: tuple[Any, ...] = ()

    def run(self, seed: int, effort: Effort, digits: Sequence[Subject] = ()) -> Verdict:
        """Return the verdict; `digits` are the trained classifiers where the setting needs them."""
        name = crc32(f"{self.theorem}/{self.setting}".encode())
        sequence = np.random.SeedSequence(seed, spawn_key=(name,))
        return self.judge(self, sequence, effort, digits, *self.arguments)

    @property
    def on_digits(self) -> bool:
        """Whether the check needs the trained classifiers."""
        return self.setting.startswith("digits")


Evidence = Callable[[Sequence[Subject]], Iterator[Comparison]]

_RANDOM, _DIGITS = "random networks", "digits classifier"
_COMPARED: tuple[tuple[str, Evidence, bool], ...] = (
    ("piecewise-linear", identities.piecewise_linear, False),
    ("combined-weight", identities.combined_weights, False),
    ("lrp0-is-gradient-times-input", identities.lrp0, True),
    ("conservation", identities.conservation, False),
    ("homogeneity", identities.homogeneity, True),
    ("zplus-family", identities.zplus_family, True),
    ("nfr-sign", bounds.nfr_sign, True),
)
"""Theorem, evidence, and whether it is about bias-free networks only."""


def judge_compared(
    check: Check,
    seed: np.random.SeedSequence,
    effort: Effort,
    digits: Sequence[Subject],
    evidence: Evidence,
    bias_free: bool,
) -> Verdict:
    """Judge an identity or a bound on random networks or on the digits classifiers."""
    del effort
    if check.on_digits:
        subjects = list(digits)
    else:
        rng = np.random.default_rng(seed)
        subjects = random_subjects(rng) + random_subjects(rng, bias=0.3)
    chosen = [subject for subject in subjects if subject.bias_free or not bias_free]
    if check.theorem == "monotone-net":
        chosen = [with_nonnegative_upper_weights(subject) for subject in chosen]
    settings = {
        "networks": len(chosen),
        "inputs": sum(len(subject.inputs) for subject in chosen),
        "bias": not bias_free,
    }
    return judge_comparisons(check.theorem, check.setting, evidence(chosen), settings)


def judge_curve(
    check: Check,
    seed: np.random.SeedSequence,
    effort: Effort,
    digits: Sequence[Subject],
    name: str,
) -> Verdict:
    """Judge the alignment curve for one coefficient law over the ladder of sizes."""
    del digits
    samples = []
    for size, child in zip(LADDER, seed.spawn(len(LADDER)), strict=True):
        inputs = np.random.default_rng(child).uniform(size=size[1])
        draw = curve_draw(OneLayer(inputs, size[0]), [name])
        level = ALPHA / len(LADDER)

        def decided(draws: Array, size: tuple[int, int] = size, level: float = level) -> bool:
            sample = curve_sample(name, size, draws[:, 0], effort.margin)
            return _decided(judge_means("", "", "", [sample], alpha=level))

        draws = gather_until(draw, child, decided, first=600, cap=effort.cap)
        samples.append(curve_sample(name, size, draws[:, 0], effort.margin))
    settings = {
        "ladder": [list(size) for size in LADDER],
        "margin": effort.margin,
        "alpha": ALPHA,
        "trials": [len(sample.draws) for sample in samples],
    }
    return judge_means(check.theorem, check.setting, "E cos²", samples, settings=settings)


def judge_isotropic(
    check: Check,
    seed: np.random.SeedSequence,
    effort: Effort,
    digits: Sequence[Subject],
    rows: str,
    side: str,
) -> Verdict:
    """Judge the mean attribution of one layer with isotropic rows, along or across the input."""
    del digits
    rng = np.random.default_rng(seed)
    inputs, across = rng.uniform(size=(2, 30))
    across -= inputs * (across @ inputs) / (inputs @ inputs)
    across /= np.linalg.norm(across)
    law = Gaussian() if rows == "gaussian" else Sphere()
    layer = OneLayer(inputs, 400, law)

    def samples(draws: Array) -> list[Sample]:
        both = isotropic_samples(layer, rows, draws, effort.margin)
        return [sample for sample in both if side in sample.label]

    def decided(draws: Array) -> bool:
        found = samples(draws)
        verdicts = [judge_means("", "", "", [s], alpha=ALPHA / len(found)) for s in found]
        return all(map(_decided, verdicts))

    draw = isotropic_draw(layer, across)
    draws = gather_until(draw, seed, decided, first=600, cap=effort.cap)
    settings = {"neurons": 400, "inputs": 30, "margin": effort.margin, "alpha": ALPHA}
    quantity = "E⟨g, x⟩/(n‖x‖)" if side == "along" else "E⟨g, u⟩/n, u ⊥ x"
    return judge_means(check.theorem, check.setting, quantity, samples(draws), settings=settings)


def judge_chain(
    check: Check,
    seed: np.random.SeedSequence,
    effort: Effort,
    digits: Sequence[Subject],
    rule: Method,
    joint: bool,
) -> Verdict:
    """Judge the exact law on every layer of random networks, or jointly on adjacent layers."""
    del digits
    chain = Chain(CHAIN_WIDTHS, rule)
    draw = chain.draw_joint if joint else chain.draw
    p_values = gather(draw, seed, effort.chains).ravel()
    settings = {"widths": list(CHAIN_WIDTHS), "networks": effort.chains, "alpha": ALPHA}
    quantity = "mean of p_l + p_{l+1} mod 1" if joint else "mean p-value of ‖g⊥‖²"
    return judge_law(
        check.theorem,
        check.setting,
        quantity,
        p_values,
        coarsest=effort.coarsest,
        settings=settings,
    )


def _decided(verdict: Verdict) -> bool:
    return verdict.outcome in (Outcome.HOLDS, Outcome.FAILS)


def _checks() -> Iterator[Check]:
    for setting in (_RANDOM, _DIGITS):
        for theorem, evidence, bias_free in _COMPARED:
            yield Check(theorem, setting, judge_compared, (evidence, bias_free))
        changed = f"{setting}, |W| above layer 1"
        arguments = (identities.monotone_net, False)
        yield Check("monotone-net", changed, judge_compared, arguments)
    for rows, side in product(("gaussian", "sphere"), ("along", "across")):
        setting = f"{rows} rows, {side} x"
        yield Check("isotropic-alignment", setting, judge_isotropic, (rows, side))
    for rule in CHAIN_RULES:
        yield Check("exact-law", f"random networks, {rule.name}", judge_chain, (rule, False))
    setting = f"random networks, {CHAIN_RULES[0].name}, adjacent layers jointly"
    yield Check("exact-law", setting, judge_chain, (CHAIN_RULES[0], True))
    for name in ("active", "guided", "cascade", "top"):
        yield Check("alignment-curve", f"one layer, {name}", judge_curve, (name,))


CHECKS: tuple[Check, ...] = tuple(_checks())
