"""Ours, in each library's dialect, equals what zennit and captum computed (`reference.json`)."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import ours
import pytest

from alignment_theory import (
    DIALECTS,
    Bias,
    Epsilon,
    Form,
    Method,
    Network,
    Stabiliser,
    attribute,
    dialect,
)

NETWORKS, RECORDS = ours.stored()

_NO_SUCH_EPSILON = "epsilon = 0.1 sqrt(mean z²) differs by layer and by sample; ours is one number"
UNEXPRESSIBLE = {
    f"zennit:Epsilon-epsilon=epsilon:0.1+norm_scale:True-zero_params=None-{where}": _NO_SUCH_EPSILON
    for where in (
        "biased-nonnegative-one_hot",
        "biased-nonnegative-logit",
        "biased-signed-one_hot",
        "biased-signed-logit",
        "edges-nonnegative-one_hot",
        "edges-signed-one_hot",
    )
}
"""Records that none of our methods expresses, and why; `PerSample` below still explains them."""

DEFAULTS = {
    ("zennit", "Epsilon"): "zennit:Epsilon-epsilon=1e-06-zero_params=None",
    ("zennit", "Gamma"): "zennit:Gamma-gamma=0.25-stabilizer=1e-06-zero_params=None",
    (
        "zennit",
        "AlphaBeta",
    ): "zennit:AlphaBeta-alpha=2.0-beta=1.0-stabilizer=1e-06-zero_params=None",
    ("zennit", "ZPlus"): "zennit:ZPlus-stabilizer=1e-06-zero_params=None",
    ("zennit", "ExcitationBackprop"): "zennit:ExcitationBackprop-stabilizer=1e-06-zero_params=None",
    **{
        ("zennit", name): f"zennit:{name}-epsilon=1e-06-zero_params=None-stabilizer=1e-06"
        for name in (
            *("EpsilonPlus", "EpsilonPlusFlat"),
            *("EpsilonAlpha2Beta1", "EpsilonAlpha2Beta1Flat"),
        )
    },
    ("zennit", "EpsilonGammaBox"): (
        "zennit:EpsilonGammaBox-low=-1.0-high=1.0-epsilon=1e-06-zero_params=None"
        "-gamma=0.25-stabilizer=1e-06"
    ),
    ("zennit", "IntegratedGradients"): "zennit:IntegratedGradients-n_iter=20-baseline=zero",
    ("captum", "Epsilon"): "captum:EpsilonRule-epsilon=1e-09",
    ("captum", "Gamma"): "captum:GammaRule-gamma=0.25-set_bias_to_zero=False",
    ("captum", "ZPlus"): "captum:Alpha1_Beta0_Rule-set_bias_to_zero=False",
    ("captum", "DeepLift"): "captum:DeepLift-eps=1e-10-baseline=zero",
    ("captum", "IntegratedGradients"): (
        "captum:IntegratedGradients-method=gausslegendre-n_steps=50-baseline=zero"
    ),
}
"""The record with the library's own default parameters, for dialects that have parameters."""


@pytest.mark.parametrize("name", [name for name in RECORDS if name not in UNEXPRESSIBLE])
def test_equals_the_record(name):
    record = RECORDS[name]
    ours.assert_same(record, NETWORKS[record["network"]])


@pytest.mark.parametrize("key", DEFAULTS, ids=":".join)
def test_a_dialect_without_parameters_has_the_defaults_of_its_library(key):
    prefix = DEFAULTS[key] + "-"
    names = [name for name in RECORDS if name.startswith(prefix) and not RECORDS[name]["first"]]
    assert names
    for name in names:
        stored = NETWORKS[RECORDS[name]["network"]]
        ours.assert_same(RECORDS[name], stored, method=dialect(*key))


def test_all_records_are_there_under_names_of_their_own():
    records = ours.reference()["records"]
    assert len(RECORDS) == len(records) == 446
    assert Counter(r["library"] for r in records) == {"zennit": 315, "captum": 131}
    assert {r["network"] for r in records} == set(NETWORKS)


def test_exactly_the_listed_records_cannot_be_expressed():
    refused = set()
    for name, record in RECORDS.items():
        try:
            assert isinstance(ours.method_of(record, NETWORKS[record["network"]]), Method)
        except NotImplementedError:
            refused.add(name)
    assert refused == set(UNEXPRESSIBLE)


def test_every_dialect_of_the_two_libraries_is_judged(monkeypatch):
    used = set()

    def watch(library, rule, *parameters):
        used.add((library, rule))
        return dialect(library, rule, *parameters)

    monkeypatch.setattr(ours, "dialect", watch)
    for name, record in RECORDS.items():
        if name not in UNEXPRESSIBLE:
            ours.method_of(record, NETWORKS[record["network"]])
    assert used == {key for key in DIALECTS if key[0] in ("zennit", "captum")}


def test_forward_runs_agree():
    for stored in NETWORKS.values():
        network = ours.network_of(stored)
        for name, values in stored["inputs"].items():
            logits = np.array(stored["logits"][name])
            error = np.abs(network.forward(np.array(values)).output - logits)
            assert error.max() <= 1e-13 * np.abs(logits).max()


@dataclass(frozen=True, eq=False)
class PerSample(Method):
    """zennit's norm_scale for one sample: an ε for every layer, from the forward run."""

    scale: float
    rules: tuple = ()
    form = Form.RELEVANCE

    def bind(self, trace):
        sizes = [np.sqrt((site.output**2).mean()) for site in trace.sites]
        rules = tuple(Epsilon(self.scale * size, block_dead=False) for size in sizes)
        return PerSample(self.scale, rules)

    def assign(self, network):
        return self.rules


@pytest.mark.parametrize("name", UNEXPRESSIBLE)
def test_what_cannot_be_expressed_is_understood_sample_by_sample(name):
    record = RECORDS[name]
    method = PerSample(record["parameters"]["epsilon"]["epsilon"])
    stored = NETWORKS[record["network"]]
    for i, target in enumerate(record["targets"]):
        one = deepcopy(stored)
        one["inputs"][record["input"]] = [stored["inputs"][record["input"]][i]]
        part = [[layer[i]] for layer in record["relevance"]]
        ours.assert_same({**record, "targets": [target], "relevance": part}, one, method=method)


AS_CONVOLUTIONS = {
    ("EpsilonPlus",): ("ZPlus-stabilizer", ["ZPlus"] * 3),
    ("EpsilonPlusFlat",): ("ZPlus-stabilizer", ["Flat", "ZPlus", "ZPlus"]),
    ("EpsilonAlpha2Beta1",): ("AlphaBeta-alpha=2.0-beta=1.0-stabilizer", ["AlphaBeta"] * 3),
    ("EpsilonAlpha2Beta1Flat",): (
        "AlphaBeta-alpha=2.0-beta=1.0-stabilizer",
        ["Flat", "AlphaBeta", "AlphaBeta"],
    ),
    ("EpsilonGammaBox", -1.0, 1.0): ("Gamma-gamma=0.25-stabilizer", ["ZBox", "Gamma", "Gamma"]),
}
"""What zennit's composites give three convolutions, and the record with the rule of the upper."""


@pytest.mark.parametrize("call", AS_CONVOLUTIONS, ids=lambda call: call[0])
def test_composites_treat_convolutions_as_zennit_does(call):
    prefix, rules = AS_CONVOLUTIONS[call]
    record = RECORDS[f"zennit:{prefix}=1e-06-zero_params=None-biased-signed-one_hot"]
    stored, method = NETWORKS["biased"], dialect("zennit", *call)
    network = ours.as_convolutions(ours.network_of(stored), 3)
    for rule, name in zip(method.assign(network)[::2], rules, strict=True):
        single = dialect("zennit", name, *call[1:] if name == "ZBox" else ())
        assert type(rule) is type(single)
        assert vars(rule) == vars(single)
    attribution = ours.attribution_of(record, stored, method, network)
    same = slice(0 if rules[0] == rules[1] else 1, None)
    found = ours.relevances_of(record, stored, attribution)[same]
    assert (ours.relative_errors(found, record["relevance"][same]) <= ours.RELATIVE).all()


@pytest.mark.parametrize(("z", "wanted"), [(-0.05, 0.5), (0.05, 0.5), (-0.2, 1), (0.2, 1), (0, 0)])
def test_clipped_denominators_keep_their_sign(z, wanted):
    """By hand, no record has a small negative z: the stabiliser is sgn(z) max(|z|, 0.1)."""
    rule = dialect("zennit", "Epsilon", 0.1, Bias.PLAIN, Stabiliser.CLIP)
    found = attribute(Network.mlp([[[z]]]), [1.0], rule=rule, seed="unit").relevance
    assert found == pytest.approx([wanted], rel=1e-15)


@pytest.mark.parametrize("change", [1e-9, -1e-9, np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 2])
def test_the_comparison_sees_a_small_change_of_one_number(change, layer):
    record = deepcopy(RECORDS["zennit:Gradient-biased-signed-one_hot"])
    row = record["relevance"][layer][1]
    row[0] += change * max(map(abs, row))
    with pytest.raises(AssertionError, match="largest relative error"):
        ours.assert_same(record, NETWORKS["biased"])


def test_the_comparison_sees_relevance_where_theirs_is_zero():
    errors = ours.relative_errors([np.array([[0, 1e-300], [0, 0]])], [[[0, 0], [0, 0]]])
    assert errors.tolist() == [[np.inf, 0]]


def test_the_bound_on_rounded_weights_is_not_loose():
    """Without the rounding captum's integral is off by a tenth of the bound or more somewhere."""
    shares = []
    for name, record in RECORDS.items():
        if name.startswith("captum:IntegratedGradients"):
            stored = NETWORKS[record["network"]]
            attribution = ours.attribution_of(record, stored)
            difference = np.abs(attribution.relevance - np.array(record["relevance"][0]))
            bound = ours.quadrature_bound(attribution)
            shares.append((difference[bound > 0] / bound[bound > 0]).max())
    assert len(shares) == 27
    assert 0.1 <= max(shares) <= 1
