"""The modules of torch_zoo where PyTorch is installed, and the import without its warnings."""

import warnings
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

from alignment_theory import from_torch as import_module
from alignment_theory.layers import Weighted

MARKS = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]
INSTALL = "python -m pip install -e '.[test,peers]'"


@cache
def zoo():
    """Return the modules; where PyTorch is missing that is a failure, never a skip."""
    if find_spec("torch") is None:
        pytest.fail(f"torch not installed; run in the repository: {INSTALL}", pytrace=False)
    import torch
    import torch_zoo

    torch.set_num_threads(1)
    return torch_zoo


def from_torch(module, shape=None):
    """Import without a word about heads and modes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(was cut off|is in training mode)")
        return import_module(module, shape)


def outputs(network, module, shape, samples=3):
    """Return a network's forward run, and what a module makes of the same random samples."""
    import torch

    x = np.random.default_rng(9).standard_normal((samples, *shape)).astype(network.dtype)
    x = torch.from_numpy(x)
    with torch.no_grad():
        return network.forward(x.numpy()), module(x.clone()).numpy()


def likely_rounding(network):
    """Return what rounding in two versions of a deep network takes outputs apart, relatively.

    What is certain about deep networks says nothing in float32. Errors of a sum of n terms of
    random signs add up as the terms do, to √n u of its size (Higham, Mary 2019); over L layers, and
    in two versions, to √(2 L n) u. Six deviations of a normal error: wrong for 2e-9 of all outputs.
    """
    layers = [layer for layer in network.all_layers if isinstance(layer, Weighted)]
    terms = max(layer.weight[0].size for layer in layers)
    return 6 * np.sqrt(2 * len(layers) * terms) * np.finfo(network.dtype).eps / 2
