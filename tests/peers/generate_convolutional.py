"""Record what zennit and captum compute on two small convolutional networks.

The libraries are not needed to run the tests, only to record again (see `generate.py`)::

    pip install onnx onnxscript
    python tests/peers/generate_convolutional.py [where/to/write.npz]

For each network NAME the file has ``NAME/onnx`` (the bytes that torch exports), ``NAME/input``,
``NAME/logits``, and ``NAME/LIBRARY/METHOD``, the attribution of `TARGETS` seeded with 1, float64.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from generate import stub_torchvision
from torch import nn

TARGETS = (1, 3)
SIZE = 12


class Block(nn.Module):
    """A residual block of two convolutions, the first normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.inner = nn.ReLU()
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.outer = nn.ReLU()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return relu(body(values) + values)."""
        return self.outer(self.second(self.inner(self.norm(self.first(values)))) + values)


def networks() -> dict[str, nn.Module]:
    """Return a network of stacked layers and one of residual blocks."""
    torch.manual_seed(0)
    stacked = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2),
        nn.ReLU(),
        nn.AvgPool2d(2, stride=1),
        nn.Flatten(),
        nn.Linear(32, 10),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(10, 4),
    )
    residual = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        Block(6),
        nn.MaxPool2d(3, 2, 1),
        Block(6),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
    for module in residual.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, -1, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return {"stacked": stacked.eval(), "residual": residual.eval()}


def captum_records(model: nn.Module, inputs: torch.Tensor) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the methods that differ from the gradient at the switches."""
    from captum.attr import Deconvolution, GuidedBackprop, Saliency

    for name, method, settings in (
        ("GuidedBackprop", GuidedBackprop, {}),
        ("Deconvnet", Deconvolution, {}),
        ("Gradient", Saliency, {"abs": False}),
    ):
        found = method(model).attribute(
            inputs.clone().requires_grad_(), target=torch.tensor(TARGETS), **settings
        )
        yield f"captum/{name}", found.detach().numpy()


def zennit_records(model: nn.Module, inputs: torch.Tensor) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every composite of zennit that our dialects name."""
    from zennit import composites
    from zennit.attribution import Gradient

    box = {"low": torch.zeros_like(inputs[:1]), "high": torch.ones_like(inputs[:1])}
    settings: dict[str, Any] = {"EpsilonGammaBox": box}
    for name in (
        "EpsilonPlus",
        "EpsilonPlusFlat",
        "EpsilonAlpha2Beta1",
        "EpsilonAlpha2Beta1Flat",
        "EpsilonGammaBox",
        "ExcitationBackprop",
    ):
        composite = getattr(composites, name)(**settings.get(name, {}))
        with Gradient(model=model, composite=composite) as attributor:
            seed = torch.eye(4)[list(TARGETS)]
            _, found = attributor(inputs.clone(), seed)
        yield f"zennit/{name}", found.detach().numpy()


def exported(model: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """Return the bytes of the ONNX file that torch writes."""
    file = io.BytesIO()
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "N"}}}
    torch.onnx.export(model, (inputs,), file, dynamo=False, **names)
    return np.frombuffer(file.getvalue(), np.uint8)


def main(path: Path) -> None:
    """Write the records."""
    torch.set_default_dtype(torch.float64)
    stub_torchvision()
    found: dict[str, np.ndarray] = {}
    for name, model in networks().items():
        inputs = torch.rand(len(TARGETS), 3, SIZE, SIZE)
        found[f"{name}/onnx"] = exported(model, inputs)
        found[f"{name}/input"] = inputs.numpy()
        found[f"{name}/logits"] = model(inputs).detach().numpy()
        found |= {f"{name}/{key}": value for key, value in captum_records(model, inputs)}
        if name == "stacked":
            found |= {f"{name}/{key}": value for key, value in zennit_records(model, inputs)}
    np.savez(path, **found)


if __name__ == "__main__":
    default = Path(__file__).with_name("convolutional.npz")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
