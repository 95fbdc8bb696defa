"""PyTorch modules to be imported: every supported option, and networks as they are really built.

Each entry is (module, shape of a sample). Modules are drawn anew for every seed, with statistics of
batch normalisation that are not the initial ones.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Functional(nn.Module):
    """A module whose forward is a function of the module and the input."""

    def __init__(self, function, **members):
        super().__init__()
        self.function = function
        for name, member in members.items():
            setattr(self, name, member)

    def forward(self, x):
        return self.function(self, x)


class Added(nn.Module):
    """The sum of a body and a shortcut."""

    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Sum(nn.Module):
    """The sum of two inputs."""

    def forward(self, x, y):
        return x + y


class Basic(nn.Module):
    """The block of small ResNets, with ReLUs in place and an addition in place."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Basic(8, 8), Basic(8, 8))
        self.layer2 = nn.Sequential(Basic(8, 16, 2), Basic(16, 16))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(x, 1))


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for width in (8, "M", 16, 16, "M"):
            if width == "M":
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((3, 3))
        self.classifier = nn.Sequential(
            *(nn.Linear(144, 20), nn.ReLU(True), nn.Dropout(), nn.Linear(20, 20), nn.ReLU(True)),
            *(nn.Dropout(), nn.Linear(20, 5)),
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(x.view(x.size(0), -1))


class Plain(nn.Module):
    """A network as in tutorials, with functions for all that has no parameters."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 8, 3)
        self.fc1, self.fc2 = nn.Linear(32, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = F.dropout(x, training=self.training)
        x = F.leaky_relu(self.fc1(x.reshape(x.shape[0], -1)), 0.1)
        return F.log_softmax(self.fc2(x), dim=1)


def with_shortcut(channels):
    body = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 4, 3, 1, 1))
    return Added(body, nn.Conv2d(channels, 4, 1))


def layers():
    """Return modules of one layer or a few, with every option."""
    w4, w2 = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(2, 5))
    image, vector, own = (3, 7, 6), (5,), Functional
    linear, relu, square = nn.Linear(5, 2), nn.ReLU(), nn.Linear(5, 5)
    conv, pool, average = nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d
    return {
        "Linear": (nn.Linear(5, 3), vector),
        "Linear without bias": (nn.Linear(5, 3, bias=False), vector),
        "Conv2d": (conv(3, 4, 3), image),
        "Conv2d stride": (conv(3, 4, (3, 2), stride=(2, 1)), image),
        "Conv2d padding": (conv(3, 4, 3, padding=(2, 1), bias=False), image),
        "Conv2d valid": (conv(3, 4, 3, padding="valid"), image),
        "Conv2d same": (conv(3, 4, (4, 3), padding="same"), image),
        "Conv2d same dilated": (conv(3, 4, (2, 4), padding="same", dilation=(3, 1)), image),
        "Conv2d dilation": (conv(3, 4, (2, 3), dilation=(3, 2)), image),
        "Conv2d groups": (conv(4, 6, 3, groups=2), (4, 5, 5)),
        "Conv2d depthwise": (conv(3, 6, 3, groups=3), image),
        "ReLU": (nn.ReLU(), image),
        "ReLU inplace first": (nn.Sequential(nn.ReLU(True), nn.Flatten()), image),
        "LeakyReLU": (nn.LeakyReLU(0.2, inplace=True), vector),
        "MaxPool2d": (pool(2), image),
        "MaxPool2d padding": (pool((3, 2), stride=(2, 1), padding=1), image),
        "MaxPool2d ceil": (pool(3, 2, ceil_mode=True), (3, 8, 6)),
        "MaxPool2d ceil and padding": (pool(3, 2, 1, ceil_mode=True), (3, 6, 8)),
        "MaxPool2d ceil drops a window": (pool(2, 3, 1, ceil_mode=True), (3, 5, 6)),
        "AvgPool2d": (average(2), image),
        "AvgPool2d padding": (average(3, 2, 1), image),
        "AvgPool2d padding not counted": (average(3, 2, 1, count_include_pad=False), image),
        "AvgPool2d ceil": (average(3, 2, ceil_mode=True), (3, 8, 6)),
        "AvgPool2d ceil not counted": (average(3, 2, 1, True, False), (3, 6, 8)),
        "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((3, 4)), image),
        "AdaptiveAvgPool2d None": (nn.AdaptiveAvgPool2d((None, 2)), image),
        "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((2, 3)), (2, 8, 9)),
        "BatchNorm1d": (nn.BatchNorm1d(5, eps=1e-2), vector),
        "BatchNorm2d": (nn.BatchNorm2d(3), image),
        "BatchNorm2d plain": (nn.BatchNorm2d(3, affine=False), image),
        "Flatten": (nn.Flatten(), image),
        "Dropout and Identity": (
            nn.Sequential(nn.Dropout(), square, nn.Identity(), nn.AlphaDropout(), linear),
            vector,
        ),
        "Dropout2d": (nn.Sequential(conv(3, 4, 3), nn.Dropout2d(), nn.Flatten()), image),
        "shared modules": (nn.Sequential(square, relu, square, relu), vector),
        "parametrised": (nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), vector),
        "functions": (
            own(lambda s, x: F.conv2d(x, s.w, padding=1).relu().mean((2, 3)), w=w4),
            image,
        ),
        "functions of weights": (own(lambda s, x: F.linear(x, s.w.abs(), s.w[:, 0]), w=w2), vector),
        "matrix product": (own(lambda s, x: x @ s.w.t() + s.w[:, 1], w=w2), vector),
        "added constants": (own(lambda s, x: 1 + s.a(x) + s.w[:, 0], a=linear, w=w2), vector),
        "flatten methods": (own(lambda s, x: s.p(x).flatten(1), p=nn.AdaptiveAvgPool2d(2)), image),
        "squeeze": (own(lambda s, x: F.adaptive_avg_pool2d(x, 1).squeeze()), image),
        "in place before a sum": (
            own(lambda s, x: s.b(F.relu_(z := s.a(x))) + z, a=nn.Linear(5, 5), b=nn.Linear(5, 5)),
            vector,
        ),
        "three branches": (
            own(lambda s, x: s.a(x) + x + s.b(x), a=nn.Linear(5, 5), b=nn.Linear(5, 5)),
            vector,
        ),
    }


def networks():
    """Return whole networks."""
    mlp = (nn.Linear(5, 9), nn.ReLU(), nn.Sequential(nn.Linear(9, 7), nn.ReLU()), nn.Linear(7, 3))
    separable = (nn.Conv2d(4, 4, 3, 1, 1, groups=4), nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6))
    narrow = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 1))
    return {
        "MLP": (nn.Sequential(*mlp), (5,)),
        "VGG": (Vgg(), (3, 16, 16)),
        "ResNet": (ResNet(), (3, 32, 32)),
        "tutorial": (Plain(), (1, 18, 18)),
        "shortcuts": (nn.Sequential(with_shortcut(3), with_shortcut(4), nn.Flatten()), (3, 6, 6)),
        "nested": (Added(Added(with_shortcut(3), narrow), nn.Conv2d(3, 4, 1)), (3, 6, 6)),
        "separable": (nn.Sequential(with_shortcut(3), *separable, nn.ReLU()), (3, 6, 6)),
    }


def drawn(name, seed, dtype=torch.float64):
    """Return a module and the shape of a sample, with all numbers drawn, in evaluation mode."""
    torch.manual_seed(seed)
    module, shape = (layers() | networks())[name]
    return settled(module).to(dtype).eval(), shape


def settled(module):
    """Give batch normalisation statistics and weights as after some training."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) and part.running_var is not None:
            part.running_mean.normal_()
            part.running_var.uniform_(0.3, 2)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias)
    return module
