"""What our package computes for a record of another library, and how the two are compared.

A record is a line of `reference.json` (`generate.py` documents it), or one made afresh by the
installed libraries. NumPy and our package are all that is needed here.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from alignment_theory import (
    BetaSmooth,
    Bias,
    Composite,
    Conv2d,
    Network,
    Rule,
    Stabiliser,
    attribute,
    dialect,
)

RELATIVE = 1e-10
"""Largest difference allowed, relative to the largest relevance of the sample in the layer."""


@dataclass(frozen=True, eq=False)
class FirstOther(Composite):
    """One rule for the first linear layer and another for the rest."""

    lowest: Rule
    rest: Rule

    def rule_for(self, layer, *, first):
        return self.lowest if first else self.rest


class Pointwise(Conv2d):
    """A 1 x 1 convolution on one pixel, whose samples are the vectors of a dense layer."""

    def __init__(self, dense):
        super().__init__(dense.weight[:, :, np.newaxis, np.newaxis], dense.bias)
        for name in ("output_shape", "forward", "apply", "pullback", "matrix", "bias_vector"):
            object.__setattr__(self, name, getattr(dense, name))


def as_convolutions(network, count):
    """Return the network with its first linear layers, `count` of them, as convolutions."""
    layers = list(network.layers)
    layers[: 2 * count : 2] = map(Pointwise, layers[: 2 * count : 2])
    return Network(layers, network.input_shape)


@cache
def reference():
    """Return the stored file."""
    return json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))


def stored():
    """Return the stored networks and records, both by name."""
    return reference()["networks"], {name_of(record): record for record in reference()["records"]}


def name_of(record):
    """Name a record: library, rule, parameters, network, input, seed."""
    settings = [f"{key}={_short(value)}" for key, value in record["parameters"].items()]
    if record["first"]:
        settings.append(f"first={record['first']['rule']}")
    if (record["rule"], record["activation"]) in (("WSquare", "gradient"), ("Flat", "gradient")):
        settings.append("gradient")
    where = [record["network"], record["input"], record["seed"]]
    return "-".join([f"{record['library']}:{record['rule']}", *settings, *where])


def _short(value):
    if isinstance(value, dict):
        return "+".join(f"{key}:{entry}" for key, entry in value.items())
    return str(value)


def network_of(stored):
    """Return a stored network as ours."""
    layers = stored["layers"]
    return Network.mlp([layer["weight"] for layer in layers], [layer["bias"] for layer in layers])


def baseline_of(name, stored):
    """Return the stored baseline of a name."""
    return np.array(stored["baseline"]) * (name == "shifted")


def method_of(record, stored):
    """Return our method for a record: the library's dialect, or our rule where there is none."""
    library, rule, parameters = record["library"], record["rule"], record["parameters"]
    if library == "captum":
        return _captum(rule, parameters, stored)
    if record["first"]:
        lowest = _zennit(record["first"]["rule"], record["first"]["parameters"], stored)
        return FirstOther(lowest, _zennit(rule, parameters, stored))
    method = _zennit(rule, parameters, stored)
    if rule in ("WSquare", "Flat"):
        return replace(method, block_dead=record["activation"] == "gradient")
    return method


def _zennit(rule, parameters, stored):
    assert parameters.get("stabilizer", 1e-6) == 1e-6, "no dialect has another stabilizer"
    no_bias = [Bias.NONE] if parameters.get("zero_params") == "bias" else []
    match rule:
        case "Epsilon" if isinstance(parameters["epsilon"], dict):
            if not parameters["epsilon"].get("clip"):
                raise NotImplementedError("no rule has an epsilon that depends on the sample")
            epsilon = parameters["epsilon"]["epsilon"]
            return dialect("zennit", rule, epsilon, Bias.PLAIN, Stabiliser.CLIP)
        case "Epsilon":
            return dialect("zennit", rule, parameters["epsilon"], *no_bias)
        case "Norm":  # equal on linear layers
            return dialect("zennit", "Epsilon", parameters["stabilizer"])
        case "Gamma":
            return dialect("zennit", rule, parameters["gamma"], *no_bias)
        case "AlphaBeta":
            return dialect("zennit", rule, parameters["alpha"], parameters["beta"], *no_bias)
        case "ZPlus" | "WSquare" | "ExcitationBackprop":
            return dialect("zennit", rule, *no_bias)
        case "ZBox":
            return dialect("zennit", rule, parameters["low"], parameters["high"])
        case "EpsilonGammaBox":
            names = ("low", "high", "epsilon", "gamma")
            return dialect("zennit", rule, *(parameters[name] for name in names))
        case "EpsilonPlus" | "EpsilonPlusFlat" | "EpsilonAlpha2Beta1" | "EpsilonAlpha2Beta1Flat":
            return dialect("zennit", rule, parameters["epsilon"])
        case "IntegratedGradients":
            baseline = baseline_of(parameters["baseline"], stored)
            return dialect("zennit", rule, baseline, parameters["n_iter"])
        case "BetaSmooth":
            return BetaSmooth(parameters["beta_smooth"])
        case "DeconvNet":
            return dialect("zennit", "Deconvnet")
        case "Flat" | "Gradient" | "GuidedBackprop":
            return dialect("zennit", rule)
    raise LookupError(f"nothing of ours is named for zennit's {rule}")


def _captum(rule, parameters, stored):
    no_bias = [Bias.NONE] if parameters.get("set_bias_to_zero") else []
    match rule:
        case "EpsilonRule":
            return dialect("captum", "Epsilon", parameters["epsilon"])
        case "GammaRule":
            return dialect("captum", "Gamma", parameters["gamma"], *no_bias)
        case "Alpha1_Beta0_Rule":
            return dialect("captum", "ZPlus", *no_bias)
        case "DeepLift":
            assert parameters["eps"] == 1e-10
            return dialect("captum", rule, baseline_of(parameters["baseline"], stored))
        case "IntegratedGradients":
            quadrature = {"gausslegendre": "gauss", "riemann_right": "right"}[parameters["method"]]
            baseline = baseline_of(parameters["baseline"], stored)
            return dialect("captum", rule, baseline, parameters["n_steps"], quadrature)
    names = {
        "Saliency": "Gradient",
        "InputXGradient": "InputTimesGradient",
        "GuidedBackprop": "GuidedBackprop",
        "Deconvolution": "Deconvnet",
    }
    return dialect("captum", names[rule])


def attribution_of(record, stored, method=None, network=None):
    """Return our attribution on the record's network, input, targets and seed."""
    method = method_of(record, stored) if method is None else method
    network = network_of(stored) if network is None else network
    seed = {"one_hot": "unit", "logit": "logit"}[record["seed"]]
    inputs = np.array(stored["inputs"][record["input"]])
    targets = record["targets"]
    return attribute(network, inputs, rule=method, target=targets, seed=seed)


def relevances_of(record, stored, attribution):
    """Return our relevance at the input of every linear layer that the record has.

    At hidden layers, captum multiplies what travels with the activation, for DeepLift less that
    of the baseline.
    """
    sites = attribution.trace.sites[::2]
    factors = [1] * len(sites)
    if record["rule"] == "InputXGradient":
        factors = [site.input for site in sites]
    elif record["rule"] == "DeepLift":
        baseline = baseline_of(record["parameters"]["baseline"], stored)
        other = attribution.trace.network.forward(baseline)
        factors = [
            site.input - low for site, low in zip(sites, other.activations[::2], strict=False)
        ]
    places = range(1, len(record["relevance"]))
    return [attribution.relevance, *(factors[k] * attribution.batched[2 * k] for k in places)]


def relative_errors(ours, theirs):
    """Return for every layer and sample the largest difference over the largest relevance.

    Where their relevance is all 0, ours has to be; any non-finite number gives infinity.
    """
    rows = []
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, map(np.array, theirs), strict=True):
        assert mine.shape == other.shape
        finite = np.isfinite(mine).all(axis=1) & np.isfinite(other).all(axis=1)
        mine, other = (np.where(finite[:, np.newaxis], values, 0) for values in (mine, other))
        difference, size = np.abs(mine - other).max(axis=1), np.abs(other).max(axis=1)
        exact = np.where(difference == 0, 0, np.inf)
        error = np.where(size == 0, exact, difference / np.where(size == 0, 1, size))
        rows.append(np.where(finite, error, np.inf))
    return np.array(rows)


def quadrature_bound(attribution):
    """Return how far weights rounded to float32 can move an integral, per sample and unit.

    captum keeps its quadrature weights in float32, each off by at most 2**-24 of itself, so that
    the integral moves by at most ``2**-24 Σ_k w_k |∇f_k| |x - x'|``.
    """
    steps = sum(weight * np.abs(run.batched[0]) for weight, run in attribution.runs)
    return 2**-24 * steps * np.abs(_displacement(attribution))


def with_float32_weights(attribution):
    """Return the integral with the weights that captum has in fact."""
    total = sum(np.float64(np.float32(w)) * run.batched[0] for w, run in attribution.runs)
    return total * _displacement(attribution)


def _displacement(attribution):
    return attribution.trace.sites[0].input - attribution.method.baseline


def assert_same(record, stored, method=None):
    """Assert that ours equals a record at every layer that it has."""
    attribution = attribution_of(record, stored, method)
    ours = relevances_of(record, stored, attribution)
    if record["library"] == "captum" and record["rule"] == "IntegratedGradients":
        theirs = np.array(record["relevance"][0])
        size = np.abs(theirs).max(axis=1, keepdims=True)
        difference = np.abs(ours[0] - theirs)
        assert (difference <= quadrature_bound(attribution) + RELATIVE * size).all()
        ours = [with_float32_weights(attribution)]
    errors = relative_errors(ours, record["relevance"])
    assert (errors <= RELATIVE).all(), f"largest relative error by layer {errors.max(axis=1)}"
