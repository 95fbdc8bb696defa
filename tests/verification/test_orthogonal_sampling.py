"""The chain of directions against real networks with orthogonal layers: two routes to one law."""

import pickle

import numpy as np
import pytest

from alignment_theory import Deconvnet, Gradient, GuidedBackprop, RectGrad
from alignment_theory.ensembles import Gaussian, Orthogonal
from alignment_theory.verification.orthogonal_sampling import OrthogonalChain
from alignment_theory.verification.reduced_depth import EngineChain
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.statistics import two_sample_ks

WIDTHS = (12, 16, 14, 14, 5)
"""Orthonormal columns, rows and a square matrix."""

ALPHA = 1e-6
Q = 90.0
ENGINE_TRIALS = 2000
RULES = {
    "gradient": Gradient(),
    "deconvnet": Deconvnet(),
    "guided": GuidedBackprop(),
    "rectgrad": RectGrad(Q),
}


def engine_draws(rule, law=Orthogonal(), **changes):  # noqa: B008
    chain = EngineChain(rule, law=law, **changes)
    return gather(chain, np.random.SeedSequence(31), ENGINE_TRIALS, widths=WIDTHS)


@pytest.fixture(scope="module")
def engine():
    """cos² at every level of real networks by rule, drawn once."""
    return {name: engine_draws(rule) for name, rule in RULES.items()}


def chain_draws(name, *, q=Q, widths=WIDTHS, count=20_000, **changes):
    chain = OrthogonalChain(name, **changes)
    return gather(chain, np.random.SeedSequence(32), count, widths=widths, q=q)


def p_values(first, second):
    """Return the p-value of every level, from the trials that are alive there."""
    columns = zip(first.T, second.T, strict=True)
    return [
        two_sample_ks(a[~np.isnan(a)], b[~np.isnan(b)], alpha=ALPHA).p_value for a, b in columns
    ]


@pytest.mark.parametrize("name", RULES)
def test_both_routes_have_one_law(name, engine):
    assert min(p_values(engine[name], chain_draws(name))) > ALPHA


@pytest.mark.parametrize("name", RULES)
def test_both_routes_die_alike(name, engine):
    """The share of dead trials at each level differs by sampling error only."""
    first, second = (np.isnan(x).mean(axis=0) for x in (engine[name], chain_draws(name)))
    deviation = np.sqrt(second / ENGINE_TRIALS) + 1 / ENGINE_TRIALS
    assert (abs(first - second) < 6 * deviation).all()


@pytest.mark.parametrize("widths", [(10, 20, 14, 4), (30, 15, 14, 4)], ids=["columns", "rows"])
def test_a_projection_left_out_is_caught(widths):
    """Without B each layer would be taken as square."""
    chain = EngineChain(law=Orthogonal())
    drawn = gather(chain, np.random.SeedSequence(33), ENGINE_TRIALS, widths=widths)
    assert min(p_values(drawn, chain_draws("guided", widths=widths))) > ALPHA
    assert min(p_values(drawn, chain_draws("guided", widths=widths, projects=False))) < ALPHA


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("guided", "deconvnet"), ("guided", "gradient"), ("rectgrad", "guided")],
)
def test_a_wrong_gate_is_caught(right, wrong, engine):
    assert min(p_values(engine[right], chain_draws(wrong))) < ALPHA


def test_a_wrong_percentile_is_caught(engine):
    assert min(p_values(engine["rectgrad"], chain_draws("rectgrad", q=50.0))) < ALPHA


@pytest.mark.parametrize("changes", [{"law": Gaussian()}, {"bias": -1.0}], ids=str)
def test_other_networks_are_caught(changes):
    drawn = engine_draws(GuidedBackprop(), **changes)
    assert min(p_values(drawn, chain_draws("guided"))) < ALPHA


def test_dead_levels_are_nan_above_and_below():
    draws = OrthogonalChain("guided").draw(np.random.default_rng(0), 4000, widths=(3, 2, 2, 2))
    alive = ~np.isnan(draws)
    assert 0 < alive[:, 0].sum() < len(draws)
    assert ((draws >= 0) & (draws <= 1))[alive].all()
    assert not (alive[:, 0] & ~alive[:, 1]).any()


def test_rectgrad_that_keeps_nothing_is_dead():
    chain = OrthogonalChain("rectgrad")
    draws = chain.draw(np.random.default_rng(0), 100, widths=(30, 30, 30, 2), q=100.0)
    assert np.isnan(draws[:, :2]).all() and not np.isnan(draws[:, 2]).any()


def test_trials_do_not_depend_on_how_many_are_drawn():
    seed, chain = np.random.SeedSequence(3), OrthogonalChain("guided")
    few = gather(chain, seed, 10, widths=WIDTHS)
    assert np.array_equal(few, gather(chain, seed, 5000, widths=WIDTHS)[:10], equal_nan=True)


def test_samplers_travel_to_other_processes():
    chain = OrthogonalChain("guided", projects=False)
    assert pickle.loads(pickle.dumps(chain)) == chain


def test_an_unknown_rule_is_explained():
    with pytest.raises(ValueError, match="rule must be one of gradient, .*, got 'lrp'"):
        OrthogonalChain("lrp")
