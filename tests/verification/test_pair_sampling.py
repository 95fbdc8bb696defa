import pickle

import numpy as np
import pytest

from alignment_theory.ensembles import Uniform
from alignment_theory.rules import Gradient, GuidedBackprop
from alignment_theory.theory.pairs import predict_randomisation
from alignment_theory.verification.pair_sampling import EnginePairs, ReducedPairs, redrawn_layers
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.statistics import two_sample_ks

ALPHA = 1e-6
WIDTHS = (10, 16, 14, 12, 4)
NETWORKS, TRIALS = 600, 12_000
CASES = [
    ("class", None),
    *(("cascading", layer) for layer in (0, 1, 2)),
    *(("independent", layer) for layer in (1, 3)),
    *(("bottom-up", layer) for layer in (2, 4)),
]
SEED = np.random.SeedSequence(20)


def column(draws, level):
    """Defined values, rounded: where both relevances are one, the engine is off by rounding."""
    values = draws[:, level]
    return np.round(values[~np.isnan(values)], 12)


@pytest.fixture(scope="module")
def engine():
    """Draws of real networks by case, Guided Backprop."""
    return {
        case: gather(EnginePairs(), SEED, NETWORKS, widths=WIDTHS, kind=case[0], layer=case[1])
        for case in CASES
    }


def reduced(sampler, case):
    seed = np.random.SeedSequence(21)
    return gather(sampler, seed, TRIALS, widths=WIDTHS, kind=case[0], layer=case[1])


def p_values(left, right):
    levels = range(len(WIDTHS) - 1)
    pairs = [(column(left, level), column(right, level)) for level in levels]
    return [two_sample_ks(a, b, alpha=ALPHA).p_value for a, b in pairs]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_routes_lead_to_one_law(case, engine):
    assert min(p_values(engine[case], reduced(ReducedPairs(), case))) > ALPHA


@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_routes_die_equally_often(case, engine):
    dead = np.isnan(reduced(ReducedPairs(), case)).mean(axis=0)
    error = np.sqrt(dead * (1 - dead) / NETWORKS)
    assert (abs(np.isnan(engine[case]).mean(axis=0) - dead) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("case", [("class", None), ("independent", 1)], ids=str)
def test_the_gradient_too(case):
    kind, layer = case
    draws = gather(EnginePairs(Gradient()), SEED, NETWORKS, widths=WIDTHS, kind=kind, layer=layer)
    assert min(p_values(draws, reduced(ReducedPairs("gradient"), case))) > ALPHA


@pytest.mark.parametrize(
    ("sampler", "case"),
    [
        (ReducedPairs(forget=True), ("class", None)),
        (ReducedPairs(forget=True), ("cascading", 1)),
        (ReducedPairs(forget=True), ("independent", 1)),
        (ReducedPairs(mask=False), ("class", None)),
        (ReducedPairs(mask=False), ("cascading", 2)),
        (ReducedPairs(mask=False), ("bottom-up", 2)),
        (ReducedPairs("gradient"), ("class", None)),
        (ReducedPairs(), ("bottom-up", 2)),
    ],
)
def test_planted_errors_are_caught(sampler, case, engine):
    """The last one is compared with another kind: independent at the same layer."""
    other = ("independent", 2) if sampler == ReducedPairs() else case
    assert min(p_values(engine[case], reduced(sampler, other))) < ALPHA


@pytest.mark.parametrize("sampler", [ReducedPairs(forget=True), ReducedPairs(mask=False)])
def test_planted_errors_contradict_the_prediction(sampler):
    widths = (60, 60, 60, 60, 20)
    draws = gather(sampler, np.random.SeedSequence(5), 4000, widths=widths, kind="class")
    prediction = predict_randomisation(widths, "class")
    error = np.nanstd(draws, axis=0) / np.sqrt(len(draws))
    off = abs(np.nanmean(draws, axis=0) - prediction.value) - prediction.remainder
    assert (off > 5 * error).any()


@pytest.mark.parametrize(("kind", "layer"), [("class", None), ("cascading", 1), ("bottom-up", 1)])
def test_real_networks_meet_the_prediction(kind, layer):
    widths = (40, 60, 50, 10)
    draws = gather(EnginePairs(), SEED, 500, widths=widths, kind=kind, layer=layer)
    prediction = predict_randomisation(widths, kind, layer)
    error = np.nanstd(draws, axis=0) / np.sqrt(len(draws))
    off = abs(np.nanmean(draws, axis=0) - prediction.value)
    assert (off <= prediction.remainder + 5 * error + 1e-9).all()


def test_relevances_above_new_layers_below_are_one_and_the_same(engine):
    for case in (("independent", 1), ("bottom-up", 2)):
        assert (column(engine[case], -1) == 1).all()


def test_trials_depend_on_seed_and_index_only():
    whole = gather(ReducedPairs(), SEED, 3000, widths=WIDTHS, kind="independent", layer=2)
    later = gather(ReducedPairs(), SEED, 500, 2500, widths=WIDTHS, kind="independent", layer=2)
    assert np.array_equal(whole[2500:], later, equal_nan=True)


def test_networks_whose_layers_die_have_no_cosine_below():
    draws = gather(ReducedPairs(), SEED, 2000, widths=(5, 2, 2, 3), kind="class")
    dead = np.isnan(draws)
    assert 0.3 < dead[:, 0].mean() < 0.95
    assert not dead[:, -1].any()
    assert (dead[:, 0] >= dead[:, 1]).all()


def test_samplers_are_values_that_can_be_pickled():
    for sampler in (EnginePairs(GuidedBackprop(), Uniform()), ReducedPairs("gradient")):
        assert pickle.loads(pickle.dumps(sampler)) == sampler


@pytest.mark.parametrize(
    ("kind", "layer"), [("upward", 1), ("cascading", None), ("cascading", 4), ("bottom-up", 0)]
)
def test_wrong_kinds_and_layers_are_named(kind, layer):
    with pytest.raises(ValueError, match="expected"):
        redrawn_layers(kind, layer, 4)


def test_an_unknown_rule_is_named():
    with pytest.raises(ValueError, match="rule: expected guided or gradient"):
        ReducedPairs("lrp")
