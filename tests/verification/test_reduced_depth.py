"""The chain in one number a level against real networks: two routes to one law."""

import pickle

import numpy as np
import pytest

from alignment_theory import Deconvnet, Gradient, GuidedBackprop, RectGrad
from alignment_theory.verification.reduced_depth import EngineChain, ReducedChain
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.statistics import two_sample_ks

WIDTHS = (12, 16, 14, 10, 5)
ALPHA = 1e-6
Q = 90.0
ENGINE_TRIALS = 2500
RULES = {
    "gradient": Gradient(),
    "deconvnet": Deconvnet(),
    "guided": GuidedBackprop(),
    "rectgrad": RectGrad(Q),
}
CASES = [(name, output) for name in RULES for output in ("fixed", "argmax")]


@pytest.fixture(scope="module")
def engine():
    """cos² at every level of real networks, by rule and output, drawn once."""
    found = {}

    def draw(name, output):
        if (name, output) not in found:
            seed = np.random.SeedSequence([CASES.index((name, output)), 11])
            chain = EngineChain(RULES[name])
            found[name, output] = gather(chain, seed, ENGINE_TRIALS, widths=WIDTHS, output=output)
        return found[name, output]

    return draw


def reduced(name, output, *, q=Q, widths=WIDTHS):
    seed = np.random.SeedSequence([CASES.index((name, output)), 12])
    return gather(ReducedChain(name), seed, 20_000, widths=widths, q=q, output=output)


def p_values(first, second):
    """Return the p-value of every level, from the trials that are alive there."""
    columns = zip(first.T, second.T, strict=True)
    return [
        two_sample_ks(a[~np.isnan(a)], b[~np.isnan(b)], alpha=ALPHA).p_value for a, b in columns
    ]


@pytest.mark.parametrize(("name", "output"), CASES)
def test_both_routes_have_one_law(name, output, engine):
    assert min(p_values(engine(name, output), reduced(name, output))) > ALPHA


@pytest.mark.parametrize(("name", "output"), CASES)
def test_both_routes_die_alike(name, output, engine):
    """The share of dead trials at each level differs by sampling error only."""
    first, second = (
        np.isnan(x).mean(axis=0) for x in (engine(name, output), reduced(name, output))
    )
    deviation = np.sqrt(second / ENGINE_TRIALS) + 1 / ENGINE_TRIALS
    assert (abs(first - second) < 6 * deviation).all()


@pytest.mark.parametrize(
    ("right", "wrong", "output"),
    [
        ("guided", "deconvnet", "fixed"),  # the mask dropped
        ("guided", "gradient", "fixed"),  # the sign dropped
        ("rectgrad", "guided", "fixed"),  # the threshold dropped
        ("gradient", "deconvnet", "argmax"),
    ],
)
def test_a_wrong_gate_is_caught(right, wrong, output, engine):
    assert min(p_values(engine(right, output), reduced(wrong, output))) < ALPHA


def test_a_wrong_output_is_caught(engine):
    assert min(p_values(engine("guided", "argmax"), reduced("guided", "fixed"))) < ALPHA


def test_a_wrong_percentile_is_caught(engine):
    found = p_values(engine("rectgrad", "fixed"), reduced("rectgrad", "fixed", q=50.0))
    assert min(found) < ALPHA


def test_a_bias_is_caught():
    """With bias the chain is another one, so the reduced law must not fit."""
    biased = EngineChain(GuidedBackprop(), bias=-1.0)
    draws = gather(biased, np.random.SeedSequence(5), 1500, widths=(12, 10, 5))
    assert min(p_values(draws, reduced("guided", "fixed", widths=(12, 10, 5)))) < ALPHA


def test_dead_levels_are_nan_above_and_below():
    draws = ReducedChain("guided").draw(np.random.default_rng(0), 4000, widths=(3, 2, 2, 2))
    alive = ~np.isnan(draws)
    assert 0 < alive[:, 0].sum() < len(draws)
    assert ((draws >= 0) & (draws <= 1))[alive].all()
    assert not (alive[:, 0] & ~alive[:, 1]).any()


def test_rectgrad_that_keeps_nothing_is_dead():
    chain = ReducedChain("rectgrad")
    draws = chain.draw(np.random.default_rng(0), 100, widths=(9, 9, 9, 2), q=100.0)
    assert np.isnan(draws[:, :2]).all() and not np.isnan(draws[:, 2]).any()


def test_trials_do_not_depend_on_how_many_are_drawn():
    seed, chain = np.random.SeedSequence(3), ReducedChain("guided")
    few = gather(chain, seed, 10, widths=WIDTHS)
    assert np.array_equal(few, gather(chain, seed, 5000, widths=WIDTHS)[:10], equal_nan=True)


@pytest.mark.parametrize("chain", [ReducedChain("guided"), EngineChain(RectGrad(Q))])
def test_samplers_travel_to_other_processes(chain):
    assert pickle.loads(pickle.dumps(chain)) == chain


@pytest.mark.parametrize("chain", [ReducedChain("guided"), EngineChain()])
def test_an_unknown_output_is_explained(chain):
    with pytest.raises(ValueError, match="output must be one of fixed, argmax, got 'best'"):
        chain.draw(np.random.default_rng(0), 1, widths=(3, 3, 3), output="best")


def test_an_unknown_rule_is_explained():
    with pytest.raises(ValueError, match="rule must be one of gradient, .*, got 'lrp'"):
        ReducedChain("lrp")
