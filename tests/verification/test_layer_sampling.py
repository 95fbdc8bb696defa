"""One layer by three routes: the engine, drawn weights, and no weights at all."""

import numpy as np
import pytest

from alignment_theory.rules import Deconvnet, Gradient
from alignment_theory.theory.one_layer import BEST_THRESHOLD
from alignment_theory.verification.layer_sampling import EngineLayer, PooledLayer, ReducedLayer
from alignment_theory.verification.row_sampling import RandomRows, clipping_slack
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.statistics import two_sample_ks

SEED = np.random.SeedSequence(17)
TRIALS = 3000
SIZES = {"n": 24, "d": 9}


def draws(sampler, key, **sizes):
    child = np.random.SeedSequence(SEED.entropy, spawn_key=(key,))
    found = gather(sampler, child, TRIALS, **sizes)[:, 0]
    return found[~np.isnan(found)]


PAIRS = {
    "active": (EngineLayer(), ReducedLayer(), {}),
    "guided": (EngineLayer("guided"), ReducedLayer("guided"), {}),
    "cascade": (EngineLayer("cascade"), ReducedLayer("cascade"), {}),
    "top": (
        EngineLayer("top", s=BEST_THRESHOLD),
        ReducedLayer("top", BEST_THRESHOLD),
        {},
    ),
    "bias": (EngineLayer(bias=-0.7), ReducedLayer("top", 0.7), {}),
    "pool": (PooledLayer("pool"), ReducedLayer("pool"), {"p": 3}),
    "pool-deconvnet": (PooledLayer("pool-deconvnet"), ReducedLayer("pool-deconvnet"), {"p": 3}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_both_routes_draw_from_one_law(name):
    one, other, more = PAIRS[name]
    sizes = {**SIZES, **more}
    test = two_sample_ks(draws(one, 1, **sizes), draws(other, 2, **sizes), alpha=1e-6)
    assert test.p_value > 1e-6


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (EngineLayer(rule=Deconvnet()), ReducedLayer()),
        (EngineLayer("guided", Gradient()), ReducedLayer("guided")),
        (EngineLayer("top", s=0.0), ReducedLayer("top", BEST_THRESHOLD)),
        (EngineLayer(bias=-1.7), ReducedLayer("top", 0.7)),
        (EngineLayer(repeats=2), ReducedLayer()),
        (EngineLayer("peeking"), ReducedLayer()),
    ],
    ids=["no mask", "no sign gate", "no threshold", "another bias", "tied rows", "peeking"],
)
def test_planted_errors_are_seen(wrong, right):
    test = two_sample_ks(draws(wrong, 1, **SIZES), draws(right, 2, **SIZES), alpha=1e-6)
    assert test.p_value < 1e-6


def test_switches_left_out_are_seen():
    sizes = {**SIZES, "p": 3}
    wrong = draws(PooledLayer("pool", gated=False), 1, **sizes)
    assert two_sample_ks(wrong, draws(ReducedLayer("pool"), 2, **sizes), alpha=1e-6).p_value < 1e-6


def test_without_input_nothing_is_defined():
    assert len(draws(EngineLayer(zero_input=True), 1, **SIZES)) == 0
    found = gather(RandomRows(0.0, 1.0, zero_input=True), SEED, 3, n=4, d=3)
    assert np.isnan(found).all()


def test_dead_layers_are_undefined():
    found = gather(ReducedLayer("top", 9.0), SEED, 10, **SIZES)
    assert np.isnan(found).all()


@pytest.mark.parametrize("coefficients", ["one", "activation"])
@pytest.mark.parametrize("side", ["along x", "across x"])
def test_clipping_moves_a_mean_by_less_than_the_slack(coefficients, side):
    """What is beyond the range, by drawing what one neuron adds; far below the slack."""
    n, kappa = 12, 0.3989 if coefficients == "one" else 0.5
    rng = np.random.default_rng(3)
    t, e = rng.standard_normal((2, 200_000, n))
    phi = (t > 0) * 1.0 if coefficients == "one" else np.maximum(t, 0)
    means = (phi * (t if side == "along x" else e)).mean(axis=1)
    low, high = (0.0, 2 * kappa) if side == "along x" else (-kappa, kappa)
    moved = abs(np.clip(means, low, high).mean() - means.mean())
    error = 5 * np.abs(means - np.clip(means, low, high)).std() / 200_000**0.5
    assert moved - error <= clipping_slack(coefficients, side, kappa, n)
