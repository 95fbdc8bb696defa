"""The public strategies keep their promises, and how many of their examples are live."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st

from alignment_theory import (
    Dense,
    Form,
    Gradient,
    GuidedBackprop,
    Method,
    RectGrad,
    Relu,
    SmoothGrad,
    ZPlus,
    attribute,
)
from alignment_theory import rules as library
from alignment_theory.testing import strategies
from alignment_theory.testing.strategies import (
    conditioned_matrices,
    dead_cases,
    inputs,
    live_cases,
    networks,
    rules,
    tie_cases,
)

COUNTING = settings(
    max_examples=200, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
NOT_ON_THE_LATTICE = {"BetaSmooth"}  # its gates are not dyadic
METHODS = {"gradient": Gradient(), "guided backprop": GuidedBackprop(), "z+": ZPlus()}


def live(network, samples, rule):
    """Tell for each sample whether every layer is active and relevance reaches the input."""
    attribution = attribute(network, samples, rule=rule)
    reached = (attribution.relevance.reshape(len(samples), -1) != 0).any(axis=1)
    for site in attribution.trace.switch_sites:
        reached &= site.mask.reshape(len(samples), -1).any(axis=1)
    return reached


def over_examples(function, **drawn):
    """Call a function on a few hundred examples, always the same, and return its results."""
    seen = []
    COUNTING(given(**drawn)(lambda **values: seen.append(function(**values))))()
    return seen


def naive(kind):
    return networks().flatmap(lambda n: st.tuples(st.just(n), inputs(n, kind=kind)))


def test_live_shares():
    """Live by construction: all. Naive: about half, and at x = 0 few or none."""
    cases = {kind: naive(kind) for kind in ("signed", "nonnegative", "ties", "zeros")}
    cases["live_cases"] = live_cases()
    for kind, strategy in cases.items():
        lived = over_examples(
            lambda case: np.stack([live(*case, rule) for rule in METHODS.values()]), case=strategy
        )
        shares = np.concatenate(lived, axis=1).mean(axis=1)
        print(kind, ", ".join(f"{k} {v:.2f}" for k, v in zip(METHODS, shares, strict=True)))
        if kind == "live_cases":
            assert (shares == 1).all()
        else:
            assert (shares < (0.5 if kind == "zeros" else 0.8)).all()
            assert kind == "zeros" or (shares > 0.1).all()


def may_discard(rule):
    return isinstance(rule, RectGrad | SmoothGrad) or getattr(rule, "baseline", 0.0) != 0.0


@given(case=live_cases(), rule=rules(), data=st.data())
def test_live_cases_are_live_for_every_rule_and_output(case, rule, data):
    network, samples = case
    assume(not may_discard(rule))
    assert live(network, samples, rule).all()
    target = data.draw(st.integers(0, network.output_shape[0] - 1))
    relevance = attribute(network, samples, rule=rule, target=target, seed="unit").relevance
    if not isinstance(network.layers[-1], Relu) and rule.form is Form.SIGNAL:
        assert (relevance.reshape(len(samples), -1) != 0).any(axis=1).all()


@given(case=dead_cases())
def test_dead_cases_have_a_dead_layer(case):
    network, samples = case
    assert any(not mask.any() for mask in network.forward(samples).masks)


@given(case=tie_cases())
def test_tie_cases_have_a_tie_in_a_hidden_layer(case):
    network, samples = case
    trace = network.forward(samples)
    hidden = [s for s in trace.switch_sites if 0 < s.index < len(network.layers) - 1]
    assert any((site.input[0] == 0).any() for site in hidden)


@given(data=st.data(), network=networks())
def test_inputs_are_what_their_kind_says(data, network):
    zeros, positive, tied = (
        data.draw(inputs(network, kind=kind)) for kind in ("zeros", "nonnegative", "ties")
    )
    assert (zeros == 0).all()
    assert (positive >= 0).all()
    trace = network.forward(tied)
    first = next(s for s in trace.sites if type(s.layer).__name__ != "Flatten")
    tested = first.output[0] if isinstance(first.layer, Dense) else first.input[0]
    assert (tested == 0).any()
    for values in (zeros, positive, tied):
        assert values.dtype == network.dtype
        assert 1 <= len(values) <= 3
        assert values.shape[1:] == network.input_shape


def test_most_ties_have_something_below_them():
    def nontrivial(case):
        network, samples = case
        trace = network.forward(samples)
        hidden = [s for s in trace.switch_sites if 0 < s.index < len(network.layers) - 1]
        below = [trace.sites[s.index - 1].input[0] for s in hidden if (s.input[0] == 0).any()]
        return any((values != 0).any() for values in below)

    share = np.mean(over_examples(nontrivial, case=tie_cases()))
    print(f"ties with something below: {share:.2f}")
    assert share > 0.7


FULL = {"bias": True, "image": True, "outer_relu": True}


@given(network=networks(dtype=np.float32, depth=(2, 3), width=(2, 3), **FULL))
def test_networks_are_what_is_asked_for(network):
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert network.dtype == np.float32
    assert 2 <= len(dense) <= 3
    assert all(layer.bias is not None for layer in dense)
    assert all(2 <= len(layer.weight) <= 3 for layer in dense)
    assert len(network.input_shape) == 2
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds[:3] == ["Flatten", "Relu", "Dense"]
    assert kinds[-1] == "Relu"
    for layer in dense:
        for values in (layer.weight, layer.bias):
            assert (2 * values == np.round(2 * values)).all()
            assert (np.abs(values) <= 2).all()


@given(network=networks(dtype=object, bias=False, image=False, outer_relu=False))
def test_networks_without_what_is_not_asked_for(network):
    assert network.dtype == object
    assert not network.has_bias
    kinds = {type(layer).__name__ for layer in network.layers}
    assert kinds <= {"Dense", "Relu"}
    assert isinstance(network.layers[0], Dense) and isinstance(network.layers[-1], Dense)


def test_one_unit_layers_images_outer_relus_and_every_element_type_occur():
    found = over_examples(lambda network: network, network=networks())
    assert {network.dtype for network in found} == {np.dtype(t) for t in "fdO"}
    assert {len(network.input_shape) for network in found} == {1, 2}
    for end in (0, -1):
        assert {Dense, Relu} <= {type(network.layers[end]) for network in found}
    weights = [w.weight for n in found for w in n.layers if isinstance(w, Dense)]
    assert {1, 4} <= {size for weight in weights for size in weight.shape}


def test_failures_shrink_to_small_integers():
    smallest = find(networks(dtype=float, outer_relu=False), lambda n: n.layers[-1].weight.any())
    assert np.abs(smallest.layers[-1].weight).tolist() == [[0.5]]


@given(pair=conditioned_matrices(size=(1, 6), condition=(1, 1e6)))
def test_conditioned_matrices(pair):
    matrix, kappa = pair
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert singular[0] / singular[-1] == pytest.approx(kappa, rel=1e-8)
    assert 1 <= kappa <= 1e6 * (1 + 1e-12)
    assert singular[0] == pytest.approx(1, rel=1e-12)


def test_rules_cover_every_public_rule():
    bases = {"Method", "Rule", "SignalRule", "LinearRule", "Composite"}
    public = {
        name
        for name in library.__all__
        if isinstance(cls := getattr(library, name), type)
        and issubclass(cls, Method)
        and name not in bases
    }
    drawn = {form: over_examples(lambda rule: rule, rule=rules(form=form)) for form in Form}
    assert all(rule.form is form for form, found in drawn.items() for rule in found)
    names = {type(rule).__name__ for found in drawn.values() for rule in found}
    assert names == public - NOT_ON_THE_LATTICE
    exact = over_examples(lambda rule: type(rule).__name__, rule=rules(exact=True))
    assert "SmoothGrad" not in exact and "Gradient" in exact


def test_the_module_names_what_it_offers():
    for name in strategies.__all__:
        function = getattr(strategies, name)
        assert function.__doc__ and function.__doc__.startswith("Return")
