"""Figures of independent simulations, made before the theory was implemented, beside predictions.

Each was a mean over 100 to 300 random networks of some hundred units, given to three or four
digits. `SEEN` holds what was seen; predictions must agree within what such a mean can resolve:
five standard errors, for at least 100 networks, from the spread that the reduced sampler shows.
"""

import numpy as np
import pytest

from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.layer_sampling import ReducedLayer
from alignment_theory.verification.pair_sampling import ReducedPairs
from alignment_theory.verification.reduced_depth import ReducedChain
from alignment_theory.verification.samplers import gather

NETWORKS = 100
DRAWS = 300
SQUARE = {"n": 200, "d": 200}
POOLED = {"n": 200, "d": 150}
SPARSE = {"n": 300, "d": 300}
DEEP = (200,) * 7 + (200,)
WIDE = (400,) * 5 + (400,)

LAYERS = {
    "1 on active": ("alignment-curve", {"coefficients": "active"}, SQUARE, 0.244),
    "Guided Backprop": ("alignment-curve", {"coefficients": "guided"}, SQUARE, 0.0943),
    "c ∝ a": ("alignment-curve", {"coefficients": "cascade"}, SQUARE, 0.3351),
    "top 27 %": ("alignment-curve", {"coefficients": "top", "s": 0.612}, SQUARE, 0.2907),
    "b = -1.5": ("sparsity-law", {"beta": -1.5}, SPARSE, 0.1998),
    "b = -.612": ("sparsity-law", {"beta": -0.612}, SPARSE, 0.2904),
    "b = 0": ("sparsity-law", {"beta": 0.0}, SPARSE, 0.2417),
    "b = 1": ("sparsity-law", {"beta": 1.0}, SPARSE, 0.0675),
    "pools of 2": ("deconvnet-needs-a-gate", {"p": 2}, POOLED, 0.1232),
    "pools of 4": ("deconvnet-needs-a-gate", {"p": 4}, POOLED, 0.3148),
    "pools of 9": ("deconvnet-needs-a-gate", {"p": 9}, POOLED, 0.4912),
}
CHAINS = {
    "200 x 6": ("guided", DEEP, 0.0, (0.2106, 0.2075, 0.2045, 0.1997, 0.1708, 0.0929)),
    "784-512-256-128": ("guided", (784, 512, 256, 128, 10), 0.0, (0.1119, 0.0790, 0.0507)),
    "64-128-256-512": ("guided", (64, 128, 256, 512, 10), 0.0, (0.3863, 0.3327, 0.1743)),
    "100-400-400-200": ("guided", (100, 400, 400, 200, 10), 0.0, (0.4882, 0.1462, 0.0504)),
    "RectGrad 50": ("rectgrad", WIDE, 50.0, (0.2062,)),
    "RectGrad 80": ("rectgrad", WIDE, 80.0, (0.2043,)),
    "RectGrad 90": ("rectgrad", WIDE, 90.0, (0.1674,)),
    "RectGrad 95": ("rectgrad", WIDE, 95.0, (0.1172,)),
}
PAIRS = {
    "300 x 5, two highest layers": ((300,) * 6 + (10,), 4, (0.944, 0.891, 0.776, 0.547, 0.095)),
    "300 x 5, all but the first": ((300,) * 6 + (10,), 1, (0.652,)),
    "784-512-256-128-64": ((784, 512, 256, 128, 64, 10), 3, (0.811, 0.680, 0.457, 0.051)),
}
SEED = np.random.SeedSequence(5)


def agree(draws, predicted, seen):
    spread = np.nanstd(draws, axis=0)[: len(seen)]
    error = 5 * spread / NETWORKS**0.5
    assert (np.abs(np.asarray(predicted)[: len(seen)] - seen) <= error).all(), (predicted, seen)


def reduced_layer(identifier, told):
    if identifier == "sparsity-law":
        return ReducedLayer("top", -told["beta"])
    name = told.get("coefficients", "pool-deconvnet")
    return ReducedLayer(name, told.get("s", 0.0))


@pytest.mark.parametrize("name", LAYERS)
def test_one_layer(name):
    identifier, told, sizes, seen = LAYERS[name]
    sampled = {**sizes, **({"p": told["p"]} if "p" in told else {})}
    draws = gather(reduced_layer(identifier, told), SEED, DRAWS, **sampled)
    agree(draws, [CATALOGUE[identifier].predict(**sizes, **told).value], [seen])


@pytest.mark.parametrize("name", CHAINS)
def test_depth(name):
    rule, widths, q, seen = CHAINS[name]
    draws = gather(ReducedChain(rule), SEED, DRAWS, widths=widths, q=q)
    agree(draws, CATALOGUE["depth-recursion"].predict(rule=rule, widths=widths, q=q).value, seen)


@pytest.mark.parametrize("name", PAIRS)
def test_randomisation(name):
    widths, layer, seen = PAIRS[name]
    told = {"widths": widths, "kind": "cascading", "layer": layer}
    draws = gather(ReducedPairs(), SEED, DRAWS, **told)
    agree(draws, CATALOGUE["randomisation-law"].predict(**told).value, seen)


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_values_off_by_15_percent_would_not_agree(factor):
    identifier, told, sizes, seen = LAYERS["1 on active"]
    draws = gather(reduced_layer(identifier, told), SEED, DRAWS, **sizes)
    with pytest.raises(AssertionError):
        agree(draws, [CATALOGUE[identifier].predict(**sizes, **told).value], [factor * seen])
