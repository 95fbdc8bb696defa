"""Every rule × settings × network: fast = explicit, ledgers, batches, element types."""

import itertools
from functools import cache

import numpy as np
import pytest
from rule_table import (
    ENTRIES,
    FLOATS,
    NETWORKS,
    assert_fast_equals_explicit,
    assert_ledger_closes,
    assert_within,
    attribution_of,
    bounds_from_truth,
    bounds_of,
    network_of,
    passes_of,
    table,
    times,
)

from alignment_theory import Network, attribute, combined_weight

every_rule = pytest.mark.parametrize("entry", ENTRIES)


@every_rule
def test_fast_equals_the_combined_weight(entry):
    for label, name, dtype, attribution in table(entry, (*FLOATS, object)):
        explicit = times(combined_weight(attribution), attribution.top)
        explicit = explicit.reshape(attribution.batched[0].shape)
        if dtype is object:
            assert (attribution.batched[0] == explicit).all(), label
        else:
            assert_within(attribution.batched[0], explicit, bounds_of(entry, name, dtype)[0], label)


@every_rule
def test_fast_equals_explicit_at_every_position(entry):
    for label, _, _, attribution in table(entry, (*FLOATS, object)):
        for run in passes_of(attribution):
            assert_fast_equals_explicit(run, label)


@cache
def random_trace(dtype, seed):
    """Run a network whose numbers are not dyadic, on inputs >= 0 or of both signs."""
    rng = np.random.default_rng(seed)
    sizes = (6, 8, 7, 4)
    weights = [rng.normal(size=(o, i)) for i, o in itertools.pairwise(sizes)]
    biases = [0.3 * rng.normal(size=len(w)) if seed else None for w in weights]
    samples = rng.uniform(-1 if seed else 0, 1, (5, 6))
    return Network.mlp(weights, biases).astype(dtype).forward(samples.astype(dtype))


@every_rule
def test_fast_equals_explicit_and_the_ledger_closes_on_random_networks(entry):
    for dtype, seed in itertools.product(FLOATS, (0, 1)):
        attribution = attribute(random_trace(dtype, seed), rule=ENTRIES[entry].method)
        for run in passes_of(attribution):
            assert_fast_equals_explicit(run, f"{entry}, seed {seed}")
            assert_ledger_closes(run, f"{entry}, seed {seed}")


@every_rule
def test_floats_are_within_the_bound_of_the_exact_relevance(entry):
    if not ENTRIES[entry].exact:
        pytest.skip("has no exact form")
    for label, name, dtype, attribution in table(entry, FLOATS):
        exact = attribution_of(entry, name, object).batched
        bounds = bounds_from_truth(entry, name, dtype)
        for values, truth, bound in zip(attribution.batched, exact, bounds, strict=True):
            assert_within(values, truth, bound, label)


@every_rule
def test_float32_and_float64_agree(entry):
    for name in NETWORKS:
        narrow, wide = (attribution_of(entry, name, dtype) for dtype in FLOATS)
        bounds = [bounds_from_truth(entry, name, dtype) for dtype in FLOATS]
        for position, values in enumerate(narrow.batched):
            bound = bounds[0][position] + bounds[1][position]
            assert_within(values, wide.batched[position], bound, f"{entry} on {name!r}")


@every_rule
def test_element_type_and_shapes_are_kept(entry):
    for label, name, dtype, attribution in table(entry, (*FLOATS, object)):
        net, samples = network_of(name, dtype)
        shapes = [(len(samples), *shape) for shape in net.shapes]
        assert [values.shape for values in attribution.relevances] == shapes, label
        assert attribution.relevance.shape == samples.shape, label
        every = [attribution.relevance, *attribution.relevances]
        assert {values.dtype for values in every} == {np.dtype(dtype)}, label
        assert attribution.targets.shape == (len(samples),), label
        if not attribution.runs:
            sites = attribution.trace.switch_sites
            for gates, site in zip(attribution.gates, sites, strict=True):
                assert gates.shape == site.input.shape, label
                assert gates.dtype in (np.dtype(bool), np.dtype(dtype)), label


@every_rule
def test_ledger_closes(entry):
    for label, _, dtype, attribution in table(entry, (*FLOATS, object)):
        for run in passes_of(attribution):
            assert run.ledger.totals.dtype == dtype
            assert_ledger_closes(run, label)


@every_rule
def test_batch_equals_singles_and_does_not_depend_on_batch_mates(entry):
    method, mates = ENTRIES[entry].method, [1, 0, 0]
    for label, name, dtype, batch in table(entry, FLOATS):
        net, samples = network_of(name, dtype)
        bounds = bounds_of(entry, name, dtype)
        other = attribute(net, samples[mates], rule=method)
        for position, values in enumerate(other.relevances):
            expected, bound = batch.relevances[position][mates], bounds[position][mates]
            assert_within(values, expected, bound, label)
        single = attribute(net, samples[0], rule=method)
        assert single.relevance.shape == net.input_shape, label
        assert single.targets.tolist() == [batch.targets[0]], label
        for position, values in enumerate(single.relevances):
            assert values.shape == net.shapes[position], label
            expected, bound = batch.relevances[position][0], bounds[position][0]
            assert_within(values, expected, bound, label)


@every_rule
def test_twice_the_same_and_inputs_untouched(entry):
    for name in NETWORKS:
        net, samples = network_of(name, np.float64)
        given = samples.copy()
        first = attribute(net, given, rule=ENTRIES[entry].method)
        second = attribute(first.trace, rule=ENTRIES[entry].method)
        assert (given == samples).all()
        for one, two in zip(first.relevances, second.relevances, strict=True):
            assert (one == two).all(), f"{entry} on {name!r}"


def test_the_bounds_of_the_table_say_something():
    finite, tight, places = 0, 0, 0
    for entry in ENTRIES:
        for _, name, dtype, attribution in table(entry, (np.float64,)):
            bounds = bounds_of(entry, name, dtype)
            for values, bound in zip(attribution.batched, bounds, strict=True):
                finite += np.isfinite(bound).sum()
                tight += (bound <= 1e-12 * max(1, np.abs(values).max())).sum()
                places += bound.size
    print(f"finite bounds {finite / places:.4f}, tight bounds {tight / places:.4f}")
    assert finite / places >= 0.999
    assert tight / places >= 0.95
