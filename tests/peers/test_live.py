"""Ours equals the installed zennit and captum, on the stored networks and on fresh ones."""

import inspect
from functools import cache

import convolutional_cases
import numpy as np
import ours
import pytest
from installed import peers

from alignment_theory import BetaSmooth, dialect

pytestmark = pytest.mark.peers

FRESH = (1000, 2000)


@cache
def recorded(shift):
    """Return descriptions of networks, and what the installed libraries compute, by name."""
    networks = {n.name: peers().generate.description(n) for n in peers().networks(shift)}
    records = list(peers().generate.records(peers().networks(shift)))
    named = {ours.name_of(record): record for record in records}
    assert len(named) == len(records)
    return networks, named


def test_the_stored_networks_are_drawn_again():
    networks, _ = recorded(0)
    assert set(networks) == set(ours.stored()[0])
    for name, kept in ours.stored()[0].items():
        logits, again = kept["logits"], networks[name]["logits"]
        assert {**networks[name], "logits": logits} == kept
        for key in logits:
            assert np.max(ours.relative_errors([np.array(again[key])], [logits[key]])) <= 1e-12


def test_the_installed_libraries_reproduce_the_stored_records():
    (_, kept), (_, records) = ours.stored(), recorded(0)
    assert set(records) == set(kept)
    wrong = {}
    for name, record in kept.items():
        again = [np.array(layer) for layer in records[name]["relevance"]]
        error = ours.relative_errors(again, record["relevance"]).max()
        if not error <= 1e-12:
            wrong[name] = error
    assert not wrong, f"recorded with {ours.reference()['versions']}"


@pytest.mark.parametrize("library", ["zennit", "captum"])
@pytest.mark.parametrize("shift", FRESH)
def test_equals_the_libraries_on_fresh_networks(shift, library):
    networks, records = recorded(shift)
    assert set(records) == set(ours.stored()[1])
    wrong, compared = {}, 0
    for name, record in records.items():
        if record["library"] != library or "norm_scale" in name:  # test_stored.py says why
            continue
        compared += 1
        try:
            ours.assert_same(record, networks[record["network"]])
        except AssertionError as error:
            wrong[name] = str(error)
    assert not wrong
    assert compared == {"zennit": 309, "captum": 131}[library]


COMPOSITES = {
    "EpsilonPlus": {},
    "EpsilonPlusFlat": {},
    "EpsilonAlpha2Beta1": {},
    "EpsilonAlpha2Beta1Flat": {},
    "EpsilonGammaBox": {"low": -1.0, "high": 1.0},
    "ExcitationBackprop": {},
}


@pytest.mark.parametrize("seed", ["one_hot", "logit"])
@pytest.mark.parametrize("name", ["biased", "dead", "bias_free", "shallow"])
@pytest.mark.parametrize("composite", COMPOSITES)
def test_composites_on_convolutions_and_dense_layers(composite, name, seed):
    parameters = COMPOSITES[composite]
    network = next(n for n in peers().networks(FRESH[0]) if n.name == name)
    description = peers().generate.description(network)
    theirs = peers().zennit_cases.run(
        network.convolutional(),
        getattr(peers().zc, composite)(**parameters),
        network.tensor("signed"),
        peers().zennit_cases.seeds_for(network.targets)[seed],
    )
    theirs = [np.array(layer).reshape(len(layer), -1).tolist() for layer in theirs]
    record = {
        **{"library": "zennit", "rule": composite, "parameters": parameters, "input": "signed"},
        **{"targets": network.targets, "seed": seed, "relevance": theirs},
    }
    mixed = ours.as_convolutions(ours.network_of(description), len(theirs) - 1)
    method = dialect("zennit", composite, *parameters.values())
    mine = ours.attribution_of(record, description, method, mixed)
    found = ours.relevances_of(record, description, mine)
    assert (ours.relative_errors(found, theirs) <= ours.RELATIVE).all()


@cache
def convolutional(shift):
    """Return what the installed libraries compute on convolutional networks."""
    peers()
    import generate_convolutional

    return generate_convolutional.records(shift)


def test_the_installed_libraries_reproduce_the_convolutional_records():
    kept, again = convolutional_cases.RECORDS, convolutional(0)
    assert set(again) == set(kept.files)
    for key in kept.files:
        if not key.endswith("/onnx"):
            assert (convolutional_cases.errors(again[key], kept[key]) <= ours.RELATIVE).all(), key


@pytest.mark.parametrize("shift", FRESH)
def test_equals_the_libraries_on_fresh_convolutional_networks(shift):
    records = convolutional(shift)
    keys = [key for key in records if key.count("/") == 2]
    assert keys == convolutional_cases.METHODS
    wrong = {}
    for key in keys:
        found = convolutional_cases.relevance_of(key, records=records)
        error = convolutional_cases.errors(found, records[key]).max()
        if not error <= ours.RELATIVE:
            wrong[key] = error
    assert not wrong


def settings():
    """Yield function of a library, its parameter, and what our dialect takes it to be."""
    zr, zc = peers().zr, peers().zc
    for name in ("Gamma", "ZPlus", "AlphaBeta", "WSquare", "Flat"):
        yield getattr(zr, name), "stabilizer", dialect("zennit", name).epsilon
    yield zr.ZBox, "stabilizer", dialect("zennit", "ZBox", 0, 1).epsilon
    yield zr.Epsilon, "epsilon", dialect("zennit", "Epsilon").epsilon
    yield zr.Gamma, "gamma", dialect("zennit", "Gamma").gamma
    yield zr.AlphaBeta, "alpha", dialect("zennit", "AlphaBeta").alpha
    yield zr.AlphaBeta, "beta", dialect("zennit", "AlphaBeta").beta
    yield zr.ReLUBetaSmooth, "beta_smooth", BetaSmooth().beta
    for name in ("EpsilonPlus", "EpsilonAlpha2Beta1", "EpsilonGammaBox"):
        yield getattr(zc, name), "epsilon", dialect("zennit", name).composite.epsilon
        yield getattr(zc, name), "stabilizer", 1e-6
    yield zc.EpsilonGammaBox, "gamma", dialect("zennit", "EpsilonGammaBox").composite.gamma
    right, gauss = (dialect(name, "IntegratedGradients") for name in ("zennit", "captum"))
    yield peers().za.IntegratedGradients, "n_iter", right.steps
    yield peers().ca.IntegratedGradients.attribute, "n_steps", gauss.steps
    yield peers().ca.IntegratedGradients.attribute, "method", "gausslegendre"
    yield peers().ca.DeepLift, "eps", dialect("captum", "DeepLift").tolerance
    yield peers().lrp.EpsilonRule, "epsilon", dialect("captum", "Epsilon").epsilon
    yield peers().lrp.GammaRule, "gamma", dialect("captum", "Gamma").gamma


def test_defaults_of_the_installed_libraries_are_those_of_the_dialects():
    for function, name, wanted in settings():
        found = inspect.signature(function).parameters[name].default
        assert found == wanted, f"{function.__qualname__}: {name}"
    assert peers().lrp.PropagationRule.STABILITY_FACTOR == dialect("captum", "Gamma").epsilon
    assert peers().lrp.PropagationRule.STABILITY_FACTOR == dialect("captum", "ZPlus").epsilon
