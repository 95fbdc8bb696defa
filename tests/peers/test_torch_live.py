"""Networks from PyTorch modules: every option, whole networks, and modules left as they were."""

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
from torch_live import MARKS, from_torch, likely_rounding, outputs, zoo

from alignment_theory import BatchNorm, Conv2d, Dense, MaxPool2d, Relu, Residual
from alignment_theory import from_torch as import_module
from alignment_theory.rounding import forward_bound

pytestmark = MARKS

LAYERS = [
    *("Linear", "Linear without bias", "Conv2d", "Conv2d stride", "Conv2d padding"),
    *("Conv2d valid", "Conv2d same", "Conv2d same dilated", "Conv2d dilation", "Conv2d groups"),
    *("Conv2d depthwise", "ReLU", "ReLU inplace first", "LeakyReLU", "MaxPool2d"),
    *("MaxPool2d padding", "MaxPool2d ceil", "MaxPool2d ceil and padding"),
    *("MaxPool2d ceil drops a window", "AvgPool2d", "AvgPool2d padding"),
    *("AvgPool2d padding not counted", "AvgPool2d ceil", "AvgPool2d ceil not counted"),
    *("AdaptiveAvgPool2d", "AdaptiveAvgPool2d None", "AdaptiveMaxPool2d", "BatchNorm1d"),
    *(
        "BatchNorm2d",
        "BatchNorm2d plain",
        "Flatten",
        "Dropout and Identity",
        "Dropout2d",
        "shared modules",
    ),
    *("parametrised", "functions", "functions of weights", "matrix product", "added constants"),
    *("flatten methods", "squeeze", "in place before a sum", "three branches"),
]

NETWORKS = ["MLP", "VGG", "ResNet", "tutorial", "shortcuts", "nested", "separable"]


def test_all_of_the_zoo_is_imported():
    assert list(zoo().layers()) == LAYERS and list(zoo().networks()) == NETWORKS


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", LAYERS + NETWORKS)
def test_outputs_are_the_modules_own(name, seed, dtype):
    module, shape = zoo().drawn(name, seed, getattr(zoo().torch, dtype))
    network = from_torch(module, shape)
    assert network.dtype == dtype or not network.has_parameters
    module = module if network.has_parameters else module.double()
    trace, expected = outputs(network, module, shape)
    found = trace.output
    if name == "tutorial":
        total = np.logaddexp.reduce(found, axis=1, keepdims=True)
        found = found - total
    assert found.shape == expected.shape
    deep = likely_rounding(network) * np.abs(expected).max() if name in NETWORKS else np.inf
    assert (np.abs(found - expected) <= np.minimum(forward_bound(trace), deep)).all()


def kinds(layers):
    return [type(layer) for layer in layers]


def test_layers_of_a_residual_network():
    network = from_torch(*zoo().drawn("ResNet", 0))
    assert kinds(network.layers[:4]) == [Conv2d, BatchNorm, Relu, MaxPool2d]
    residuals = [layer for layer in network.layers if isinstance(layer, Residual)]
    assert [kinds(one.body) for one in residuals] == [
        [Conv2d, BatchNorm, Relu, Conv2d, BatchNorm]
    ] * 4
    assert [kinds(one.shortcut) for one in residuals] == [[], [], [Conv2d, BatchNorm], []]


def test_numbers_are_copied_bit_by_bit():
    import torch

    module, shape = zoo().drawn("VGG", 0, torch.float32)
    network = from_torch(module, shape)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    weighted = [layer for layer in network.layers if isinstance(layer, Conv2d | Dense)]
    stored = iter(before.values())
    for layer in weighted:
        assert (layer.weight == next(stored).numpy()).all()
        assert (layer.bias == next(stored).numpy()).all()
    assert next(stored, None) is None


def test_the_module_is_left_as_it_was():
    import torch

    module, shape = zoo().drawn("ResNet", 0, torch.float32)
    module.train()
    module.layer1.eval()
    module.fc.weight.requires_grad_(False)
    module.conv1.weight.grad = torch.ones_like(module.conv1.weight)

    def state():
        modes = [one.training for one in module.modules()]
        flags = [(one.requires_grad, one.dtype, one.grad is None) for one in module.parameters()]
        return modes, flags, len(list(module.modules()))

    before, numbers, random = state(), copy.deepcopy(module.state_dict()), torch.get_rng_state()
    from_torch(module, shape)
    assert state() == before and (torch.get_rng_state() == random).all()
    assert (module.conv1.weight.grad == 1).all()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, numbers[name]), name


def test_training_mode_is_told_where_it_matters():
    module, shape = zoo().drawn("ResNet", 0)
    module.train()
    with pytest.warns(UserWarning, match="in training mode, but its batch normalisation became"):
        trained = import_module(module, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluated = import_module(module.eval(), shape)
        import_module(zoo().drawn("MLP", 0)[0].train(), (5,))
    x = np.random.default_rng(0).standard_normal((2, *shape))
    assert (trained.forward(x).output == evaluated.forward(x).output).all()
    module, shape = zoo().drawn("tutorial", 0)
    with pytest.warns(UserWarning, match="but its dropout became"):
        with pytest.warns(
            UserWarning, match=r"log_softmax \(function in 'Plain'\) at the end was cut"
        ):
            import_module(module.train(), shape)


def test_heads():
    from torch import nn

    for head in (nn.Softmax(dim=-1), nn.LogSoftmax(dim=1), nn.Sigmoid()):
        module = nn.Sequential(nn.Linear(3, 2), head, nn.Identity())
        with pytest.warns(UserWarning, match=r"(softmax|sigmoid) \(module '1'\) at the end"):
            (layer,) = import_module(module).layers
        assert isinstance(layer, Dense)


def test_the_readme_example_runs():
    zoo()
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = (one for one in readme.split("```python\n") if one.startswith("import torch"))
    names = {}
    exec(block.split("```")[0], names)
    trace, expected = outputs(names["network"], names["module"].eval(), (3, 32, 32))
    bound = likely_rounding(names["network"]) * np.abs(expected).max()
    assert np.abs(trace.output - expected).max() <= bound
