"""A network, images and settings of sanity checks, and rows of their tables."""

import numpy as np

from alignment_theory import GuidedBackprop
from alignment_theory.models import random_mlp

NETWORK = random_mlp((36, 20, 20, 20, 5), rng=np.random.default_rng(0))

IMAGES = np.random.default_rng(1).uniform(size=(6, 36))

SETTINGS = {"rule": GuidedBackprop(), "seed": 4, "target": 2, "redraws": 3}


def row(table, order, layer, preset="cosine"):
    chosen = (table["order"] == order) & (table["layer"] == layer) & (table["preset"] == preset)
    assert chosen.sum() == 1
    return table[chosen].iloc[0]
