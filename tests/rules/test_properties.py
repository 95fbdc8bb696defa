"""Properties of every rule with drawn settings, on drawn networks: live, dead, tied and naive."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rule_table import assert_fast_equals_explicit, assert_ledger_closes, assert_within, passes_of

from alignment_theory import (
    Deconvnet,
    Form,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    Network,
    RectGrad,
    SmoothGrad,
    attribute,
)
from alignment_theory.arrays import is_exact
from alignment_theory.rounding import relevance_bounds
from alignment_theory.testing.strategies import (
    dead_cases,
    inputs,
    live_cases,
    networks,
    rules,
    tie_cases,
)

NAIVE = networks().flatmap(lambda network: st.tuples(st.just(network), inputs(network)))
CASES = {"live": live_cases(), "tied": tie_cases(), "dead": dead_cases(), "naive": NAIVE}


def suits(rule, network):
    return not (isinstance(rule, SmoothGrad) and network.dtype == np.dtype(object))


@pytest.mark.parametrize("kind", CASES)
@given(data=st.data(), rule=rules())
def test_fast_equals_explicit_and_the_ledger_closes(kind, data, rule):
    network, samples = data.draw(CASES[kind])
    assume(suits(rule, network))
    attribution = attribute(network, samples, rule=rule)
    for run in passes_of(attribution):
        assert_fast_equals_explicit(run)
        assert_ledger_closes(run)
    assert {values.dtype for values in attribution.relevances} == {network.dtype}


@given(case=st.one_of(live_cases(), NAIVE), rule=rules(), data=st.data())
def test_a_sample_does_not_depend_on_its_batch_mates(case, rule, data):
    network, samples = case
    assume(suits(rule, network))
    batch = attribute(network, samples, rule=rule)
    order = data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=4))
    other = attribute(network, samples[order], rule=rule)
    single = attribute(network, samples[order[0]], rule=rule)
    bounds = relevance_bounds(batch)
    for position, values in enumerate(batch.relevances):
        bound = 0 if is_exact(values) else bounds[position][order]
        assert_within(other.relevances[position], values[order], bound)
        bound = 0 if is_exact(values) else bounds[position][order[0]]
        assert_within(single.relevances[position], values[order[0]], bound)


@given(case=live_cases(), rule=rules(), data=st.data())
def test_targets_and_seeds(case, rule, data):
    """A target is the seed array that is 1, or the logit, there and 0 elsewhere."""
    network, samples = case
    assume(suits(rule, network))
    (outputs,) = network.output_shape
    each = st.integers(0, outputs - 1)
    targets = data.draw(st.lists(each, min_size=len(samples), max_size=len(samples)))
    seed = data.draw(st.sampled_from(["unit", "logit"]))
    assume(not (seed == "logit" and "Integrated" in rule.name or "Smooth" in rule.name))
    aimed = attribute(network, samples, rule=rule, target=targets, seed=seed)
    rows, logits = np.arange(len(samples)), aimed.trace.activations[-1]
    start = 0 * logits
    start[rows, targets] = 1 if seed == "unit" else logits[rows, targets]
    seeded = attribute(network, samples, rule=rule, seed=start)
    assert aimed.targets.tolist() == targets
    assert seeded.targets.tolist() == [-1] * len(samples)
    for one, other in zip(aimed.relevances, seeded.relevances, strict=True):
        assert (one == other).all()


@given(case=dead_cases(), rule=rules(form=Form.RELEVANCE))
def test_nothing_passes_a_dead_layer_that_is_blocked(case, rule):
    network, samples = case
    assume(getattr(rule, "block_dead", True))
    attribution = attribute(network, samples, rule=rule)
    assert (attribution.relevance == 0).all()


@given(case=dead_cases(), q=st.sampled_from([0, 50, 98]))
def test_masked_signals_do_not_pass_a_dead_layer(case, q):
    network, samples = case
    rectified = [RectGrad(q, ties=ties) for ties in ("exclude", "include")]
    for rule in (Gradient(), GuidedBackprop(), InputTimesGradient(), *rectified):
        assert (attribute(network, samples, rule=rule).relevance == 0).all()


@given(case=tie_cases())
def test_ties_are_closed_by_default_and_open_where_asked(case):
    """At z = 0 the strict mask is 0, for every sample and switch, and the other one 1."""
    network, samples = case
    trace = network.forward(samples)
    for values, mask in zip(trace.preactivations, trace.masks, strict=True):
        assert (mask == (values > 0)).all()
    layers = [
        type(layer)(active_at_zero=True) if hasattr(layer, "active_at_zero") else layer
        for layer in network.layers
    ]
    opened = Network(layers, network.input_shape).forward(samples)
    assert (opened.output == trace.output).all()
    for values, mask in zip(opened.preactivations, opened.masks, strict=True):
        assert (mask == (values >= 0)).all()


@given(case=st.one_of(live_cases(), tie_cases()))
def test_gates_of_the_signal_rules_are_their_definitions(case):
    """The gates, against the definitions in plain NumPy, from the relevance that arrived."""
    network, samples = case
    definitions = {
        Gradient(): lambda z, g: z > 0,
        Deconvnet(): lambda z, g: g > 0,
        GuidedBackprop(): lambda z, g: (z > 0) & (g > 0),
        RectGrad(threshold=0.5): lambda z, g: np.where(z > 0, z, 0 * z) * g > 0.5,
    }
    for rule, definition in definitions.items():
        attribution = attribute(network, samples, rule=rule)
        sites = attribution.trace.switch_sites
        for site, gates in zip(sites, attribution.gates, strict=True):
            arrived = attribution.relevances[site.index + 1]
            assert (gates == definition(site.input, arrived)).all()
            assert (attribution.relevances[site.index] == gates * arrived).all()
