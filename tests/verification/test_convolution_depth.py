"""Passes without weights: each step by its definition, and their evidence."""

import pickle

import numpy as np
import pytest

from alignment_theory import Conv2d, MaxPool2d, RectGrad
from alignment_theory.theory import convolution_depth as depth
from alignment_theory.theory import theorem
from alignment_theory.verification.convolution_sampling import EngineConvolutions, Passes
from alignment_theory.verification.experiments.convolution_depth import CHECKS, GUIDED, VARIANTS
from alignment_theory.verification.samplers import gather
from alignment_theory.verification.variants import Operator

RNG = np.random.default_rng(2)
SIZES = {"layout": (4, "pool", 3), "size": 5, "inputs": 2}


def test_forward_shows_filters_on_the_span_of_the_patches():
    """Complete the filters off the span at will: the convolution gives the same z."""
    image = RNG.uniform(size=(3, 4, 4))
    layer = depth._forward(RNG, image, 5)
    assert layer.shown.shape == (5, 16) and layer.frame.shape == (27, 16)
    for _ in range(2):
        rest = RNG.standard_normal((5, 27))
        weight = layer.shown @ layer.frame.T + rest - rest @ layer.frame @ layer.frame.T
        z = Conv2d(weight.reshape(5, 3, 3, 3), padding=1).forward(image[np.newaxis])[0]
        assert np.abs(z - layer.z).max() < 1e-12


def test_backward_without_freedom_is_the_transpose():
    """Where the patches span all inputs nothing is drawn, and the filters are known."""
    image = RNG.uniform(size=(1, 5, 5))
    layer = depth._forward(RNG, image, 4)
    assert layer.frame.shape == (9, 9)
    weight = (layer.shown @ layer.frame.T).reshape(4, 1, 3, 3)
    c = RNG.standard_normal((4, 5, 5))
    expected = Conv2d(weight, padding=1).pullback(c[np.newaxis], image[np.newaxis])[0]
    assert np.abs(depth._backward(RNG, layer, c) - expected).max() < 1e-12


def test_backward_keeps_the_part_along_the_activations():
    image = RNG.uniform(size=(4, 3, 3))
    layer = depth._forward(RNG, image, 6)
    c = RNG.standard_normal((6, 3, 3))
    for _ in range(3):
        g = depth._backward(RNG, layer, c)
        assert (g * image).sum() == pytest.approx((c * layer.z).sum(), rel=1e-10)


def test_backward_has_the_mean_and_the_variance_of_the_theorem():
    """⟨g, y⟩ ~ N(⟨W_X, C Yᵀ⟩, ‖C Yᵀ (I - U Uᵀ)‖²), to 5 standard errors of 4000 draws."""
    layer = depth._forward(RNG, RNG.uniform(size=(3, 3, 3)), 6)
    c, y = RNG.standard_normal((6, 3, 3)), RNG.standard_normal((3, 3, 3))
    framed = np.pad(y, ((0, 0), (1, 1), (1, 1)))
    cut = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), axis=(1, 2))
    rows = np.einsum("fpq,cpqab->fcab", c, cut).reshape(6, 27)
    mean = (layer.shown * (rows @ layer.frame)).sum()
    across = rows - rows @ layer.frame @ layer.frame.T
    draws = np.array([(depth._backward(RNG, layer, c) * y).sum() for _ in range(4000)])
    off = (draws - mean) / np.linalg.norm(across)
    assert abs(off.sum()) < 5 * np.sqrt(len(off))
    assert abs((off**2).sum() - len(off)) < 5 * np.sqrt(2 * len(off))


def test_pooling_is_that_of_the_layer():
    values = RNG.integers(0, 3, size=(2, 5, 5)).astype(float)
    pool = MaxPool2d(2)
    pooled, winners = depth._pooled(values)
    batch = values[np.newaxis]
    assert np.array_equal(pooled, pool.forward(batch)[0])
    g = RNG.standard_normal(pooled.shape)
    expected = pool.pullback(g[np.newaxis], pool.select(batch), values.shape)[0]
    assert np.array_equal(depth._spread(g, winners), expected)


def test_coefficients_by_hand():
    z, h = np.array([1.0, -2.0, 3.0, 0.5]), np.array([2.0, 3.0, -1.0, 4.0])
    assert depth._coefficients("gradient", z, h, 0).tolist() == [2, 0, -1, 4]
    assert depth._coefficients("deconvnet", z, h, 0).tolist() == [2, 3, 0, 4]
    assert depth._coefficients("guided", z, h, 0).tolist() == [2, 0, 0, 4]
    # products 2, 0, -3, 2: the median is 1, the greatest 2 is not above itself
    assert depth._coefficients("rectgrad", z, h, 50).tolist() == [2, 0, 0, 4]
    assert depth._coefficients("rectgrad", z, h, 100).tolist() == [0, 0, 0, 0]


def test_top_level_is_one_over_the_dimension():
    """A row that knows nothing has E cos² = 1/d exactly, here d = 3 · 2 · 2."""
    found = theorem("convolution-depth").predict(rule="gradient", **SIZES)
    assert abs(found.value[2] - 1 / 12) < found.remainder[2]
    assert found.value.shape == (3,) and (found.terms["live share"] > 0.5).all()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"layout": "pool,16"}, "1 to 20 numbers of channels from 1 to 4096"),
        ({"layout": "16,pool,pool"}, "1 to 20 numbers of channels"),
        ({"layout": "16,,8"}, "1 to 20 numbers of channels"),
        ({"layout": 16}, "1 to 20 numbers of channels"),
        ({"layout": "0"}, "1 to 20 numbers of channels"),
        ({"layout": "4,pool,4,pool,4,pool", "size": 7}, "3 poolings leave nothing of size = 7"),
        ({"layout": "4096", "size": 64}, "100 passes would take about .* take a smaller image"),
        (
            {"rule": "rectgrad", "q": 100},
            "arrives in 0 of 1500 passes at a level, a mean needs 2; .* smaller q",
        ),
        ({"rule": "zplus"}, "one of gradient, deconvnet, guided, rectgrad"),
    ],
)
def test_bad_arguments(told, message):
    with pytest.raises(ValueError, match=message):
        theorem("convolution-depth").predict(**told)


def test_dear_passes_are_fewer():
    """Two layers of 128 filters on 16 x 16 places: more than the first number may cost."""
    told = {"layout": (128, 128), "size": 16}
    most = depth.OPERATIONS / depth._operations((128, 128), 16, 3)
    assert depth.FEWEST <= most < depth.REPEATS
    with pytest.raises(ValueError, match="100 passes would take"):
        theorem("convolution-depth").predict(**{**told, "size": 32})


def test_trials_depend_on_seed_and_number_only():
    seed = np.random.SeedSequence(1)
    for sampler in (EngineConvolutions(RectGrad(80)), Passes("rectgrad")):
        whole = gather(pickle.loads(pickle.dumps(sampler)), seed, 5, **SIZES)
        assert whole.shape == (5, 3)
        part = gather(sampler, seed, 2, start=3, **SIZES)
        assert np.array_equal(part, whole[3:], equal_nan=True)


def test_checks_and_variants_are_picklable_and_named_apart():
    for one in (*CHECKS, *VARIANTS):
        pickle.dumps(one)
    assert len({check.setting for check in CHECKS}) == len(CHECKS)
    assert len({(variant.name, variant.operator) for variant in VARIANTS}) == len(VARIANTS)
    dropped = {v.hypothesis for v in VARIANTS if v.operator is Operator.HYPOTHESIS}
    assert dropped == {hypothesis.name for hypothesis in GUIDED.theorem.hypotheses}
