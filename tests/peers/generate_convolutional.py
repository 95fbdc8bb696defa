"""Record what zennit and captum compute on small convolutional networks.

The libraries are not needed to run the tests, only to record again (see `generate.py`)::

    pip install onnx
    python tests/peers/generate_convolutional.py [where/to/write.npz]

For each network NAME the file has ``NAME/onnx`` (the bytes that torch exports), ``NAME/input``,
``NAME/logits``, and ``NAME/LIBRARY/METHOD``, the attribution of `TARGETS`, float64. The seed is 1,
for captum's LRP the logit. METHOD is our name of the method, perhaps with a variant after a comma;
`convolutional_cases.py` says what ours is for each.

zennit sees the residual network with `zennit.layer.Sum` for the sums, and merges batch
normalisations (`SequentialMergeBatchNorm`) but for the variant "BN passed". captum's LRP sees the
networks with a function in place of the `nn.Flatten` that it refuses.
"""

from __future__ import annotations

import copy
import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from convolutional_networks import Block, Convolutional, Flattening, convolutional_networks
from generate import stub_torchvision
from torch import nn

TARGETS = (1, 3)
SHIFTED = 0.3
"""The baseline of the variant "shifted"."""

Records = Iterator[tuple[str, torch.Tensor]]


def captum_records(network: Convolutional) -> Records:
    """Yield what is read as a gradient, DeepLIFT, integrated gradients and LRP."""
    import captum.attr as ca

    def run(method: Any, **settings: Any) -> torch.Tensor:
        inputs = network.inputs.clone().requires_grad_()
        attributor = method(copy.deepcopy(network.model))
        return attributor.attribute(inputs, target=torch.tensor(TARGETS), **settings)

    yield "Gradient", run(ca.Saliency, abs=False)
    yield "InputTimesGradient", run(ca.InputXGradient)
    yield "GuidedBackprop", run(ca.GuidedBackprop)
    yield "Deconvnet", run(ca.Deconvolution)
    yield "DeepLift", run(ca.DeepLift)
    shifted = torch.full_like(network.inputs, SHIFTED)
    yield "DeepLift, shifted", run(ca.DeepLift, baselines=shifted)
    yield "IntegratedGradients", run(ca.IntegratedGradients, n_steps=10)
    yield from captum_lrp(network)


def captum_lrp(network: Convolutional) -> Records:
    """Yield captum's LRP with one rule at convolutions and dense layers, its default elsewhere."""
    import captum.attr as ca
    from captum.attr._utils import lrp_rules

    rules = {
        "Epsilon": lambda: lrp_rules.EpsilonRule(),
        "Gamma": lambda: lrp_rules.GammaRule(),
        "ZPlus": lambda: lrp_rules.Alpha1_Beta0_Rule(),
    }
    if has_bias(network.model):
        rules["Gamma, no bias"] = lambda: lrp_rules.GammaRule(set_bias_to_zero=True)
        rules["ZPlus, no bias"] = lambda: lrp_rules.Alpha1_Beta0_Rule(set_bias_to_zero=True)
    for name, rule in rules.items():
        model = Flattening(copy.deepcopy(network.model))
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.rule = rule()  # type: ignore[assignment]
        found = ca.LRP(model).attribute(network.inputs.clone(), target=torch.tensor(TARGETS))
        yield f"LRP {name}", found


def has_bias(model: nn.Module) -> bool:
    """Whether any layer has a bias."""
    return any(name.endswith("bias") for name, _ in model.named_parameters())


def zennit_records(network: Convolutional) -> Records:
    """Yield every composite, and every rule given to all convolutions and dense layers."""
    from zennit.attribution import Gradient, IntegratedGradients

    seed = torch.eye(4)[list(TARGETS)]
    for name, composite in zennit_composites(network):
        with Gradient(model=zennit_model(network), composite=composite) as attributor:
            _, found = attributor(network.inputs.clone(), seed)
        yield name, found
    integrated = IntegratedGradients(zennit_model(network), n_iter=10)
    yield "IntegratedGradients", integrated(network.inputs.clone(), seed)[1]


def zennit_model(network: Convolutional) -> nn.Module:
    """Return a copy whose residual blocks sum with a module of zennit."""
    from zennit.layer import Sum

    class Add(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sum = Sum()

        def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return self.sum(torch.stack([one, other], dim=-1))

    model = copy.deepcopy(network.model)
    for module in model.modules():
        if isinstance(module, Block):
            module.add = Add()
    return model


def zennit_composites(network: Convolutional) -> Iterator[tuple[str, Any]]:
    """Yield composites by name, new ones on every call."""
    import zennit.composites as zc
    import zennit.rules as zr
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.types import Linear

    merged = {"canonizers": [SequentialMergeBatchNorm()]}
    box = {"low": -torch.ones(1), "high": torch.ones(1)}
    yield "Gradient", None
    named = ("EpsilonPlus", "EpsilonPlusFlat", "EpsilonAlpha2Beta1", "EpsilonAlpha2Beta1Flat")
    for name in (*named, "ExcitationBackprop", "GuidedBackprop", "DeconvNet", "BetaSmooth"):
        yield name.replace("DeconvNet", "Deconvnet"), getattr(zc, name)(**merged)
    yield "EpsilonGammaBox", zc.EpsilonGammaBox(**box, **merged)
    yield "EpsilonPlus, epsilon 0.1", zc.EpsilonPlus(epsilon=0.1, **merged)
    rules = {name: {} for name in ("Epsilon", "Gamma", "ZPlus", "AlphaBeta", "WSquare")}
    if has_bias(network.model):
        rules |= {f"{name}, no bias": {"zero_params": "bias"} for name in rules}
        yield "ExcitationBackprop, no bias", zc.ExcitationBackprop(zero_params="bias", **merged)
    rules |= {"Flat": {}, "Norm": {}}
    base = zc.layer_map_base()
    for name, settings in rules.items():
        rule = getattr(zr, name.partition(",")[0])(**settings)
        yield f"rule {name}", zc.LayerMapComposite([*base, (Linear, rule)], **merged)
    first, rest = [(Linear, zr.ZBox(**box))], [*base, (Linear, zr.Epsilon())]
    yield "rule ZBox", zc.SpecialFirstLayerMapComposite(rest, first, **merged)
    if any(isinstance(module, nn.BatchNorm2d) for module in network.model.modules()):
        yield "EpsilonPlus, BN passed", zc.EpsilonPlus()


def exported(model: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """Return the bytes of the ONNX file that torch writes."""
    file = io.BytesIO()
    kept = {"training": torch.onnx.TrainingMode.PRESERVE}  # else torch merges normalisations
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "N"}}}
    torch.onnx.export(model, (inputs,), file, dynamo=False, **kept, **names)
    return np.frombuffer(file.getvalue(), np.uint8)


def records(shift: int = 0) -> dict[str, np.ndarray]:
    """Return all that is recorded."""
    found: dict[str, np.ndarray] = {}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum warns whenever it sets hooks, torch at exports
        for network in convolutional_networks(shift):
            name, model, inputs = network.name, network.model, network.inputs
            found[f"{name}/onnx"] = exported(model, inputs)
            found[f"{name}/input"] = inputs.numpy()
            found[f"{name}/logits"] = model(inputs).detach().numpy()
            for library, made in (("captum", captum_records), ("zennit", zennit_records)):
                for method, relevance in made(network):
                    found[f"{name}/{library}/{method}"] = relevance.detach().numpy()
    torch.set_default_dtype(default)
    return found


def main(path: Path) -> None:
    """Write the records."""
    torch.set_num_threads(1)
    stub_torchvision()
    np.savez_compressed(path, **records())


if __name__ == "__main__":
    default = Path(__file__).with_name("convolutional.npz")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
