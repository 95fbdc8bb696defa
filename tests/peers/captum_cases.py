"""What is recorded from captum."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import captum.attr as ca
import torch
from captum.attr._utils import lrp_rules
from peer_networks import PeerNetwork, linears
from torch import nn

Parameters = dict[str, Any]
Relevance = list[list[list[float]]]

LRP_RULES: tuple[tuple[str, Parameters], ...] = (
    ("EpsilonRule", {"epsilon": 1e-9}),
    ("EpsilonRule", {"epsilon": 1e-6}),
    ("GammaRule", {"gamma": 0.25, "set_bias_to_zero": False}),
    ("GammaRule", {"gamma": 0.25, "set_bias_to_zero": True}),
    ("Alpha1_Beta0_Rule", {"set_bias_to_zero": False}),
    ("Alpha1_Beta0_Rule", {"set_bias_to_zero": True}),
)
GRADIENTS: tuple[tuple[str, str, Callable[[nn.Module], Any], Parameters], ...] = (
    ("Saliency", "gradient", ca.Saliency, {"abs": False}),
    ("GuidedBackprop", "guided", ca.GuidedBackprop, {}),
    ("Deconvolution", "deconvolution", ca.Deconvolution, {}),
)
QUADRATURES = (
    ("gausslegendre", 50, "zero"),
    ("gausslegendre", 50, "shifted"),
    ("riemann_right", 20, "shifted"),
)


def _lrp(network: PeerNetwork, input_name: str, rule: str, parameters: Parameters) -> Relevance:
    """Relevance at all linear inputs; the rules are set on a fresh model, captum deletes them."""
    model = network.model()
    layers = linears(model)
    for layer in layers:
        layer.rule = getattr(lrp_rules, rule)(**parameters)
    attributor = ca.LayerLRP(model, layers)
    relevances = attributor.attribute(
        network.tensor(input_name), target=list(network.targets), attribute_to_layer_input=True
    )
    return [relevance.tolist() for relevance in relevances]


def _gradients(
    network: PeerNetwork,
    input_name: str,
    attributor: Callable[[nn.Module], Any],
    parameters: Parameters,
) -> Relevance:
    """Read the (modified) gradient at the input of every linear layer, by tensor hooks."""
    model = network.model()
    found: dict[int, torch.Tensor] = {}

    def watch(index: int) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            args[0].register_hook(lambda gradient: found.update({index: gradient.detach()}))

        return hook

    for index, layer in enumerate(linears(model)):
        layer.register_forward_pre_hook(watch(index))
    returned = attributor(model).attribute(
        network.tensor(input_name), target=list(network.targets), **parameters
    )
    if not torch.equal(returned, found[0]):
        raise RuntimeError("the hook at the network's input does not see what captum returned")
    return [found[index].tolist() for index in range(len(network.layers))]


def _layerwise(
    network: PeerNetwork,
    input_name: str,
    at_input: Callable[[nn.Module], Any],
    at_layer: Callable[[nn.Module, nn.Module], Any],
    parameters: Parameters,
) -> Relevance:
    """Use the input method for the network's input, the layer method for the layers above."""
    x, targets = network.tensor(input_name), list(network.targets)
    out = [at_input(network.model()).attribute(x, target=targets, **parameters)]
    for index in range(1, len(network.layers)):
        model = network.model()
        layer = at_layer(model, linears(model)[index])
        out.append(
            layer.attribute(
                network.tensor(input_name),
                target=targets,
                attribute_to_layer_input=True,
                **parameters,
            )
        )
    return [relevance.tolist() for relevance in out]


def _baselines(network: PeerNetwork, input_name: str) -> dict[str, torch.Tensor]:
    x = network.tensor(input_name)
    shifted = torch.from_numpy(network.baseline).expand_as(x).clone()
    return {"zero": torch.zeros_like(x), "shifted": shifted}


def _cases(
    network: PeerNetwork, input_name: str
) -> Iterator[tuple[str, Parameters, str, str, Relevance]]:
    """Rule, parameters, what crosses a ReLU, seed, relevance."""
    for rule, attributor_name, attributor, parameters in GRADIENTS:
        relevance = _gradients(network, input_name, attributor, parameters)
        yield rule, parameters, attributor_name, "one_hot", relevance
    relevance = _layerwise(network, input_name, ca.InputXGradient, ca.LayerGradientXActivation, {})
    yield "InputXGradient", {}, "gradient", "one_hot", relevance
    for rule, parameters in LRP_RULES:
        if parameters.get("set_bias_to_zero") and not network.has_bias():
            continue
        yield rule, parameters, "pass", "logit", _lrp(network, input_name, rule, parameters)
    baselines = _baselines(network, input_name)
    for name, values in baselines.items():
        relevance = _layerwise(
            network, input_name, ca.DeepLift, ca.LayerDeepLift, {"baselines": values}
        )
        yield "DeepLift", {"eps": 1e-10, "baseline": name}, "rescale", "one_hot", relevance
    for method, n_steps, name in QUADRATURES:
        returned = ca.IntegratedGradients(network.model()).attribute(
            network.tensor(input_name),
            baselines=baselines[name],
            target=list(network.targets),
            n_steps=n_steps,
            method=method,
        )
        parameters = {"method": method, "n_steps": n_steps, "baseline": name}
        yield "IntegratedGradients", parameters, "gradient", "one_hot", [returned.tolist()]


def records(network: PeerNetwork, input_name: str) -> Iterator[dict[str, Any]]:
    """Every case on one network and one input batch.

    LRP starts from the target's logit (captum multiplies by it); everything else from 1.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum warns whenever it sets hooks
        for rule, parameters, activation, seed, relevance in _cases(network, input_name):
            yield {
                "library": "captum",
                "rule": rule,
                "parameters": parameters,
                "first": None,
                "activation": activation,
                "seed": seed,
                "network": network.name,
                "input": input_name,
                "targets": list(network.targets),
                "relevance": relevance,
            }
