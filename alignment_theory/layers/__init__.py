"""The layers a network is made of: linear maps, switches, selections and reshapes."""

from alignment_theory.layers.base import Layer, Linear, Reshape, Selection, Switch
from alignment_theory.layers.convolution import Conv2d
from alignment_theory.layers.linear import Dense
from alignment_theory.layers.normalisation import BatchNorm
from alignment_theory.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from alignment_theory.layers.reshape import Flatten, Unflatten
from alignment_theory.layers.residual import Residual
from alignment_theory.layers.switch import LeakyRelu, Relu
from alignment_theory.layers.weighted import Weighted

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "Flatten",
    "Layer",
    "LeakyRelu",
    "Linear",
    "MaxPool2d",
    "Relu",
    "Reshape",
    "Residual",
    "Selection",
    "Switch",
    "Unflatten",
    "Weighted",
]
