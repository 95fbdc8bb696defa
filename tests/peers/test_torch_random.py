"""Networks from random PyTorch modules."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_live import MARKS, from_torch, outputs, zoo

from alignment_theory.rounding import forward_bound

pytestmark = MARKS


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
    trace, expected = outputs(network, module, shape)
    assert trace.output.shape == expected.shape
    # of a layer with n inputs n + 8 operations are counted; a batch normalisation has four, so that
    # what may cancel in its shift is inside
    assert (np.abs(trace.output - expected) <= forward_bound(trace)).all()
