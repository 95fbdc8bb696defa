"""Errors that are planted in the import of PyTorch modules, and numbers that only look like one."""

import numpy as np
import pytest
from torch_live import MARKS, from_torch, zoo

from alignment_theory import LeakyRelu, Relu, Residual
from alignment_theory.models import building, torch_compared, torch_layers

pytestmark = MARKS


@pytest.mark.parametrize("kind", ["batch normalisation", "added constant"])
def test_large_numbers_that_cancel_in_a_bias_are_allowed_for(kind, monkeypatch):
    from torch import nn

    norm, linear = nn.BatchNorm1d(3), nn.Linear(3, 3)
    norm.running_mean.fill_(1e6).mul_(zoo().torch.tensor([1, 1.1, 1.3]))
    norm.bias.data = norm.running_mean / np.sqrt(1 + norm.eps)
    linear.bias.data.fill_(1e6).mul_(zoo().torch.tensor([1, 1.1, 1.3]))
    added = zoo().Functional(lambda s, x: s.a(x) + s.w, a=linear, w=-linear.bias.data)
    module = norm if kind == "batch normalisation" else added
    from_torch(module.double().eval(), (3,))
    if module is norm:
        monkeypatch.setattr(torch_compared, "taken_away", lambda *given: 0.0)
    else:
        monkeypatch.setattr(torch_compared, "sum", lambda made: 0 * made[0], raising=False)
    with pytest.raises(ValueError, match="more than rounding can do"):
        from_torch(module, (3,))


def changed(**settings):
    """Return a planted maker: the real one, with settings that are not those of the module."""

    def plant(real):
        def wrong(node, given, shape):
            attributes = dict(node.attributes)
            for name, change in settings.items():
                attributes[name] = change(attributes.get(name))
            return real(building.replace(node, attributes=attributes), given, shape)

        return wrong

    return plant


def turned(node, given, shape):
    return [LeakyRelu(float(np.float32(node.attributes["negative_slope"])))]


PLANTED = {
    "Linear": ("linear", changed(weight=lambda w: w * (1 + 1e-13))),
    "Conv2d": ("conv2d", changed(bias=lambda b: b + 1e-13)),
    "Conv2d stride": ("conv2d", changed(stride=lambda s: s[::-1])),
    "Conv2d padding": ("conv2d", changed(padding=lambda p: p[::-1])),
    "Conv2d same": ("conv2d", changed(padding=lambda p: ((2, 1), (1, 1)))),
    "Conv2d groups": ("conv2d", changed(weight=lambda w: w[::-1])),
    "ReLU": ("relu", lambda real: lambda node, given, shape: [LeakyRelu(1e-9)]),
    "LeakyReLU": ("leaky_relu", lambda real: turned),
    "MaxPool2d": ("max_pool2d", changed(ceil_mode=lambda c: True)),
    "MaxPool2d ceil": ("max_pool2d", changed(ceil_mode=lambda c: False)),
    "AvgPool2d padding": ("avg_pool2d", changed(count_include_pad=lambda c: False)),
    "AvgPool2d padding not counted": ("avg_pool2d", changed(count_include_pad=lambda c: True)),
    "AdaptiveAvgPool2d": ("adaptive_avg_pool2d", changed(output_size=lambda s: (4, 3))),
    "BatchNorm1d": ("batch_norm", changed(eps=lambda e: 1e-2 + 1e-13)),
    "BatchNorm2d": ("batch_norm", changed(eps=lambda e: 0.0)),
    "BatchNorm2d plain": ("batch_norm", changed(running_mean=lambda m: m + 1e-13)),
    "Dropout and Identity": ("identity", lambda real: lambda node, given, shape: [Relu()]),
    "ResNet": ("batch_norm", changed(bias=lambda b: b + 1e-12)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_errors_are_caught(name, monkeypatch):
    operator, plant = PLANTED[name]
    module, shape = zoo().drawn(name, 0)
    from_torch(module, shape)
    monkeypatch.setitem(torch_layers.KNOWN, operator, plant(torch_layers.KNOWN[operator]))
    with pytest.raises(ValueError, match="differs from PyTorch's by .*, more than rounding can do"):
        from_torch(module, shape)


@pytest.mark.parametrize("name", ["ResNet", "nested", "three branches"])
def test_wrong_connections_are_caught(name, monkeypatch):
    module, shape = zoo().drawn(name, 0)
    monkeypatch.setattr(building, "Residual", lambda body, shortcut=(): Residual(body))
    with pytest.raises(ValueError, match="network's output differs from that of|must agree"):
        from_torch(module, shape)
