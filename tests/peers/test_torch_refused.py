"""What from_torch refuses, and says: each module here is one that somebody will try."""

import re

import numpy as np
import pytest
from torch_live import from_torch, zoo

pytestmark = pytest.mark.peers


def alias(module, x):
    z = module.linear(x)
    y = z
    y += x
    return module.linear(z)


def through_a_view(module, x):
    z = module.linear(x)
    z.view(-1, 3).relu_()
    return module.linear(z)


def refused():
    """Return module, shape and what the message must say, by name."""
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import nn

    own, flat = zoo().Functional, nn.Linear(3, 3)
    hooked = nn.Sequential(nn.Linear(3, 3))
    hooked[0].register_forward_hook(lambda module, given, made: 2 * made)
    conv, linear = nn.Sequential(nn.Conv2d(3, 2, 3)), nn.Sequential(nn.Linear(3, 2))
    several = (nn.GELU(), own(lambda s, x: F.silu(x) * 2), nn.LayerNorm(3), nn.Tanh())
    circular = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    without = nn.BatchNorm1d(3, track_running_stats=False)
    counted = nn.AvgPool2d(3, 2, 1, ceil_mode=True)
    return {
        "no shape": (conv, None, "inferred only where the first layer is Linear; pass that of one"),
        "wrong size": (linear, (4,), "does not take 3 samples of shape (4,)"),
        "a batch as shape": (conv, (1, 3, 8, 8), "input_shape is that of one sample, without the"),
        "channels last": (conv, (8, 8, 3), "to have 3 channels, but got 8 channels instead"),
        "a number as shape": (linear, 3, "must be positive sizes of one sample such as"),
        "no vector": (linear, (2, 3), "linear (module '0'): Dense expects samples of shape (3,)"),
        "several unknown": (
            nn.Sequential(nn.Linear(3, 3), *several),
            (3,),
            "unsupported operators: GELU (module '1'), silu (function in '2'), mul (function in "
            "'2'), LayerNorm (module '3'), Tanh (module '4'); supported are",
        ),
        "a recurrent layer": (nn.LSTM(3, 3), (4, 3), "unsupported operators: LSTM (module '0')"),
        "a concatenation": (own(lambda s, x: torch.cat([x, x], 1)), (3,), "cat (function in 'Fun"),
        "several outputs": (own(lambda s, x: (x, x)), (3,), "module that returns one tensor"),
        "a constant": (own(lambda s, x: s.w, w=flat.weight), (3,), "which depends on its input"),
        "two inputs": (zoo().Sum(), (3,), "expected a forward with one input, got x, y"),
        "a branch on values": (
            own(lambda s, x: x if x.sum() > 0 else -x),
            (3,),
            "torch.fx cannot follow Functional.forward (symbolically traced variables cannot be",
        ),
        "half": (nn.Linear(3, 2).half(), (3,), "got torch.float16 of 'weight'; convert a copy"),
        "two types": (
            nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).double()),
            (3,),
            "one element type, got torch.float32 of '0.weight', torch.float64 of '1.weight'",
        ),
        "no numbers": (nn.Linear(3, 2, device="meta"), (3,), "'weight' is on the meta device"),
        "lazy": (nn.LazyLinear(3), (3,), "'weight' has no shape yet; run the module once"),
        "not a number": (poisoned(nn.Linear(3, 2)), (3,), "expected finite numbers, got nan at"),
        "circular": (circular, (1, 4, 4), "padding_mode 'circular' is not supported, only zeros"),
        "batch statistics": (without, (3,), "it takes mean and variance from the batch"),
        "counted padding": (counted, (1, 6, 8), "windows reach beyond padding that is counted"),
        "a divisor": (nn.AvgPool2d(2, divisor_override=3), (1, 4, 4), "divisor_override is not"),
        "dilated pooling": (nn.MaxPool2d(2, dilation=2), (1, 4, 4), "dilation 2 of a pooling"),
        "uneven maxima": (nn.AdaptiveMaxPool2d(3), (1, 4, 4), "an output of (3, 3) is not supp"),
        "sequences": (nn.BatchNorm1d(3), (3, 5), "BatchNorm expects samples of shape (3,) or"),
        "a steep slope": (nn.LeakyReLU(1.5), (3,), "leak must be in [0, 1), got 1.5"),
        "dropout always": (
            own(lambda s, x: F.dropout(x)),
            (3,),
            "dropout with training=True (fu",
        ),
        "a softmax over the batch": (nn.Softmax(dim=0), (3,), "softmax over dimension 0 (module"),
        "a softmax between": (
            nn.Sequential(nn.Softmax(dim=1), nn.Linear(3, 2)),
            (3,),
            "softmax (module '0'): is supported at the end only",
        ),
        "a weighted sum": (
            own(lambda s, x: torch.add(x, s.w[0], alpha=2), w=flat.weight),
            (3,),
            "add with alpha=2 (function in 'Functional')",
        ),
        "a tensor twice": (own(lambda s, x: x + x), (3,), "adds a tensor to itself"),
        "a product of activations": (
            own(lambda s, x: F.linear(x, x)),
            (3,),
            "linear of two tensor",
        ),
        "a mean over channels": (
            own(lambda s, x: x.mean(1)),
            (3, 4, 4),
            "only a mean over whole im",
        ),
        "another shape": (
            own(lambda s, x: x.view(-1, 2)),
            (4,),
            "to a vector is supported, got no",
        ),
        "the size of the batch": (own(lambda s, x: x + x.size(0)), (3,), "numbers that depend on"),
        "a value of the batch": (own(lambda s, x: x + x.sum().item()), (3,), "depend on the batch"),
        "a fixed batch": (
            own(lambda s, x: x.view(3, -1)),
            (2, 2),
            "does not take 2 samples of s",
        ),
        "a hook": (hooked, (3,), "hooks, tensors that are changed in place under another name"),
        "another name": (own(alias, linear=flat), (3,), "changed in place under another name"),
        "a view": (own(through_a_view, linear=flat), (3,), "changed in place under another name"),
        "no layers": (nn.Identity(), (3,), "expected at least one layer, got none"),
    }


def poisoned(module):
    module.weight.data[0, 0] = np.nan
    return module


NAMES = [
    *("no shape", "wrong size", "a batch as shape", "channels last", "a number as shape"),
    *("no vector", "several unknown", "a recurrent layer", "a concatenation", "several outputs"),
    *("a constant", "two inputs", "a branch on values", "half", "two types", "no numbers", "lazy"),
    *("not a number", "circular", "batch statistics", "counted padding", "a divisor"),
    *("dilated pooling", "uneven maxima", "sequences", "a steep slope", "dropout always"),
    *("a softmax over the batch", "a softmax between", "a weighted sum", "a tensor twice"),
    *("a product of activations", "a mean over channels", "another shape"),
    *("the size of the batch", "a value of the batch", "a fixed batch", "a hook", "another name"),
    *("a view", "no layers"),
]


def test_every_name_is_tried():
    zoo()
    assert list(refused()) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:.*is_in_onnx_export|Lazy modules are a new feature")
def test_refused_with_a_reason(name):
    zoo()
    module, shape, message = refused()[name]
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        from_torch(module, shape)
    assert str(caught.value).startswith("from_torch: ")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_scripts_and_exports_are_no_modules():
    zoo()
    import torch

    module, example = torch.nn.Linear(3, 2), torch.ones(2, 3)
    for made in (torch.jit.script(module), torch.jit.trace(module, example)):
        with pytest.raises(ValueError, match="got a TorchScript module; pass the nn.Module that"):
            from_torch(made, (3,))
    with pytest.raises(ValueError, match=r"got a mapping such as a state_dict, which has param"):
        from_torch(module.state_dict(), (3,))
    with pytest.raises(ValueError, match=r"got the class Linear; make a module of it: Linear\("):
        from_torch(torch.nn.Linear, (3,))
    with pytest.raises(ValueError, match=r"got a list; put its modules into nn\.Sequential"):
        from_torch([module], (3,))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_wrapped_modules_are_unwrapped():
    zoo()
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    expected = from_torch(module).layers[0].weight
    for wrapped in (torch.compile(module), torch.nn.DataParallel(module)):
        assert (from_torch(wrapped, (3,)).layers[0].weight == expected).all()


def test_the_shape_is_inferred_where_a_linear_is_first():
    zoo()
    import torch

    inner = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU())
    for module in (torch.nn.Linear(4, 2), inner, torch.nn.Sequential(inner)):
        assert from_torch(module).input_shape == (4,)
