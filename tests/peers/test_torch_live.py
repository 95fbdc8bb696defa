"""Networks from PyTorch modules: every option, whole networks, and planted errors."""

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_live import from_torch, zoo

from alignment_theory import BatchNorm, Conv2d, Dense, LeakyRelu, MaxPool2d, Relu, Residual
from alignment_theory import from_torch as import_module
from alignment_theory.models import building, torch_compared, torch_layers

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]

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


def outputs(network, module, shape, samples=3):
    """Return what a network and a module make of the same random samples."""
    import torch

    x = np.random.default_rng(9).standard_normal((samples, *shape)).astype(network.dtype)
    x = torch.from_numpy(x)
    with torch.no_grad():
        return network.forward(x.numpy()).output, module(x.clone()).numpy()


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
    found, expected = outputs(network, module, shape)
    if name == "tutorial":
        total = np.logaddexp.reduce(found, axis=1, keepdims=True)
        found = found - total
    assert found.shape == expected.shape
    # at most ten layers, whose sums have up to some hundred terms of size 1
    assert np.abs(found - expected).max() <= 500 * np.finfo(dtype).eps * np.abs(expected).max()


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


@st.composite
def modules(draw):
    """Return random modules, layer by layer and shape by shape, and the shape of a sample."""
    from torch import nn

    image = draw(st.booleans())
    shape = (draw(st.integers(1, 3)), draw(st.integers(4, 9)), draw(st.integers(4, 9)))
    start = shape = shape if image else shape[:1]
    found = []
    for _ in range(draw(st.integers(1, 6))):
        layer = draw(image_layers(shape) if len(shape) == 3 else vector_layers(shape[0]))
        doubled = isinstance(layer, nn.Dropout) or getattr(layer, "inplace", False)
        if shape_above(layer, shape) == shape and not doubled and draw(st.booleans()):
            layer = zoo().Added(layer, nn.Identity())
        found.append(layer)
        shape = shape_above(layer, shape)
    return zoo().settled(nn.Sequential(*found)).eval(), start


def shape_above(layer, shape):
    import torch

    with torch.no_grad():
        return tuple(layer.eval()(torch.zeros(2, *shape)).shape[1:])


def vector_layers(width):
    from torch import nn

    wide = st.integers(1, 6)
    return st.one_of(
        st.builds(lambda n, bias: nn.Linear(width, n, bias), wide, st.booleans()),
        st.builds(nn.ReLU, st.booleans()),
        st.builds(nn.LeakyReLU, st.sampled_from([0.01, 0.3])),
        st.builds(lambda: nn.BatchNorm1d(width)),
        st.builds(nn.Dropout),
    )


def image_layers(shape):
    from torch import nn

    channels, coin, small = shape[0], st.booleans(), st.integers(1, 2)
    least = min(shape[1:])
    kernel = st.integers(1, min(3, least))
    padded = kernel.flatmap(lambda k: st.tuples(st.just(k), small, st.integers(0, k // 2)))
    groups = st.sampled_from(sorted({1, channels}))
    return st.one_of(
        st.builds(
            lambda g, m, k, bias: nn.Conv2d(channels, g * m, *k, groups=g, bias=bias),
            *(groups, st.integers(1, 3), padded, coin),
        ),
        st.builds(
            lambda k, d: nn.Conv2d(channels, channels, k, padding="same", dilation=d), kernel, small
        ),
        st.builds(lambda k, ceil: nn.MaxPool2d(*k, ceil_mode=ceil), padded, coin),
        st.builds(lambda k, count: nn.AvgPool2d(*k, count_include_pad=count), padded, coin),
        st.builds(nn.AdaptiveAvgPool2d, st.integers(1, 4)),
        st.builds(lambda: nn.BatchNorm2d(channels)),
        st.builds(nn.ReLU, coin),
        st.builds(nn.Flatten),
    )


@settings(max_examples=150)
@given(data=st.data(), seed=st.integers(0, 2**16), double=st.booleans())
def test_random_architectures(data, seed, double):
    """Every import is compared layer by layer in float64; here also in the module's own type."""
    zoo()
    import torch

    torch.manual_seed(seed)
    module, shape = data.draw(modules())
    module = module.to(torch.float64 if double else torch.float32)
    if not any(type(one).__name__ not in ("Sequential", "Dropout") for one in module.modules()):
        return
    network = from_torch(module, shape)
    found, expected = outputs(network, module, shape)
    assert found.shape == expected.shape
    eps = np.finfo(expected.dtype).eps
    # six layers, whose sums have up to 27 terms; terms may cancel
    assert np.abs(found - expected).max() <= 1e4 * eps * max(1, np.abs(expected).max())


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


def test_the_readme_example_runs():
    zoo()
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = (one for one in readme.split("```python\n") if one.startswith("import torch"))
    names = {}
    exec(block.split("```")[0], names)
    found, expected = outputs(names["network"], names["module"].eval(), (3, 32, 32))
    # float32, sums of 27 and of 7200 terms
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
