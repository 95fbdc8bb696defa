"""What ours is for each record of `convolutional.npz`; NumPy and our package are all it needs.

Two things that libraries do between the layers that get a rule are no settings of ours, and are
written here as rules of one's own: captum crosses a max pooling with ε, and zennit passes
relevance through a batch normalisation unchanged.
"""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ours import relative_errors, with_float32_weights

from alignment_theory import (
    BatchNorm,
    BetaSmooth,
    Bias,
    Composite,
    Rule,
    attribute,
    dialect,
    fold_batch_norm,
    load,
)
from alignment_theory.layers import Weighted
from alignment_theory.layers.residual import Sum
from alignment_theory.rules import Crossing, Form

TARGETS = (1, 3)
SHIFTED = 0.3
RECORDS = np.load(Path(__file__).with_name("convolutional.npz"))
METHODS = [key for key in RECORDS.files if key.count("/") == 2]


@dataclass(frozen=True, eq=False)
class Placed(Composite):
    """One rule for convolutions and dense layers, perhaps another for the first, ε elsewhere."""

    weighted: Rule
    others: Rule
    lowest: Rule | None = None
    sums: Rule | None = None

    def rule_for(self, layer, *, first):
        if isinstance(layer, Sum) and self.sums is not None:
            return self.sums
        if not isinstance(layer, Weighted):
            return self.others
        return self.lowest if first and self.lowest is not None else self.weighted


class PassedOn(Rule):
    """Relevance passes a batch normalisation unchanged, as with zennit's ``Pass``."""

    form = Form.RELEVANCE

    def cross_switch(self, relevance, site):
        return Crossing(relevance)

    def cross_linear(self, relevance, site):
        return Crossing(relevance)

    def linear_matrix(self, site):
        size = site.input[0].size
        return np.broadcast_to(np.eye(size), (len(site.input), size, size))


@dataclass(frozen=True, eq=False)
class WithBatchNormPassed(Composite):
    """A composite but for batch normalisations, which pass relevance on."""

    composite: Composite

    def rule_for(self, layer, *, first):
        if isinstance(layer, BatchNorm):
            return PassedOn()
        return self.composite.rule_for(layer, first=first)


class CaptumSum(PassedOn):
    """What captum's LRP makes of ``body(a) + a``: the body gets all of R, the identity ``a ∘ R``.

    Autograd copies R to both, and the hook that multiplies by the activation of the body's first
    layer sees the sum of both.
    """

    def cross_linear(self, relevance, site):
        copied = site.layer.pullback(relevance, site.input).copy()
        copied[:, 1] *= site.input[:, 1]
        return Crossing(copied)

    def cross_selection(self, relevance, site):
        return super().cross_selection(_less_epsilon(relevance, site), site)


def _less_epsilon(relevance, site):
    return relevance * site.output / (site.output + np.where(site.output < 0, -1e-9, 1e-9))


def pooling_as_captum(rule):
    """Return a relevance rule that crosses a max pooling by ``R z / (z + 1e-9)``, z its output."""

    class Pooled(type(rule)):
        def cross_selection(self, relevance, site):
            return super().cross_selection(_less_epsilon(relevance, site), site)

    return Pooled(**{entry.name: getattr(rule, entry.name) for entry in fields(rule)})


def zennit_rule(rule, *parameters, **others):
    """Return zennit's rule at convolutions and dense layers, and its Norm at sums and pools."""
    return Placed(dialect("zennit", rule, *parameters), dialect("zennit", "Epsilon"), **others)


def captum_rule(rule, *parameters):
    """Return captum's rule at convolutions and dense layers, and its default elsewhere."""
    found = dialect("captum", rule, *parameters), dialect("captum", "Epsilon")
    return Placed(*map(pooling_as_captum, found), sums=CaptumSum())


BOX = (-1.0, 1.0)
SAME_NAME = ("Gradient", "InputTimesGradient", "GuidedBackprop", "Deconvnet", "DeepLift")
COMPOSITES = (
    *("EpsilonPlus", "EpsilonPlusFlat", "EpsilonAlpha2Beta1", "EpsilonAlpha2Beta1Flat"),
    *("ExcitationBackprop",),
)
RULES = ("Epsilon", "Gamma", "ZPlus", "AlphaBeta", "WSquare")
DEFAULTS = {"Epsilon": (1e-6,), "Gamma": (0.25,), "AlphaBeta": (2.0, 1.0)}
"""What stands before the bias among a dialect's parameters."""


def _no_bias(rule):
    return (*DEFAULTS.get(rule, ()), Bias.NONE)


ZENNIT = {
    **{name: dialect("zennit", name) for name in (*COMPOSITES, "Gradient", "GuidedBackprop")},
    "Deconvnet": dialect("zennit", "Deconvnet"),
    "BetaSmooth": BetaSmooth(),
    "IntegratedGradients": dialect("zennit", "IntegratedGradients", 0.0, 10),
    "EpsilonGammaBox": dialect("zennit", "EpsilonGammaBox", *BOX),
    "EpsilonPlus, epsilon 0.1": dialect("zennit", "EpsilonPlus", 0.1),
    "EpsilonPlus, BN passed": WithBatchNormPassed(dialect("zennit", "EpsilonPlus")),
    "ExcitationBackprop, no bias": dialect("zennit", "ExcitationBackprop", Bias.NONE),
    **{f"rule {name}": zennit_rule(name) for name in (*RULES, "Flat")},
    **{f"rule {name}, no bias": zennit_rule(name, *_no_bias(name)) for name in RULES},
    "rule Norm": zennit_rule("Epsilon"),
    "rule ZBox": zennit_rule("Epsilon", lowest=dialect("zennit", "ZBox", *BOX)),
}
CAPTUM = {
    **{name: dialect("captum", name) for name in SAME_NAME},
    "DeepLift, shifted": dialect("captum", "DeepLift", SHIFTED),
    "IntegratedGradients": dialect("captum", "IntegratedGradients", 0.0, 10),
    **{f"LRP {name}": captum_rule(name) for name in ("Epsilon", "Gamma", "ZPlus")},
    **{f"LRP {name}, no bias": captum_rule(name, *_no_bias(name)) for name in ("Gamma", "ZPlus")},
}
OURS = {"zennit": ZENNIT, "captum": CAPTUM}


@cache
def network_of(onnx):
    """Return the network in the bytes of a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(onnx)
        return load(path)


def attribution_of(key, method=None, records=RECORDS):
    """Return our attribution for a record, on merged batch normalisations where zennit has them."""
    name, library, label = key.split("/")
    method = OURS[library][label] if method is None else method
    network = network_of(records[f"{name}/onnx"].tobytes())
    if library == "zennit" and not label.endswith("BN passed"):
        network = fold_batch_norm(network)
    seed = "logit" if label.startswith("LRP") else "unit"
    return attribute(network, records[f"{name}/input"], rule=method, target=TARGETS, seed=seed)


def relevance_of(key, method=None, records=RECORDS):
    """Return our relevance for a record; captum's quadrature weights are rounded to float32."""
    attribution = attribution_of(key, method, records)
    if method is None and key.endswith("captum/IntegratedGradients"):
        return with_float32_weights(attribution)
    return attribution.relevance


def errors(found, expected):
    """Return the largest difference over the largest entry, for every sample.

    Where all of theirs is 0 ours has to be; any non-finite number gives infinity.
    """
    rows = [values.reshape(1, len(values), -1) for values in (found, expected)]
    return relative_errors(*rows)[0]
