"""Small convolutional networks in float64, on which the peer libraries are recorded."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

SIZES = {"stacked": (3, 10, 10), "residual": (3, 8, 8), "strided": (2, 9, 8)}
"""Shape of one image; `bias_free` has that of `strided`."""

EPS = 0.0
"""Of batch normalisations: zennit's merged ones still divide by √(1 + eps)."""


class Block(nn.Module):
    """A residual block of two convolutions, the first normalised; `add` makes the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels, eps=EPS)
        self.inner = nn.ReLU()
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.outer = nn.ReLU()
        self.add: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = operator.add

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return relu(body(values) + values)."""
        body = self.second(self.inner(self.norm(self.first(values))))
        return self.outer(self.add(body, values))


class Flattening(nn.Module):
    """A stack of layers whose `nn.Flatten` is a function, since captum's LRP refuses the module."""

    def __init__(self, stack: nn.Sequential) -> None:
        super().__init__()
        place = next(k for k, module in enumerate(stack) if isinstance(module, nn.Flatten))
        self.lower, self.upper = stack[:place], stack[place + 1 :]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return what the stack returns."""
        return self.upper(torch.flatten(self.lower(values), 1))


@dataclass(frozen=True)
class Convolutional:
    """A network and the batch of images on which it is recorded."""

    name: str
    model: nn.Sequential
    inputs: torch.Tensor


def _stacked() -> nn.Sequential:
    return nn.Sequential(
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


def _residual() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6, eps=EPS),
        nn.ReLU(),
        Block(6),
        nn.MaxPool2d(3, 2, 1),
        Block(6),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


def _strided(*, bias: bool) -> nn.Sequential:
    """Return strides, dilation, groups and uneven windows, without a max pooling."""
    return nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=bias),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, bias=bias),
        nn.ReLU(),
        nn.AvgPool2d((1, 2), stride=(2, 2)),
        nn.Flatten(),
        nn.Linear(54, 7, bias=bias),
        nn.ReLU(),
        nn.Linear(7, 4, bias=bias),
    )


def _normalise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, -1, 2)
            nn.init.uniform_(module.bias, -1, 1)


def convolutional_networks(shift: int = 0) -> list[Convolutional]:
    """Return the networks; `shift` 0 gives the stored ones, another gives new.

    Images of `stacked` and `residual` lie in [0, 1], those of the others in [-1, 1]. Torch's
    default element type must be float64.
    """
    torch.manual_seed(shift)
    models = {"stacked": _stacked(), "residual": _residual()}
    _normalise(models["residual"])
    models |= {"strided": _strided(bias=True), "bias_free": _strided(bias=False)}
    found = []
    for name, model in models.items():
        images = torch.rand(2, *SIZES.get(name, SIZES["strided"]))
        signed = name in ("strided", "bias_free")
        found.append(Convolutional(name, model.eval(), 2 * images - 1 if signed else images))
    return found
