"""Other libraries' variants of the rules, by name.

The same name means different formulas in different libraries. Ours are the definitions in
`alignment_theory.rules`; `dialect("zennit", "ZPlus")` returns the rule with the settings that make
it equal to that library's, and `DIALECTS` says in words how it differs. Entries go by our names;
where a library uses another one, the difference says so. zennit and captum were run; the others
were read: innvestigate 2.1, RelevancePropagation.jl ("rpjl"), RectGrad's code of 2019, its port in
"When Explanations Lie" ("wel"), TorchRay.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from alignment_theory.layers import Linear, Weighted
from alignment_theory.rules.base import Method, Rule
from alignment_theory.rules.composite import (
    Composite,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
)
from alignment_theory.rules.gates import (
    Deconvnet,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
)
from alignment_theory.rules.input_layer import Flat, WSquare, ZBox
from alignment_theory.rules.lrp import Bias, LinearRule, Pooling, Stabiliser
from alignment_theory.rules.rectgrad import RectGrad
from alignment_theory.rules.reference import DeepLift, IntegratedGradients
from alignment_theory.rules.relevance import AlphaBeta, Epsilon, Gamma, ZPlus


@dataclass(frozen=True)
class Dialect:
    """One library's variant of a rule: how to build it and how it differs from ours."""

    make: Callable[..., Method]
    difference: str


_Named = Epsilon | Gamma | ZPlus | AlphaBeta | WSquare | Flat | ZBox


def _zennit(rule: _Named, bias: Bias = Bias.MODIFIED, *, block_dead: bool = False) -> LinearRule:
    """Return one of our rules with zennit's settings; ``Bias.NONE`` is ``zero_params="bias"``."""
    if isinstance(rule, Epsilon):
        kept = Bias.NONE if bias == Bias.NONE else Bias.PLAIN
        return replace(rule, bias=kept, block_dead=block_dead)
    settings: dict[str, Any] = {"epsilon": 1e-6, "block_dead": block_dead}
    if isinstance(rule, Gamma | ZPlus | AlphaBeta | WSquare):
        settings["bias"] = bias
    if isinstance(rule, Gamma):
        settings["generalised"] = True
    return replace(rule, **settings)


@dataclass(frozen=True, eq=False)
class ZennitComposite(Composite):
    """One of our composites with every rule in zennit's dialect.

    Dense layers and convolutions get the rule that ours gives them; average poolings, sums and
    batch normalisations zennit's ``Norm``, which is ε with 1e-6 (zennit passes relevance through a
    batch normalisation unless it is merged). `bias` and `block_dead` are those of every rule
    (False: zennit's ``Pass`` at the ReLUs, True: no rule there, which is the gradient).
    """

    composite: Composite
    bias: Bias = Bias.MODIFIED
    block_dead: bool = False

    @property
    def seed(self) -> str:
        """The seed of our composite; zennit has none, its caller gives the relevance on top."""
        return self.composite.seed

    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return zennit's variant of the rule that our composite gives the layer."""
        weighted = isinstance(layer, Weighted)
        rule = self.composite.rule_for(layer, first=first) if weighted else Epsilon(1e-6)
        assert isinstance(rule, _Named)
        return _zennit(rule, Bias(self.bias), block_dead=self.block_dead)


def _exact_zeros(rule: ZPlus | WSquare | Flat | ZBox) -> LinearRule:
    """Return a rule with innvestigate's division: 1e-7 where a denominator is exactly 0."""
    return replace(rule, epsilon=1e-7, stabiliser=Stabiliser.EXACT_ZEROS, block_dead=False)


_SAME = "the same"
_EXACT_ZEROS = "only exact zeros are stabilised"
_RULES_OF_ZENNIT = "every rule in zennit's dialect (denominators + 1e-6, biases count)"

DIALECTS: dict[tuple[str, str], Dialect] = {
    ("zennit", "Gradient"): Dialect(Gradient, _SAME),
    ("zennit", "GuidedBackprop"): Dialect(GuidedBackprop, _SAME),
    ("zennit", "Deconvnet"): Dialect(Deconvnet, "the same; called DeconvNet"),
    ("zennit", "IntegratedGradients"): Dialect(
        lambda baseline=0.0, steps=20: IntegratedGradients(baseline, steps, "right"),
        "right Riemann sum",
    ),
    ("zennit", "Epsilon"): Dialect(
        lambda epsilon=1e-6, bias=Bias.PLAIN, stabiliser=Stabiliser.SIGN: Epsilon(
            epsilon, bias, stabiliser, block_dead=False
        ),
        "the same; ReLUs pass all relevance, but at dead units it is 0",
    ),
    ("zennit", "Gamma"): Dialect(
        lambda gamma=0.25, bias=Bias.MODIFIED: _zennit(Gamma(gamma), bias),
        "generalised form, denominators + 1e-6",
    ),
    ("zennit", "ZPlus"): Dialect(
        lambda bias=Bias.MODIFIED: _zennit(ZPlus(), bias),
        "b⁺ in the denominator, denominators + 1e-6",
    ),
    ("zennit", "AlphaBeta"): Dialect(
        lambda alpha=2.0, beta=1.0, bias=Bias.MODIFIED: _zennit(AlphaBeta(alpha, beta), bias),
        "b⁺ and b⁻ in the denominators, denominators + 1e-6",
    ),
    ("zennit", "WSquare"): Dialect(
        lambda bias=Bias.MODIFIED: _zennit(WSquare(), bias),
        "b² in the denominator, so relevance leaks; + 1e-6; dead units pass relevance on",
    ),
    ("zennit", "Flat"): Dialect(
        lambda: _zennit(Flat()), "denominators + 1e-6; dead units pass relevance on"
    ),
    ("zennit", "ZBox"): Dialect(lambda low, high: _zennit(ZBox(low, high)), "denominators + 1e-6"),
    ("zennit", "EpsilonPlus"): Dialect(
        lambda epsilon=1e-6: ZennitComposite(EpsilonPlus(epsilon)),
        "the same on dense layers; zennit's ZPlus at convolutions",
    ),
    ("zennit", "EpsilonPlusFlat"): Dialect(
        lambda epsilon=1e-6: ZennitComposite(EpsilonPlus(epsilon, flat_first=True)),
        f"EpsilonPlus with flat_first; {_RULES_OF_ZENNIT}",
    ),
    ("zennit", "EpsilonAlpha2Beta1"): Dialect(
        lambda epsilon=1e-6: ZennitComposite(EpsilonAlpha2Beta1(epsilon)),
        "the same on dense layers; zennit's AlphaBeta at convolutions",
    ),
    ("zennit", "EpsilonAlpha2Beta1Flat"): Dialect(
        lambda epsilon=1e-6: ZennitComposite(EpsilonAlpha2Beta1(epsilon, flat_first=True)),
        f"EpsilonAlpha2Beta1 with flat_first; {_RULES_OF_ZENNIT}",
    ),
    ("zennit", "EpsilonGammaBox"): Dialect(
        lambda low=0.0, high=1.0, epsilon=1e-6, gamma=0.25: ZennitComposite(
            EpsilonGammaBox(low, high, epsilon, gamma, box_dense=False)
        ),
        f"no box where the first layer is dense; {_RULES_OF_ZENNIT}",
    ),
    ("zennit", "ExcitationBackprop"): Dialect(
        lambda bias=Bias.MODIFIED: ZennitComposite(ExcitationBackprop(), bias, block_dead=True),
        "b⁺ in the denominators, so relevance leaks; + 1e-6",
    ),
    ("captum", "Gradient"): Dialect(Gradient, "the same; called Saliency(abs=False)"),
    ("captum", "InputTimesGradient"): Dialect(
        InputTimesGradient, "the same; called InputXGradient"
    ),
    ("captum", "GuidedBackprop"): Dialect(GuidedBackprop, _SAME),
    ("captum", "Deconvnet"): Dialect(Deconvnet, "the same; called Deconvolution"),
    ("captum", "DeepLift"): Dialect(
        lambda baseline=0.0: DeepLift(baseline, 1e-10),
        "the same, tolerance 1e-10, but at a max pooling that does not follow a ReLU",
    ),
    ("captum", "IntegratedGradients"): Dialect(
        lambda baseline=0.0, steps=50, quadrature="gauss": IntegratedGradients(
            baseline, steps, quadrature
        ),
        "the same nodes, but weights rounded to float32: relative error up to 2**-24 a node",
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
    ("innvestigate", "LRP0"): Dialect(
        lambda: Epsilon(1e-7, stabiliser=Stabiliser.EXACT_ZEROS, block_dead=False),
        "called lrp.z; only exact zeros are stabilised",
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
    ("innvestigate", "ZPlus"): Dialect(lambda: _exact_zeros(ZPlus()), _EXACT_ZEROS),
    ("innvestigate", "WSquare"): Dialect(lambda: _exact_zeros(WSquare()), _EXACT_ZEROS),
    ("innvestigate", "Flat"): Dialect(lambda: _exact_zeros(Flat()), _EXACT_ZEROS),
    ("innvestigate", "ZBox"): Dialect(
        lambda low=-1.0, high=1.0: _exact_zeros(ZBox(low, high)),
        f"called BoundedRule, the box is [-1, 1]; {_EXACT_ZEROS}",
    ),
    ("rpjl", "Epsilon"): Dialect(lambda epsilon=1e-6: Epsilon(epsilon, block_dead=False), _SAME),
    ("rpjl", "Gamma"): Dialect(
        lambda gamma=0.25, generalised=False: replace(
            Gamma(gamma, generalised), epsilon=1e-9, block_dead=False
        ),
        "denominators + 1e-9",
    ),
    ("rpjl", "ZPlus"): Dialect(
        lambda: ZPlus(1e-9, Bias.MODIFIED, block_dead=False),
        "b⁺ in the denominator, denominators + 1e-9",
    ),
    ("rpjl", "AlphaBeta"): Dialect(
        lambda alpha=2.0, beta=1.0: AlphaBeta(alpha, beta, 1e-9, Bias.MODIFIED, block_dead=False),
        "b⁺ and b⁻ in the denominators, denominators + 1e-9",
    ),
    ("rpjl", "WSquare"): Dialect(lambda: WSquare(1e-9, block_dead=False), "denominators + 1e-9"),
    ("rpjl", "Flat"): Dialect(lambda: Flat(1e-9, block_dead=False), "denominators + 1e-9"),
    ("rpjl", "ZBox"): Dialect(
        lambda low, high: ZBox(low, high, 1e-9, block_dead=False), "denominators + 1e-9"
    ),
    ("torchray", "ExcitationBackprop"): Dialect(
        lambda: ZPlus(1e-20, stabiliser=Stabiliser.ADD, split_input=False),
        "denominators + 1e-20 (unsigned); inputs are not split; the seed is 1",
    ),
    ("wel", "RectGrad"): Dialect(
        lambda q=98.0: RectGrad(q, "nearest"),
        "nearest order statistic; τ may be negative, but dead units stay closed: ours is equal "
        "where τ >= 0",
    ),
    ("rectgrad", "RectGrad"): Dialect(
        RectGrad.reference_code,
        "no floor at 0, nearest order statistic (of two the larger), times input; on images "
        "padding_trick=True, the same for 3 x 3 windows",
    ),
    ("rectgrad", "RectGradMod"): Dialect(
        lambda q=98.0: RectGrad(q, "nearest", floor=False, times_input=True, magnitude=True),
        "thresholds the size of a ∘ g; its exception for ops named Logits is not ours",
    ),
    ("rectgrad", "RectGradPRR"): Dialect(
        lambda q=98.0: replace(RectGrad.reference_code(q), pooling=Pooling.PROPORTIONAL),
        "as RectGrad; max poolings are crossed in proportion",
    ),
    ("rectgrad", "RectGradConst"): Dialect(
        lambda threshold=0.0: RectGrad(floor=False, times_input=True, threshold=threshold),
        "a constant threshold",
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
