"""The depth recursion with bias, and its 1/width term, against real networks in plain NumPy."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from alignment_theory.theory import CATALOGUE, depth
from alignment_theory.theory.bias_crossing import crossing, layer_at, rank_margin
from alignment_theory.theory.bias_norms import forward
from alignment_theory.theory.depth_bias import biased_means, mean_square_activation, units
from alignment_theory.theory.depth_crossing import crossing as plain_crossing
from alignment_theory.theory.depth_prediction import predict_depth
from alignment_theory.theory.fluctuations import Jet
from alignment_theory.verification.reduced_depth import ReducedChain

RULES = ("gradient", "deconvnet", "guided", "rectgrad")
FLAT = Jet(0.0, 0.0, 0.0, 0.0)
LAW = CATALOGUE["sparsity-through-depth"]


def passed(rule, z, g, q):
    """What a rule passes of g at units with pre-activations z."""
    if rule == "deconvnet":
        return np.maximum(g, 0)
    c = np.where(z > 0, g if rule == "gradient" else np.maximum(g, 0), 0.0)
    if rule == "rectgrad":
        scores = np.maximum(z, 0) * g
        c = c * (scores > np.maximum(np.percentile(scores, q, axis=1, keepdims=True), 0))
    return c


def networks(rule, widths, bias, sigma, q, count, seed):
    """Mean, standard error and share alive of cos² at every level, weights and all."""
    rng, rows = np.random.default_rng(seed), []
    step = max(1, 2_000_000 // max(a * b for a, b in zip(widths[1:], widths, strict=False)))
    for first in range(0, count, step):
        trials = min(step, count - first)
        activations, z, weights = [np.full((trials, widths[0]), widths[0] ** -0.5)], [], []
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            weights.append(sigma * rng.standard_normal((trials, outputs, inputs)))
            z.append(np.einsum("toi,ti->to", weights[-1], activations[-1]) + bias)
            activations.append(np.maximum(z[-1], 0))
        g, squares = weights[-1][:, 0], []
        for level in range(len(widths) - 2, -1, -1):
            a = activations[level]
            with np.errstate(invalid="ignore"):
                squares.append((a * g).sum(1) ** 2 / ((a * a).sum(1) * (g * g).sum(1)))
            if level:
                c = passed(rule, z[level - 1], g, q)
                g = np.einsum("to,toi->ti", c, weights[level - 1])
        rows.append(np.array(squares[::-1]).T)
    return summary(np.concatenate(rows))


def chain(rule, widths, bias, sigma, q, count, seed):
    """The same from the chain without weights."""
    rng, step = np.random.default_rng(seed), min(count, max(1, 400_000 // max(widths)))
    with np.errstate(all="ignore"):
        rows = [
            ReducedChain(rule).draw(rng, step, widths=widths, q=q, bias=bias, sigma=sigma)
            for _ in range(-(-count // step))
        ]
    return summary(np.concatenate(rows))


def summary(squares):
    live = ~np.isnan(squares)
    means, spreads = np.nanmean(squares, axis=0), np.nanstd(squares, axis=0)
    return means, spreads / np.sqrt(live.sum(axis=0)), live.mean(axis=0)


def excluded(found, drawn):
    """Whether a prediction excludes the truth by more than 5 standard errors."""
    means, errors, _ = drawn
    return np.abs(means - found.value) > found.remainder + 5 * errors


REVIEWED = [
    ("gradient", (50, 50, 50, 1), 0.0, 1.0, 0.0),
    ("gradient", (50, 50, 50, 1), 0.5, 1.0, 0.0),
    ("gradient", (50, 50, 50, 1), -0.5, 1.0, 0.0),
    ("deconvnet", (50, 50, 50, 1), 0.5, 1.0, 0.0),
    ("guided", (50, 50, 50, 1), 3.0, 1.0, 0.0),
    ("guided", (200, 200, 200, 1), 3.0, 1.0, 0.0),
    ("guided", (100, 100, 100, 100, 1), 1.0, 0.1414, 0.0),
    ("rectgrad", (100, 100, 100, 100, 1), 1.0, 0.1414, 80.0),
    ("gradient", (10, 117, 1), -0.1323, 0.2281, 0.0),
    ("rectgrad", (13, 19, 43, 175, 1), -0.0766, 0.2589, 90.0),
]


@pytest.mark.parametrize("case", REVIEWED, ids=str)
def test_what_was_wrong_once(case):
    rule, widths, bias, sigma, q = case
    found = LAW.predict(rule=rule, widths=widths, bias=bias, sigma=sigma, q=q)
    drawn = chain(*case, 20_000, 1)
    assert not excluded(found, drawn).any()
    assert excluded(type(found)(found.terms["limit"], found.remainder), drawn).any()
    assert (found.value == found.terms["limit"] + found.terms["1/n term"]).all()


@pytest.mark.parametrize("case", REVIEWED[1:7:2], ids=str)
def test_the_remainder_is_no_excuse(case):
    """It is a fifth of the value at most, so that the value itself is tested."""
    rule, widths, bias, sigma, q = case
    found = LAW.predict(rule=rule, widths=widths, bias=bias, sigma=sigma, q=q)
    assert (found.remainder <= 0.2 * found.value).all()


def scan(seed, count, largest):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        depth = rng.integers(2, 5)
        widths = np.exp(rng.uniform(np.log(4), np.log(largest), depth)).astype(int)
        sigma = float(np.sqrt(2 / widths.mean()) * np.exp(rng.uniform(-0.5, 0.5)))
        bias = float(rng.uniform(-1, 3) * sigma)
        q = float(rng.choice([0, 50, 75, 80, 90, 95]))
        yield str(rng.choice(RULES)), (*map(int, widths), 1), bias, sigma, q


@pytest.mark.parametrize(
    ("draw", "cases", "trials"),
    [(networks, scan(1, 40, 50), 2000), (chain, scan(2, 50, 100), 5000)],
)
def test_no_prediction_excludes_networks(draw, cases, trials):
    told = 0
    for index, case in enumerate(cases):
        rule, widths, bias, sigma, q = case
        try:
            found = LAW.predict(rule=rule, widths=widths, bias=bias, sigma=sigma, q=q)
        except ValueError as error:
            assert "are expected to be active" in str(error) or "keeps none" in str(error)
            continue
        means, errors, alive = draw(*case, trials, index)
        out = excluded(found, (means, errors, alive)) & (alive * trials > 200)
        assert not out.any(), (case, found, means, errors)
        for figure in (found.value, found.remainder):
            assert ((figure >= 0) & (figure <= 1)).all()
        told += 1
    assert told > 0.7 * (index + 1)


@pytest.mark.parametrize(("rule", "q"), [("guided", 0.0), ("rectgrad", 80.0)])
@pytest.mark.parametrize("bias", [-0.04, 0.1])
def test_the_1_over_width_term_is_needed(rule, q, bias):
    case = dict(rule=rule, widths=(80, 120, 80, 1), bias=bias, sigma=0.15, q=q)
    found = LAW.predict(**case)
    means, errors, _ = chain(count=30_000, seed=3, **case)
    rest = means - found.terms["limit"]
    assert (np.abs(rest - found.terms["1/n term"]) < 5 * errors + found.remainder).all()
    assert (np.abs(rest) > 5 * errors + found.remainder)[1]


@pytest.mark.parametrize("rule", RULES)
def test_without_bias_it_is_the_recursion(rule):
    widths = (30, 60, 40, 50, 3)
    plain, found = predict_depth(rule, widths, 85.0), LAW.predict(rule=rule, widths=widths, q=85)
    assert (found.value == plain.value).all()
    assert (found.remainder == plain.remainder).all()
    near = LAW.predict(rule=rule, widths=widths, q=85, bias=1e-9, sigma=1.0)
    assert (np.abs(near.value - plain.value) <= near.remainder).all()
    if rule in ("guided", "rectgrad"):
        assert near.value == pytest.approx(plain.value, rel=1e-6)
        assert near.remainder == pytest.approx(plain.remainder, rel=0.7)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kept", [8, 20])
def test_a_crossing_without_bias_is_the_plain_one(rule, kept):
    plain = plain_crossing(rule, 0.3, 50, kept if rule == "rectgrad" else 0)
    layer, radius = layer_at(rule, units(0.0), 0.3, kept / 50)
    found = crossing(layer, radius, 0.3, FLAT, 50)
    for name in ("value", "first", "second"):
        expected = getattr(plain.strength, name)
        assert getattr(found.strength, name) == pytest.approx(expected, abs=1e-6)
    assert found.bias_terms.sum() == pytest.approx(plain.bias_terms.sum(), abs=1e-7)
    assert found.variance == pytest.approx(plain.variance, abs=1e-9)
    assert found.noise == pytest.approx(plain.noise, abs=1e-9)
    if rule == "rectgrad":
        assert rank_margin(layer, 0.3, 50, kept) == pytest.approx(plain.margin, rel=1e-6)


def test_the_chance_of_a_dark_layer():
    """It comes from the tail of the norms: with b_l at its centre it is a hundred times less."""
    widths, bias, sigma = (13, 19, 43, 175, 1), -0.0766, 0.2589
    layers, dark = forward("here", widths, bias, sigma)
    alive = chain("guided", widths, bias, sigma, 0.0, 20_000, 4)[2]
    assert dark == pytest.approx(1 - alive[0], rel=0.3)
    assert max(norm.sf(layer.bias) ** layer.units for layer in layers) < dark / 100


@pytest.mark.parametrize("rule", RULES)
def test_leading_strength_without_bias(rule):
    for x in (0.0, 0.3, 1.0):
        overlap, square = biased_means(rule, x, 0.0, 85.0)
        expected = depth.strength_at(rule, x**2 / (1 + x**2), 85.0)
        assert overlap**2 / square == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bias", [-2.0, 0.7, 8.9, 9.1, 1e5])
def test_means_equal_quadrature(bias):
    beta = 0.4 / np.sqrt(mean_square_activation(bias))

    def integral(f):
        return quad(lambda t: norm.pdf(t) * f(t, beta * (t + bias)), max(-bias, -12), 12)[0]

    overlap, square = biased_means("guided", 0.4, bias)
    assert overlap == pytest.approx(
        integral(lambda t, m: t * (m * norm.cdf(m) + norm.pdf(m))), abs=1e-9
    )
    assert square == pytest.approx(
        integral(lambda t, m: (m * m + 1) * norm.cdf(m) + m * norm.pdf(m))
    )
    assert mean_square_activation(bias) == pytest.approx(integral(lambda t, m: (t + bias) ** 2))


@pytest.mark.parametrize(("bias", "sigma"), [(0.5, 1e-3), (40.0, 1.0), (1e5, 1.0), (1.0, 1e-150)])
@pytest.mark.parametrize("rule", RULES)
def test_large_biases_make_the_first_layers_linear(rule, bias, sigma):
    found = LAW.predict(rule=rule, widths=(50, 50, 1), bias=bias, sigma=sigma, q=80, level=0)
    assert abs(found.value - 1 / 50) <= found.remainder


@pytest.mark.parametrize(
    ("bias", "sigma", "message"),
    [
        (-7.0, 1.0, r"layer 1: of 50 units 6.4e-11 are expected to be active.*take a larger bias"),
        (-40.0, 1.0, r"layer 1: b/\(σ‖a‖\) must be from -8 \(no unit is active below\)"),
        (-1e5, 1.0, "no unit is active below"),
        (1e300, 1.0, r"to 1e\+150, got 1e\+300"),
    ],
)
def test_networks_of_which_nothing_can_be_said(bias, sigma, message):
    with pytest.raises(ValueError, match=message):
        LAW.predict(rule="rectgrad", widths=(50, 50, 50, 1), bias=bias, sigma=sigma, q=80)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biased_means("lrp", 0.0, 0.0), "rule must be one of gradient"),
        (lambda: biased_means("guided", 0.0, -9.0), "must be from -8 .*, got -9"),
        (lambda: biased_means("rectgrad", 0.0, 0.0, 100.0), r"percentile in \[0, 100\), got 100"),
        (lambda: LAW.predict(widths=(5, 5, 1), bias=0.1, level=2), "level must be in 0, ..., 1"),
        (lambda: LAW.predict(rule="rectgrad", widths=(5, 5, 1), bias=1, q=100), "keeps none of 5"),
    ],
)
def test_bad_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
