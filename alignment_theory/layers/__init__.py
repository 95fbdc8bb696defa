"""The layers a network is made of: linear maps, switches and reshapes."""

from alignment_theory.layers.base import Layer, Linear, Reshape, Switch
from alignment_theory.layers.linear import Dense
from alignment_theory.layers.reshape import Flatten
from alignment_theory.layers.switch import Relu

__all__ = ["Dense", "Flatten", "Layer", "Linear", "Relu", "Reshape", "Switch"]
