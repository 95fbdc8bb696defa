"""Other libraries' variants of the rules, by name.

The same name means different formulas in different libraries. Ours are the definitions in
`alignment_theory.rules`; `dialect("zennit", "ZPlus")` returns the rule with the settings that make
it equal to that library's, and `DIALECTS` says in words how it differs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alignment_theory.rules.base import Method
from alignment_theory.rules.gates import RectGrad
from alignment_theory.rules.lrp import Bias, Stabiliser
from alignment_theory.rules.reference import DeepLift, IntegratedGradients
from alignment_theory.rules.relevance import AlphaBeta, Epsilon, Flat, Gamma, WSquare, ZBox, ZPlus


@dataclass(frozen=True)
class Dialect:
    """One library's variant of a rule: how to build it and how it differs from ours."""

    make: Callable[..., Method]
    difference: str


def _zennit(**settings: Any) -> dict[str, Any]:
    return {"epsilon": 1e-6, "block_dead": False, **settings}


DIALECTS: dict[tuple[str, str], Dialect] = {
    ("zennit", "Epsilon"): Dialect(
        lambda epsilon=1e-6, bias=Bias.PLAIN: Epsilon(epsilon, bias, block_dead=False),
        "ReLUs pass all relevance",
    ),
    ("zennit", "Gamma"): Dialect(
        lambda gamma=0.25: Gamma(gamma, generalised=True, **_zennit()),
        "generalised form, denominators + 1e-6",
    ),
    ("zennit", "ZPlus"): Dialect(
        lambda bias=Bias.MODIFIED: ZPlus(bias=bias, **_zennit()),
        "b⁺ in the denominator, denominators + 1e-6",
    ),
    ("zennit", "AlphaBeta"): Dialect(
        lambda alpha=2.0, beta=1.0, bias=Bias.MODIFIED: AlphaBeta(
            alpha, beta, bias=bias, **_zennit()
        ),
        "b⁺ and b⁻ in the denominators, denominators + 1e-6",
    ),
    ("zennit", "WSquare"): Dialect(
        lambda bias=Bias.MODIFIED: WSquare(bias=bias, **_zennit()),
        "b² in the denominator, so relevance leaks; + 1e-6",
    ),
    ("zennit", "Flat"): Dialect(lambda: Flat(**_zennit()), "denominators + 1e-6"),
    ("zennit", "ZBox"): Dialect(
        lambda low, high: ZBox(low, high, **_zennit()), "denominators + 1e-6"
    ),
    ("captum", "Epsilon"): Dialect(
        lambda epsilon=1e-9: Epsilon(epsilon, block_dead=False), "ε = 1e-9"
    ),
    ("captum", "Gamma"): Dialect(
        lambda gamma=0.25, bias=Bias.PLAIN: Gamma(gamma, epsilon=1e-9, bias=bias, block_dead=False),
        "the bias is not modified (b, not b + γ b⁺); inputs are not split",
    ),
    ("captum", "ZPlus"): Dialect(
        lambda bias=Bias.PLAIN: ZPlus(1e-9, bias, split_input=False, block_dead=False),
        "called Alpha1_Beta0: the whole signed bias in the denominator, inputs are not split",
    ),
    ("innvestigate", "Epsilon"): Dialect(
        lambda epsilon=1e-7: Epsilon(epsilon, block_dead=False), "ε = 1e-7"
    ),
    ("innvestigate", "AlphaBeta"): Dialect(
        lambda alpha=2.0, beta=1.0: AlphaBeta(
            alpha, beta, 1e-7, Bias.PLAIN, Stabiliser.EXACT_ZEROS, block_dead=False
        ),
        "the whole bias in both denominators; only exact zeros are stabilised",
    ),
    ("innvestigate", "ZPlus"): Dialect(
        lambda: ZPlus(1e-7, stabiliser=Stabiliser.EXACT_ZEROS, block_dead=False),
        "only exact zeros are stabilised",
    ),
    ("innvestigate", "WSquare"): Dialect(
        lambda: WSquare(1e-7, stabiliser=Stabiliser.EXACT_ZEROS, block_dead=False),
        "only exact zeros are stabilised",
    ),
    ("rectgrad", "RectGrad"): Dialect(
        RectGrad.reference_code, "no floor at 0, nearest order statistic, times input"
    ),
    ("rectgrad", "RectGradMod"): Dialect(
        lambda q=98.0: RectGrad(q, "nearest", floor=False, times_input=True, magnitude=True),
        "thresholds |a ∘ g|",
    ),
    ("rectgrad", "RectGradConst"): Dialect(
        lambda threshold=0.0: RectGrad(floor=False, times_input=True, threshold=threshold),
        "a constant threshold",
    ),
    ("captum", "IntegratedGradients"): Dialect(
        lambda baseline=0.0, steps=50: IntegratedGradients(baseline, steps, "gauss"),
        "Gauss-Legendre nodes",
    ),
    ("zennit", "IntegratedGradients"): Dialect(
        lambda baseline=0.0, steps=20: IntegratedGradients(baseline, steps, "right"),
        "right Riemann sum",
    ),
    ("captum", "DeepLift"): Dialect(
        lambda baseline=0.0: DeepLift(baseline, 1e-10), "the same: tolerance 1e-10"
    ),
}


def dialect(library: str, rule: str, *parameters: Any) -> Method:
    """Return a rule as a library defines it, for instance ``dialect("zennit", "Gamma", 0.5)``.

    Raises
    ------
    ValueError
        For a library or rule that has no entry; the message lists those that have.
    """
    entry = DIALECTS.get((library, rule))
    if entry is None:
        known = ", ".join(f"{lib}:{name}" for lib, name in sorted(DIALECTS))
        raise ValueError(f"dialect: no entry {library}:{rule}; known are {known}")
    return entry.make(*parameters)
