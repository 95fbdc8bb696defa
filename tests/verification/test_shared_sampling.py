"""The exact law of a convolution: what its evidence is made of, and that errors show in it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from alignment_theory import Conv2d, Dense, Network
from alignment_theory.ensembles import Gaussian
from alignment_theory.magnitudes import gamma
from alignment_theory.verification.experiments.shared_weights import (
    CHECKS,
    DETERMINED,
    PLAIN,
    SIZES,
    SPANNED,
    VARIANTS,
)
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.shared_sampling import ConvolutionPValues, Known, patches
from alignment_theory.verification.statistics import uniformity

EPS = float(np.finfo(np.float64).eps)
SEED = np.random.SeedSequence(3)
RNG = np.random.default_rng(0)
SHAPES = {
    "plain": ({}, (2, 5, 6)),
    "padded": ({"padding": ((1, 0), (2, 1))}, (2, 5, 6)),
    "strided": ({"stride": (2, 3), "padding": 1}, (2, 6, 7)),
}


def site_of(layer, shape):
    return Network([layer], shape).forward(RNG.standard_normal((2, *shape))).sites[0]


def rounding(site, sample, known):
    """Bound how far rounding takes what is known of weights from the weights.

    A singular value decomposition of m x n patches X is that of others, c m n eps ‖X‖ away, c below
    16 as for Householder reflections; weights on their span move by that times the condition.
    """
    size = patches(site, site.input[sample]).size
    return 16 * size * EPS * known.condition * np.linalg.norm(site.layer.weight)


@pytest.mark.parametrize("name", SHAPES)
def test_patches_are_what_the_filters_meet(name):
    settings, shape = SHAPES[name]
    layer = Conv2d(RNG.standard_normal((4, 2, 3, 2)), RNG.standard_normal(4), **settings)
    site = site_of(layer, shape)
    seen, weight = patches(site, site.input[1]), layer.weight.reshape(4, -1)
    z = weight @ seen
    expected = (site.output[1] - layer.bias[:, None, None]).reshape(4, -1)
    sizes = np.abs(weight) @ np.abs(seen) + 2 * np.abs(layer.bias)[:, None]  # added, taken off
    assert (np.abs(z - expected) <= 2 * gamma(len(seen) + 2, z.dtype) * sizes).all()


def test_preactivations_show_the_weights_on_the_span_of_the_patches():
    layer = Conv2d(RNG.standard_normal((4, 3, 3, 3)), RNG.standard_normal(4))
    site = site_of(layer, (3, 6, 5))
    known = Known.of(site, 1)
    assert known.frame.shape == (27, 12) and not known.spanned
    expected = layer.weight.reshape(4, -1) @ known.frame @ known.frame.T
    assert np.abs(known.weight - expected).max() <= rounding(site, 1, known)
    wide = site_of(Conv2d(RNG.standard_normal((4, 1, 3, 3))), (1, 6, 5))
    assert Known.of(wide, 0).spanned


def test_a_dense_layer_has_one_patch():
    site = site_of(Dense(RNG.standard_normal((3, 5))), (5,))
    known = Known.of(site, 0)
    x = site.input[0]
    assert known.frame.shape == (5, 1)
    expected = np.outer(site.output[0], x) / (x @ x)
    assert np.abs(known.weight - expected).max() <= rounding(site, 0, known)


def test_trials_depend_on_seed_and_number_only():
    sampler = pickle.loads(pickle.dumps(ConvolutionPValues()))
    whole = gather(sampler, SEED, 6, **SIZES)
    assert whole.shape == (6, 3)
    assert np.array_equal(gather(sampler, SEED, 2, start=4, **SIZES), whole[4:])
    spanned = gather(sampler, SEED, 2, **SPANNED)
    assert np.isnan(spanned[:, 0]).all() and not np.isnan(spanned[:, 1:]).any()


def p_value(**changes):
    draws = gather(replace(ConvolutionPValues(), **changes), SEED, 300, **SIZES)
    return uniformity(draws.ravel(), alpha=1e-6).p_value


def test_the_law_holds_and_what_is_left_out_is_missed():
    assert p_value() > 1e-6
    for changes in ({"projected": False}, {"centred": False}, {"degrees": 2}, {"sigma": 1.2}):
        assert p_value(**changes) < 1e-6
    assert p_value(law=Gaussian(2.0), sigma=2.0) > 1e-6


def test_checks_and_variants_are_picklable_and_named_apart():
    for one in (*CHECKS, *VARIANTS):
        pickle.dumps(one)
    assert len({check.setting for check in CHECKS}) == len(CHECKS)
    assert len({(variant.name, variant.operator) for variant in VARIANTS}) == len(VARIANTS)
    dropped = {variant.hypothesis for variant in VARIANTS} - {""}
    assert dropped == {hypothesis.name for hypothesis in PLAIN.theorem.hypotheses}


def test_z_determines_the_relevance_where_patches_span_all_inputs():
    subjects = DETERMINED.make(np.random.default_rng(1))
    for comparison in DETERMINED.evidence(subjects):
        difference = np.abs(comparison.left - comparison.right)
        assert (difference <= comparison.bound).all()
        assert (comparison.bound < 1e-8 * comparison.scale).all()
