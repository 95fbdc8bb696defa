"""What is recorded from zennit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import zennit.attribution as za
import zennit.composites as zc
import zennit.rules as zr
from peer_networks import PeerNetwork, linears
from torch import nn
from zennit.core import Composite, Stabilizer
from zennit.types import Activation, Linear

Parameters = dict[str, Any]
BOXES = {"nonnegative": (0.0, 1.0), "signed": (-1.0, 1.0)}
DEEP = ("biased", "dead")
SAME = ("shallow",)  # without convolutions these equal Epsilon, or Epsilon over Flat


@dataclass(frozen=True)
class Case:
    """A rule for all linear layers (`first`, if any, for the first one), or a named composite.

    Bounds `low` and `high` stand as None and are filled in by the kind of input; `networks` limits
    the case to some networks (None: all); `activation` says what crosses a ReLU.
    """

    rule: str
    parameters: Parameters = field(default_factory=dict)
    activation: str = "pass"
    first: tuple[str, Parameters] | None = None
    networks: tuple[str, ...] | None = None

    def applies(self, network: PeerNetwork) -> bool:
        """Whether the case says anything new on this network."""
        if self.parameters.get("zero_params") and not network.has_bias():
            return False
        return self.networks is None or network.name in self.networks


EPS = {"stabilizer": 1e-6, "zero_params": None}
NO_BIAS = {"stabilizer": 1e-6, "zero_params": "bias"}
EPSILON = {"epsilon": 1e-6, "zero_params": None}
BOX = {"low": None, "high": None}
CLIP = {"epsilon": 0.1, "clip": True}
NORM_SCALE = {"epsilon": 0.1, "norm_scale": True}

RULES = (
    Case("Epsilon", EPSILON),
    Case("Epsilon", {"epsilon": 0.1, "zero_params": None}),
    Case("Epsilon", {"epsilon": 1e-6, "zero_params": "bias"}),
    Case("Epsilon", {"epsilon": 0.0, "zero_params": None}, networks=("bias_free", "biased")),
    Case("Epsilon", {"epsilon": CLIP, "zero_params": None}, networks=("biased", "edges")),
    Case("Epsilon", {"epsilon": NORM_SCALE, "zero_params": None}, networks=("biased", "edges")),
    Case("Norm", {"stabilizer": 1e-6}, networks=SAME),
    Case("Gamma", {"gamma": 0.25, **EPS}),
    Case("Gamma", {"gamma": 1.0, **EPS}),
    Case("Gamma", {"gamma": 0.25, **NO_BIAS}, networks=("biased", "edges")),
    Case("ZPlus", EPS),
    Case("ZPlus", NO_BIAS),
    Case("AlphaBeta", {"alpha": 2.0, "beta": 1.0, **EPS}),
    Case("AlphaBeta", {"alpha": 1.0, "beta": 0.0, **EPS}),
    Case("AlphaBeta", {"alpha": 2.0, "beta": 1.0, **NO_BIAS}),
    Case("WSquare", EPS),
    Case("WSquare", NO_BIAS),
    Case("Flat", EPS),
    Case("WSquare", EPS, activation="gradient", networks=DEEP),
    Case("Flat", EPS, activation="gradient", networks=DEEP),
    Case("Epsilon", EPSILON, first=("ZBox", {**BOX, **EPS})),
    Case("ZPlus", NO_BIAS, first=("ZBox", {**BOX, **EPS}), networks=DEEP),
    Case("ZPlus", NO_BIAS, first=("WSquare", NO_BIAS), networks=DEEP),
)
NAMED = (
    Case("EpsilonPlus", {**EPSILON, "stabilizer": 1e-6}, networks=SAME),
    Case("EpsilonAlpha2Beta1", {**EPSILON, "stabilizer": 1e-6}, networks=SAME),
    Case(
        "EpsilonGammaBox",
        {**BOX, **EPSILON, "gamma": 0.25, "stabilizer": 1e-6},
        networks=SAME,
    ),
    Case("EpsilonPlusFlat", {**EPSILON, "stabilizer": 1e-6}),
    Case("EpsilonAlpha2Beta1Flat", {**EPSILON, "stabilizer": 1e-6}, networks=SAME),
    Case("ExcitationBackprop", EPS, activation="gradient"),
    Case("ExcitationBackprop", NO_BIAS, activation="gradient"),
    Case("GuidedBackprop", activation="guided"),
    Case("DeconvNet", activation="deconvolution"),
    Case("BetaSmooth", {"beta_smooth": 10.0}, activation="sigmoid"),
)


def _filled(parameters: Parameters, input_name: str) -> Parameters:
    if "low" not in parameters:
        return dict(parameters)
    low, high = BOXES[input_name]
    return {**parameters, "low": low, "high": high}


def _hook(name: str, parameters: Parameters) -> Any:
    built = {
        key: Stabilizer(**value) if isinstance(value, dict) else value
        for key, value in parameters.items()
    }
    return getattr(zr, name)(**built)


def _composite(case: Case, parameters: Parameters, first: Parameters) -> Composite:
    if case in NAMED:
        return getattr(zc, case.rule)(**parameters)
    layer_map: list[Any] = [(Linear, _hook(case.rule, parameters))]
    if case.activation == "pass":
        layer_map.append((Activation, zr.Pass()))
    if case.first is None:
        return zc.LayerMapComposite(layer_map)
    first_map = [(Linear, _hook(case.first[0], first))]
    return zc.SpecialFirstLayerMapComposite(layer_map, first_map)


def run(
    model: nn.Sequential,
    composite: Composite | None,
    x: torch.Tensor,
    seed: Callable[[torch.Tensor], torch.Tensor],
) -> list[list[list[float]]]:
    """Relevance at the input of every linear layer, read as autograd's gradient there."""
    at_inputs: list[torch.Tensor] = []
    handles = [
        layer.register_forward_pre_hook(lambda _module, args: at_inputs.append(args[0]))
        for layer in linears(model)
    ]
    x.requires_grad_()
    with (composite or Composite()).context(model):
        out = model(x)
        relevances = torch.autograd.grad(out, at_inputs, grad_outputs=seed(out))
    for handle in handles:
        handle.remove()
    return [relevance.tolist() for relevance in relevances]


def seeds_for(targets: tuple[int, ...]) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    def one_hot(out: torch.Tensor) -> torch.Tensor:
        return torch.eye(out.shape[1], dtype=out.dtype)[list(targets)]

    return {"one_hot": one_hot, "logit": lambda out: one_hot(out) * out.detach()}


def _record(rule: str, parameters: Parameters, **rest: Any) -> dict[str, Any]:
    return {"library": "zennit", "rule": rule, "parameters": parameters, "first": None, **rest}


def records(network: PeerNetwork, input_name: str) -> Iterator[dict[str, Any]]:
    """Every case on one network and one input batch.

    The seed `one_hot` is 1 at the target; `logit` is the target's logit there (LRP's usual start).
    Both are recorded on `biased` and `shallow`, elsewhere only `one_hot`.
    """
    seeds = seeds_for(network.targets)
    where = {"network": network.name, "input": input_name, "targets": list(network.targets)}
    if network.name not in ("biased", "shallow"):
        del seeds["logit"]
    yield _record(
        "Gradient",
        {},
        activation="gradient",
        seed="one_hot",
        relevance=run(network.model(), None, network.tensor(input_name), seeds["one_hot"]),
        **where,
    )
    for case in RULES + NAMED:
        if not case.applies(network):
            continue
        parameters = _filled(case.parameters, input_name)
        first = _filled(case.first[1], input_name) if case.first else {}
        for seed, seed_fn in seeds.items():
            composite = _composite(case, parameters, first)
            yield _record(
                case.rule,
                parameters,
                first={"rule": case.first[0], "parameters": first} if case.first else None,
                activation=case.activation,
                seed=seed,
                relevance=run(network.model(), composite, network.tensor(input_name), seed_fn),
                **where,
            )
    yield from _integrated(network, input_name, seeds["one_hot"], where)


def _integrated(
    network: PeerNetwork,
    input_name: str,
    seed: Callable[[torch.Tensor], torch.Tensor],
    where: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Integrated gradients; only the network's input is readable. SmoothGrad is random: absent."""
    baseline = torch.from_numpy(network.baseline)
    for name, values in (("zero", torch.zeros_like(baseline)), ("shifted", baseline)):
        attributor = za.IntegratedGradients(
            network.model(),
            n_iter=20,
            baseline_fn=lambda x, values=values: values.expand_as(x).clone(),
        )
        _, relevance = attributor(network.tensor(input_name), seed)
        yield _record(
            "IntegratedGradients",
            {"n_iter": 20, "baseline": name},
            activation="gradient",
            seed="one_hot",
            relevance=[relevance.tolist()],
            **where,
        )
